/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/peer_claim.h"

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/err.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/channel.h"
#include "turn/permission.h"
#include "turn/shared_relay.h"

/* One client on a shared port, and what it claims counted by hand. */

static struct turn_fixture f;
static struct tp_allocation *allocation;
static struct tp_permission *permission;

static void share(struct tp_turn_options *options)
{
	options->shared_ports = 1;
	options->max_channels = 1000;
}

static void open_shared(void)
{
	turn_fixture_open_with(&f, share);
	allocation = turn_fixture_allocate(&f);
	tp_assert(tp_permission_install(allocation, &f.peer_addr, false, &permission) == 0);
}

static struct tp_peer_claims *claims(void)
{
	return &f.server->shared_relays->claims;
}

static uint64_t full(void)
{
	return tp_counter_read(f.server->counters.peer_claims_full);
}

/* Claim the next @count ports of the peer's. Returns the last result. */
static int claim_ports(uint16_t first, unsigned count)
{
	int err = 0;

	for (unsigned i = 0; i < count; i++) {
		struct tp_addr peer_addr = tp_addr_with_port(&f.peer_addr, (uint16_t)(first + i));

		err = tp_peer_claim_take(permission->claimant, &peer_addr, TP_CLAIM_BY_SENDING);
	}
	return err;
}

static void nothing_is_claimed_where_nothing_is_shared(void)
{
	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(tp_permission_install(allocation, &f.peer_addr, false, &permission), 0);
	CU_ASSERT_PTR_NULL(permission->claimant);
	CU_ASSERT_EQUAL(tp_peer_claim_take(NULL, &f.peer_addr, TP_CLAIM_BY_CHANNEL), 0);
	tp_peer_claim_unbind(NULL, &f.peer_addr);
	turn_fixture_close(&f);
}

static void a_claim_is_counted_once(void)
{
	open_shared();
	CU_ASSERT_EQUAL(claim_ports(9000, 1), 0);
	CU_ASSERT_EQUAL(claim_ports(9000, 1), 0);
	CU_ASSERT_EQUAL(tp_peer_claim_take(permission->claimant, &f.peer_addr, TP_CLAIM_BY_CHANNEL),
			0);
	CU_ASSERT_EQUAL(allocation->peer_claim_count, 1);
	tp_peer_claim_unbind(permission->claimant, &f.peer_addr);
	CU_ASSERT_EQUAL(allocation->peer_claim_count, 1);
	tp_claimant_leave(permission->claimant);
	CU_ASSERT_EQUAL(allocation->peer_claim_count, 0);
	turn_fixture_close(&f);
}

static void an_allocation_claims_so_many_peers_and_no_more(void)
{
	uint64_t before;

	open_shared();
	before = full();
	CU_ASSERT_EQUAL(claim_ports(9000, TP_PEER_CLAIMS_MAX), 0);
	CU_ASSERT_EQUAL(claim_ports(20000, 1), TP_EFULL);
	CU_ASSERT_EQUAL(full() - before, 1);
	CU_ASSERT_EQUAL(claim_ports(9000, 1), 0); /* what it has it keeps */
	CU_ASSERT_EQUAL(allocation->peer_claim_count, TP_PEER_CLAIMS_MAX);
	CU_ASSERT_EQUAL(claims()->spare, TP_PEER_CLAIMS_MAX - TP_PEER_CLAIMS_SURE);
	tp_claimant_leave(permission->claimant);
	CU_ASSERT_EQUAL(claims()->spare, 0);
	turn_fixture_close(&f);
}

/* As when others had taken the rest. */
static void at_the_worker_s_ceiling_everybody_has_those_that_are_sure(void)
{
	open_shared();
	claims()->spare = TP_PEER_CLAIMS_SPARE;
	CU_ASSERT_EQUAL(claim_ports(9000, TP_PEER_CLAIMS_SURE), 0);
	CU_ASSERT_EQUAL(claims()->spare, TP_PEER_CLAIMS_SPARE);
	CU_ASSERT_EQUAL(claim_ports(10000, 1), TP_EFULL);
	claims()->spare = TP_PEER_CLAIMS_SPARE - 1; /* somebody gives one back */
	CU_ASSERT_EQUAL(claim_ports(10000, 1), 0);
	CU_ASSERT_EQUAL(claim_ports(10001, 1), TP_EFULL);
	CU_ASSERT_EQUAL(allocation->peer_claim_count, TP_PEER_CLAIMS_SURE + 1);
	tp_claimant_leave(permission->claimant);
	CU_ASSERT_EQUAL(claims()->spare, TP_PEER_CLAIMS_SPARE - 1);
	claims()->spare = 0;
	turn_fixture_close(&f);
}

static enum tp_discard_reason reason;

static void note_discard(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_turn_message_discarded) {
		reason = ((const struct tp_message_discarded *)payload)->reason;
	}
}

static void at_the_ceiling_a_client_is_told_508(void)
{
	struct tp_addr next;
	size_t sent;

	open_shared();
	test_hooks.tell = note_discard;
	next = tp_addr_with_port(&f.peer_addr, 8000);
	CU_ASSERT_EQUAL(claim_ports(9000, TP_PEER_CLAIMS_MAX), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4001, &next), 508);
	CU_ASSERT_EQUAL(allocation->channel_count, 0);
	sent = fake_net_sent_count();
	turn_fixture_send_indication(&f, &next, "one too many");
	CU_ASSERT_EQUAL(fake_net_sent_count(), sent);
	CU_ASSERT_EQUAL(reason, TP_DISCARD_CLAIMS_FULL);
	turn_fixture_close(&f);
}

static void without_memory_nothing_is_claimed(void)
{
	struct tp_addr next;
	struct tp_permission *other = NULL;
	uint32_t permissions;

	open_shared();
	next = turn_fixture_addr("192.0.2.201:9000");
	permissions = allocation->permission_count;
	claims()->claimant_pool.ceiling = claims()->claimant_pool.in_use;
	CU_ASSERT_EQUAL(tp_permission_install(allocation, &next, false, &other), TP_ENOMEM);
	claims()->claimant_pool.ceiling = 0;
	claims()->rivalry_pool.ceiling = claims()->rivalry_pool.in_use;
	CU_ASSERT_EQUAL(tp_permission_install(allocation, &next, false, &other), TP_ENOMEM);
	CU_ASSERT_EQUAL(allocation->permission_count, permissions);
	CU_ASSERT_PTR_NULL(tp_permission_find(allocation, &next));
	CU_ASSERT_EQUAL(claim_ports(9000, 1), 0);
	claims()->claim_pool.ceiling = 1;
	CU_ASSERT_EQUAL(claim_ports(9001, 1), TP_ENOMEM);
	CU_ASSERT_EQUAL(tp_channel_bind(allocation, 0x4001, &f.peer_addr, false), 0);
	CU_ASSERT_EQUAL(allocation->peer_claim_count, 1);
	turn_fixture_close(&f);
}

/* A channel that cannot be made leaves no claim behind. */
static void a_failed_channel_claims_nothing(void)
{
	open_shared();
	f.server->channel_pool.ceiling = 1;
	CU_ASSERT_EQUAL(tp_channel_bind(allocation, 0x4001, &f.peer_addr, false), 0);
	f.peer_addr.port++;
	CU_ASSERT_EQUAL(tp_channel_bind(allocation, 0x4002, &f.peer_addr, false), TP_ENOMEM);
	CU_ASSERT_EQUAL(allocation->peer_claim_count, 1);
	CU_ASSERT_EQUAL(permission->channels, 1);
	turn_fixture_close(&f);
}

TEST_SUITE("peer_claim", TEST(nothing_is_claimed_where_nothing_is_shared),
	   TEST(a_claim_is_counted_once), TEST(an_allocation_claims_so_many_peers_and_no_more),
	   TEST(at_the_worker_s_ceiling_everybody_has_those_that_are_sure),
	   TEST(at_the_ceiling_a_client_is_told_508), TEST(without_memory_nothing_is_claimed),
	   TEST(a_failed_channel_claims_nothing));

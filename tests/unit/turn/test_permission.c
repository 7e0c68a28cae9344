/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/permission.h"

#include "support/suite.h"
#include "support/turn_fixture.h"

static struct turn_fixture f;

static int permit_text(const char *peer)
{
	struct tp_addr addr = turn_fixture_addr(peer);

	return turn_fixture_permit(&f, &addr);
}

static void permission_lasts_300_s(void)
{
	struct tp_allocation *allocation;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 299);
	CU_ASSERT_TRUE(
		tp_permission_covers(tp_permission_find(allocation, &f.peer_addr), &f.peer_addr));
	turn_fixture_advance_s(&f, 1); /* RFC 8656 section 9 */
	CU_ASSERT_FALSE(
		tp_permission_covers(tp_permission_find(allocation, &f.peer_addr), &f.peer_addr));
	CU_ASSERT_EQUAL(allocation->permission_count, 0);
	turn_fixture_close(&f);
}

static void a_second_request_refreshes_it(void)
{
	struct tp_allocation *allocation;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 200);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 299);
	CU_ASSERT_TRUE(
		tp_permission_covers(tp_permission_find(allocation, &f.peer_addr), &f.peer_addr));
	CU_ASSERT_EQUAL(allocation->permission_count, 1);
	turn_fixture_close(&f);
}

static void the_port_does_not_matter(void)
{
	struct tp_addr other_port;

	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	other_port = f.peer_addr;
	other_port.port++;
	turn_fixture_send_indication(&f, &other_port, "hello");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &other_port, "hello"));
	CU_ASSERT_EQUAL(permit_text("192.0.2.7:0"), 0);
	turn_fixture_close(&f);
}

static void without_peer_address_400(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	turn_client_begin(&f.client, TP_STUN_CREATE_PERMISSION);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_close(&f);
}

static void without_allocation_437(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 437);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 437);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 437);
	turn_fixture_close(&f);
}

static void a_peer_of_another_family_is_443(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(permit_text("[2001:db8:1::1]:9000"), 443);
	turn_fixture_close(&f);
}

static void a_peer_the_policy_refuses_is_403(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(permit_text("127.0.0.1:9000"), 403);
	CU_ASSERT_EQUAL(permit_text("10.0.0.1:9000"), 403);
	CU_ASSERT_EQUAL(permit_text("198.51.100.1:9000"), 403);
	CU_ASSERT_EQUAL(permit_text("0.0.0.0:9000"), 403);
	turn_fixture_close(&f);
}

static void several_peers_in_one_request_all_or_none(void)
{
	struct tp_allocation *allocation;
	struct tp_addr good = turn_fixture_addr("192.0.2.201:1");
	struct tp_addr bad = turn_fixture_addr("127.0.0.1:1");
	struct tp_build *build;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	build = turn_client_begin(&f.client, TP_STUN_CREATE_PERMISSION);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &f.peer_addr);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &bad);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 403);
	CU_ASSERT_EQUAL(allocation->permission_count, 0);

	build = turn_client_begin(&f.client, TP_STUN_CREATE_PERMISSION);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &f.peer_addr);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &good);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_EQUAL(allocation->permission_count, 2);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_before_permission], 2);
	turn_fixture_close(&f);
}

static void two_permissions(struct tp_turn_options *options)
{
	options->max_permissions = 2;
}

static void more_than_the_ceiling_is_508(void)
{
	turn_fixture_open_with(&f, two_permissions);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(permit_text("192.0.2.1:1"), 0);
	CU_ASSERT_EQUAL(permit_text("192.0.2.2:1"), 0);
	CU_ASSERT_EQUAL(permit_text("192.0.2.3:1"), 508);
	CU_ASSERT_EQUAL(permit_text("192.0.2.2:1"), 0);
	turn_fixture_close(&f);
}

static void goes_with_the_allocation(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(f.server->permissions.count, 0);
	CU_ASSERT_EQUAL(f.server->permission_pool.in_use, 0);
	turn_fixture_close(&f);
}

static void another_relayed_address_is_a_peer_on_its_live_port_only(void)
{
	struct tp_allocation *second;
	struct tp_addr first;
	struct tp_addr dead;

	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	first = f.relayed_addr;
	f.five_tuple.client_addr.port++;
	second = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &first), 0);
	turn_fixture_send_indication(&f, &first, "hairpin");
	CU_ASSERT_EQUAL(second->client_to_peer.packets, 1);
	dead = first;
	dead.port = 22;
	turn_fixture_send_indication(&f, &dead, "no");
	CU_ASSERT_EQUAL(second->client_to_peer.packets, 1);
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &dead), 403);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &first), 0);
	turn_fixture_close(&f);
}

TEST_SUITE("permission", TEST(permission_lasts_300_s), TEST(a_second_request_refreshes_it),
	   TEST(the_port_does_not_matter), TEST(without_peer_address_400),
	   TEST(without_allocation_437), TEST(a_peer_of_another_family_is_443),
	   TEST(a_peer_the_policy_refuses_is_403), TEST(several_peers_in_one_request_all_or_none),
	   TEST(more_than_the_ceiling_is_508), TEST(goes_with_the_allocation),
	   TEST(another_relayed_address_is_a_peer_on_its_live_port_only));

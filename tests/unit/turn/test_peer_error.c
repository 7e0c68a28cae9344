/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/peer_error.h"

#include <string.h>

#include "io/datagram.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/realm.h"

static struct turn_fixture f;

static unsigned told;
static struct tp_peer_error last;
static struct tp_addr peer_addr;

static void tell(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_turn_peer_error) {
		last = *(const struct tp_peer_error *)payload;
		peer_addr = *last.peer_addr;
		told++;
	}
}

static void behind_a_nat(struct tp_turn_options *options)
{
	options->relay[0].advertised_addr = turn_fixture_addr("198.51.100.7");
}

static struct tp_allocation *open_told(void (*adjust)(struct tp_turn_options *options))
{
	turn_fixture_open_with(&f, adjust);
	test_hooks.tell = tell;
	told = 0;
	return turn_fixture_allocate(&f);
}

static const struct tp_datagram_error too_big = {.type = 3, .code = 4, .mtu = 1280};

static bool icmp_tells(const struct tp_allocation *allocation, const struct tp_addr *about)
{
	struct tp_datagram_error error = too_big;

	error.remote_addr = *about;
	return fake_net_tell_error(&allocation->relay.datagram->local_addr, &error);
}

static void what_icmp_tells_is_told_of_the_peer(void)
{
	struct tp_allocation *allocation = open_told(NULL);

	CU_ASSERT_TRUE(icmp_tells(allocation, &f.peer_addr));
	CU_ASSERT_EQUAL(told, 1);
	CU_ASSERT_PTR_EQUAL(last.allocation, &allocation->view);
	CU_ASSERT_TRUE(tp_addr_equal(&peer_addr, &f.peer_addr));
	CU_ASSERT_EQUAL(last.icmp_type, 3);
	CU_ASSERT_EQUAL(last.icmp_code, 4);
	CU_ASSERT_EQUAL(last.icmp_info, 1280);
	turn_fixture_close(&f);
}

/* What was sent to an advertised address of ours went to the bound one. */
static void the_peer_is_the_one_that_clients_know(void)
{
	struct tp_allocation *allocation = open_told(behind_a_nat);
	struct tp_addr relayed = f.relayed_addr;
	struct tp_addr bound = allocation->relay.datagram->local_addr;

	CU_ASSERT_TRUE(icmp_tells(allocation, &bound));
	CU_ASSERT_TRUE(tp_addr_equal(&peer_addr, &relayed));
	turn_fixture_close(&f);
}

static void told_to_clients_too(struct tp_turn_options *options)
{
	options->relay_icmp = true;
}

static void told_to_clients_the_kernel_is_asked_without_subscriber(void)
{
	struct tp_generation *without = NULL;
	struct tp_datagram_options options = {.error = NULL};
	char problem[TP_PROBLEM_SIZE];
	struct tp_generation *with;

	CU_ASSERT_EQUAL_FATAL(tp_generation_create(NULL, 0, "", 2, problem, &without), 0);
	turn_fixture_open_with(&f, told_to_clients_too);
	with = f.server->generation;
	f.server->generation = without;
	tp_realms_reload(f.server);
	tp_peer_error_ask(f.server, &options);
	CU_ASSERT_PTR_NOT_NULL(options.error);
	f.server->generation = with;
	tp_realms_reload(f.server);
	turn_fixture_close(&f);
	tp_generation_unref(&without);
	tp_generation_reap();
}

static void with_nobody_to_tell_the_kernel_is_not_asked(void)
{
	struct tp_generation *without = NULL;
	struct tp_datagram_options options = {.error = NULL};
	char problem[TP_PROBLEM_SIZE];
	struct tp_allocation *allocation;
	struct tp_generation *with;

	CU_ASSERT_EQUAL_FATAL(tp_generation_create(NULL, 0, "", 2, problem, &without), 0);
	allocation = open_told(NULL);
	with = f.server->generation;
	tp_peer_error_ask(f.server, &options);
	CU_ASSERT_PTR_NOT_NULL(options.error);
	f.server->generation = without;
	tp_realms_reload(f.server);
	options.error = NULL;
	tp_peer_error_ask(f.server, &options);
	CU_ASSERT_PTR_NULL(options.error);
	CU_ASSERT_TRUE(icmp_tells(allocation, &f.peer_addr)); /* of a socket of before */
	CU_ASSERT_EQUAL(told, 0);
	f.server->generation = with;
	tp_realms_reload(f.server);
	turn_fixture_close(&f);
	tp_generation_unref(&without);
	tp_generation_reap();
}

TEST_SUITE("peer_error", TEST(what_icmp_tells_is_told_of_the_peer),
	   TEST(the_peer_is_the_one_that_clients_know),
	   TEST(told_to_clients_the_kernel_is_asked_without_subscriber),
	   TEST(with_nobody_to_tell_the_kernel_is_not_asked));

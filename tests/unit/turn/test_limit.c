/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/limit.h"

/* --- buckets --------------------------------------------------------------------- */

static const struct tp_limits none = {.size = sizeof(none)};
static struct tp_limit limit;

static void limit_to(uint64_t bits_per_s, uint64_t packets_per_s)
{
	const struct tp_limits limits = {
		.size = sizeof(limits),
		.bits_per_s = bits_per_s,
		.packets_per_s = packets_per_s,
	};

	tp_limit_init(&limit, &none, 1000);
	tp_limit_set(&limit, &limits, 1000);
}

static unsigned passing(unsigned packets, size_t len, uint64_t now_ms)
{
	unsigned count = 0;

	while (packets-- > 0) {
		count += tp_limit_pass(&limit, TP_CLIENT_TO_PEER, len, now_ms);
	}
	return count;
}

/* --- streams --------------------------------------------------------------------- */

/* Bytes of a stream that is always ready, in @seconds. */
static size_t streamed(unsigned seconds, size_t piece)
{
	uint64_t end_ms = 1000 + seconds * UINT64_C(1000);
	uint64_t now_ms = 1000;
	size_t sum = 0;

	while (now_ms < end_ms) {
		uint32_t wait_ms = 0;
		size_t len = tp_limit_room(&limit, TP_CLIENT_TO_PEER, piece, now_ms, &wait_ms);

		CU_ASSERT_TRUE_FATAL(len <= piece);
		CU_ASSERT_TRUE_FATAL(len > 0 || wait_ms > 0);
		if (len > 0) {
			tp_limit_take(&limit, TP_CLIENT_TO_PEER, len);
		}
		sum += len;
		now_ms += wait_ms;
	}
	return sum;
}

static void a_stream_waits_instead(void)
{
	limit_to(80000, 0);
	CU_ASSERT_EQUAL(streamed(10, 1000), 110000 - 1000); /* a second's worth was there */
	CU_ASSERT_EQUAL(limit.over.packets, 0);
	limit_to(80000, 0);
	CU_ASSERT_EQUAL(streamed(10, 65536), 110000 - 1000);
	limit_to(0, 5);
	CU_ASSERT_EQUAL(streamed(10, 1000), 54 * 1000);
	limit_to(1, 0); /* never 0 forever */
	CU_ASSERT_TRUE(streamed(100, 1000) > 5);
	limit_to(0, 0);
	CU_ASSERT_EQUAL(tp_limit_room(&limit, TP_CLIENT_TO_PEER, 65536, 1000, &(uint32_t){0}),
			65536);
}

static void a_stream_and_packets_share_a_bucket(void)
{
	uint32_t wait_ms = 0;

	limit_to(80000, 0);
	CU_ASSERT_EQUAL(passing(5, 1000, 1000), 5);
	CU_ASSERT_EQUAL(tp_limit_room(&limit, TP_CLIENT_TO_PEER, 65536, 1000, &wait_ms), 5000);
	tp_limit_take(&limit, TP_CLIENT_TO_PEER, 5000);
	CU_ASSERT_EQUAL(passing(1, 1000, 1000), 0);
	CU_ASSERT_EQUAL(tp_limit_room(&limit, TP_CLIENT_TO_PEER, 65536, 1000, &wait_ms), 0);
	CU_ASSERT_EQUAL(wait_ms, 100);
	CU_ASSERT_EQUAL(tp_limit_room(&limit, TP_PEER_TO_CLIENT, 65536, 1000, &wait_ms), 10000);
}

/* --- packets --------------------------------------------------------------------- */

static void a_bucket_holds_a_second(void)
{
	limit_to(0, 50);
	CU_ASSERT_EQUAL(passing(80, 1000, 1000), 50);
	CU_ASSERT_EQUAL(passing(80, 1000, 61000), 50);
	limit_to(80000, 0);
	CU_ASSERT_EQUAL(passing(80, 1000, 1000), 10);
	CU_ASSERT_EQUAL(passing(80, 1000, 61000), 10);
}

static void a_rate_is_kept_over_any_turns(void)
{
	static const struct {
		uint64_t bits_per_s;
		uint64_t packets_per_s;
		size_t len;
		unsigned turn_ms;
		unsigned passing; /* in 105 seconds, after the first */
	} cases[] = {
		{0, 3, 10, 1, 315},     {0, 3, 10, 7, 315},        {0, 1000, 10, 3, 105000},
		{100, 0, 10, 1, 131},   {80000, 0, 1000, 1, 1050}, {80000, 0, 1000, 250, 1050},
		{4000, 0, 1250, 1, 42}, {4000, 0, 1250, 100, 42},  {80000, 5, 1000, 10, 525},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned count = 0;

		limit_to(cases[i].bits_per_s, cases[i].packets_per_s);
		(void)passing(2000, cases[i].len, 1000);
		for (unsigned ms = 0; ms < 105000; ms += cases[i].turn_ms) {
			count += passing(4 * cases[i].turn_ms, cases[i].len,
					 1000 + ms + cases[i].turn_ms);
		}
		CU_ASSERT_EQUAL(count, cases[i].passing);
	}
}

static void directions_do_not_share(void)
{
	limit_to(0, 1);
	CU_ASSERT_TRUE(tp_limit_pass(&limit, TP_CLIENT_TO_PEER, 1, 1000));
	CU_ASSERT_FALSE(tp_limit_pass(&limit, TP_CLIENT_TO_PEER, 1, 1000));
	CU_ASSERT_TRUE(tp_limit_pass(&limit, TP_PEER_TO_CLIENT, 1, 1000));
	CU_ASSERT_FALSE(tp_limit_pass(&limit, TP_PEER_TO_CLIENT, 1, 1000));
	CU_ASSERT_EQUAL(limit.over.packets, 2);
	CU_ASSERT_EQUAL(limit.over.bytes, 2);
}

static void what_one_bucket_refuses_costs_nothing_of_the_other(void)
{
	limit_to(80000, 2);
	CU_ASSERT_EQUAL(passing(100, 1000, 1000), 2);
	CU_ASSERT_EQUAL(limit.directions[TP_CLIENT_TO_PEER].bits.level, 64000 * 1000);
}

static void no_rate_is_too_high(void)
{
	limit_to(UINT64_MAX, UINT64_MAX);
	CU_ASSERT_EQUAL(passing(1000, 65535, 1000), 1000);
	CU_ASSERT_EQUAL(passing(1000, 65535, UINT64_MAX), 1000);
}

static void the_ceiling_holds_whatever_is_set(void)
{
	const struct tp_limits ceiling = {.size = sizeof(ceiling), .packets_per_s = 10};
	const struct tp_limits higher = {.size = sizeof(higher), .packets_per_s = 20};
	const struct tp_limits lower = {.size = sizeof(lower), .packets_per_s = 5};

	tp_limit_init(&limit, &ceiling, 1000);
	CU_ASSERT_EQUAL(passing(100, 1, 1000), 10);
	tp_limit_set(&limit, &higher, 2000);
	CU_ASSERT_EQUAL(passing(100, 1, 3000), 10);
	tp_limit_set(&limit, &lower, 4000);
	CU_ASSERT_EQUAL(passing(100, 1, 5000), 5);
	tp_limit_set(&limit, &none, 6000);
	CU_ASSERT_EQUAL(passing(100, 1, 8000), 10);
}

static void setting_anew_gives_no_second_burst(void)
{
	const struct tp_limits limits = {.size = sizeof(limits), .packets_per_s = 50};

	limit_to(0, 50);
	CU_ASSERT_EQUAL(passing(80, 1, 1000), 50);
	tp_limit_set(&limit, &limits, 1000);
	CU_ASSERT_EQUAL(passing(80, 1, 1000), 0);
}

/* --- of allocations ---------------------------------------------------------------- */

static struct turn_fixture f;
static struct tp_limits by_handler;
static struct tp_limits by_credentials;
static unsigned told;

static enum tp_verdict ask(enum tp_event event, struct tp_request *request, const void *payload)
{
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = "secret",
		.max_bits_per_s = by_credentials.bits_per_s,
		.max_packets_per_s = by_credentials.packets_per_s,
	};

	(void)payload;
	if (event == TP_EVENT_on_stun_request_authorization) {
		return tp_request_provide(request, &credentials);
	}
	if (event == TP_EVENT_on_turn_before_allocate) {
		tp_request_limit(request, &by_handler);
	}
	return TP_PASS;
}

static void tell(enum tp_event event, const void *payload)
{
	const struct tp_channel_data_discarded *channel_data = payload;
	const struct tp_message_discarded *message = payload;

	if (event == TP_EVENT_on_turn_channel_data_discarded) {
		CU_ASSERT_EQUAL(channel_data->reason, TP_DISCARD_LIMIT);
		CU_ASSERT_PTR_NOT_NULL(channel_data->allocation);
		told++;
	} else if (event == TP_EVENT_on_turn_message_discarded) {
		CU_ASSERT_EQUAL(message->reason, TP_DISCARD_LIMIT);
		CU_ASSERT_PTR_NOT_NULL(message->allocation);
		told++;
	}
}

static struct tp_allocation *open_limited(uint64_t packets_of_user, uint64_t packets_of_handler)
{
	struct tp_allocation *allocation;

	by_credentials = (struct tp_limits){.packets_per_s = packets_of_user};
	by_handler = (struct tp_limits){
		.size = sizeof(by_handler),
		.packets_per_s = packets_of_handler,
	};
	told = 0;
	turn_fixture_open(&f);
	test_hooks.ask = ask;
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	test_hooks.tell = tell;
	return allocation;
}

static void send_each_way(unsigned times, bool channel)
{
	struct tp_addr other = turn_fixture_addr("192.0.2.200:9001");

	for (unsigned i = 0; i < times; i++) {
		if (channel) {
			turn_fixture_send_channel_data(&f, 0x4000, "out");
		} else {
			turn_fixture_send_indication(&f, &f.peer_addr, "out");
		}
		turn_fixture_peer_sends(&f, channel ? &f.peer_addr : &other, "back");
	}
}

static void both_kinds_of_message_are_limited_both_ways(void)
{
	struct tp_allocation *allocation;

	for (int channel = 0; channel < 2; channel++) {
		allocation = open_limited(0, 3);
		send_each_way(5, channel != 0);
		CU_ASSERT_EQUAL(allocation->client_to_peer.packets, 3);
		CU_ASSERT_EQUAL(allocation->peer_to_client.packets, 3);
		CU_ASSERT_EQUAL(told, 4);
		CU_ASSERT_EQUAL(allocation->limit->over.packets, 4);
		CU_ASSERT_EQUAL(allocation->limit->over.bytes, 2 * 3 + 2 * 4);
		turn_fixture_advance_s(&f, 1);
		send_each_way(5, channel != 0);
		CU_ASSERT_EQUAL(allocation->client_to_peer.packets, 6);
		CU_ASSERT_EQUAL(allocation->peer_to_client.packets, 6);
		test_hooks.tell = NULL;
		turn_fixture_close(&f);
	}
}

static void the_lowest_of_credentials_and_handlers_counts(void)
{
	static const struct {
		uint64_t of_user;
		uint64_t of_handler;
		uint64_t expected;
	} cases[] = {{2, 4, 2}, {4, 2, 2}, {3, 0, 3}, {0, 3, 3}, {0, 0, 5}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_allocation *allocation =
			open_limited(cases[i].of_user, cases[i].of_handler);

		send_each_way(5, true);
		CU_ASSERT_EQUAL(allocation->client_to_peer.packets, cases[i].expected);
		CU_ASSERT_EQUAL(allocation->peer_to_client.packets, cases[i].expected);
		turn_fixture_close(&f);
	}
}

static void without_limits_there_are_no_buckets(void)
{
	struct tp_allocation *allocation = open_limited(0, 0);

	CU_ASSERT_PTR_NULL(allocation->limit);
	CU_ASSERT_EQUAL(f.server->limit_pool.in_use, 0);
	CU_ASSERT_EQUAL(tp_allocation_set_limits(allocation, &none), 0);
	CU_ASSERT_PTR_NULL(allocation->limit);
	turn_fixture_close(&f);
}

/* What goes to another client of ours is limited at both. */
static void hairpin_is_limited(void)
{
	struct tp_allocation *first = open_limited(0, 3);
	const struct tp_limits two = {.size = sizeof(two), .packets_per_s = 2};
	struct tp_allocation *second;
	struct tp_addr relayed = f.relayed_addr;

	f.five_tuple.client_addr.port++;
	test_hooks.tell = NULL;
	second = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &relayed), 0);
	f.five_tuple.client_addr.port--;
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4001, &f.relayed_addr), 0);
	test_hooks.tell = tell;
	CU_ASSERT_EQUAL(tp_allocation_set_limits(second, &two), 0);
	for (int i = 0; i < 5; i++) {
		turn_fixture_send_channel_data(&f, 0x4001, "across");
	}
	CU_ASSERT_EQUAL(first->client_to_peer.packets, 3);
	CU_ASSERT_EQUAL(second->peer_to_client.packets, 2);
	CU_ASSERT_EQUAL(told, 3);
	test_hooks.tell = NULL;
	turn_fixture_close(&f);
}

TEST_SUITE("limit", TEST(a_stream_waits_instead), TEST(a_stream_and_packets_share_a_bucket),
	   TEST(a_bucket_holds_a_second), TEST(a_rate_is_kept_over_any_turns),
	   TEST(directions_do_not_share), TEST(what_one_bucket_refuses_costs_nothing_of_the_other),
	   TEST(no_rate_is_too_high), TEST(the_ceiling_holds_whatever_is_set),
	   TEST(setting_anew_gives_no_second_burst),
	   TEST(both_kinds_of_message_are_limited_both_ways),
	   TEST(the_lowest_of_credentials_and_handlers_counts),
	   TEST(without_limits_there_are_no_buckets), TEST(hairpin_is_limited));

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_flow.h"

#include "support/suite.h"

static void in_order_is_in_order(void)
{
	struct tp_load_flow flow = {.next = 1000};

	for (uint64_t i = 0; i < 1000; i++) {
		CU_ASSERT_EQUAL(tp_load_flow_in_flight(&flow), 1000 - i);
		CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, i), TP_LOAD_IN_ORDER);
	}
	CU_ASSERT_EQUAL(tp_load_flow_in_flight(&flow), 0);
}

static void what_was_not_sent_cannot_arrive(void)
{
	struct tp_load_flow flow = {.next = 3};

	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 3), TP_LOAD_NEVER_SENT);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, UINT64_MAX), TP_LOAD_NEVER_SENT);
	CU_ASSERT_EQUAL(tp_load_flow_in_flight(&flow), 3);
}

static void the_overtaken_is_late_once_and_then_a_duplicate(void)
{
	struct tp_load_flow flow = {.next = 10};

	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 0), TP_LOAD_IN_ORDER);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 4), TP_LOAD_IN_ORDER);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 2), TP_LOAD_LATE);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 2), TP_LOAD_DUPLICATE);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 4), TP_LOAD_DUPLICATE);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 0), TP_LOAD_DUPLICATE);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 3), TP_LOAD_LATE);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 5), TP_LOAD_IN_ORDER);
}

/* The memory is a ring: what it held of earlier rounds must not count. */
static void gaps_are_forgotten_round_after_round(void)
{
	struct tp_load_flow flow = {.next = 5 * TP_LOAD_FLOW_MEMORY};

	for (uint64_t i = 0; i < flow.next - 1; i += 2) {
		CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, i), TP_LOAD_IN_ORDER);
	}
	for (uint64_t i = flow.next - TP_LOAD_FLOW_MEMORY / 2 + 1; i < flow.next - 2; i += 2) {
		CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, i), TP_LOAD_LATE);
		CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, i), TP_LOAD_DUPLICATE);
	}
}

static void a_leap_beyond_the_memory_clears_it(void)
{
	struct tp_load_flow flow = {.next = 10 * TP_LOAD_FLOW_MEMORY};
	uint64_t far = 3 * TP_LOAD_FLOW_MEMORY;

	for (uint64_t i = 0; i < TP_LOAD_FLOW_MEMORY; i++) {
		CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, i), TP_LOAD_IN_ORDER);
	}
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, far), TP_LOAD_IN_ORDER);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, far - 1), TP_LOAD_LATE);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, far - TP_LOAD_FLOW_MEMORY + 1), TP_LOAD_LATE);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, far - 1), TP_LOAD_DUPLICATE);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 0), TP_LOAD_LATE); /* older than the memory */
}

static void the_lost_are_no_longer_in_flight(void)
{
	struct tp_load_flow flow = {.next = 10};

	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 7), TP_LOAD_IN_ORDER);
	CU_ASSERT_EQUAL(tp_load_flow_in_flight(&flow), 2);
	flow.settled = flow.next;
	CU_ASSERT_EQUAL(tp_load_flow_in_flight(&flow), 0);
	CU_ASSERT_EQUAL(tp_load_flow_receive(&flow, 9), TP_LOAD_IN_ORDER);
	CU_ASSERT_EQUAL(tp_load_flow_in_flight(&flow), 0);
	flow.next++;
	CU_ASSERT_EQUAL(tp_load_flow_in_flight(&flow), 1);
}

static void counts_what_was_sent_in_between(void)
{
	struct tp_load_flow flow = {.counted_from = 5, .counted_to = 8};

	CU_ASSERT_FALSE(tp_load_flow_counts(&flow, 4));
	CU_ASSERT_TRUE(tp_load_flow_counts(&flow, 5));
	CU_ASSERT_TRUE(tp_load_flow_counts(&flow, 7));
	CU_ASSERT_FALSE(tp_load_flow_counts(&flow, 8));
}

TEST_SUITE("load_flow", TEST(in_order_is_in_order), TEST(what_was_not_sent_cannot_arrive),
	   TEST(the_overtaken_is_late_once_and_then_a_duplicate),
	   TEST(gaps_are_forgotten_round_after_round), TEST(a_leap_beyond_the_memory_clears_it),
	   TEST(the_lost_are_no_longer_in_flight), TEST(counts_what_was_sent_in_between));

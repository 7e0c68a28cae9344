/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_window.h"

#include "support/suite.h"

static struct tp_load_window window;

static void widens_up_to_its_maximum_while_nothing_is_lost(void)
{
	uint64_t before;

	tp_load_window_init(&window, 1);
	while (window.size < TP_LOAD_WINDOW_MAX) {
		before = window.size;
		tp_load_window_look(&window, true);
		CU_ASSERT_TRUE_FATAL(window.size > before);
	}
	tp_load_window_look(&window, true);
	CU_ASSERT_EQUAL(window.size, TP_LOAD_WINDOW_MAX);
}

static void keeps_its_size_while_measured(void)
{
	uint64_t before;

	tp_load_window_init(&window, 1);
	before = window.size;
	tp_load_window_look(&window, false);
	CU_ASSERT_EQUAL(window.size, before);
}

static void narrows_with_losses_and_widens_no_more(void)
{
	uint64_t before;

	tp_load_window_init(&window, 1);
	before = window.size;
	window.lost = 1;
	tp_load_window_look(&window, true);
	CU_ASSERT_TRUE(window.size < before);
	CU_ASSERT_EQUAL(window.lost, 0);
	before = window.size;
	tp_load_window_look(&window, true);
	CU_ASSERT_EQUAL(window.size, before);
	window.lost = 1;
	tp_load_window_look(&window, false);
	CU_ASSERT_TRUE(window.size < before);
}

static void always_leaves_room_for_some_trains(void)
{
	tp_load_window_init(&window, 10);
	for (int i = 0; i < 100; i++) {
		window.lost = 1000;
		tp_load_window_look(&window, false);
	}
	CU_ASSERT_EQUAL(window.size, 10 * TP_LOAD_WINDOW_TRAINS_MIN);
}

static void is_closed_when_a_train_does_not_fit(void)
{
	tp_load_window_init(&window, 10);
	window.in_flight = window.size - 10;
	CU_ASSERT_TRUE(tp_load_window_is_open(&window));
	window.in_flight++;
	CU_ASSERT_FALSE(tp_load_window_is_open(&window));
}

static void a_flow_has_its_share_and_a_train_at_least(void)
{
	tp_load_window_init(&window, 10);
	CU_ASSERT_EQUAL(tp_load_window_share(&window, 2), window.size);
	CU_ASSERT_EQUAL(tp_load_window_share(&window, 60000), 10);
}

TEST_SUITE("load_window", TEST(widens_up_to_its_maximum_while_nothing_is_lost),
	   TEST(keeps_its_size_while_measured), TEST(narrows_with_losses_and_widens_no_more),
	   TEST(always_leaves_room_for_some_trains), TEST(is_closed_when_a_train_does_not_fit),
	   TEST(a_flow_has_its_share_and_a_train_at_least));

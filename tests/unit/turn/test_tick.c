/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/tick.h"

#include "support/suite.h"
#include "support/turn_fixture.h"

static struct turn_fixture f;

static unsigned ticks;
static unsigned drains;
static uint64_t allocations;
static uint64_t now_ms;

static void tell(enum tp_event event, const void *payload)
{
	const struct tp_server_tick *tick = payload;
	const struct tp_server_drain *drain = payload;

	if (event == TP_EVENT_on_server_tick) {
		allocations = tick->allocations;
		now_ms = tick->now_ms;
		ticks++;
	} else if (event == TP_EVENT_on_server_drain) {
		allocations = drain->allocations;
		drains++;
	}
}

static void open_told(void)
{
	turn_fixture_open(&f);
	test_hooks.tell = tell;
	ticks = 0;
	drains = 0;
}

static void a_tick_comes_every_second(void)
{
	open_told();
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_EQUAL(ticks, 1);
	CU_ASSERT_EQUAL(allocations, 0);
	turn_fixture_allocate(&f);
	turn_fixture_advance_s(&f, 10);
	CU_ASSERT_EQUAL(ticks, 11);
	CU_ASSERT_EQUAL(allocations, 1);
	CU_ASSERT_EQUAL(now_ms, tp_worker_now_ms(&f.worker));
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(ticks, 11);
}

static void there_is_no_timer_without_subscriber(void)
{
	struct tp_generation *without = NULL;
	struct tp_generation *with;
	char problem[TP_PROBLEM_SIZE];

	CU_ASSERT_EQUAL_FATAL(tp_generation_create(NULL, 0, "", 2, problem, &without), 0);
	open_told();
	with = f.server->generation;
	f.server->generation = without;
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_FALSE(tp_timer_armed(&f.server->tick));
	f.server->generation = with;
	tp_tick_begin(f.server);
	tp_tick_begin(f.server); /* twice is once */
	turn_fixture_advance_s(&f, 3);
	CU_ASSERT_EQUAL(ticks, 3);
	turn_fixture_close(&f);
	tp_generation_unref(&without);
	tp_generation_reap();
}

static void draining_is_told_once(void)
{
	open_told();
	turn_fixture_allocate(&f);
	tp_server_drain(f.server);
	CU_ASSERT_EQUAL(drains, 1);
	CU_ASSERT_EQUAL(allocations, 1);
	tp_server_drain(f.server);
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(drains, 1);
}

TEST_SUITE("tick", TEST(a_tick_comes_every_second), TEST(there_is_no_timer_without_subscriber),
	   TEST(draining_is_told_once));

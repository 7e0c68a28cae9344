/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop.h"

#include <sys/resource.h>

#include <event2/event.h>

#include "support/fake_clock.h"
#include "support/fake_net.h"
#include "support/suite.h"

struct probe {
	struct tp_timer timer;
	struct tp_turn_hook hook;
	struct tp_loop *loop;
	unsigned fired;
	unsigned again; /* rounds in which the hook asks again */
	struct tp_turn_hook *other;
};

static void on_fire(struct tp_timer *timer)
{
	tp_container_of(timer, struct probe, timer)->fired++;
}

static void on_hook(struct tp_turn_hook *hook)
{
	struct probe *probe = tp_container_of(hook, struct probe, hook);

	probe->fired++;
	if (probe->again > 0) {
		probe->again--;
		tp_loop_request_hook(probe->loop, hook);
	}
	if (probe->other != NULL) {
		tp_loop_cancel_hook(probe->other);
	}
}

static void probe_init(struct probe *probe, struct tp_loop *loop)
{
	*probe = (struct probe){.loop = loop};
	tp_timer_init(&probe->timer, on_fire);
	tp_turn_hook_init(&probe->hook, on_hook);
}

static struct tp_loop *open_fake(struct fake_clock *clock)
{
	struct tp_loop *loop = NULL;

	fake_clock_init(clock);
	CU_ASSERT_EQUAL_FATAL(tp_loop_create(&clock->clock, &fake_net_backend, &loop), 0);
	return loop;
}

static void timer_fires_when_its_time_has_come(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);
	struct probe probe;

	probe_init(&probe, loop);
	tp_loop_arm(loop, &probe.timer, tp_loop_now_ms(loop) + 1000);
	fake_clock_advance_ms(&clock, 999);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(probe.fired, 0);
	fake_clock_advance_ms(&clock, 1);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(probe.fired, 1);
	tp_loop_free(&loop);
	CU_ASSERT_PTR_NULL(loop);
}

static void cancelled_timer_does_not_fire(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);
	struct probe probe;

	probe_init(&probe, loop);
	tp_loop_arm(loop, &probe.timer, tp_loop_now_ms(loop) + 1000);
	tp_loop_cancel(loop, &probe.timer);
	fake_clock_advance_s(&clock, 2);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(probe.fired, 0);
	tp_loop_free(&loop);
}

static void hook_runs_once_in_the_turn_that_asked(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);
	struct probe probe;

	probe_init(&probe, loop);
	tp_loop_request_hook(loop, &probe.hook);
	tp_loop_request_hook(loop, &probe.hook);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(probe.fired, 1);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(probe.fired, 1);
	tp_loop_free(&loop);
}

static void hook_may_ask_for_another_round(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);
	struct probe probe;

	probe_init(&probe, loop);
	probe.again = 2;
	tp_loop_request_hook(loop, &probe.hook);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(probe.fired, 3);
	tp_loop_free(&loop);
}

static void hook_that_never_rests_does_not_hold_the_turn(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);
	struct probe probe;
	unsigned in_a_turn;

	probe_init(&probe, loop);
	probe.again = 1000000;
	tp_loop_request_hook(loop, &probe.hook);
	tp_loop_turn(loop);
	in_a_turn = probe.fired;
	CU_ASSERT_TRUE(in_a_turn >= 2 && in_a_turn < 100);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(probe.fired, 2 * in_a_turn);
	tp_loop_cancel_hook(&probe.hook);
	tp_loop_free(&loop);
}

static void on_flushed(struct tp_turn_hook *hook)
{
	struct probe *probe = tp_container_of(hook, struct probe, hook);

	probe->fired = tp_container_of(probe->other, struct probe, hook)->fired;
}

static void hook_after_the_flush_comes_behind_all_rounds(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);
	struct probe busy;
	struct probe last;

	probe_init(&busy, loop);
	probe_init(&last, loop);
	tp_turn_hook_init(&last.hook, on_flushed);
	last.other = &busy.hook;
	busy.again = 2;
	tp_loop_request_flushed_hook(loop, &last.hook);
	tp_loop_request_flushed_hook(loop, &last.hook);
	tp_loop_request_hook(loop, &busy.hook);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(last.fired, 3);

	busy.again = 20; /* more rounds than a turn has: not before they have ended */
	tp_loop_request_flushed_hook(loop, &last.hook);
	tp_loop_request_hook(loop, &busy.hook);
	tp_loop_turn(loop);
	CU_ASSERT_TRUE(busy.again > 0);
	CU_ASSERT_EQUAL(last.fired, 3);
	tp_loop_turn(loop);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(last.fired, 3 + 21);
	tp_loop_free(&loop);
}

static void on_next_turn(struct tp_turn_hook *hook)
{
	struct probe *probe = tp_container_of(hook, struct probe, hook);

	probe->fired++;
	if (probe->again > 0) {
		probe->again--;
		tp_loop_request_turn(probe->loop, hook);
	} else {
		tp_loop_stop(probe->loop);
	}
}

static void hook_of_the_next_turn_comes_once_in_it(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);
	struct probe probe;
	struct probe cancelled;

	probe_init(&probe, loop);
	probe_init(&cancelled, loop);
	tp_turn_hook_init(&probe.hook, on_next_turn);
	probe.again = 2;
	tp_loop_request_turn(loop, &probe.hook);
	tp_loop_request_turn(loop, &probe.hook);
	tp_loop_request_turn(loop, &cancelled.hook);
	tp_loop_cancel_hook(&cancelled.hook);
	for (unsigned turn = 1; turn <= 3; turn++) {
		tp_loop_turn(loop);
		CU_ASSERT_EQUAL(probe.fired, turn);
	}
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(probe.fired, 3);
	CU_ASSERT_EQUAL(cancelled.fired, 0);
	tp_loop_free(&loop);
}

/* The loop has nothing else to wake up for. */
static void next_turn_asked_for_is_not_waited_for(void)
{
	struct tp_loop *loop = NULL;
	struct probe probe;

	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, &fake_net_backend, &loop), 0);
	probe_init(&probe, loop);
	tp_turn_hook_init(&probe.hook, on_next_turn);
	probe.again = 9;
	tp_loop_request_turn(loop, &probe.hook);
	tp_loop_run(loop);
	CU_ASSERT_EQUAL(probe.fired, 10);
	tp_loop_free(&loop);
}

static void flushes_are_counted_when_all_hooks_have_run(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);
	uint64_t before = tp_loop_flushes(loop);
	struct probe probe;

	probe_init(&probe, loop);
	tp_loop_flush(loop);
	CU_ASSERT_EQUAL(tp_loop_flushes(loop), before + 1);
	probe.again = 20; /* more rounds than a flush has */
	tp_loop_request_hook(loop, &probe.hook);
	tp_loop_flush(loop);
	CU_ASSERT_EQUAL(tp_loop_flushes(loop), before + 1);
	tp_loop_flush(loop);
	tp_loop_flush(loop);
	CU_ASSERT_EQUAL(tp_loop_flushes(loop), before + 2);
	tp_loop_free(&loop);
}

static void hook_may_cancel_another(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);
	struct probe first;
	struct probe second;

	probe_init(&first, loop);
	probe_init(&second, loop);
	first.other = &second.hook;
	tp_loop_request_hook(loop, &first.hook);
	tp_loop_request_hook(loop, &second.hook);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(first.fired, 1);
	CU_ASSERT_EQUAL(second.fired, 0);
	tp_loop_cancel_hook(&second.hook); /* harmless when there is none */
	tp_loop_free(&loop);
}

struct time_probe {
	struct tp_timer timer;
	struct fake_clock *clock;
	struct tp_loop *loop;
	uint64_t before_ms;
	uint64_t after_ms;
};

static void on_time_passes(struct tp_timer *timer)
{
	struct time_probe *probe = tp_container_of(timer, struct time_probe, timer);

	probe->before_ms = tp_loop_now_ms(probe->loop);
	fake_clock_advance_s(probe->clock, 1);
	probe->after_ms = tp_loop_now_ms(probe->loop);
}

static void time_stands_still_within_a_turn(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);
	struct time_probe probe = {.clock = &clock, .loop = loop};
	uint64_t start_ms = tp_loop_now_ms(loop);

	tp_timer_init(&probe.timer, on_time_passes);
	tp_loop_arm(loop, &probe.timer, start_ms + 10);
	fake_clock_advance_ms(&clock, 10);
	tp_loop_turn(loop);
	CU_ASSERT_EQUAL(probe.before_ms, start_ms + 10);
	CU_ASSERT_EQUAL(probe.after_ms, start_ms + 10);
	CU_ASSERT_EQUAL(tp_loop_now_ms(loop), start_ms + 1010);
	CU_ASSERT_EQUAL(tp_loop_wall_s(loop), 1700000001);
	tp_loop_free(&loop);
}

struct stopper {
	struct tp_timer timer;
	struct tp_loop *loop;
};

static void on_stop(struct tp_timer *timer)
{
	tp_loop_stop(tp_container_of(timer, struct stopper, timer)->loop);
}

/*
 * On the system's clock: the timer wakes the loop, and waiting for it costs
 * nothing.
 */
static void run_sleeps_until_a_timer_is_due(void)
{
	struct stopper stopper;
	struct rusage before;
	struct rusage after;
	uint64_t start_ms;
	int64_t cpu_us;

	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, &fake_net_backend, &stopper.loop), 0);
	tp_timer_init(&stopper.timer, on_stop);
	start_ms = tp_loop_now_ms(stopper.loop);
	tp_loop_arm(stopper.loop, &stopper.timer, start_ms + 100);
	getrusage(RUSAGE_THREAD, &before);
	tp_loop_run(stopper.loop);
	getrusage(RUSAGE_THREAD, &after);
	CU_ASSERT_TRUE(tp_loop_now_ms(stopper.loop) >= start_ms + 100);
	cpu_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * INT64_C(1000000) +
		 after.ru_utime.tv_usec - before.ru_utime.tv_usec;
	CU_ASSERT_TRUE(cpu_us < 50000);
	tp_loop_free(&stopper.loop);
}

static void stop_before_run_is_not_lost(void)
{
	struct fake_clock clock;
	struct tp_loop *loop = open_fake(&clock);

	tp_loop_stop(loop);
	tp_loop_run(loop); /* returns */
	CU_ASSERT_PTR_NOT_NULL(tp_loop_event_base(loop));
	CU_ASSERT_PTR_EQUAL(tp_loop_backend(loop), &fake_net_backend);
	tp_loop_free(&loop);
	tp_loop_free(&loop); /* NULL is fine */
}

TEST_SUITE("loop", TEST(timer_fires_when_its_time_has_come), TEST(cancelled_timer_does_not_fire),
	   TEST(hook_runs_once_in_the_turn_that_asked), TEST(hook_may_ask_for_another_round),
	   TEST(hook_that_never_rests_does_not_hold_the_turn), TEST(hook_may_cancel_another),
	   TEST(hook_after_the_flush_comes_behind_all_rounds),
	   TEST(hook_of_the_next_turn_comes_once_in_it),
	   TEST(next_turn_asked_for_is_not_waited_for),
	   TEST(flushes_are_counted_when_all_hooks_have_run), TEST(time_stands_still_within_a_turn),
	   TEST(run_sleeps_until_a_timer_is_due), TEST(stop_before_run_is_not_lost));

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wheel.h"

#include <stdlib.h>

#include "support/suite.h"

struct alarm {
	struct tp_timer timer;
	uint64_t fired_ms; /* 0: not yet */
	unsigned fired;
};

static struct tp_wheel wheel;
static uint64_t last_ms;

static void fire(struct tp_timer *timer)
{
	struct alarm *alarm = tp_container_of(timer, struct alarm, timer);

	alarm->fired_ms = wheel.now_ms;
	alarm->fired++;
	CU_ASSERT_TRUE(wheel.now_ms >= last_ms);
	last_ms = wheel.now_ms;
}

static void alarm_init(struct alarm *alarm)
{
	*alarm = (struct alarm){.fired = 0};
	tp_timer_init(&alarm->timer, fire);
}

static const uint64_t delays_ms[] = {
	1,       2,        63,       64,       65,        100,        4095,
	4096,    4097,     60000,    262143,   262144,    300000,     600000,
	3600000, 16777215, 16777216, 86400000, 604800000, 1073741824, 31536000000,
};
#define DELAYS (sizeof(delays_ms) / sizeof(delays_ms[0]))

static void fires_at_its_millisecond_whatever_the_distance(void)
{
	static const uint64_t begins_ms[] = {0, 1, 63, 1000000, 262143, 68719476735, 1234567890123};

	for (size_t begin = 0; begin < sizeof(begins_ms) / sizeof(begins_ms[0]); begin++) {
		struct alarm alarms[DELAYS];
		uint64_t now_ms = begins_ms[begin];

		last_ms = 0;
		tp_wheel_init(&wheel, now_ms);
		for (size_t i = 0; i < DELAYS; i++) {
			alarm_init(&alarms[i]);
			tp_wheel_arm(&wheel, &alarms[i].timer, now_ms + delays_ms[i]);
		}
		for (size_t i = 0; i < DELAYS; i++) {
			tp_wheel_advance(&wheel, now_ms + delays_ms[i] - 1);
			CU_ASSERT_EQUAL(alarms[i].fired, 0);
			tp_wheel_advance(&wheel, now_ms + delays_ms[i]);
			CU_ASSERT_EQUAL(alarms[i].fired, 1);
			CU_ASSERT_EQUAL(alarms[i].fired_ms, now_ms + delays_ms[i]);
		}
		CU_ASSERT_EQUAL(wheel.armed, 0);
	}
}

static void one_long_advance_fires_all_in_order(void)
{
	struct alarm alarms[DELAYS];

	last_ms = 0;
	tp_wheel_init(&wheel, 500);
	for (size_t i = DELAYS; i > 0; i--) {
		alarm_init(&alarms[i - 1]);
		tp_wheel_arm(&wheel, &alarms[i - 1].timer, 500 + delays_ms[i - 1]);
	}
	tp_wheel_advance(&wheel, UINT64_C(100000000000));
	for (size_t i = 0; i < DELAYS; i++) {
		CU_ASSERT_EQUAL(alarms[i].fired, 1);
		CU_ASSERT_EQUAL(alarms[i].fired_ms, 500 + delays_ms[i]);
	}
}

static void a_cancelled_timer_does_not_fire(void)
{
	struct alarm alarm;

	last_ms = 0;
	tp_wheel_init(&wheel, 0);
	alarm_init(&alarm);
	tp_wheel_cancel(&wheel, &alarm.timer);
	tp_wheel_arm(&wheel, &alarm.timer, 100);
	CU_ASSERT_TRUE(tp_timer_armed(&alarm.timer));
	tp_wheel_cancel(&wheel, &alarm.timer);
	CU_ASSERT_FALSE(tp_timer_armed(&alarm.timer));
	tp_wheel_advance(&wheel, 1000);
	CU_ASSERT_EQUAL(alarm.fired, 0);
	CU_ASSERT_EQUAL(tp_wheel_next_ms(&wheel), UINT64_MAX);
}

static void arming_again_moves_it(void)
{
	struct alarm alarm;

	last_ms = 0;
	tp_wheel_init(&wheel, 0);
	alarm_init(&alarm);
	tp_wheel_arm(&wheel, &alarm.timer, 100);
	tp_wheel_arm(&wheel, &alarm.timer, 5000);
	tp_wheel_advance(&wheel, 4999);
	CU_ASSERT_EQUAL(alarm.fired, 0);
	tp_wheel_advance(&wheel, 5000);
	CU_ASSERT_EQUAL(alarm.fired, 1);
	CU_ASSERT_EQUAL(wheel.armed, 0);
}

static void the_past_is_a_millisecond_from_now(void)
{
	struct alarm alarm;

	last_ms = 0;
	tp_wheel_init(&wheel, 1000);
	alarm_init(&alarm);
	tp_wheel_arm(&wheel, &alarm.timer, 5);
	tp_wheel_advance(&wheel, 1000);
	CU_ASSERT_EQUAL(alarm.fired, 0);
	tp_wheel_advance(&wheel, 1001);
	CU_ASSERT_EQUAL(alarm.fired, 1);
}

static struct alarm first;
static struct alarm second;

static void fire_and_cancel_the_other(struct tp_timer *timer)
{
	tp_wheel_cancel(&wheel, timer == &first.timer ? &second.timer : &first.timer);
	fire(timer);
}

static void a_timer_may_cancel_another_due_at_the_same_time(void)
{
	last_ms = 0;
	tp_wheel_init(&wheel, 0);
	alarm_init(&first);
	alarm_init(&second);
	first.timer.fire = fire_and_cancel_the_other;
	second.timer.fire = fire_and_cancel_the_other;
	tp_wheel_arm(&wheel, &first.timer, 10);
	tp_wheel_arm(&wheel, &second.timer, 10);
	tp_wheel_advance(&wheel, 20);
	CU_ASSERT_EQUAL(first.fired + second.fired, 1);
	CU_ASSERT_EQUAL(wheel.armed, 0);
}

static void fire_and_arm_again(struct tp_timer *timer)
{
	fire(timer);
	if (tp_container_of(timer, struct alarm, timer)->fired < 3) {
		tp_wheel_arm(&wheel, timer, wheel.now_ms + 1000);
	}
}

static void a_timer_may_arm_itself_again(void)
{
	last_ms = 0;
	tp_wheel_init(&wheel, 0);
	alarm_init(&first);
	first.timer.fire = fire_and_arm_again;
	tp_wheel_arm(&wheel, &first.timer, 1000);
	tp_wheel_advance(&wheel, 10000);
	CU_ASSERT_EQUAL(first.fired, 3);
	CU_ASSERT_EQUAL(first.fired_ms, 3000);
}

static void next_is_never_after_the_next_timer(void)
{
	struct alarm alarms[64];
	unsigned seed = 7;

	last_ms = 0;
	tp_wheel_init(&wheel, 123456789);
	for (size_t i = 0; i < 64; i++) {
		alarm_init(&alarms[i]);
		tp_wheel_arm(&wheel, &alarms[i].timer,
			     123456789 + 1 + (uint64_t)rand_r(&seed) % 100000000);
	}
	while (wheel.armed > 0) {
		uint64_t next_ms = tp_wheel_next_ms(&wheel);

		CU_ASSERT_TRUE(next_ms > wheel.now_ms);
		for (size_t i = 0; i < 64; i++) {
			if (tp_timer_armed(&alarms[i].timer)) {
				CU_ASSERT_TRUE(next_ms <= alarms[i].timer.at_ms);
			}
		}
		tp_wheel_advance(&wheel, next_ms);
	}
	for (size_t i = 0; i < 64; i++) {
		CU_ASSERT_EQUAL(alarms[i].fired_ms, alarms[i].timer.at_ms);
	}
}

static void beyond_its_span_a_timer_fires_at_the_span(void)
{
	struct alarm alarm;

	last_ms = 0;
	tp_wheel_init(&wheel, 0);
	alarm_init(&alarm);
	tp_wheel_arm(&wheel, &alarm.timer, UINT64_MAX);
	tp_wheel_advance(&wheel, (UINT64_C(1) << 36) - 2);
	CU_ASSERT_EQUAL(alarm.fired, 0);
	tp_wheel_advance(&wheel, (UINT64_C(1) << 36) - 1);
	CU_ASSERT_EQUAL(alarm.fired, 1);
}

TEST_SUITE("wheel", TEST(fires_at_its_millisecond_whatever_the_distance),
	   TEST(one_long_advance_fires_all_in_order), TEST(a_cancelled_timer_does_not_fire),
	   TEST(arming_again_moves_it), TEST(the_past_is_a_millisecond_from_now),
	   TEST(a_timer_may_cancel_another_due_at_the_same_time),
	   TEST(a_timer_may_arm_itself_again), TEST(next_is_never_after_the_next_timer),
	   TEST(beyond_its_span_a_timer_fires_at_the_span));

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/exchange.h"

#include <string.h>

#include <turnpike/error.h>

#include "io/loop.h"
#include "support/suite.h"

struct test_clock {
	struct tp_clock clock; /* first member */
	uint64_t ms;
};

static uint64_t clock_now_ms(const struct tp_clock *clock)
{
	return ((const struct test_clock *)(const void *)clock)->ms;
}

static int64_t clock_wall_s(const struct tp_clock *clock)
{
	(void)clock;
	return 0;
}

/* Two sides and a network between them that does as told. */
struct fixture {
	struct test_clock clock;
	struct tp_loop *loop;
	struct tp_exchange *exchange;
	struct tp_exchange_result result;
	bool done;
	unsigned sends;
	unsigned lose_each;   /* every so manyeth packet is lost; 0: none */
	unsigned damage_each; /* one byte of it changes */
	unsigned cut_each;    /* its last byte goes missing */
	unsigned repeat_each; /* it comes twice */
};

static bool each(const struct fixture *f, unsigned n)
{
	return n != 0 && f->sends % n == 0;
}

static int network_send(void *owner, enum tp_exchange_side from, const uint8_t *payload, size_t len)
{
	struct fixture *f = owner;
	enum tp_exchange_side to = from == TP_EXCHANGE_A ? TP_EXCHANGE_B : TP_EXCHANGE_A;
	uint8_t copy[256];
	bool twice;

	f->sends++;
	if (each(f, f->lose_each)) {
		return 0;
	}
	memcpy(copy, payload, len);
	if (each(f, f->damage_each)) {
		copy[len - 1] ^= 1;
	}
	if (each(f, f->cut_each)) {
		len--;
	}
	twice = each(f, f->repeat_each);
	tp_exchange_receive(f->exchange, to, (struct tp_view){copy, len});
	if (twice) {
		tp_exchange_receive(f->exchange, to, (struct tp_view){copy, len});
	}
	return 0;
}

static void network_done(void *owner, const struct tp_exchange_result *result)
{
	struct fixture *f = owner;

	f->result = *result;
	f->done = true;
}

static void fixture_run(struct fixture *f, uint32_t count)
{
	struct tp_exchange_options options = {.count = count,
					      .size = 100,
					      .patience_ms = 1000,
					      .owner = f,
					      .send = network_send,
					      .done = network_done};

	f->clock.clock = (struct tp_clock){clock_now_ms, clock_wall_s};
	f->clock.ms = 1000;
	CU_ASSERT_EQUAL_FATAL(tp_loop_create(&f->clock.clock, NULL, &f->loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_exchange_start(f->loop, &options, &f->exchange), 0);
	for (int turn = 0; turn < 10000 && !f->done; turn++) {
		f->clock.ms += 5;
		tp_loop_turn(f->loop);
	}
	CU_ASSERT_TRUE(f->done);
	tp_exchange_free(&f->exchange);
	tp_loop_free(&f->loop);
}

static void all_come_back(void)
{
	struct fixture f = {0};

	fixture_run(&f, 123);
	CU_ASSERT_EQUAL(f.result.sent, 123);
	CU_ASSERT_EQUAL(f.result.arrived, 123);
	CU_ASSERT_EQUAL(f.result.returned, 123);
	CU_ASSERT_EQUAL(f.result.duplicates, 0);
	CU_ASSERT_EQUAL(f.result.damaged, 0);
	CU_ASSERT_TRUE(f.result.min_us <= f.result.median_us);
	CU_ASSERT_TRUE(f.result.median_us <= f.result.p99_us);
}

/* Packets and answers alternate, so an odd number loses packets only, an even one answers. */
static void losses_are_told_apart_by_direction(void)
{
	struct fixture there = {.lose_each = 7};
	struct fixture back = {.lose_each = 4};

	fixture_run(&there, 100);
	CU_ASSERT_TRUE(there.result.arrived < 100);
	CU_ASSERT_EQUAL(there.result.returned, there.result.arrived);

	fixture_run(&back, 100);
	CU_ASSERT_EQUAL(back.result.arrived, 100);
	CU_ASSERT_EQUAL(back.result.returned, 50);
}

static void one_changed_byte_is_damage(void)
{
	struct fixture f = {.damage_each = 10};

	fixture_run(&f, 50);
	CU_ASSERT_EQUAL(f.result.damaged, f.sends / 10);
	CU_ASSERT_EQUAL(f.result.returned + f.result.damaged, 50);
}

static void a_missing_byte_is_damage(void)
{
	struct fixture f = {.cut_each = 10};

	fixture_run(&f, 50);
	CU_ASSERT_EQUAL(f.result.damaged, f.sends / 10);
}

static void a_second_copy_is_counted_and_not_answered(void)
{
	struct fixture f = {.repeat_each = 1};

	fixture_run(&f, 20);
	CU_ASSERT_EQUAL(f.result.returned, 20);
	CU_ASSERT_EQUAL(f.result.duplicates, 40);
	CU_ASSERT_EQUAL(f.sends, 40);
}

static void ceilings_hold(void)
{
	struct fixture f = {0};
	struct tp_exchange_options options = {.count = 1, .size = TP_EXCHANGE_SIZE_MIN - 1};

	CU_ASSERT_EQUAL(tp_exchange_start(NULL, &options, &f.exchange), TP_ERANGE);
	options.size = TP_EXCHANGE_SIZE_MIN;
	options.count = 0;
	CU_ASSERT_EQUAL(tp_exchange_start(NULL, &options, &f.exchange), TP_ERANGE);
	options.count = TP_EXCHANGE_COUNT_MAX + 1;
	CU_ASSERT_EQUAL(tp_exchange_start(NULL, &options, &f.exchange), TP_ERANGE);
}

TEST_SUITE("exchange", TEST(all_come_back), TEST(losses_are_told_apart_by_direction),
	   TEST(one_changed_byte_is_damage), TEST(a_missing_byte_is_damage),
	   TEST(a_second_copy_is_counted_and_not_answered), TEST(ceilings_hold));

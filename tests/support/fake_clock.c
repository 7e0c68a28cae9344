/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_clock.h"

static uint64_t now_ms(const struct tp_clock *clock)
{
	return ((const struct fake_clock *)clock)->now_ms;
}

static int64_t wall_s(const struct tp_clock *clock)
{
	const struct fake_clock *fake = (const struct fake_clock *)clock;

	return fake->wall_s + (int64_t)(fake->now_ms / 1000);
}

void fake_clock_init(struct fake_clock *clock)
{
	*clock = (struct fake_clock){
		.clock = {now_ms, wall_s},
		.now_ms = 1000000,
		.wall_s = 1700000000 - 1000,
	};
}

void fake_clock_advance_ms(struct fake_clock *clock, uint64_t ms)
{
	clock->now_ms += ms;
}

void fake_clock_advance_s(struct fake_clock *clock, uint64_t s)
{
	clock->now_ms += s * 1000;
}

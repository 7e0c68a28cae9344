/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/clock.h"

/* Time that stands still until a test moves it. */
struct fake_clock {
	struct tp_clock clock; /* first: give its address away */
	uint64_t now_ms;
	int64_t wall_s;
};

/** Begins at 1,000,000 ms and 1,700,000,000 s. */
void fake_clock_init(struct fake_clock *clock);

/** Both clocks move. */
void fake_clock_advance_ms(struct fake_clock *clock, uint64_t ms);
void fake_clock_advance_s(struct fake_clock *clock, uint64_t s);

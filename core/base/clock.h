/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Monotonic time in milliseconds, and the wall clock in seconds. A table of
 * two functions, so that tests own time.
 */
struct tp_clock {
	uint64_t (*now_ms)(const struct tp_clock *clock);
	int64_t (*wall_s)(const struct tp_clock *clock); /* seconds since 1970-01-01 UTC */
};

/** The system's clocks (CLOCK_MONOTONIC, CLOCK_REALTIME). Owner: static storage. */
const struct tp_clock *tp_clock_system(void);

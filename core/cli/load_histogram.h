/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Times by magnitude: 64 steps to each power of two, so that a reading is never
 * more than 1/64 above the truth. From 1 ns to 584 years.
 */
#define TP_LOAD_HISTOGRAM_STEPS 64
#define TP_LOAD_HISTOGRAM_CELLS (TP_LOAD_HISTOGRAM_STEPS * 60)

struct tp_load_histogram {
	uint64_t count;
	uint64_t max_ns;
	uint64_t cells[TP_LOAD_HISTOGRAM_CELLS];
};

void tp_load_histogram_clear(struct tp_load_histogram *histogram);

void tp_load_histogram_add(struct tp_load_histogram *histogram, uint64_t ns);

/**
 * The time that so many of the times do not exceed, rounded up to the end of
 * its step; 0 when there are none.
 *
 * @permille: 0 to 1000; 999 is the 99.9th percentile
 */
uint64_t tp_load_histogram_quantile_ns(const struct tp_load_histogram *histogram,
				       unsigned permille);

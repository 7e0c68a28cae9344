/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_histogram.h"

#include <string.h>

#define STEPS TP_LOAD_HISTOGRAM_STEPS
#define STEPS_LOG2 6

/* Below two times STEPS each value has its own cell. */
static unsigned cell_of(uint64_t ns)
{
	unsigned shift;

	if (ns < STEPS) {
		return (unsigned)ns;
	}
	shift = 63 - (unsigned)__builtin_clzll(ns) - STEPS_LOG2;
	return (shift + 1) * STEPS + (unsigned)((ns >> shift) - STEPS);
}

static uint64_t end_of(unsigned cell)
{
	unsigned shift;

	if (cell < STEPS) {
		return cell;
	}
	shift = cell / STEPS - 1;
	return ((uint64_t)(cell % STEPS + STEPS) << shift) + ((UINT64_C(1) << shift) - 1);
}

void tp_load_histogram_clear(struct tp_load_histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
}

void tp_load_histogram_add(struct tp_load_histogram *histogram, uint64_t ns)
{
	histogram->cells[cell_of(ns)]++;
	histogram->count++;
	if (ns > histogram->max_ns) {
		histogram->max_ns = ns;
	}
}

uint64_t tp_load_histogram_quantile_ns(const struct tp_load_histogram *histogram, unsigned permille)
{
	uint64_t rank = (histogram->count * permille + 999) / 1000;
	uint64_t seen = 0;
	uint64_t end_ns;

	for (unsigned i = 0; i < TP_LOAD_HISTOGRAM_CELLS; i++) {
		seen += histogram->cells[i];
		if (seen != 0 && seen >= rank) {
			end_ns = end_of(i);
			return end_ns < histogram->max_ns ? end_ns : histogram->max_ns;
		}
	}
	return 0;
}

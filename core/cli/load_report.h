/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/load_histogram.h"
#include "cli/load_options.h"

/* What a load has come to. "Packets" are requests or cycles in those modes. */
struct tp_load_result {
	uint32_t failed;  /* allocations that were not made */
	char reason[256]; /* of the first that failed */
	uint64_t sent;    /* in the measured time; what follows speaks of these packets */
	uint64_t received;
	uint64_t lost;
	uint64_t reordered;
	uint64_t duplicated;
	uint64_t corrupt;  /* damaged, of another flow, by the wrong way */
	uint64_t arrivals; /* in the measured time, whenever sent */
	uint64_t measured_ns;
	uint64_t server_cpu_ns; /* in the measured time */
	uint64_t server_rss_before;
	uint64_t server_rss_after;
	struct tp_load_histogram latency;
};

/** As lines, or as one JSON object. */
void tp_load_report(FILE *out, const struct tp_load_options *options,
		    const struct tp_load_result *result);

/** Every allocation was made, something arrived if anything could, and nothing was damaged. */
bool tp_load_passed(const struct tp_load_options *options, const struct tp_load_result *result);

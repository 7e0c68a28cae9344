/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/addr.h>

/*
 * Bounds the answers to sources that have not authenticated, so that forged
 * source addresses gain little. A fixed table of counts, one of which several
 * sources may share; nothing is kept per source. A worker's own.
 */
#define TP_SOURCE_LIMIT_CELLS 4096

struct tp_source_limit {
	uint32_t rate; /* answers a second; 0: no limit */
	struct {
		uint32_t second;
		uint32_t answers;
	} cells[TP_SOURCE_LIMIT_CELLS];
};

/** May the source be answered once more in this second? IPv6 counts by /64. */
bool tp_source_limit_pass(struct tp_source_limit *limit, const struct tp_addr *source,
			  uint64_t now_ms);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * One direction of one allocation: what was sent and what has come of it. The
 * packets of a flow are numbered from 0; those from @counted_from up to
 * @counted_to are the ones that the result speaks of.
 */
#define TP_LOAD_FLOW_MEMORY 256 /* latest sequence numbers whose arrival is remembered */

struct tp_load_flow {
	uint64_t next;     /* to be sent */
	uint64_t expected; /* one above the highest that has arrived */
	uint64_t settled;  /* those below are no longer waited for */
	uint64_t counted_from;
	uint64_t counted_to;
	uint64_t moved_ns; /* when something last arrived or the flow began to wait */
	uint64_t arrived[TP_LOAD_FLOW_MEMORY / 64];
};

enum tp_load_arrival {
	TP_LOAD_IN_ORDER,
	TP_LOAD_LATE, /* after one with a higher number */
	TP_LOAD_DUPLICATE,
	TP_LOAD_NEVER_SENT,
};

/** Packets sent of which nothing is known yet. */
static inline uint64_t tp_load_flow_in_flight(const struct tp_load_flow *flow)
{
	return flow->next - (flow->expected > flow->settled ? flow->expected : flow->settled);
}

/** Note an arrival. One that is older than the memory counts as late. */
enum tp_load_arrival tp_load_flow_receive(struct tp_load_flow *flow, uint64_t sequence);

/** Does the result speak of this packet? */
static inline bool tp_load_flow_counts(const struct tp_load_flow *flow, uint64_t sequence)
{
	return sequence >= flow->counted_from && sequence < flow->counted_to;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_flow.h"

#include <string.h>

static bool get(const struct tp_load_flow *flow, uint64_t sequence)
{
	sequence %= TP_LOAD_FLOW_MEMORY;
	return (flow->arrived[sequence / 64] >> sequence % 64 & 1) != 0;
}

static void put(struct tp_load_flow *flow, uint64_t sequence, bool arrived)
{
	uint64_t bit = UINT64_C(1) << sequence % 64;
	uint64_t *word = &flow->arrived[sequence % TP_LOAD_FLOW_MEMORY / 64];

	*word = arrived ? *word | bit : *word & ~bit;
}

/* Those between have not arrived; what the memory held in their places is over. */
static void forget_up_to(struct tp_load_flow *flow, uint64_t sequence)
{
	if (sequence - flow->expected >= TP_LOAD_FLOW_MEMORY) {
		memset(flow->arrived, 0, sizeof(flow->arrived));
		return;
	}
	for (uint64_t gap = flow->expected; gap < sequence; gap++) {
		put(flow, gap, false);
	}
}

enum tp_load_arrival tp_load_flow_receive(struct tp_load_flow *flow, uint64_t sequence)
{
	if (sequence >= flow->next) {
		return TP_LOAD_NEVER_SENT;
	}
	if (sequence >= flow->expected) {
		forget_up_to(flow, sequence);
		put(flow, sequence, true);
		flow->expected = sequence + 1;
		return TP_LOAD_IN_ORDER;
	}
	if (flow->expected - sequence <= TP_LOAD_FLOW_MEMORY) {
		if (get(flow, sequence)) {
			return TP_LOAD_DUPLICATE;
		}
		put(flow, sequence, true);
	}
	return TP_LOAD_LATE;
}

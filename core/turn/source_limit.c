/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/source_limit.h"

#include "base/map.h"

bool tp_source_limit_pass(struct tp_source_limit *limit, const struct tp_addr *source,
			  uint64_t now_ms)
{
	size_t significant = source->family == TP_FAMILY_IPV4 ? 4 : 8;
	uint32_t second = (uint32_t)(now_ms / 1000);
	size_t cell;

	if (limit->rate == 0) {
		return true;
	}
	cell = tp_hash(source->bytes, significant) % TP_SOURCE_LIMIT_CELLS;
	if (limit->cells[cell].second != second) {
		limit->cells[cell].second = second;
		limit->cells[cell].answers = 0;
	}
	if (limit->cells[cell].answers >= limit->rate) {
		return false;
	}
	limit->cells[cell].answers++;
	return true;
}

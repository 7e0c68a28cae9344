/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup_counters.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
	const char *name;
	const char *help;
} rows[] = {
#define ROW_(name, help) {#name, help},
	LOOKUP_COUNTERS(ROW_)
#undef ROW_
};

static const uint64_t ceilings_ms[] = {
#define CEILING_(ms) ms,
	LOOKUP_BUCKETS(CEILING_)
#undef CEILING_
};

#define CEILINGS (sizeof(ceilings_ms) / sizeof(ceilings_ms[0]))
_Static_assert(CEILINGS + 1 == LOOKUP_BUCKETS_MAX, "a bucket for each, and one beyond");

void lookup_counters_init(struct lookup_counters *counters, struct tp_instance *self)
{
	char name[32];
	char help[64];

	for (size_t i = 0; i < LOOKUP_COUNTER_COUNT; i++) {
		counters->counters[i] = tp_counter_create(self, rows[i].name, rows[i].help);
	}
	for (size_t i = 0; i < CEILINGS; i++) {
		snprintf(name, sizeof(name), "answered_within_%" PRIu64 "ms", ceilings_ms[i]);
		snprintf(help, sizeof(help), "questions answered within %" PRIu64 " ms, not sooner",
			 ceilings_ms[i]);
		counters->buckets[i] = tp_counter_create(self, name, help);
	}
	counters->buckets[CEILINGS] =
		tp_counter_create(self, "answered_later", "questions answered later than that");
}

void lookup_count_latency(const struct lookup_counters *counters, uint64_t ms)
{
	size_t i = 0;

	while (i < CEILINGS && ms > ceilings_ms[i]) {
		i++;
	}
	tp_counter_add(counters->buckets[i], 1);
}

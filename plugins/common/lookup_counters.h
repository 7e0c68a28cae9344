/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include <turnpike/plugin.h>

/* What is counted: X(name, help) */
#define LOOKUP_COUNTERS(X)                                                                         \
	X(requests, "requests that wanted credentials")                                            \
	X(asked, "questions to the back end")                                                      \
	X(cached, "requests answered from memory")                                                 \
	X(negative, "requests refused from memory")                                                \
	X(joined, "requests that waited for a question of another one")                            \
	X(found, "questions answered with credentials")                                            \
	X(unknown, "questions answered with: no such user")                                        \
	X(refused, "questions answered with a refusal")                                            \
	X(unusable, "questions answered with what is no good")                                     \
	X(no_key, "requests of an algorithm that the back end has no key for")                     \
	X(failed, "questions that failed")                                                         \
	X(timed_out, "questions without an answer in time")                                        \
	X(stale, "requests answered with what is out of date, for want of better")                 \
	X(breaker_opened, "times that asking was stopped for a while")                             \
	X(breaker_stopped, "requests not asked about meanwhile")                                   \
	X(queue_full, "requests beyond the number that may wait")                                  \
	X(gone, "requests whose client did not wait")                                              \
	X(out_of_memory, "requests refused for want of memory")

/* How long answers took: X(ceiling in ms); the last bucket has none. */
#define LOOKUP_BUCKETS(X) X(1) X(3) X(10) X(30) X(100) X(300) X(1000) X(3000)

#define LOOKUP_COUNTER_ENUM_(name, help) LOOKUP_COUNT_##name,
enum lookup_counter { LOOKUP_COUNTERS(LOOKUP_COUNTER_ENUM_) LOOKUP_COUNTER_COUNT };
#undef LOOKUP_COUNTER_ENUM_

#define LOOKUP_BUCKETS_MAX 9

struct lookup_counters {
	struct tp_counter *counters[LOOKUP_COUNTER_COUNT];
	struct tp_counter *buckets[LOOKUP_BUCKETS_MAX];
};

void lookup_counters_init(struct lookup_counters *counters, struct tp_instance *self);

static inline void lookup_count(const struct lookup_counters *counters, enum lookup_counter which)
{
	tp_counter_add(counters->counters[which], 1);
}

/** A question was answered after so long. */
void lookup_count_latency(const struct lookup_counters *counters, uint64_t ms);

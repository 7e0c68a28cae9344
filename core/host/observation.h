/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/event.h>

struct tp_instance;

/*
 * What the host has seen of an instance's handlers, without their help: summed
 * over workers when read, a row per worker and event while counted.
 */
#define TP_OBSERVED_TIMES 24 /* bucket n: below 2^n * 128 ns; the last: all above */

struct tp_observed {
	uint64_t calls;
	uint64_t verdicts[4]; /* by enum tp_verdict: of handlers, and of answers to what they parked
			       */
	uint64_t wrong;       /* broke the rules of the event */
	uint64_t missed;      /* parked and silent until the deadline */
	uint64_t stale;       /* answered too late, or twice */
	uint64_t slow;        /* held up their worker for longer than the bound */
	uint64_t timed;       /* calls that were timed: all, but of packets one in 256 */
	uint64_t time_ns;     /* of those */
	uint64_t max_ns;
	uint64_t times[TP_OBSERVED_TIMES];
	uint64_t parked_now;
};

/** Sum over all workers. Thread: any; figures of running workers may be a moment old. */
void tp_instance_observed(const struct tp_instance *instance, enum tp_event event,
			  struct tp_observed *out);

/** Handlers that take longer are named in the log and counted; 0: none. Main thread, at start. */
void tp_observation_set_bound(uint32_t slow_ms);

/**
 * For a signal handler: whose handler is running on this thread now, and which
 * event; false: none. Async-signal-safe.
 */
bool tp_observation_current(const char **instance, const char **event);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Does not ask what has failed again and again. Closed: all go. After so many failures
 * in a row it is open: none goes. After a while it is half open: one goes as a probe;
 * success closes it. While a probe stays silent the next one goes after the same
 * while, so that a back end is found well soon, however long a deadline is.
 */
enum breaker_state {
	BREAKER_CLOSED = 0,
	BREAKER_OPEN = 1,
	BREAKER_HALF_OPEN = 2,
};

struct breaker {
	unsigned failures_max;
	uint64_t open_ms;
	enum breaker_state state;
	unsigned failures;      /* in a row */
	uint64_t next_probe_ms; /* not before */
};

enum breaker_verdict {
	BREAKER_GO = 0,
	BREAKER_PROBE = 1, /* go, and tell what came of it */
	BREAKER_STOP = 2,
};

void breaker_init(struct breaker *breaker, unsigned failures_max, uint64_t open_ms);

enum breaker_verdict breaker_ask(struct breaker *breaker, uint64_t now_ms);

/** Returns whether it has been open. */
bool breaker_success(struct breaker *breaker);

/** Returns whether it has opened by this. */
bool breaker_failure(struct breaker *breaker, uint64_t now_ms);

/** A probe was given up before anything came of it: the next one is another. */
void breaker_probe_lost(struct breaker *breaker, uint64_t now_ms);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* When to try again: twice as long each time, up to a ceiling, and never all at once. */
struct backoff {
	uint64_t min_ms;
	uint64_t max_ms;
	unsigned failures; /* in a row */
};

/** @min_ms: at least 1 */
void backoff_init(struct backoff *backoff, uint64_t min_ms, uint64_t max_ms);

/** It failed once more: wait so long, half of it by chance. */
uint64_t backoff_next_ms(struct backoff *backoff);

/** It worked. */
void backoff_reset(struct backoff *backoff);

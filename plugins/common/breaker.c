/* SPDX-License-Identifier: Apache-2.0 */
#include "breaker.h"

void breaker_init(struct breaker *breaker, unsigned failures_max, uint64_t open_ms)
{
	*breaker = (struct breaker){.failures_max = failures_max, .open_ms = open_ms};
}

enum breaker_verdict breaker_ask(struct breaker *breaker, uint64_t now_ms)
{
	if (breaker->state == BREAKER_CLOSED) {
		return BREAKER_GO;
	}
	if (now_ms < breaker->next_probe_ms) {
		return BREAKER_STOP;
	}
	breaker->state = BREAKER_HALF_OPEN;
	breaker->next_probe_ms = now_ms + breaker->open_ms;
	return BREAKER_PROBE;
}

bool breaker_success(struct breaker *breaker)
{
	bool was_open = breaker->state != BREAKER_CLOSED;

	breaker->state = BREAKER_CLOSED;
	breaker->failures = 0;
	return was_open;
}

bool breaker_failure(struct breaker *breaker, uint64_t now_ms)
{
	if (breaker->state != BREAKER_CLOSED) {
		breaker->state = BREAKER_OPEN;
		return false;
	}
	if (++breaker->failures < breaker->failures_max) {
		return false;
	}
	breaker->state = BREAKER_OPEN;
	breaker->next_probe_ms = now_ms + breaker->open_ms;
	return true;
}

void breaker_probe_lost(struct breaker *breaker, uint64_t now_ms)
{
	if (breaker->state == BREAKER_HALF_OPEN) {
		breaker->state = BREAKER_OPEN;
		breaker->next_probe_ms = now_ms;
	}
}

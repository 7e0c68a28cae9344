/* SPDX-License-Identifier: Apache-2.0 */
#include "backoff.h"

#include <sys/random.h>

#define DOUBLINGS_MAX 20

void backoff_init(struct backoff *backoff, uint64_t min_ms, uint64_t max_ms)
{
	*backoff = (struct backoff){.min_ms = min_ms, .max_ms = max_ms};
}

uint64_t backoff_next_ms(struct backoff *backoff)
{
	uint64_t wait_ms = backoff->min_ms << backoff->failures;
	uint32_t random = 0;

	if (backoff->failures < DOUBLINGS_MAX) {
		backoff->failures++;
	}
	if (wait_ms > backoff->max_ms) {
		wait_ms = backoff->max_ms;
	}
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return wait_ms - wait_ms / 2 + random % (wait_ms / 2 + 1);
}

void backoff_reset(struct backoff *backoff)
{
	backoff->failures = 0;
}

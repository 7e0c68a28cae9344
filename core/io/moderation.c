/* SPDX-License-Identifier: Apache-2.0 */
#include "io/moderation.h"

/* A turn with that much to do has paid for its waking up. */
#define PLENTY 32

/* What a rest must have gathered to be worth another one. */
#define GATHERED 2

/* Turns with little to do between two trials. */
#define TRIAL_EVERY 32

uint32_t tp_moderation_rest_us(struct tp_moderation *moderation, unsigned messages, bool more)
{
	if (moderation->rest_us == 0 || messages == 0) {
		return 0;
	}
	if (moderation->rested) {
		moderation->pays = messages >= GATHERED;
		moderation->untested = 0;
	}
	moderation->rested = false;
	if (more || messages >= PLENTY) {
		return 0;
	}
	if (!moderation->pays && ++moderation->untested < TRIAL_EVERY) {
		return 0;
	}
	moderation->rested = true;
	return moderation->rest_us;
}

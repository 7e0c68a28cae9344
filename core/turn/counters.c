/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/counters.h"

#include <stdio.h>

static void discarded_init(struct tp_turn_counters *counters)
{
	for (unsigned reason = 0; reason < TP_TURN_DISCARD_REASONS; reason++) {
		const char *words = tp_discard_reason_name((enum tp_discard_reason)reason);
		char name[64];
		int len = snprintf(name, sizeof(name), "turn.discarded_%s", words);

		for (int i = 0; i < len && i < (int)sizeof(name); i++) {
			if (name[i] == ' ' || name[i] == '-') {
				name[i] = '_';
			}
		}
		counters->discarded[reason] =
			tp_counter_named(name, "messages dropped without a response");
	}
}

void tp_turn_counters_init(struct tp_turn_counters *counters)
{
	*counters = (struct tp_turn_counters){0};
#define FIND(member, help) counters->member = tp_counter_named("turn." #member, help);
	TP_TURN_COUNTERS(FIND)
#undef FIND
	discarded_init(counters);
}

void tp_turn_counters_error(struct tp_turn_counters *counters, uint16_t code)
{
	char name[32];

	if (code >= 700) {
		return;
	}
	if (counters->errors[code] == NULL) {
		snprintf(name, sizeof(name), "turn.errors_%u", code);
		counters->errors[code] = tp_counter_named(name, "error responses with this code");
	}
	tp_counter_add(counters->errors[code], 1);
}

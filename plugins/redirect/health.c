/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"

bool health_note(struct health *health, const struct health_rules *rules, bool good)
{
	enum health_state said = good ? HEALTH_UP : HEALTH_DOWN;

	if (health->state == said) {
		health->against = 0;
		return false;
	}
	if (health->state != HEALTH_UNKNOWN &&
	    ++health->against < (good ? rules->rise : rules->fall)) {
		return false;
	}
	*health = (struct health){.state = said};
	return true;
}

const char *health_state_name(enum health_state state)
{
	static const char *const names[] = {"unknown", "up", "down"};

	return names[state];
}

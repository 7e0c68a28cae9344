/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/* What checks have said of a server, and when that changes its state. */

enum health_state {
	HEALTH_UNKNOWN = 0, /* not checked yet: counts as down */
	HEALTH_UP = 1,
	HEALTH_DOWN = 2,
};

struct health_rules {
	unsigned rise; /* good checks in a row until it is up */
	unsigned fall; /* failed ones until it is down */
};

struct health {
	enum health_state state;
	unsigned against; /* checks in a row that say the contrary */
};

/** The first check decides alone. Returns true when the state has changed. */
bool health_note(struct health *health, const struct health_rules *rules, bool good);

/** "up", "down", "unknown" */
const char *health_state_name(enum health_state state);

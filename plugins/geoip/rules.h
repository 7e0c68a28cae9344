/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "database.h"

/* Countries and autonomous systems, by ISO code and number. */
struct place_set {
	bool countries[26 * 26];
	bool any_country;
	uint32_t *systems; /* sorted */
	size_t system_count;
};

/* For clients or for peers. */
struct rules {
	struct place_set allow;
	struct place_set deny;
	bool unknown_passes;
};

/* What rules look into; NULL where there is none. */
struct places {
	const struct database *countries;
	const struct database *systems;
};

/** Add "DE" or "de". Errors: TP_EINVAL */
int place_set_add_country(struct place_set *set, const char *code);

/** Add "64496" or "AS64496", with room for @count in all. Errors: TP_EINVAL, TP_ENOMEM */
int place_set_add_system(struct place_set *set, const char *number, size_t count);

bool place_set_is_empty(const struct place_set *set);

/** After the last is added, before the first look-up. */
void rules_sort(struct rules *rules);

void rules_fini(struct rules *rules);

/**
 * May it pass? Deny wins over allow; with an allow list, what is on none of the
 * lists is refused. What a database in use does not know is as @unknown_passes says.
 *
 * Thread: any
 */
bool rules_pass(const struct rules *rules, const struct places *places, const struct tp_addr *addr);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "lookup.h"

/* What tells one question from another. Free it with free(). */
struct lookup_key {
	size_t len;
	uint8_t bytes[];
};

/**
 * @query:   not yet the plugin's; realm, name and so on are set
 * @depends: LOOKUP_BY_*
 *
 * Errors: NULL when out of memory
 */
struct lookup_key *lookup_key_create(const struct lookup_query *query, unsigned depends);

/** For tsearch(3): of structs whose first member is a pointer to a key. */
int lookup_key_compare(const void *left, const void *right);

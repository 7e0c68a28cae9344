/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/lookup.h"
#include "settings.h"

/**
 * Is it a filter (RFC 4515), once its fields are replaced?
 *
 * @needed: the field that must be in it, "" for none
 *
 * Returns what is wrong; NULL: nothing
 */
const char *filter_check(const char *text, const char *needed);

/**
 * The filter that finds a user: fields replaced, the group's filter added. Whatever the
 * client has sent stands in it as a value, byte by byte (RFC 4515 section 3).
 *
 * Owner: the caller, free()
 *
 * Returns NULL when out of memory.
 */
char *filter_create(const struct settings *settings, const struct lookup_query *query);

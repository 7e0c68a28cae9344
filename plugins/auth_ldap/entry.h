/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <ldap.h>

#include "common/lookup.h"
#include "settings.h"

/**
 * End a query with what the directory has of the user.
 *
 * Who is not in the group is as unknown as somebody whose name the directory matches
 * more loosely than we do: "Alice " is not "alice".
 */
void entry_answer(const struct settings *settings, LDAP *ldap, LDAPMessage *entry, int64_t wall_s,
		  struct lookup_query *query);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "common/realm_guard.h"
#include "common/redis_conn.h"

/*
 * Reads secrets, peers and limits of the realms, again and again, and publishes
 * them. On one worker; thread of all functions: its own.
 */
struct realm_reader;

/** @realms: stay the caller's. Errors: NULL when out of memory. */
struct realm_reader *realm_reader_create(struct tp_instance *self, struct tp_worker *worker,
					 struct redis_conn *conn, const char *const *realms,
					 size_t realm_count, struct realm_guard *guard);
/** Before the connection goes. Sets the pointer to NULL; NULL inside is fine. */
void realm_reader_free(struct realm_reader **reader);

/** The connection is there: read at once. */
void realm_reader_up(struct realm_reader *reader);
/** About once a second: for a timer that could not be had. */
void realm_reader_tick(struct realm_reader *reader);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "common/lookup.h"
#include "common/realm_guard.h"
#include "sql.h"

/*
 * Reads secrets, peers and limits of all realms, again and again, and publishes
 * them. On one worker; thread of all functions: its own.
 */
struct policy_reader;

/** Reads for the first time at once. Errors: NULL when out of memory. */
struct policy_reader *policy_reader_create(struct tp_instance *self, struct tp_worker *worker,
					   const struct sql_backend_ops *ops, void *own,
					   struct realm_guard *guard);
/** About once a second: for a timer that could not be had. */
void policy_reader_tick(struct policy_reader *reader);
/** Before the back end's worker_stop. Sets the pointer to NULL; NULL inside is fine. */
void policy_reader_free(struct policy_reader **reader);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/types.h>

#include "database.h"

/* A database that is read anew when its file has changed. */
struct database_watch;

/**
 * Read the file for the first time.
 *
 * Thread: main, in create
 * Errors: those of database_open(), after tp_instance_fail() with the name of @option
 */
int database_watch_create(struct tp_instance *self, const char *option,
			  struct database_watch **out);

/** NULL inside is fine. Sets the pointer to NULL. Thread: main. */
void database_watch_free(struct database_watch **watch);

/** Look at the file from time to time; 0: never. Thread: one worker's. */
void database_watch_start(struct database_watch *watch, uint64_t interval_ms);
/** Thread: that worker's. */
void database_watch_stop(struct database_watch *watch);

/** The one in use. @watch: NULL for none. Owner: unref it. Thread: any. */
struct database *database_watch_get(struct database_watch *watch);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/types.h>

#include "user_table.h"

/*
 * The users of a file that may change under way, see common/file_watch.h. A file
 * that cannot be read leaves the users as they were.
 */
struct user_watch;

/**
 * Read the file.
 *
 * @path: stays the caller's, for as long as the watch
 *
 * Thread: main, in create
 * Errors: TP_E*, with a sentence left by tp_instance_fail()
 */
int user_watch_create(struct tp_instance *self, const char *path, struct user_watch **out);
/** Sets the pointer to NULL; NULL inside is fine. */
void user_watch_free(struct user_watch **watch);

/** Look at the file every @interval_ms from now on; 0: never. Thread: a worker's. */
void user_watch_start(struct user_watch *watch, uint64_t interval_ms);
/** Thread: the same worker's. */
void user_watch_stop(struct user_watch *watch);

/** The users as of now. Owner: the caller, user_table_unref(). Thread: any. */
struct user_table *user_watch_users(struct user_watch *watch);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/types.h>

/*
 * A file that may change under way. A change is taken up when the file has stood
 * still for a moment, so that one who writes it in place has time to finish.
 */
struct file_watch;

/**
 * Read the file anew. Returns false when that has failed, which is counted, as a
 * success is. Thread: a job's, one call at a time.
 */
typedef bool (*file_watch_read_fn)(void *owner);

/**
 * Remember how the file is now; whoever calls reads it afterwards.
 *
 * @path: stays the caller's, for as long as the watch
 *
 * Thread: main, in create
 * Errors: NULL when out of memory
 */
struct file_watch *file_watch_create(struct tp_instance *self, const char *path,
				     file_watch_read_fn read, void *owner);
/** Sets the pointer to NULL; NULL inside is fine. */
void file_watch_free(struct file_watch **watch);

/** Look at the file every @interval_ms from now on; 0: never. Thread: a worker's. */
void file_watch_start(struct file_watch *watch, uint64_t interval_ms);
/** Thread: the same worker's. */
void file_watch_stop(struct file_watch *watch);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/types.h>

#include "key_ring.h"

/*
 * The keys of a file that may change under way, see common/file_watch.h. A file that
 * cannot be read leaves the keys as they were.
 */
struct key_watch;

/**
 * Read the file.
 *
 * @path: stays the caller's, for as long as the watch
 *
 * Thread: main, in create
 * Errors: TP_E*, with a sentence left by tp_instance_fail()
 */
int key_watch_create(struct tp_instance *self, const char *path, struct key_watch **out);
/** Sets the pointer to NULL; NULL inside is fine. */
void key_watch_free(struct key_watch **watch);

/** Look at the file every @interval_ms from now on; 0: never. Thread: a worker's. */
void key_watch_start(struct key_watch *watch, uint64_t interval_ms);
/** Thread: the same worker's. */
void key_watch_stop(struct key_watch *watch);

/** The keys as of now. Owner: the caller, key_ring_unref(). Thread: any. */
struct key_ring *key_watch_keys(struct key_watch *watch);

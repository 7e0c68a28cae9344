/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/backend_peers.h"
#include "common/lookup.h"
#include "settings.h"

/*
 * A worker's connections to the directory, and the searches on them, many at a time
 * on each. Connections are made one after the other, in jobs; a search waits for
 * the first. One whose connection breaks is sent once more on another.
 * Thread of all functions: the worker's.
 */
struct pool;

#define POOL_CONNECTIONS_MAX 16
#define POOL_SEARCHES_PER_CONNECTION 64

extern const struct lookup_ops pool_ops; /* of a pool as back end */

/** Begins to connect. Errors: NULL when out of memory. */
struct pool *pool_create(struct tp_instance *self, struct tp_worker *worker,
			 struct settings *settings, struct backend_peers *peers);

/** Told when a connection is there. */
void pool_set_lookup(struct pool *pool, struct lookup *lookup);

/** After the look-up has ended. Sets the pointer to NULL; NULL inside is fine. */
void pool_free(struct pool **pool);

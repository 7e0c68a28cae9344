/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include <turnpike/plugin.h>

/* Finds the addresses of a server's name without holding up the worker. */
struct resolve;

#define RESOLVE_ADDRS_MAX 8

/** @count: 0 when there are none, or nobody knows. */
typedef void (*resolve_fn)(void *arg, const struct tp_addr *addrs, size_t count);

/**
 * @done: on the worker that asks, never inside this call; addresses of both
 *        families, at most RESOLVE_ADDRS_MAX / 2 of each, sorted, ports 0
 *
 * Owner:  ends with @done or resolve_cancel()
 * Thread: a worker's
 * Errors: NULL when out of memory, or when too many jobs wait
 */
struct resolve *resolve_start(struct tp_instance *self, const char *host, resolve_fn done,
			      void *arg);
/** @done is not called. NULL inside is fine. Sets the pointer to NULL. Thread: the same. */
void resolve_cancel(struct resolve **resolve);

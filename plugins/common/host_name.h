/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

/* Finds the address of a server's name without holding up the worker. */
struct host_name;

/** @address: numeric; NULL: the name is not known */
typedef void (*host_name_fn)(void *arg, const char *address);

/**
 * @done: on the worker that asks, never inside this call
 *
 * Owner:  ends with @done or host_name_cancel()
 * Thread: a worker's
 * Errors: NULL when out of memory, or when too many jobs wait
 */
struct host_name *host_name_resolve(struct tp_instance *self, const char *host, host_name_fn done,
				    void *arg);
/** @done is not called. NULL inside is fine. Sets the pointer to NULL. Thread: the same. */
void host_name_cancel(struct host_name **name);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include <turnpike/allocation.h>

/*
 * What the layer above does for plugins through turnpike/allocation.h: it sets
 * this before the first worker starts, and takes it back after the last has
 * ended. Any thread may call them.
 */
struct tp_allocation_service {
	void *owner;
	int (*limit)(void *owner, uint64_t id, const struct tp_limits *limits);
	int (*kill)(void *owner, uint64_t id);
	int (*kill_user)(void *owner, const char *user, const char *realm);
	/* On the owning worker's thread; NULL over UDP. */
	const struct tp_client_view *(*client_of)(void *owner,
						  const struct tp_five_tuple *five_tuple);
};

/** @service: borrowed; NULL: calls are answered with TP_ESHUTDOWN. Main thread. */
void tp_allocation_service_set(const struct tp_allocation_service *service);

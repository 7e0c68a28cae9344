/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Objects of one size, owned by one thread. Memory comes in slabs and goes
 * back to the system when the pool ends.
 */
struct tp_pool_slab;

struct tp_pool {
	size_t object_size;
	size_t in_use;
	size_t ceiling; /* most objects in use; 0 for none */
	void *free;
	struct tp_pool_slab *slabs;
};

void tp_pool_init(struct tp_pool *pool, size_t object_size, size_t ceiling);

/** Asserts that every object was given back. */
void tp_pool_fini(struct tp_pool *pool);

/** A zeroed object, aligned for anything; NULL at the ceiling or out of memory. */
void *tp_pool_take(struct tp_pool *pool);

/** Give an object back; NULL is fine. Under ASan the object is poisoned until taken again. */
void tp_pool_give(struct tp_pool *pool, void *object);

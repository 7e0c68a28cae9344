/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#if defined(__SANITIZE_ADDRESS__)
#define POOL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POOL_ASAN 1
#endif
#endif

#ifdef POOL_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(bytes, size) ((void)(bytes), (void)(size))
#endif

#define SLAB_SIZE ((size_t)64 * 1024)
#define CACHE_LINE 64

struct tp_pool_slab {
	struct tp_pool_slab *next;
	alignas(CACHE_LINE) unsigned char bytes[];
};

struct free_object {
	struct free_object *next;
};

void tp_pool_init(struct tp_pool *pool, size_t object_size, size_t ceiling)
{
	size_t lines_size = (object_size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	/* where it costs little, members that are declared as a line are one */
	size_t alignment =
		lines_size - object_size <= object_size / 8 ? CACHE_LINE : alignof(max_align_t);

	if (object_size < sizeof(struct free_object)) {
		object_size = sizeof(struct free_object);
	}
	*pool = (struct tp_pool){
		.object_size = (object_size + alignment - 1) / alignment * alignment,
		.ceiling = ceiling,
	};
}

void tp_pool_fini(struct tp_pool *pool)
{
	tp_assert(pool->in_use == 0);
	while (pool->slabs != NULL) {
		struct tp_pool_slab *slab = pool->slabs;

		pool->slabs = slab->next;
		free(slab);
	}
	pool->free = NULL;
}

static void push(struct tp_pool *pool, void *object)
{
	struct free_object *link = object;

	link->next = pool->free;
	pool->free = link;
	ASAN_POISON_MEMORY_REGION(object, pool->object_size);
}

static void add_slab(struct tp_pool *pool)
{
	size_t count = SLAB_SIZE / pool->object_size;
	size_t size;
	struct tp_pool_slab *slab;

	if (count == 0) {
		count = 1;
	}
	size = sizeof(*slab) + count * pool->object_size;
	slab = aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
	if (slab == NULL) {
		return;
	}
	slab->next = pool->slabs;
	pool->slabs = slab;
	while (count-- > 0) {
		push(pool, slab->bytes + count * pool->object_size);
	}
}

void *tp_pool_take(struct tp_pool *pool)
{
	struct free_object *object;

	if (pool->ceiling != 0 && pool->in_use >= pool->ceiling) {
		return NULL;
	}
	if (pool->free == NULL) {
		add_slab(pool);
	}
	object = pool->free;
	if (object == NULL) {
		return NULL;
	}
	ASAN_UNPOISON_MEMORY_REGION(object, pool->object_size);
	pool->free = object->next;
	pool->in_use++;
	memset(object, 0, pool->object_size);
	return object;
}

void tp_pool_give(struct tp_pool *pool, void *object)
{
	if (object == NULL) {
		return;
	}
	push(pool, object);
	pool->in_use--;
}

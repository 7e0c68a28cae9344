/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#define BLOCK_SIZE 4096
#define OBJECT_MAX ((size_t)1 << 30)
#define ALIGNMENT alignof(max_align_t)

struct tp_arena_block {
	struct tp_arena_block *next;
	alignas(max_align_t) unsigned char bytes[];
};

struct tp_arena_disposal {
	struct tp_arena_disposal *next;
	void (*dispose)(void *object);
	void *object;
};

void tp_arena_init(struct tp_arena *arena, void *storage, size_t size)
{
	arena->first = storage;
	arena->first_size = size;
	arena->at = arena->first;
	arena->end = size == 0 ? arena->at : arena->at + size;
	arena->blocks = NULL;
	arena->disposals = NULL;
}

void tp_arena_fini(struct tp_arena *arena)
{
	while (arena->disposals != NULL) {
		struct tp_arena_disposal *disposal = arena->disposals;

		arena->disposals = disposal->next;
		disposal->dispose(disposal->object);
	}
	while (arena->blocks != NULL) {
		struct tp_arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
	tp_arena_init(arena, arena->first, arena->first_size);
}

static int add_block(struct tp_arena *arena, size_t size)
{
	struct tp_arena_block *block;
	size_t room = size < BLOCK_SIZE ? BLOCK_SIZE : size;

	if (size > OBJECT_MAX) {
		return TP_ENOMEM;
	}
	block = malloc(sizeof(*block) + room);
	if (block == NULL) {
		return TP_ENOMEM;
	}
	block->next = arena->blocks;
	arena->blocks = block;
	arena->at = block->bytes;
	arena->end = block->bytes + room;
	return 0;
}

void *tp_arena_take(struct tp_arena *arena, size_t size)
{
	size_t skip = (ALIGNMENT - (uintptr_t)arena->at % ALIGNMENT) % ALIGNMENT;
	void *object;

	if (arena->at == NULL || (size_t)(arena->end - arena->at) < skip ||
	    (size_t)(arena->end - arena->at) - skip < size) {
		if (add_block(arena, size) != 0) {
			return NULL;
		}
		skip = 0;
	}
	object = arena->at + skip;
	arena->at += skip + size;
	return object;
}

void *tp_arena_take_zero(struct tp_arena *arena, size_t size)
{
	void *object = tp_arena_take(arena, size);

	if (object != NULL) {
		memset(object, 0, size);
	}
	return object;
}

void *tp_arena_copy(struct tp_arena *arena, const void *bytes, size_t size)
{
	void *copy = tp_arena_take(arena, size);

	if (copy != NULL && size > 0) {
		memcpy(copy, bytes, size);
	}
	return copy;
}

char *tp_arena_string(struct tp_arena *arena, const char *text, size_t len)
{
	char *copy = len == SIZE_MAX ? NULL : tp_arena_take(arena, len + 1);

	if (copy != NULL) {
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	return copy;
}

int tp_arena_dispose(struct tp_arena *arena, void (*dispose)(void *object), void *object)
{
	struct tp_arena_disposal *disposal = tp_arena_take(arena, sizeof(*disposal));

	if (disposal == NULL) {
		return TP_ENOMEM;
	}
	disposal->dispose = dispose;
	disposal->object = object;
	disposal->next = arena->disposals;
	arena->disposals = disposal;
	return 0;
}

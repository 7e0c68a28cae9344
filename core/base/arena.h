/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Bump memory that goes all at once: a request's. The first block is the
 * caller's storage (none: NULL, 0), further ones come from malloc.
 */
struct tp_arena_block;
struct tp_arena_disposal;

struct tp_arena {
	unsigned char *at;
	unsigned char *end;
	unsigned char *first;
	size_t first_size;
	struct tp_arena_block *blocks;
	struct tp_arena_disposal *disposals;
};

void tp_arena_init(struct tp_arena *arena, void *storage, size_t size);

/** Run the disposals, latest first, and free every block. The arena is empty again, usable. */
void tp_arena_fini(struct tp_arena *arena);

/** @size bytes aligned for any object, not zeroed; NULL when out of memory or beyond 1 GiB. */
void *tp_arena_take(struct tp_arena *arena, size_t size);

/** The same, zeroed. */
void *tp_arena_take_zero(struct tp_arena *arena, size_t size);

/** A copy of @size bytes; NULL when out of memory. */
void *tp_arena_copy(struct tp_arena *arena, const void *bytes, size_t size);

/** A NUL-terminated copy of @len bytes of text; NULL when out of memory. */
char *tp_arena_string(struct tp_arena *arena, const char *text, size_t len);

/** Call @dispose(@object) in tp_arena_fini(). Errors: TP_ENOMEM, and then nothing is kept. */
int tp_arena_dispose(struct tp_arena *arena, void (*dispose)(void *object), void *object);

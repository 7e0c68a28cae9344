/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Open-addressing hash map from fixed-size keys to objects. The key's bytes
 * stay in the object (the map borrows them), so they must not change while it
 * is in the map and must have no padding. Hashed with SipHash under a key of
 * the process, so an attacker cannot choose collisions.
 */
struct tp_map_slot;

struct tp_map {
	struct tp_map_slot *slots;
	size_t capacity; /* power of two, or 0 before the first insert */
	size_t count;
	size_t ceiling; /* most entries; 0 for none */
	size_t key_size;
	uint64_t (*hash)(const void *key); /* NULL: tp_hash() of its bytes */
	size_t drained;                    /* slots below which tp_map_drain() goes on */
};

void tp_map_init(struct tp_map *map, size_t key_size, size_t ceiling);

/**
 * The same with a hash function that suits the keys better, made of
 * tp_hash_pair() or tp_hash(). It may leave out bytes that say nothing.
 */
void tp_map_init_hashed(struct tp_map *map, size_t key_size, size_t ceiling,
			uint64_t (*hash)(const void *key));

/** Frees the table, not the objects. */
void tp_map_fini(struct tp_map *map);

/** Errors: TP_EEXIST, TP_EFULL at the ceiling, TP_ENOMEM. */
int tp_map_insert(struct tp_map *map, const void *key, void *object);

/** The object of that key, NULL when there is none. */
void *tp_map_find(const struct tp_map *map, const void *key);

/** Take the object out and return it, NULL when there was none. */
void *tp_map_remove(struct tp_map *map, const void *key);

/**
 * Step through all objects: start with *@cursor 0, NULL ends. Removing the
 * object just returned is allowed only with tp_map_drain().
 */
void *tp_map_next(const struct tp_map *map, size_t *cursor);

/** Take any object out; NULL when the map is empty. */
void *tp_map_drain(struct tp_map *map);

/** SipHash-1-3 under the key of the process. */
uint64_t tp_hash(const void *bytes, size_t len);

/**
 * The same permutation and key over two words, without the length: for keys
 * that fit into 16 bytes.
 */
uint64_t tp_hash_pair(uint64_t first, uint64_t second);

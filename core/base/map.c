/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "base/rand.h"

#define CAPACITY_MIN 16

/*
 * Linear probing. A slot keeps the hash, so that most other keys are told apart
 * without touching their objects; removal shifts back, so there are no tombs.
 */
struct tp_map_slot {
	uint64_t hash;
	const void *key; /* in the object; NULL: free */
	void *object;
};

static uint64_t process_key[2];
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void process_key_make(void)
{
	tp_rand_bytes(process_key, sizeof(process_key));
}

/* --- SipHash-1-3 -------------------------------------------------------------- */

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t tp_hash(const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t last = (uint64_t)len << 56;
	uint64_t v[4];
	uint64_t word;

	pthread_once(&process_key_once, process_key_make);
	v[0] = process_key[0] ^ UINT64_C(0x736f6d6570736575);
	v[1] = process_key[1] ^ UINT64_C(0x646f72616e646f6d);
	v[2] = process_key[0] ^ UINT64_C(0x6c7967656e657261);
	v[3] = process_key[1] ^ UINT64_C(0x7465646279746573);
	for (; len >= 8; len -= 8, at += 8) {
		memcpy(&word, at, sizeof(word));
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < len; i++) {
		last |= (uint64_t)at[i] << (8 * i);
	}
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* --- table -------------------------------------------------------------------- */

void tp_map_init(struct tp_map *map, size_t key_size, size_t ceiling)
{
	*map = (struct tp_map){.key_size = key_size, .ceiling = ceiling};
}

void tp_map_fini(struct tp_map *map)
{
	free(map->slots);
	map->slots = NULL;
	map->capacity = 0;
	map->count = 0;
}

/* The slot of the key, or the free one where it would go. There is always one. */
static struct tp_map_slot *probe(const struct tp_map *map, const void *key, uint64_t hash)
{
	size_t mask = map->capacity - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct tp_map_slot *slot = &map->slots[i];

		if (slot->key == NULL ||
		    (slot->hash == hash && memcmp(slot->key, key, map->key_size) == 0)) {
			return slot;
		}
	}
}

static int grow(struct tp_map *map)
{
	size_t capacity = map->capacity == 0 ? CAPACITY_MIN : map->capacity * 2;
	struct tp_map grown = *map;

	if (capacity < map->capacity) {
		return TP_ENOMEM;
	}
	grown.slots = calloc(capacity, sizeof(*grown.slots));
	if (grown.slots == NULL) {
		return TP_ENOMEM;
	}
	grown.capacity = capacity;
	for (size_t i = 0; i < map->capacity; i++) {
		const struct tp_map_slot *slot = &map->slots[i];

		if (slot->key != NULL) {
			*probe(&grown, slot->key, slot->hash) = *slot;
		}
	}
	free(map->slots);
	*map = grown;
	return 0;
}

int tp_map_insert(struct tp_map *map, const void *key, void *object)
{
	uint64_t hash = tp_hash(key, map->key_size);
	struct tp_map_slot *slot;
	int err;

	if (map->count > 0 && probe(map, key, hash)->key != NULL) {
		return TP_EEXIST;
	}
	if (map->ceiling != 0 && map->count >= map->ceiling) {
		return TP_EFULL;
	}
	if ((map->count + 1) * 4 > map->capacity * 3) {
		err = grow(map);
		if (err != 0) {
			return err;
		}
	}
	slot = probe(map, key, hash);
	*slot = (struct tp_map_slot){hash, key, object};
	map->count++;
	return 0;
}

void *tp_map_find(const struct tp_map *map, const void *key)
{
	if (map->count == 0) {
		return NULL;
	}
	return probe(map, key, tp_hash(key, map->key_size))->object;
}

/* Close the gap: later slots of the run move up unless they are at home behind it. */
static void vacate(struct tp_map *map, size_t gap)
{
	size_t mask = map->capacity - 1;

	for (size_t i = (gap + 1) & mask; map->slots[i].key != NULL; i = (i + 1) & mask) {
		size_t home = map->slots[i].hash & mask;

		if (((i - home) & mask) >= ((i - gap) & mask)) {
			map->slots[gap] = map->slots[i];
			gap = i;
		}
	}
	map->slots[gap] = (struct tp_map_slot){0};
	map->count--;
}

void *tp_map_remove(struct tp_map *map, const void *key)
{
	struct tp_map_slot *slot;
	void *object;

	if (map->count == 0) {
		return NULL;
	}
	slot = probe(map, key, tp_hash(key, map->key_size));
	object = slot->object;
	if (slot->key != NULL) {
		vacate(map, (size_t)(slot - map->slots));
	}
	return object;
}

void *tp_map_next(const struct tp_map *map, size_t *cursor)
{
	while (*cursor < map->capacity) {
		const struct tp_map_slot *slot = &map->slots[(*cursor)++];

		if (slot->key != NULL) {
			return slot->object;
		}
	}
	return NULL;
}

/*
 * Downwards from where the last call stopped, so that draining a whole map is
 * one pass; around again for what a removal has shifted past the table's end.
 */
void *tp_map_drain(struct tp_map *map)
{
	size_t at = map->capacity;
	void *object;

	if (map->count == 0) {
		return NULL;
	}
	if (map->drained != 0 && map->drained < at) {
		at = map->drained;
	}
	while (at > 0 && map->slots[at - 1].key == NULL) {
		at--;
	}
	if (at == 0) {
		map->drained = 0;
		return tp_map_drain(map);
	}
	map->drained = at;
	object = map->slots[at - 1].object;
	vacate(map, at - 1);
	return object;
}

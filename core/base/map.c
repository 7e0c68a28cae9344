/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <pthread.h>
#include <stdatomic.h>
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
static atomic_bool process_key_made;

static void process_key_make(void)
{
	tp_rand_bytes(process_key, sizeof(process_key));
	atomic_store_explicit(&process_key_made, true, memory_order_release);
}

/* --- SipHash-1-3 -------------------------------------------------------------- */

struct sip {
	uint64_t v0;
	uint64_t v1;
	uint64_t v2;
	uint64_t v3;
};

static inline uint64_t rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static inline void sip_round(struct sip *sip)
{
	sip->v0 += sip->v1;
	sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
	sip->v0 = rotate(sip->v0, 32);
	sip->v2 += sip->v3;
	sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
	sip->v0 += sip->v3;
	sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
	sip->v2 += sip->v1;
	sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
	sip->v2 = rotate(sip->v2, 32);
}

static inline struct sip sip_begin(void)
{
	if (!atomic_load_explicit(&process_key_made, memory_order_acquire)) {
		pthread_once(&process_key_once, process_key_make);
	}
	return (struct sip){
		.v0 = process_key[0] ^ UINT64_C(0x736f6d6570736575),
		.v1 = process_key[1] ^ UINT64_C(0x646f72616e646f6d),
		.v2 = process_key[0] ^ UINT64_C(0x6c7967656e657261),
		.v3 = process_key[1] ^ UINT64_C(0x7465646279746573),
	};
}

static inline void sip_word(struct sip *sip, uint64_t word)
{
	sip->v3 ^= word;
	sip_round(sip);
	sip->v0 ^= word;
}

static inline uint64_t sip_end(struct sip *sip)
{
	sip->v2 ^= 0xff;
	sip_round(sip);
	sip_round(sip);
	sip_round(sip);
	return sip->v0 ^ sip->v1 ^ sip->v2 ^ sip->v3;
}

uint64_t tp_hash(const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t last = (uint64_t)len << 56;
	struct sip sip = sip_begin();
	uint64_t word;

	for (; len >= 8; len -= 8, at += 8) {
		memcpy(&word, at, sizeof(word));
		sip_word(&sip, word);
	}
	for (size_t i = 0; i < len; i++) {
		last |= (uint64_t)at[i] << (8 * i);
	}
	sip_word(&sip, last);
	return sip_end(&sip);
}

uint64_t tp_hash_pair(uint64_t first, uint64_t second)
{
	struct sip sip = sip_begin();

	sip_word(&sip, first);
	sip_word(&sip, second);
	return sip_end(&sip);
}

/* --- table -------------------------------------------------------------------- */

void tp_map_init(struct tp_map *map, size_t key_size, size_t ceiling)
{
	tp_map_init_hashed(map, key_size, ceiling, NULL);
}

void tp_map_init_hashed(struct tp_map *map, size_t key_size, size_t ceiling,
			uint64_t (*hash)(const void *key))
{
	*map = (struct tp_map){.key_size = key_size, .ceiling = ceiling, .hash = hash};
}

static inline uint64_t hash_of(const struct tp_map *map, const void *key)
{
	return map->hash != NULL ? map->hash(key) : tp_hash(key, map->key_size);
}

void tp_map_fini(struct tp_map *map)
{
	free(map->slots);
	map->slots = NULL;
	map->capacity = 0;
	map->count = 0;
}

/* The slot of the key, or the free one where it would go. There is always one. */
static inline struct tp_map_slot *probe(const struct tp_map *map, const void *key, uint64_t hash)
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
	uint64_t hash = hash_of(map, key);
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
	return probe(map, key, hash_of(map, key))->object;
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
	slot = probe(map, key, hash_of(map, key));
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

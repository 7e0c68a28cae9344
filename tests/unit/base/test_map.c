/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

struct thing {
	uint32_t key;
	uint32_t visited;
};

#define THINGS 5000

static struct thing things[THINGS];

static void fill(struct tp_map *map)
{
	tp_map_init(map, sizeof(uint32_t), 0);
	for (uint32_t i = 0; i < THINGS; i++) {
		things[i] = (struct thing){i * 7919, 0};
		CU_ASSERT_EQUAL(tp_map_insert(map, &things[i].key, &things[i]), 0);
	}
}

static void finds_what_was_inserted_and_nothing_else(void)
{
	struct tp_map map;
	uint32_t absent = 3;

	fill(&map);
	CU_ASSERT_EQUAL(map.count, THINGS);
	for (uint32_t i = 0; i < THINGS; i++) {
		uint32_t key = i * 7919;

		CU_ASSERT_PTR_EQUAL(tp_map_find(&map, &key), &things[i]);
	}
	CU_ASSERT_PTR_NULL(tp_map_find(&map, &absent));
	tp_map_fini(&map);
}

static void an_empty_map_finds_and_removes_nothing(void)
{
	struct tp_map map;
	uint32_t key = 1;

	tp_map_init(&map, sizeof(key), 0);
	CU_ASSERT_PTR_NULL(tp_map_find(&map, &key));
	CU_ASSERT_PTR_NULL(tp_map_remove(&map, &key));
	CU_ASSERT_PTR_NULL(tp_map_drain(&map));
	tp_map_fini(&map);
}

/* Removal closes gaps: all others must still be found, whatever the order. */
static void removal_keeps_the_rest_reachable(void)
{
	struct tp_map map;

	fill(&map);
	for (uint32_t i = 0; i < THINGS; i += 2) {
		CU_ASSERT_PTR_EQUAL(tp_map_remove(&map, &things[i].key), &things[i]);
	}
	for (uint32_t i = 0; i < THINGS; i++) {
		CU_ASSERT_PTR_EQUAL(tp_map_find(&map, &things[i].key),
				    i % 2 == 0 ? NULL : &things[i]);
	}
	CU_ASSERT_EQUAL(map.count, THINGS / 2);
	tp_map_fini(&map);
}

static void behaves_like_a_table_under_random_use(void)
{
	static bool present[256];
	struct tp_map map;
	unsigned seed = 1;

	memset(present, 0, sizeof(present));
	tp_map_init(&map, sizeof(uint32_t), 0);
	for (uint32_t i = 0; i < 256; i++) {
		things[i].key = i;
	}
	for (int step = 0; step < 200000; step++) {
		uint32_t i = (uint32_t)rand_r(&seed) % 256;

		if (rand_r(&seed) % 2 == 0) {
			CU_ASSERT_EQUAL(tp_map_insert(&map, &things[i].key, &things[i]),
					present[i] ? TP_EEXIST : 0);
			present[i] = true;
		} else {
			CU_ASSERT_PTR_EQUAL(tp_map_remove(&map, &things[i].key),
					    present[i] ? &things[i] : NULL);
			present[i] = false;
		}
	}
	tp_map_fini(&map);
}

static void the_ceiling_is_an_error_not_a_loss(void)
{
	struct tp_map map;

	tp_map_init(&map, sizeof(uint32_t), 3);
	for (uint32_t i = 0; i < 4; i++) {
		things[i].key = i;
		CU_ASSERT_EQUAL(tp_map_insert(&map, &things[i].key, &things[i]),
				i < 3 ? 0 : TP_EFULL);
	}
	CU_ASSERT_EQUAL(tp_map_insert(&map, &things[0].key, &things[0]), TP_EEXIST);
	CU_ASSERT_PTR_EQUAL(tp_map_find(&map, &things[2].key), &things[2]);
	CU_ASSERT_PTR_EQUAL(tp_map_remove(&map, &things[2].key), &things[2]);
	CU_ASSERT_EQUAL(tp_map_insert(&map, &things[3].key, &things[3]), 0);
	tp_map_fini(&map);
}

static void stepping_visits_each_once(void)
{
	struct tp_map map;
	struct thing *thing;
	size_t cursor = 0;

	fill(&map);
	while ((thing = tp_map_next(&map, &cursor)) != NULL) {
		thing->visited++;
	}
	for (uint32_t i = 0; i < THINGS; i++) {
		CU_ASSERT_EQUAL(things[i].visited, 1);
	}
	tp_map_fini(&map);
}

static void draining_takes_each_once(void)
{
	struct tp_map map;
	struct thing *thing;

	fill(&map);
	while ((thing = tp_map_drain(&map)) != NULL) {
		thing->visited++;
		CU_ASSERT_PTR_NULL(tp_map_find(&map, &thing->key));
	}
	CU_ASSERT_EQUAL(map.count, 0);
	for (uint32_t i = 0; i < THINGS; i++) {
		CU_ASSERT_EQUAL(things[i].visited, 1);
	}
	tp_map_fini(&map);
}

static void a_drained_map_is_used_again(void)
{
	struct tp_map map;

	fill(&map);
	while (tp_map_drain(&map) != NULL) {
	}
	for (uint32_t i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(tp_map_insert(&map, &things[i].key, &things[i]), 0);
	}
	for (uint32_t i = 0; i < 100; i++) {
		CU_ASSERT_PTR_NOT_NULL(tp_map_drain(&map));
	}
	CU_ASSERT_PTR_NULL(tp_map_drain(&map));
	tp_map_fini(&map);
}

static void hashes_of_all_lengths_differ(void)
{
	static const uint8_t zeros[64];
	uint64_t seen[64];

	for (size_t len = 0; len < 64; len++) {
		seen[len] = tp_hash(zeros, len);
		CU_ASSERT_EQUAL(tp_hash(zeros, len), seen[len]);
		for (size_t other = 0; other < len; other++) {
			CU_ASSERT_NOT_EQUAL(seen[len], seen[other]);
		}
	}
}

static uint64_t all_alike(const void *key)
{
	(void)key;
	return tp_hash_pair(1, 2);
}

static void keys_of_one_hash_are_told_apart(void)
{
	struct tp_map map;

	tp_map_init_hashed(&map, sizeof(things[0].key), 0, all_alike);
	for (uint32_t i = 0; i < 50; i++) {
		things[i].key = i;
		CU_ASSERT_EQUAL(tp_map_insert(&map, &things[i].key, &things[i]), 0);
	}
	for (uint32_t i = 0; i < 50; i += 2) {
		CU_ASSERT_PTR_EQUAL(tp_map_remove(&map, &things[i].key), &things[i]);
	}
	for (uint32_t i = 0; i < 50; i++) {
		CU_ASSERT_PTR_EQUAL(tp_map_find(&map, &things[i].key),
				    i % 2 == 0 ? NULL : &things[i]);
	}
	tp_map_fini(&map);
}

static void a_pair_is_hashed_in_its_order(void)
{
	CU_ASSERT_EQUAL(tp_hash_pair(1, 2), tp_hash_pair(1, 2));
	CU_ASSERT_NOT_EQUAL(tp_hash_pair(1, 2), tp_hash_pair(2, 1));
	CU_ASSERT_NOT_EQUAL(tp_hash_pair(1, 2), tp_hash_pair(1, 3));
}

TEST_SUITE("map", TEST(finds_what_was_inserted_and_nothing_else),
	   TEST(an_empty_map_finds_and_removes_nothing), TEST(removal_keeps_the_rest_reachable),
	   TEST(behaves_like_a_table_under_random_use), TEST(the_ceiling_is_an_error_not_a_loss),
	   TEST(stepping_visits_each_once), TEST(draining_takes_each_once),
	   TEST(a_drained_map_is_used_again), TEST(hashes_of_all_lengths_differ),
	   TEST(keys_of_one_hash_are_told_apart), TEST(a_pair_is_hashed_in_its_order));

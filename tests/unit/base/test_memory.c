/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/pool.h"
#include "base/rand.h"
#include "base/secret.h"
#include "support/suite.h"

/* --- arena -------------------------------------------------------------------- */

static void an_arena_gives_aligned_memory_from_storage_then_blocks(void)
{
	unsigned char storage[256];
	struct tp_arena arena;

	tp_arena_init(&arena, storage, sizeof(storage));
	for (size_t size = 0; size < 3000; size += 7) {
		unsigned char *object = tp_arena_take_zero(&arena, size);

		CU_ASSERT_PTR_NOT_NULL_FATAL(object);
		CU_ASSERT_EQUAL((uintptr_t)object % 16, 0);
		memset(object, 0xff, size);
	}
	tp_arena_fini(&arena);
}

static char order[8];

static void dispose(void *object)
{
	strcat(order, object);
}

static void disposals_run_latest_first_and_once(void)
{
	struct tp_arena arena;

	order[0] = '\0';
	tp_arena_init(&arena, NULL, 0);
	CU_ASSERT_EQUAL(tp_arena_dispose(&arena, dispose, "a"), 0);
	CU_ASSERT_EQUAL(tp_arena_dispose(&arena, dispose, "b"), 0);
	tp_arena_fini(&arena);
	tp_arena_fini(&arena);
	CU_ASSERT_STRING_EQUAL(order, "ba");
}

static void impossible_sizes_are_refused(void)
{
	struct tp_arena arena;

	tp_arena_init(&arena, NULL, 0);
	CU_ASSERT_PTR_NULL(tp_arena_take(&arena, SIZE_MAX));
	CU_ASSERT_PTR_NULL(tp_arena_take(&arena, SIZE_MAX - 16));
	CU_ASSERT_PTR_NULL(tp_arena_string(&arena, "", SIZE_MAX));
	CU_ASSERT_STRING_EQUAL(tp_arena_string(&arena, "hello", 4), "hell");
	tp_arena_fini(&arena);
}

/* --- pool --------------------------------------------------------------------- */

static void a_pool_gives_zeroed_objects_again_and_again(void)
{
	struct tp_pool pool;
	unsigned char *objects[1000];

	tp_pool_init(&pool, 100, 0);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 1000; i++) {
			objects[i] = tp_pool_take(&pool);
			CU_ASSERT_PTR_NOT_NULL_FATAL(objects[i]);
			CU_ASSERT_EQUAL(objects[i][0] | objects[i][99], 0);
			memset(objects[i], 0xff, 100);
		}
		CU_ASSERT_EQUAL(pool.in_use, 1000);
		for (size_t i = 0; i < 1000; i++) {
			tp_pool_give(&pool, objects[i]);
		}
	}
	tp_pool_give(&pool, NULL);
	tp_pool_fini(&pool);
}

static void a_pool_refuses_beyond_its_ceiling(void)
{
	struct tp_pool pool;
	void *a;
	void *b;

	tp_pool_init(&pool, 1, 2);
	a = tp_pool_take(&pool);
	b = tp_pool_take(&pool);
	CU_ASSERT_PTR_NOT_NULL(a);
	CU_ASSERT_PTR_NOT_NULL(b);
	CU_ASSERT_PTR_NULL(tp_pool_take(&pool));
	tp_pool_give(&pool, a);
	a = tp_pool_take(&pool);
	CU_ASSERT_PTR_NOT_NULL(a);
	tp_pool_give(&pool, a);
	tp_pool_give(&pool, b);
	tp_pool_fini(&pool);
}

static void objects_larger_than_a_slab_are_given_too(void)
{
	struct tp_pool pool;
	unsigned char *object;

	tp_pool_init(&pool, 200000, 0);
	object = tp_pool_take(&pool);
	CU_ASSERT_PTR_NOT_NULL_FATAL(object);
	object[199999] = 1;
	tp_pool_give(&pool, object);
	tp_pool_fini(&pool);
}

/* --- bytes -------------------------------------------------------------------- */

static void what_is_written_is_read(void)
{
	uint8_t bytes[32];
	struct tp_writer writer;
	struct tp_reader reader;

	tp_writer_init(&writer, bytes, sizeof(bytes));
	tp_write_u8(&writer, 0x01);
	tp_write_u16(&writer, 0x0203);
	tp_write_u32(&writer, 0x04050607);
	tp_write_u64(&writer, 0x08090a0b0c0d0e0f);
	tp_write_bytes(&writer, "ab", 2);
	tp_write_zeros(&writer, 1);
	CU_ASSERT_EQUAL(tp_writer_len(&writer), 18);
	for (uint8_t i = 0; i < 15; i++) {
		CU_ASSERT_EQUAL(bytes[i], i + 1);
	}
	tp_reader_init(&reader, bytes, tp_writer_len(&writer));
	CU_ASSERT_EQUAL(tp_read_u8(&reader), 0x01);
	CU_ASSERT_EQUAL(tp_read_u16(&reader), 0x0203);
	CU_ASSERT_EQUAL(tp_read_u32(&reader), 0x04050607);
	CU_ASSERT_EQUAL(tp_read_u64(&reader), 0x08090a0b0c0d0e0f);
	CU_ASSERT_EQUAL(memcmp(tp_read_bytes(&reader, 2), "ab", 2), 0);
	CU_ASSERT_EQUAL(tp_reader_left(&reader), 1);
	CU_ASSERT_FALSE(reader.failed);
}

static void past_the_end_stays_failed(void)
{
	uint8_t bytes[3] = {1, 2, 3};
	struct tp_writer writer;
	struct tp_reader reader;

	tp_reader_init(&reader, bytes, sizeof(bytes));
	CU_ASSERT_EQUAL(tp_read_u32(&reader), 0);
	CU_ASSERT_TRUE(reader.failed);
	CU_ASSERT_EQUAL(tp_read_u8(&reader), 0);
	CU_ASSERT_PTR_NULL(tp_read_bytes(&reader, SIZE_MAX));

	tp_writer_init(&writer, bytes, sizeof(bytes));
	tp_write_u32(&writer, 9);
	CU_ASSERT_TRUE(writer.failed);
	tp_write_u8(&writer, 9);
	CU_ASSERT_EQUAL(tp_writer_len(&writer), 0);
	CU_ASSERT_EQUAL(bytes[0], 1);
}

static void hexadecimal_goes_both_ways_and_is_strict(void)
{
	uint8_t bytes[4];
	char text[9];

	CU_ASSERT_EQUAL(tp_hex_decode("00fFA9x1", 8, bytes, 4), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_hex_decode("00fFA91", 7, bytes, 4), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_hex_decode("00fFA901", 8, bytes, 4), 0);
	CU_ASSERT_STRING_EQUAL(tp_hex_encode(bytes, 4, text), "00ffa901");
}

/* --- secrets and chance ------------------------------------------------------- */

static void secrets_compare_and_are_wiped(void)
{
	char bytes[8] = "secret!";
	char *text = strdup("secret");

	CU_ASSERT_TRUE(tp_secret_equal("abc", "abc", 3));
	CU_ASSERT_FALSE(tp_secret_equal("abc", "abd", 3));
	CU_ASSERT_TRUE(tp_secret_equal("abc", "abd", 2));
	tp_secret_wipe(bytes, sizeof(bytes));
	CU_ASSERT_EQUAL(memcmp(bytes, "\0\0\0\0\0\0\0\0", 8), 0);
	tp_secret_free_string(&text);
	CU_ASSERT_PTR_NULL(text);
	tp_secret_free_string(&text);
}

static void chance_stays_below_and_reaches_all(void)
{
	unsigned seen[6] = {0};

	for (int i = 0; i < 6000; i++) {
		uint32_t value = tp_rand_below(6);

		CU_ASSERT_TRUE_FATAL(value < 6);
		seen[value]++;
	}
	for (int i = 0; i < 6; i++) {
		CU_ASSERT_TRUE(seen[i] > 800); /* 1000 expected, some seven deviations away */
	}
	CU_ASSERT_EQUAL(tp_rand_below(1), 0);
}

TEST_SUITE("memory", TEST(an_arena_gives_aligned_memory_from_storage_then_blocks),
	   TEST(disposals_run_latest_first_and_once), TEST(impossible_sizes_are_refused),
	   TEST(a_pool_gives_zeroed_objects_again_and_again),
	   TEST(a_pool_refuses_beyond_its_ceiling), TEST(objects_larger_than_a_slab_are_given_too),
	   TEST(what_is_written_is_read), TEST(past_the_end_stays_failed),
	   TEST(hexadecimal_goes_both_ways_and_is_strict), TEST(secrets_compare_and_are_wiped),
	   TEST(chance_stays_below_and_reaches_all));

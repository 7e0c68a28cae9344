/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_input.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/bytes.h"
#include "stun/frame.h"
#include "support/exact.h"
#include "support/io_fixture.h"
#include "support/suite.h"

struct taken {
	size_t count;
	size_t stop_after; /* 0: never */
	size_t lens[8];
	uint8_t last[8]; /* last byte of each */
};

static bool take(void *owner, const uint8_t *bytes, size_t len)
{
	struct taken *taken = owner;

	CU_ASSERT_FATAL(taken->count < 8);
	taken->lens[taken->count] = len;
	taken->last[taken->count] = bytes[len - 1];
	taken->count++;
	return taken->count != taken->stop_after;
}

/* From memory of exactly that size. Returns the bytes used. */
static long feed(struct tp_stream_input *input, const uint8_t *bytes, size_t len,
		 struct taken *taken)
{
	uint8_t *copy = exact_copy(bytes, len);
	long used = tp_stream_input_feed(input, copy, len, take, taken);

	free(copy);
	return used;
}

/*
 * STUN with and without attributes; ChannelData with none, with padded and with
 * longer payload.
 */
static size_t conversation(uint8_t *out)
{
	size_t at = 0;

	io_message(out, 20, 1);
	at += 20;
	memcpy(out + at, "\x40\x00\x00\x00", 4);
	at += 4;
	memcpy(out + at, "\x4f\xff\x00\x05hello\0\0\x01", 12);
	at += 12;
	io_message(out + at, 300, 2);
	out[at + 299] = 2;
	at += 300;
	memset(out + at, 0, 404);
	memcpy(out + at, "\x40\x01\x01\x90", 4);
	out[at + 403] = 3;
	return at + 404;
}

static void expect_conversation(const struct taken *taken)
{
	static const size_t lens[] = {20, 4, 12, 300, 404};
	static const uint8_t last[] = {0, 0, 1, 2, 3};

	CU_ASSERT_EQUAL_FATAL(taken->count, 5);
	CU_ASSERT_EQUAL(memcmp(taken->lens, lens, sizeof(lens)), 0);
	CU_ASSERT_EQUAL(memcmp(taken->last, last, sizeof(last)), 0);
}

/* RFC 8656 section 12.5, RFC 8489 section 6.2.2. */
static void every_way_of_cutting_gives_the_same_messages(void)
{
	uint8_t bytes[1000];
	size_t len = conversation(bytes);

	for (size_t cut = 1; cut <= len; cut++) {
		struct tp_stream_input input = {0};
		struct taken two = {0};
		struct taken many = {0};

		CU_ASSERT_EQUAL(feed(&input, bytes, cut, &two), (long)cut);
		CU_ASSERT_EQUAL(feed(&input, bytes + cut, len - cut, &two), (long)(len - cut));
		expect_conversation(&two);
		CU_ASSERT_PTR_NULL(input.bytes); /* drained: nothing is kept */
		for (size_t at = 0; at < len; at += cut) {
			size_t piece = len - at < cut ? len - at : cut;

			CU_ASSERT_EQUAL(feed(&input, bytes + at, piece, &many), (long)piece);
		}
		expect_conversation(&many);
		CU_ASSERT_PTR_NULL(input.bytes);
	}
}

static void bytes_after_a_stop_are_not_looked_at(void)
{
	struct tp_stream_input input = {0};
	struct taken taken = {.stop_after = 2};
	uint8_t bytes[1000];
	size_t len = conversation(bytes);

	CU_ASSERT_EQUAL(feed(&input, bytes, len, &taken), 20 + 4);
	CU_ASSERT_EQUAL(taken.count, 2);
	CU_ASSERT_PTR_NULL(input.bytes);
	taken.stop_after = 0;
	CU_ASSERT_EQUAL(feed(&input, bytes + 24, len - 24, &taken), (long)len - 24);
	expect_conversation(&taken);
}

static void wrong_bytes_are_found_wherever_they_are_cut(void)
{
	uint8_t bytes[40];

	io_message(bytes, 20, 1);
	io_message(bytes + 20, 20, 2);
	bytes[27] ^= 1; /* the magic cookie of the second */
	for (size_t cut = 1; cut < sizeof(bytes); cut++) {
		struct tp_stream_input input = {0};
		struct taken taken = {0};
		long used = feed(&input, bytes, cut, &taken);

		if (used == (long)cut) {
			used = feed(&input, bytes + cut, sizeof(bytes) - cut, &taken);
		}
		CU_ASSERT_EQUAL(used, TP_EPROTO);
		CU_ASSERT_EQUAL(taken.count, 1);
		tp_stream_input_fini(&input);
	}
}

static void memory_follows_what_came_not_what_was_announced(void)
{
	struct tp_stream_input input = {0};
	struct taken taken = {0};
	uint8_t header[4] = {0x40, 0x00, 0xff, 0xff};
	uint8_t byte = 0;

	CU_ASSERT_EQUAL(feed(&input, header, sizeof(header), &taken), 4);
	CU_ASSERT_TRUE(input.capacity <= 256);
	for (size_t i = 0; i < 1000; i++) {
		CU_ASSERT_EQUAL(feed(&input, &byte, 1, &taken), 1);
	}
	CU_ASSERT_TRUE(input.capacity <= 2048);
	for (size_t i = 1000; i < 65536; i++) {
		CU_ASSERT_TRUE(input.capacity <= TP_FRAME_MAX);
		CU_ASSERT_EQUAL(feed(&input, &byte, 1, &taken), 1);
	}
	CU_ASSERT_EQUAL(taken.count, 1);
	CU_ASSERT_EQUAL(taken.lens[0], 65540);
	CU_ASSERT_PTR_NULL(input.bytes);
}

TEST_SUITE("stream_input", TEST(every_way_of_cutting_gives_the_same_messages),
	   TEST(bytes_after_a_stop_are_not_looked_at),
	   TEST(wrong_bytes_are_found_wherever_they_are_cut),
	   TEST(memory_follows_what_came_not_what_was_announced));

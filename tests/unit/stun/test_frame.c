/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "stun/frame.h"
#include "support/exact.h"
#include "support/stun_vectors.h"
#include "support/suite.h"

/* RFC 8656 table 3. */
static void first_byte_tells_the_kind(void)
{
	for (int byte = 0; byte < 256; byte++) {
		enum tp_frame_kind expected = TP_FRAME_UNKNOWN;

		if (byte <= 3) {
			expected = TP_FRAME_STUN;
		} else if (byte >= 20 && byte <= 63) {
			expected = TP_FRAME_DTLS;
		} else if (byte >= 64 && byte <= 79) {
			expected = TP_FRAME_CHANNEL_DATA;
		}
		CU_ASSERT_EQUAL(tp_frame_kind_of((uint8_t)byte), expected);
	}
}

struct length_case {
	uint8_t bytes[8];
	size_t len;
	long expected;
};

static void check(const struct length_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t *copy = exact_copy(cases[i].bytes, cases[i].len);

		CU_ASSERT_EQUAL(tp_frame_length(copy, cases[i].len), cases[i].expected);
		free(copy);
	}
}

static void waits_until_the_length_is_there(void)
{
	static const struct length_case cases[] = {
		{{0}, 0, 0},
		{{0x00}, 1, 0},
		{{0x00, 0x01}, 2, 0},
		{{0x00, 0x01, 0x00}, 3, 0},
		{{0x00, 0x01, 0x00, 0x08}, 4, 28},
		{{0x40}, 1, 0},
		{{0x40, 0x01}, 2, 0},
		{{0x40, 0x01, 0x00}, 3, 0},
		{{0x40, 0x01, 0x00, 0x08}, 4, 12},
	};

	check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void stun_length_counts_the_header(void)
{
	static const struct length_case cases[] = {
		{{0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x42}, 8, 20},
		{{0x03, 0xff, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42}, 8, 65552},
	};

	check(cases, sizeof(cases) / sizeof(cases[0]));
}

/* RFC 8656 section 12.5: padding is not in the length, but on the stream. */
static void channel_data_length_counts_header_and_padding(void)
{
	static const struct length_case cases[] = {
		{{0x40, 0x00, 0x00, 0x00}, 4, 4},        {{0x40, 0x00, 0x00, 0x01}, 4, 8},
		{{0x40, 0x00, 0x00, 0x03}, 4, 8},        {{0x40, 0x00, 0x00, 0x04}, 4, 8},
		{{0x4f, 0xff, 0x00, 0x05, 1, 2}, 6, 12}, {{0x4f, 0xff, 0xff, 0xff}, 4, 65540},
	};

	check(cases, sizeof(cases) / sizeof(cases[0]));
}

static void no_message_exceeds_the_maximum(void)
{
	for (unsigned int len = 0; len <= 65535; len++) {
		uint8_t stun[4] = {0, 1, (uint8_t)(len >> 8), (uint8_t)len};
		uint8_t channel_data[4] = {0x40, 0, (uint8_t)(len >> 8), (uint8_t)len};

		if (tp_frame_length(stun, 4) > TP_FRAME_MAX ||
		    tp_frame_length(channel_data, 4) > TP_FRAME_MAX) {
			CU_FAIL("longer than TP_FRAME_MAX");
			return;
		}
	}
}

static void bytes_that_begin_no_message_are_refused(void)
{
	static const struct length_case cases[] = {
		{{0x04}, 1, TP_EPROTO},
		{{0x16}, 1, TP_EPROTO}, /* a TLS record inside the stream */
		{{0x50}, 1, TP_EPROTO},
		{{0x80}, 1, TP_EPROTO},
		{{0xff}, 1, TP_EPROTO},
		{{0x00, 0x01, 0x00, 0x01}, 4, TP_EPROTO}, /* no multiple of four */
		{{0x00, 0x01, 0x00, 0x02}, 4, TP_EPROTO},
		{{0x00, 0x01, 0x00, 0x03}, 4, TP_EPROTO},
		{{0x00, 0x01, 0x00, 0x00, 0x20}, 5, TP_EPROTO},
		{{0x00, 0x01, 0x00, 0x00, 0x21, 0x13}, 6, TP_EPROTO},
		{{0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa5}, 7, TP_EPROTO},
		{{0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x43}, 8, TP_EPROTO},
	};

	check(cases, sizeof(cases) / sizeof(cases[0]));
}

/* However a stream is cut, the answer is "more" or the length. */
static void length_holds_for_every_prefix(void)
{
	for (size_t i = 0; i < stun_vector_count; i++) {
		const struct stun_vector *vector = &stun_vectors[i];

		for (size_t len = 0; len <= vector->len; len++) {
			uint8_t *copy = exact_copy(vector->bytes, len);
			long expected = len < 4 ? 0 : (long)vector->len;

			CU_ASSERT_EQUAL(tp_frame_length(copy, len), expected);
			free(copy);
		}
	}
}

static void splits_a_stream_into_its_messages(void)
{
	uint8_t stream[512];
	size_t len = 0;
	size_t offset = 0;

	for (size_t i = 0; i < 2; i++) {
		memcpy(stream + len, stun_vectors[i].bytes, stun_vectors[i].len);
		len += stun_vectors[i].len;
		memcpy(stream + len, "\x40\x00\x00\x02hi\0\0", 8);
		len += 8;
	}
	for (size_t i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(tp_frame_length(stream + offset, len - offset),
				(long)stun_vectors[i].len);
		offset += stun_vectors[i].len;
		CU_ASSERT_EQUAL(tp_frame_length(stream + offset, len - offset), 8);
		offset += 8;
	}
	CU_ASSERT_EQUAL(offset, len);
	CU_ASSERT_EQUAL(tp_frame_length(stream + offset, 0), 0);
}

TEST_SUITE("frame", TEST(first_byte_tells_the_kind), TEST(waits_until_the_length_is_there),
	   TEST(stun_length_counts_the_header), TEST(channel_data_length_counts_header_and_padding),
	   TEST(no_message_exceeds_the_maximum), TEST(bytes_that_begin_no_message_are_refused),
	   TEST(length_holds_for_every_prefix), TEST(splits_a_stream_into_its_messages));

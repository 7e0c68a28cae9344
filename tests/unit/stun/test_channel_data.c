/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "stun/channel_data.h"
#include "support/exact.h"
#include "support/suite.h"

static void reads_number_and_payload(void)
{
	static const uint8_t bytes[] = {0x40, 0x01, 0x00, 0x03, 'a', 'b', 'c'};
	struct tp_channel_data message;

	CU_ASSERT_EQUAL_FATAL(tp_channel_data_parse(&message, bytes, sizeof(bytes)), 0);
	CU_ASSERT_EQUAL(message.number, 0x4001);
	CU_ASSERT_EQUAL(message.payload_len, 3);
	CU_ASSERT_PTR_EQUAL(message.payload, bytes + 4);
}

/* RFC 8656 section 12.4: 0 is a valid length. */
static void empty_payload_is_valid(void)
{
	static const uint8_t bytes[] = {0x4f, 0xff, 0x00, 0x00};
	struct tp_channel_data message;

	CU_ASSERT_EQUAL_FATAL(tp_channel_data_parse(&message, bytes, sizeof(bytes)), 0);
	CU_ASSERT_EQUAL(message.number, 0x4fff);
	CU_ASSERT_EQUAL(message.payload_len, 0);
}

/* RFC 8656 section 12.5: over UDP, the padding MAY be included. */
static void padding_is_no_payload(void)
{
	static const uint8_t bytes[] = {0x40, 0x00, 0x00, 0x01, 'a', 0xff, 0xff, 0xff};
	struct tp_channel_data message;

	CU_ASSERT_EQUAL_FATAL(tp_channel_data_parse(&message, bytes, sizeof(bytes)), 0);
	CU_ASSERT_EQUAL(message.payload_len, 1);
}

/* RFC 8656 section 12.6: numbers outside the range are discarded. */
static void number_out_of_range_is_refused(void)
{
	static const struct {
		uint8_t bytes[4];
		int err;
	} cases[] = {
		{{0x00, 0x00, 0, 0}, TP_ERANGE}, {{0x3f, 0xff, 0, 0}, TP_ERANGE},
		{{0x40, 0x00, 0, 0}, 0},         {{0x4f, 0xff, 0, 0}, 0},
		{{0x50, 0x00, 0, 0}, TP_ERANGE}, {{0x7f, 0xff, 0, 0}, TP_ERANGE},
		{{0xff, 0xff, 0, 0}, TP_ERANGE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_channel_data message;

		CU_ASSERT_EQUAL(tp_channel_data_parse(&message, cases[i].bytes, 4), cases[i].err);
	}
}

/* RFC 8656 section 12.6: too short for the claimed length is discarded. */
static void too_few_bytes_are_refused(void)
{
	static const uint8_t bytes[] = {0x40, 0x00, 0x00, 0x05, 1, 2, 3, 4, 5};

	for (size_t len = 0; len <= sizeof(bytes); len++) {
		uint8_t *copy = exact_copy(bytes, len);
		struct tp_channel_data message;
		int expected = len == sizeof(bytes) ? 0 : TP_EPROTO;

		CU_ASSERT_EQUAL(tp_channel_data_parse(&message, copy, len), expected);
		free(copy);
	}
}

static void header_is_read_as_written(void)
{
	static const size_t lengths[] = {0, 1, 255, 256, 65535};
	static uint8_t bytes[4 + 65535];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct tp_channel_data message;

		tp_channel_data_write_header(bytes, 0x4abc, lengths[i]);
		CU_ASSERT_EQUAL_FATAL(tp_channel_data_parse(&message, bytes, sizeof(bytes)), 0);
		CU_ASSERT_EQUAL(message.number, 0x4abc);
		CU_ASSERT_EQUAL(message.payload_len, lengths[i]);
	}
}

/* RFC 8656 section 12.5: over TCP and TLS a multiple of four. */
static void padding_fills_to_four(void)
{
	for (size_t len = 0; len < 64; len++) {
		CU_ASSERT_TRUE(tp_channel_data_padding(len) < 4);
		CU_ASSERT_EQUAL((len + tp_channel_data_padding(len)) % 4, 0);
	}
}

TEST_SUITE("channel_data", TEST(reads_number_and_payload), TEST(empty_payload_is_valid),
	   TEST(padding_is_no_payload), TEST(number_out_of_range_is_refused),
	   TEST(too_few_bytes_are_refused), TEST(header_is_read_as_written),
	   TEST(padding_fills_to_four));

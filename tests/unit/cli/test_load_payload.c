/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_payload.h"

#include <string.h>

#include "support/suite.h"

static const struct tp_load_packet packet = {
	.index = 59999,
	.kind = TP_LOAD_DOWN,
	.sequence = UINT64_C(0x0102030405060708),
	.sent_ns = 123456789,
};

static void reads_what_was_written(void)
{
	uint8_t bytes[200];

	for (size_t len = TP_LOAD_PAYLOAD_MIN; len <= sizeof(bytes); len++) {
		struct tp_load_packet read = {0};

		tp_load_payload_write(bytes, len, &packet);
		CU_ASSERT_TRUE_FATAL(tp_load_payload_read(bytes, len, &read));
		CU_ASSERT_EQUAL(read.index, packet.index);
		CU_ASSERT_EQUAL(read.kind, packet.kind);
		CU_ASSERT_EQUAL(read.sequence, packet.sequence);
		CU_ASSERT_EQUAL(read.sent_ns, packet.sent_ns);
	}
}

/* A bare forwarder tells the allocation by the first four bytes. */
static void begins_with_the_index(void)
{
	static const uint8_t index[] = {0, 0, 0xea, 0x5f};
	uint8_t bytes[TP_LOAD_PAYLOAD_MIN];

	tp_load_payload_write(bytes, sizeof(bytes), &packet);
	CU_ASSERT_EQUAL(memcmp(bytes, index, sizeof(index)), 0);
}

static void writes_no_byte_beyond(void)
{
	uint8_t bytes[64];

	for (size_t len = TP_LOAD_PAYLOAD_MIN; len < sizeof(bytes); len++) {
		memset(bytes, 0xa5, sizeof(bytes));
		tp_load_payload_write(bytes, len, &packet);
		for (size_t i = len; i < sizeof(bytes); i++) {
			CU_ASSERT_EQUAL(bytes[i], 0xa5);
		}
	}
}

static void sees_each_bit_that_changes(void)
{
	uint8_t bytes[77];
	struct tp_load_packet read;

	tp_load_payload_write(bytes, sizeof(bytes), &packet);
	for (size_t i = 0; i < sizeof(bytes) * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		CU_ASSERT_FALSE(tp_load_payload_read(bytes, sizeof(bytes), &read));
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	CU_ASSERT_TRUE(tp_load_payload_read(bytes, sizeof(bytes), &read));
}

static void sees_another_length(void)
{
	uint8_t bytes[80] = {0};
	struct tp_load_packet read;

	tp_load_payload_write(bytes, 64, &packet);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		CU_ASSERT_EQUAL(tp_load_payload_read(bytes, len, &read), len == 64);
	}
}

static void packets_of_a_flow_differ_in_their_body(void)
{
	struct tp_load_packet next = packet;
	uint8_t first[64];
	uint8_t second[64];

	next.sequence++;
	tp_load_payload_write(first, sizeof(first), &packet);
	tp_load_payload_write(second, sizeof(second), &next);
	CU_ASSERT_NOT_EQUAL(memcmp(first + TP_LOAD_PAYLOAD_MIN, second + TP_LOAD_PAYLOAD_MIN, 32),
			    0);
}

TEST_SUITE("load_payload", TEST(reads_what_was_written), TEST(begins_with_the_index),
	   TEST(writes_no_byte_beyond), TEST(sees_each_bit_that_changes), TEST(sees_another_length),
	   TEST(packets_of_a_flow_differ_in_their_body));

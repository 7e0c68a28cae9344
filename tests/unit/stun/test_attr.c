/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "stun/attr.h"
#include "support/exact.h"
#include "support/stun_vectors.h"
#include "support/suite.h"

#define VALUE_MAX 32

/* A value of exactly @len bytes: a reader that looks further is caught. */
static struct tp_stun_attr attr_of(const void *value, size_t len)
{
	return (struct tp_stun_attr){
		.type = 0x0fff,
		.len = (uint16_t)len,
		.value = exact_copy(value, len),
	};
}

static void drop(struct tp_stun_attr *attr)
{
	free((void *)(uintptr_t)attr->value);
}

static void reads_xor_mapped_address_of_the_vectors(void)
{
	/* RFC 5769 sections 2.2 and 2.3 */
	static const struct {
		size_t vector;
		struct tp_addr addr;
	} cases[] = {
		{STUN_VECTOR_IPV4_RESPONSE,
		 {.family = TP_FAMILY_IPV4, .port = 32853, .bytes = {192, 0, 2, 1}}},
		{STUN_VECTOR_IPV6_RESPONSE,
		 {.family = TP_FAMILY_IPV6,
		  .port = 32853,
		  .bytes = {0x20, 0x01, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78, 0x00, 0x11, 0x22, 0x33,
			    0x44, 0x55, 0x66, 0x77}}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct stun_vector *vector = &stun_vectors[cases[i].vector];
		const struct tp_stun_attr *attr;
		struct tp_stun_msg msg;
		struct tp_addr addr;
		const char *reason;

		CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&msg, vector->bytes, vector->len, &reason),
				      0);
		attr = tp_stun_msg_find(&msg, TP_ATTR_XOR_MAPPED_ADDRESS);
		CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
		CU_ASSERT_EQUAL_FATAL(tp_attr_read_xor_addr(attr, &msg, &addr), 0);
		CU_ASSERT_EQUAL(memcmp(&addr, &cases[i].addr, sizeof(addr)), 0);
	}
}

/* RFC 8489 section 14.1: the first 8 bits MUST be ignored by receivers. */
static void first_byte_of_an_address_is_ignored(void)
{
	static const uint8_t value[] = {0xff, 0x01, 0x0d, 0x96, 192, 0, 2, 1};
	struct tp_stun_attr attr = attr_of(value, sizeof(value));
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_attr_read_addr(&attr, &addr), 0);
	CU_ASSERT_EQUAL(addr.family, TP_FAMILY_IPV4);
	CU_ASSERT_EQUAL(addr.port, 3478);
	CU_ASSERT_EQUAL(memcmp(addr.bytes, "\xc0\x00\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0", 16), 0);
	CU_ASSERT_EQUAL(addr.reserved, 0);
	CU_ASSERT_EQUAL(addr.scope_id, 0);
	drop(&attr);
}

/* RFC 8489 section 14.1: IPv4 MUST be 32 bits, IPv6 MUST be 128 bits. */
static void address_of_another_length_or_family_is_refused(void)
{
	static const uint8_t families[] = {0, 1, 2, 3, 0x11, 0xff};
	static const uint8_t header[TP_STUN_HEADER_SIZE];
	const struct tp_stun_msg msg = {.bytes = header};

	for (size_t f = 0; f < sizeof(families); f++) {
		for (size_t len = 0; len <= VALUE_MAX; len++) {
			uint8_t value[VALUE_MAX] = {0, families[f]};
			struct tp_stun_attr attr = attr_of(value, len);
			struct tp_addr addr;
			bool valid =
				(families[f] == 1 && len == 8) || (families[f] == 2 && len == 20);

			CU_ASSERT_EQUAL(tp_attr_read_addr(&attr, &addr), valid ? 0 : TP_EPROTO);
			CU_ASSERT_EQUAL(tp_attr_read_xor_addr(&attr, &msg, &addr),
					valid ? 0 : TP_EPROTO);
			drop(&attr);
		}
	}
}

/* What one reader of fixed length says of @attr. */
enum fixed {
	FIXED_U32,
	FIXED_CHANNEL_NUMBER,
	FIXED_REQUESTED_TRANSPORT,
	FIXED_ADDRESS_FAMILY,
	FIXED_EVEN_PORT,
	FIXED_RESERVATION_TOKEN,
	FIXED_COUNT,
};

static int read_fixed(enum fixed reader, const struct tp_stun_attr *attr)
{
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;
	bool flag;
	uint8_t token[8];

	switch (reader) {
	case FIXED_U32:
		return tp_attr_read_u32(attr, &u32);
	case FIXED_CHANNEL_NUMBER:
		return tp_attr_read_channel_number(attr, &u16);
	case FIXED_REQUESTED_TRANSPORT:
		return tp_attr_read_requested_transport(attr, &u8);
	case FIXED_ADDRESS_FAMILY:
		return tp_attr_read_address_family(attr, &u8);
	case FIXED_EVEN_PORT:
		return tp_attr_read_even_port(attr, &flag);
	case FIXED_RESERVATION_TOKEN:
		return tp_attr_read_reservation_token(attr, token);
	case FIXED_COUNT:
		break;
	}
	return TP_EINVAL;
}

/* RFC 8656 sections 18.1, 18.2, 18.6, 18.7, 18.8 and 18.10. */
static void fixed_values_have_their_length_only(void)
{
	static const size_t lengths[FIXED_COUNT] = {
		[FIXED_U32] = 4,
		[FIXED_CHANNEL_NUMBER] = 4,
		[FIXED_REQUESTED_TRANSPORT] = 4,
		[FIXED_ADDRESS_FAMILY] = 4,
		[FIXED_EVEN_PORT] = 1,
		[FIXED_RESERVATION_TOKEN] = 8,
	};

	for (int reader = 0; reader < FIXED_COUNT; reader++) {
		for (size_t len = 0; len <= VALUE_MAX; len++) {
			static const uint8_t zeros[VALUE_MAX];
			struct tp_stun_attr attr = attr_of(zeros, len);

			CU_ASSERT_EQUAL(read_fixed((enum fixed)reader, &attr),
					len == lengths[reader] ? 0 : TP_EPROTO);
			drop(&attr);
		}
	}
}

/* RFFU fields MUST be ignored on reception: RFC 8656 sections 18.1 and on. */
static void reserved_bits_are_ignored(void)
{
	struct tp_stun_attr attr = attr_of("\x40\x01\xff\xff", 4);
	uint16_t number = 0;
	uint8_t byte = 0;
	bool reserve_next = true;

	CU_ASSERT_EQUAL(tp_attr_read_channel_number(&attr, &number), 0);
	CU_ASSERT_EQUAL(number, 0x4001);
	CU_ASSERT_EQUAL(tp_attr_read_requested_transport(&attr, &byte), 0);
	CU_ASSERT_EQUAL(byte, 0x40);
	CU_ASSERT_EQUAL(tp_attr_read_address_family(&attr, &byte), 0);
	CU_ASSERT_EQUAL(byte, 0x40);
	drop(&attr);

	attr = attr_of("\x7f", 1);
	CU_ASSERT_EQUAL(tp_attr_read_even_port(&attr, &reserve_next), 0);
	CU_ASSERT_FALSE(reserve_next);
	drop(&attr);

	attr = attr_of("\x80", 1);
	CU_ASSERT_EQUAL(tp_attr_read_even_port(&attr, &reserve_next), 0);
	CU_ASSERT_TRUE(reserve_next);
	drop(&attr);
}

/* RFC 8489 section 14.8: class between 3 and 6, number between 0 and 99. */
static void error_code_is_class_and_number(void)
{
	static const struct {
		uint8_t value[6];
		size_t len;
		int err;
		uint16_t code;
	} cases[] = {
		{{0, 0, 3, 0, 'o', 'k'}, 6, 0, 300},
		{{0, 0, 4, 38}, 4, 0, 438},
		{{0, 0, 6, 99}, 4, 0, 699},
		{{0xff, 0xff, 0xfc, 1}, 4, 0, 401}, /* receivers MUST ignore the rest */
		{{0, 0, 2, 99}, 4, TP_EPROTO, 0},
		{{0, 0, 7, 0}, 4, TP_EPROTO, 0},
		{{0, 0, 4, 100}, 4, TP_EPROTO, 0},
		{{0, 0, 4}, 3, TP_EPROTO, 0},
		{{0}, 0, TP_EPROTO, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_stun_attr attr = attr_of(cases[i].value, cases[i].len);
		struct tp_view reason = {NULL, 0};
		uint16_t code = 0;

		CU_ASSERT_EQUAL(tp_attr_read_error_code(&attr, &code, &reason), cases[i].err);
		CU_ASSERT_EQUAL(code, cases[i].code);
		if (cases[i].err == 0) {
			CU_ASSERT_EQUAL(reason.len, cases[i].len - 4);
			CU_ASSERT_PTR_EQUAL(reason.data, attr.value + 4);
		}
		drop(&attr);
	}
}

/* RFC 8489 section 14.8: as long as 763 bytes when decoding them. */
static void reason_phrase_may_have_763_bytes(void)
{
	uint8_t value[4 + 764] = {0, 0, 4, 0};
	struct tp_view reason;
	uint16_t code;
	struct tp_stun_attr attr = attr_of(value, 4 + 763);

	CU_ASSERT_EQUAL(tp_attr_read_error_code(&attr, &code, &reason), 0);
	CU_ASSERT_EQUAL(reason.len, 763);
	drop(&attr);
	attr = attr_of(value, 4 + 764);
	CU_ASSERT_EQUAL(tp_attr_read_error_code(&attr, &code, &reason), TP_EPROTO);
	drop(&attr);
}

static void reads_a_password_algorithm(void)
{
	static const struct {
		uint8_t value[12];
		size_t len;
		int err;
		uint16_t algorithm;
		size_t parameters_len;
	} cases[] = {
		{{0, 2, 0, 0}, 4, 0, 2, 0},
		{{0, 9, 0, 4, 1, 2, 3, 4}, 8, 0, 9, 4},
		{{0, 9, 0, 1, 1}, 5, 0, 9, 1},                   /* padding outside the attribute */
		{{0, 9, 0, 1, 1, 0xff, 0xff, 0xff}, 8, 0, 9, 1}, /* or inside; MUST be ignored */
		{{0}, 0, TP_EPROTO, 0, 0},
		{{0, 2, 0}, 3, TP_EPROTO, 0, 0},
		{{0, 2, 0, 1}, 4, TP_EPROTO, 0, 0},
		{{0, 2, 0xff, 0xff, 0, 0, 0, 0}, 8, TP_EPROTO, 0, 0},
		{{0, 2, 0, 0, 0, 1, 0, 0}, 8, TP_EPROTO, 0, 0}, /* a list is none */
		{{0, 2, 0, 0, 0}, 5, TP_EPROTO, 0, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_stun_attr attr = attr_of(cases[i].value, cases[i].len);
		struct tp_view parameters = {NULL, 0};
		uint16_t algorithm = 0;

		CU_ASSERT_EQUAL(tp_attr_read_password_algorithm(&attr, &algorithm, &parameters),
				cases[i].err);
		CU_ASSERT_EQUAL(algorithm, cases[i].algorithm);
		CU_ASSERT_EQUAL(parameters.len, cases[i].parameters_len);
		drop(&attr);
	}
}

static void steps_through_password_algorithms(void)
{
	static const uint8_t value[] = {0, 2, 0, 0, 0, 9, 0, 1, 0xaa, 0, 0, 0, 0, 1, 0, 0};
	struct tp_stun_attr attr = attr_of(value, sizeof(value));
	struct tp_view parameters;
	uint16_t algorithm;
	size_t offset = 0;

	CU_ASSERT_EQUAL(tp_attr_next_password_algorithm(&attr, &offset, &algorithm, &parameters),
			1);
	CU_ASSERT_EQUAL(algorithm, TP_PASSWORD_SHA256);
	CU_ASSERT_EQUAL(parameters.len, 0);
	CU_ASSERT_EQUAL(tp_attr_next_password_algorithm(&attr, &offset, &algorithm, &parameters),
			1);
	CU_ASSERT_EQUAL(algorithm, 9);
	CU_ASSERT_EQUAL_FATAL(parameters.len, 1);
	CU_ASSERT_EQUAL(parameters.data[0], 0xaa);
	CU_ASSERT_EQUAL(tp_attr_next_password_algorithm(&attr, &offset, &algorithm, &parameters),
			1);
	CU_ASSERT_EQUAL(algorithm, TP_PASSWORD_MD5);
	CU_ASSERT_EQUAL(tp_attr_next_password_algorithm(&attr, &offset, &algorithm, &parameters),
			0);
	CU_ASSERT_EQUAL(tp_attr_next_password_algorithm(&attr, &offset, &algorithm, &parameters),
			0);
	drop(&attr);
}

static void malformed_password_algorithms_are_refused(void)
{
	static const struct {
		uint8_t value[8];
		size_t len;
		int steps; /* good entries in front */
	} cases[] = {
		{{0, 2, 0}, 3, 0},
		{{0, 2, 0, 1}, 4, 0},
		{{0, 2, 0, 5, 1, 2, 3, 4}, 8, 0},
		{{0, 2, 0, 0, 0, 1}, 6, 1},
		{{0, 2, 0, 0, 0, 1, 0, 1}, 8, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_stun_attr attr = attr_of(cases[i].value, cases[i].len);
		struct tp_view parameters;
		uint16_t algorithm;
		size_t offset = 0;

		for (int step = 0; step < cases[i].steps; step++) {
			CU_ASSERT_EQUAL(tp_attr_next_password_algorithm(&attr, &offset, &algorithm,
									&parameters),
					1);
		}
		CU_ASSERT_EQUAL(
			tp_attr_next_password_algorithm(&attr, &offset, &algorithm, &parameters),
			TP_EPROTO);
		drop(&attr);
	}
}

static void reads_unknown_attributes(void)
{
	static const uint8_t value[] = {0x7f, 0xff, 0x00, 0x02, 0x00, 0x1a};
	struct tp_stun_attr attr = attr_of(value, sizeof(value));
	uint16_t types[3] = {0, 0, 0xdead};

	CU_ASSERT_EQUAL(tp_attr_read_unknown_attributes(&attr, types, 2), 3);
	CU_ASSERT_EQUAL(types[0], 0x7fff);
	CU_ASSERT_EQUAL(types[1], 0x0002);
	CU_ASSERT_EQUAL(types[2], 0xdead);
	attr.len = 5;
	CU_ASSERT_EQUAL(tp_attr_read_unknown_attributes(&attr, types, 3), 0);
	attr.len = 0;
	CU_ASSERT_EQUAL(tp_attr_read_unknown_attributes(&attr, types, 3), 0);
	drop(&attr);
}

static void view_is_the_value(void)
{
	struct tp_stun_attr attr = attr_of("abc", 3);
	struct tp_view view = tp_attr_view(&attr);

	CU_ASSERT_PTR_EQUAL(view.data, attr.value);
	CU_ASSERT_EQUAL(view.len, 3);
	drop(&attr);
}

TEST_SUITE("attr", TEST(reads_xor_mapped_address_of_the_vectors),
	   TEST(first_byte_of_an_address_is_ignored),
	   TEST(address_of_another_length_or_family_is_refused),
	   TEST(fixed_values_have_their_length_only), TEST(reserved_bits_are_ignored),
	   TEST(error_code_is_class_and_number), TEST(reason_phrase_may_have_763_bytes),
	   TEST(reads_a_password_algorithm), TEST(steps_through_password_algorithms),
	   TEST(malformed_password_algorithms_are_refused), TEST(reads_unknown_attributes),
	   TEST(view_is_the_value));

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "stun/attr.h"
#include "stun/build.h"
#include "stun/integrity.h"
#include "stun/msg.h"
#include "support/exact.h"
#include "support/stun_vectors.h"
#include "support/suite.h"

static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = {
	0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};
static const struct tp_addr ipv4 = {
	.family = TP_FAMILY_IPV4, .port = 32853, .bytes = {192, 0, 2, 1}};
static const struct tp_addr ipv6 = {.family = TP_FAMILY_IPV6,
				    .port = 32853,
				    .bytes = {0x20, 0x01, 0x0d, 0xb8, 0x12, 0x34, 0x56, 0x78, 0x00,
					      0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77}};

static uint8_t bytes[70000];

static struct tp_build begin(size_t size)
{
	struct tp_build build;

	tp_build_init(&build, bytes, size, TP_STUN_BINDING, TP_STUN_REQUEST, transaction_id);
	return build;
}

/* The value of the only attribute that was built. */
static const struct tp_stun_attr *only_attribute(const struct tp_build *build, uint16_t type)
{
	static struct tp_stun_msg msg;
	const char *reason;

	CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&msg, bytes, tp_build_finish(build), &reason), 0);
	CU_ASSERT_EQUAL_FATAL(msg.attr_count, 1);
	CU_ASSERT_EQUAL_FATAL(msg.attrs[0].type, type);
	return &msg.attrs[0];
}

static void check_value(const struct tp_build *build, uint16_t type, const void *value, size_t len)
{
	const struct tp_stun_attr *attr = only_attribute(build, type);

	CU_ASSERT_EQUAL_FATAL(attr->len, len);
	CU_ASSERT_EQUAL(memcmp(attr->value, value, len), 0);
	for (const uint8_t *at = attr->value + len; at < bytes + build->len; at++) {
		CU_ASSERT_EQUAL(*at, 0); /* padding MUST be zero: RFC 8489 section 14 */
	}
}

static void header_holds_type_cookie_and_transaction(void)
{
	struct tp_build build = begin(sizeof(bytes));

	CU_ASSERT_EQUAL(tp_build_finish(&build), 20);
	CU_ASSERT_EQUAL(memcmp(bytes, "\x00\x01\x00\x00\x21\x12\xa4\x42", 8), 0);
	CU_ASSERT_EQUAL(memcmp(bytes + 8, transaction_id, 12), 0);
}

/* RFC 8489 section 5, figure 3: every method with every class, both ways. */
static void types_are_read_as_written(void)
{
	for (uint16_t method = 0; method <= 0x0ff; method++) {
		for (int class = 0; class < 4; class ++) {
			struct tp_build build;
			struct tp_stun_msg msg;
			const char *reason;

			tp_build_init(&build, bytes, sizeof(bytes), method,
				      (enum tp_stun_class) class, transaction_id);
			CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&msg, bytes, build.len, &reason),
					      0);
			CU_ASSERT_EQUAL(msg.method, method);
			CU_ASSERT_EQUAL(msg.message_class, (enum tp_stun_class) class);
		}
	}
}

/* The vectors pad with a space where we must write zero. */
static void builds_the_responses_of_rfc_5769(void)
{
	static const struct {
		size_t vector;
		const struct tp_addr *addr;
	} cases[] = {{STUN_VECTOR_IPV4_RESPONSE, &ipv4}, {STUN_VECTOR_IPV6_RESPONSE, &ipv6}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct stun_vector *vector = &stun_vectors[cases[i].vector];
		struct tp_build build;

		tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_BINDING, TP_STUN_SUCCESS,
			      transaction_id);
		tp_build_string(&build, TP_ATTR_SOFTWARE, "test vector");
		tp_build_xor_addr(&build, TP_ATTR_XOR_MAPPED_ADDRESS, cases[i].addr);
		CU_ASSERT_EQUAL_FATAL(tp_build_finish(&build), vector->len - 24 - 8);
		bytes[35] = ' ';
		CU_ASSERT_EQUAL(memcmp(bytes, vector->bytes, 2), 0);
		CU_ASSERT_EQUAL(memcmp(bytes + 4, vector->bytes + 4, build.len - 4), 0);
	}
}

static void builds_the_long_term_request_of_rfc_5769(void)
{
	const struct stun_vector *vector = &stun_vectors[STUN_VECTOR_LONG_TERM];
	struct tp_key key = stun_vector_key(vector);
	struct tp_build build;

	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_BINDING, TP_STUN_REQUEST,
		      vector->bytes + 8);
	tp_build_string(&build, TP_ATTR_USERNAME, vector->user);
	tp_build_string(&build, TP_ATTR_NONCE, "f//499k954d6OL34oL9FSTvy64sA");
	tp_build_string(&build, TP_ATTR_REALM, vector->realm);
	tp_build_integrity(&build, &key, false);
	CU_ASSERT_EQUAL_FATAL(tp_build_finish(&build), vector->len);
	CU_ASSERT_EQUAL(memcmp(bytes, vector->bytes, vector->len), 0);
}

static void builds_the_request_of_rfc_8489(void)
{
	const struct stun_vector *vector = &stun_vectors[STUN_VECTOR_SHA256];
	struct tp_key key = stun_vector_key(vector);
	uint8_t userhash[TP_USERHASH_SIZE];
	struct tp_build build;

	CU_ASSERT_EQUAL(tp_userhash(userhash, vector->user, vector->realm), 0);
	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_BINDING, TP_STUN_REQUEST,
		      vector->bytes + 8);
	tp_build_bytes(&build, TP_ATTR_USERHASH, userhash, sizeof(userhash));
	tp_build_string(&build, TP_ATTR_NONCE, "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA");
	tp_build_string(&build, TP_ATTR_REALM, vector->realm);
	tp_build_integrity(&build, &key, true);
	CU_ASSERT_EQUAL_FATAL(tp_build_finish(&build), vector->len);
	CU_ASSERT_EQUAL(memcmp(bytes, vector->bytes, vector->len), 0);
}

static void numbers_are_read_as_written(void)
{
	struct tp_build build = begin(sizeof(bytes));
	uint32_t u32;

	tp_build_u32(&build, TP_ATTR_LIFETIME, 0x01020304);
	CU_ASSERT_EQUAL(tp_attr_read_u32(only_attribute(&build, TP_ATTR_LIFETIME), &u32), 0);
	CU_ASSERT_EQUAL(u32, 0x01020304);

	build = begin(sizeof(bytes));
	tp_build_u64(&build, TP_ATTR_RESERVATION_TOKEN, UINT64_C(0x0102030405060708));
	check_value(&build, TP_ATTR_RESERVATION_TOKEN, "\1\2\3\4\5\6\7\10", 8);
}

/* RFC 8489 section 14: zeros to the boundary, outside the length. */
static void values_of_every_length_are_padded(void)
{
	uint8_t value[16];

	memset(value, 0xee, sizeof(value));
	for (size_t len = 0; len <= sizeof(value); len++) {
		struct tp_build build;

		memset(bytes, 0xff, 64);
		build = begin(sizeof(bytes));
		tp_build_bytes(&build, TP_ATTR_DATA, value, len);
		CU_ASSERT_EQUAL(tp_build_finish(&build), 24 + (len + 3) / 4 * 4);
		CU_ASSERT_EQUAL(bytes[build.len], 0xff);
		check_value(&build, TP_ATTR_DATA, value, len);
	}
}

static void addresses_are_read_as_written(void)
{
	const struct tp_addr *addrs[] = {&ipv4, &ipv6};

	for (size_t i = 0; i < 2; i++) {
		struct tp_build build = begin(sizeof(bytes));
		const struct tp_stun_msg msg = {.bytes = bytes};
		struct tp_addr addr;

		tp_build_addr(&build, TP_ATTR_ALTERNATE_SERVER, addrs[i]);
		CU_ASSERT_EQUAL(
			tp_attr_read_addr(only_attribute(&build, TP_ATTR_ALTERNATE_SERVER), &addr),
			0);
		CU_ASSERT_EQUAL(memcmp(&addr, addrs[i], sizeof(addr)), 0);

		build = begin(sizeof(bytes));
		tp_build_xor_addr(&build, TP_ATTR_XOR_RELAYED_ADDRESS, addrs[i]);
		CU_ASSERT_EQUAL(
			tp_attr_read_xor_addr(only_attribute(&build, TP_ATTR_XOR_RELAYED_ADDRESS),
					      &msg, &addr),
			0);
		CU_ASSERT_EQUAL(memcmp(&addr, addrs[i], sizeof(addr)), 0);
	}
}

static void unset_addresses_fail(void)
{
	static const struct tp_addr unset;
	struct tp_build build = begin(sizeof(bytes));

	tp_build_xor_addr(&build, TP_ATTR_XOR_MAPPED_ADDRESS, NULL);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
	build = begin(sizeof(bytes));
	tp_build_xor_addr(&build, TP_ATTR_XOR_MAPPED_ADDRESS, &unset);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
	build = begin(sizeof(bytes));
	tp_build_addr(&build, TP_ATTR_MAPPED_ADDRESS, NULL);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
	build = begin(sizeof(bytes));
	tp_build_addr(&build, TP_ATTR_MAPPED_ADDRESS, &unset);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
}

static void error_codes_are_read_as_written(void)
{
	for (uint16_t code = 290; code < 710; code++) {
		struct tp_build build = begin(sizeof(bytes));
		bool valid = code >= 300 && code <= 699;
		struct tp_view reason;
		uint16_t read;

		tp_build_error_code(&build, code, NULL);
		CU_ASSERT_EQUAL(tp_build_finish(&build) != 0, valid);
		if (!valid) {
			continue;
		}
		CU_ASSERT_EQUAL_FATAL(
			tp_attr_read_error_code(only_attribute(&build, TP_ATTR_ERROR_CODE), &read,
						&reason),
			0);
		CU_ASSERT_EQUAL(read, code);
		CU_ASSERT_EQUAL(reason.len, strlen(tp_stun_reason(code)));
		CU_ASSERT_EQUAL(memcmp(reason.data, tp_stun_reason(code), reason.len), 0);
	}
}

/* RFC 8489 section 14.8: fewer than 128 characters, as long as 509 bytes. */
static void reason_is_cut_between_characters(void)
{
	static const struct {
		const char *character;
		size_t count;
		size_t expected_len;
	} cases[] = {
		{"a", 0, 0},
		{"a", 127, 127},
		{"a", 128, 127},
		{"a", 5000, 127},
		{"\xc3\xa9", 300, 254},
		{"\xe3\x83\x9e", 300, 381},
		{"\xf0\x9f\x90\xa2", 127, 508},
		{"\xf0\x9f\x90\xa2", 300, 508},
		{"\x80", 600, 0}, /* no character begins anywhere */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_build build = begin(sizeof(bytes));
		char text[5001] = "";
		struct tp_view reason;
		uint16_t code;

		for (size_t n = 0; n < cases[i].count; n++) {
			strcat(text, cases[i].character);
		}
		tp_build_error_code(&build, 400, text);
		CU_ASSERT_EQUAL_FATAL(
			tp_attr_read_error_code(only_attribute(&build, TP_ATTR_ERROR_CODE), &code,
						&reason),
			0);
		CU_ASSERT_EQUAL(reason.len, cases[i].expected_len);
		CU_ASSERT_EQUAL(memcmp(reason.data, text, reason.len), 0);
	}
}

/* RFC 8489 sections 14.3, 14.9, 14.10, 14.14 and 14.16. */
static void texts_beyond_their_limit_fail(void)
{
	static const struct {
		uint16_t type;
		const char *character;
		size_t max; /* characters */
	} cases[] = {
		{TP_ATTR_USERNAME, "a", 508},
		{TP_ATTR_REALM, "a", 127},
		{TP_ATTR_NONCE, "a", 127},
		{TP_ATTR_SOFTWARE, "a", 127},
		{TP_ATTR_REALM, "\xc3\xa9", 127},
		{TP_ATTR_SOFTWARE, "\xf0\x9f\x90\xa2", 127},
		{TP_ATTR_ALTERNATE_DOMAIN, "a", 255},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_build build = begin(sizeof(bytes));
		char text[1024] = "";

		for (size_t n = 0; n < cases[i].max; n++) {
			strcat(text, cases[i].character);
		}
		tp_build_string(&build, cases[i].type, text);
		CU_ASSERT_NOT_EQUAL(tp_build_finish(&build), 0);
		build = begin(sizeof(bytes));
		tp_build_string(&build, cases[i].type, strcat(text, cases[i].character));
		CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
	}
}

static void unknown_attributes_are_read_as_written(void)
{
	static const uint16_t types[] = {0x7fff, 0x0002, 0x001a};
	struct tp_build build = begin(sizeof(bytes));
	uint16_t read[3];

	tp_build_unknown_attributes(&build, types, 3);
	CU_ASSERT_EQUAL(tp_attr_read_unknown_attributes(
				only_attribute(&build, TP_ATTR_UNKNOWN_ATTRIBUTES), read, 3),
			3);
	CU_ASSERT_EQUAL(memcmp(read, types, sizeof(types)), 0);
	check_value(&build, TP_ATTR_UNKNOWN_ATTRIBUTES, "\x7f\xff\x00\x02\x00\x1a", 6);
	tp_build_unknown_attributes(&build, types, SIZE_MAX);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
}

/* RFFU fields MUST be zero on transmission: RFC 8656 sections 18.1 to 18.8. */
static void turn_attributes_are_laid_out_as_drawn(void)
{
	struct tp_build build = begin(sizeof(bytes));

	tp_build_channel_number(&build, 0x4abc);
	check_value(&build, TP_ATTR_CHANNEL_NUMBER, "\x4a\xbc\0\0", 4);
	build = begin(sizeof(bytes));
	tp_build_requested_transport(&build, TP_PROTOCOL_UDP);
	check_value(&build, TP_ATTR_REQUESTED_TRANSPORT, "\x11\0\0\0", 4);
	build = begin(sizeof(bytes));
	tp_build_address_family(&build, TP_ATTR_ADDITIONAL_ADDRESS_FAMILY, TP_FAMILY_IPV6);
	check_value(&build, TP_ATTR_ADDITIONAL_ADDRESS_FAMILY, "\x02\0\0\0", 4);
	build = begin(sizeof(bytes));
	tp_build_even_port(&build, true);
	check_value(&build, TP_ATTR_EVEN_PORT, "\x80", 1);
	build = begin(sizeof(bytes));
	tp_build_even_port(&build, false);
	check_value(&build, TP_ATTR_EVEN_PORT, "\0", 1);
	build = begin(sizeof(bytes));
	tp_build_address_error_code(&build, TP_FAMILY_IPV6, 508);
	check_value(&build, TP_ATTR_ADDRESS_ERROR_CODE, "\2\0\5\10Insufficient Capacity", 25);
	build = begin(sizeof(bytes));
	tp_build_address_error_code(&build, TP_FAMILY_IPV6, 0);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
	build = begin(sizeof(bytes));
	tp_build_icmp(&build, 3, 4, 1280);
	check_value(&build, TP_ATTR_ICMP, "\0\0\3\4\0\0\5\0", 8);
}

/* RFC 8489 sections 14.11 and 14.12: the parameters are empty. */
static void password_algorithms_are_read_as_written(void)
{
	static const uint16_t algorithms[] = {TP_PASSWORD_SHA256, TP_PASSWORD_MD5};
	struct tp_build build = begin(sizeof(bytes));
	struct tp_view parameters;
	uint16_t algorithm;

	tp_build_password_algorithms(&build, algorithms, 2);
	check_value(&build, TP_ATTR_PASSWORD_ALGORITHMS, "\0\2\0\0\0\1\0\0", 8);
	tp_build_password_algorithms(&build, algorithms, SIZE_MAX);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);

	build = begin(sizeof(bytes));
	tp_build_password_algorithm(&build, TP_PASSWORD_SHA256);
	CU_ASSERT_EQUAL(
		tp_attr_read_password_algorithm(only_attribute(&build, TP_ATTR_PASSWORD_ALGORITHM),
						&algorithm, &parameters),
		0);
	CU_ASSERT_EQUAL(algorithm, TP_PASSWORD_SHA256);
	CU_ASSERT_EQUAL(parameters.len, 0);
}

static void build_one_of_each(struct tp_build *build)
{
	static const uint16_t numbers[] = {1, 2, 3};
	struct tp_key key = stun_vector_key(&stun_vectors[STUN_VECTOR_REQUEST]);

	tp_build_u64(build, TP_ATTR_RESERVATION_TOKEN, 1);
	tp_build_u32(build, TP_ATTR_LIFETIME, 600);
	tp_build_xor_addr(build, TP_ATTR_XOR_MAPPED_ADDRESS, &ipv4);
	tp_build_addr(build, TP_ATTR_OTHER_ADDRESS, &ipv6);
	tp_build_error_code(build, 401, NULL);
	tp_build_unknown_attributes(build, numbers, 3);
	tp_build_even_port(build, true);
	tp_build_password_algorithms(build, numbers, 2);
	tp_build_address_error_code(build, TP_FAMILY_IPV4, 440);
	tp_build_icmp(build, 3, 1, 0);
	tp_build_string(build, TP_ATTR_SOFTWARE, "test");
	tp_build_integrity(build, &key, false);
	tp_build_integrity(build, &key, true);
	tp_build_fingerprint(build);
}

/* Whatever the room, nothing is written behind it; all is built or 0. */
static void what_does_not_fit_fails_inside_the_buffer(void)
{
	struct tp_build build = begin(sizeof(bytes));
	size_t needed;

	build_one_of_each(&build);
	needed = tp_build_finish(&build);
	CU_ASSERT_NOT_EQUAL_FATAL(needed, 0);
	for (size_t size = 0; size <= needed; size++) {
		uint8_t *exact = exact_copy(bytes, size);

		tp_build_init(&build, exact, size, TP_STUN_BINDING, TP_STUN_REQUEST,
			      transaction_id);
		build_one_of_each(&build);
		CU_ASSERT_EQUAL(tp_build_finish(&build), size == needed ? needed : 0);
		free(exact);
	}
}

static void nothing_is_written_after_the_first_that_did_not_fit(void)
{
	struct tp_build build = begin(32);

	tp_build_string(&build, TP_ATTR_SOFTWARE, "too long for it");
	CU_ASSERT_EQUAL(build.len, 20);
	tp_build_u32(&build, TP_ATTR_LIFETIME, 1);
	CU_ASSERT_EQUAL(build.len, 20);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
}

/* The header's length has 16 bits. */
static void message_longer_than_its_length_field_fails(void)
{
	static const uint8_t value[65536];
	struct tp_build build = begin(sizeof(bytes));

	tp_build_bytes(&build, TP_ATTR_DATA, value, 65528);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 65552);
	CU_ASSERT_EQUAL(tp_get_u16(bytes + 2), 65532);
	tp_build_bytes(&build, TP_ATTR_DONT_FRAGMENT, NULL, 0);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);

	build = begin(sizeof(bytes));
	tp_build_bytes(&build, TP_ATTR_DATA, value, 65529);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
	build = begin(sizeof(bytes));
	tp_build_bytes(&build, TP_ATTR_DATA, value, 65536);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
	build = begin(sizeof(bytes));
	tp_build_bytes(&build, TP_ATTR_DATA, value, SIZE_MAX);
	CU_ASSERT_EQUAL(tp_build_finish(&build), 0);
}

static void length_is_right_after_each_attribute(void)
{
	struct tp_build build = begin(sizeof(bytes));

	for (size_t i = 0; i < 10; i++) {
		tp_build_bytes(&build, TP_ATTR_PADDING, "abcdefghij", i);
		CU_ASSERT_EQUAL(tp_get_u16(bytes + 2), build.len - TP_STUN_HEADER_SIZE);
	}
}

TEST_SUITE("build", TEST(header_holds_type_cookie_and_transaction), TEST(types_are_read_as_written),
	   TEST(builds_the_responses_of_rfc_5769), TEST(builds_the_long_term_request_of_rfc_5769),
	   TEST(builds_the_request_of_rfc_8489), TEST(numbers_are_read_as_written),
	   TEST(values_of_every_length_are_padded), TEST(addresses_are_read_as_written),
	   TEST(unset_addresses_fail), TEST(error_codes_are_read_as_written),
	   TEST(reason_is_cut_between_characters), TEST(texts_beyond_their_limit_fail),
	   TEST(unknown_attributes_are_read_as_written),
	   TEST(turn_attributes_are_laid_out_as_drawn),
	   TEST(password_algorithms_are_read_as_written),
	   TEST(what_does_not_fit_fails_inside_the_buffer),
	   TEST(nothing_is_written_after_the_first_that_did_not_fit),
	   TEST(message_longer_than_its_length_field_fails),
	   TEST(length_is_right_after_each_attribute));

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "stun/build.h"
#include "stun/integrity.h"
#include "stun/msg.h"
#include "support/exact.h"
#include "support/stun_vectors.h"
#include "support/suite.h"

static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = {1, 2, 3, 4,  5,  6,
								    7, 8, 9, 10, 11, 12};
static const struct tp_key key = {.bytes = "0123456789abcdef", .len = 16};

/* A message under construction and what the parser makes of it. */
struct parsed {
	uint8_t bytes[2048];
	struct tp_build build;
	struct tp_stun_msg msg;
	const char *reason;
};

static void begin(struct parsed *parsed)
{
	memset(parsed, 0, sizeof(*parsed));
	tp_build_init(&parsed->build, parsed->bytes, sizeof(parsed->bytes), TP_STUN_ALLOCATE,
		      TP_STUN_REQUEST, transaction_id);
}

static int parse(struct parsed *parsed)
{
	return tp_stun_msg_parse(&parsed->msg, parsed->bytes, tp_build_finish(&parsed->build),
				 &parsed->reason);
}

static void reads_the_vectors_of_the_rfcs(void)
{
	for (size_t i = 0; i < stun_vector_count; i++) {
		const struct stun_vector *vector = &stun_vectors[i];
		struct tp_stun_msg msg;
		const char *reason = NULL;

		CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&msg, vector->bytes, vector->len, &reason),
				      0);
		CU_ASSERT_PTR_NULL(reason);
		CU_ASSERT_PTR_EQUAL(msg.bytes, vector->bytes);
		CU_ASSERT_EQUAL(msg.len, vector->len);
		CU_ASSERT_EQUAL(msg.method, TP_STUN_BINDING);
		CU_ASSERT_EQUAL(msg.message_class, vector->message_class);
		CU_ASSERT_PTR_EQUAL(msg.transaction_id, vector->bytes + 8);
		CU_ASSERT_EQUAL(msg.attr_count, vector->attr_count);
		CU_ASSERT_EQUAL(tp_stun_msg_find(&msg, TP_ATTR_FINGERPRINT) != NULL,
				vector->fingerprint);
	}
}

static void reads_the_values_of_the_sample_request(void)
{
	const struct stun_vector *vector = &stun_vectors[STUN_VECTOR_REQUEST];
	struct tp_stun_msg msg;
	const struct tp_stun_attr *attr;
	const char *reason;

	CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&msg, vector->bytes, vector->len, &reason), 0);
	attr = tp_stun_msg_find(&msg, TP_ATTR_SOFTWARE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(attr->len, 16);
	CU_ASSERT_EQUAL(memcmp(attr->value, "STUN test client", 16), 0);
	attr = tp_stun_msg_find(&msg, TP_ATTR_USERNAME);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(attr->len, 9); /* without the padding */
	CU_ASSERT_EQUAL(memcmp(attr->value, "evtj:h6vY", 9), 0);
	attr = tp_stun_msg_find(&msg, TP_ATTR_PRIORITY);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(tp_get_u32(attr->value), 0x6e0001ff);
}

/* Its length counts the header, which RFC 8489 section 5 says it does not. */
static void appendix_b_as_printed_is_refused(void)
{
	struct tp_stun_msg msg;
	const char *reason = NULL;

	CU_ASSERT_EQUAL(tp_stun_msg_parse(&msg, stun_vector_sha256_as_printed,
					  STUN_VECTOR_SHA256_AS_PRINTED_SIZE, &reason),
			TP_EPROTO);
	CU_ASSERT_PTR_NOT_NULL(reason);
}

/* RFC 8489 section 5, figure 3. */
static void method_and_class_are_interleaved(void)
{
	static const struct {
		uint16_t type;
		uint16_t method;
		enum tp_stun_class message_class;
	} cases[] = {
		{0x0001, 0x001, TP_STUN_REQUEST}, {0x0011, 0x001, TP_STUN_INDICATION},
		{0x0101, 0x001, TP_STUN_SUCCESS}, {0x0111, 0x001, TP_STUN_ERROR},
		{0x0003, 0x003, TP_STUN_REQUEST}, {0x0016, 0x006, TP_STUN_INDICATION},
		{0x0113, 0x003, TP_STUN_ERROR},   {0x0020, 0x010, TP_STUN_REQUEST},
		{0x0080, 0x040, TP_STUN_REQUEST}, {0x00ef, 0x07f, TP_STUN_REQUEST},
		{0x0200, 0x080, TP_STUN_REQUEST}, {0x02ef, 0x0ff, TP_STUN_REQUEST},
		{0x03ff, 0x0ff, TP_STUN_ERROR},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p;

		begin(&p);
		tp_put_u16(p.bytes, cases[i].type);
		CU_ASSERT_EQUAL_FATAL(parse(&p), 0);
		CU_ASSERT_EQUAL(p.msg.method, cases[i].method);
		CU_ASSERT_EQUAL(p.msg.message_class, cases[i].message_class);
	}
}

/* RFC 8489 sections 5 and 6.3. */
static void malformed_headers_are_refused(void)
{
	static const struct {
		size_t at;
		uint8_t value;
	} cases[] = {
		{0, 0x04}, /* no TURN server speaks methods over 0xff */
		{0, 0x40}, /* the first two bits MUST be zero */
		{0, 0x80}, {0, 0xc0}, {4, 0x20}, {5, 0x13}, {6, 0xa5}, {7, 0x43}, /* MUST be the
										     magic cookie */
		{3, 0x00}, {3, 0x04}, {3, 0x09}, {3, 0x0a}, {3, 0x0b}, {3, 0x0c}, {2, 0x01},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct parsed p;

		begin(&p);
		tp_build_u32(&p.build, TP_ATTR_LIFETIME, 600);
		CU_ASSERT_EQUAL_FATAL(parse(&p), 0);
		p.bytes[cases[i].at] = cases[i].value;
		CU_ASSERT_EQUAL(parse(&p), TP_EPROTO);
		CU_ASSERT_PTR_NOT_NULL(p.reason);
	}
}

static void bytes_behind_the_message_are_refused(void)
{
	struct parsed p;

	begin(&p);
	for (size_t more = 1; more <= 8; more++) {
		CU_ASSERT_EQUAL(
			tp_stun_msg_parse(&p.msg, p.bytes, TP_STUN_HEADER_SIZE + more, &p.reason),
			TP_EPROTO);
	}
}

/* RFC 8489 section 5: the last two bits of the length are always zero. */
static void length_that_is_no_multiple_of_four_is_refused(void)
{
	for (uint8_t more = 1; more < 4; more++) {
		struct parsed p;
		uint8_t *copy;

		begin(&p);
		p.bytes[3] = more;
		copy = exact_copy(p.bytes, TP_STUN_HEADER_SIZE + (size_t)more);
		CU_ASSERT_EQUAL(tp_stun_msg_parse(&p.msg, copy, TP_STUN_HEADER_SIZE + (size_t)more,
						  &p.reason),
				TP_EPROTO);
		free(copy);
	}
}

/* The header agrees with the bytes; the attributes in them do not fit. */
static void malformed_attributes_are_refused(void)
{
	static const struct {
		uint8_t bytes[12];
		size_t len;
	} cases[] = {
		{{0x00, 0x0d, 0x00, 0x01}, 4},             /* no value at all */
		{{0x00, 0x0d, 0x00, 0x04}, 4},             /* ends behind the message */
		{{0x00, 0x0d, 0x00, 0x05, 1, 2, 3, 4}, 8}, /* one byte more */
		{{0x00, 0x0d, 0xff, 0xff, 1, 2, 3, 4}, 8}, /* the most a length can say */
		{{0x00, 0x0d, 0xff, 0xfd, 1, 2, 3, 4}, 8}, /* wraps when padded in 16 bits */
		{{0x00, 0x0d, 0x00, 0x00, 0, 6, 0, 5, 1, 2, 3, 4}, 12}, /* the second */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[64];
		size_t len = TP_STUN_HEADER_SIZE + cases[i].len;
		struct tp_build build;
		struct tp_stun_msg msg;
		const char *reason = NULL;
		uint8_t *copy;

		tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_BINDING, TP_STUN_REQUEST,
			      transaction_id);
		tp_put_u16(bytes + 2, (uint16_t)cases[i].len);
		memcpy(bytes + TP_STUN_HEADER_SIZE, cases[i].bytes, cases[i].len);
		copy = exact_copy(bytes, len);
		CU_ASSERT_EQUAL(tp_stun_msg_parse(&msg, copy, len, &reason), TP_EPROTO);
		CU_ASSERT_PTR_NOT_NULL(reason);
		free(copy);
	}
}

static void every_truncation_is_refused(void)
{
	for (size_t i = 0; i < stun_vector_count; i++) {
		for (size_t len = 0; len < stun_vectors[i].len; len++) {
			uint8_t *copy = exact_copy(stun_vectors[i].bytes, len);
			struct tp_stun_msg msg;
			const char *reason = NULL;

			CU_ASSERT_EQUAL(tp_stun_msg_parse(&msg, copy, len, &reason), TP_EPROTO);
			free(copy);
		}
	}
}

/* The same cuts with a header that agrees: what is indexed lies inside. */
static void truncation_with_a_matching_length_stays_inside(void)
{
	for (size_t i = 0; i < stun_vector_count; i++) {
		for (size_t len = TP_STUN_HEADER_SIZE; len < stun_vectors[i].len; len += 4) {
			uint8_t *copy = exact_copy(stun_vectors[i].bytes, len);
			struct tp_stun_msg msg;
			const char *reason = NULL;

			tp_put_u16(copy + 2, (uint16_t)(len - TP_STUN_HEADER_SIZE));
			if (tp_stun_msg_parse(&msg, copy, len, &reason) == 0) {
				for (size_t a = 0; a < msg.attr_count; a++) {
					CU_ASSERT_TRUE(msg.attrs[a].value + msg.attrs[a].len <=
						       copy + len);
				}
			}
			free(copy);
		}
	}
}

/* RFC 8489 section 14: padding bits MUST be ignored by the receiver. */
static void padding_may_hold_any_value(void)
{
	struct parsed p;

	begin(&p);
	tp_build_string(&p.build, TP_ATTR_USERNAME, "a");
	tp_build_u32(&p.build, TP_ATTR_LIFETIME, 600);
	memset(p.bytes + TP_STUN_HEADER_SIZE + 5, 0xff, 3);
	CU_ASSERT_EQUAL_FATAL(parse(&p), 0);
	CU_ASSERT_EQUAL(p.msg.attr_count, 2);
	CU_ASSERT_EQUAL(p.msg.attrs[0].len, 1);
	CU_ASSERT_EQUAL(p.msg.attrs[1].type, TP_ATTR_LIFETIME);
}

/* RFC 8489 section 14: only the first occurrence needs to be processed. */
static void first_of_duplicates_counts(void)
{
	const struct tp_stun_attr *attr;
	struct parsed p;

	begin(&p);
	tp_build_u32(&p.build, TP_ATTR_LIFETIME, 1);
	tp_build_u32(&p.build, TP_ATTR_CHANNEL_NUMBER, 7);
	tp_build_u32(&p.build, TP_ATTR_LIFETIME, 2);
	tp_build_u32(&p.build, TP_ATTR_LIFETIME, 3);
	CU_ASSERT_EQUAL_FATAL(parse(&p), 0);
	CU_ASSERT_EQUAL(p.msg.attr_count, 2);
	attr = tp_stun_msg_find(&p.msg, TP_ATTR_LIFETIME);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(tp_get_u32(attr->value), 1);
	CU_ASSERT_PTR_NULL(tp_stun_msg_find_nth(&p.msg, TP_ATTR_LIFETIME, 1));
}

static void each_counts(uint16_t type)
{
	struct tp_addr addr = {.family = TP_FAMILY_IPV4, .bytes = {192, 0, 2, 1}};
	struct parsed p;

	begin(&p);
	for (uint16_t port = 1; port <= 3; port++) {
		addr.port = port;
		tp_build_xor_addr(&p.build, type, &addr);
		tp_build_u32(&p.build, TP_ATTR_LIFETIME, port);
	}
	CU_ASSERT_EQUAL_FATAL(parse(&p), 0);
	CU_ASSERT_EQUAL(p.msg.attr_count, 4);
	for (uint16_t n = 0; n < 3; n++) {
		const struct tp_stun_attr *attr = tp_stun_msg_find_nth(&p.msg, type, n);

		CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
		CU_ASSERT_EQUAL(tp_get_u16(attr->value + 2) ^ 0x2112, n + 1);
	}
	CU_ASSERT_PTR_NULL(tp_stun_msg_find_nth(&p.msg, type, 3));
}

/* RFC 8656 sections 10.1 and 7.2: CreatePermission names peers, a dual allocation has two. */
static void each_peer_relayed_address_and_alternate_counts(void)
{
	each_counts(TP_ATTR_XOR_PEER_ADDRESS);
	each_counts(TP_ATTR_XOR_RELAYED_ADDRESS);
	each_counts(TP_ATTR_ALTERNATE_SERVER);
}

static void duplicates_count_towards_the_ceiling(void)
{
	struct parsed p;

	begin(&p);
	for (size_t i = 0; i < TP_STUN_ATTRIBUTES_MAX; i++) {
		tp_build_u32(&p.build, TP_ATTR_LIFETIME, 1);
	}
	CU_ASSERT_EQUAL(parse(&p), 0);
	tp_build_u32(&p.build, TP_ATTR_LIFETIME, 1);
	CU_ASSERT_EQUAL(parse(&p), TP_EPROTO);
}

static void more_attributes_than_the_ceiling_are_refused(void)
{
	struct parsed p;

	begin(&p);
	for (uint16_t i = 0; i < TP_STUN_ATTRIBUTES_MAX; i++) {
		tp_build_bytes(&p.build, (uint16_t)(0x9000 + i), NULL, 0);
	}
	CU_ASSERT_EQUAL_FATAL(parse(&p), 0);
	CU_ASSERT_EQUAL(p.msg.attr_count, TP_STUN_ATTRIBUTES_MAX);
	tp_build_bytes(&p.build, 0x9fff, NULL, 0);
	CU_ASSERT_EQUAL(parse(&p), TP_EPROTO);
}

/* RFC 8489 section 14.5. */
static void behind_message_integrity_only_its_kin_counts(void)
{
	struct parsed p;

	begin(&p);
	tp_build_u32(&p.build, TP_ATTR_LIFETIME, 1);
	tp_build_integrity(&p.build, &key, false);
	tp_build_u32(&p.build, TP_ATTR_CHANNEL_NUMBER, 1);
	tp_build_u32(&p.build, 0x7abc, 1); /* unknown and required: no 420 for it */
	tp_build_integrity(&p.build, &key, true);
	tp_build_u32(&p.build, TP_ATTR_RESERVATION_TOKEN, 1);
	tp_build_fingerprint(&p.build);
	CU_ASSERT_EQUAL_FATAL(parse(&p), 0);
	CU_ASSERT_EQUAL_FATAL(p.msg.attr_count, 4);
	CU_ASSERT_EQUAL(p.msg.attrs[0].type, TP_ATTR_LIFETIME);
	CU_ASSERT_EQUAL(p.msg.attrs[1].type, TP_ATTR_MESSAGE_INTEGRITY);
	CU_ASSERT_EQUAL(p.msg.attrs[2].type, TP_ATTR_MESSAGE_INTEGRITY_SHA256);
	CU_ASSERT_EQUAL(p.msg.attrs[3].type, TP_ATTR_FINGERPRINT);
}

/* RFC 8489 section 14.6. */
static void behind_message_integrity_sha256_only_fingerprint_counts(void)
{
	struct parsed p;

	begin(&p);
	tp_build_integrity(&p.build, &key, true);
	tp_build_integrity(&p.build, &key, false);
	tp_build_u32(&p.build, TP_ATTR_LIFETIME, 1);
	tp_build_fingerprint(&p.build);
	CU_ASSERT_EQUAL_FATAL(parse(&p), 0);
	CU_ASSERT_EQUAL_FATAL(p.msg.attr_count, 2);
	CU_ASSERT_EQUAL(p.msg.attrs[0].type, TP_ATTR_MESSAGE_INTEGRITY_SHA256);
	CU_ASSERT_EQUAL(p.msg.attrs[1].type, TP_ATTR_FINGERPRINT);
}

/* RFC 8489 section 14.7: MUST be the last attribute. */
static void fingerprint_that_is_not_last_is_refused(void)
{
	struct parsed p;

	begin(&p);
	tp_build_fingerprint(&p.build);
	CU_ASSERT_EQUAL(parse(&p), 0);
	tp_build_u32(&p.build, TP_ATTR_LIFETIME, 1);
	CU_ASSERT_EQUAL(parse(&p), TP_EPROTO);

	begin(&p);
	tp_build_fingerprint(&p.build);
	tp_build_fingerprint(&p.build);
	CU_ASSERT_EQUAL(parse(&p), TP_EPROTO);
}

/* RFC 8489 section 6.3: contains the correct value, else discarded. */
static void fingerprint_covers_every_bit(void)
{
	const struct stun_vector *vector = &stun_vectors[STUN_VECTOR_REQUEST];
	size_t refused = 0;

	for (size_t bit = 0; bit < vector->len * 8; bit++) {
		uint8_t *copy = exact_copy(vector->bytes, vector->len);
		struct tp_stun_msg msg;
		const char *reason = NULL;

		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		/* A few flips hide the attribute: in its type, or in a length before it. */
		if (tp_stun_msg_parse(&msg, copy, vector->len, &reason) == 0) {
			CU_ASSERT_PTR_NULL(tp_stun_msg_find(&msg, TP_ATTR_FINGERPRINT));
		} else {
			refused++;
		}
		free(copy);
	}
	CU_ASSERT_TRUE(refused >= vector->len * 8 - 32);
}

/* Even when the right value stands where it belongs. */
static void fingerprint_of_another_length_is_refused(void)
{
	static const size_t lengths[] = {0, 1, 3, 5, 8};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		static const uint8_t zeros[8];
		struct parsed p;

		begin(&p);
		tp_build_bytes(&p.build, TP_ATTR_FINGERPRINT, zeros, lengths[i]);
		tp_put_u32(p.bytes + TP_STUN_HEADER_SIZE + 4,
			   tp_fingerprint(p.bytes, TP_STUN_HEADER_SIZE));
		CU_ASSERT_EQUAL(parse(&p), TP_EPROTO);
	}
}

static bool knows_lifetime(uint16_t type)
{
	return type == TP_ATTR_LIFETIME;
}

/* RFC 8489 section 6.3.1: what the UNKNOWN-ATTRIBUTES of a 420 lists. */
static void unknown_required_attributes_are_listed_once(void)
{
	struct tp_addr addr = {.family = TP_FAMILY_IPV4};
	uint16_t unknown[8];
	struct parsed p;

	begin(&p);
	tp_build_u32(&p.build, TP_ATTR_LIFETIME, 1);
	tp_build_u32(&p.build, 0x7fff, 1);
	tp_build_xor_addr(&p.build, TP_ATTR_XOR_PEER_ADDRESS, &addr);
	tp_build_u32(&p.build, 0xc000, 1); /* optional */
	tp_build_xor_addr(&p.build, TP_ATTR_XOR_PEER_ADDRESS, &addr);
	tp_build_u32(&p.build, 0x0002, 1);
	CU_ASSERT_EQUAL_FATAL(parse(&p), 0);
	CU_ASSERT_EQUAL_FATAL(tp_stun_msg_unknown(&p.msg, knows_lifetime, unknown, 8), 3);
	CU_ASSERT_EQUAL(unknown[0], 0x7fff);
	CU_ASSERT_EQUAL(unknown[1], TP_ATTR_XOR_PEER_ADDRESS);
	CU_ASSERT_EQUAL(unknown[2], 0x0002);

	unknown[2] = 0xdead;
	CU_ASSERT_EQUAL(tp_stun_msg_unknown(&p.msg, knows_lifetime, unknown, 2), 2);
	CU_ASSERT_EQUAL(unknown[2], 0xdead);
	CU_ASSERT_EQUAL(tp_stun_msg_unknown(&p.msg, knows_lifetime, unknown, 0), 0);
}

TEST_SUITE("msg", TEST(reads_the_vectors_of_the_rfcs), TEST(reads_the_values_of_the_sample_request),
	   TEST(appendix_b_as_printed_is_refused), TEST(method_and_class_are_interleaved),
	   TEST(malformed_headers_are_refused), TEST(bytes_behind_the_message_are_refused),
	   TEST(length_that_is_no_multiple_of_four_is_refused),
	   TEST(malformed_attributes_are_refused), TEST(every_truncation_is_refused),
	   TEST(truncation_with_a_matching_length_stays_inside), TEST(padding_may_hold_any_value),
	   TEST(first_of_duplicates_counts), TEST(each_peer_relayed_address_and_alternate_counts),
	   TEST(duplicates_count_towards_the_ceiling),
	   TEST(more_attributes_than_the_ceiling_are_refused),
	   TEST(behind_message_integrity_only_its_kin_counts),
	   TEST(behind_message_integrity_sha256_only_fingerprint_counts),
	   TEST(fingerprint_that_is_not_last_is_refused), TEST(fingerprint_covers_every_bit),
	   TEST(fingerprint_of_another_length_is_refused),
	   TEST(unknown_required_attributes_are_listed_once));

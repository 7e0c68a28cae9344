/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/err.h"
#include "stun/integrity.h"
#include "support/exact.h"
#include "support/stun_vectors.h"
#include "support/suite.h"

static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = {1, 2, 3, 4,  5,  6,
								    7, 8, 9, 10, 11, 12};
static const struct tp_key key = {.bytes = "0123456789abcdef", .len = 16};
static const struct tp_key empty_key;

struct built {
	uint8_t bytes[512];
	struct tp_build build;
	struct tp_stun_msg msg;
};

static void begin(struct built *b)
{
	memset(b, 0, sizeof(*b));
	tp_build_init(&b->build, b->bytes, sizeof(b->bytes), TP_STUN_REFRESH, TP_STUN_REQUEST,
		      transaction_id);
	tp_build_u32(&b->build, TP_ATTR_LIFETIME, 600);
}

static const struct tp_stun_msg *parse(struct built *b)
{
	const char *reason;

	CU_ASSERT_EQUAL_FATAL(
		tp_stun_msg_parse(&b->msg, b->bytes, tp_build_finish(&b->build), &reason), 0);
	return &b->msg;
}

static void verifies_the_vectors_of_the_rfcs(void)
{
	for (size_t i = 0; i < stun_vector_count; i++) {
		const struct stun_vector *vector = &stun_vectors[i];
		struct tp_key vector_key = stun_vector_key(vector);
		uint8_t *copy = exact_copy(vector->bytes, vector->len);
		struct tp_stun_msg msg;
		const char *reason;

		CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&msg, copy, vector->len, &reason), 0);
		CU_ASSERT_EQUAL(tp_integrity_check(&msg, &vector_key, vector->sha256), 0);
		CU_ASSERT_EQUAL(tp_integrity_check(&msg, &vector_key, !vector->sha256), TP_ENOENT);
		/* Borrowed: the header's length is adjusted in a copy only. */
		CU_ASSERT_EQUAL(memcmp(copy, vector->bytes, vector->len), 0);
		free(copy);
	}
}

/* RFC 8489 appendix B.1 to the letter: its HMAC covers the length it prints. */
static void hmac_of_appendix_b_as_printed_matches(void)
{
	struct tp_key vector_key = stun_vector_key(&stun_vectors[STUN_VECTOR_SHA256]);
	size_t covered_len = STUN_VECTOR_SHA256_AS_PRINTED_SIZE - 4 - TP_INTEGRITY_SHA256_SIZE;
	uint8_t hmac[32];

	CU_ASSERT_EQUAL(tp_hmac_sha256(vector_key.bytes, vector_key.len,
				       stun_vector_sha256_as_printed, covered_len, hmac),
			0);
	CU_ASSERT_EQUAL(memcmp(hmac, stun_vector_sha256_as_printed + covered_len + 4, 32), 0);
}

/* RFC 8489 section 14.4 and appendix B.1. */
static void userhash_is_that_of_appendix_b(void)
{
	uint8_t userhash[TP_USERHASH_SIZE];

	CU_ASSERT_EQUAL(tp_userhash(userhash, STUN_VECTOR_USER, "example.org"), 0);
	CU_ASSERT_EQUAL(memcmp(userhash, stun_vector_sha256_as_printed + 24, sizeof(userhash)), 0);
}

static void hashes_a_long_term_credential(void)
{
	/* RFC 8489 sections 18.5.1.1 and 18.5.1.2 */
	static const struct {
		enum tp_password_algorithm algorithm;
		const char *hex;
	} cases[] = {
		{TP_PASSWORD_MD5, "8493fbc53ba582fb4c044c456bdc40eb"},
		{TP_PASSWORD_SHA256,
		 "07e934117abd40836e7c6329b54731b2b2d2a5f9a71f544922d75e0730d8251b"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char hex[2 * TP_KEY_MAX + 1];
		struct tp_key made;

		CU_ASSERT_EQUAL(
			tp_key_long_term(&made, cases[i].algorithm, "user", "realm", "pass"), 0);
		CU_ASSERT_STRING_EQUAL(tp_hex_encode(made.bytes, made.len, hex), cases[i].hex);
	}
}

static void unknown_algorithm_makes_no_key(void)
{
	static const int algorithms[] = {0, 3, 0xffff};

	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		struct tp_key made = key;

		CU_ASSERT_EQUAL(tp_key_long_term(&made, (enum tp_password_algorithm)algorithms[i],
						 "user", "realm", "pass"),
				TP_EINVAL);
		CU_ASSERT_EQUAL(made.len, 0);
	}
}

static void texts_of_a_credential_are_bounded(void)
{
	/* Colons count: two of them, and one-letter user and realm. */
	static char password[TP_KEY_TEXT_MAX + 1];
	uint8_t userhash[TP_USERHASH_SIZE];
	struct tp_key made;

	memset(password, 'x', TP_KEY_TEXT_MAX);
	CU_ASSERT_EQUAL(tp_key_long_term(&made, TP_PASSWORD_SHA256, password, "r", "p"), TP_EINVAL);
	CU_ASSERT_EQUAL(made.len, 0);
	CU_ASSERT_EQUAL(tp_userhash(userhash, password, ""), TP_EINVAL);
	password[TP_KEY_TEXT_MAX - 3] = '\0';
	CU_ASSERT_EQUAL(tp_key_long_term(&made, TP_PASSWORD_SHA256, "u", "r", password), TP_EINVAL);
	password[TP_KEY_TEXT_MAX - 4] = '\0';
	CU_ASSERT_EQUAL(tp_key_long_term(&made, TP_PASSWORD_SHA256, "u", "r", password), 0);
	CU_ASSERT_EQUAL(made.len, TP_KEY_SHA256_SIZE);
}

/* A user and realm that share a border hash apart: the colon is in between. */
static void border_between_user_and_realm_matters(void)
{
	uint8_t a[TP_USERHASH_SIZE];
	uint8_t b[TP_USERHASH_SIZE];

	CU_ASSERT_EQUAL(tp_userhash(a, "ab", "c"), 0);
	CU_ASSERT_EQUAL(tp_userhash(b, "a", "bc"), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof(a)), 0);
}

static void verifies_what_it_builds(void)
{
	for (int closing = 0; closing < 8; closing++) {
		bool sha1 = (closing & 1) != 0;
		bool sha256 = (closing & 2) != 0;
		struct built b;

		begin(&b);
		if (sha1) {
			tp_build_integrity(&b.build, &key, false);
		}
		if (sha256) {
			tp_build_integrity(&b.build, &key, true);
		}
		if ((closing & 4) != 0) {
			tp_build_fingerprint(&b.build);
		}
		parse(&b);
		CU_ASSERT_EQUAL(tp_integrity_check(&b.msg, &key, false), sha1 ? 0 : TP_ENOENT);
		CU_ASSERT_EQUAL(tp_integrity_check(&b.msg, &key, true), sha256 ? 0 : TP_ENOENT);
	}
}

static void every_bit_is_covered(void)
{
	for (int sha256 = 0; sha256 < 2; sha256++) {
		struct built b;
		size_t len;

		begin(&b);
		tp_build_integrity(&b.build, &key, sha256 != 0);
		len = tp_build_finish(&b.build);
		for (size_t bit = 0; bit < len * 8; bit++) {
			struct tp_stun_msg msg;
			const char *reason;

			b.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			if (tp_stun_msg_parse(&msg, b.bytes, len, &reason) == 0) {
				CU_ASSERT_NOT_EQUAL(tp_integrity_check(&msg, &key, sha256 != 0), 0);
			}
			b.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void another_key_does_not_match(void)
{
	struct tp_key other = key;
	struct built b;

	begin(&b);
	tp_build_integrity(&b.build, &key, false);
	tp_build_integrity(&b.build, &key, true);
	parse(&b);
	other.bytes[15] ^= 1;
	CU_ASSERT_EQUAL(tp_integrity_check(&b.msg, &other, false), TP_EAUTH);
	CU_ASSERT_EQUAL(tp_integrity_check(&b.msg, &other, true), TP_EAUTH);
	other = key;
	other.len--;
	CU_ASSERT_EQUAL(tp_integrity_check(&b.msg, &other, false), TP_EAUTH);
}

/* Anybody can compute the HMAC with the empty key: it must open nothing. */
static void empty_key_matches_nothing(void)
{
	uint8_t hmac[32] = {0};
	struct built b;
	size_t covered_len;

	begin(&b);
	covered_len = b.build.len;
	tp_build_bytes(&b.build, TP_ATTR_MESSAGE_INTEGRITY_SHA256, hmac, sizeof(hmac));
	CU_ASSERT_EQUAL(tp_hmac_sha256("", 0, b.bytes, covered_len, hmac), 0);
	memcpy(b.bytes + covered_len + 4, hmac, sizeof(hmac));
	CU_ASSERT_EQUAL(tp_integrity_check(parse(&b), &empty_key, true), TP_EAUTH);

	begin(&b);
	tp_build_integrity(&b.build, &empty_key, false);
	CU_ASSERT_EQUAL(tp_build_finish(&b.build), 0);
}

/* RFC 8489 section 14.6: in full unless a usage allows less, and TURN does not. */
static void sha256_has_32_bytes(void)
{
	for (size_t len = 0; len <= 40; len++) {
		bool valid = len == 32;
		uint8_t value[40] = {0};
		struct built b;
		size_t covered_len;

		begin(&b);
		covered_len = b.build.len;
		tp_build_bytes(&b.build, TP_ATTR_MESSAGE_INTEGRITY_SHA256, value, len);
		CU_ASSERT_EQUAL(tp_hmac_sha256(key.bytes, key.len, b.bytes, covered_len, value), 0);
		memcpy(b.bytes + covered_len + 4, value, len);
		CU_ASSERT_EQUAL(tp_integrity_check(parse(&b), &key, true), valid ? 0 : TP_EPROTO);
		if (valid) {
			b.bytes[covered_len + 4 + len - 1] ^= 1;
			CU_ASSERT_EQUAL(tp_integrity_check(parse(&b), &key, true), TP_EAUTH);
		}
	}
}

/* RFC 8489 section 14.5: the HMAC will be 20 bytes. */
static void sha1_has_20_bytes(void)
{
	static const size_t lengths[] = {0, 16, 19, 21, 24, 32};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		static const uint8_t value[32];
		struct built b;

		begin(&b);
		tp_build_bytes(&b.build, TP_ATTR_MESSAGE_INTEGRITY, value, lengths[i]);
		CU_ASSERT_EQUAL(tp_integrity_check(parse(&b), &key, false), TP_EPROTO);
	}
}

/* RFC 8489 section 14.7: of the whole message before it, XOR 0x5354554e. */
static void fingerprint_is_that_of_the_vectors(void)
{
	for (size_t i = 0; i < stun_vector_count; i++) {
		const struct stun_vector *vector = &stun_vectors[i];

		if (vector->fingerprint) {
			CU_ASSERT_EQUAL(tp_fingerprint(vector->bytes, vector->len - 8),
					tp_get_u32(vector->bytes + vector->len - 4));
		}
	}
	CU_ASSERT_EQUAL(tp_fingerprint((const uint8_t *)"123456789", 9),
			UINT32_C(0xcbf43926) ^ UINT32_C(0x5354554e));
}

static void nothing_is_built_after_a_failure(void)
{
	struct built b;

	begin(&b);
	b.build.failed = true;
	tp_build_integrity(&b.build, &key, false);
	tp_build_integrity(&b.build, &key, true);
	tp_build_fingerprint(&b.build);
	CU_ASSERT_EQUAL(b.build.len, TP_STUN_HEADER_SIZE + 8);
	CU_ASSERT_EQUAL(tp_build_finish(&b.build), 0);
}

/* RFC 4231 section 4.3. */
static void hmac_sha256_is_that_of_rfc_4231(void)
{
	char hex[65];
	uint8_t hmac[32];

	CU_ASSERT_EQUAL(tp_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, hmac), 0);
	CU_ASSERT_STRING_EQUAL(tp_hex_encode(hmac, sizeof(hmac), hex),
			       "5bdcc146bf60754e6a042426089575c7"
			       "5a003f089d2739839dec58b964ec3843");
}

TEST_SUITE("integrity", TEST(verifies_the_vectors_of_the_rfcs),
	   TEST(hmac_of_appendix_b_as_printed_matches), TEST(userhash_is_that_of_appendix_b),
	   TEST(hashes_a_long_term_credential), TEST(unknown_algorithm_makes_no_key),
	   TEST(texts_of_a_credential_are_bounded), TEST(border_between_user_and_realm_matters),
	   TEST(verifies_what_it_builds), TEST(every_bit_is_covered),
	   TEST(another_key_does_not_match), TEST(empty_key_matches_nothing),
	   TEST(sha256_has_32_bytes), TEST(sha1_has_20_bytes),
	   TEST(fingerprint_is_that_of_the_vectors), TEST(nothing_is_built_after_a_failure),
	   TEST(hmac_sha256_is_that_of_rfc_4231));

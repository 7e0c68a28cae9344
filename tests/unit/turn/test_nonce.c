/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/nonce.h"

#include <string.h>

#include "support/suite.h"

static const uint8_t key[TP_NONCE_KEY_SIZE] = {1, 2, 3};
static const uint8_t other_key[TP_NONCE_KEY_SIZE] = {3, 2, 1};

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return addr;
}

static struct tp_view view_of(const char *nonce)
{
	return (struct tp_view){(const uint8_t *)nonce, strlen(nonce)};
}

static void begins_with_the_cookie_and_feature_bits(void)
{
	struct tp_addr client = addr_of("192.0.2.1:4000");
	char nonce[TP_NONCE_SIZE];

	/* RFC 8489 sections 9.2 and 18.1: bit 0 leftmost, base64 of 24 bits */
	CU_ASSERT_EQUAL(tp_nonce_mint(key, &client, 0, 0, 7, nonce), 0);
	CU_ASSERT_EQUAL(strncmp(nonce, "obMatJos2AAAA", 13), 0);
	CU_ASSERT_EQUAL(tp_nonce_mint(key, &client, 0, TP_NONCE_PASSWORD_ALGORITHMS, 7, nonce), 0);
	CU_ASSERT_EQUAL(strncmp(nonce, "obMatJos2gAAA", 13), 0);
	CU_ASSERT_EQUAL(tp_nonce_mint(key, &client, 0, TP_NONCE_USERNAME_ANONYMITY, 7, nonce), 0);
	CU_ASSERT_EQUAL(strncmp(nonce, "obMatJos2QAAA", 13), 0);
}

static void features_are_read_back(void)
{
	struct tp_addr client = addr_of("192.0.2.1:4000");
	char nonce[TP_NONCE_SIZE];

	for (unsigned features = 0; features < 4; features++) {
		CU_ASSERT_EQUAL(tp_nonce_mint(key, &client, 0, features, 7, nonce), 0);
		CU_ASSERT_EQUAL(tp_nonce_features(view_of(nonce)), features);
	}
	CU_ASSERT_EQUAL(tp_nonce_features(view_of("")), 0);
	CU_ASSERT_EQUAL(tp_nonce_features(view_of("obMatJos2")), 0);
	CU_ASSERT_EQUAL(tp_nonce_features(view_of("obMatJos2****")), 0);
	CU_ASSERT_EQUAL(tp_nonce_features(view_of("f//499k954d6OL34oL9FSTvy64sA")), 0);
}

static void is_valid_for_its_lifetime_then_stale(void)
{
	struct tp_addr client = addr_of("[2001:db8::1]:4000");
	char nonce[TP_NONCE_SIZE];

	CU_ASSERT_EQUAL(tp_nonce_mint(key, &client, 0, 3, 1000, nonce), 0);
	CU_ASSERT_EQUAL(tp_nonce_check(key, &client, 0, view_of(nonce), 1000, 600), TP_NONCE_VALID);
	CU_ASSERT_EQUAL(tp_nonce_check(key, &client, 0, view_of(nonce), 1600, 600), TP_NONCE_VALID);
	CU_ASSERT_EQUAL(tp_nonce_check(key, &client, 0, view_of(nonce), 1601, 600), TP_NONCE_STALE);
}

static void is_foreign_for_another_address_port_scope_or_key(void)
{
	struct tp_addr client = addr_of("192.0.2.1:4000");
	struct tp_addr other_port = addr_of("192.0.2.1:4001");
	struct tp_addr other_ip = addr_of("192.0.2.2:4000");
	char nonce[TP_NONCE_SIZE];

	CU_ASSERT_EQUAL(tp_nonce_mint(key, &client, 0, 3, 1000, nonce), 0);
	CU_ASSERT_EQUAL(tp_nonce_check(key, &other_port, 0, view_of(nonce), 1000, 600),
			TP_NONCE_FOREIGN);
	CU_ASSERT_EQUAL(tp_nonce_check(key, &other_ip, 0, view_of(nonce), 1000, 600),
			TP_NONCE_FOREIGN);
	CU_ASSERT_EQUAL(tp_nonce_check(key, &client, 1, view_of(nonce), 1000, 600),
			TP_NONCE_FOREIGN);
	CU_ASSERT_EQUAL(tp_nonce_check(other_key, &client, 0, view_of(nonce), 1000, 600),
			TP_NONCE_FOREIGN);
}

static void every_altered_byte_makes_it_foreign(void)
{
	struct tp_addr client = addr_of("192.0.2.1:4000");
	char nonce[TP_NONCE_SIZE];
	size_t len;

	CU_ASSERT_EQUAL(tp_nonce_mint(key, &client, 0, 3, 1000, nonce), 0);
	len = strlen(nonce);
	for (size_t i = 0; i < len; i++) {
		char kept = nonce[i];

		nonce[i] = kept == 'x' ? 'y' : 'x';
		CU_ASSERT_EQUAL(tp_nonce_check(key, &client, 0, view_of(nonce), 1000, 600),
				TP_NONCE_FOREIGN);
		nonce[i] = kept;
		CU_ASSERT_EQUAL(tp_nonce_check(key, &client, 0,
					       (struct tp_view){(const uint8_t *)nonce, i}, 1000,
					       600),
				TP_NONCE_FOREIGN);
	}
	CU_ASSERT_EQUAL(tp_nonce_check(key, &client, 0, view_of(nonce), 1000, 600), TP_NONCE_VALID);
}

TEST_SUITE("nonce", TEST(begins_with_the_cookie_and_feature_bits), TEST(features_are_read_back),
	   TEST(is_valid_for_its_lifetime_then_stale),
	   TEST(is_foreign_for_another_address_port_scope_or_key),
	   TEST(every_altered_byte_makes_it_foreign));

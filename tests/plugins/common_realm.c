/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <turnpike/error.h>

#include "common/realm_policy.h"
#include "common/realm_tally.h"
#include "common/rest_name.h"
#include "common/user_key.h"
#include "support/suite.h"

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return addr;
}

static bool permits(const struct realm_policy *policy, const char *realm, const char *peer)
{
	struct tp_addr addr = addr_of(peer);

	return realm_policy_permits(policy, realm, &addr);
}

/* --- peers ------------------------------------------------------------------------- */

static void ranges_are_read_as_coturn_has_them(void)
{
	static const struct {
		const char *range;
		const char *inside;
		const char *outside;
	} cases[] = {
		{"192.0.2.7", "192.0.2.7", "192.0.2.8"},
		{"172.17.13.133-172.17.14.56", "172.17.14.0", "172.17.14.57"},
		{"172.17.13.133-172.17.14.56", "172.17.13.133", "172.17.13.132"},
		{"198.51.100.0/24", "198.51.100.255", "198.51.101.0"},
		{"198.51.100.77/24", "198.51.100.0", "198.51.99.255"},
		{"2001:db8::45", "2001:db8::45", "2001:db8::46"},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::"},
		{"2001:db8::1-2001:db8::ff", "2001:db8::ff", "2001:db8::100"},
		{"0.0.0.0/0", "203.0.113.9", "2001:db8::1"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct realm_policy *policy = realm_policy_create();

		CU_ASSERT_EQUAL(realm_policy_add_range(policy, "r", false, cases[i].range), 0);
		CU_ASSERT_FALSE(permits(policy, "r", cases[i].inside));
		CU_ASSERT_TRUE(permits(policy, "r", cases[i].outside));
		CU_ASSERT_TRUE(permits(policy, "other", cases[i].inside));
		realm_policy_unref(&policy);
	}
}

static void what_is_no_range_is_refused(void)
{
	static const char *const wrong[] = {
		"",
		"192.0.2.1-",
		"-192.0.2.1",
		"192.0.2.9-192.0.2.1",
		"192.0.2.0/33",
		"192.0.2.0/-1",
		"192.0.2.0/",
		"192.0.2.0/8x",
		"192.0.2.1:80",
		"2001:db8::/129",
		"192.0.2.1-2001:db8::1",
		"example.org",
		"192.0.2.1 ",
		"*",
	};
	struct realm_policy *policy = realm_policy_create();

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (realm_policy_add_range(policy, "r", false, wrong[i]) != TP_EINVAL) {
			printf("taken: \"%s\"\n", wrong[i]);
			CU_FAIL("a range that is none");
		}
	}
	realm_policy_unref(&policy);
}

static void allowed_wins_and_no_realm_is_every_realm(void)
{
	struct realm_policy *policy = realm_policy_create();

	realm_policy_add_range(policy, "", false, "192.0.2.0/24");
	realm_policy_add_range(policy, "north", true, "192.0.2.1");
	realm_policy_add_range(policy, "", true, "192.0.2.2");
	CU_ASSERT_TRUE(permits(policy, "north", "192.0.2.1"));
	CU_ASSERT_FALSE(permits(policy, "south", "192.0.2.1"));
	CU_ASSERT_TRUE(permits(policy, "south", "192.0.2.2"));
	CU_ASSERT_FALSE(permits(policy, "north", "192.0.2.3"));
	CU_ASSERT_TRUE(permits(policy, "north", "198.51.100.1"));
	realm_policy_unref(&policy);
}

static void an_ipv4_address_is_found_inside_an_ipv6_one(void)
{
	static const char *const hidden[] = {"::ffff:192.0.2.1", "::192.0.2.1",
					     "64:ff9b::192.0.2.1", "2002:c000:201::1"};
	struct realm_policy *policy = realm_policy_create();

	realm_policy_add_range(policy, "", false, "192.0.2.1");
	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++) {
		CU_ASSERT_FALSE(permits(policy, "r", hidden[i]));
	}
	CU_ASSERT_TRUE(permits(policy, "r", "::ffff:192.0.2.2"));
	realm_policy_unref(&policy);
}

static void ranges_have_a_ceiling(void)
{
	struct realm_policy *policy = realm_policy_create();
	int err = 0;

	for (int i = 0; i < REALM_POLICY_RANGES_MAX; i++) {
		err |= realm_policy_add_range(policy, "r", i % 2 == 0, "192.0.2.1");
	}
	CU_ASSERT_EQUAL(err, 0);
	CU_ASSERT_EQUAL(realm_policy_add_range(policy, "r", false, "192.0.2.1"), TP_EFULL);
	realm_policy_unref(&policy);
}

/* --- secrets and limits -------------------------------------------------------------- */

static void secrets_are_the_realm_s_and_everyone_s(void)
{
	struct realm_policy *policy = realm_policy_create();
	const char *secrets[REALM_POLICY_SECRETS_MAX];
	char name[8];

	realm_policy_add_secret(policy, "north", "logen");
	realm_policy_add_secret(policy, "", "any");
	CU_ASSERT_EQUAL_FATAL(realm_policy_secrets(policy, "north", secrets), 2);
	CU_ASSERT_STRING_EQUAL(secrets[0], "logen");
	CU_ASSERT_STRING_EQUAL(secrets[1], "any");
	CU_ASSERT_EQUAL(realm_policy_secrets(policy, "south", secrets), 1);
	CU_ASSERT_EQUAL(realm_policy_add_secret(policy, "north", ""), TP_EINVAL);
	for (int i = 1; i < REALM_POLICY_SECRETS_MAX; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		CU_ASSERT_EQUAL(realm_policy_add_secret(policy, "north", name), 0);
	}
	CU_ASSERT_EQUAL(realm_policy_add_secret(policy, "north", "more"), TP_EFULL);
	CU_ASSERT_EQUAL(realm_policy_secrets(policy, "north", secrets), REALM_POLICY_SECRETS_MAX);
	realm_policy_unref(&policy);
}

static void options_are_those_of_coturn(void)
{
	struct realm_policy *policy = realm_policy_create();
	struct realm_limits limits;

	CU_ASSERT_EQUAL(realm_policy_set_option(policy, "north", "max-bps", "500000"), 0);
	CU_ASSERT_EQUAL(realm_policy_set_option(policy, "north", "user-quota", "10"), 0);
	CU_ASSERT_EQUAL(realm_policy_set_option(policy, "", "total-quota", "12000"), 0);
	CU_ASSERT_EQUAL(realm_policy_set_option(policy, "", "user-quota", "20"), 0);
	CU_ASSERT_EQUAL(realm_policy_set_option(policy, "north", "whatever", "x"), 0);
	CU_ASSERT_EQUAL(realm_policy_set_option(policy, "north", "max-bps", "-1"), TP_EINVAL);
	CU_ASSERT_EQUAL(realm_policy_set_option(policy, "north", "max-bps", "1x"), TP_EINVAL);
	CU_ASSERT_EQUAL(realm_policy_set_option(policy, "north", "user-quota", "4294967296"),
			TP_EINVAL);
	limits = realm_policy_limits(policy, "north");
	CU_ASSERT_EQUAL(limits.max_bits_per_s, 4000000); /* theirs is bytes */
	CU_ASSERT_EQUAL(limits.user_quota, 10);
	CU_ASSERT_EQUAL(limits.total_quota, 12000);
	limits = realm_policy_limits(policy, "south");
	CU_ASSERT_EQUAL(limits.user_quota, 20);
	CU_ASSERT_EQUAL(limits.max_bits_per_s, 0);
	realm_policy_unref(&policy);
}

static void a_tally_counts_by_realm(void)
{
	struct realm_tally *tally = realm_tally_create();

	realm_tally_remove(tally, "north"); /* one from before */
	CU_ASSERT_EQUAL(realm_tally_count(tally, "north"), 0);
	realm_tally_add(tally, "north");
	realm_tally_add(tally, "north");
	realm_tally_add(tally, "south");
	realm_tally_remove(tally, "north");
	CU_ASSERT_EQUAL(realm_tally_count(tally, "north"), 1);
	CU_ASSERT_EQUAL(realm_tally_count(tally, "south"), 1);
	realm_tally_unref(&tally);
}

/* --- names and keys ------------------------------------------------------------------ */

static void expiries_stand_before_or_behind(void)
{
	CU_ASSERT_EQUAL(rest_name_expiry("1700000100:alice", ':'), 1700000100);
	CU_ASSERT_EQUAL(rest_name_expiry("alice:1700000100", ':'), 1700000100);
	CU_ASSERT_EQUAL(rest_name_expiry("1700000100", ':'), 1700000100);
	CU_ASSERT_EQUAL(rest_name_expiry("alice|5", '|'), 5);
	CU_ASSERT_EQUAL(rest_name_expiry("alice", ':'), -1);
	CU_ASSERT_EQUAL(rest_name_expiry("", ':'), -1);
	CU_ASSERT_EQUAL(rest_name_expiry(":", ':'), -1);
	CU_ASSERT_EQUAL(rest_name_expiry("1234567890123456", ':'), -1);
	CU_ASSERT_EQUAL(rest_name_expiry("-5:alice", ':'), -1);
}

/* By openssl dgst -sha1 -hmac, as test_auth_secret.c has it. */
static void passwords_are_those_of_web_services(void)
{
	char password[REST_PASSWORD_SIZE];

	CU_ASSERT_TRUE_FATAL(rest_name_password("1700000100:alice", "north#of;here", password));
	CU_ASSERT_STRING_EQUAL(password, "1wUtT+K/HZ9Tw2GfEa5k8/DsSfU=");
}

/* The user gorst of coturn's examples. */
static void keys_are_those_of_turnadmin(void)
{
	char hex[USER_KEY_HEX_SIZE] = "";
	struct user_key key;
	struct user_key parsed;

	CU_ASSERT_TRUE_FATAL(user_key_make("gorst", "north.gov", "hero", false, &key));
	user_key_format(&key, hex);
	CU_ASSERT_STRING_EQUAL(hex, "7da2270ccfa49786e0115366d3a3d14d");
	CU_ASSERT_TRUE_FATAL(user_key_parse("7DA2270CCFA49786E0115366D3A3D14D   ", 35, &parsed));
	CU_ASSERT_EQUAL(parsed.len, USER_KEY_MD5_SIZE);
	CU_ASSERT_EQUAL(memcmp(parsed.bytes, key.bytes, key.len), 0);
	CU_ASSERT_FALSE(user_key_parse("7da2", 4, &parsed));
	CU_ASSERT_FALSE(user_key_parse("", 0, &parsed));
	CU_ASSERT_FALSE(user_key_parse("7da2270ccfa49786e0115366d3a3d14g", 32, &parsed));
	CU_ASSERT_TRUE(user_key_make("gorst", "north.gov", "hero", true, &key));
	CU_ASSERT_EQUAL(key.len, USER_KEY_SHA256_SIZE);
}

/* RFC 3629 section 4 */
static void names_are_utf8(void)
{
	static const char *const wrong[] = {
		"\x80",
		"a\xff",
		"\xc0\x80",
		"\xc3",
		"\xe0\x80\x80",
		"\xed\xa0\x80",
		"\xf0\x80\x80\x80",
		"\xf4\x90\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xe2\x82",
	};

	CU_ASSERT_TRUE(user_name_is_utf8("alice"));
	CU_ASSERT_TRUE(user_name_is_utf8("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"));
	CU_ASSERT_TRUE(user_name_is_utf8("' OR 1=1 --%s"));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		CU_ASSERT_FALSE(user_name_is_utf8(wrong[i]));
	}
}

TEST_SUITE("common/realm", TEST(ranges_are_read_as_coturn_has_them),
	   TEST(what_is_no_range_is_refused), TEST(allowed_wins_and_no_realm_is_every_realm),
	   TEST(an_ipv4_address_is_found_inside_an_ipv6_one), TEST(ranges_have_a_ceiling),
	   TEST(secrets_are_the_realm_s_and_everyone_s), TEST(options_are_those_of_coturn),
	   TEST(a_tally_counts_by_realm), TEST(expiries_stand_before_or_behind),
	   TEST(passwords_are_those_of_web_services), TEST(keys_are_those_of_turnadmin),
	   TEST(names_are_utf8));

/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <turnpike/test.h>

#include "stun/build.h"
#include "stun/codes.h"
#include "support/jwt_vectors.h"
#include "support/scratch.h"
#include "support/suite.h"

#define ALL_KEYS                                                                                   \
	"{\"keys\":[" KEY_RSA "," KEY_RSA1 "," KEY_EC "," KEY_ED "," KEY_OCT                       \
	",{\"kty\":\"EC\",\"crv\":\"P-384\",\"kid\":\"other\"},7,{}]}"

struct tokens {
	struct scratch scratch;
	struct tp_test_host *host;
};

static const char *section_of(const struct scratch *scratch, const char *more)
{
	static char section[2 * PATH_MAX];
	int len = snprintf(section, sizeof(section), "keys_file = %s\n",
			   scratch_path(scratch, "keys"));

	snprintf(section + len, sizeof(section) - (size_t)len, "password_secret_file = %s\n%s",
		 scratch_path(scratch, "secret"), more);
	return section;
}

static void tokens_open(struct tokens *tokens, const char *more)
{
	scratch_open(&tokens->scratch);
	scratch_write(&tokens->scratch, "keys", 0600, ALL_KEYS);
	scratch_write(&tokens->scratch, "secret", 0600, SECRET "\n");
	tokens->host = tp_test_host_create("auth_jwt", section_of(&tokens->scratch, more));
}

static void tokens_close(struct tokens *tokens)
{
	tp_test_host_free(&tokens->host);
	scratch_close(&tokens->scratch);
}

static const struct tp_test_asked *ask(struct tokens *tokens, const char *token)
{
	return tp_test_authorize(tokens->host, token, "example.org", 1);
}

static void hex(const uint8_t *bytes, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++) {
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	}
}

/* --- keys and users ----------------------------------------------------------------------- */

/* RFC 8489 section 9.2.2 with the password of the manual */
static void the_key_is_made_of_token_and_derived_password(void)
{
	const struct tp_test_asked *asked;
	struct tokens tokens;
	char text[65];

	tokens_open(&tokens, "");
	asked = ask(&tokens, TOKEN_EDDSA);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_PTR_NULL(asked->password);
	CU_ASSERT_PTR_NOT_NULL_FATAL(asked->key_md5);
	hex(asked->key_md5, 16, text);
	CU_ASSERT_STRING_EQUAL(text, EDDSA_KEY_MD5);

	asked = tp_test_authorize(tokens.host, TOKEN_EDDSA, "example.org", 2);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_PTR_NOT_NULL_FATAL(asked->key_sha256);
	hex(asked->key_sha256, 32, text);
	CU_ASSERT_STRING_EQUAL(text, EDDSA_KEY_SHA256);
	CU_ASSERT_EQUAL(asked->valid_for_s, 0);
	tokens_close(&tokens);
}

static void the_user_goes_by_the_name_in_the_token(void)
{
	struct tokens tokens;

	tokens_open(&tokens, "");
	CU_ASSERT_STRING_EQUAL(ask(&tokens, TOKEN_EDDSA)->user, "alice");
	CU_ASSERT_EQUAL(tp_test_counter(tokens.host, "accepted"), 1);
	tokens_close(&tokens);
}

static void a_fixed_password_wants_tls(void)
{
	const struct tp_test_asked *asked;
	struct tokens tokens;
	char text[33];

	tokens_open(&tokens, "password = fixed\n");
	asked = ask(&tokens, TOKEN_EDDSA);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 403);
	tp_test_set_five_tuple(tokens.host, TP_TRANSPORT_TCP, "192.0.2.1:1000", "192.0.2.2:3478");
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_EDDSA)->verdict, TP_DENY);
	tp_test_set_five_tuple(tokens.host, TP_TRANSPORT_DTLS, "192.0.2.1:1000", "192.0.2.2:5349");
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_EDDSA)->verdict, TP_ALLOW);
	tp_test_set_five_tuple(tokens.host, TP_TRANSPORT_TLS, "192.0.2.1:1000", "192.0.2.2:5349");
	asked = ask(&tokens, TOKEN_EDDSA);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	hex(asked->key_md5, 16, text);
	CU_ASSERT_STRING_EQUAL(text, EDDSA_FIXED_KEY_MD5);
	tokens_close(&tokens);

	tokens_open(&tokens, "password = fixed\nrequire_tls = no\n");
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_EDDSA)->verdict, TP_ALLOW);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(tokens.host), "require_tls is no"));
	tokens_close(&tokens);
}

/* --- signatures --------------------------------------------------------------------------- */

static void each_algorithm_is_checked_with_its_own_keys(void)
{
	static const struct {
		const char *token;
		enum tp_verdict verdict;
	} cases[] = {
		{TOKEN_RS256, TP_ALLOW},    {TOKEN_ES256, TP_ALLOW},  {TOKEN_EDDSA, TP_ALLOW},
		{TOKEN_HS256, TP_ALLOW},    {TOKEN_NO_KID, TP_ALLOW}, {TOKEN_OTHER_KID, TP_DENY},
		{TOKEN_KID_OF_EC, TP_DENY}, /* another type of key by that name */
		{TOKEN_SMALL_RSA, TP_DENY}, /* 1024 bits */
		{TOKEN_CONFUSED, TP_DENY},  /* HMAC with a public key as its secret */
		{TOKEN_CRIT, TP_DENY},      /* RFC 7515 section 4.1.11 */
		{TOKEN_NONE, TP_DENY},      /* RFC 7518 section 3.6 */
	};
	struct tokens tokens;

	tokens_open(&tokens, "algorithms = RS256 ES256 EdDSA HS256\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tp_test_asked *asked = ask(&tokens, cases[i].token);

		CU_ASSERT_EQUAL(asked->verdict, cases[i].verdict);
		CU_ASSERT_EQUAL(asked->code, cases[i].verdict == TP_DENY ? 401 : 0);
	}
	tokens_close(&tokens);
}

static void algorithms_not_named_are_refused(void)
{
	struct tokens tokens;

	tokens_open(&tokens, "");
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_HS256)->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_RS256)->verdict, TP_ALLOW);
	tokens_close(&tokens);

	tokens_open(&tokens, "algorithms = ES256\n");
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_EDDSA)->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_ES256)->verdict, TP_ALLOW);
	tokens_close(&tokens);
}

/* Each character of header, claims and signature counts. */
static void no_changed_token_gets_in(void)
{
	static const char *const good[] = {TOKEN_RS256, TOKEN_ES256, TOKEN_EDDSA, TOKEN_HS256};
	char token[512];
	struct tokens tokens;

	tokens_open(&tokens, "algorithms = RS256 ES256 EdDSA HS256\n");
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t at = 0; at < strlen(good[i]); at++) {
			strcpy(token, good[i]);
			token[at] = token[at] == 'A' ? 'B' : 'A';
			CU_ASSERT_NOT_EQUAL(ask(&tokens, token)->verdict, TP_ALLOW);
			strcpy(token, good[i]);
			token[at] = '\0';
			CU_ASSERT_NOT_EQUAL(ask(&tokens, token)->verdict, TP_ALLOW);
		}
	}
	tokens_close(&tokens);
}

static void what_is_no_token_is_left_to_others(void)
{
	static const char *const names[] = {"",
					    "alice",
					    ".",
					    "..",
					    "...",
					    "a.b.c",
					    "1700000100:alice",
					    "eyJhbGciOiJIUzI1NiJ9",
					    "eyJhbGciOiJIUzI1NiJ9.",
					    "W10.e30.AAAA",
					    "e30.e30.AAAA",
					    "eyJhbGciOjd9.e30.AAAA",
					    "eyJhbGciOiJIUzI1NiJ9.e30=.AAAA",
					    " " TOKEN_EDDSA,
					    TOKEN_EDDSA " ",
					    TOKEN_EDDSA ".AAAA"};
	static const uint8_t userhash[32];
	char longer[509];
	struct tokens tokens;

	tokens_open(&tokens, "");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CU_ASSERT_EQUAL(ask(&tokens, names[i])->verdict, TP_PASS);
	}
	memset(longer, 'A', sizeof(longer));
	memcpy(longer, TOKEN_EDDSA, strlen(TOKEN_EDDSA));
	longer[sizeof(longer) - 1] = '\0';
	CU_ASSERT_NOT_EQUAL(ask(&tokens, longer)->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(
		tp_test_authorize_userhash(tokens.host, userhash, "example.org", 2)->verdict,
		TP_PASS);
	tokens_close(&tokens);
}

/* --- claims ------------------------------------------------------------------------------- */

static void claims_are_checked(void)
{
	static const struct {
		const char *token;
		enum tp_verdict verdict;
	} cases[] = {
		{TOKEN_NO_EXP, TP_DENY},          {TOKEN_EXP_TEXT, TP_DENY},
		{TOKEN_EXP_HUGE, TP_ALLOW},       {TOKEN_EXP_NEGATIVE, TP_DENY},
		{TOKEN_EXP_REAL, TP_ALLOW},       {TOKEN_NO_SUB, TP_DENY},
		{TOKEN_SUB_CONTROL, TP_DENY},     {TOKEN_ARRAY, TP_DENY},
		{TOKEN_TWICE, TP_DENY},           {TOKEN_BAD_LIMIT, TP_DENY},
		{TOKEN_ISSUER, TP_ALLOW},         {TOKEN_AUDIENCES, TP_ALLOW},
		{TOKEN_OTHER_AUDIENCE, TP_ALLOW},
	};
	struct tokens tokens;

	tokens_open(&tokens, "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(ask(&tokens, cases[i].token)->verdict, cases[i].verdict);
	}
	tokens_close(&tokens);
}

/* RFC 7519 sections 4.1.1 and 4.1.3 */
static void issuer_and_audience_are_as_wanted(void)
{
	struct tokens tokens;

	tokens_open(&tokens, "issuer = https://a.example.org\naudience = phone turn\n");
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_ISSUER)->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_AUDIENCES)->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_OTHER_AUDIENCE)->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_EDDSA)->verdict, TP_DENY);
	tokens_close(&tokens);

	tokens_open(&tokens, "issuer = https://b.example.org\n");
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_ISSUER)->verdict, TP_DENY);
	tokens_close(&tokens);
}

static void limits_are_provided(void)
{
	const struct tp_test_asked *asked;
	struct tokens tokens;

	tokens_open(&tokens, "");
	asked = ask(&tokens, TOKEN_LIMITS);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(asked->max_allocations, 2);
	CU_ASSERT_EQUAL(asked->max_bits_per_s, 1000000);
	CU_ASSERT_EQUAL(asked->max_packets_per_s, 500);
	CU_ASSERT_EQUAL(asked->max_lifetime_s, 300);
	tokens_close(&tokens);
}

/* --- time --------------------------------------------------------------------------------- */

/* The clock then reads @wall_s. */
static void go_to(struct tokens *tokens, int64_t wall_s)
{
	int64_t left_s = wall_s - tp_worker_wall_s(tp_test_worker(tokens->host));

	CU_ASSERT_TRUE_FATAL(left_s >= 0);
	tp_test_advance_ms(tokens->host, (uint64_t)left_s * 1000);
}

/* RFC 7519 section 4.1.4 */
static void a_token_ends_at_its_time_and_the_leeway(void)
{
	struct tokens tokens;

	tokens_open(&tokens, "leeway = 10s\n");
	go_to(&tokens, 1700000609);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_EDDSA)->verdict, TP_ALLOW);
	go_to(&tokens, 1700000610);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_EDDSA)->verdict, TP_DENY);
	CU_ASSERT_EQUAL(tp_test_counter(tokens.host, "refused"), 1);
	tokens_close(&tokens);
}

/* RFC 7519 section 4.1.5 */
static void a_token_begins_at_its_time(void)
{
	struct tokens tokens;

	tokens_open(&tokens, "leeway = 10s\n");
	go_to(&tokens, 1700000089);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_NBF)->verdict, TP_DENY);
	go_to(&tokens, 1700000090);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_NBF)->verdict, TP_ALLOW);
	tokens_close(&tokens);
}

static void set_request(struct tokens *tokens, uint16_t method, const char *username)
{
	static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = "id";
	struct tp_build build;
	uint8_t bytes[700];

	tp_build_init(&build, bytes, sizeof(bytes), method, TP_STUN_REQUEST, transaction_id);
	if (username != NULL) {
		tp_build_bytes(&build, TP_ATTR_USERNAME, username, strlen(username));
	}
	tp_test_set_request(tokens->host, bytes, tp_build_finish(&build));
}

static uint32_t allocated_s(struct tokens *tokens)
{
	const struct tp_before_allocate event = {
		.five_tuple = &tp_test_allocation(tokens->host)->five_tuple,
		.client_addr = &tp_test_allocation(tokens->host)->five_tuple.client_addr,
		.user = "alice",
		.realm = "example.org",
		.relayed_addr = &tp_test_allocation(tokens->host)->relayed_addr,
		.lifetime_s = 900,
		.requested_transport = 17,
	};

	return tp_test_on_turn_before_allocate(tokens->host, &event)->lifetime_s;
}

static void an_allocation_ends_with_its_token(void)
{
	struct tokens tokens;

	tokens_open(&tokens, "leeway = 10s\n");
	go_to(&tokens, 1700000300);
	set_request(&tokens, TP_STUN_ALLOCATE, TOKEN_EDDSA);
	CU_ASSERT_EQUAL(allocated_s(&tokens), 310);
	set_request(&tokens, TP_STUN_ALLOCATE, TOKEN_EXP_HUGE);
	CU_ASSERT_EQUAL(allocated_s(&tokens), 900);
	set_request(&tokens, TP_STUN_ALLOCATE, "alice");
	CU_ASSERT_EQUAL(allocated_s(&tokens), 900);
	set_request(&tokens, TP_STUN_ALLOCATE, NULL);
	CU_ASSERT_EQUAL(allocated_s(&tokens), 900);
	tokens_close(&tokens);
}

static void without_strict_expiry_it_lives_on(void)
{
	struct tokens tokens;

	tokens_open(&tokens, "strict_expiry = no\nleeway = 0\n");
	go_to(&tokens, 1700000300);
	set_request(&tokens, TP_STUN_ALLOCATE, TOKEN_EDDSA);
	CU_ASSERT_EQUAL(allocated_s(&tokens), 900);
	go_to(&tokens, 1700000600);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_EDDSA)->verdict, TP_DENY);
	set_request(&tokens, TP_STUN_REFRESH, TOKEN_EDDSA);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_EDDSA)->verdict, TP_ALLOW);
	tokens_close(&tokens);
}

static void with_strict_expiry_nothing_works_any_more(void)
{
	struct tokens tokens;

	tokens_open(&tokens, "leeway = 0\n");
	go_to(&tokens, 1700000600);
	set_request(&tokens, TP_STUN_REFRESH, TOKEN_EDDSA);
	CU_ASSERT_EQUAL(ask(&tokens, TOKEN_EDDSA)->verdict, TP_DENY);
	tokens_close(&tokens);
}

/* --- options
 * --------------------------------------------------------------------------------------- */

static bool refuses(const char *keys, const char *secret, const char *more, const char *wanted)
{
	char problem[TP_TEST_PROBLEM_SIZE] = "";
	struct tp_test_host *host;
	struct scratch scratch;

	scratch_open(&scratch);
	scratch_write(&scratch, "keys", 0600, keys);
	scratch_write(&scratch, "secret", 0600, secret);
	host = tp_test_host_try("auth_jwt", section_of(&scratch, more), problem);
	if (host != NULL) {
		tp_test_host_free(&host);
	}
	scratch_close(&scratch);
	if (strstr(problem, wanted) == NULL) {
		printf("%s\n", problem);
	}
	return strstr(problem, wanted) != NULL;
}

static void options_are_checked(void)
{
	CU_ASSERT_TRUE(refuses("", SECRET, "", "keys: it is no JSON object with \"keys\""));
	CU_ASSERT_TRUE(refuses("{\"keys\":[]}", SECRET, "", "it has no key that can be used"));
	CU_ASSERT_TRUE(refuses("{\"keys\":[" KEY_RSA1 "]}", SECRET, "", "no key that can be used"));
	CU_ASSERT_TRUE(refuses("{\"keys\":{}}", SECRET, "", "it is no JSON object with \"keys\""));
	CU_ASSERT_TRUE(refuses(ALL_KEYS, "short", "", "must have one line of 16 to 1024 bytes"));
	CU_ASSERT_TRUE(refuses(ALL_KEYS, SECRET "\n" SECRET, "", "must have one line"));
	CU_ASSERT_TRUE(refuses(ALL_KEYS, SECRET, "algorithms = RS256 none\n",
			       "algorithms: \"none\" is none of"));
	CU_ASSERT_TRUE(refuses(ALL_KEYS, SECRET, "keys_url = https://a.example.org/keys\n",
			       "one of keys_file and keys_url must be set, and one alone"));
}

static void keys_come_over_tls_alone(void)
{
	static const char *const urls[] = {"http://a.example.org/keys", "ftp://127.0.0.1/keys",
					   "http://127.0.0.1@a.example.org/",
					   "http://127.0.0.1:80@a.example.org/",
					   "http://127.0.0.1.example.org/"};
	char section[256];
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		snprintf(section, sizeof(section), "password = fixed\nkeys_url = %s", urls[i]);
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try("auth_jwt", section, problem));
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, "must begin with https://"));
	}
}

TEST_SUITE("auth_jwt", TEST(the_key_is_made_of_token_and_derived_password),
	   TEST(the_user_goes_by_the_name_in_the_token), TEST(a_fixed_password_wants_tls),
	   TEST(each_algorithm_is_checked_with_its_own_keys),
	   TEST(algorithms_not_named_are_refused), TEST(no_changed_token_gets_in),
	   TEST(what_is_no_token_is_left_to_others), TEST(claims_are_checked),
	   TEST(issuer_and_audience_are_as_wanted), TEST(limits_are_provided),
	   TEST(a_token_ends_at_its_time_and_the_leeway), TEST(a_token_begins_at_its_time),
	   TEST(an_allocation_ends_with_its_token), TEST(without_strict_expiry_it_lives_on),
	   TEST(with_strict_expiry_nothing_works_any_more), TEST(options_are_checked),
	   TEST(keys_come_over_tls_alone));

/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <turnpike/test.h>

#include "base/bytes.h"
#include "stun/build.h"
#include "stun/codes.h"
#include "stun/msg.h"
#include "support/scratch.h"
#include "support/suite.h"

#define NOW_S UINT64_C(1700000000) /* where the clock of the host stands */
#define SERVER_NAME "turn.example.org"
#define KEY_256 "12345678901234567890123456789012"
#define KEY_128 "1234567890123456"
#define BASE64_256 "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
#define BASE64_128 "MTIzNDU2Nzg5MDEyMzQ1Ng=="
#define MAC_KEY "ZksjpweoixXmvn67534m"
#define KEYS "north A256GCM " BASE64_256 "\nsouth A128GCM " BASE64_128 "\n"
#define NONCE_SIZE 12
#define TAG_SIZE 16

struct tokens {
	struct scratch scratch;
	struct tp_test_host *host;
};

static const char *section_of(const struct scratch *scratch, const char *more)
{
	static char section[2 * PATH_MAX];

	snprintf(section, sizeof(section), "keys_file = %s\nserver_name = " SERVER_NAME "\n%s",
		 scratch_path(scratch, "keys"), more);
	return section;
}

static void tokens_open(struct tokens *tokens, const char *keys, const char *more)
{
	scratch_open(&tokens->scratch);
	scratch_write(&tokens->scratch, "keys", 0600, keys);
	tokens->host = tp_test_host_create("auth_oauth", section_of(&tokens->scratch, more));
}

static void tokens_close(struct tokens *tokens)
{
	tp_test_host_free(&tokens->host);
	scratch_close(&tokens->scratch);
}

/* --- tokens by the test's own hand ---------------------------------------------------- */

struct made {
	uint8_t bytes[256];
	size_t len;
};

/* What goes into one; what is 0 or NULL is as it should be. */
struct wish {
	const char *key; /* of 16 or 32 bytes */
	const char *server_name;
	size_t mac_key_len;
	size_t mac_key_said; /* its length as the token has it */
	uint64_t made_s;
	uint32_t lifetime_s;
	size_t nonce_said;
	size_t left_over; /* bytes behind the lifetime */
	bool no_lifetime;
};

static size_t make_block(uint8_t *block, const struct wish *wish)
{
	size_t mac_key_len = wish->mac_key_len != 0 ? wish->mac_key_len : strlen(MAC_KEY);
	size_t said = wish->mac_key_said != 0 ? wish->mac_key_said : mac_key_len;
	uint64_t made_s = wish->made_s != 0 ? wish->made_s : NOW_S;
	size_t at = 2;

	tp_put_u16(block, (uint16_t)said);
	for (size_t i = 0; i < mac_key_len; i++) {
		block[at++] = (uint8_t)MAC_KEY[i % strlen(MAC_KEY)];
	}
	tp_put_u32(block + at, (uint32_t)(made_s >> 16));
	tp_put_u32(block + at + 4, (uint32_t)(made_s << 16));
	tp_put_u32(block + at + 8, wish->lifetime_s != 0 ? wish->lifetime_s : 3600);
	return at + (wish->no_lifetime ? 8 : 12) + wish->left_over;
}

static struct made make(const struct wish *wish)
{
	const char *key = wish->key != NULL ? wish->key : KEY_256;
	const char *server_name = wish->server_name != NULL ? wish->server_name : SERVER_NAME;
	const gnutls_datum_t datum = {(unsigned char *)key, (unsigned)strlen(key)};
	struct made made = {.len = 2 + NONCE_SIZE};
	size_t len = sizeof(made.bytes) - made.len;
	gnutls_aead_cipher_hd_t cipher;
	uint8_t block[128] = {0};

	tp_put_u16(made.bytes, (uint16_t)(wish->nonce_said != 0 ? wish->nonce_said : NONCE_SIZE));
	memcpy(made.bytes + 2, "123456789012", NONCE_SIZE);
	CU_ASSERT_EQUAL_FATAL(gnutls_aead_cipher_init(&cipher,
						      datum.size == 32 ? GNUTLS_CIPHER_AES_256_GCM
								       : GNUTLS_CIPHER_AES_128_GCM,
						      &datum),
			      0);
	CU_ASSERT_EQUAL_FATAL(gnutls_aead_cipher_encrypt(cipher, made.bytes + 2, NONCE_SIZE,
							 server_name, strlen(server_name), TAG_SIZE,
							 block, make_block(block, wish),
							 made.bytes + made.len, &len),
			      0);
	gnutls_aead_cipher_deinit(cipher);
	made.len += len;
	return made;
}

static const struct tp_test_asked *ask_as(struct tokens *tokens, const char *kid,
					  const struct made *token)
{
	static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
	struct tp_build build;
	uint8_t bytes[1024];

	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_ALLOCATE, TP_STUN_REQUEST,
		      transaction_id);
	if (token != NULL) {
		tp_build_bytes(&build, TP_ATTR_ACCESS_TOKEN, token->bytes, token->len);
	}
	tp_test_set_request(tokens->host, bytes, tp_build_finish(&build));
	return tp_test_authorize(tokens->host, kid, "example.org", 1);
}

static const struct tp_test_asked *ask(struct tokens *tokens, const struct made *token)
{
	return ask_as(tokens, "north", token);
}

/* --- good ones ------------------------------------------------------------------------ */

static void a_token_gives_its_key_for_as_long_as_it_lasts(void)
{
	const struct made made = make(&(struct wish){.lifetime_s = 900, .made_s = NOW_S - 100});
	const struct tp_test_asked *asked;
	struct tokens tokens;

	tokens_open(&tokens, KEYS, "leeway = 0");
	asked = ask(&tokens, &made);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL_FATAL(asked->mac_key_len, strlen(MAC_KEY));
	CU_ASSERT_EQUAL(memcmp(asked->mac_key, MAC_KEY, asked->mac_key_len), 0);
	CU_ASSERT_EQUAL(asked->valid_for_s, 800);
	CU_ASSERT_PTR_NULL(asked->password);
	CU_ASSERT_PTR_NULL(asked->user);
	CU_ASSERT_EQUAL(tp_test_counter(tokens.host, "accepted"), 1);
	tokens_close(&tokens);
}

/*
 * By another hand:
 *
 *	turnutils_oauth -e -i turn.example.org -j north -k BASE64KEY -l 1600000000 \
 *		-m 1000000 -n ALGORITHM -o MTIzNDU2Nzg5MDEy \
 *		-p WmtzanB3ZW9peFhtdm42NzUzNG0= -q 111411200000000 -r 3600
 */
static void tokens_of_coturn_are_good(void)
{
	static const struct {
		const char *kid;
		const char *key;
		const char *token;
	} cases[] = {
		{"north", KEY_256,
		 "AAwxMjM0NTY3ODkwMTKA5qeFcSuxloB9VvyJeB4yKIkjx0ufvXRssLmd4e6ksXKj0Bdzkdylnq5Toinn"
		 "1NKiIQ=="},
		{"south", KEY_128,
		 "AAwxMjM0NTY3ODkwMTKxZTTDq/skf8Kecs0OXCwqwElNN0uurIgM+WTNOD6P3RgkPybY9ujSpoMOWPX4"
		 "nHdAgw=="},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const gnutls_datum_t text = {(unsigned char *)cases[i].token,
					     (unsigned)strlen(cases[i].token)};
		const struct made own = make(&(struct wish){.key = cases[i].key});
		const struct tp_test_asked *asked;
		struct tokens tokens;
		gnutls_datum_t bytes;
		struct made made;

		CU_ASSERT_EQUAL_FATAL(gnutls_base64_decode2(&text, &bytes), 0);
		made.len = bytes.size;
		memcpy(made.bytes, bytes.data, bytes.size);
		gnutls_free(bytes.data);
		tokens_open(&tokens, KEYS, "");
		asked = ask_as(&tokens, cases[i].kid, &made);
		CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
		CU_ASSERT_EQUAL(asked->mac_key_len, 15 + 5);
		CU_ASSERT_EQUAL(asked->valid_for_s, 3600 + 5);
		CU_ASSERT_EQUAL(own.len, made.len);
		tokens_close(&tokens);
	}
}

static void keys_are_cut_for_clients_of_coturn(void)
{
	const struct made made = make(&(struct wish){.mac_key_len = 32});
	const struct tp_test_asked *asked;
	struct tokens tokens;

	tokens_open(&tokens, KEYS, "coturn_keys = yes");
	asked = ask(&tokens, &made);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(asked->mac_key_len, 16);
	CU_ASSERT_EQUAL(memcmp(asked->mac_key, MAC_KEY, 16), 0);
	tokens_close(&tokens);
}

static void keys_of_16_to_32_bytes_are_taken(void)
{
	struct tokens tokens;

	tokens_open(&tokens, KEYS, "");
	for (size_t len = 14; len <= 34; len++) {
		const struct made made = make(&(struct wish){.mac_key_len = len});
		bool good = len >= 16 && len <= 32;
		const struct tp_test_asked *asked = ask(&tokens, &made);

		CU_ASSERT_EQUAL(asked->verdict, good ? TP_ALLOW : TP_DENY);
		CU_ASSERT_TRUE(!good || asked->mac_key_len == len);
	}
	tokens_close(&tokens);
}

/* --- others --------------------------------------------------------------------------- */

static void requests_without_a_token_are_left_to_others(void)
{
	static const uint8_t userhash[32];
	struct tokens tokens;

	tokens_open(&tokens, KEYS, "");
	CU_ASSERT_EQUAL(ask(&tokens, NULL)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(
		tp_test_authorize_userhash(tokens.host, userhash, "example.org", 2)->verdict,
		TP_PASS);
	tokens_close(&tokens);
}

static void tokens_of_keys_that_are_not_there_are_left_to_others(void)
{
	static const char keys[] = "old A256GCM " BASE64_256 " -1700000000\n"
				   "new A256GCM " BASE64_256 "\t1700000001-\r\n"
				   "\n# now\n"
				   "now A256GCM " BASE64_256 " 1700000000-1700000001\n";
	const struct made made = make(&(struct wish){.left_over = 0});
	struct tokens tokens;

	tokens_open(&tokens, keys, "");
	CU_ASSERT_EQUAL(ask_as(&tokens, "old", &made)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_as(&tokens, "new", &made)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_as(&tokens, "nobody", &made)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_as(&tokens, "", &made)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(tp_test_counter(tokens.host, "unknown"), 4);
	CU_ASSERT_EQUAL(ask_as(&tokens, "now", &made)->verdict, TP_ALLOW);
	tp_test_advance_ms(tokens.host, 1000);
	CU_ASSERT_EQUAL(ask_as(&tokens, "now", &made)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_as(&tokens, "new", &made)->verdict, TP_ALLOW);
	tokens_close(&tokens);
}

static void tokens_that_are_not_good_are_refused_and_counted(void)
{
	static const struct {
		struct wish wish;
		const char *counter; /* NULL: it is good */
	} cases[] = {
		{{.key = "22345678901234567890123456789012"}, "forged"},
		{{.key = KEY_128}, "forged"},
		{{.server_name = "turn.example.net"}, "forged"},
		{{.server_name = SERVER_NAME "."}, "forged"},
		{{.server_name = ""}, "forged"},
		{{.nonce_said = 11}, "garbled"},
		{{.nonce_said = 13}, "garbled"},
		{{.nonce_said = 65535}, "garbled"},
		{{.mac_key_said = 16}, "garbled"},
		{{.mac_key_said = 21}, "garbled"},
		{{.mac_key_said = 65535}, "garbled"},
		{{.left_over = 1}, "garbled"},
		{{.left_over = 64}, "garbled"},
		{{.no_lifetime = true}, "garbled"},
		{{.made_s = NOW_S + 5}, NULL},
		{{.made_s = NOW_S + 6}, "early"},
		{{.made_s = UINT64_C(0xffffffffffff), .lifetime_s = UINT32_MAX}, "early"},
		{{.made_s = NOW_S - 3600 - 4}, NULL},
		{{.made_s = NOW_S - 3600 - 5}, "expired"},
		{{.made_s = 1, .lifetime_s = 1}, "expired"},
		{{.made_s = NOW_S, .lifetime_s = UINT32_MAX}, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct made made = make(&cases[i].wish);
		const char *counter = cases[i].counter;
		const struct tp_test_asked *asked;
		struct tokens tokens;

		tokens_open(&tokens, KEYS, "leeway = 5s");
		asked = ask(&tokens, &made);
		CU_ASSERT_EQUAL(asked->verdict, counter == NULL ? TP_ALLOW : TP_DENY);
		CU_ASSERT_EQUAL(tp_test_counter(tokens.host, "accepted"), counter == NULL);
		if (counter != NULL) {
			CU_ASSERT_EQUAL(asked->code, 401);
			CU_ASSERT_EQUAL(tp_test_counter(tokens.host, counter), 1);
		}
		tokens_close(&tokens);
	}
}

static void a_token_cut_or_altered_anywhere_is_refused(void)
{
	const struct made whole = make(&(struct wish){.left_over = 0});
	struct tokens tokens;

	tokens_open(&tokens, KEYS, "");
	for (size_t i = 0; i < whole.len; i++) {
		struct made made = whole;

		made.bytes[i] ^= 1;
		CU_ASSERT_EQUAL(ask(&tokens, &made)->verdict, TP_DENY);
		made = whole;
		made.len = i;
		CU_ASSERT_EQUAL(ask(&tokens, &made)->verdict, TP_DENY);
	}
	CU_ASSERT_EQUAL(ask(&tokens, &whole)->verdict, TP_ALLOW);
	tokens_close(&tokens);
}

static void nothing_secret_is_logged(void)
{
	const struct made good = make(&(struct wish){.left_over = 0});
	const struct made late = make(&(struct wish){.made_s = 1});
	struct tokens tokens;

	tokens_open(&tokens, KEYS, "");
	(void)ask(&tokens, &good);
	(void)ask(&tokens, &late);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(tokens.host), "reason=expired"));
	CU_ASSERT_PTR_NULL(strstr(tp_test_log(tokens.host), BASE64_256));
	CU_ASSERT_PTR_NULL(strstr(tp_test_log(tokens.host), MAC_KEY));
	tokens_close(&tokens);
}

/* --- the challenge -------------------------------------------------------------------- */

/* RFC 7635 section 6.1 */
static void a_401_names_the_server_and_other_errors_do_not(void)
{
	static const uint16_t codes[] = {401, 400, 403, 438, 500};
	struct tokens tokens;

	tokens_open(&tokens, KEYS, "");
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const struct tp_test_asked *asked = tp_test_error(tokens.host, codes[i]);
		const struct tp_stun_attr *attr;
		struct tp_stun_msg msg;
		const char *reason;

		CU_ASSERT_EQUAL(asked->verdict, TP_PASS);
		CU_ASSERT_EQUAL_FATAL(
			tp_stun_msg_parse(&msg, asked->response.data, asked->response.len, &reason),
			0);
		attr = tp_stun_msg_find(&msg, TP_ATTR_THIRD_PARTY_AUTHORIZATION);
		CU_ASSERT_EQUAL(attr != NULL, codes[i] == 401);
		if (attr != NULL) {
			CU_ASSERT_EQUAL(attr->len, strlen(SERVER_NAME));
			CU_ASSERT_EQUAL(memcmp(attr->value, SERVER_NAME, attr->len), 0);
		}
	}
	tokens_close(&tokens);
}

/* --- keys ----------------------------------------------------------------------------- */

static void keys_that_are_wrong_are_refused(void)
{
	static const struct {
		const char *keys;
		const char *said;
	} cases[] = {
		{"", "no key"},
		{"# none\n", "no key"},
		{"north\n", "algorithm"},
		{"north A256GCM\n", "base64"},
		{"north A192GCM " BASE64_256 "\n", "A256GCM or A128GCM"},
		{"north a256gcm " BASE64_256 "\n", "A256GCM or A128GCM"},
		{"north A256GCM " BASE64_128 "\n", "32 bytes"},
		{"north A128GCM " BASE64_256 "\n", "16 bytes"},
		{"north A256GCM !!!!\n", "base64"},
		{"north A256GCM " BASE64_256 " 1\n", "FROM-UNTIL"},
		{"north A256GCM " BASE64_256 " 2-1\n", "FROM-UNTIL"},
		{"north A256GCM " BASE64_256 " 1-x\n", "FROM-UNTIL"},
		{"north A256GCM " BASE64_256 " 1-2-3\n", "FROM-UNTIL"},
		{"north A256GCM " BASE64_256 " 1-9999999999999999\n", "FROM-UNTIL"},
		{"north A256GCM " BASE64_256 " 1-2 x\n", "behind"},
		{KEYS "north A128GCM " BASE64_128 "\n", "key 3: there is one"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_TEST_PROBLEM_SIZE] = "";
		struct scratch scratch;
		struct tp_test_host *host;

		scratch_open(&scratch);
		scratch_write(&scratch, "keys", 0600, cases[i].keys);
		host = tp_test_host_try("auth_oauth", section_of(&scratch, ""), problem);
		CU_ASSERT_PTR_NULL(host);
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].said));
		CU_ASSERT_PTR_NULL(strstr(problem, BASE64_128));
		tp_test_host_free(&host);
		scratch_close(&scratch);
	}
}

static void a_file_that_others_may_write_is_refused(void)
{
	char problem[TP_TEST_PROBLEM_SIZE] = "";
	struct scratch scratch;
	struct tp_test_host *host;

	scratch_open(&scratch);
	scratch_write(&scratch, "keys", 0602, KEYS);
	host = tp_test_host_try("auth_oauth", section_of(&scratch, ""), problem);
	CU_ASSERT_PTR_NULL(host);
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "written by everybody"));
	tp_test_host_free(&host);
	scratch_close(&scratch);
}

static void a_file_that_others_may_read_is_warned_of(void)
{
	struct tokens tokens;

	scratch_open(&tokens.scratch);
	scratch_write(&tokens.scratch, "keys", 0644, KEYS);
	tokens.host = tp_test_host_create("auth_oauth", section_of(&tokens.scratch, ""));
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(tokens.host), "chmod 640"));
	tokens_close(&tokens);
}

static void look_once(struct tokens *tokens, uint64_t after_ms)
{
	tp_test_advance_ms(tokens->host, after_ms);
	tp_test_finish_jobs(tokens->host);
}

/* A change is seen, and read when it is still the same after a moment. */
static void look(struct tokens *tokens)
{
	look_once(tokens, 1000);
	look_once(tokens, 300);
}

static void a_file_is_left_alone_while_it_is_written(void)
{
	const struct made made = make(&(struct wish){.left_over = 0});
	struct tokens tokens;

	tokens_open(&tokens, KEYS, "reload_interval = 1s");
	scratch_write(&tokens.scratch, "keys", 0600, "nex");
	look_once(&tokens, 1000);
	scratch_write(&tokens.scratch, "keys", 0600, KEYS "next A256GCM " BASE64_256 "\n");
	look(&tokens);
	CU_ASSERT_EQUAL(ask_as(&tokens, "next", &made)->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(tp_test_counter(tokens.host, "reload_failures"), 0);
	tokens_close(&tokens);
}

static void a_changed_file_is_taken_up_and_a_broken_one_is_not(void)
{
	const struct made made = make(&(struct wish){.left_over = 0});
	struct tokens tokens;

	tokens_open(&tokens, KEYS, "reload_interval = 1s");
	CU_ASSERT_EQUAL(ask_as(&tokens, "next", &made)->verdict, TP_PASS);
	scratch_write(&tokens.scratch, "keys", 0600, KEYS "next A256GCM " BASE64_256 "\n");
	look(&tokens);
	CU_ASSERT_EQUAL(ask_as(&tokens, "next", &made)->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(tp_test_counter(tokens.host, "reloads"), 1);
	scratch_write(&tokens.scratch, "keys", 0600, "next\n");
	look(&tokens);
	CU_ASSERT_EQUAL(ask_as(&tokens, "next", &made)->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(tp_test_counter(tokens.host, "reload_failures"), 1);
	look(&tokens);
	CU_ASSERT_EQUAL(tp_test_counter(tokens.host, "reload_failures"), 1);
	tokens_close(&tokens);
}

TEST_SUITE("auth_oauth", TEST(a_token_gives_its_key_for_as_long_as_it_lasts),
	   TEST(tokens_of_coturn_are_good), TEST(keys_are_cut_for_clients_of_coturn),
	   TEST(keys_of_16_to_32_bytes_are_taken),
	   TEST(requests_without_a_token_are_left_to_others),
	   TEST(tokens_of_keys_that_are_not_there_are_left_to_others),
	   TEST(tokens_that_are_not_good_are_refused_and_counted),
	   TEST(a_token_cut_or_altered_anywhere_is_refused), TEST(nothing_secret_is_logged),
	   TEST(a_401_names_the_server_and_other_errors_do_not),
	   TEST(keys_that_are_wrong_are_refused), TEST(a_file_that_others_may_write_is_refused),
	   TEST(a_file_that_others_may_read_is_warned_of),
	   TEST(a_changed_file_is_taken_up_and_a_broken_one_is_not),
	   TEST(a_file_is_left_alone_while_it_is_written));

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/auth.h"

#include <string.h>

#include "base/bytes.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/nonce.h"

static struct turn_fixture f;

static bool has(uint16_t type)
{
	return tp_stun_msg_find(&f.response, type) != NULL;
}

/* RFC 8489 section 9.2.4, first item */
static void without_integrity_401_with_realm_nonce_and_algorithms(void)
{
	turn_fixture_open(&f);
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	CU_ASSERT_TRUE(has(TP_ATTR_REALM));
	CU_ASSERT_TRUE(has(TP_ATTR_NONCE));
	CU_ASSERT_TRUE(has(TP_ATTR_PASSWORD_ALGORITHMS));
	CU_ASSERT_FALSE(has(TP_ATTR_USERNAME));
	CU_ASSERT_FALSE(has(TP_ATTR_MESSAGE_INTEGRITY));
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_authorization], 0);
	turn_fixture_close(&f);
}

static void nonces_differ_between_clients(void)
{
	char first[128];

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	strcpy(first, f.client.nonce);
	f.five_tuple.client_addr.port++;
	turn_fixture_challenge(&f);
	CU_ASSERT_STRING_NOT_EQUAL(first, f.client.nonce);
	turn_fixture_close(&f);
}

/* Second item: each of the three missing. */
static void integrity_without_user_realm_or_nonce_is_400(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	for (int missing = 0; missing < 3; missing++) {
		struct tp_build *build = turn_fixture_begin_allocate(&f);
		struct tp_key key = turn_client_key(&f.client);

		if (missing != 0) {
			tp_build_string(build, TP_ATTR_USERNAME, f.client.user);
		}
		if (missing != 1) {
			tp_build_string(build, TP_ATTR_REALM, f.client.realm);
		}
		if (missing != 2) {
			tp_build_string(build, TP_ATTR_NONCE, f.client.nonce);
		}
		tp_build_integrity(build, &key, false);
		turn_client_finish(&f.client);
		CU_ASSERT_EQUAL(turn_fixture_exchange(&f), 400);
		CU_ASSERT_FALSE(has(TP_ATTR_NONCE));
		CU_ASSERT_FALSE(has(TP_ATTR_REALM));
	}
	turn_fixture_close(&f);
}

/* RFC 8489 section 14.3: made of up to 508 bytes, read up to 763 */
static void a_user_name_with_nul_or_too_long_is_400(void)
{
	static const struct {
		const char *name; /* NULL: "aaa..." */
		size_t len;
		int code;
	} cases[] = {{"ali\0ce", 6, 400}, {NULL, 763, 401}, {NULL, 764, 400}};
	char name[800];

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	memset(name, 'a', sizeof(name));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_build *build = turn_fixture_begin_allocate(&f);
		struct tp_key key = turn_client_key(&f.client);
		size_t at = build->len;

		/* the builder refuses such a name, so it is renamed afterwards */
		tp_build_bytes(build, 0xff06, cases[i].name != NULL ? cases[i].name : name,
			       cases[i].len);
		tp_put_u16(build->bytes + at, TP_ATTR_USERNAME);
		tp_build_string(build, TP_ATTR_REALM, f.client.realm);
		tp_build_string(build, TP_ATTR_NONCE, f.client.nonce);
		tp_build_integrity(build, &key, false);
		turn_client_finish(&f.client);
		CU_ASSERT_EQUAL(turn_fixture_exchange(&f), cases[i].code);
	}
	turn_fixture_close(&f);
}

/* Old clients: RFC 5389 behaviour, MD5 and SHA-1, no new attribute. */
static void an_rfc_5389_client_logs_in(void)
{
	struct tp_key key;

	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	key = turn_client_key(&f.client);
	CU_ASSERT_EQUAL(tp_integrity_check(&f.response, &key, false), 0);
	CU_ASSERT_FALSE(has(TP_ATTR_MESSAGE_INTEGRITY_SHA256));
	turn_fixture_close(&f);
}

static void sha256_password_algorithm_and_integrity(void)
{
	struct tp_key key;

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(f.client.offered_count, 2);
	CU_ASSERT_EQUAL(f.client.offered[0], TP_PASSWORD_SHA256);
	f.client.algorithm = TP_PASSWORD_SHA256;
	f.client.sha256 = true;
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	key = turn_client_key(&f.client);
	CU_ASSERT_EQUAL(tp_integrity_check(&f.response, &key, true), 0);
	CU_ASSERT_FALSE(has(TP_ATTR_MESSAGE_INTEGRITY));
	turn_fixture_close(&f);
}

static void md5_chosen_from_the_list_is_answered_with_sha256_integrity(void)
{
	struct tp_key key;

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	f.client.algorithm = TP_PASSWORD_MD5;
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	key = turn_client_key(&f.client);
	CU_ASSERT_EQUAL(tp_integrity_check(&f.response, &key, true), 0);
	turn_fixture_close(&f);
}

/* Third item: bid-down protection. */
static void an_altered_list_of_algorithms_is_400(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	f.client.algorithm = TP_PASSWORD_MD5;
	f.client.offered[0] = TP_PASSWORD_MD5;
	f.client.offered_count = 1;
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_close(&f);
}

static void the_list_reordered_or_an_algorithm_outside_it_is_400(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	f.client.algorithm = TP_PASSWORD_MD5;
	f.client.offered[0] = TP_PASSWORD_MD5;
	f.client.offered[1] = TP_PASSWORD_SHA256;
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_challenge(&f);
	f.client.algorithm = 3;
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_close(&f);
}

static void one_of_the_two_attributes_alone_is_400(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	tp_build_password_algorithm(turn_fixture_begin_allocate(&f), TP_PASSWORD_MD5);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_challenge(&f);
	tp_build_password_algorithms(turn_fixture_begin_allocate(&f), f.client.offered,
				     f.client.offered_count);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_close(&f);
}

static void with_userhash(struct tp_turn_options *options)
{
	options->userhash = true;
}

static void userhash_names_the_user(void)
{
	turn_fixture_open_with(&f, with_userhash);
	turn_fixture_challenge(&f);
	CU_ASSERT_TRUE(tp_nonce_features((struct tp_view){(const uint8_t *)f.client.nonce,
							  strlen(f.client.nonce)}) &
		       TP_NONCE_USERNAME_ANONYMITY);
	f.client.userhash = true;
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_STRING_EQUAL(tp_allocation_find(f.server, &f.five_tuple)->user, "alice");
	/* also against the kept key */
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 0);
	turn_fixture_close(&f);
}

static void old_only(struct tp_turn_options *options)
{
	options->password_algorithm_count = 0;
}

static void without_algorithms_no_feature_is_announced(void)
{
	turn_fixture_open_with(&f, old_only);
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	CU_ASSERT_FALSE(has(TP_ATTR_PASSWORD_ALGORITHMS));
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(strncmp(f.client.nonce, "obMatJos2AAAA", 13), 0);
	turn_fixture_close(&f);
}

static void a_wrong_password_is_401_with_a_new_nonce(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	f.client.password = "wrong";
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	CU_ASSERT_TRUE(has(TP_ATTR_NONCE));
	CU_ASSERT_TRUE(has(TP_ATTR_REALM));
	CU_ASSERT_TRUE(has(TP_ATTR_PASSWORD_ALGORITHMS));
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_exception], 1);
	turn_fixture_close(&f);
}

static void an_unknown_user_gets_the_same_answer_as_a_wrong_password(void)
{
	uint8_t wrong[4096];
	size_t len;

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	f.client.password = "wrong";
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	len = f.response.len;
	memcpy(wrong, f.response.bytes, len);
	f.client.user = "mallory";
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	CU_ASSERT_EQUAL(f.response.len, len);
	/* all but the transaction id */
	CU_ASSERT_EQUAL(memcmp(f.response.bytes, wrong, 8), 0);
	CU_ASSERT_EQUAL(memcmp(f.response.bytes + 20, wrong + 20, len - 20), 0);
	turn_fixture_close(&f);
}

/* Last items: an old nonce with good integrity is 438, with bad integrity 401. */
static void a_stale_nonce_is_438_and_the_new_one_works(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	turn_fixture_advance_s(&f, 3601);
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 438);
	CU_ASSERT_TRUE(has(TP_ATTR_REALM));
	CU_ASSERT_TRUE(has(TP_ATTR_PASSWORD_ALGORITHMS));
	turn_client_learn(&f.client, &f.response);
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	turn_fixture_close(&f);
}

static void a_stale_nonce_with_bad_integrity_is_401(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	turn_fixture_advance_s(&f, 3601);
	f.client.password = "wrong";
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	turn_fixture_close(&f);
}

static void a_nonce_of_another_client_is_438_and_asks_nobody(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	f.five_tuple.client_addr.port++;
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 438);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_authorization], 0);
	turn_fixture_close(&f);
}

/* RFC 8489 section 6.3.1: after authentication */
static void unknown_required_attributes_are_420_and_named(void)
{
	const struct tp_stun_attr *attr;
	uint16_t types[4];

	turn_fixture_open(&f);
	tp_build_u32(turn_fixture_begin_allocate(&f), 0x7f01, 1);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	turn_client_learn(&f.client, &f.response);
	tp_build_u32(turn_fixture_begin_allocate(&f), 0x7f01, 1);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 420);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_UNKNOWN_ATTRIBUTES);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(tp_attr_read_unknown_attributes(attr, types, 4), 1);
	CU_ASSERT_EQUAL(types[0], 0x7f01);
	turn_fixture_close(&f);
}

/* RFC 8489 section 6.3.1: the list has them all. */
static void as_many_unknown_attributes_as_a_message_holds_are_named(void)
{
	uint16_t types[TP_STUN_ATTRIBUTES_MAX];
	const struct tp_stun_attr *attr;
	struct tp_build *build;

	turn_fixture_open(&f);
	build = turn_client_begin(&f.client, TP_STUN_BINDING);
	for (uint16_t i = 0; i < TP_STUN_ATTRIBUTES_MAX; i++) {
		tp_build_bytes(build, 0x7f00 + i, NULL, 0);
	}
	turn_client_finish(&f.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), 420);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_UNKNOWN_ATTRIBUTES);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(tp_attr_read_unknown_attributes(attr, types, TP_STUN_ATTRIBUTES_MAX),
			TP_STUN_ATTRIBUTES_MAX);
	CU_ASSERT_EQUAL(types[TP_STUN_ATTRIBUTES_MAX - 1], 0x7f00 + TP_STUN_ATTRIBUTES_MAX - 1);
	turn_fixture_close(&f);
}

static void unknown_optional_attributes_are_ignored(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	tp_build_u32(turn_fixture_begin_allocate(&f), 0xff01, 1);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	turn_fixture_close(&f);
}

static void another_user_on_the_allocation_is_441(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	f.client.user = "bob";
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 441);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 441);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 441);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_close(&f);
}

static void the_provider_is_not_asked_again_while_its_answer_holds(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f); /* valid for 100 s */
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_authorization], 1);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 0);
	turn_fixture_advance_s(&f, 99);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_authorization], 1);
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_authorization], 2);
	turn_fixture_advance_s(&f, 99);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_authorization], 2);
	turn_fixture_close(&f);
}

static void an_altered_request_is_401(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	tp_build_u32(turn_fixture_begin_allocate(&f), TP_ATTR_LIFETIME, 700);
	turn_client_sign(&f.client);
	f.client.bytes[20 + 8 + 7] ^= 1; /* a bit of the lifetime */
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), 401);
	turn_fixture_close(&f);
}

static void two_a_second(struct tp_turn_options *options)
{
	options->unauthenticated_rate = 2;
}

static void unauthenticated_answers_to_one_source_are_limited(void)
{
	turn_fixture_open_with(&f, two_a_second);
	for (int i = 0; i < 4; i++) {
		turn_fixture_begin_allocate(&f);
		CU_ASSERT_EQUAL(turn_fixture_request(&f), i < 2 ? 401 : -1);
	}
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_message_discarded], 2);
	turn_fixture_advance_s(&f, 1);
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	turn_fixture_close(&f);
}

static void nothing_is_kept_for_who_has_not_authenticated(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	f.client.password = "wrong";
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	CU_ASSERT_EQUAL(f.server->transactions.count, 0);
	CU_ASSERT_EQUAL(f.server->replay.responses.count, 0);
	CU_ASSERT_EQUAL(f.server->transaction_pool.in_use, 0);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static void fingerprint_is_answered_with_fingerprint(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	CU_ASSERT_FALSE(has(TP_ATTR_FINGERPRINT));
	f.client.fingerprint = true;
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_TRUE(has(TP_ATTR_FINGERPRINT));
	turn_fixture_close(&f);
}

/* --- access tokens: RFC 7635 ------------------------------------------------------- */

#define TOKEN_VALID_S 900

static uint8_t mac_key[20];
static uint32_t token_valid_s;

static enum tp_verdict ask_for_token(enum tp_event event, struct tp_request *request,
				     const void *payload)
{
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.mac_key = mac_key,
		.mac_key_len = sizeof(mac_key),
		.valid_for_s = token_valid_s,
	};
	struct tp_view token;

	(void)payload;
	if (event == TP_EVENT_on_stun_request_error) {
		CU_ASSERT_EQUAL(tp_request_add_attribute(request, TP_ATTR_THIRD_PARTY_AUTHORIZATION,
							 "turn.example.org", 16),
				0);
	}
	if (event != TP_EVENT_on_stun_request_authorization ||
	    !tp_request_attribute(request, TP_ATTR_ACCESS_TOKEN, 0, &token)) {
		return TP_PASS;
	}
	CU_ASSERT_EQUAL(token.len, 5);
	return tp_request_provide(request, &credentials);
}

static void open_for_tokens(void)
{
	turn_fixture_open(&f);
	memset(mac_key, 'k', sizeof(mac_key));
	token_valid_s = TOKEN_VALID_S;
	test_hooks.ask = ask_for_token;
	turn_fixture_challenge(&f);
}

/* Sign what was begun with the key of a token, that of @fill, and send it. */
static int request_with(const char *kid, uint8_t fill, bool with_token)
{
	struct tp_build *build = &f.client.build;
	struct tp_key key = {.len = sizeof(mac_key)};

	memset(key.bytes, fill, key.len);
	tp_build_string(build, TP_ATTR_USERNAME, kid);
	tp_build_string(build, TP_ATTR_REALM, f.client.realm);
	tp_build_string(build, TP_ATTR_NONCE, f.client.nonce);
	if (with_token) {
		tp_build_bytes(build, TP_ATTR_ACCESS_TOKEN, "token", 5);
	}
	tp_build_integrity(build, &key, false);
	turn_client_finish(&f.client);
	return turn_fixture_exchange(&f);
}

static int refresh_with(const char *kid, uint8_t fill, bool with_token, uint32_t lifetime_s)
{
	struct tp_build *build = turn_client_begin(&f.client, TP_STUN_REFRESH);

	tp_build_u32(build, TP_ATTR_LIFETIME, lifetime_s);
	return request_with(kid, fill, with_token);
}

static uint32_t granted_s(void)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, TP_ATTR_LIFETIME);
	uint32_t lifetime_s = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(tp_attr_read_u32(attr, &lifetime_s), 0);
	return lifetime_s;
}

static int allocate_with_token(void)
{
	tp_build_u32(turn_fixture_begin_allocate(&f), TP_ATTR_LIFETIME, 3600);
	return request_with("kid", 'k', true);
}

static void a_challenge_may_name_the_authorization_server(void)
{
	const struct tp_stun_attr *attr;

	open_for_tokens();
	attr = tp_stun_msg_find(&f.response, TP_ATTR_THIRD_PARTY_AUTHORIZATION);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(attr->len, 16);
	turn_fixture_close(&f);
}

/* Section 7: the mac_key of the token is the key of the integrity. */
static void the_key_of_a_token_is_used_as_it_is(void)
{
	struct tp_key key = {.len = sizeof(mac_key)};

	open_for_tokens();
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(request_with("kid", 'x', true), 401);
	CU_ASSERT_EQUAL(allocate_with_token(), 0);
	memset(key.bytes, 'k', key.len);
	CU_ASSERT_EQUAL(tp_integrity_check(&f.response, &key, false), 0);
	turn_fixture_close(&f);
}

static void the_key_of_a_token_is_kept_with_the_allocation(void)
{
	open_for_tokens();
	CU_ASSERT_EQUAL(allocate_with_token(), 0);
	CU_ASSERT_EQUAL(refresh_with("kid", 'k', false, 600), 0);
	CU_ASSERT_EQUAL(refresh_with("kid", 'x', false, 600), 401);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_authorization], 2);
	turn_fixture_close(&f);
}

static void what_a_token_has_allocated_ends_with_it(void)
{
	open_for_tokens();
	CU_ASSERT_EQUAL(allocate_with_token(), 0);
	CU_ASSERT_EQUAL(granted_s(), TOKEN_VALID_S);
	turn_fixture_advance_s(&f, 500);
	CU_ASSERT_EQUAL(refresh_with("kid", 'k', false, 3600), 0);
	CU_ASSERT_EQUAL(granted_s(), TOKEN_VALID_S - 500);
	turn_fixture_advance_s(&f, TOKEN_VALID_S - 500);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	turn_fixture_close(&f);
}

static void a_later_token_prolongs_whatever_key_it_names(void)
{
	open_for_tokens();
	CU_ASSERT_EQUAL(allocate_with_token(), 0);
	turn_fixture_advance_s(&f, 500);
	memset(mac_key, 'n', sizeof(mac_key));
	CU_ASSERT_EQUAL(refresh_with("next", 'n', true, 3600), 0);
	CU_ASSERT_EQUAL(granted_s(), TOKEN_VALID_S);
	CU_ASSERT_EQUAL(refresh_with("next", 'n', false, 3600), 0);
	CU_ASSERT_EQUAL(refresh_with("kid", 'k', false, 3600), 401);
	turn_fixture_close(&f);
}

static void a_token_does_not_take_over_what_a_password_has_allocated(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	memset(mac_key, 'k', sizeof(mac_key));
	test_hooks.ask = ask_for_token;
	CU_ASSERT_EQUAL(refresh_with("kid", 'k', true, 600), 441);
	turn_fixture_close(&f);
}

TEST_SUITE("auth", TEST(without_integrity_401_with_realm_nonce_and_algorithms),
	   TEST(nonces_differ_between_clients), TEST(integrity_without_user_realm_or_nonce_is_400),
	   TEST(a_user_name_with_nul_or_too_long_is_400), TEST(an_rfc_5389_client_logs_in),
	   TEST(sha256_password_algorithm_and_integrity),
	   TEST(md5_chosen_from_the_list_is_answered_with_sha256_integrity),
	   TEST(an_altered_list_of_algorithms_is_400),
	   TEST(the_list_reordered_or_an_algorithm_outside_it_is_400),
	   TEST(one_of_the_two_attributes_alone_is_400), TEST(userhash_names_the_user),
	   TEST(without_algorithms_no_feature_is_announced),
	   TEST(a_wrong_password_is_401_with_a_new_nonce),
	   TEST(an_unknown_user_gets_the_same_answer_as_a_wrong_password),
	   TEST(a_stale_nonce_is_438_and_the_new_one_works),
	   TEST(a_stale_nonce_with_bad_integrity_is_401),
	   TEST(a_nonce_of_another_client_is_438_and_asks_nobody),
	   TEST(unknown_required_attributes_are_420_and_named),
	   TEST(as_many_unknown_attributes_as_a_message_holds_are_named),
	   TEST(unknown_optional_attributes_are_ignored),
	   TEST(another_user_on_the_allocation_is_441),
	   TEST(the_provider_is_not_asked_again_while_its_answer_holds),
	   TEST(an_altered_request_is_401), TEST(unauthenticated_answers_to_one_source_are_limited),
	   TEST(nothing_is_kept_for_who_has_not_authenticated),
	   TEST(fingerprint_is_answered_with_fingerprint),
	   TEST(a_challenge_may_name_the_authorization_server),
	   TEST(the_key_of_a_token_is_used_as_it_is),
	   TEST(the_key_of_a_token_is_kept_with_the_allocation),
	   TEST(what_a_token_has_allocated_ends_with_it),
	   TEST(a_later_token_prolongs_whatever_key_it_names),
	   TEST(a_token_does_not_take_over_what_a_password_has_allocated));

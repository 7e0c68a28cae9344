/* SPDX-License-Identifier: Apache-2.0 */
#include "host/request.h"

#include <string.h>

#include <turnpike/error.h>
#include <turnpike/test.h>

#include "stun/codes.h"
#include "support/hooks.h"
#include "support/suite.h"

/* Each case sets what the handler does, then puts an event to it. */
static void (*handler)(struct tp_request *request);
static enum tp_verdict verdict;

static enum tp_verdict handle(enum tp_event event, struct tp_request *request, const void *payload)
{
	(void)event;
	(void)payload;
	handler(request);
	return verdict;
}

static struct tp_test_host *open_with(void (*of_case)(struct tp_request *request))
{
	struct tp_test_host *host = tp_test_host_create("hooks", "");

	handler = of_case;
	verdict = TP_PASS;
	test_hooks = (struct test_hooks){.ask = handle};
	return host;
}

static const struct tp_before_allocate before_allocate = {.lifetime_s = 600};

static const struct tp_test_asked *allocate(struct tp_test_host *host)
{
	return tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &before_allocate);
}

/* --- looking ---------------------------------------------------------------------- */

static void look(struct tp_request *request)
{
	struct tp_view view;

	CU_ASSERT_EQUAL(tp_request_method(request), TP_STUN_ALLOCATE);
	CU_ASSERT_STRING_EQUAL(tp_request_user(request), "carol");
	CU_ASSERT_STRING_EQUAL(tp_request_realm(request), "example.org");
	CU_ASSERT_EQUAL(tp_request_five_tuple(request)->client_addr.port, 4001);
	CU_ASSERT_EQUAL(tp_request_five_tuple(request)->transport, TP_TRANSPORT_TLS);
	view = tp_request_bytes(request);
	CU_ASSERT_EQUAL(view.len, TP_STUN_HEADER_SIZE + 8);
	CU_ASSERT_TRUE(tp_request_attribute(request, TP_ATTR_REQUESTED_TRANSPORT, 0, &view));
	CU_ASSERT_EQUAL(view.len, 4);
	CU_ASSERT_EQUAL(view.data[0], TP_PROTOCOL_UDP);
	CU_ASSERT_FALSE(tp_request_attribute(request, TP_ATTR_REQUESTED_TRANSPORT, 1, &view));
	CU_ASSERT_FALSE(tp_request_attribute(request, TP_ATTR_SOFTWARE, 0, &view));
}

static void a_handler_sees_the_request(void)
{
	struct tp_test_host *host = open_with(look);

	tp_test_set_five_tuple(host, TP_TRANSPORT_TLS, "192.0.2.77:4001", "198.51.100.1:5349");
	tp_test_set_user(host, "carol");
	CU_ASSERT_EQUAL(allocate(host)->verdict, TP_PASS);
	tp_test_host_free(&host);
}

/* RFC 8489 section 14.5: what stands behind MESSAGE-INTEGRITY does not count. */
static void look_behind_integrity(struct tp_request *request)
{
	struct tp_view view;

	CU_ASSERT_TRUE(tp_request_attribute(request, TP_ATTR_USERNAME, 0, &view));
	CU_ASSERT_FALSE(tp_request_attribute(request, TP_ATTR_SOFTWARE, 0, &view));
}

static void a_handler_sees_only_what_counts(void)
{
	static const uint8_t id[TP_STUN_TRANSACTION_ID_SIZE] = {1};
	const struct tp_key key = {.bytes = "key", .len = 3};
	struct tp_test_host *host = open_with(look_behind_integrity);
	uint8_t bytes[256];
	struct tp_build build;

	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_ALLOCATE, TP_STUN_REQUEST, id);
	tp_build_string(&build, TP_ATTR_USERNAME, "alice");
	tp_build_integrity(&build, &key, false);
	tp_build_string(&build, TP_ATTR_SOFTWARE, "behind");
	tp_test_set_request(host, bytes, tp_build_finish(&build));
	CU_ASSERT_EQUAL(allocate(host)->verdict, TP_PASS);
	tp_test_host_free(&host);
}

/* --- refusing --------------------------------------------------------------------- */

static const char *phrase;
static uint16_t phrase_code;

static void deny(struct tp_request *request)
{
	CU_ASSERT_EQUAL(tp_request_deny(request, phrase_code, phrase), TP_DENY);
}

static void a_code_out_of_range_is_the_events_own(void)
{
	static const struct {
		uint16_t code;
		uint16_t sent;
	} cases[] = {{0, 486}, {299, 486}, {300, 300}, {403, 403}, {699, 699}, {700, 486}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = open_with(deny);

		verdict = TP_DENY;
		phrase = NULL;
		phrase_code = cases[i].code;
		CU_ASSERT_EQUAL(allocate(host)->code, cases[i].sent);
		tp_test_host_free(&host);
	}
}

static void each_event_has_a_code_of_its_own(void)
{
	static const struct {
		enum tp_event event;
		uint16_t code;
	} cases[] = {
		{TP_EVENT_on_stun_request_authorization, 401},
		{TP_EVENT_on_turn_before_allocate, 486},
		{TP_EVENT_on_turn_before_permission, 403},
		{TP_EVENT_on_turn_before_channel, 403},
		{TP_EVENT_on_stun_request_error, 0}, /* nothing is sent */
		{TP_EVENT_on_stun_request_success, 0},
	};
	static const union {
		struct tp_request_authorization authorization;
		struct tp_before_allocate allocate;
		struct tp_before_permission permission;
		struct tp_before_channel channel;
		struct tp_request_error error;
		struct tp_request_success success;
	} payload;
	struct tp_test_host *host = tp_test_host_create("denies_all", "");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tp_test_asked *asked = tp_test_fire(host, cases[i].event, &payload);

		CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
		CU_ASSERT_EQUAL(asked->code, cases[i].code);
	}
	tp_test_host_free(&host);
}

static void a_reason_is_cut_between_characters(void)
{
	struct tp_test_host *host = open_with(deny);
	char text[200];
	const struct tp_test_asked *asked;

	verdict = TP_DENY;
	phrase = text;
	phrase_code = 403;
	memset(text, 'a', sizeof(text));
	memcpy(text + 126, "\xc3\xa9", 2); /* the 127th and 128th byte are one character */
	text[199] = '\0';
	asked = allocate(host);
	CU_ASSERT_EQUAL(strlen(asked->reason), 126);
	memcpy(text, "quota", 6);
	CU_ASSERT_STRING_EQUAL(allocate(host)->reason, "quota");
	tp_test_host_free(&host);
}

/* --- lifetime ---------------------------------------------------------------------- */

static uint32_t wanted_s;

static void shorten(struct tp_request *request)
{
	tp_request_shorten_lifetime(request, wanted_s);
}

static void a_lifetime_is_only_shortened(void)
{
	static const struct {
		uint32_t wanted_s;
		uint32_t left_s;
	} cases[] = {{60, 60}, {600, 600}, {601, 600}, {UINT32_MAX, 600}, {1, 1}, {0, 600}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = open_with(shorten);

		wanted_s = cases[i].wanted_s;
		CU_ASSERT_EQUAL(allocate(host)->lifetime_s, cases[i].left_s);
		tp_test_host_free(&host);
	}
}

/* --- limits ------------------------------------------------------------------------ */

static const struct tp_limits *wanted_limits;
static size_t wanted_limit_count;

static void limit(struct tp_request *request)
{
	for (size_t i = 0; i < wanted_limit_count; i++) {
		tp_request_limit(request, &wanted_limits[i]);
	}
	tp_request_limit(request, NULL);
}

static void the_lowest_limits_count(void)
{
	const size_t size = sizeof(struct tp_limits);
	const struct {
		struct tp_limits wanted[3];
		uint64_t bits_per_s;
		uint64_t packets_per_s;
	} cases[] = {
		{{{size, 0, 0}, {size, 0, 0}, {size, 0, 0}}, 0, 0},
		{{{size, 8, 0}, {size, 0, 9}, {size, 0, 0}}, 8, 9},
		{{{size, 8, 9}, {size, 9, 8}, {size, 0, 0}}, 8, 8},
		{{{size - 1, 1, 1}, {size, 9, 9}, {size, 10, 10}}, 9, 9},
		{{{size + 8, 5, 5}, {size, 9, 9}, {size, 4, 0}}, 4, 5},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = open_with(limit);
		const struct tp_test_asked *asked;

		wanted_limits = cases[i].wanted;
		wanted_limit_count = 3;
		asked = allocate(host);
		CU_ASSERT_EQUAL(asked->limits.bits_per_s, cases[i].bits_per_s);
		CU_ASSERT_EQUAL(asked->limits.packets_per_s, cases[i].packets_per_s);
		tp_test_host_free(&host);
	}
}

/* --- where to go ------------------------------------------------------------------- */

static struct tp_addr place;
static const char *domain;

static void redirect(struct tp_request *request)
{
	verdict = tp_request_redirect(request, &place, domain);
}

static void a_client_is_sent_elsewhere(void)
{
	static char long_domain[257];
	static const struct {
		const char *alternate;
		const char *domain;
		enum tp_verdict verdict;
	} cases[] = {
		{"203.0.113.9:3478", NULL, TP_ALLOW},
		{"203.0.113.9:3478", "turn2.example.org", TP_ALLOW},
		{"[2001:db8::9]:3478", NULL, TP_PASS}, /* RFC 8489 section 10 */
		{"203.0.113.9", NULL, TP_PASS},
		{"203.0.113.9:3478", "", TP_PASS},
		{"203.0.113.9:3478", long_domain, TP_PASS}, /* section 14.16 */
		{"203.0.113.9:3478", long_domain + 1, TP_ALLOW},
	};
	const struct tp_redirect event = {.family = TP_FAMILY_IPV4};

	memset(long_domain, 'a', 256);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = open_with(redirect);
		const struct tp_test_asked *asked;

		CU_ASSERT_EQUAL(tp_addr_parse(cases[i].alternate, &place), 0);
		domain = cases[i].domain;
		asked = tp_test_fire(host, TP_EVENT_on_turn_redirect, &event);
		CU_ASSERT_EQUAL(asked->verdict, cases[i].verdict);
		if (cases[i].verdict == TP_ALLOW) {
			CU_ASSERT_TRUE(tp_addr_equal(&asked->alternate, &place));
			CU_ASSERT_EQUAL(asked->alternate_domain == NULL, domain == NULL);
		}
		tp_test_host_free(&host);
	}
}

static void redirect_twice(struct tp_request *request)
{
	struct tp_addr other;

	CU_ASSERT_EQUAL(tp_addr_parse("[2001:db8::9]:3478", &other), 0);
	CU_ASSERT_EQUAL(tp_request_redirect(request, &other, NULL), TP_PASS);
	CU_ASSERT_EQUAL(tp_request_redirect(request, &place, domain), TP_ALLOW);
	verdict = tp_request_redirect(request, &other, NULL);
	other.family = 9;
	CU_ASSERT_EQUAL(tp_request_redirect(request, &other, NULL), TP_PASS);
}

/* RFC 8489 section 10: the mandatory one first. */
static void an_address_of_the_other_family_comes_second(void)
{
	const struct tp_redirect event = {.family = TP_FAMILY_IPV4};
	struct tp_test_host *host = open_with(redirect_twice);
	const struct tp_test_asked *asked;

	CU_ASSERT_EQUAL(tp_addr_parse("203.0.113.9:3478", &place), 0);
	domain = "turn2.example.org";
	asked = tp_test_fire(host, TP_EVENT_on_turn_redirect, &event);
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_TRUE(tp_addr_equal(&asked->alternate, &place));
	CU_ASSERT_STRING_EQUAL(asked->alternate_domain, domain);
	CU_ASSERT_EQUAL(tp_addr_parse("[2001:db8::9]:3478", &place), 0);
	CU_ASSERT_TRUE(tp_addr_equal(&asked->alternate_other, &place));
	tp_test_host_free(&host);
}

static void allow(struct tp_request *request)
{
	(void)request;
	verdict = TP_ALLOW;
}

static void a_redirection_to_nowhere_is_refused(void)
{
	const struct tp_redirect event = {.family = TP_FAMILY_IPV4};
	struct tp_test_host *host = open_with(allow);

	CU_ASSERT_EQUAL(tp_test_fire(host, TP_EVENT_on_turn_redirect, &event)->verdict, TP_DENY);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "allowed without an alternate server"));
	tp_test_host_free(&host);
}

static const struct tp_addr *relay;
static uint16_t ports[2];

static void choose(struct tp_request *request)
{
	verdict = tp_request_choose_relay(request, relay, ports[0], ports[1]);
}

static void a_relayed_address_is_chosen(void)
{
	static const struct {
		const char *relay;
		uint16_t ports[2];
		enum tp_verdict verdict;
	} cases[] = {
		{NULL, {0, 0}, TP_ALLOW},
		{"203.0.113.7", {0, 0}, TP_ALLOW},
		{"203.0.113.7", {50000, 50000}, TP_ALLOW},
		{NULL, {50000, 50999}, TP_ALLOW},
		{NULL, {50001, 50000}, TP_DENY},
		{NULL, {0, 50000}, TP_DENY},
		{NULL, {50000, 0}, TP_DENY},
		{"2001:db8::7", {0, 0}, TP_DENY}, /* another family than was asked for */
	};
	const struct tp_choose_relay event = {.family = TP_FAMILY_IPV4};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = open_with(choose);
		const struct tp_test_asked *asked;

		relay = NULL;
		if (cases[i].relay != NULL) {
			CU_ASSERT_EQUAL(tp_addr_parse(cases[i].relay, &place), 0);
			relay = &place;
		}
		memcpy(ports, cases[i].ports, sizeof(ports));
		asked = tp_test_fire(host, TP_EVENT_on_turn_choose_relay, &event);
		CU_ASSERT_EQUAL(asked->verdict, cases[i].verdict);
		if (cases[i].verdict == TP_ALLOW) {
			CU_ASSERT_EQUAL(asked->port_min, ports[0]);
			CU_ASSERT_EQUAL(asked->port_max, ports[1]);
			CU_ASSERT_EQUAL(asked->relay.family == TP_FAMILY_NONE, relay == NULL);
		} else {
			CU_ASSERT_EQUAL(asked->code, 508);
		}
		tp_test_host_free(&host);
	}
}

static void decide(struct tp_request *request)
{
	CU_ASSERT_EQUAL(tp_request_redirect(request, &place, NULL), TP_PASS);
	CU_ASSERT_EQUAL(tp_request_choose_relay(request, NULL, 0, 0), TP_DENY);
}

static void decisions_are_for_their_own_events(void)
{
	struct tp_test_host *host = open_with(decide);

	CU_ASSERT_EQUAL(tp_addr_parse("203.0.113.9:3478", &place), 0);
	CU_ASSERT_EQUAL(allocate(host)->verdict, TP_PASS);
	tp_test_host_free(&host);
}

/* --- attributes -------------------------------------------------------------------- */

static uint16_t added_type;
static size_t added_len;
static int added_err;

static void add(struct tp_request *request)
{
	static const uint8_t value[65535];

	added_err = tp_request_add_attribute(request, added_type, value, added_len);
}

static void a_response_takes_optional_attributes(void)
{
	static const struct {
		uint16_t type;
		size_t len;
		int err;
	} cases[] = {
		{0xc001, 5, 0},
		{0x8000 | 0x123, 0, 0},
		{0x7fff, 4, TP_EINVAL}, /* comprehension-required */
		{TP_ATTR_SOFTWARE, 4, TP_EINVAL},
		{TP_ATTR_FINGERPRINT, 4, TP_EINVAL},
		{TP_ATTR_MOBILITY_TICKET, 4, TP_EINVAL},
		{0xc001, 1280 - 20 - 44 - 4, 0},
		{0xc001, 1280 - 20 - 44 - 4 + 1, TP_EFULL},
		{0xc001, 65535, TP_EFULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = open_with(add);
		size_t padded = (cases[i].len + 3) / 4 * 4;
		const struct tp_test_asked *asked;

		added_type = cases[i].type;
		added_len = cases[i].len;
		asked = tp_test_success(host, NULL);
		CU_ASSERT_EQUAL(added_err, cases[i].err);
		CU_ASSERT_EQUAL(asked->response.len,
				TP_STUN_HEADER_SIZE + (cases[i].err == 0 ? 4 + padded : 0));
		tp_test_host_free(&host);
	}
}

/* RFC 7635 section 6.1: THIRD-PARTY-AUTHORIZATION stands in the 401. */
static void an_error_response_takes_them_too(void)
{
	struct tp_test_host *host = open_with(add);
	const struct tp_test_asked *asked;
	struct tp_stun_msg msg;
	const char *reason;

	added_type = TP_ATTR_THIRD_PARTY_AUTHORIZATION;
	added_len = 16;
	asked = tp_test_error(host, 401);
	CU_ASSERT_EQUAL(added_err, 0);
	CU_ASSERT_EQUAL_FATAL(
		tp_stun_msg_parse(&msg, asked->response.data, asked->response.len, &reason), 0);
	CU_ASSERT_PTR_NOT_NULL(tp_stun_msg_find(&msg, TP_ATTR_ERROR_CODE));
	CU_ASSERT_PTR_NOT_NULL(tp_stun_msg_find(&msg, TP_ATTR_THIRD_PARTY_AUTHORIZATION));
	added_len = 1280;
	(void)tp_test_error(host, 401);
	CU_ASSERT_EQUAL(added_err, TP_EFULL);
	added_type = TP_ATTR_NONCE;
	(void)tp_test_error(host, 401);
	CU_ASSERT_EQUAL(added_err, TP_EINVAL);
	tp_test_host_free(&host);
}

static void other_events_have_no_response(void)
{
	struct tp_test_host *host = open_with(add);

	added_type = 0xc001;
	added_len = 4;
	(void)allocate(host);
	CU_ASSERT_EQUAL(added_err, TP_EINVAL);
	tp_test_host_free(&host);
}

/* --- credentials -------------------------------------------------------------------- */

static const struct tp_credentials *given;
static enum tp_verdict provided;

static void provide(struct tp_request *request)
{
	provided = tp_request_provide(request, given);
	verdict = provided;
}

static void credentials_are_taken_or_refused(void)
{
	static const uint8_t key[32] = {1};
	static const char *const more[TP_MORE_PASSWORDS_MAX + 1] = {"a", "b", "c", "d", "e",
								    "f", "g", "h", "i"};
	static const char *const holes[] = {"a", NULL};
	static char overlong_user[510];
	static char overlong_password[TP_KEY_TEXT_MAX + 2];
	const size_t size = sizeof(struct tp_credentials);
	const size_t size_1_0 = offsetof(struct tp_credentials, max_bits_per_s);
	const size_t size_without_mac_key = offsetof(struct tp_credentials, mac_key);
	const struct {
		struct tp_credentials given;
		uint16_t algorithm;
		enum tp_verdict verdict;
	} cases[] = {
		{{.size = size, .password = "x"}, 1, TP_ALLOW},
		{{.size = size, .password = ""}, 1, TP_ALLOW},
		{{.size = size, .key_md5 = key}, 1, TP_ALLOW},
		{{.size = size, .key_sha256 = key}, 2, TP_ALLOW},
		{{.size = size, .key_md5 = key}, 2, TP_DENY},
		{{.size = size, .key_sha256 = key}, 1, TP_DENY},
		{{.size = size, .key_md5 = key, .password = "x"}, 2, TP_ALLOW},
		{{.size = size, .more_passwords = more, .more_password_count = 8}, 1, TP_ALLOW},
		{{.size = size, .more_passwords = more, .more_password_count = 9}, 1, TP_DENY},
		{{.size = size, .more_passwords = holes, .more_password_count = 2}, 1, TP_DENY},
		{{.size = size, .password = "x", .more_password_count = 1}, 1, TP_DENY},
		{{.size = size}, 1, TP_DENY},
		{{.size = size_1_0, .password = "x"}, 1, TP_ALLOW},
		{{.size = size_1_0 - 1, .password = "x"}, 1, TP_DENY},
		{{.size = size + 8, .password = "x"}, 1, TP_ALLOW}, /* of a later minor */
		{{.size = size_without_mac_key, .mac_key = key, .mac_key_len = 20}, 1, TP_DENY},
		{{.size = size, .mac_key = key, .mac_key_len = 16}, 1, TP_ALLOW},
		{{.size = size, .mac_key = key, .mac_key_len = 32}, 2, TP_ALLOW},
		{{.size = size, .mac_key = key, .mac_key_len = 15}, 1, TP_DENY},
		{{.size = size, .mac_key = key, .mac_key_len = 33}, 1, TP_DENY},
		{{.size = size, .mac_key = key}, 1, TP_DENY},
		{{.size = size, .mac_key_len = 20, .password = "x"}, 1, TP_DENY},
		{{.size = size, .mac_key = key, .mac_key_len = 20, .password = "x"}, 1, TP_DENY},
		{{.size = size, .mac_key = key, .mac_key_len = 20, .key_md5 = key}, 1, TP_DENY},
		{{.size = size, .password = "x", .user = ""}, 1, TP_DENY},
		{{.size = size, .password = "x", .user = overlong_user}, 1, TP_DENY},
		{{.size = size, .password = overlong_password}, 1, TP_DENY},
	};

	memset(overlong_user, 'u', sizeof(overlong_user) - 1);
	memset(overlong_password, 'p', sizeof(overlong_password) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = open_with(provide);

		given = &cases[i].given;
		CU_ASSERT_EQUAL(tp_test_authorize(host, "alice", "example.org", cases[i].algorithm)
					->verdict,
				cases[i].verdict);
		tp_test_host_free(&host);
	}
	given = NULL;
}

static void all_of_the_credentials_arrive(void)
{
	static const uint8_t md5[16] = {1, 2};
	static const uint8_t sha256[32] = {3, 4};
	static const char *const more[] = {"old", "older"};
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = "new",
		.key_md5 = md5,
		.key_sha256 = sha256,
		.user = "alice",
		.valid_for_s = 1,
		.max_allocations = 2,
		.max_lifetime_s = 3,
		.max_bits_per_s = 4,
		.max_packets_per_s = 5,
		.more_passwords = more,
		.more_password_count = 2,
	};
	struct tp_test_host *host = open_with(provide);
	const struct tp_test_asked *asked;

	given = &credentials;
	asked = tp_test_authorize_userhash(host, sha256, "example.org", 2);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->password, "new");
	CU_ASSERT_EQUAL(memcmp(asked->key_md5, md5, sizeof(md5)), 0);
	CU_ASSERT_EQUAL(memcmp(asked->key_sha256, sha256, sizeof(sha256)), 0);
	CU_ASSERT_STRING_EQUAL(asked->user, "alice");
	CU_ASSERT_EQUAL(asked->valid_for_s, 1);
	CU_ASSERT_EQUAL(asked->max_allocations, 2);
	CU_ASSERT_EQUAL(asked->max_lifetime_s, 3);
	CU_ASSERT_EQUAL(asked->max_bits_per_s, 4);
	CU_ASSERT_EQUAL(asked->max_packets_per_s, 5);
	CU_ASSERT_EQUAL_FATAL(asked->more_password_count, 2);
	CU_ASSERT_STRING_EQUAL(asked->more_passwords[1], "older");
	tp_test_host_free(&host);
	given = NULL;
}

static void gates_take_no_credentials(void)
{
	const struct tp_credentials credentials = {.size = sizeof(credentials), .password = "x"};
	struct tp_test_host *host = open_with(provide);

	given = &credentials;
	CU_ASSERT_EQUAL(allocate(host)->verdict, TP_DENY);
	CU_ASSERT_EQUAL(provided, TP_DENY);
	tp_test_host_free(&host);
	given = NULL;
}

TEST_SUITE("request", TEST(a_handler_sees_the_request), TEST(a_handler_sees_only_what_counts),
	   TEST(a_code_out_of_range_is_the_events_own), TEST(each_event_has_a_code_of_its_own),
	   TEST(a_reason_is_cut_between_characters), TEST(a_lifetime_is_only_shortened),
	   TEST(the_lowest_limits_count), TEST(a_client_is_sent_elsewhere),
	   TEST(an_address_of_the_other_family_comes_second),
	   TEST(a_redirection_to_nowhere_is_refused), TEST(a_relayed_address_is_chosen),
	   TEST(decisions_are_for_their_own_events), TEST(a_response_takes_optional_attributes),
	   TEST(an_error_response_takes_them_too), TEST(other_events_have_no_response),
	   TEST(credentials_are_taken_or_refused), TEST(all_of_the_credentials_arrive),
	   TEST(gates_take_no_credentials));

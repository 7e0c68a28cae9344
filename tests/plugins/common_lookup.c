/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/test.h>

#include "common/lookup.h"
#include "support/hooks.h"
#include "support/suite.h"

#define QUERIES_MAX 20000
#define METHOD_ALLOCATE 0x003
#define METHOD_REFRESH 0x004

/* A back end that answers when the test says so. */
struct backend {
	struct tp_test_host *host;
	struct lookup *lookup;
	struct lookup_query *queries[QUERIES_MAX]; /* in hands; NULL: ended */
	size_t count;
	size_t cancelled;
	void (*at_once)(struct lookup_query *query);
	int start_error;
	const struct lookup_details *details;
};

static struct backend backend;

static int start(void *arg, struct lookup_query *query)
{
	CU_ASSERT_PTR_EQUAL(arg, &backend);
	if (backend.start_error != 0) {
		return backend.start_error;
	}
	if (backend.at_once != NULL) {
		backend.at_once(query);
		return 0;
	}
	if (backend.count < QUERIES_MAX) {
		backend.queries[backend.count++] = query;
	}
	return 0;
}

static void cancel(void *arg, struct lookup_query *query)
{
	CU_ASSERT_PTR_EQUAL(arg, &backend);
	for (size_t i = 0; i < backend.count; i++) {
		if (backend.queries[i] == query) {
			backend.queries[i] = NULL;
			backend.cancelled++;
			return;
		}
	}
	CU_FAIL("cancelled what was not asked");
}

static const struct lookup_ops ops = {start, cancel};

static enum tp_verdict ask(enum tp_event event, struct tp_request *request, const void *payload)
{
	if (event == TP_EVENT_on_turn_before_refresh) {
		return lookup_before_refresh(backend.lookup, request, payload);
	}
	return lookup_ask_with(backend.lookup, request, payload, backend.details);
}

static void tell(enum tp_event event, const void *payload)
{
	CU_ASSERT_EQUAL(event, TP_EVENT_on_turn_create_allocation);
	lookup_create_allocation(backend.lookup, payload);
}

static void request_gone(struct tp_ticket ticket)
{
	if (backend.lookup != NULL) {
		lookup_request_gone(backend.lookup, ticket);
	}
}

static struct tp_test_host *open_with(const char *section, unsigned depends, size_t active_max)
{
	const struct lookup_settings settings = {&ops, &backend, depends, active_max};

	memset(&backend, 0, sizeof(backend));
	test_hooks = (struct test_hooks){.ask = ask, .tell = tell, .request_gone = request_gone};
	backend.host = tp_test_host_create(TEST_PLUGIN_DIR "/looks_up.so", section);
	backend.lookup = lookup_create(tp_test_instance(backend.host), tp_test_worker(backend.host),
				       &settings);
	CU_ASSERT_PTR_NOT_NULL_FATAL(backend.lookup);
	return backend.host;
}

static struct tp_test_host *open(const char *section)
{
	return open_with(section, 0, 0);
}

static void close(void)
{
	lookup_free(&backend.lookup);
	tp_test_host_free(&backend.host);
	test_hooks = (struct test_hooks){.ask = NULL};
}

static const struct tp_test_asked *login(const char *user)
{
	return tp_test_authorize(backend.host, user, "example.org", 1);
}

static struct lookup_query *take(size_t nth)
{
	struct lookup_query *query = nth < backend.count ? backend.queries[nth] : NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(query);
	backend.queries[nth] = NULL;
	return query;
}

static void find_for(struct lookup_query *query, const char *password, int64_t valid_s)
{
	char copied[64];
	struct lookup_credentials credentials = {
		.credentials = {.size = sizeof(struct tp_credentials), .password = copied},
		.valid_for_s = valid_s,
	};

	snprintf(copied, sizeof(copied), "%s", password);
	lookup_found(query, &credentials);
	memset(copied, 'x', sizeof(copied) - 1); /* it has been copied */
}

static void found(size_t nth, const char *password)
{
	find_for(take(nth), password, LOOKUP_UNSAID);
	tp_test_turn(backend.host);
}

static void found_at_once(struct lookup_query *query)
{
	find_for(query, "at once", LOOKUP_UNSAID);
}

static void unknown_at_once(struct lookup_query *query)
{
	lookup_unknown(query);
}

static void failed_at_once(struct lookup_query *query)
{
	lookup_failed(query, "out of order");
}

static bool provides(const struct tp_test_asked *asked, const char *password)
{
	return asked->verdict == TP_ALLOW && asked->password != NULL &&
	       strcmp(asked->password, password) == 0;
}

static bool denies(const struct tp_test_asked *asked, uint16_t code)
{
	return asked->verdict == TP_DENY && asked->code == code;
}

/* A timer is followed by a turn for the answers it gives. */
static void pass_ms(uint64_t ms)
{
	tp_test_advance_ms(backend.host, ms);
	tp_test_turn(backend.host);
}

static uint64_t counted(const char *name)
{
	return tp_test_counter(backend.host, name);
}

/* --- answers ------------------------------------------------------------------------------- */

static void parks_until_found_then_remembers(void)
{
	const struct tp_test_asked *asked;

	open("cache_ttl = 60");
	asked = login("bob");
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	found(0, "secret");
	CU_ASSERT_TRUE(provides(asked, "secret"));
	CU_ASSERT_EQUAL(asked->valid_for_s, 60);

	pass_ms(20000);
	asked = login("bob");
	CU_ASSERT_TRUE(provides(asked, "secret"));
	CU_ASSERT_EQUAL(asked->valid_for_s, 40); /* not from the cache's age anew */
	CU_ASSERT_EQUAL(counted("asked"), 1);
	CU_ASSERT_EQUAL(counted("cached"), 1);

	pass_ms(40000);
	CU_ASSERT_EQUAL(login("bob")->verdict, TP_PARK);
	close();
}

static void answers_at_once_without_parking(void)
{
	open("");
	backend.at_once = found_at_once;
	CU_ASSERT_TRUE(provides(login("bob"), "at once"));
	CU_ASSERT_TRUE(provides(login("bob"), "at once"));
	backend.at_once = unknown_at_once;
	CU_ASSERT_EQUAL(login("carol")->verdict, TP_PASS);
	backend.at_once = failed_at_once;
	CU_ASSERT_TRUE(denies(login("dave"), 500));
	CU_ASSERT_EQUAL(tp_test_parked(backend.host), 0);
	CU_ASSERT_EQUAL(counted("asked"), 3);
	close();
}

static void unknown_is_remembered_for_a_while(void)
{
	const struct tp_test_asked *asked;

	open("negative_ttl = 5");
	asked = login("bob");
	lookup_unknown(take(0));
	tp_test_turn(backend.host);
	CU_ASSERT_EQUAL(asked->verdict, TP_PASS);
	pass_ms(4999);
	CU_ASSERT_EQUAL(login("bob")->verdict, TP_PASS);
	CU_ASSERT_EQUAL(counted("negative"), 1);
	pass_ms(1);
	CU_ASSERT_EQUAL(login("bob")->verdict, TP_PARK);
	close();
}

static void refusal_has_code_and_words(void)
{
	const struct tp_test_asked *asked;

	open("");
	asked = login("bob");
	lookup_refused(take(0), 403, "account is closed");
	tp_test_turn(backend.host);
	CU_ASSERT_TRUE(denies(asked, 403));
	CU_ASSERT_STRING_EQUAL(asked->reason, "account is closed");
	asked = login("bob"); /* from memory */
	CU_ASSERT_TRUE(denies(asked, 403));
	CU_ASSERT_STRING_EQUAL(asked->reason, "account is closed");
	close();
}

static void the_answer_says_how_long_it_keeps(void)
{
	struct lookup_query *query;

	open("cache_ttl = 60");
	login("bob");
	query = take(0);
	query->keep_s = 10;
	find_for(query, "secret", LOOKUP_UNSAID);
	pass_ms(9999);
	CU_ASSERT_TRUE(provides(login("bob"), "secret"));
	pass_ms(1);
	CU_ASSERT_EQUAL(login("bob")->verdict, TP_PARK);
	close();
}

static void what_must_not_be_kept_is_not(void)
{
	struct lookup_query *query;
	const struct tp_test_asked *asked;

	open("");
	asked = login("bob");
	query = take(0);
	query->keep_s = 0;
	find_for(query, "secret", LOOKUP_UNSAID);
	tp_test_turn(backend.host);
	CU_ASSERT_TRUE(provides(asked, "secret"));
	CU_ASSERT_EQUAL(asked->valid_for_s, 0);
	CU_ASSERT_EQUAL(login("bob")->verdict, TP_PARK);
	lookup_failed(take(1), "down"); /* nor for grace */
	tp_test_turn(backend.host);
	CU_ASSERT_EQUAL(counted("stale"), 0);
	close();
}

static void validity_is_handed_on_and_ends(void)
{
	const struct tp_test_asked *asked;

	open("cache_ttl = 60\ngrace = 1h");
	asked = login("bob");
	find_for(take(0), "secret", 90);
	tp_test_turn(backend.host);
	CU_ASSERT_EQUAL(asked->valid_for_s, 90);
	pass_ms(59000);
	CU_ASSERT_EQUAL(login("bob")->valid_for_s, 31);
	pass_ms(31000);
	asked = login("bob");
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	lookup_failed(take(1), "down"); /* there is no grace for what has ended */
	tp_test_turn(backend.host);
	CU_ASSERT_TRUE(denies(asked, 500));
	close();
}

static void good_for_one_request(void)
{
	const struct tp_test_asked *asked;

	open("");
	asked = login("bob");
	find_for(take(0), "secret", 0);
	tp_test_turn(backend.host);
	CU_ASSERT_TRUE(provides(asked, "secret"));
	CU_ASSERT_EQUAL(asked->valid_for_s, 0);
	CU_ASSERT_EQUAL(login("bob")->verdict, TP_PARK);
	close();
}

static void keys_and_limits_are_handed_on(void)
{
	static const uint8_t md5[16] = {1, 2, 3};
	static const uint8_t sha256[32] = {4, 5, 6};
	static const char *const more[] = {"older", "oldest"};
	const struct lookup_credentials credentials = {
		.credentials = {.size = sizeof(struct tp_credentials),
				.key_md5 = md5,
				.key_sha256 = sha256,
				.max_allocations = 3,
				.max_lifetime_s = 700,
				.more_passwords = more,
				.more_password_count = 2,
				.max_bits_per_s = 64000,
				.max_packets_per_s = 50},
		.valid_for_s = LOOKUP_UNSAID,
	};
	const struct tp_test_asked *asked;

	open("");
	login("bob");
	lookup_found(take(0), &credentials);
	asked = login("bob");
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_PTR_NULL(asked->password);
	CU_ASSERT_EQUAL(memcmp(asked->key_md5, md5, 16), 0);
	CU_ASSERT_EQUAL(memcmp(asked->key_sha256, sha256, 32), 0);
	CU_ASSERT_EQUAL(asked->max_allocations, 3);
	CU_ASSERT_EQUAL(asked->max_lifetime_s, 700);
	CU_ASSERT_EQUAL(asked->max_bits_per_s, 64000);
	CU_ASSERT_EQUAL(asked->max_packets_per_s, 50);
	CU_ASSERT_EQUAL_FATAL(asked->more_password_count, 2);
	CU_ASSERT_STRING_EQUAL(asked->more_passwords[1], "oldest");
	close();
}

/* A key of the other algorithm is no failure of anything: the next provider is asked. */
static void without_a_key_for_the_algorithm_it_passes(void)
{
	static const uint8_t md5[16] = {1};
	const struct lookup_credentials credentials = {
		.credentials = {.size = sizeof(struct tp_credentials), .key_md5 = md5},
		.valid_for_s = LOOKUP_UNSAID,
	};
	const struct tp_test_asked *asked;

	open("");
	asked = tp_test_authorize(backend.host, "bob", "example.org", 2);
	lookup_found(take(0), &credentials);
	tp_test_turn(backend.host);
	CU_ASSERT_EQUAL(asked->verdict, TP_PASS);
	CU_ASSERT_EQUAL(login("bob")->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(counted("no_key"), 1);
	close();
}

/* RFC 8489 section 9.2.4: who sends a hash is known by name afterwards. */
static void a_hash_needs_the_name(void)
{
	static const uint8_t hash[32] = {7};
	const struct lookup_credentials nobody = {
		.credentials = {.size = sizeof(struct tp_credentials), .password = "secret"},
		.valid_for_s = LOOKUP_UNSAID,
	};
	struct lookup_credentials bob = nobody;
	const struct tp_test_asked *asked;

	open("breaker_failures = 1");
	asked = tp_test_authorize_userhash(backend.host, hash, "example.org", 2);
	CU_ASSERT_PTR_NULL(backend.queries[0]->username);
	CU_ASSERT_EQUAL(memcmp(backend.queries[0]->userhash, hash, 32), 0);
	lookup_found(take(0), &nobody);
	tp_test_turn(backend.host);
	CU_ASSERT_TRUE(denies(asked, 500));
	CU_ASSERT_EQUAL(counted("unusable"), 1);

	asked = tp_test_authorize_userhash(backend.host, hash, "example.org", 2);
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK); /* the breaker did not open by that */
	bob.credentials.user = "bob";
	lookup_found(take(1), &bob);
	tp_test_turn(backend.host);
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->user, "bob");
	close();
}

static void hostile_answers_are_unusable(void)
{
	static char long_user[600];
	static char long_password[2000];
	static const char *const passwords[TP_MORE_PASSWORDS_MAX + 1] = {"a"};
	const struct tp_credentials cases[] = {
		{.size = sizeof(cases[0])},
		{.size = sizeof(cases[0]), .password = long_password},
		{.size = sizeof(cases[0]), .password = "secret", .user = long_user},
		{.size = sizeof(cases[0]), .password = "secret", .user = ""},
		{.size = sizeof(cases[0]),
		 .more_passwords = passwords,
		 .more_password_count = TP_MORE_PASSWORDS_MAX + 1},
	};

	memset(long_user, 'u', sizeof(long_user) - 1);
	memset(long_password, 'p', sizeof(long_password) - 1);
	open("");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct lookup_credentials credentials = {cases[i], LOOKUP_UNSAID};
		const struct tp_test_asked *asked = login("bob");

		lookup_found(take(i), &credentials);
		tp_test_turn(backend.host);
		CU_ASSERT_TRUE(denies(asked, 500));
	}
	CU_ASSERT_EQUAL(counted("unusable"), 5);
	close();
}

/* --- what tells one question from another ------------------------------------------------ */

static void realm_and_user_are_not_run_together(void)
{
	open("");
	tp_test_authorize(backend.host, "bc", "a", 1);
	tp_test_authorize(backend.host, "c", "ab", 1);
	CU_ASSERT_EQUAL(backend.count, 2);
	close();
}

static void a_hash_is_not_a_name(void)
{
	static const uint8_t hash[33] = "abcdefghijklmnopqrstuvwxyz012345";

	open("");
	tp_test_authorize(backend.host, (const char *)hash, "example.org", 1);
	tp_test_authorize_userhash(backend.host, hash, "example.org", 1);
	CU_ASSERT_EQUAL(backend.count, 2);
	close();
}

static void what_is_declared_belongs_to_the_key(void)
{
	open_with("", LOOKUP_BY_CLIENT_IP | LOOKUP_BY_ALGORITHM | LOOKUP_BY_TRANSPORT, 0);
	login("bob");
	tp_test_authorize(backend.host, "bob", "example.org", 2);
	tp_test_set_five_tuple(backend.host, TP_TRANSPORT_UDP, "192.0.2.10:4001",
			       "198.51.100.1:3478");
	login("bob"); /* another port is the same client */
	CU_ASSERT_EQUAL(backend.count, 2);
	tp_test_set_five_tuple(backend.host, TP_TRANSPORT_UDP, "192.0.2.11:4000",
			       "198.51.100.1:3478");
	login("bob");
	tp_test_set_five_tuple(backend.host, TP_TRANSPORT_TCP, "192.0.2.11:4000",
			       "198.51.100.1:3478");
	login("bob");
	CU_ASSERT_EQUAL(backend.count, 4);
	close();
}

static void a_token_belongs_to_the_key(void)
{
	uint8_t token[] = {1, 0, 2};
	struct lookup_details details = {"turn.example.org", {token, sizeof(token)}};

	open("");
	backend.details = &details;
	login("bob");
	token[2] = 3;
	login("bob");
	CU_ASSERT_EQUAL_FATAL(backend.count, 2);
	CU_ASSERT_EQUAL(backend.queries[0]->token.data[2], 2); /* a copy */
	CU_ASSERT_EQUAL(backend.queries[1]->token.len, 3);
	CU_ASSERT_STRING_EQUAL(backend.queries[1]->server_name, "turn.example.org");
	close();
}

/* --- many at once -------------------------------------------------------------------------- */

static void a_thousand_clients_are_one_question(void)
{
	static const struct tp_test_asked *asked[1000];
	size_t allowed = 0;

	open("");
	for (int i = 0; i < 1000; i++) {
		asked[i] = login("bob");
	}
	CU_ASSERT_EQUAL(backend.count, 1);
	CU_ASSERT_EQUAL(tp_test_parked(backend.host), 1000);
	found(0, "secret");
	for (int i = 0; i < 1000; i++) {
		allowed += provides(asked[i], "secret");
	}
	CU_ASSERT_EQUAL(allowed, 1000);
	CU_ASSERT_EQUAL(counted("joined"), 999);
	close();
}

static void a_burst_of_unknown_users_is_bounded(void)
{
	size_t parked = 0;
	size_t refused = 0;
	char name[32];

	open("max_waiting = 500\nbreaker_failures = 1000");
	for (int i = 0; i < 10000; i++) {
		const struct tp_test_asked *asked;

		snprintf(name, sizeof(name), "nobody%d", i);
		asked = login(name);
		parked += asked->verdict == TP_PARK;
		refused += denies(asked, 500);
	}
	CU_ASSERT_EQUAL(parked, 500);
	CU_ASSERT_EQUAL(refused, 9500);
	CU_ASSERT_EQUAL(backend.count, 500);
	CU_ASSERT_EQUAL(counted("queue_full"), 9500);
	for (size_t i = 0; i < 500; i++) {
		lookup_unknown(take(i));
	}
	tp_test_turn(backend.host);
	CU_ASSERT_EQUAL(tp_test_parked(backend.host), 0);
	CU_ASSERT_EQUAL(login("somebody")->verdict, TP_PARK);
	close();
}

static void unknown_users_drive_out_nobody(void)
{
	char name[32];

	open("cache_size = 10");
	backend.at_once = found_at_once;
	login("bob");
	backend.at_once = unknown_at_once;
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "nobody%d", i);
		login(name);
	}
	CU_ASSERT_EQUAL(counted("asked"), 1001);
	CU_ASSERT_TRUE(provides(login("bob"), "at once"));
	login("nobody990"); /* one of the last ten */
	CU_ASSERT_EQUAL(counted("asked"), 1001);
	login("nobody989");
	CU_ASSERT_EQUAL(counted("asked"), 1002);
	close();
}

static void the_one_not_seen_for_longest_is_forgotten(void)
{
	open("cache_size = 2");
	backend.at_once = found_at_once;
	login("ann");
	login("bob");
	login("ann");
	login("carol"); /* bob goes */
	CU_ASSERT_EQUAL(counted("asked"), 3);
	login("ann");
	login("carol");
	CU_ASSERT_EQUAL(counted("asked"), 3);
	login("bob");
	CU_ASSERT_EQUAL(counted("asked"), 4);
	close();
}

static void so_many_are_asked_at_a_time(void)
{
	const struct tp_test_asked *asked[3];

	open_with("", 0, 1);
	asked[0] = login("ann");
	asked[1] = login("bob");
	asked[2] = login("carol");
	CU_ASSERT_EQUAL(backend.count, 1);
	found(0, "of ann");
	CU_ASSERT_TRUE(provides(asked[0], "of ann"));
	CU_ASSERT_EQUAL(backend.count, 2);
	CU_ASSERT_STRING_EQUAL(backend.queries[1]->username, "bob");
	backend.at_once = found_at_once; /* carol's then ends inside start */
	found(1, "of bob");
	CU_ASSERT_TRUE(provides(asked[1], "of bob"));
	CU_ASSERT_TRUE(provides(asked[2], "at once"));
	close();
}

static void who_waits_in_the_queue_has_the_same_deadline(void)
{
	const struct tp_test_asked *asked[2];

	open_with("deadline = 1", 0, 1);
	asked[0] = login("ann");
	pass_ms(500);
	asked[1] = login("bob");
	pass_ms(500);
	CU_ASSERT_TRUE(denies(asked[0], 500));
	CU_ASSERT_EQUAL(backend.cancelled, 1);
	CU_ASSERT_EQUAL(backend.count, 2); /* bob's turn */
	pass_ms(500);
	CU_ASSERT_TRUE(denies(asked[1], 500));
	CU_ASSERT_EQUAL(counted("timed_out"), 2);
	close();
}

static void who_is_gone_is_not_asked_for(void)
{
	const struct tp_test_asked *bob;

	open_with("", 0, 1);
	login("ann");
	bob = login("bob");
	tp_test_cancel(backend.host, bob);
	CU_ASSERT_EQUAL(counted("gone"), 1);
	found(0, "secret");
	CU_ASSERT_EQUAL(backend.count, 1);
	close();
}

static void an_answer_that_nobody_waits_for_is_kept(void)
{
	open("");
	tp_test_cancel(backend.host, login("bob"));
	found(0, "secret");
	CU_ASSERT_TRUE(provides(login("bob"), "secret"));
	close();
}

/* --- bad days ------------------------------------------------------------------------------ */

static void silence_is_500_within_the_deadline(void)
{
	const struct tp_test_asked *asked;

	open("deadline = 2");
	asked = login("bob");
	pass_ms(1999);
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	pass_ms(1);
	CU_ASSERT_TRUE(denies(asked, 500));
	CU_ASSERT_EQUAL(backend.cancelled, 1);
	CU_ASSERT_EQUAL(counted("timed_out"), 1);
	close();
}

static void what_cannot_be_asked_is_500(void)
{
	open("");
	backend.start_error = TP_EIO;
	CU_ASSERT_TRUE(denies(login("bob"), 500));
	CU_ASSERT_EQUAL(counted("failed"), 1);
	close();
}

static void after_failures_nothing_is_asked_for_a_while(void)
{
	open("breaker_failures = 3\nbreaker_open = 1");
	backend.at_once = failed_at_once;
	for (int i = 0; i < 10; i++) {
		CU_ASSERT_TRUE(denies(login("bob"), 500));
	}
	CU_ASSERT_EQUAL(counted("asked"), 3);
	CU_ASSERT_EQUAL(counted("breaker_opened"), 1);
	CU_ASSERT_EQUAL(counted("breaker_stopped"), 7);
	pass_ms(999);
	login("bob");
	CU_ASSERT_EQUAL(counted("asked"), 3);
	pass_ms(1);
	login("bob"); /* the probe; it fails */
	login("bob");
	CU_ASSERT_EQUAL(counted("asked"), 4);
	close();
}

static void one_probe_decides(void)
{
	const struct tp_test_asked *asked;

	open("breaker_failures = 1\nbreaker_open = 1");
	login("ann");
	lookup_failed(take(0), "down");
	pass_ms(1000);
	asked = login("bob");
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	CU_ASSERT_TRUE(denies(login("carol"), 500)); /* one is enough */
	found(1, "secret");
	CU_ASSERT_TRUE(provides(asked, "secret"));
	CU_ASSERT_EQUAL(login("carol")->verdict, TP_PARK);
	CU_ASSERT_EQUAL(login("dave")->verdict, TP_PARK);
	close();
}

/* A probe that hangs does not hold up the next one until its deadline. */
static void recovery_is_seen_within_two_seconds(void)
{
	const struct tp_test_asked *asked;

	open("breaker_failures = 1\nbreaker_open = 1\ndeadline = 5");
	login("ann");
	lookup_failed(take(0), "down");
	pass_ms(1000);
	CU_ASSERT_EQUAL(login("ann")->verdict, TP_PARK); /* hangs */
	pass_ms(1000);
	asked = login("bob");
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	found(2, "secret");
	CU_ASSERT_TRUE(provides(asked, "secret"));
	CU_ASSERT_EQUAL(login("carol")->verdict, TP_PARK);
	close();
}

static void the_plugin_may_know_sooner(void)
{
	open("breaker_failures = 1\nbreaker_open = 10");
	login("ann");
	lookup_failed(take(0), "down");
	CU_ASSERT_TRUE(denies(login("bob"), 500));
	lookup_backend_up(backend.lookup);
	CU_ASSERT_EQUAL(login("bob")->verdict, TP_PARK);
	close();
}

static void known_users_have_grace(void)
{
	const struct tp_test_asked *asked;

	open("cache_ttl = 60\ngrace = 1h\nbreaker_failures = 1");
	login("bob");
	found(0, "secret");
	pass_ms(60001);
	asked = login("bob");
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	lookup_failed(take(1), "down");
	tp_test_turn(backend.host);
	CU_ASSERT_TRUE(provides(asked, "secret"));
	CU_ASSERT_TRUE(asked->valid_for_s > 0 && asked->valid_for_s <= 10);
	CU_ASSERT_TRUE(provides(login("bob"), "secret")); /* the breaker is open */
	CU_ASSERT_EQUAL(counted("stale"), 2);
	CU_ASSERT_TRUE(denies(login("carol"), 500));
	pass_ms(3600000);
	asked = login("bob");
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK); /* the probe */
	lookup_failed(take(2), "down");
	tp_test_turn(backend.host);
	CU_ASSERT_TRUE(denies(asked, 500));
	close();
}

static void grace_also_for_silence(void)
{
	const struct tp_test_asked *asked;

	open("cache_ttl = 1\ndeadline = 1");
	login("bob");
	found(0, "secret");
	pass_ms(1000);
	asked = login("bob");
	pass_ms(1000);
	CU_ASSERT_TRUE(provides(asked, "secret"));
	close();
}

/* Whose account was closed has no grace. */
static void a_no_takes_the_place_of_a_yes(void)
{
	open("cache_ttl = 1\nnegative_ttl = 1");
	login("bob");
	found(0, "secret");
	pass_ms(1000);
	login("bob");
	lookup_unknown(take(1));
	pass_ms(1000);
	backend.at_once = failed_at_once;
	CU_ASSERT_TRUE(denies(login("bob"), 500));
	close();
}

static void the_end_cancels_and_refuses(void)
{
	const struct tp_test_asked *ann;
	const struct tp_test_asked *bob;

	open_with("", 0, 1);
	ann = login("ann");
	bob = login("bob");
	lookup_free(&backend.lookup);
	CU_ASSERT_PTR_NULL(backend.lookup);
	CU_ASSERT_EQUAL(backend.cancelled, 1);
	CU_ASSERT_EQUAL(backend.count, 1);
	tp_test_turn(backend.host);
	CU_ASSERT_TRUE(denies(ann, 500));
	CU_ASSERT_TRUE(denies(bob, 500));
	close();
}

static void all_is_forgotten_when_told(void)
{
	open("");
	backend.at_once = found_at_once;
	login("bob");
	lookup_flush(backend.lookup);
	login("bob");
	CU_ASSERT_EQUAL(counted("asked"), 2);
	close();
}

static void failures_are_logged_at_a_rate(void)
{
	const char *log;
	size_t lines = 0;

	open("breaker_failures = 1000");
	backend.at_once = failed_at_once;
	for (int i = 0; i < 100; i++) {
		login("bob");
	}
	log = tp_test_log(backend.host);
	while ((log = strstr(log, "out of order")) != NULL) {
		lines++;
		log++;
	}
	CU_ASSERT_EQUAL(lines, 1);
	backend.at_once = found_at_once;
	login("bob");
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(backend.host), "answers again"));
	close();
}

static void latency_goes_into_buckets(void)
{
	open("");
	login("ann");
	found(0, "secret");
	login("bob");
	pass_ms(30);
	found(1, "secret");
	login("carol");
	pass_ms(2999);
	found(2, "secret");
	CU_ASSERT_EQUAL(counted("answered_within_1ms"), 1);
	CU_ASSERT_EQUAL(counted("answered_within_30ms"), 1);
	CU_ASSERT_EQUAL(counted("answered_within_3000ms"), 1);
	close();
}

/* --- strict expiry --------------------------------------------------------------------------- */

/* As the daemon does: asked for credentials on the allocation's five-tuple, then raised. */
static const struct tp_allocation_view *allocate(const char *user, int64_t valid_s)
{
	backend.at_once = NULL;
	login(user);
	find_for(take(backend.count - 1), "secret", valid_s);
	tp_test_turn(backend.host);
	return tp_test_allocation_create(backend.host, user, "192.0.2.10:4000",
					 "203.0.113.7:50000");
}

static uint32_t refresh(const struct tp_allocation_view *allocation, uint32_t lifetime_s)
{
	const struct tp_before_refresh event = {allocation, lifetime_s};

	return tp_test_on_turn_before_refresh(backend.host, &event)->lifetime_s;
}

static void an_allocation_ends_with_its_credentials(void)
{
	const struct tp_allocation_view *allocation;

	open("strict_expiry = yes");
	allocation = allocate("bob", 300);
	CU_ASSERT_EQUAL(login("bob")->max_lifetime_s, 300);
	pass_ms(100000);
	CU_ASSERT_EQUAL(refresh(allocation, 600), 200);
	CU_ASSERT_EQUAL(refresh(allocation, 60), 60);
	pass_ms(150000);
	CU_ASSERT_EQUAL(refresh(allocation, 600), 50);
	close();
}

static void without_the_option_it_lives_on(void)
{
	const struct tp_allocation_view *allocation;

	open("");
	allocation = allocate("bob", 300);
	CU_ASSERT_EQUAL(login("bob")->max_lifetime_s, 0);
	CU_ASSERT_EQUAL(refresh(allocation, 600), 600);
	close();
}

static void credentials_that_do_not_end_set_no_limit(void)
{
	const struct tp_allocation_view *allocation;

	open("strict_expiry = yes");
	allocation = allocate("bob", LOOKUP_UNSAID);
	CU_ASSERT_EQUAL(login("bob")->max_lifetime_s, 0);
	CU_ASSERT_EQUAL(refresh(allocation, 600), 600);
	close();
}

static void authorize_refresh(const char *user, int64_t valid_s)
{
	static struct tp_request_authorization event;

	event = (struct tp_request_authorization){
		.five_tuple = &tp_test_allocation(backend.host)->five_tuple,
		.method = METHOD_REFRESH,
		.algorithm = 1,
		.username = user,
		.realm = "example.org",
	};
	lookup_flush(backend.lookup);
	tp_test_fire(backend.host, TP_EVENT_on_stun_request_authorization, &event);
	find_for(take(backend.count - 1), "secret", valid_s);
	tp_test_turn(backend.host);
}

static void new_credentials_prolong_it(void)
{
	const struct tp_allocation_view *allocation;

	open("strict_expiry = yes");
	allocation = allocate("bob", 300);
	authorize_refresh("bob", 500);
	CU_ASSERT_EQUAL(refresh(allocation, 600), 500);
	authorize_refresh("bob", LOOKUP_UNSAID);
	CU_ASSERT_EQUAL(refresh(allocation, 600), 600);
	close();
}

/* What is supplied for a name is not yet proof of it. */
static void another_users_credentials_do_not(void)
{
	const struct tp_allocation_view *allocation;

	open("strict_expiry = yes");
	allocation = allocate("bob", 300);
	authorize_refresh("carol", 100000);
	CU_ASSERT_EQUAL(refresh(allocation, 600), 300);
	close();
}

TEST_SUITE("common/lookup", TEST(parks_until_found_then_remembers),
	   TEST(answers_at_once_without_parking), TEST(unknown_is_remembered_for_a_while),
	   TEST(refusal_has_code_and_words), TEST(the_answer_says_how_long_it_keeps),
	   TEST(what_must_not_be_kept_is_not), TEST(validity_is_handed_on_and_ends),
	   TEST(good_for_one_request), TEST(keys_and_limits_are_handed_on),
	   TEST(without_a_key_for_the_algorithm_it_passes), TEST(a_hash_needs_the_name),
	   TEST(hostile_answers_are_unusable), TEST(realm_and_user_are_not_run_together),
	   TEST(a_hash_is_not_a_name), TEST(what_is_declared_belongs_to_the_key),
	   TEST(a_token_belongs_to_the_key), TEST(a_thousand_clients_are_one_question),
	   TEST(a_burst_of_unknown_users_is_bounded), TEST(unknown_users_drive_out_nobody),
	   TEST(the_one_not_seen_for_longest_is_forgotten), TEST(so_many_are_asked_at_a_time),
	   TEST(who_waits_in_the_queue_has_the_same_deadline), TEST(who_is_gone_is_not_asked_for),
	   TEST(an_answer_that_nobody_waits_for_is_kept), TEST(silence_is_500_within_the_deadline),
	   TEST(what_cannot_be_asked_is_500), TEST(after_failures_nothing_is_asked_for_a_while),
	   TEST(one_probe_decides), TEST(recovery_is_seen_within_two_seconds),
	   TEST(the_plugin_may_know_sooner), TEST(known_users_have_grace),
	   TEST(grace_also_for_silence), TEST(a_no_takes_the_place_of_a_yes),
	   TEST(the_end_cancels_and_refuses), TEST(all_is_forgotten_when_told),
	   TEST(failures_are_logged_at_a_rate), TEST(latency_goes_into_buckets),
	   TEST(an_allocation_ends_with_its_credentials), TEST(without_the_option_it_lives_on),
	   TEST(credentials_that_do_not_end_set_no_limit), TEST(new_credentials_prolong_it),
	   TEST(another_users_credentials_do_not))

/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <turnpike/test.h>

#include "stun/build.h"
#include "support/scratch.h"
#include "support/suite.h"

/* The clock of the host stands before this. */
#define EXPIRY_S 1700000100

/*
 * Passwords by another hand:
 *
 *	printf %s USERNAME | openssl dgst -sha1 -hmac SECRET -binary | base64
 */
#define SECRET "north#of;here"
#define OLD_SECRET "old secret"
#define NAME "1700000100:alice"
#define NAME_SECRET_PASSWORD "1wUtT+K/HZ9Tw2GfEa5k8/DsSfU="
#define NAME_OLD_SECRET_PASSWORD "rRq2mQjv+icI2FEdbiKVReq6rzM="

static const struct tp_test_asked *ask(struct tp_test_host *host, const char *username)
{
	return tp_test_authorize(host, username, "example.org", 1);
}

static void passwords_are_those_of_web_services(void)
{
	static const struct {
		const char *username;
		const char *password;
	} cases[] = {
		{NAME, NAME_SECRET_PASSWORD},
		{"alice:1700000100", "xiu5flXglqbQFWjbAA1pg1KhD34="},
		{"1700000100", "v+/H6nriDyAzwuaER4Qc9Gcjxhw="},
		{"a:b:1700000100", "v/p4kO5CLQxB8nvHQv3hZN78Vv0="},
		{"1700000100:x:y", "8vKzIEXoQjBxiJW6bh1763NxS5E="},
		{":1700000100", "WjSnt/kde4aHAQZgLeB6lXDCHv4="},
		{"1700000100:", "JmV1GzJAfsn41u5nWrHYexHpQNo="},
	};
	struct tp_test_host *host = tp_test_host_create("auth_secret", "secret = \"" SECRET "\"");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tp_test_asked *asked = ask(host, cases[i].username);

		CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
		CU_ASSERT_STRING_EQUAL(asked->password, cases[i].password);
		CU_ASSERT_EQUAL(asked->more_password_count, 0);
		CU_ASSERT_PTR_NULL(asked->user);
		CU_ASSERT_EQUAL(asked->max_allocations, 0);
	}
	tp_test_host_free(&host);
}

static void the_separator_can_be_another(void)
{
	struct tp_test_host *host =
		tp_test_host_create("auth_secret", "secret = \"" SECRET "\"\nseparator = -");
	const struct tp_test_asked *asked = ask(host, "1700000100-alice");

	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->password, "I5ufZHXJnQhv8bs5g57+rQ+MDaE=");
	CU_ASSERT_EQUAL(ask(host, NAME)->verdict, TP_PASS);
	tp_test_host_free(&host);
}

static void other_names_are_left_to_others(void)
{
	static const char *const names[] = {
		"",
		"alice",
		"alice:",
		":",
		"::",
		":alice",
		"alice:bob",
		"-1:alice",
		"+1700000100:alice",
		" 1700000100:alice",
		"1700000100x:alice",
		"0x6553f164:alice",
		"1e9:alice",
		"alice:1700000100 ",
		"alice:1700000100:bob",
		"9999999999999999:alice",
		"99999999999999999999999999999999:alice",
		"18446744073709551616",
		"\xd9\xa1\xd9\xa7:alice",
	};
	struct tp_test_host *host = tp_test_host_create("auth_secret", "secret = \"" SECRET "\"");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CU_ASSERT_EQUAL(ask(host, names[i])->verdict, TP_PASS);
	}
	CU_ASSERT_EQUAL(tp_test_counter(host, "foreign"), sizeof(names) / sizeof(names[0]));
	tp_test_host_free(&host);
}

static void a_user_hash_is_left_to_others_with_a_hint(void)
{
	static const uint8_t userhash[32];
	struct tp_test_host *host = tp_test_host_create("auth_secret", "secret = \"" SECRET "\"");
	const char *hint;

	for (int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(
			tp_test_authorize_userhash(host, userhash, "example.org", 2)->verdict,
			TP_PASS);
	}
	CU_ASSERT_EQUAL(tp_test_counter(host, "hashed"), 3);
	hint = strstr(tp_test_log(host), "set userhash = no");
	CU_ASSERT_PTR_NOT_NULL_FATAL(hint);
	CU_ASSERT_PTR_NULL(strstr(hint + 1, "set userhash = no"));
	tp_test_host_free(&host);
}

/* draft-uberti-behave-turn-rest-00 section 4.2 */
static void an_allocate_past_the_expiry_gets_401(void)
{
	struct tp_test_host *host = tp_test_host_create("auth_secret", "secret = \"" SECRET "\"");
	int64_t left_s = EXPIRY_S - tp_worker_wall_s(tp_test_worker(host));
	const struct tp_test_asked *asked;

	CU_ASSERT_TRUE_FATAL(left_s > 1);
	tp_test_advance_ms(host, ((uint64_t)left_s - 1) * 1000);
	CU_ASSERT_EQUAL(ask(host, NAME)->verdict, TP_ALLOW);
	tp_test_advance_ms(host, 1000);
	asked = ask(host, NAME);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 401);
	CU_ASSERT_EQUAL(ask(host, "0:alice")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask(host, "1:alice")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(tp_test_counter(host, "expired"), 3);
	tp_test_host_free(&host);
}

/* Sections 2 and 4.2: what is allocated already lives on. */
static void other_methods_outlive_the_expiry(void)
{
	static const uint16_t methods[] = {TP_STUN_REFRESH, TP_STUN_CREATE_PERMISSION,
					   TP_STUN_CHANNEL_BIND};
	static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = "refresh";
	struct tp_test_host *host = tp_test_host_create("auth_secret", "secret = \"" SECRET "\"");
	struct tp_build build;
	uint8_t bytes[64];

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const struct tp_test_asked *asked;

		tp_build_init(&build, bytes, sizeof(bytes), methods[i], TP_STUN_REQUEST,
			      transaction_id);
		tp_test_set_request(host, bytes, tp_build_finish(&build));
		asked = ask(host, "1000:alice");
		CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
		CU_ASSERT_TRUE(asked->valid_for_s > 0);
	}
	tp_test_host_free(&host);
}

static void limits_are_provided(void)
{
	struct tp_test_host *host =
		tp_test_host_create("auth_secret", "secret = \"" SECRET "\"\nmax_allocations = 4");

	CU_ASSERT_EQUAL(ask(host, NAME)->max_allocations, 4);
	tp_test_host_free(&host);
}

/* --- several secrets, section 5.2 ------------------------------------------------------ */

static const char *section_of(const struct scratch *scratch, const char *more)
{
	static char section[PATH_MAX + 64];

	snprintf(section, sizeof(section), "secret_file = %s\n%s", scratch->file, more);
	return section;
}

static void secrets_are_tried_in_turn(void)
{
	const struct tp_test_asked *asked;
	struct tp_test_host *host;
	struct scratch scratch;

	scratch_open(&scratch);
	scratch_write(&scratch, "secrets", 0600, "# newest first\n" SECRET "\r\n\n" OLD_SECRET);
	host = tp_test_host_create("auth_secret", section_of(&scratch, ""));
	asked = ask(host, NAME);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->password, NAME_SECRET_PASSWORD);
	CU_ASSERT_EQUAL_FATAL(asked->more_password_count, 1);
	CU_ASSERT_STRING_EQUAL(asked->more_passwords[0], NAME_OLD_SECRET_PASSWORD);
	tp_test_host_free(&host);

	scratch_write(&scratch, "secrets", 0600, OLD_SECRET "\n");
	host = tp_test_host_create("auth_secret", section_of(&scratch, "secret = \"" SECRET "\""));
	asked = ask(host, NAME);
	CU_ASSERT_STRING_EQUAL(asked->password, NAME_SECRET_PASSWORD);
	CU_ASSERT_EQUAL_FATAL(asked->more_password_count, 1);
	CU_ASSERT_STRING_EQUAL(asked->more_passwords[0], NAME_OLD_SECRET_PASSWORD);
	tp_test_host_free(&host);
	scratch_close(&scratch);
}

static void nine_secrets_are_the_most(void)
{
	const struct tp_test_asked *asked;
	struct tp_test_host *host;
	struct scratch scratch;

	scratch_open(&scratch);
	scratch_write(&scratch, "secrets", 0600, "1\n2\n3\n4\n5\n6\n7\n" OLD_SECRET);
	host = tp_test_host_create("auth_secret", section_of(&scratch, "secret = \"" SECRET "\""));
	asked = ask(host, NAME);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL_FATAL(asked->more_password_count, 8);
	CU_ASSERT_STRING_EQUAL(asked->more_passwords[7], NAME_OLD_SECRET_PASSWORD);
	tp_test_host_free(&host);
	scratch_close(&scratch);
}

static void a_reload_changes_the_secret(void)
{
	struct tp_test_host *host = tp_test_host_create("auth_secret", "secret = " OLD_SECRET);
	char problem[TP_TEST_PROBLEM_SIZE];

	CU_ASSERT_STRING_EQUAL(ask(host, NAME)->password, NAME_OLD_SECRET_PASSWORD);
	CU_ASSERT_FALSE(tp_test_host_reload(host, "", problem));
	CU_ASSERT_TRUE(tp_test_host_reload(host, "secret = \"" SECRET "\"", problem));
	CU_ASSERT_STRING_EQUAL(ask(host, NAME)->password, NAME_SECRET_PASSWORD);
	tp_test_host_free(&host);
}

/* --- what is refused ---------------------------------------------------------------------- */

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *problem;
	} cases[] = {
		{"", "neither secret nor secret_file gives a secret"},
		{"secret = x\nseparator = ::", "separator: must be one character"},
		{"secret = x\nseparator = 7", "separator: must be one character"},
		{"secret = x\nseparator = a", "separator: must be one character"},
		{"secret = x\nmax_allocations = -1", "max_allocations"},
		{"secret = x\nmax_allocations = 1000001", "max_allocations"},
		{"secret_file = secrets", "secret_file"},
		{"secret_file = /nonexistent/secrets",
		 "secret_file: /nonexistent/secrets: No such"},
		{"secrets = x", "secret"},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try("auth_secret", cases[i].section, problem));
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].problem));
	}
}

static bool refused(const void *bytes, size_t len, mode_t mode, const char *wanted)
{
	char problem[TP_TEST_PROBLEM_SIZE] = "";
	struct tp_test_host *host;
	struct scratch scratch;

	scratch_open(&scratch);
	scratch_write_bytes(&scratch, "secrets", mode, bytes, len);
	host = tp_test_host_try("auth_secret", section_of(&scratch, ""), problem);
	if (host != NULL) {
		tp_test_host_free(&host);
	}
	scratch_close(&scratch);
	return host == NULL && strstr(problem, wanted) != NULL;
}

static void hostile_files_are_refused(void)
{
	static const char ten[] = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
	static const char many[] = "1\n2\n3\n4\n5\n6\n7\n8\n9\n0\n1\n2\n3\n4\n5\n6\n7\n";
	static char zeros[20000];
	static char letters[16384];

	memset(letters, 'x', sizeof(letters));
	CU_ASSERT_TRUE(refused("", 0, 0600, "neither secret nor secret_file gives a secret"));
	CU_ASSERT_TRUE(refused("# none\n\n", 8, 0600, "neither secret nor secret_file"));
	CU_ASSERT_TRUE(refused("good\nb\0d\n", 9, 0600, "secrets:2: a NUL byte"));
	CU_ASSERT_TRUE(refused(zeros, sizeof(zeros), 0600, "is larger than 16384 bytes"));
	CU_ASSERT_TRUE(refused(zeros, 16384, 0600, "secrets:1: a NUL byte"));
	CU_ASSERT_TRUE(refused(letters, sizeof(letters), 0600, "must have 1 to 1024 bytes"));
	CU_ASSERT_TRUE(refused(ten, strlen(ten), 0600, "more than 9 secrets"));
	CU_ASSERT_TRUE(refused(many, strlen(many), 0600, "secrets:17: more than 16 secrets"));
	CU_ASSERT_TRUE(refused("x\n", 2, 0606, "can be written by everybody"));
}

static void a_file_that_all_may_read_is_warned_of(void)
{
	struct tp_test_host *host;
	struct scratch scratch;

	scratch_open(&scratch);
	scratch_write(&scratch, "secrets", 0644, SECRET);
	host = tp_test_host_create("auth_secret", section_of(&scratch, ""));
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "can be read by everybody"));
	CU_ASSERT_PTR_NULL(strstr(tp_test_log(host), SECRET));
	tp_test_host_free(&host);
	scratch_close(&scratch);
}

TEST_SUITE("auth_secret", TEST(passwords_are_those_of_web_services),
	   TEST(the_separator_can_be_another), TEST(other_names_are_left_to_others),
	   TEST(a_user_hash_is_left_to_others_with_a_hint),
	   TEST(an_allocate_past_the_expiry_gets_401), TEST(other_methods_outlive_the_expiry),
	   TEST(limits_are_provided), TEST(secrets_are_tried_in_turn),
	   TEST(nine_secrets_are_the_most), TEST(a_reload_changes_the_secret),
	   TEST(options_are_checked), TEST(hostile_files_are_refused),
	   TEST(a_file_that_all_may_read_is_warned_of));

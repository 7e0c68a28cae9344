/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <turnpike/error.h>
#include <turnpike/test.h>

#include "base/rand.h"
#include "stun/integrity.h"
#include "support/scratch.h"
#include "support/suite.h"

#define MD5_DIGITS "0123456789abcdef0123456789ABCDEF"
#define SHA256_DIGITS "00112233445566778899aabbccddeeff" MD5_DIGITS

struct fixture {
	struct scratch scratch;
	char section[PATH_MAX + 64];
	struct tp_test_host *host;
};

static const char *section_for(struct fixture *f, const char *more)
{
	snprintf(f->section, sizeof(f->section), "users = %s\n%s", f->scratch.file, more);
	return f->section;
}

static void open_with(struct fixture *f, const char *users, const char *more)
{
	scratch_open(&f->scratch);
	scratch_write(&f->scratch, "users", 0600, users);
	f->host = tp_test_host_create("auth_file", section_for(f, more));
}

static void open_users(struct fixture *f, const char *users)
{
	open_with(f, users, "");
}

static void close_users(struct fixture *f)
{
	tp_test_host_free(&f->host);
	scratch_close(&f->scratch);
}

static bool knows(struct fixture *f, const char *name)
{
	return tp_test_authorize(f->host, name, "example.org", TP_PASSWORD_MD5)->verdict ==
	       TP_ALLOW;
}

static size_t count_in_log(struct fixture *f, const char *text)
{
	const char *at = tp_test_log(f->host);
	size_t count = 0;

	while ((at = strstr(at, text)) != NULL) {
		at += strlen(text);
		count++;
	}
	return count;
}

/* --- what is provided ---------------------------------------------------------------- */

static void password_is_provided(void)
{
	const struct tp_test_asked *asked;
	struct fixture f;

	open_users(&f, "alice plain:secret\nbob plain:other\n");
	asked = tp_test_authorize(f.host, "alice", "example.org", TP_PASSWORD_MD5);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->password, "secret");
	CU_ASSERT_PTR_NULL(asked->key_md5);
	CU_ASSERT_PTR_NULL(asked->key_sha256);
	CU_ASSERT_PTR_NULL(asked->user);
	CU_ASSERT_EQUAL(asked->max_allocations, 0);
	CU_ASSERT_EQUAL(asked->max_lifetime_s, 0);
	close_users(&f);
}

/* A user that is taken out of the file shall be out at the next request. */
static void answer_holds_for_one_request(void)
{
	struct fixture f;

	open_users(&f, "alice plain:secret\n");
	CU_ASSERT_EQUAL(tp_test_authorize(f.host, "alice", "example.org", 1)->valid_for_s, 0);
	close_users(&f);
}

static void keys_are_provided(void)
{
	static const uint8_t md5[] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
				      0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
	static const uint8_t sha256_begin[] = {0x00, 0x11, 0x22, 0x33};
	const struct tp_test_asked *asked;
	struct fixture f;

	open_users(&f, "bob md5:" MD5_DIGITS "\tsha256:" SHA256_DIGITS "\n");
	asked = tp_test_authorize(f.host, "bob", "example.org", TP_PASSWORD_SHA256);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_PTR_NULL(asked->password);
	CU_ASSERT_PTR_NOT_NULL_FATAL(asked->key_md5);
	CU_ASSERT_EQUAL(memcmp(asked->key_md5, md5, sizeof(md5)), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(asked->key_sha256);
	CU_ASSERT_EQUAL(memcmp(asked->key_sha256, sha256_begin, sizeof(sha256_begin)), 0);
	CU_ASSERT_EQUAL(memcmp(asked->key_sha256 + 16, md5, sizeof(md5)), 0);
	close_users(&f);
}

static void user_without_a_key_for_the_algorithm_gets_401(void)
{
	const struct tp_test_asked *asked;
	struct fixture f;

	open_users(&f, "bob md5:" MD5_DIGITS "\n");
	CU_ASSERT_TRUE(knows(&f, "bob"));
	asked = tp_test_authorize(f.host, "bob", "example.org", TP_PASSWORD_SHA256);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 401);
	close_users(&f);
}

static void limits_are_provided(void)
{
	const struct tp_test_asked *asked;
	struct fixture f;

	open_users(&f, "bob max_lifetime=86400 max_allocations=1000000 plain:x\n");
	asked = tp_test_authorize(f.host, "bob", "example.org", TP_PASSWORD_MD5);
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(asked->max_allocations, 1000000);
	CU_ASSERT_EQUAL(asked->max_lifetime_s, 86400);
	close_users(&f);
}

static void who_is_not_in_the_file_is_left_to_others(void)
{
	static const char *const strangers[] = {"",       "alic", "alice2", "ALICE",
						"alice ", "#",    "%61"};
	struct fixture f;

	open_users(&f, "# staff\nalice plain:secret\n");
	for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
		CU_ASSERT_EQUAL(tp_test_authorize(f.host, strangers[i], "example.org", 1)->verdict,
				TP_PASS);
	}
	close_users(&f);
}

static void percent_signs_stand_for_bytes(void)
{
	const struct tp_test_asked *asked;
	struct fixture f;

	open_users(&f, "alice%20smith%25%23 plain:a%20b%3ac%C3%a9#;:\"\n");
	asked = tp_test_authorize(f.host, "alice smith%#", "example.org", 1);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->password, "a b:c\xc3\xa9#;:\"");
	close_users(&f);
}

static void lines_may_be_written_in_many_ways(void)
{
	static const char *const names[] = {"a", "b", "c", "d:e", "\xc3\xa9", "g"};
	struct fixture f;

	open_users(&f, "\n# comment\n#a plain:commented\na plain:1\r\n\r\n \t \n"
		       "  b\tplain:2  \nc   plain:3\t\nd:e plain:4\n\xc3\xa9 plain:5\n"
		       "g plain:no-newline-at-the-end");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		CU_ASSERT_TRUE(knows(&f, names[i]));
	}
	CU_ASSERT_FALSE(knows(&f, "#a"));
	CU_ASSERT_FALSE(knows(&f, ""));
	close_users(&f);
}

static void an_empty_file_has_nobody(void)
{
	struct fixture f;

	open_users(&f, "");
	CU_ASSERT_FALSE(knows(&f, "alice"));
	close_users(&f);
}

static void thousands_of_users_are_found(void)
{
	enum { COUNT = 20000, LINE = 32 };
	char *text = malloc(COUNT * LINE);
	struct fixture f;
	size_t len = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (int i = 0; i < COUNT; i++) {
		len += (size_t)snprintf(text + len, LINE, "user%d plain:p%d\n", i, i);
	}
	open_users(&f, text);
	for (int i = 0; i < COUNT; i += 997) {
		const struct tp_test_asked *asked;
		char name[LINE];
		char password[LINE];

		snprintf(name, sizeof(name), "user%d", i);
		snprintf(password, sizeof(password), "p%d", i);
		asked = tp_test_authorize(f.host, name, "example.org", 1);
		CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
		CU_ASSERT_STRING_EQUAL(asked->password, password);
	}
	CU_ASSERT_FALSE(knows(&f, "user20000"));
	close_users(&f);
	free(text);
}

/* --- USERHASH, RFC 8489 section 14.4 ------------------------------------------------- */

static const struct tp_test_asked *ask_by_hash(struct fixture *f, const char *name,
					       const char *realm)
{
	static uint8_t hash[TP_USERHASH_SIZE];
	const struct tp_test_asked *asked;

	CU_ASSERT_EQUAL_FATAL(tp_userhash(hash, name, realm), 0);
	asked = tp_test_authorize_userhash(f->host, hash, realm, TP_PASSWORD_SHA256);
	tp_test_wait(f->host, asked);
	return asked;
}

static void user_hash_finds_the_user(void)
{
	const struct tp_test_asked *asked;
	struct fixture f;

	open_users(&f, "alice plain:secret\nbob plain:other max_allocations=3\n");
	for (int i = 0; i < 2; i++) {
		asked = ask_by_hash(&f, "bob", "example.org");
		CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
		CU_ASSERT_STRING_EQUAL(asked->user, "bob");
		CU_ASSERT_STRING_EQUAL(asked->password, "other");
		CU_ASSERT_EQUAL(asked->max_allocations, 3);
		CU_ASSERT_EQUAL(ask_by_hash(&f, "carol", "example.org")->verdict, TP_PASS);
	}
	close_users(&f);
}

static void hashes_are_computed_once_and_off_the_worker(void)
{
	uint8_t hash[TP_USERHASH_SIZE];
	const struct tp_test_asked *asked;
	struct fixture f;

	open_users(&f, "alice plain:secret\n");
	CU_ASSERT_EQUAL(tp_userhash(hash, "alice", "example.org"), 0);
	asked = tp_test_authorize_userhash(f.host, hash, "example.org", 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	tp_test_wait(f.host, asked);
	asked = tp_test_authorize_userhash(f.host, hash, "example.org", 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	close_users(&f);
}

static void user_hash_is_one_of_its_realm(void)
{
	uint8_t hash[TP_USERHASH_SIZE];
	const struct tp_test_asked *asked;
	struct fixture f;

	open_users(&f, "alice plain:secret\n");
	CU_ASSERT_EQUAL(tp_userhash(hash, "alice", "example.com"), 0);
	asked = tp_test_authorize_userhash(f.host, hash, "example.org", 1);
	tp_test_wait(f.host, asked);
	CU_ASSERT_EQUAL(asked->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_by_hash(&f, "alice", "example.com")->verdict, TP_ALLOW);
	close_users(&f);
}

static void realms_have_a_ceiling(void)
{
	const struct tp_test_asked *asked = NULL;
	struct fixture f;
	char realm[16];

	open_users(&f, "alice plain:secret\n");
	for (int i = 0; i < 65; i++) { /* the daemon has 64 at most */
		snprintf(realm, sizeof(realm), "realm%d", i);
		asked = ask_by_hash(&f, "alice", realm);
		CU_ASSERT_EQUAL(asked->verdict, i < 64 ? TP_ALLOW : TP_DENY);
	}
	CU_ASSERT_EQUAL(asked->code, 500);
	close_users(&f);
}

static void a_client_may_leave_while_it_waits(void)
{
	uint8_t hash[TP_USERHASH_SIZE] = {0};
	struct fixture f;

	open_users(&f, "alice plain:secret\n");
	tp_test_cancel(f.host, tp_test_authorize_userhash(f.host, hash, "example.org", 1));
	tp_test_finish_jobs(f.host);
	CU_ASSERT_EQUAL(tp_test_parked(f.host), 0);
	CU_ASSERT_TRUE(knows(&f, "alice"));
	close_users(&f);
}

/* --- files that are refused ----------------------------------------------------------- */

/* @bytes as the users' file; true when the sentence holds @wanted. */
static bool refused(const void *bytes, size_t len, mode_t mode, const char *wanted)
{
	char problem[TP_TEST_PROBLEM_SIZE] = "";
	struct fixture f;
	bool right;

	scratch_open(&f.scratch);
	scratch_write_bytes(&f.scratch, "users", mode, bytes, len);
	f.host = tp_test_host_try("auth_file", section_for(&f, ""), problem);
	right = f.host == NULL && strstr(problem, wanted) != NULL;
	if (!right) {
		printf("wanted \"%s\", got \"%s\"\n", wanted, problem);
	}
	if (f.host != NULL) {
		tp_test_host_free(&f.host);
	}
	scratch_close(&f.scratch);
	return right;
}

static void broken_lines_are_named(void)
{
	static const struct {
		const char *text;
		const char *problem;
	} cases[] = {
		{"alice", "users:1: there is neither password nor key"},
		{"\n\nalice max_allocations=3", "users:3: there is neither"},
		{"alice:secret", "users:1: there is neither"},
		{"alice secret", "users:1: after the name come plain:"},
		{" # no comment", "users:1: after the name come"},
		{"alice plain:", "users:1: the password is empty"},
		{"alice plain:a b", "users:1: after the name come"},
		{"alice plain:a plain:a", "users:1: plain: is there twice"},
		{"alice PLAIN:a", "users:1: after the name come"},
		{"a%2 plain:x", "users:1: a % must be followed"},
		{"a% plain:x", "users:1: a % must be followed"},
		{"a%zz plain:x", "users:1: a % must be followed"},
		{"a plain:%", "users:1: a % must be followed"},
		{"a plain:x%00y", "users:1: %00"},
		{"a%00b plain:x", "users:1: %00"},
		{"a md5:", "users:1: md5: must be followed by 32"},
		{"a md5:0123", "users:1: md5: must be followed by 32"},
		{"a md5:" MD5_DIGITS "0", "users:1: md5: must be followed by 32"},
		{"a md5:g123456789abcdef0123456789abcdef", "users:1: md5: must be"},
		{"a md5:" MD5_DIGITS " md5:" MD5_DIGITS, "users:1: md5: is there twice"},
		{"a sha256:" MD5_DIGITS, "users:1: sha256: must be followed by 64"},
		{"a sha256:" SHA256_DIGITS " sha256:" SHA256_DIGITS, "users:1: sha256: is there"},
		{"a plain:x max_allocations=0", "users:1: max_allocations="},
		{"a plain:x max_allocations=", "users:1: max_allocations="},
		{"a plain:x max_allocations=-1", "users:1: max_allocations="},
		{"a plain:x max_allocations=1000001", "users:1: max_allocations="},
		{"a plain:x max_allocations=4294967297", "users:1: max_allocations="},
		{"a plain:x max_allocations=99999999999999999999", "users:1: max_allocations="},
		{"a plain:x max_allocations=3 max_allocations=3", "users:1: max_allocations="},
		{"a plain:x max_lifetime=86401", "users:1: max_lifetime="},
		{"a plain:x max_lifetime=1h", "users:1: max_lifetime="},
		{"a plain:x\nb plain:y\n\na plain:z\n", "users:4: the user of line 1 once more"},
		{"a%62c plain:x\nabc plain:y\n", "users:2: the user of line 1 once more"},
		{"a plain:x\rb plain:y", "users:1: a control byte"},
		{"a plain:x\x1b[2J", "users:1: a control byte"},
		{"a plain:x\x7f", "users:1: a control byte"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_TRUE(
			refused(cases[i].text, strlen(cases[i].text), 0600, cases[i].problem));
	}
}

static void nul_bytes_are_refused(void)
{
	static const char inside[] = "alice plain:secret\nbob plain:x\0y\n";
	static const char zeros[4096] = "";

	CU_ASSERT_TRUE(refused(inside, sizeof(inside) - 1, 0600, "users:2: a control byte"));
	CU_ASSERT_TRUE(refused(zeros, sizeof(zeros), 0600, "users:1: a control byte"));
}

/* @len times one letter behind "a plain:" or in place of the name */
static bool refused_long(const char *begin, size_t len, const char *end, const char *wanted)
{
	char *text = malloc(strlen(begin) + len + strlen(end) + 1);
	bool right;

	if (text == NULL) {
		return false;
	}
	strcpy(text, begin);
	memset(text + strlen(begin), 'x', len);
	strcpy(text + strlen(begin) + len, end);
	right = refused(text, strlen(text), 0600, wanted);
	free(text);
	return right;
}

static void lengths_have_ceilings(void)
{
	CU_ASSERT_TRUE(refused_long("", 509, " plain:x", "users:1: the name is longer"));
	CU_ASSERT_TRUE(refused_long("", 2000000, " plain:x", "users:1: the name is longer"));
	CU_ASSERT_TRUE(refused_long("", 2000000, "", "users:1: the name is longer"));
	CU_ASSERT_TRUE(refused_long("a plain:", 513, "", "users:1: the password is longer"));
	CU_ASSERT_TRUE(refused_long("a plain:", 2000000, "", "users:1: the password is longer"));
	CU_ASSERT_TRUE(refused_long("a md5:", 2000000, "", "users:1: md5: must be"));
	CU_ASSERT_TRUE(refused_long("a plain:x max_lifetime=", 2000000, "", "users:1: max_life"));
}

static void the_longest_names_and_passwords_are_taken(void)
{
	char text[508 + 7 + 512 + 1];
	struct fixture f;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	memcpy(text + 508, " plain:", 7);
	open_users(&f, text);
	text[508] = '\0';
	CU_ASSERT_TRUE(knows(&f, text));
	close_users(&f);
}

static void noise_is_refused(void)
{
	uint8_t noise[8192];

	for (int i = 0; i < 20; i++) {
		tp_rand_bytes(noise, sizeof(noise));
		noise[100] = 0x01;
		CU_ASSERT_TRUE(refused(noise, sizeof(noise), 0600, "users:"));
	}
}

static void a_file_that_all_may_write_is_refused(void)
{
	static const char text[] = "alice plain:secret\n";

	CU_ASSERT_TRUE(refused(text, strlen(text), 0666, "can be written by everybody"));
	CU_ASSERT_TRUE(refused(text, strlen(text), 0602, "can be written by everybody"));
}

static void a_file_that_all_may_read_is_warned_of(void)
{
	struct fixture f;

	scratch_open(&f.scratch);
	scratch_write(&f.scratch, "users", 0644, "alice plain:secret\n");
	f.host = tp_test_host_create("auth_file", section_for(&f, ""));
	CU_ASSERT_EQUAL(count_in_log(&f, "can be read by everybody"), 1);
	CU_ASSERT_TRUE(knows(&f, "alice"));
	tp_test_host_free(&f.host);

	scratch_write(&f.scratch, "users", 0640, "alice plain:secret\n");
	f.host = tp_test_host_create("auth_file", section_for(&f, ""));
	CU_ASSERT_EQUAL(count_in_log(&f, "can be read by everybody"), 0);
	close_users(&f);
}

static void what_is_no_file_is_refused(void)
{
	char problem[TP_TEST_PROBLEM_SIZE] = "";
	char section[PATH_MAX + 16];
	struct scratch scratch;

	scratch_open(&scratch);
	snprintf(section, sizeof(section), "users = %s", scratch_path(&scratch, "missing"));
	CU_ASSERT_PTR_NULL(tp_test_host_try("auth_file", section, problem));
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "missing: No such file"));
	snprintf(section, sizeof(section), "users = %s", scratch.folder);
	CU_ASSERT_PTR_NULL(tp_test_host_try("auth_file", section, problem));
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "is no regular file"));
	CU_ASSERT_EQUAL(mkfifo(scratch_path(&scratch, "fifo"), 0600), 0);
	snprintf(section, sizeof(section), "users = %s", scratch_path(&scratch, "fifo"));
	CU_ASSERT_PTR_NULL(tp_test_host_try("auth_file", section, problem));
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "is no regular file"));
	scratch_close(&scratch);
}

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *problem;
	} cases[] = {
		{"", "users"},
		{"users = relative/users", "users"},
		{"user = /tmp/x", "users"},
		{"users = /tmp/x\nreload_interval = 2d", "reload_interval"},
		{"users = /tmp/x\nreload_interval = often", "reload_interval"},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try("auth_file", cases[i].section, problem));
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].problem));
	}
}

/* --- files that change ---------------------------------------------------------------- */

static void look(struct fixture *f, uint64_t ms)
{
	tp_test_advance_ms(f->host, ms);
	tp_test_finish_jobs(f->host);
}

/* The look that notices, and the one that sees it stand still. */
static void let_it_notice(struct fixture *f)
{
	look(f, 5000);
	look(f, 300);
}

static void a_changed_file_is_taken_up(void)
{
	struct fixture f;

	open_users(&f, "alice plain:secret\nbob plain:other\n");
	look(&f, 4900);
	scratch_write(&f.scratch, "users", 0600, "alice plain:new\ncarol plain:x\n");
	CU_ASSERT_TRUE(knows(&f, "bob"));
	let_it_notice(&f);
	CU_ASSERT_FALSE(knows(&f, "bob"));
	CU_ASSERT_TRUE(knows(&f, "carol"));
	CU_ASSERT_STRING_EQUAL(tp_test_authorize(f.host, "alice", "example.org", 1)->password,
			       "new");
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "reloads"), 1);
	let_it_notice(&f);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "reloads"), 1);
	close_users(&f);
}

static void another_file_in_its_place_is_taken_up(void)
{
	char old_path[PATH_MAX];
	struct fixture f;

	open_users(&f, "alice plain:secret\n");
	strcpy(old_path, f.scratch.file);
	scratch_write(&f.scratch, "users.new", 0600, "carol plain:secret\n");
	CU_ASSERT_EQUAL(rename(f.scratch.file, old_path), 0);
	let_it_notice(&f);
	CU_ASSERT_TRUE(knows(&f, "carol"));
	CU_ASSERT_FALSE(knows(&f, "alice"));
	close_users(&f);
}

static void a_file_being_written_is_not_read_yet(void)
{
	struct fixture f;

	open_users(&f, "alice plain:secret\nbob plain:other\n");
	scratch_write(&f.scratch, "users", 0600, "");
	look(&f, 5000);
	scratch_write(&f.scratch, "users", 0600, "alice plain:secret\n");
	look(&f, 300);
	CU_ASSERT_TRUE(knows(&f, "bob"));
	scratch_write(&f.scratch, "users", 0600, "alice plain:secret\nbob plain:new\n");
	look(&f, 300);
	look(&f, 300);
	CU_ASSERT_STRING_EQUAL(tp_test_authorize(f.host, "bob", "example.org", 1)->password, "new");
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "reloads"), 1);
	close_users(&f);
}

static void a_broken_file_changes_nothing_and_is_named_once(void)
{
	struct fixture f;

	open_users(&f, "alice plain:secret\n");
	scratch_write(&f.scratch, "users", 0600, "alice plain:secret\nbob:other\n");
	for (int i = 0; i < 3; i++) {
		let_it_notice(&f);
	}
	CU_ASSERT_TRUE(knows(&f, "alice"));
	CU_ASSERT_FALSE(knows(&f, "bob"));
	CU_ASSERT_EQUAL(count_in_log(&f, "users:2: there is neither"), 1);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "reload_failures"), 1);

	scratch_write(&f.scratch, "users", 0600, "alice plain:secret\nbob plain:other\n");
	let_it_notice(&f);
	CU_ASSERT_TRUE(knows(&f, "bob"));
	close_users(&f);
}

static void a_file_that_goes_changes_nothing(void)
{
	struct fixture f;

	open_users(&f, "alice plain:secret\n");
	CU_ASSERT_EQUAL(remove(f.scratch.file), 0);
	for (int i = 0; i < 3; i++) {
		let_it_notice(&f);
	}
	CU_ASSERT_TRUE(knows(&f, "alice"));
	CU_ASSERT_EQUAL(count_in_log(&f, "users: No such file"), 1);

	scratch_write(&f.scratch, "users", 0600, "bob plain:other\n");
	let_it_notice(&f);
	CU_ASSERT_TRUE(knows(&f, "bob"));
	close_users(&f);
}

static void no_line_of_the_log_holds_a_password(void)
{
	struct fixture f;

	open_users(&f, "alice plain:wonderland\n");
	scratch_write(&f.scratch, "users", 0600, "alice plain:wonderland plain:wonderland\n");
	let_it_notice(&f);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "reload_failures"), 1);
	CU_ASSERT_EQUAL(count_in_log(&f, "wonderland"), 0);
	close_users(&f);
}

static void hashes_are_there_after_a_change(void)
{
	uint8_t hash[TP_USERHASH_SIZE];
	struct fixture f;

	open_users(&f, "alice plain:secret\n");
	CU_ASSERT_EQUAL(ask_by_hash(&f, "carol", "example.org")->verdict, TP_PASS);
	scratch_write(&f.scratch, "users", 0600, "carol plain:x\n");
	let_it_notice(&f);
	CU_ASSERT_EQUAL(tp_userhash(hash, "carol", "example.org"), 0);
	CU_ASSERT_EQUAL(tp_test_authorize_userhash(f.host, hash, "example.org", 1)->verdict,
			TP_ALLOW);
	close_users(&f);
}

static void with_no_interval_nobody_looks(void)
{
	struct fixture f;

	open_with(&f, "alice plain:secret\n", "reload_interval = 0\n");
	scratch_write(&f.scratch, "users", 0600, "bob plain:other\n");
	let_it_notice(&f);
	let_it_notice(&f);
	CU_ASSERT_TRUE(knows(&f, "alice"));
	CU_ASSERT_FALSE(knows(&f, "bob"));
	close_users(&f);
}

static void a_reload_reads_the_file(void)
{
	char problem[TP_TEST_PROBLEM_SIZE];
	struct fixture f;

	open_users(&f, "alice plain:secret\n");
	scratch_write(&f.scratch, "users", 0600, "bob:other\n");
	CU_ASSERT_FALSE(tp_test_host_reload(f.host, f.section, problem));
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "users:1:"));
	CU_ASSERT_TRUE(knows(&f, "alice"));
	scratch_write(&f.scratch, "users", 0600, "bob plain:other\n");
	CU_ASSERT_TRUE(tp_test_host_reload(f.host, f.section, problem));
	CU_ASSERT_TRUE(knows(&f, "bob"));
	CU_ASSERT_FALSE(knows(&f, "alice"));
	close_users(&f);
}

/* --- what the manual says --------------------------------------------------------------- */

/* The digits that a command of turnpike-auth_file(5) prints first. */
static bool command_prints(const char *command, const uint8_t *bytes, size_t len)
{
	FILE *output = popen(command, "r");
	char wanted[TP_KEY_SHA256_SIZE * 2 + 1];
	char digits[TP_KEY_SHA256_SIZE * 2 + 1] = "";
	bool got;

	if (output == NULL) {
		return false;
	}
	got = fscanf(output, "%64[0-9a-f]", digits) == 1;
	pclose(output);
	for (size_t i = 0; i < len; i++) {
		snprintf(wanted + 2 * i, 3, "%02x", bytes[i]);
	}
	return got && strcmp(digits, wanted) == 0;
}

static void commands_of_the_manual_make_keys(void)
{
	struct tp_key key;

	CU_ASSERT_EQUAL(tp_key_long_term(&key, TP_PASSWORD_MD5, "alice", "example.org", "secret"),
			0);
	CU_ASSERT_TRUE(command_prints("printf %s 'alice:example.org:secret' | md5sum", key.bytes,
				      key.len));
	CU_ASSERT_EQUAL(
		tp_key_long_term(&key, TP_PASSWORD_SHA256, "alice", "example.org", "secret"), 0);
	CU_ASSERT_TRUE(command_prints("printf %s 'alice:example.org:secret' | sha256sum", key.bytes,
				      key.len));
}

static void the_example_file_is_read(void)
{
	char path[PATH_MAX];
	char section[PATH_MAX + 16];
	struct fixture f;
	struct tp_key key;
	const struct tp_test_asked *asked;

	CU_ASSERT_PTR_NOT_NULL_FATAL(realpath("etc/users.example", path));
	snprintf(section, sizeof(section), "users = %s", path);
	f.host = tp_test_host_create("auth_file", section);
	CU_ASSERT_TRUE(knows(&f, "alice"));
	CU_ASSERT_TRUE(knows(&f, "dave smith"));
	CU_ASSERT_EQUAL(tp_key_long_term(&key, TP_PASSWORD_MD5, "bob", "example.org", "secret"), 0);
	asked = tp_test_authorize(f.host, "bob", "example.org", TP_PASSWORD_MD5);
	CU_ASSERT_PTR_NOT_NULL_FATAL(asked->key_md5);
	CU_ASSERT_EQUAL(memcmp(asked->key_md5, key.bytes, key.len), 0);
	CU_ASSERT_EQUAL(tp_key_long_term(&key, TP_PASSWORD_SHA256, "bob", "example.org", "secret"),
			0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(asked->key_sha256);
	CU_ASSERT_EQUAL(memcmp(asked->key_sha256, key.bytes, key.len), 0);
	tp_test_host_free(&f.host);
}

TEST_SUITE("auth_file", TEST(password_is_provided), TEST(answer_holds_for_one_request),
	   TEST(keys_are_provided), TEST(user_without_a_key_for_the_algorithm_gets_401),
	   TEST(limits_are_provided), TEST(who_is_not_in_the_file_is_left_to_others),
	   TEST(percent_signs_stand_for_bytes), TEST(lines_may_be_written_in_many_ways),
	   TEST(an_empty_file_has_nobody), TEST(thousands_of_users_are_found),
	   TEST(user_hash_finds_the_user), TEST(hashes_are_computed_once_and_off_the_worker),
	   TEST(user_hash_is_one_of_its_realm), TEST(realms_have_a_ceiling),
	   TEST(a_client_may_leave_while_it_waits), TEST(broken_lines_are_named),
	   TEST(nul_bytes_are_refused), TEST(lengths_have_ceilings),
	   TEST(the_longest_names_and_passwords_are_taken), TEST(noise_is_refused),
	   TEST(a_file_that_all_may_write_is_refused), TEST(a_file_that_all_may_read_is_warned_of),
	   TEST(what_is_no_file_is_refused), TEST(options_are_checked),
	   TEST(a_changed_file_is_taken_up), TEST(another_file_in_its_place_is_taken_up),
	   TEST(a_file_being_written_is_not_read_yet),
	   TEST(a_broken_file_changes_nothing_and_is_named_once),
	   TEST(a_file_that_goes_changes_nothing), TEST(no_line_of_the_log_holds_a_password),
	   TEST(hashes_are_there_after_a_change), TEST(with_no_interval_nobody_looks),
	   TEST(a_reload_reads_the_file), TEST(commands_of_the_manual_make_keys),
	   TEST(the_example_file_is_read));

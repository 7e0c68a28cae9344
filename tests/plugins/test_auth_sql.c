/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <turnpike/test.h>

#include "support/scratch.h"
#include "support/suite.h"

/* On SQLite; servers are for tests/system/auth_sql.sh. */

#define REALM "example.org"
#define MD5 1
#define SHA256 2

/* The clock of the host stands before this. */
#define REST_NAME "1700000100:alice"
#define OLD_REST_NAME "1000000000:alice"

/* printf alice:example.org:wonderland | md5sum */
static const uint8_t alice_md5[] = {0x72, 0xf8, 0x6f, 0x20, 0x53, 0x70, 0x3f, 0xaa,
				    0x0f, 0x52, 0x1c, 0xe7, 0x1c, 0xfe, 0x6f, 0x59};

struct fixture {
	struct scratch scratch;
	struct tp_test_host *host;
	char section[PATH_MAX + 512];
};

static bool has_read(void *arg)
{
	return tp_test_counter(arg, "policy_reads") > 0;
}

static void open_fixture(struct fixture *f, const char *more)
{
	scratch_open(&f->scratch);
	snprintf(f->section, sizeof(f->section), "database = %s\nrealm = " REALM "\n%s",
		 scratch_path(&f->scratch, "turndb"), more);
	f->host = tp_test_host_create("auth_sql", f->section);
}

/* With secrets, peers and limits read. */
static void open_ready(struct fixture *f, const char *more)
{
	open_fixture(f, more);
	tp_test_wait_until(f->host, has_read, f->host);
}

static void close_fixture(struct fixture *f)
{
	tp_test_host_free(&f->host);
	scratch_close(&f->scratch);
}

static const char *command(struct fixture *f, const char *words, int want)
{
	const char *printed = "";
	int err = tp_test_command(f->host, words, &printed);

	if (err != want) {
		printf("%s: %d instead of %d: %s\n", words, err, want, printed);
	}
	CU_ASSERT_EQUAL(err, want);
	tp_test_turn(f->host);
	return printed;
}

static const struct tp_test_asked *ask(struct fixture *f, const char *user, uint16_t algorithm)
{
	const struct tp_test_asked *asked = tp_test_authorize(f->host, user, REALM, algorithm);

	if (asked->verdict == TP_PARK) {
		tp_test_wait(f->host, asked);
	}
	return asked;
}

/* --- users ------------------------------------------------------------------------- */

static void a_user_is_found_by_the_key_that_a_command_has_made(void)
{
	const struct tp_test_asked *asked;
	struct fixture f;

	open_ready(&f, "");
	command(&f, "user add alice wonderland", 0);
	asked = ask(&f, "alice", MD5);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_PTR_NOT_NULL_FATAL(asked->key_md5);
	CU_ASSERT_EQUAL(memcmp(asked->key_md5, alice_md5, sizeof(alice_md5)), 0);
	CU_ASSERT_PTR_NULL(asked->password);
	close_fixture(&f);
}

static void an_unknown_user_is_left_to_others(void)
{
	static const char *const names[] = {"bob", "ALICE", "alice ", "' OR '1'='1", "%", "\xff"};
	struct fixture f;

	open_ready(&f, "");
	command(&f, "user add alice wonderland", 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		CU_ASSERT_NOT_EQUAL(ask(&f, names[i], MD5)->verdict, TP_ALLOW);
	}
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "failed"), 0);
	close_fixture(&f);
}

static void a_key_of_the_wrong_kind_is_told_of(void)
{
	struct fixture f;

	open_ready(&f, "");
	command(&f, "user add alice wonderland", 0);
	ask(&f, "alice", SHA256);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(f.host), "password_algorithms = md5"));
	close_fixture(&f);
}

static void sha256_keys_can_be_had(void)
{
	const struct tp_test_asked *asked;
	struct fixture f;

	open_ready(&f, "key_algorithm = sha256\n");
	command(&f, "user add alice wonderland", 0);
	asked = ask(&f, "alice", SHA256);
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_PTR_NOT_NULL(asked->key_sha256);
	close_fixture(&f);
}

static void queries_of_one_s_own_name_columns(void)
{
	const struct tp_test_asked *asked;
	struct fixture f;

	open_ready(&f,
		   "query_user = \"SELECT ?1 AS name, 'secret' AS password, 3 AS max_allocations, "
		   "600 AS max_lifetime_s, 5000 AS max_bits_per_s WHERE ?1 = 'bob'\"\n"
		   "query_secret = none\nquery_allowed = none\nquery_denied = none\n"
		   "query_option = none\n");
	asked = ask(&f, "bob", SHA256);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->password, "secret");
	CU_ASSERT_EQUAL(asked->max_allocations, 3);
	CU_ASSERT_EQUAL(asked->max_lifetime_s, 600);
	CU_ASSERT_EQUAL(asked->max_bits_per_s, 5000);
	CU_ASSERT_NOT_EQUAL(ask(&f, "alice", MD5)->verdict, TP_ALLOW);
	close_fixture(&f);
}

static void what_is_no_key_is_500(void)
{
	static const char *const queries[] = {
		"SELECT 'abc' AS hmackey",
		"SELECT '' AS hmackey",
		"SELECT 'x' AS password UNION SELECT 'y'",
		"SELECT 'x' AS password, 'many' AS max_allocations",
		"SELECT nothing FROM nowhere",
	};
	const struct tp_test_asked *asked;
	struct fixture f;
	char more[256];

	for (size_t i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
		snprintf(more, sizeof(more), "query_user = \"%s\"\n", queries[i]);
		open_ready(&f, more);
		asked = ask(&f, "alice", MD5);
		CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
		CU_ASSERT_EQUAL(asked->code, 500);
		close_fixture(&f);
	}
}

static void a_query_that_takes_for_ever_is_500(void)
{
	const struct tp_test_asked *asked;
	struct fixture f;

	open_ready(&f,
		   "deadline = 100ms\nquery_user = \"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL "
		   "SELECT x + 1 FROM c) SELECT max(x) AS hmackey FROM c\"\n");
	asked = tp_test_authorize(f.host, "alice", REALM, MD5);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_PARK);
	tp_test_advance_ms(f.host, 101);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 500);
	close_fixture(&f);
}

/* --- commands ------------------------------------------------------------------------ */

static void commands_change_users(void)
{
	struct fixture f;

	open_ready(&f, "");
	command(&f, "user add bob builder", 0);
	command(&f, "user add alice wonderland other.example.org", 0);
	CU_ASSERT_STRING_EQUAL(command(&f, "user list", 0),
			       "bob " REALM "\nalice other.example.org\n");
	CU_ASSERT_STRING_EQUAL(command(&f, "user list other.example.org", 0),
			       "alice other.example.org\n");
	command(&f, "user add bob again", TP_EEXIST);
	command(&f, "user passwd carol x", TP_ENOENT);
	command(&f, "user delete bob other.example.org", TP_ENOENT);
	command(&f, "user delete bob", 0);
	command(&f, "user delete bob", TP_ENOENT);
	close_fixture(&f);
}

static void a_changed_password_counts_at_once(void)
{
	uint8_t before[16];
	struct fixture f;

	open_ready(&f, "");
	command(&f, "user add alice wonderland", 0);
	memcpy(before, ask(&f, "alice", MD5)->key_md5, sizeof(before));
	command(&f, "user passwd alice changed", 0);
	CU_ASSERT_NOT_EQUAL(memcmp(before, ask(&f, "alice", MD5)->key_md5, sizeof(before)), 0);
	close_fixture(&f);
}

static void what_is_no_command_is_refused(void)
{
	static const char *const wrong[] = {
		"user",
		"user add",
		"user add alice",
		"user add a b c d",
		"user list a b",
		"user rename alice x",
		"group add alice secret",
	};
	struct fixture f;

	open_ready(&f, "");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		command(&f, wrong[i], TP_EINVAL);
	}
	close_fixture(&f);
}

/* --- secrets, peers, limits ------------------------------------------------------------- */

static void a_secret_makes_passwords(void)
{
	const struct tp_test_asked *asked;
	struct fixture f;

	open_ready(&f, "query_secret = \"SELECT '" REALM "', 'north of here'\"\n"
		       "query_option = \"SELECT '', 'user-quota', '7'\"\n");
	asked = ask(&f, REST_NAME, MD5);
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_PTR_NOT_NULL(asked->password);
	CU_ASSERT_EQUAL(asked->max_allocations, 7);
	CU_ASSERT_TRUE(asked->max_lifetime_s > 0 && asked->max_lifetime_s <= 100);
	CU_ASSERT_NOT_EQUAL(ask(&f, OLD_REST_NAME, MD5)->verdict, TP_ALLOW);
	close_fixture(&f);
}

static const struct tp_test_asked *peer(struct fixture *f, const char *text)
{
	static struct tp_before_permission event;
	static struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	event = (struct tp_before_permission){
		.allocation = tp_test_allocation(f->host), .peer_addr = &addr, .method = 0x008};
	return tp_test_on_turn_before_permission(f->host, &event);
}

static void peers_are_refused_as_the_tables_say(void)
{
	struct fixture f;

	open_ready(&f, "query_denied = \"SELECT '', '192.0.2.0-192.0.2.255'\"\n"
		       "query_allowed = \"SELECT '', '192.0.2.7'\"\n");
	CU_ASSERT_EQUAL(peer(&f, "192.0.2.1")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(peer(&f, "192.0.2.1")->code, 403);
	CU_ASSERT_NOT_EQUAL(peer(&f, "192.0.2.7")->verdict, TP_DENY);
	CU_ASSERT_NOT_EQUAL(peer(&f, "198.51.100.1")->verdict, TP_DENY);
	close_fixture(&f);
}

/* Fail closed: what is not known is not taken for allowed. */
static void before_the_tables_are_read_it_is_500(void)
{
	struct fixture f;

	open_fixture(&f, "query_denied = \"SELECT '', 'garbage'\"\n");
	tp_test_finish_jobs(f.host);
	CU_ASSERT_EQUAL(peer(&f, "198.51.100.1")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(peer(&f, "198.51.100.1")->code, 500);
	CU_ASSERT_EQUAL(ask(&f, REST_NAME, MD5)->code, 500);
	close_fixture(&f);
}

/* --- options ---------------------------------------------------------------------------- */

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *sentence;
	} wrong[] = {
		{"driver = oracle\n", "driver"},
		{"database = turndb\n", "absolute path"},
		{"host = 192.0.2.1\n", "SQLite has a file"},
		{"database = /nonexistent/folder/turndb\n", "/nonexistent/folder/turndb"},
		{"separator = ab\n", "separator"},
		{"query_users = SELECT 1\n", "query_user"},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct tp_test_host *host = tp_test_host_try("auth_sql", wrong[i].section, problem);

		CU_ASSERT_PTR_NULL(host);
		if (strstr(problem, wrong[i].sentence) == NULL) {
			printf("\"%s\" in place of \"%s\"\n", problem, wrong[i].sentence);
			CU_FAIL("another sentence");
		}
		tp_test_host_free(&host);
	}
}

TEST_SUITE("auth_sql", TEST(a_user_is_found_by_the_key_that_a_command_has_made),
	   TEST(an_unknown_user_is_left_to_others), TEST(a_key_of_the_wrong_kind_is_told_of),
	   TEST(sha256_keys_can_be_had), TEST(queries_of_one_s_own_name_columns),
	   TEST(what_is_no_key_is_500), TEST(a_query_that_takes_for_ever_is_500),
	   TEST(commands_change_users), TEST(a_changed_password_counts_at_once),
	   TEST(what_is_no_command_is_refused), TEST(a_secret_makes_passwords),
	   TEST(peers_are_refused_as_the_tables_say), TEST(before_the_tables_are_read_it_is_500),
	   TEST(options_are_checked));

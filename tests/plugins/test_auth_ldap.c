/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/test.h>

#include "support/scratch.h"
#include "support/suite.h"

/* What needs a directory is in tests/system/auth_ldap.sh, which has a real one. */

#define BASE "base = dc=example,dc=org\n"
#define URIS "uris = ldap://127.0.0.1:1\n"
#define KEYS "md5_attribute = relayKeyMD5\n"

/* An address where nobody listens: bound, so that nobody else can, and never listened on. */
struct nobody {
	int fd;
	char section[256];
};

static void nobody_open(struct nobody *nobody, const char *more)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(addr);

	nobody->fd = socket(AF_INET, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL_FATAL(bind(nobody->fd, (struct sockaddr *)&addr, len), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(nobody->fd, (struct sockaddr *)&addr, &len), 0);
	snprintf(nobody->section, sizeof(nobody->section),
		 "uris = ldap://127.0.0.1:%u\n" BASE KEYS "%s", ntohs(addr.sin_port), more);
}

static void nobody_close(struct nobody *nobody)
{
	close(nobody->fd);
}

static void what_is_wrong_is_said(void)
{
	static const struct {
		const char *section;
		const char *sentence;
	} cases[] = {
		{BASE KEYS, "uris"},
		{URIS KEYS, "base"},
		{URIS BASE, "none of password_attribute, md5_attribute and sha256_attribute"},
		{BASE KEYS "uris = http://127.0.0.1", "no URI of ldap"},
		{BASE KEYS "uris = 127.0.0.1", "no URI of ldap"},
		{BASE KEYS "uris = ldaps://127.0.0.1\nstarttls = yes", "starttls = yes is for"},
		{URIS BASE KEYS "bind_dn = cn=relay", "go together"},
		{URIS BASE KEYS "bind_password_file = /etc/passwd", "go together"},
		{URIS BASE KEYS "bind_dn = cn=relay\nbind_password_file = /nonexistent",
		 "bind_password_file: /nonexistent: No such file"},
		{URIS BASE KEYS "ca_file = /nonexistent", "ca_file: /nonexistent cannot be read"},
		{URIS BASE KEYS "group = callers", "go together"},
		{URIS BASE KEYS "filter = (uid=alice)", "%u, the user, is not in it"},
		{URIS BASE KEYS "filter = uid=%u", "is no filter"},
		{URIS BASE KEYS "filter = (uid=%u", "is no filter"},
		{URIS BASE KEYS "filter = (uid=%x%u)", "a % is followed by"},
		{URIS BASE KEYS "filter = (uid=%u)%", "a % is followed by"},
		{URIS BASE KEYS "hash_filter = (uid=%u)", "%h, the hash, is not in it"},
		{URIS BASE KEYS "group_filter = callers", "is no filter"},
		{URIS BASE "md5_attribute = a*b", "a*b is no name of an attribute"},
		{URIS BASE KEYS "connections = 17", "connections"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_TEST_PROBLEM_SIZE] = "";
		struct tp_test_host *host =
			tp_test_host_try("auth_ldap", cases[i].section, problem);

		CU_ASSERT_PTR_NULL(host);
		if (strstr(problem, cases[i].sentence) == NULL) {
			printf("wanted \"%s\", got \"%s\"\n", cases[i].sentence, problem);
			CU_FAIL("another sentence");
		}
		tp_test_host_free(&host);
	}
}

static void the_password_is_one_line_of_a_safe_file(void)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *sentence;
	} cases[] = {
		{"secret\n", 0602, "can be written by everybody"},
		{"", 0600, "0 secrets"},
		{"# none\n\n", 0600, "0 secrets"},
		{"one\ntwo\n", 0600, "2 secrets"},
	};
	struct scratch scratch;

	scratch_open(&scratch);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_TEST_PROBLEM_SIZE] = "";
		char section[1024];
		struct tp_test_host *host;

		snprintf(section, sizeof(section),
			 URIS BASE KEYS "bind_dn = cn=relay\nbind_password_file = %.500s",
			 scratch_write(&scratch, "password", cases[i].mode, cases[i].text));
		host = tp_test_host_try("auth_ldap", section, problem);
		CU_ASSERT_PTR_NULL(host);
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].sentence));
		CU_ASSERT_PTR_NULL(strstr(problem, "two"));
		tp_test_host_free(&host);
	}
	scratch_close(&scratch);
}

static void without_encryption_it_warns(void)
{
	struct nobody nobody;
	struct tp_test_host *host;

	nobody_open(&nobody, "");
	host = tp_test_host_create("auth_ldap", nobody.section);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "is not encrypted"));
	tp_test_host_free(&host);
	nobody_close(&nobody);
}

/* RFC 8489 section 14.4: a hash names nobody, unless the directory has it. */
static void a_hash_passes_without_a_filter_for_it(void)
{
	static const uint8_t hash[32] = {1};
	struct nobody nobody;
	struct tp_test_host *host;

	nobody_open(&nobody, "");
	host = tp_test_host_create("auth_ldap", nobody.section);
	CU_ASSERT_EQUAL(tp_test_authorize_userhash(host, hash, "example.org", 2)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(tp_test_authorize_userhash(host, hash, "example.org", 2)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(tp_test_counter(host, "hashed"), 2);
	CU_ASSERT_EQUAL(tp_test_counter(host, "asked"), 0);
	tp_test_host_free(&host);
	nobody_close(&nobody);
}

static void nobody_there_is_500(void)
{
	const struct tp_test_asked *asked;
	struct nobody nobody;
	struct tp_test_host *host;

	nobody_open(&nobody, "");
	host = tp_test_host_create("auth_ldap", nobody.section);
	asked = tp_test_authorize(host, "alice", "example.org", 1);
	tp_test_finish_jobs(host);
	tp_test_wait(host, asked);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 500);
	CU_ASSERT_EQUAL(tp_test_counter(host, "failed"), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "no directory: ldap://127.0.0.1:"));
	tp_test_host_free(&host);
	nobody_close(&nobody);
}

static void it_ends_while_it_connects(void)
{
	struct nobody nobody;
	struct tp_test_host *host;

	nobody_open(&nobody, "");
	host = tp_test_host_create("auth_ldap", nobody.section);
	CU_ASSERT_EQUAL(tp_test_authorize(host, "alice", "example.org", 1)->verdict, TP_PARK);
	tp_test_host_free(&host);
	nobody_close(&nobody);
}

TEST_SUITE("auth_ldap", TEST(what_is_wrong_is_said), TEST(the_password_is_one_line_of_a_safe_file),
	   TEST(without_encryption_it_warns), TEST(a_hash_passes_without_a_filter_for_it),
	   TEST(nobody_there_is_500), TEST(it_ends_while_it_connects))

/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/test.h>

#include "stun/codes.h"
#include "support/scratch.h"
#include "support/suite.h"

static const struct tp_test_asked *ask_client(struct tp_test_host *host, const char *text)
{
	static struct tp_before_allocate event;
	static struct tp_addr client_addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &client_addr), 0);
	event = (struct tp_before_allocate){
		.five_tuple = &tp_test_allocation(host)->five_tuple,
		.client_addr = &client_addr,
		.user = "alice",
		.realm = "example.org",
		.relayed_addr = &tp_test_allocation(host)->relayed_addr,
		.lifetime_s = 600,
		.requested_transport = 17,
	};
	return tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &event);
}

static const struct tp_test_asked *ask_peer(struct tp_test_host *host, const char *text,
					    uint16_t method)
{
	static struct tp_before_permission event;
	static struct tp_addr peer_addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &peer_addr), 0);
	event = (struct tp_before_permission){
		.allocation = tp_test_allocation(host),
		.peer_addr = &peer_addr,
		.method = method,
	};
	return tp_test_fire(host, TP_EVENT_on_turn_before_permission, &event);
}

struct judged {
	const char *addr;
	bool passes;
};

/* @ becomes the side's name. */
static void name_side(const char *section, const char *side, char *out)
{
	for (; *section != '\0'; section++) {
		if (*section != '@') {
			*out++ = *section;
			continue;
		}
		strcpy(out, side);
		out += strlen(side);
	}
	*out = '\0';
}

/* Clients and peers are judged alike: @section has @ where "client" or "peer" belongs. */
static void judge(const char *section, const struct judged *cases, size_t count)
{
	for (size_t side = 0; side < 2; side++) {
		char text[512];
		struct tp_test_host *host;

		name_side(section, side == 0 ? "client" : "peer", text);
		host = tp_test_host_create("ip_filter", text);
		for (size_t i = 0; i < count; i++) {
			const struct tp_test_asked *asked =
				side == 0
					? ask_client(host, cases[i].addr)
					: ask_peer(host, cases[i].addr, TP_STUN_CREATE_PERMISSION);

			if (asked->verdict != (cases[i].passes ? TP_PASS : TP_DENY)) {
				printf("%s\n%s: wrong\n", text, cases[i].addr);
			}
			CU_ASSERT_EQUAL(asked->verdict, cases[i].passes ? TP_PASS : TP_DENY);
			CU_ASSERT_EQUAL(asked->code, cases[i].passes ? 0 : 403);
		}
		tp_test_host_free(&host);
	}
}

#define JUDGE(section, ...)                                                                        \
	do {                                                                                       \
		static const struct judged cases_[] = {__VA_ARGS__};                               \
		judge(section, cases_, sizeof(cases_) / sizeof(cases_[0]));                        \
	} while (0)

static void without_lists_all_pass(void)
{
	JUDGE("# none", {"192.0.2.1:4000", true}, {"[2001:db8::1]:4000", true});
}

static void the_deny_list_refuses(void)
{
	JUDGE("@_deny = 192.0.2.0/24, 2001:db8::/32 198.51.100.7", {"192.0.2.0:1", false},
	      {"192.0.2.255:65535", false}, {"192.0.3.0:1", true}, {"192.0.1.255:1", true},
	      {"198.51.100.7:1", false}, {"198.51.100.8:1", true}, {"[2001:db8:ffff::1]:1", false},
	      {"[2001:db9::1]:1", true}, {"192.0.2.9", false});
}

static void with_an_allow_list_others_are_refused(void)
{
	JUDGE("@_allow = 192.0.2.0/24", {"192.0.2.1:1", true}, {"198.51.100.1:1", false},
	      {"[2001:db8::1]:1", false});
}

static void the_longest_network_wins(void)
{
	JUDGE("@_allow = 192.0.2.0/24 192.0.2.129\n@_deny = 0.0.0.0/0 192.0.2.128/25",
	      {"192.0.2.1:1", true}, {"192.0.2.128:1", false}, {"192.0.2.129:1", true},
	      {"192.0.2.130:1", false}, {"198.51.100.1:1", false}, {"[2001:db8::1]:1", false});
	JUDGE("@_deny = 192.0.2.0/24\n@_allow = 192.0.2.128/25 ::/0", {"192.0.2.1:1", false},
	      {"192.0.2.129:1", true}, {"[2001:db8::1]:1", true}, {"198.51.100.1:1", false});
}

static void at_equal_length_deny_wins(void)
{
	JUDGE("@_allow = 192.0.2.0/24\n@_deny = 192.0.2.0/24", {"192.0.2.1:1", false});
	JUDGE("@_deny = 192.0.2.0/24\n@_allow = 192.0.2.0/24", {"192.0.2.1:1", false});
}

static void mapped_addresses_are_judged_in_both_forms(void)
{
	JUDGE("@_deny = 192.0.2.0/24", {"[::ffff:192.0.2.1]:1", false},
	      {"[::ffff:198.51.100.1]:1", true});
	JUDGE("@_deny = ::ffff:192.0.2.0/120", {"[::ffff:192.0.2.1]:1", false},
	      {"[::ffff:192.0.3.1]:1", true});
	JUDGE("@_allow = 192.0.2.0/24", {"[::ffff:192.0.2.1]:1", true},
	      {"[::ffff:198.51.100.1]:1", false});
	JUDGE("@_allow = ::/0\n@_deny = 192.0.2.0/24", {"[::ffff:192.0.2.1]:1", false},
	      {"[2001:db8::1]:1", true});
}

static void clients_and_peers_have_lists_of_their_own(void)
{
	struct tp_test_host *host = tp_test_host_create(
		"ip_filter", "client_deny = 192.0.2.0/24\npeer_allow = 192.0.2.0/24");

	CU_ASSERT_EQUAL(ask_client(host, "192.0.2.1:1")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask_client(host, "198.51.100.1:1")->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_peer(host, "192.0.2.1", TP_STUN_CHANNEL_BIND)->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_peer(host, "198.51.100.1", TP_STUN_CHANNEL_BIND)->verdict, TP_DENY);
	CU_ASSERT_EQUAL(tp_test_counter(host, "clients_refused"), 1);
	CU_ASSERT_EQUAL(tp_test_counter(host, "peers_refused"), 1);
	tp_test_host_free(&host);
}

static void a_reload_changes_the_lists(void)
{
	struct tp_test_host *host = tp_test_host_create("ip_filter", "client_deny = 192.0.2.0/24");
	char problem[TP_TEST_PROBLEM_SIZE];

	CU_ASSERT_FALSE(tp_test_host_reload(host, "client_deny = 192.0.2.0/33", problem));
	CU_ASSERT_EQUAL(ask_client(host, "192.0.2.1:1")->verdict, TP_DENY);
	CU_ASSERT_TRUE(tp_test_host_reload(host, "client_deny = 198.51.100.0/24", problem));
	CU_ASSERT_EQUAL(ask_client(host, "192.0.2.1:1")->verdict, TP_PASS);
	tp_test_host_free(&host);
}

/* --- files ---------------------------------------------------------------------------- */

static const char *section_of(const struct scratch *scratch, const char *option)
{
	static char section[PATH_MAX + 64];

	snprintf(section, sizeof(section), "%s = %s", option, scratch->file);
	return section;
}

static void files_are_lists_too(void)
{
	static const struct {
		const char *option;
		bool passes;   /* 192.0.2.1, that is on it */
		bool stranger; /* 203.0.113.1 */
	} cases[] = {
		{"client_allow_file", true, false},
		{"client_deny_file", false, true},
		{"peer_allow_file", true, false},
		{"peer_deny_file", false, true},
	};
	struct scratch scratch;

	scratch_open(&scratch);
	scratch_write(&scratch, "list", 0644,
		      "# networks\n\n  192.0.2.0/24\t# the office\r\n198.51.100.7\n2001:db8::/32");
	for (size_t i = 0; i < 4; i++) {
		struct tp_test_host *host =
			tp_test_host_create("ip_filter", section_of(&scratch, cases[i].option));
		const enum tp_verdict listed = cases[i].passes ? TP_PASS : TP_DENY;
		const enum tp_verdict stranger = cases[i].stranger ? TP_PASS : TP_DENY;

		if (i < 2) {
			CU_ASSERT_EQUAL(ask_client(host, "192.0.2.1:1")->verdict, listed);
			CU_ASSERT_EQUAL(ask_client(host, "198.51.100.7:1")->verdict, listed);
			CU_ASSERT_EQUAL(ask_client(host, "[2001:db8::1]:1")->verdict, listed);
			CU_ASSERT_EQUAL(ask_client(host, "203.0.113.1:1")->verdict, stranger);
		} else {
			CU_ASSERT_EQUAL(ask_peer(host, "192.0.2.1", 8)->verdict, listed);
			CU_ASSERT_EQUAL(ask_peer(host, "203.0.113.1", 8)->verdict, stranger);
		}
		tp_test_host_free(&host);
	}
	scratch_close(&scratch);
}

/* Somebody who empties the list has not thereby let everybody in. */
static void an_empty_allow_file_allows_nobody(void)
{
	struct tp_test_host *host;
	struct scratch scratch;

	scratch_open(&scratch);
	scratch_write(&scratch, "list", 0644, "");
	host = tp_test_host_create("ip_filter", section_of(&scratch, "client_allow_file"));
	CU_ASSERT_EQUAL(ask_client(host, "192.0.2.1:1")->verdict, TP_DENY);
	tp_test_host_free(&host);
	scratch_close(&scratch);
}

static void thousands_of_networks_are_kept_apart(void)
{
	enum { COUNT = 20000, LINE = 32 };
	char *text = malloc(COUNT * LINE);
	struct tp_test_host *host;
	struct scratch scratch;
	size_t len = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	for (int i = 0; i < COUNT; i++) { /* every other /24 of 10.0.0.0/8 and above */
		len += (size_t)snprintf(text + len, LINE, "%d.%d.%d.0/24\n", 10 + (2 * i >> 16),
					(2 * i >> 8) & 255, (2 * i) & 255);
	}
	scratch_open(&scratch);
	scratch_write(&scratch, "list", 0644, text);
	host = tp_test_host_create("ip_filter", section_of(&scratch, "peer_deny_file"));
	for (int i = 0; i < 2 * COUNT; i += 499) {
		char addr[LINE];

		snprintf(addr, sizeof(addr), "%d.%d.%d.77", 10 + (i >> 16), (i >> 8) & 255,
			 i & 255);
		CU_ASSERT_EQUAL(ask_peer(host, addr, 8)->verdict, i % 2 == 0 ? TP_DENY : TP_PASS);
	}
	tp_test_host_free(&host);
	scratch_close(&scratch);
	free(text);
}

static bool refused(const void *bytes, size_t len, const char *wanted)
{
	char problem[TP_TEST_PROBLEM_SIZE] = "";
	struct tp_test_host *host;
	struct scratch scratch;
	bool right;

	scratch_open(&scratch);
	scratch_write_bytes(&scratch, "list", 0644, bytes, len);
	host = tp_test_host_try("ip_filter", section_of(&scratch, "client_deny_file"), problem);
	right = host == NULL && strstr(problem, wanted) != NULL;
	if (!right) {
		printf("wanted \"%s\", got \"%s\"\n", wanted, problem);
	}
	if (host != NULL) {
		tp_test_host_free(&host);
	}
	scratch_close(&scratch);
	return right;
}

static void broken_files_are_named_with_their_line(void)
{
	static const struct {
		const char *text;
		const char *problem;
	} cases[] = {
		{"192.0.2.0/24\n192.0.2.0/33\n", "client_deny_file: "},
		{"192.0.2.0/24\n192.0.2.0/33\n", "list:2: no IP network"},
		{"192.0.2.1/24\n", "list:1: no IP network"},
		{"192.0.2.0/24 198.51.100.0/24\n", "list:1: no IP network"},
		{"192.0.2.0/24,\n", "list:1: no IP network"},
		{"192.0.2\n", "list:1: no IP network"},
		{"example.org\n", "list:1: no IP network"},
		{"\n\n192.0.2.0/\n", "list:3: no IP network"},
		{"192.0.2.1:80\n", "list:1: no IP network"},
		{"[2001:db8::1]\n", "list:1: no IP network"},
		{"2001:db8::/129\n", "list:1: no IP network"},
	};
	static const char nul[] = "192.0.2.0/24\n198.51.100.0\0/24\n";
	static char letters[1000000];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_TRUE(refused(cases[i].text, strlen(cases[i].text), cases[i].problem));
	}
	CU_ASSERT_TRUE(refused(nul, sizeof(nul) - 1, "list:2: longer than a network"));
	memset(letters, '1', sizeof(letters));
	CU_ASSERT_TRUE(refused(letters, sizeof(letters), "list:1: longer than a network"));
}

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *problem;
	} cases[] = {
		{"client_allow = 192.0.2.0/33", "client_allow"},
		{"client_deny = example.org", "client_deny"},
		{"peer_allow = 192.0.2.1/24", "peer_allow"},
		{"deny_peer = 192.0.2.0/24", "deny_peer"},
		{"peer_deny_file = list", "peer_deny_file"},
		{"peer_deny_file = /nonexistent/list", "peer_deny_file: /nonexistent/list"},
		{"peer_deny_file = /tmp", "peer_deny_file: /tmp"},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try("ip_filter", cases[i].section, problem));
		if (strstr(problem, cases[i].problem) == NULL) {
			printf("%s: %s\n", cases[i].section, problem);
		}
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].problem));
	}
}

TEST_SUITE("ip_filter", TEST(without_lists_all_pass), TEST(the_deny_list_refuses),
	   TEST(with_an_allow_list_others_are_refused), TEST(the_longest_network_wins),
	   TEST(at_equal_length_deny_wins), TEST(mapped_addresses_are_judged_in_both_forms),
	   TEST(clients_and_peers_have_lists_of_their_own), TEST(a_reload_changes_the_lists),
	   TEST(files_are_lists_too), TEST(an_empty_allow_file_allows_nobody),
	   TEST(thousands_of_networks_are_kept_apart), TEST(broken_files_are_named_with_their_line),
	   TEST(options_are_checked));

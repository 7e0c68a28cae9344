/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/probe_options.h"

#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

/* RFC 7064 section 3.1, RFC 7065 section 3.1. */
static void reads_servers(void)
{
	static const struct {
		const char *url;
		const char *host;
		uint16_t port;
		enum tp_transport transport;
		bool turn;
	} cases[] = {
		{"turn:turn.example.org", "turn.example.org", 3478, TP_TRANSPORT_UDP, true},
		{"turn:192.0.2.1:80", "192.0.2.1", 80, TP_TRANSPORT_UDP, true},
		{"turn:[2001:db8::1]", "2001:db8::1", 3478, TP_TRANSPORT_UDP, true},
		{"turn:[2001:db8::1]:65535?transport=tcp", "2001:db8::1", 65535, TP_TRANSPORT_TCP,
		 true},
		{"turn:example.org?transport=udp", "example.org", 3478, TP_TRANSPORT_UDP, true},
		{"turns:example.org", "example.org", 5349, TP_TRANSPORT_TLS, true},
		{"turns:example.org:443?transport=tcp", "example.org", 443, TP_TRANSPORT_TLS, true},
		{"turns:example.org?transport=udp", "example.org", 5349, TP_TRANSPORT_DTLS, true},
		{"stun:example.org", "example.org", 3478, TP_TRANSPORT_UDP, false},
		{"stuns:example.org", "example.org", 5349, TP_TRANSPORT_TLS, false},
		{"TURN:example.org?TRANSPORT=TCP", "example.org", 3478, TP_TRANSPORT_TCP, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_probe_options options = {0};
		const char *problem = NULL;

		CU_ASSERT_EQUAL_FATAL(tp_probe_url_parse(cases[i].url, &options, &problem), 0);
		CU_ASSERT_STRING_EQUAL(options.host, cases[i].host);
		CU_ASSERT_EQUAL(options.port, cases[i].port);
		CU_ASSERT_EQUAL(options.transport, cases[i].transport);
		CU_ASSERT_EQUAL(options.turn, cases[i].turn);
	}
}

static void refuses_what_is_no_server(void)
{
	static const char *const cases[] = {
		"",
		"example.org",
		"http://example.org/",
		"turn:",
		"turn::3478",
		"turn:[2001:db8::1",
		"turn:[]",
		"turn:example.org:",
		"turn:example.org:0",
		"turn:example.org:65536",
		"turn:example.org:99999999999999999999",
		"turn:example.org:12a",
		"turn:example.org/path",
		"turn:example.org?transport=sctp",
		"turn:example.org?transport=udp&x",
		"turn:[2001:db8::1]x",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_probe_options options = {0};
		const char *problem = NULL;

		CU_ASSERT_EQUAL(tp_probe_url_parse(cases[i], &options, &problem), TP_EINVAL);
		CU_ASSERT_PTR_NOT_NULL(problem);
	}
}

static void refuses_a_host_that_is_too_long(void)
{
	struct tp_probe_options options = {0};
	const char *problem = NULL;
	char url[400] = "turn:";

	memset(url + 5, 'a', TP_PROBE_HOST_MAX);
	CU_ASSERT_EQUAL(tp_probe_url_parse(url, &options, &problem), 0);
	url[5 + TP_PROBE_HOST_MAX] = 'a';
	CU_ASSERT_EQUAL(tp_probe_url_parse(url, &options, &problem), TP_EINVAL);
}

/* Words of a command line, the program's name in front; ends with NULL. */
static int parse(const char *const *words, struct tp_probe_options *options)
{
	char storage[16][64];
	char *argv[17];
	char problem[256] = "";
	int argc = 0;
	int err;

	for (; words[argc] != NULL; argc++) {
		strcpy(storage[argc], words[argc]);
		argv[argc] = storage[argc];
	}
	argv[argc] = NULL;
	err = tp_probe_options_parse(argc, argv, options, problem);
	CU_ASSERT_EQUAL(err != 0, problem[0] != 0);
	return err;
}

static void reads_options(void)
{
	static const char *const words[] = {"probe",
					    "--count",
					    "7",
					    "turn:192.0.2.1",
					    "--size",
					    "1200",
					    "--family",
					    "ipv6",
					    "--json",
					    "-4",
					    "--max-loss=3",
					    "--timeout",
					    "9",
					    "--sha256",
					    "--server-name",
					    "turn.example.net",
					    NULL};
	struct tp_probe_options options;

	CU_ASSERT_EQUAL_FATAL(parse(words, &options), 0);
	CU_ASSERT_EQUAL(options.count, 7);
	CU_ASSERT_EQUAL(options.size, 1200);
	CU_ASSERT_EQUAL(options.family, TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(options.reach, TP_FAMILY_IPV4);
	CU_ASSERT_EQUAL(options.max_loss_percent, 3);
	CU_ASSERT_EQUAL(options.timeout_ms, 9000);
	CU_ASSERT_TRUE(options.json);
	CU_ASSERT_TRUE(options.prefer_sha256);
	CU_ASSERT_FALSE(options.insecure);
	CU_ASSERT_STRING_EQUAL(options.server_name, "turn.example.net");
}

static void refuses_wrong_usage(void)
{
	static const char *const cases[][6] = {
		{"probe", NULL},
		{"probe", "turn:a", "turn:b", NULL},
		{"probe", "turn:a", "--sideways", NULL},
		{"probe", "turn:a", "--count", NULL},
		{"probe", "turn:a", "--count", "0", NULL},
		{"probe", "turn:a", "--count", "-1", NULL},
		{"probe", "turn:a", "--count", "1000001", NULL},
		{"probe", "turn:a", "--count", "7x", NULL},
		{"probe", "turn:a", "--size", "15", NULL},
		{"probe", "turn:a", "--size", "8193", NULL},
		{"probe", "turn:a", "--timeout", "0", NULL},
		{"probe", "turn:a", "--max-loss", "101", NULL},
		{"probe", "turn:a", "--family", "ipx", NULL},
		{"probe", "turn:a", "-u", "alice", NULL},
		{"probe", "turn:a", "-p", "wonderland", NULL},
		{"probe", "turn:a", "--insecure", "--ca", "ca.pem", NULL},
		{"probe", "turn:a", "-uA", "-pB", "--secret=C", NULL},
	};
	struct tp_probe_options options;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(parse(cases[i], &options), TP_EINVAL);
	}
}

TEST_SUITE("probe_options", TEST(reads_servers), TEST(refuses_what_is_no_server),
	   TEST(refuses_a_host_that_is_too_long), TEST(reads_options), TEST(refuses_wrong_usage));

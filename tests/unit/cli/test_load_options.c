/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_options.h"

#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

static int parse(const char *const *argv, struct tp_load_options *options)
{
	char *copy[20] = {NULL};
	char problem[256] = "";
	int argc = 0;
	int err;

	while (argv[argc] != NULL) {
		copy[argc] = (char *)argv[argc];
		argc++;
	}
	err = tp_load_options_parse(argc, copy, options, problem);
	CU_ASSERT_EQUAL(problem[0] == 0, err == 0); /* an error has words */
	return err;
}

static void has_the_defaults_of_the_manual(void)
{
	static const char *const argv[] = {"load", "turn:192.0.2.1", NULL};
	struct tp_load_options options;

	CU_ASSERT_EQUAL_FATAL(parse(argv, &options), 0);
	CU_ASSERT_EQUAL(options.target, TP_LOAD_TARGET_TURN);
	CU_ASSERT_EQUAL(options.transport, TP_TRANSPORT_UDP);
	CU_ASSERT_STRING_EQUAL(options.host, "192.0.2.1");
	CU_ASSERT_EQUAL(options.port, 3478);
	CU_ASSERT_EQUAL(options.mode, TP_LOAD_CHANNEL);
	CU_ASSERT_EQUAL(options.allocations, 100);
	CU_ASSERT_EQUAL(options.size, 172);
	CU_ASSERT_EQUAL(options.rate, 0);
	CU_ASSERT_EQUAL(options.seconds, 5);
	CU_ASSERT_EQUAL(options.train, 1);
	CU_ASSERT_TRUE(options.up && options.down);
	CU_ASSERT_FALSE(options.json);
	CU_ASSERT_EQUAL(options.server_pid, 0);
}

static void reads_every_option(void)
{
	static const char *const argv[] = {"load",
					   "-u",
					   "alice",
					   "-p",
					   "wonderland",
					   "--mode=send",
					   "--size",
					   "1200",
					   "--rate=20000",
					   "--seconds",
					   "7",
					   "--train=10",
					   "--json",
					   "--direction",
					   "up",
					   "--server-pid=42",
					   "--allocations=60000",
					   "turn:turn.example.org:80?transport=tcp",
					   NULL};
	struct tp_load_options options;

	CU_ASSERT_EQUAL_FATAL(parse(argv, &options), 0);
	CU_ASSERT_STRING_EQUAL(options.user, "alice");
	CU_ASSERT_STRING_EQUAL(options.password, "wonderland");
	CU_ASSERT_EQUAL(options.mode, TP_LOAD_SEND);
	CU_ASSERT_EQUAL(options.allocations, 60000);
	CU_ASSERT_EQUAL(options.size, 1200);
	CU_ASSERT_EQUAL(options.rate, 20000);
	CU_ASSERT_EQUAL(options.seconds, 7);
	CU_ASSERT_EQUAL(options.train, 10);
	CU_ASSERT_TRUE(options.up);
	CU_ASSERT_FALSE(options.down);
	CU_ASSERT_TRUE(options.json);
	CU_ASSERT_EQUAL(options.server_pid, 42);
	CU_ASSERT_EQUAL(options.transport, TP_TRANSPORT_TCP);
	CU_ASSERT_EQUAL(options.port, 80);
}

static void knows_its_modes_by_name(void)
{
	static const char *const names[] = {"channel", "send",     "hairpin",
					    "binding", "allocate", "idle"};
	struct tp_load_options options;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *argv[] = {"load", "--mode", names[i], "turn:192.0.2.1", NULL};

		CU_ASSERT_EQUAL_FATAL(parse(argv, &options), 0);
		CU_ASSERT_STRING_EQUAL(tp_load_mode_name(options.mode), names[i]);
	}
}

static void reads_targets_without_a_protocol(void)
{
	static const char *const forwarder[] = {"load", "udp:192.0.2.1:9000", NULL};
	static const char *const sink[] = {"load", "sink:[2001:db8::1]:9", NULL};
	struct tp_load_options options;

	CU_ASSERT_EQUAL_FATAL(parse(forwarder, &options), 0);
	CU_ASSERT_EQUAL(options.target, TP_LOAD_TARGET_FORWARDER);
	CU_ASSERT_EQUAL(options.port, 9000);
	CU_ASSERT_TRUE(options.up && options.down);
	CU_ASSERT_EQUAL_FATAL(parse(sink, &options), 0);
	CU_ASSERT_EQUAL(options.target, TP_LOAD_TARGET_SINK);
	CU_ASSERT_STRING_EQUAL(options.host, "2001:db8::1");
	CU_ASSERT_EQUAL(options.port, 9);
	CU_ASSERT_FALSE(options.down);
}

static void refuses_wrong_usage(void)
{
	static const char *const cases[][6] = {
		{"load", NULL},
		{"load", "turn:a", "turn:b", NULL},
		{"load", "turn:a", "--sideways", NULL},
		{"load", "turn:a", "--mode", NULL},
		{"load", "turn:a", "--mode", "fast", NULL},
		{"load", "turn:a", "--direction", "left", NULL},
		{"load", "turn:a", "--allocations", "0", NULL},
		{"load", "turn:a", "--allocations", "60001", NULL},
		{"load", "turn:a", "--size", "31", NULL},
		{"load", "turn:a", "--size", "8193", NULL},
		{"load", "turn:a", "--rate", "-1", NULL},
		{"load", "turn:a", "--rate", "7x", NULL},
		{"load", "turn:a", "--seconds", "0", NULL},
		{"load", "turn:a", "--seconds", "241", NULL},
		{"load", "turn:a", "--train", "65", NULL},
		{"load", "turn:a", "--train=60", "--size=1200", NULL},
		{"load", "turn:a", "--server-pid", "0", NULL},
		{"load", "turn:a", "--mode=hairpin", "--allocations=3", NULL},
		{"load", "turn:a", "-u", "alice", NULL},
		{"load", "turn:a", "-p", "wonderland", NULL},
		{"load", "turn:a", "-uA", "-pB", "--secret=C", NULL},
		{"load", "turns:a", NULL},
		{"load", "stun:a", NULL},
		{"load", "http://192.0.2.1/", NULL},
		{"load", "turn:a:0", NULL},
		{"load", "udp:a?transport=tcp", NULL},
		{"load", "udp:a:1", "--mode=send", NULL},
		{"load", "udp:a:65500", NULL},
		{"load", "sink:a:1", "--direction=down", NULL},
	};
	struct tp_load_options options;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(parse(cases[i], &options), TP_EINVAL);
	}
}

/* A host of that length fits no name; the copy must not cut it into another one. */
static void refuses_a_host_that_is_too_long(void)
{
	char url[1024] = "udp:";
	const char *argv[] = {"load", url, NULL};
	struct tp_load_options options;

	memset(url + 4, 'a', sizeof(url) - 5);
	CU_ASSERT_EQUAL(parse(argv, &options), TP_EINVAL);
}

static void help_needs_no_server(void)
{
	static const char *const argv[] = {"load", "--help", NULL};
	struct tp_load_options options;

	CU_ASSERT_EQUAL_FATAL(parse(argv, &options), 0);
	CU_ASSERT_TRUE(options.help);
}

TEST_SUITE("load_options", TEST(has_the_defaults_of_the_manual), TEST(reads_every_option),
	   TEST(knows_its_modes_by_name), TEST(reads_targets_without_a_protocol),
	   TEST(refuses_wrong_usage), TEST(refuses_a_host_that_is_too_long),
	   TEST(help_needs_no_server));

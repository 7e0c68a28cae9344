/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nat_options.h"

#include <string.h>

#include "support/suite.h"

#define WORDS_MAX 6

static struct tp_nat_options options;
static char problem[256];

static int parse(const char *const words[WORDS_MAX])
{
	char copies[WORDS_MAX][64];
	char *argv[WORDS_MAX + 2] = {"nat"};
	int argc = 1;

	for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++) {
		strncpy(copies[i], words[i], sizeof(copies[i]) - 1);
		copies[i][sizeof(copies[i]) - 1] = '\0';
		argv[argc++] = copies[i];
	}
	return tp_nat_options_parse(argc, argv, &options, problem);
}

static void what_is_written_is_taken(void)
{
	static const char *const words[WORDS_MAX] = {"-6", "--json", "--timeout", "7",
						     "stun:stun.example.org:3480"};
	static const char *const least[WORDS_MAX] = {"stun:192.0.2.1"};
	static const char *const tcp[WORDS_MAX] = {"stun:192.0.2.1?transport=tcp"};

	CU_ASSERT_EQUAL(parse(words), 0);
	CU_ASSERT_STRING_EQUAL(options.server.host, "stun.example.org");
	CU_ASSERT_EQUAL(options.server.port, 3480);
	CU_ASSERT_EQUAL(options.server.reach, TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(options.server.timeout_ms, 7000);
	CU_ASSERT_TRUE(options.server.json);
	CU_ASSERT_EQUAL(parse(least), 0);
	CU_ASSERT_EQUAL(options.server.port, 3478);
	CU_ASSERT_EQUAL(options.server.timeout_ms, 3000);
	CU_ASSERT_FALSE(options.server.json);
	CU_ASSERT_EQUAL(options.server.transport, TP_TRANSPORT_UDP);
	CU_ASSERT_EQUAL(parse(tcp), 0);
	CU_ASSERT_EQUAL(options.server.transport, TP_TRANSPORT_TCP);
}

static void mistakes_are_refused_with_a_sentence(void)
{
	static const char *const cases[][WORDS_MAX] = {
		{NULL},
		{"stun:a", "stun:b"},
		{"turn:a"},
		{"stuns:a"},
		{"stuns:a?transport=udp"},
		{"--timeout", "0", "stun:a"},
		{"--timeout", "61", "stun:a"},
		{"--timeout", "1x", "stun:a"},
		{"--count", "1", "stun:a"},
		{"http://a"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_NOT_EQUAL(parse(cases[i]), 0);
		CU_ASSERT_NOT_EQUAL(problem[0], '\0');
	}
}

TEST_SUITE("nat_options", TEST(what_is_written_is_taken),
	   TEST(mistakes_are_refused_with_a_sentence))

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/command.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>
#include <turnpike/test.h>

#include "support/suite.h"

static char problem[TP_PROBLEM_SIZE];
static char *output;

/* @words: separated by one blank; "" for none */
static int type(const char *plugin, const char *words)
{
	struct tp_test_host *host = tp_test_host_create(plugin, "");
	char copy[64];
	const char *argv[8];
	char *rest = copy;
	int argc = 0;
	int err;

	strcpy(copy, words);
	while (words[0] != '\0' && rest != NULL) {
		argv[argc++] = strsep(&rest, " ");
	}
	problem[0] = '\0';
	err = tp_instance_command(tp_test_instance(host), argc, argv, &output, problem);
	tp_test_host_free(&host);
	return err;
}

static void what_a_plugin_prints_is_handed_on(void)
{
	CU_ASSERT_EQUAL(type("commands", "start alice"), 0);
	CU_ASSERT_STRING_EQUAL(output, "0=start\n1=alice\n");
	free(output);
}

static void what_fails_says_why(void)
{
	CU_ASSERT_EQUAL(type("commands", ""), TP_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "commands: command of "));
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "failed: wanted a word"));
	CU_ASSERT_PTR_NULL(output);

	CU_ASSERT_EQUAL(type("commands", "fail"), TP_EIO);
	CU_ASSERT_STRING_EQUAL(output, "0=fail\n");
	free(output);

	CU_ASSERT_EQUAL(type("commands", "bare"), TP_ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, tp_error_string(TP_ENOENT)));
}

static void a_plugin_without_commands_says_so(void)
{
	CU_ASSERT_EQUAL(type("empty", "start"), TP_ENOENT);
	CU_ASSERT_STRING_EQUAL(problem, "plugin empty has no commands");
	CU_ASSERT_PTR_NULL(output);
}

static void output_has_a_ceiling(void)
{
	CU_ASSERT_EQUAL(type("commands", "flood"), 0);
	CU_ASSERT_TRUE(strlen(output) < TP_COMMAND_OUTPUT_MAX);
	CU_ASSERT_TRUE(strlen(output) > TP_COMMAND_OUTPUT_MAX - 100);
	CU_ASSERT_EQUAL(strlen(output) % 41, 0); /* whole lines */
	free(output);
}

TEST_SUITE("command", TEST(what_a_plugin_prints_is_handed_on), TEST(what_fails_says_why),
	   TEST(a_plugin_without_commands_says_so), TEST(output_has_a_ceiling));

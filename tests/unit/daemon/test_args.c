/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/args.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

#define WORDS_MAX 6

static int parse(const char *const words[WORDS_MAX], struct tp_args *args,
		 char problem[TP_ARGS_PROBLEM_SIZE])
{
	char *argv[WORDS_MAX + 2] = {"turnpike"};
	int argc = 1;

	problem[0] = 0;
	for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++) {
		argv[argc++] = (char *)words[i];
	}
	return tp_args_parse(argc, argv, args, problem);
}

static void every_action_can_be_asked_for(void)
{
	static const struct {
		const char *words[WORDS_MAX];
		struct tp_args args;
	} cases[] = {
		{{NULL}, {TP_ACTION_RUN, NULL, NULL}},
		{{"-c", "f"}, {TP_ACTION_RUN, "f", NULL}},
		{{"--config=f"}, {TP_ACTION_RUN, "f", NULL}},
		{{"-tcf"}, {TP_ACTION_CHECK, "f", NULL}},
		{{"--check"}, {TP_ACTION_CHECK, NULL, NULL}},
		{{"--plugin-help", "auth_file"}, {TP_ACTION_PLUGIN_HELP, NULL, "auth_file"}},
		{{"-c", "f", "--plugin-help=x"}, {TP_ACTION_PLUGIN_HELP, "f", "x"}},
		{{"--version"}, {TP_ACTION_VERSION, NULL, NULL}},
		{{"-h"}, {TP_ACTION_HELP, NULL, NULL}},
		{{"--help"}, {TP_ACTION_HELP, NULL, NULL}},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tp_args *wanted = &cases[i].args;
		char problem[TP_ARGS_PROBLEM_SIZE];
		struct tp_args args;

		CU_ASSERT_EQUAL_FATAL(parse(cases[i].words, &args, problem), 0);
		CU_ASSERT_EQUAL(args.action, wanted->action);
		CU_ASSERT_EQUAL(args.config_file == NULL, wanted->config_file == NULL);
		CU_ASSERT_EQUAL(args.plugin == NULL, wanted->plugin == NULL);
		if (wanted->config_file != NULL && args.config_file != NULL) {
			CU_ASSERT_STRING_EQUAL(args.config_file, wanted->config_file);
		}
		if (wanted->plugin != NULL && args.plugin != NULL) {
			CU_ASSERT_STRING_EQUAL(args.plugin, wanted->plugin);
		}
	}
}

static void what_is_wrong_is_named(void)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *sentence;
	} cases[] = {
		{{"--sideways"}, "--sideways: unknown option"},
		{{"-x"}, "-x: unknown option"},
		{{"-tx"}, "-x: unknown option"},
		{{"-c"}, "-c: an argument is missing"},
		{{"--plugin-help"}, "--plugin-help: an argument is missing"},
		{{"file"}, "file: the daemon takes options only"},
		{{"-t", "--version"}, "-t, --plugin-help, --version and --help exclude each other"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_ARGS_PROBLEM_SIZE];
		struct tp_args args;

		CU_ASSERT_EQUAL(parse(cases[i].words, &args, problem), TP_EINVAL);
		CU_ASSERT_STRING_EQUAL(problem, cases[i].sentence);
	}
}

static void the_usage_names_every_option(void)
{
	static const char *const options[] = {"-c", "-t", "--plugin-help", "--version", "--help"};
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	tp_args_usage(out);
	fclose(out);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		CU_ASSERT_PTR_NOT_NULL(strstr(text, options[i]));
	}
	free(text);
}

TEST_SUITE("args", TEST(every_action_can_be_asked_for), TEST(what_is_wrong_is_named),
	   TEST(the_usage_names_every_option));

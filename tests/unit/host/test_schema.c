/* SPDX-License-Identifier: Apache-2.0 */
#include "host/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void reads_numbers_strictly(void)
{
	static const struct {
		enum tp_option_type type;
		const char *text;
		int err;
		int64_t value;
	} cases[] = {
		{TP_OPTION_BOOL, "yes", 0, 1},
		{TP_OPTION_BOOL, "Yes", 0, 1},
		{TP_OPTION_BOOL, "true", 0, 1},
		{TP_OPTION_BOOL, "on", 0, 1},
		{TP_OPTION_BOOL, "1", 0, 1},
		{TP_OPTION_BOOL, "no", 0, 0},
		{TP_OPTION_BOOL, "false", 0, 0},
		{TP_OPTION_BOOL, "off", 0, 0},
		{TP_OPTION_BOOL, "0", 0, 0},
		{TP_OPTION_BOOL, "y", TP_EINVAL, 0},
		{TP_OPTION_BOOL, "yess", TP_EINVAL, 0},
		{TP_OPTION_BOOL, "", TP_EINVAL, 0},
		{TP_OPTION_INTEGER, "0", 0, 0},
		{TP_OPTION_INTEGER, "-7", 0, -7},
		{TP_OPTION_INTEGER, "010", 0, 10},
		{TP_OPTION_INTEGER, "9223372036854775807", 0, INT64_MAX},
		{TP_OPTION_INTEGER, "9223372036854775808", TP_ERANGE, 0},
		{TP_OPTION_INTEGER, "99999999999999999999", TP_ERANGE, 0},
		{TP_OPTION_INTEGER, "+7", TP_EINVAL, 0},
		{TP_OPTION_INTEGER, "7x", TP_EINVAL, 0},
		{TP_OPTION_INTEGER, "7 ", TP_EINVAL, 0},
		{TP_OPTION_INTEGER, " 7", TP_EINVAL, 0},
		{TP_OPTION_INTEGER, "0x10", TP_EINVAL, 0},
		{TP_OPTION_INTEGER, "1.5", TP_EINVAL, 0},
		{TP_OPTION_INTEGER, "-", TP_EINVAL, 0},
		{TP_OPTION_INTEGER, "", TP_EINVAL, 0},
		{TP_OPTION_DURATION, "90", 0, 90000},
		{TP_OPTION_DURATION, "90s", 0, 90000},
		{TP_OPTION_DURATION, "250ms", 0, 250},
		{TP_OPTION_DURATION, "15m", 0, 900000},
		{TP_OPTION_DURATION, "12h", 0, 43200000},
		{TP_OPTION_DURATION, "7d", 0, 604800000},
		{TP_OPTION_DURATION, "7w", TP_EINVAL, 0},
		{TP_OPTION_DURATION, "15 m", TP_EINVAL, 0},
		{TP_OPTION_DURATION, "15M", TP_EINVAL, 0},
		{TP_OPTION_DURATION, "-1s", TP_EINVAL, 0},
		{TP_OPTION_DURATION, "s", TP_EINVAL, 0},
		{TP_OPTION_DURATION, "9223372036854775807d", TP_ERANGE, 0},
		{TP_OPTION_SIZE, "4096", 0, 4096},
		{TP_OPTION_SIZE, "64k", 0, 65536},
		{TP_OPTION_SIZE, "16M", 0, 16777216},
		{TP_OPTION_SIZE, "2G", 0, INT64_C(2147483648)},
		{TP_OPTION_SIZE, "64kB", TP_EINVAL, 0},
		{TP_OPTION_SIZE, "-1", TP_EINVAL, 0},
		{TP_OPTION_SIZE, "9223372036854775807k", TP_ERANGE, 0},
		{TP_OPTION_RATE, "9600", 0, 9600},
		{TP_OPTION_RATE, "500k", 0, 500000},
		{TP_OPTION_RATE, "2M", 0, 2000000},
		{TP_OPTION_RATE, "1G", 0, 1000000000},
		{TP_OPTION_RATE, "1 G", TP_EINVAL, 0},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct tp_option option = {.name = "x", .type = cases[i].type, .help = "x"};
		char problem[TP_PROBLEM_SIZE];
		struct tp_value value;

		CU_ASSERT_EQUAL(tp_value_parse(&option, cases[i].text, &value, problem),
				cases[i].err);
		CU_ASSERT_EQUAL(value.set, cases[i].err == 0);
		if (value.integer != cases[i].value) {
			fprintf(stderr, "\"%s\" is %" PRId64 "\n", cases[i].text, value.integer);
			CU_FAIL("another value");
		}
		tp_value_fini(&value);
	}
}

static void ranges_hold_at_both_ends(void)
{
	const struct tp_option option = {
		.name = "x",
		.type = TP_OPTION_DURATION,
		.help = "x",
		.min = 1000,
		.max = 60000,
	};
	char problem[TP_PROBLEM_SIZE];
	struct tp_value value;

	CU_ASSERT_EQUAL(tp_value_parse(&option, "999ms", &value, problem), TP_ERANGE);
	CU_ASSERT_STRING_EQUAL(problem, "999ms is not within 1000 to 60000 ms");
	CU_ASSERT_EQUAL(tp_value_parse(&option, "1s", &value, problem), 0);
	CU_ASSERT_EQUAL(tp_value_parse(&option, "1m", &value, problem), 0);
	CU_ASSERT_EQUAL(tp_value_parse(&option, "61s", &value, problem), TP_ERANGE);
}

static int parse(enum tp_option_type type, const char *text, struct tp_value *value)
{
	static const char *const choices[] = {"red", "green", NULL};
	const struct tp_option option = {
		.name = "x",
		.type = type,
		.help = "x",
		.choices = choices,
	};
	char problem[TP_PROBLEM_SIZE];

	return tp_value_parse(&option, text, value, problem);
}

static void reads_texts(void)
{
	struct tp_value value;

	CU_ASSERT_EQUAL_FATAL(parse(TP_OPTION_STRING, "a = b", &value), 0);
	CU_ASSERT_STRING_EQUAL(value.string, "a = b");
	tp_value_fini(&value);
	CU_ASSERT_EQUAL_FATAL(parse(TP_OPTION_STRING, "", &value), 0);
	CU_ASSERT_STRING_EQUAL(value.string, "");
	tp_value_fini(&value);
	CU_ASSERT_EQUAL_FATAL(parse(TP_OPTION_PATH, "/etc/turnpike/users", &value), 0);
	CU_ASSERT_STRING_EQUAL(value.string, "/etc/turnpike/users");
	tp_value_fini(&value);
	CU_ASSERT_EQUAL(parse(TP_OPTION_PATH, "users", &value), TP_EINVAL);
	CU_ASSERT_EQUAL(parse(TP_OPTION_PATH, "", &value), TP_EINVAL);
	CU_ASSERT_EQUAL(parse(TP_OPTION_SECRET, "", &value), TP_EINVAL);
	CU_ASSERT_EQUAL_FATAL(parse(TP_OPTION_ENUM, "green", &value), 0);
	CU_ASSERT_EQUAL(value.integer, 1);
	CU_ASSERT_STRING_EQUAL(value.string, "green");
	tp_value_fini(&value);
	CU_ASSERT_EQUAL(parse(TP_OPTION_ENUM, "Green", &value), TP_EINVAL);
	CU_ASSERT_EQUAL_FATAL(parse(TP_OPTION_ADDRESS, "[2001:db8::1]:3478", &value), 0);
	CU_ASSERT_EQUAL(value.addr.port, 3478);
	tp_value_fini(&value);
	CU_ASSERT_EQUAL(parse(TP_OPTION_ADDRESS, "turn.example.org", &value), TP_EINVAL);
}

static void reads_lists(void)
{
	struct tp_value value;

	CU_ASSERT_EQUAL_FATAL(parse(TP_OPTION_LIST, "  a, b\tc,,d ", &value), 0);
	CU_ASSERT_EQUAL_FATAL(value.word_count, 4);
	CU_ASSERT_STRING_EQUAL(value.words[0], "a");
	CU_ASSERT_STRING_EQUAL(value.words[3], "d");
	CU_ASSERT_PTR_NULL(value.words[4]);
	tp_value_fini(&value);
	CU_ASSERT_EQUAL_FATAL(parse(TP_OPTION_LIST, " , ", &value), 0);
	CU_ASSERT_EQUAL(value.word_count, 0);
	tp_value_fini(&value);
	CU_ASSERT_EQUAL_FATAL(parse(TP_OPTION_PREFIXES, "192.0.2.0/24 2001:db8::/32", &value), 0);
	CU_ASSERT_EQUAL(value.word_count, 2);
	tp_value_fini(&value);
	CU_ASSERT_EQUAL(parse(TP_OPTION_PREFIXES, "192.0.2.0/24 192.0.2.1/24", &value), TP_EINVAL);
	CU_ASSERT_EQUAL(value.word_count, 0);
}

static void a_list_has_a_ceiling(void)
{
	char text[2 * 4097 + 1];
	struct tp_value value;

	for (size_t i = 0; i < 4097; i++) {
		memcpy(text + 2 * i, "w ", 2);
	}
	text[2 * 4097] = '\0';
	CU_ASSERT_EQUAL(parse(TP_OPTION_LIST, text, &value), TP_ERANGE);
	text[2 * 4096] = '\0';
	CU_ASSERT_EQUAL(parse(TP_OPTION_LIST, text, &value), 0);
	tp_value_fini(&value);
}

/* --- sections --------------------------------------------------------------------- */

static const struct tp_option options[] = {
	{.name = "users", .type = TP_OPTION_PATH, .help = "the file", .flags = TP_OPTION_REQUIRED},
	{.name = "deny_peer", .type = TP_OPTION_PREFIXES, .help = "networks"},
	{.name = "limit",
	 .type = TP_OPTION_INTEGER,
	 .help = "users",
	 .default_value = "10",
	 .min = 1,
	 .max = 20,
	 .unit = "users",
	 .flags = TP_OPTION_RELOADABLE},
	{.name = "key", .type = TP_OPTION_SECRET, .help = "the key", .default_value = "hush"},
	{.name = NULL},
};

static int apply(const struct tp_setting *settings, size_t count, struct tp_value values[4],
		 char problem[TP_PROBLEM_SIZE])
{
	problem[0] = '\0';
	return tp_schema_apply(options, "plugin.x", "/etc/t.conf", settings, count, values,
			       problem);
}

static void fini(struct tp_value values[4])
{
	for (size_t i = 0; i < 4; i++) {
		tp_value_fini(&values[i]);
	}
}

static void defaults_fill_what_is_not_written(void)
{
	static const struct tp_setting settings[] = {{"users", "/u", 3}};
	char problem[TP_PROBLEM_SIZE];
	struct tp_value values[4];

	CU_ASSERT_EQUAL_FATAL(apply(settings, 1, values, problem), 0);
	CU_ASSERT_STRING_EQUAL(values[0].string, "/u");
	CU_ASSERT_FALSE(values[1].set);
	CU_ASSERT_EQUAL(values[2].integer, 10);
	CU_ASSERT_STRING_EQUAL(values[3].string, "hush");
	fini(values);
}

static void problems_name_file_line_section_and_key(void)
{
	static const struct {
		struct tp_setting settings[2];
		size_t count;
		const char *problem;
	} cases[] = {
		{{{"users", "/u", 3}, {"deny_pear", "x", 4}},
		 2,
		 "/etc/t.conf:4: [plugin.x] deny_pear: unknown key; did you mean \"deny_peer\"?"},
		{{{"users", "/u", 3}, {"colour", "x", 4}},
		 2,
		 "/etc/t.conf:4: [plugin.x] colour: unknown key"},
		{{{"users", "/u", 3}, {"users", "/v", 9}},
		 2,
		 "/etc/t.conf:9: [plugin.x] users: stands here a second time"},
		{{{"limit", "1", 3}}, 1, "/etc/t.conf: [plugin.x] users: is required and missing"},
		{{{"users", "/u", 3}, {"limit", "21", 4}},
		 2,
		 "/etc/t.conf:4: [plugin.x] limit: 21 is not within 1 to 20 users"},
		{{{"users", "u", 3}},
		 1,
		 "/etc/t.conf:3: [plugin.x] users: \"u\" is no absolute path"},
		{{{"users", "/u", 3}, {"deny_peer", "192.0.2.1/24", 0}},
		 2,
		 "/etc/t.conf: [plugin.x] deny_peer: \"192.0.2.1/24\" is no IP network"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char problem[TP_PROBLEM_SIZE];
		struct tp_value values[4];

		CU_ASSERT_NOT_EQUAL(apply(cases[i].settings, cases[i].count, values, problem), 0);
		CU_ASSERT_STRING_EQUAL(problem, cases[i].problem);
		for (size_t j = 0; j < 4; j++) {
			CU_ASSERT_FALSE(values[j].set);
		}
	}
}

static void a_secret_is_in_no_sentence(void)
{
	static const struct tp_setting settings[] = {
		{"users", "/u", 3}, {"key", "correct horse", 4}, {"key", "correct horse", 5}};
	char problem[TP_PROBLEM_SIZE];
	struct tp_value values[4];

	CU_ASSERT_EQUAL(apply(settings, 3, values, problem), TP_EINVAL);
	CU_ASSERT_PTR_NULL(strstr(problem, "horse"));
}

static void an_empty_table_takes_no_key(void)
{
	static const struct tp_setting settings[] = {{"users", "/u", 3}};
	char problem[TP_PROBLEM_SIZE];

	CU_ASSERT_EQUAL(tp_option_count(NULL), 0);
	CU_ASSERT_EQUAL(tp_schema_apply(NULL, "s", "f", NULL, 0, NULL, problem), 0);
	CU_ASSERT_EQUAL(tp_schema_apply(NULL, "s", "f", settings, 1, NULL, problem), TP_EINVAL);
}

static void checks_the_tables_of_plugins(void)
{
	static const char *const none[] = {NULL};
	static const struct {
		struct tp_option option;
		const char *problem;
	} cases[] = {
		{{.name = "Limit", .help = "x"},
		 "f: option \"Limit\" has a name that is not of a-z, 0-9 and _"},
		{{.name = "", .help = "x"},
		 "f: option \"\" has a name that is not of a-z, 0-9 and _"},
		{{.name = "a", .type = (enum tp_option_type)12, .help = "x"},
		 "f: option \"a\" has an unknown type"},
		{{.name = "a"}, "f: option \"a\" has no help line"},
		{{.name = "a", .type = TP_OPTION_ENUM, .help = "x"},
		 "f: option \"a\" has no choices"},
		{{.name = "a", .type = TP_OPTION_ENUM, .help = "x", .choices = none},
		 "f: option \"a\" has no choices"},
		{{.name = "users", .help = "x"}, "f: option \"users\" is declared twice"},
	};
	char problem[TP_PROBLEM_SIZE];

	CU_ASSERT_EQUAL(tp_schema_check(options, "f", problem), 0);
	CU_ASSERT_EQUAL(tp_schema_check(NULL, "f", problem), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct tp_option table[] = {options[0], cases[i].option, {.name = NULL}};

		CU_ASSERT_EQUAL(tp_schema_check(table, "f", problem), TP_EINVAL);
		CU_ASSERT_STRING_EQUAL(problem, cases[i].problem);
	}
}

static void prints_every_option_but_no_secret(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	tp_schema_print(options, out);
	fclose(out);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "users\n\tthe file\n\tabsolute path; required; needs a restart\n"));
	CU_ASSERT_PTR_NOT_NULL(
		strstr(text, "limit\n\tusers\n\tinteger, 1 to 20 users; default 10; reloadable\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "key\n"));
	CU_ASSERT_PTR_NULL(strstr(text, "hush"));
	free(text);
}

static void the_nearest_word_is_a_slip_away(void)
{
	static const char *const words[] = {"realm", "plugins", "workers", "ip"};
	static const struct {
		const char *word;
		const char *nearest;
	} cases[] = {
		{"relam", "realm"},
		{"plugin", "plugins"},
		{"workres", "workers"},
		{"wrokesr", "workers"},
		{"pi", "ip"},
		{"zzzz", NULL},
		{"", NULL},
		{"x", NULL},
		{"realm", "realm"},
	};
	char overlong[200];

	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *nearest = tp_nearest(cases[i].word, words, COUNT(words));

		if (cases[i].nearest == NULL) {
			CU_ASSERT_PTR_NULL(nearest);
		} else {
			CU_ASSERT_PTR_NOT_NULL_FATAL(nearest);
			CU_ASSERT_STRING_EQUAL(nearest, cases[i].nearest);
		}
	}
	memset(overlong, 'a', sizeof(overlong) - 1);
	overlong[sizeof(overlong) - 1] = '\0';
	CU_ASSERT_PTR_NULL(tp_nearest(overlong, words, COUNT(words)));
}

TEST_SUITE("schema", TEST(reads_numbers_strictly), TEST(ranges_hold_at_both_ends),
	   TEST(reads_texts), TEST(reads_lists), TEST(a_list_has_a_ceiling),
	   TEST(defaults_fill_what_is_not_written), TEST(problems_name_file_line_section_and_key),
	   TEST(a_secret_is_in_no_sentence), TEST(an_empty_table_takes_no_key),
	   TEST(checks_the_tables_of_plugins), TEST(prints_every_option_but_no_secret),
	   TEST(the_nearest_word_is_a_slip_away));

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

/* Splits a copy. Words are written with '|' between them. */
static int split(const char *line, char out[256])
{
	char *words[TP_CONTROL_WORDS_MAX];
	char *copy = strdup(line);
	size_t count = 0;
	int err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
	err = tp_control_split(copy, words, &count);
	out[0] = '\0';
	for (size_t i = 0; err == 0 && i < count; i++) {
		strcat(strcat(out, i == 0 ? "" : "|"), words[i]);
	}
	free(copy);
	return err;
}

static void splits_a_line_into_words(void)
{
	static const struct {
		const char *line;
		const char *words;
	} cases[] = {
		{"", ""},
		{"   ", ""},
		{"status", "status"},
		{"  log   level  debug ", "log|level|debug"},
		{"plugin do tap \"two words\" x", "plugin|do|tap|two words|x"},
		{"a \"\" b", "a||b"},
		{"\"say \\\"no\\\" \\\\ \\n\"", "say \"no\" \\ \\n"},
		{"caf\xc3\xa9 \xff", "caf\xc3\xa9|\xff"},
		{"a\\b", "a\\b"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char words[256];

		CU_ASSERT_EQUAL(split(cases[i].line, words), 0);
		CU_ASSERT_STRING_EQUAL(words, cases[i].words);
	}
}

static void refuses_lines_that_mean_nothing(void)
{
	static const char *const lines[] = {
		"\"", "\"open", "\"a\\\"", "a\"b\"", "\"a\"b", "a\tb", "\x1b[0m", "a\x7f",
	};
	char words[256];

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		CU_ASSERT_EQUAL(split(lines[i], words), TP_EINVAL);
	}
}

static void counts_the_words(void)
{
	char line[2 * TP_CONTROL_WORDS_MAX + 3] = "";
	char words[256];

	for (size_t i = 0; i < TP_CONTROL_WORDS_MAX; i++) {
		strcat(line, "a ");
	}
	CU_ASSERT_EQUAL(split(line, words), 0);
	strcat(line, "a");
	CU_ASSERT_EQUAL(split(line, words), TP_ERANGE);
}

static void finds_the_verb(void)
{
	char *words[] = {"plugin", "reload", "tap"};
	char *other[] = {"plugin"};
	size_t own;
	const struct tp_control_verb *verb = tp_control_find(words, 3, &own);

	CU_ASSERT_PTR_NOT_NULL_FATAL(verb);
	CU_ASSERT_STRING_EQUAL(verb->words, "plugin reload");
	CU_ASSERT_EQUAL(own, 2);
	CU_ASSERT_PTR_NULL(tp_control_find(other, 1, &own));
	CU_ASSERT_PTR_NULL(tp_control_find(other, 0, &own));
}

/* "This list." of "this list" */
static void as_sentence(const char *help, char out[256])
{
	snprintf(out, 256, "\n%c%s.\n", toupper((unsigned char)help[0]), help + 1);
}

/* man/turnpikectl.8 has each verb, and what it does in the same words. */
static void the_manual_has_every_verb(void)
{
	char *page = calloc(1, 100000);
	FILE *file = fopen("man/turnpikectl.8", "r");
	size_t rows = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(page);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_NOT_EQUAL(fread(page, 1, 99999, file), 0);
	fclose(file);
	for (const struct tp_control_verb *verb = tp_control_verbs; verb->words != NULL; verb++) {
		char row[256];
		const char *found;

		snprintf(row, sizeof(row), "\n.It Cm %s%s", verb->words,
			 verb->arguments[0] == '\0' ? "\n" : " ");
		found = strstr(page, row);
		CU_ASSERT_PTR_NOT_NULL_FATAL(found);
		as_sentence(verb->help, row);
		CU_ASSERT_PTR_EQUAL(strstr(found, row), strchr(found + 1, '\n'));
		rows++;
	}
	for (const char *at = page; (at = strstr(at, "\n.It Cm ")) != NULL; at++) {
		/* turnpikectl's own, made of "plugin do" */
		rows -= strncmp(at, "\n.It Cm user ", 13) != 0;
	}
	CU_ASSERT_EQUAL(rows, 0);
	free(page);
}

static void text_of_any_bytes_is_json(void)
{
	static const struct {
		const char *bytes;
		const char *text;
	} cases[] = {
		{"alice", "alice"},
		{"caf\xc3\xa9", "caf\xc3\xa9"},
		{"a\xff"
		 "b",
		 "a\xef\xbf\xbd"
		 "b"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *json = tp_control_text(cases[i].bytes);

		CU_ASSERT_PTR_NOT_NULL_FATAL(json);
		CU_ASSERT_STRING_EQUAL(json_string_value(json), cases[i].text);
		json_decref(json);
	}
}

TEST_SUITE("control", TEST(splits_a_line_into_words), TEST(refuses_lines_that_mean_nothing),
	   TEST(counts_the_words), TEST(finds_the_verb), TEST(the_manual_has_every_verb),
	   TEST(text_of_any_bytes_is_json));

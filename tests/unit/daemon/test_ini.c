/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ini.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

static int scan(const char *text, struct tp_ini *ini, char problem[TP_PROBLEM_SIZE])
{
	problem[0] = 0;
	return tp_ini_scan(text, strlen(text), "f", problem, ini);
}

static const char *value_of(const struct tp_ini *ini, const char *section, const char *key)
{
	const struct tp_setting *setting = tp_ini_setting(tp_ini_section(ini, section), key);

	return setting == NULL ? NULL : setting->value;
}

static void sections_keys_values_and_lines_are_found(void)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_ini ini;

	CU_ASSERT_EQUAL_FATAL(scan("# comment\n"
				   "; comment\n"
				   "\n"
				   "[turnpike]\r\n"
				   "  realm =  turn.example.org  \n"
				   "[plugin.auth_file]\n"
				   "users=/etc/users",
				   &ini, problem),
			      0);
	CU_ASSERT_EQUAL(ini.section_count, 2);
	CU_ASSERT_STRING_EQUAL(value_of(&ini, "turnpike", "realm"), "turn.example.org");
	CU_ASSERT_STRING_EQUAL(value_of(&ini, "plugin.auth_file", "users"), "/etc/users");
	CU_ASSERT_EQUAL(tp_ini_section(&ini, "plugin.auth_file")->line, 6);
	CU_ASSERT_EQUAL(tp_ini_setting(tp_ini_section(&ini, "turnpike"), "realm")->line, 5);
	CU_ASSERT_PTR_NULL(tp_ini_section(&ini, "relay"));
	CU_ASSERT_PTR_NULL(tp_ini_setting(NULL, "realm"));
	tp_ini_fini(&ini);
}

static void values_are_taken_as_meant(void)
{
	static const struct {
		const char *written;
		const char *meant;
	} cases[] = {
		{"a b", "a b"},
		{"a # comment", "a"},
		{"a ; comment # more", "a"},
		{"# comment", ""},
		{"", ""},
		{"\"a#b;c\"", "a#b;c"},
		{"'a \"b\"'", "a \"b\""},
		{"\"  kept  \" # comment", "  kept  "},
		{"\"\"", ""},
		{"a\"b", "a\"b"},
		{"a = b", "a = b"},
		{"h\xc3\xa9", "h\xc3\xa9"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_PROBLEM_SIZE];
		char text[100];
		struct tp_ini ini;

		snprintf(text, sizeof(text), "[s]\nk = %s\n", cases[i].written);
		CU_ASSERT_EQUAL_FATAL(scan(text, &ini, problem), 0);
		CU_ASSERT_STRING_EQUAL(value_of(&ini, "s", "k"), cases[i].meant);
		tp_ini_fini(&ini);
	}
}

static void mistakes_are_named_with_their_place(void)
{
	static const struct {
		const char *text;
		const char *sentence;
	} cases[] = {
		{"[s]\nk = turn#example\n",
		 "f:2: [s] k: put a value with '#' in quotes; for a comment, leave a blank on both "
		 "sides of it"},
		{"[s]\nk = a ;b\n",
		 "f:2: [s] k: put a value with ';' in quotes; for a comment, leave a blank on both "
		 "sides of it"},
		{"[s]\nk = 1\nk = 2\n", "f:3: [s] k: the key is there already, in line 2"},
		{"[s]\n[t]\n\n[s]\n", "f:4: [s]: the section is there already, in line 1"},
		{"k = 1\n", "f:1: k: the key stands before the first [section]"},
		{"[s]\nword\n", "f:2: neither \"[section]\" nor \"key = value\""},
		{"[s]\n= 1\n", "f:2: [s]: a key is missing before '='"},
		{"[s]\nKey = 1\n", "f:2: [s] Key: keys are lower-case letters, digits and '_'"},
		{"[s]\na:b = 1\n", "f:2: [s] a:b: keys are lower-case letters, digits and '_'"},
		{"[plugin:x]\n", "f:1: [plugin:x]: names of sections are lower-case letters, "
				 "digits, '_' and '.'"},
		{"[S]\n",
		 "f:1: [S]: names of sections are lower-case letters, digits, '_' and '.'"},
		{"[]\n", "f:1: a section needs a name"},
		{"[s\n", "f:1: ']' is missing after the name of the section"},
		{"[s] # comment\n", "f:1: [s]: nothing may follow on the same line"},
		{"[s]\nk = \"a\n", "f:2: [s] k: the closing \" is missing"},
		{"[s]\nk = '\n", "f:2: [s] k: the closing ' is missing"},
		{"[s]\nk = \"a\" b\n", "f:2: [s] k: text follows the closing \""},
		{"[s]\nk = a\\\n", "f:2: a line must not end with a backslash"},
		{"# a\\\n[s]\n", "f:1: a line must not end with a backslash"},
		{"[s]\nk = a\x01\n", "f:2: control byte 0x01 in the line"},
		{"[s]\nk = a\rb\n", "f:2: control byte 0x0d in the line"},
		{"\xef\xbb\xbf[s]\n",
		 "f:1: the file begins with a byte-order mark; save it without"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_PROBLEM_SIZE];
		struct tp_ini ini;

		CU_ASSERT_EQUAL(scan(cases[i].text, &ini, problem), TP_EINVAL);
		CU_ASSERT_STRING_EQUAL(problem, cases[i].sentence);
		tp_ini_fini(&ini);
	}
}

static void a_nul_byte_is_refused(void)
{
	static const char text[] = "[s]\nk = a\0b\n";
	char problem[TP_PROBLEM_SIZE];
	struct tp_ini ini;

	CU_ASSERT_EQUAL(tp_ini_scan(text, sizeof(text) - 1, "f", problem, &ini), TP_EINVAL);
	CU_ASSERT_STRING_EQUAL(problem, "f:2: control byte 0x00 in the line");
	tp_ini_fini(&ini);
}

static void a_line_has_at_most_1000_bytes(void)
{
	char problem[TP_PROBLEM_SIZE];
	char text[TP_INI_LINE_MAX + 20];
	struct tp_ini ini;

	memset(text, 'a', sizeof(text));
	memcpy(text, "[s]\nk=", 6);
	CU_ASSERT_EQUAL(tp_ini_scan(text, 4 + TP_INI_LINE_MAX, "f", problem, &ini), 0);
	tp_ini_fini(&ini);
	CU_ASSERT_EQUAL(tp_ini_scan(text, 5 + TP_INI_LINE_MAX, "f", problem, &ini), TP_EINVAL);
	CU_ASSERT_STRING_EQUAL(problem, "f:2: the line is longer than 1000 bytes");
	tp_ini_fini(&ini);
}

static void a_file_has_at_most_a_mebibyte(void)
{
	char problem[TP_PROBLEM_SIZE];
	char *text = malloc(TP_INI_SIZE_MAX + 1);
	struct tp_ini ini;

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	memset(text, '\n', TP_INI_SIZE_MAX + 1);
	CU_ASSERT_EQUAL(tp_ini_scan(text, TP_INI_SIZE_MAX, "f", problem, &ini), 0);
	tp_ini_fini(&ini);
	CU_ASSERT_EQUAL(tp_ini_scan(text, TP_INI_SIZE_MAX + 1, "f", problem, &ini), TP_EINVAL);
	CU_ASSERT_STRING_EQUAL(problem, "f:1: the file is longer than 1048576 bytes");
	tp_ini_fini(&ini);
	free(text);
}

static void a_long_file_name_leaves_room_for_the_sentence(void)
{
	char problem[TP_PROBLEM_SIZE];
	char file[600];
	struct tp_ini ini;

	memset(file, 'f', sizeof(file));
	file[sizeof(file) - 1] = 0;
	CU_ASSERT_EQUAL(tp_ini_scan("word\n", 5, file, problem, &ini), TP_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, ":1: neither"));
	tp_ini_fini(&ini);
}

TEST_SUITE("ini", TEST(sections_keys_values_and_lines_are_found), TEST(values_are_taken_as_meant),
	   TEST(mistakes_are_named_with_their_place), TEST(a_nul_byte_is_refused),
	   TEST(a_line_has_at_most_1000_bytes), TEST(a_file_has_at_most_a_mebibyte),
	   TEST(a_long_file_name_leaves_room_for_the_sentence));

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/turnpikectl_user.h"
#include "support/suite.h"

static char user[] = "user";
static char add[] = "add";
static char delete[] = "delete";
static char list[] = "list";
static char alice[] = "alice";
static char realm[] = "example.org";

static bool says(const struct tp_ctl_user *made, const char *want)
{
	char text[256] = "";

	for (size_t i = 0; i < made->count; i++) {
		strcat(text, i == 0 ? "" : " ");
		strcat(text, made->words[i]);
	}
	if (strcmp(text, want) != 0) {
		printf("\"%s\" in place of \"%s\"\n", text, want);
	}
	return strcmp(text, want) == 0;
}

static void requests_become_the_plugin_s(void)
{
	struct tp_ctl_user made;
	char *words[] = {user, delete, alice, realm};

	CU_ASSERT_TRUE(tp_ctl_is_user(words, 4));
	CU_ASSERT_FALSE(tp_ctl_is_user(words + 1, 3));
	CU_ASSERT_FALSE(tp_ctl_is_user(words, 0));
	CU_ASSERT_PTR_NULL(tp_ctl_user_make(words, 4, &made));
	CU_ASSERT_TRUE(says(&made, "plugin do auth_sql user delete alice example.org"));
	words[1] = list;
	CU_ASSERT_PTR_NULL(tp_ctl_user_make(words, 2, &made));
	CU_ASSERT_TRUE(says(&made, "plugin do auth_sql user list"));
}

static void too_few_or_many_words_are_refused(void)
{
	struct tp_ctl_user made;
	char *words[] = {user, add, alice, realm, realm};

	CU_ASSERT_PTR_NOT_NULL(tp_ctl_user_make(words, 1, &made));
	CU_ASSERT_PTR_NOT_NULL(tp_ctl_user_make(words, 2, &made));
	CU_ASSERT_PTR_NOT_NULL(tp_ctl_user_make(words, 5, &made));
}

static void a_password_is_a_line_of_the_standard_input(void)
{
	static const char lines[] = "north of here\nmore\n";
	char *words[] = {user, add, alice, realm};
	struct tp_ctl_user made;
	int before = dup(STDIN_FILENO);
	int ends[2];

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	CU_ASSERT_EQUAL(write(ends[1], lines, strlen(lines)), (ssize_t)strlen(lines));
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	CU_ASSERT_PTR_NULL(tp_ctl_user_make(words, 4, &made));
	CU_ASSERT_TRUE(says(&made, "plugin do auth_sql user add alice north of here example.org"));
	tp_ctl_user_wipe(&made);
	CU_ASSERT_EQUAL(made.password[0], '\0');
	dup2(before, STDIN_FILENO);
	close(before);
}

TEST_SUITE("turnpikectl_user", TEST(requests_become_the_plugin_s),
	   TEST(too_few_or_many_words_are_refused),
	   TEST(a_password_is_a_line_of_the_standard_input));

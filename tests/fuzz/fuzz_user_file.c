/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#include "../../plugins/auth_file/user_file.h"

/*
 * The users' file of auth_file: whatever the bytes, there is a table in which
 * every user is found, or a sentence that names the line.
 */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void check_table(struct user_table *users)
{
	static const uint8_t nobody[USERHASH_SIZE];
	size_t count = user_table_count(users);

	tp_assert(user_table_find(users, "\xff no such name \xff") == NULL);
	tp_assert(user_table_hash(users, "example.org") == 0);
	tp_assert(user_table_is_hashed(users, "example.org"));
	tp_assert(user_table_find_hash(users, "example.org", nobody) == NULL);
	tp_assert(count <= USERS_MAX);
}

/* What a line told is within its limits. */
static void check_user(struct user_table *users)
{
	const struct user *user = user_table_find(users, "alice");

	if (user != NULL) {
		tp_assert(strcmp(user->name, "alice") == 0);
		tp_assert(user->line >= 1);
		tp_assert(user->password != NULL || user->has_md5 || user->has_sha256);
		tp_assert(user->password == NULL || user->password[0] != '\0');
		tp_assert(user->max_allocations <= USER_ALLOCATIONS_MAX);
		tp_assert(user->max_lifetime_s <= USER_LIFETIME_MAX_S);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char problem[USER_FILE_PROBLEM_SIZE] = "";
	struct user_table *users = NULL;
	char *copy = malloc(len + 1);

	tp_assert(copy != NULL);
	if (len > 0) {
		memcpy(copy, bytes, len);
	}
	if (user_file_parse("users", copy, len, problem, &users) == 0) {
		check_table(users);
		check_user(users);
		user_table_unref(&users);
	} else {
		tp_assert(users == NULL);
		tp_assert(strncmp(problem, "users:", 6) == 0);
	}
	free(copy);
	return 0;
}

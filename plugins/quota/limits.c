/* SPDX-License-Identifier: Apache-2.0 */
#include "limits.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#define LINE_MAX_BYTES 1024

struct user {
	char *name;
	unsigned line;
	struct limits limits;
};

struct user_limits {
	struct user *users;
	size_t count;
	size_t room;
};

static const struct {
	const char *name;
	size_t offset;
	uint64_t kilo; /* what k stands for */
} keys[] = {
	{"allocations", offsetof(struct limits, allocations), 1000},
	{"new_per_minute", offsetof(struct limits, new_per_minute), 1000},
	{"bits_per_s", offsetof(struct limits, bits_per_s), 1000},
	{"user_bits_per_s", offsetof(struct limits, user_bits_per_s), 1000},
	{"packets_per_s", offsetof(struct limits, packets_per_s), 1000},
	{"bytes_per_day", offsetof(struct limits, bytes_per_day), 1024},
	{"bytes_per_month", offsetof(struct limits, bytes_per_month), 1024},
};

/* --- a line ------------------------------------------------------------------------- */

/* 500, 500k, 2M, 1G or 1T. */
static bool parse_number(const char *text, uint64_t kilo, uint64_t *out)
{
	static const char suffixes[] = "kMGT";
	const char *suffix;
	uint64_t value = 0;

	if (*text < '0' || *text > '9') {
		return false;
	}
	for (; *text >= '0' && *text <= '9'; text++) {
		if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value)) {
			return false;
		}
	}
	*out = value;
	if (*text == '\0') {
		return true;
	}
	suffix = strchr(suffixes, *text);
	if (suffix == NULL || text[1] != '\0') {
		return false;
	}
	for (const char *step = suffixes; step <= suffix; step++) {
		if (__builtin_mul_overflow(*out, kilo, out)) {
			return false;
		}
	}
	return *out <= INT64_MAX;
}

static int set_limit(struct limits *limits, const char *word)
{
	const char *equals = strchr(word, '=');

	for (size_t i = 0; equals != NULL && i < sizeof(keys) / sizeof(keys[0]); i++) {
		uint64_t value = 0;

		if (strlen(keys[i].name) != (size_t)(equals - word) ||
		    strncmp(keys[i].name, word, (size_t)(equals - word)) != 0) {
			continue;
		}
		if (strcmp(equals + 1, "none") != 0 &&
		    (!parse_number(equals + 1, keys[i].kilo, &value) || value == 0)) {
			return TP_EINVAL;
		}
		memcpy((char *)limits + keys[i].offset, &value, sizeof(value));
		return 0;
	}
	return TP_EINVAL;
}

static struct user *add_user(struct user_limits *users)
{
	size_t room = users->room == 0 ? 64 : users->room * 2;
	struct user *grown;

	if (users->count == users->room) {
		grown = realloc(users->users, room * sizeof(*grown));
		if (grown == NULL) {
			return NULL;
		}
		users->users = grown;
		users->room = room;
	}
	return &users->users[users->count];
}

static int add_line(struct user_limits *users, char *line, unsigned number,
		    const struct limits *others, const char **problem)
{
	static const char blanks[] = " \t\r\n";
	char *rest = line;
	char *word = strtok_r(line, blanks, &rest);
	struct user *user;

	if (word == NULL || word[0] == '#') {
		return 0;
	}
	*problem = "out of memory";
	user = users->count < LIMITS_USERS_MAX ? add_user(users) : NULL;
	if (user == NULL) {
		*problem = users->count < LIMITS_USERS_MAX ? *problem : "more than 100000 users";
		return users->count < LIMITS_USERS_MAX ? TP_ENOMEM : TP_EFULL;
	}
	*user = (struct user){.name = strdup(word), .line = number, .limits = *others};
	if (user->name == NULL) {
		return TP_ENOMEM;
	}
	users->count++;
	*problem = "no limit such as allocations=5 or bytes_per_day=2G";
	while ((word = strtok_r(NULL, blanks, &rest)) != NULL) {
		if (set_limit(&user->limits, word) != 0) {
			return TP_EINVAL;
		}
	}
	return 0;
}

/* --- the file ------------------------------------------------------------------------- */

static int compare_users(const void *a, const void *b)
{
	return strcmp(((const struct user *)a)->name, ((const struct user *)b)->name);
}

static int sort_users(struct user_limits *users, const char *path, char *problem)
{
	if (users->count != 0) {
		qsort(users->users, users->count, sizeof(*users->users), compare_users);
	}
	for (size_t i = 1; i < users->count; i++) {
		const struct user *a = &users->users[i - 1];
		const struct user *b = &users->users[i];

		if (compare_users(a, b) == 0) {
			snprintf(problem, LIMITS_PROBLEM_SIZE, "%s:%u: the user is in line %u, too",
				 path, a->line > b->line ? a->line : b->line,
				 a->line > b->line ? b->line : a->line);
			return TP_EEXIST;
		}
	}
	return 0;
}

/* Returns 1 with a line, 0 at the end, TP_EINVAL for one that is no text or too long. */
static int read_line(FILE *file, char line[LINE_MAX_BYTES])
{
	size_t len = 0;
	int byte;

	while ((byte = getc(file)) != EOF && byte != '\n') {
		if (byte == '\0' || len == LINE_MAX_BYTES - 1) {
			return TP_EINVAL;
		}
		line[len++] = (char)byte;
	}
	line[len] = '\0';
	return byte != EOF || len > 0;
}

static int read_lines(FILE *file, const char *path, const struct limits *others,
		      struct user_limits *users, char *problem)
{
	const char *sentence = "longer than 1023 bytes, or no text";
	char line[LINE_MAX_BYTES];
	unsigned number = 0;
	int err;

	while ((err = read_line(file, line)) > 0) {
		number++;
		err = add_line(users, line, number, others, &sentence);
		if (err != 0) {
			number--;
			break;
		}
	}
	if (err < 0) {
		snprintf(problem, LIMITS_PROBLEM_SIZE, "%s:%u: %s", path, number + 1, sentence);
		return err;
	}
	if (ferror(file)) {
		snprintf(problem, LIMITS_PROBLEM_SIZE, "%s cannot be read", path);
		return TP_EIO;
	}
	return sort_users(users, path, problem);
}

int user_limits_read(const char *path, const struct limits *others, struct user_limits **out,
		     char problem[LIMITS_PROBLEM_SIZE])
{
	struct user_limits *users = calloc(1, sizeof(*users));
	FILE *file = fopen(path, "re");
	int err = TP_ENOENT;

	snprintf(problem, LIMITS_PROBLEM_SIZE, "%s cannot be read", path);
	if (users == NULL) {
		snprintf(problem, LIMITS_PROBLEM_SIZE, "out of memory");
		err = TP_ENOMEM;
	} else if (file != NULL) {
		err = read_lines(file, path, others, users, problem);
	}
	if (file != NULL) {
		fclose(file);
	}
	if (err != 0) {
		user_limits_free(&users);
	}
	*out = users;
	return err;
}

void user_limits_free(struct user_limits **users)
{
	if (*users != NULL) {
		for (size_t i = 0; i < (*users)->count; i++) {
			free((*users)->users[i].name);
		}
		free((*users)->users);
		free(*users);
	}
	*users = NULL;
}

const struct limits *user_limits_find(const struct user_limits *users, const char *user, size_t len)
{
	size_t low = 0;
	size_t high = users == NULL ? 0 : users->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct user *row = &users->users[middle];
		int order = strncmp(user, row->name, len);

		if (order == 0 && row->name[len] == '\0') {
			return &row->limits;
		}
		if (order > 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return NULL;
}

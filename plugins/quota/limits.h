/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What a user or a realm may have; 0 is no limit. */
struct limits {
	uint64_t allocations;     /* at a time */
	uint64_t new_per_minute;  /* allocations */
	uint64_t bits_per_s;      /* of each allocation, in each direction */
	uint64_t user_bits_per_s; /* of all allocations together, in each direction */
	uint64_t packets_per_s;   /* of each allocation, in each direction */
	uint64_t bytes_per_day;   /* of payload, both directions together, UTC */
	uint64_t bytes_per_month; /* the same */
};

#define LIMITS_PROBLEM_SIZE 256
#define LIMITS_USERS_MAX 100000

/* Limits of named users, sorted by name. */
struct user_limits;

/**
 * Read a file with a user a line: "NAME LIMIT=VALUE ...", VALUE a number with k, M
 * or G behind it, or "none". What is not named is as in @others.
 *
 * @problem: a sentence with path and line when it failed
 *
 * Errors: TP_ENOENT, TP_EINVAL, TP_EEXIST, TP_EFULL beyond LIMITS_USERS_MAX, TP_ENOMEM, TP_EIO
 */
int user_limits_read(const char *path, const struct limits *others, struct user_limits **out,
		     char problem[LIMITS_PROBLEM_SIZE]);

/** NULL inside is fine. Sets the pointer to NULL. */
void user_limits_free(struct user_limits **users);

/** NULL when the user is not named. @user: @len bytes. Thread: any. */
const struct limits *user_limits_find(const struct user_limits *users, const char *user,
				      size_t len);

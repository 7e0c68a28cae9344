/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "common/lookup.h"
#include "common/user_key.h"
#include "sql.h"

#define USER_PASSWORD_MAX 1024

/* What a data base has of a user. */
struct user_row {
	size_t rows;         /* more than one: the query is wrong, or the data */
	const char *problem; /* NULL: fine */
	struct user_key md5;
	struct user_key sha256;
	char password[USER_PASSWORD_MAX + 1];
	bool has_password;
	uint32_t max_allocations; /* 0 for no limit, like all below */
	uint32_t max_lifetime_s;
	uint64_t max_bits_per_s;
	uint64_t max_packets_per_s;
	int64_t valid_for_s; /* LOOKUP_UNSAID */
};

void user_row_init(struct user_row *user);
void user_row_wipe(struct user_row *user);

/** Take a row of SQL_USER: columns by their names. @name: that was asked for */
void user_row_take(struct user_row *user, const struct sql_row *row, const char *name);

/** Borrows from @user. */
void user_row_credentials(const struct user_row *user, struct lookup_credentials *out);

/* SPDX-License-Identifier: Apache-2.0 */
#include "user_row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void user_row_init(struct user_row *user)
{
	*user = (struct user_row){.valid_for_s = LOOKUP_UNSAID};
}

void user_row_wipe(struct user_row *user)
{
	explicit_bzero(user, sizeof(*user));
}

/* --- columns ------------------------------------------------------------------------- */

struct value {
	const char *text;
	size_t len;
};

static void take_key(struct user_row *user, struct value value)
{
	struct user_key key;

	if (!user_key_parse(value.text, value.len, &key)) {
		user->problem = "the key has neither 32 nor 64 hexadecimal digits";
	} else if (key.len == USER_KEY_MD5_SIZE) {
		user->md5 = key;
	} else {
		user->sha256 = key;
	}
	explicit_bzero(&key, sizeof(key));
}

static void take_password(struct user_row *user, struct value value)
{
	if (value.len > USER_PASSWORD_MAX || strlen(value.text) != value.len) {
		user->problem = "the password is too long, or not text";
		return;
	}
	memcpy(user->password, value.text, value.len + 1);
	user->has_password = true;
}

static uint64_t number_of(struct user_row *user, struct value value, uint64_t max)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(value.text, &end, 10);
	if (value.text[0] < '0' || value.text[0] > '9' || *end != '\0' || errno != 0 ||
	    number > max) {
		user->problem = "a limit is no number";
		return 0;
	}
	return number;
}

static void take_max_allocations(struct user_row *user, struct value value)
{
	user->max_allocations = (uint32_t)number_of(user, value, UINT32_MAX);
}

static void take_max_lifetime(struct user_row *user, struct value value)
{
	user->max_lifetime_s = (uint32_t)number_of(user, value, UINT32_MAX);
}

static void take_max_bits(struct user_row *user, struct value value)
{
	user->max_bits_per_s = number_of(user, value, UINT64_MAX);
}

static void take_max_packets(struct user_row *user, struct value value)
{
	user->max_packets_per_s = number_of(user, value, UINT64_MAX);
}

static void take_valid_for(struct user_row *user, struct value value)
{
	user->valid_for_s = (int64_t)number_of(user, value, INT64_MAX);
}

static const struct {
	const char *name;
	void (*take)(struct user_row *user, struct value value);
} columns[] = {
	{"hmackey", take_key},
	{"password", take_password},
	{"max_allocations", take_max_allocations},
	{"max_lifetime_s", take_max_lifetime},
	{"max_bits_per_s", take_max_bits},
	{"max_packets_per_s", take_max_packets},
	{"valid_for_s", take_valid_for},
};

static void take_column(struct user_row *user, const char *column, struct value value)
{
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
		if (strcasecmp(columns[i].name, column) == 0) {
			columns[i].take(user, value);
		}
	}
}

/* --- rows ---------------------------------------------------------------------------- */

/* Many data bases take ALICE for alice; who is counted and shown is who logs in. */
static bool is_other_name(const struct sql_row *row, const char *name)
{
	for (size_t i = 0; i < row->count; i++) {
		if (strcasecmp(row->names[i], "name") == 0 && row->values[i] != NULL) {
			return strcmp(row->values[i], name) != 0;
		}
	}
	return false;
}

void user_row_take(struct user_row *user, const struct sql_row *row, const char *name)
{
	if (is_other_name(row, name)) {
		return;
	}
	user->rows++;
	for (size_t i = 0; i < row->count && user->rows == 1; i++) {
		if (row->values[i] != NULL) {
			take_column(user, row->names[i],
				    (struct value){row->values[i], row->lens[i]});
		}
	}
	if (user->rows > 1) {
		user->problem = "there are several users of one name";
	}
}

void user_row_credentials(const struct user_row *user, struct lookup_credentials *out)
{
	*out = (struct lookup_credentials){
		.credentials =
			{
				.size = sizeof(out->credentials),
				.password = user->has_password ? user->password : NULL,
				.key_md5 = user->md5.len != 0 ? user->md5.bytes : NULL,
				.key_sha256 = user->sha256.len != 0 ? user->sha256.bytes : NULL,
				.max_allocations = user->max_allocations,
				.max_lifetime_s = user->max_lifetime_s,
				.max_bits_per_s = user->max_bits_per_s,
				.max_packets_per_s = user->max_packets_per_s,
			},
		.valid_for_s = user->valid_for_s,
	};
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "entry.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define PASSWORDS_MAX (1 + TP_MORE_PASSWORDS_MAX)
#define PASSWORD_LEN_MAX 1024
#define USER_LEN_MAX 508 /* RFC 8489 section 14.3 */
#define CLEARTEXT "{CLEARTEXT}"

/* Credentials on their way; all that is secret is in here, and wiped. */
struct reading {
	const struct settings *settings;
	LDAP *ldap;
	LDAPMessage *entry;
	struct lookup_query *query;
	char user[USER_LEN_MAX + 1];
	char passwords[PASSWORDS_MAX][PASSWORD_LEN_MAX + 1];
	const char *more[TP_MORE_PASSWORDS_MAX];
	size_t password_count;
	uint8_t key_md5[16];
	uint8_t key_sha256[32];
	struct lookup_credentials found;
	const char *problem; /* NULL: none so far */
};

/* --- values ------------------------------------------------------------------------------ */

/* NULL: none. Free with free_values(). */
static struct berval **values_of(const struct reading *reading, const char *attribute)
{
	return attribute == NULL ? NULL
				 : ldap_get_values_len(reading->ldap, reading->entry, attribute);
}

static void free_values(struct berval **values)
{
	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		explicit_bzero(values[i]->bv_val, values[i]->bv_len);
	}
	ldap_value_free_len(values);
}

/* False when it is too long or no text. */
static bool copy_text(const struct berval *value, char *out, size_t max)
{
	if (value->bv_len > max || memchr(value->bv_val, '\0', value->bv_len) != NULL) {
		return false;
	}
	memcpy(out, value->bv_val, value->bv_len);
	out[value->bv_len] = '\0';
	return true;
}

static bool has_value(struct berval **values, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		if (values[i]->bv_len == len && memcmp(values[i]->bv_val, text, len) == 0) {
			return true;
		}
	}
	return false;
}

/* --- who ---------------------------------------------------------------------------------- */

static bool is_user(struct reading *reading)
{
	struct berval **values = values_of(reading, reading->settings->user_attribute);
	bool is = false;

	if (reading->query->username != NULL) {
		is = has_value(values, reading->query->username);
	} else if (values != NULL && values[0] != NULL && values[0]->bv_len != 0) {
		is = copy_text(values[0], reading->user, USER_LEN_MAX);
		reading->found.credentials.user = reading->user;
	}
	free_values(values);
	return is;
}

/* Names of groups, often DNs, are compared without case and blanks. */
static bool same_group(const struct berval *value, const char *group)
{
	size_t at = 0;

	for (;;) {
		while (at < value->bv_len && value->bv_val[at] == ' ') {
			at++;
		}
		while (*group == ' ') {
			group++;
		}
		if (at == value->bv_len || *group == '\0') {
			return at == value->bv_len && *group == '\0';
		}
		if (tolower((unsigned char)value->bv_val[at]) != tolower((unsigned char)*group)) {
			return false;
		}
		at++;
		group++;
	}
}

static bool is_member(const struct reading *reading)
{
	struct berval **values;
	bool is = false;

	if (reading->settings->group == NULL) {
		return true;
	}
	values = values_of(reading, reading->settings->group_attribute);
	for (size_t i = 0; values != NULL && values[i] != NULL && !is; i++) {
		is = same_group(values[i], reading->settings->group);
	}
	free_values(values);
	return is;
}

/* --- secrets ------------------------------------------------------------------------------- */

/* What a directory keeps as a hash is of no use here (RFC 2307: "{SSHA}..."). */
static bool is_hashed(const struct berval *value)
{
	return value->bv_len > 2 && value->bv_val[0] == '{' &&
	       isupper((unsigned char)value->bv_val[1]) &&
	       memchr(value->bv_val, '}', value->bv_len) != NULL;
}

static void add_password(struct reading *reading, struct berval value)
{
	size_t prefix = strlen(CLEARTEXT);

	if (value.bv_len >= prefix && strncasecmp(value.bv_val, CLEARTEXT, prefix) == 0) {
		value.bv_val += prefix;
		value.bv_len -= prefix;
	} else if (is_hashed(&value)) {
		return;
	}
	if (reading->password_count == PASSWORDS_MAX || value.bv_len == 0) {
		return;
	}
	if (!copy_text(&value, reading->passwords[reading->password_count], PASSWORD_LEN_MAX)) {
		reading->problem = "the password of a user is too long, or no text";
		return;
	}
	reading->password_count++;
}

static void read_passwords(struct reading *reading)
{
	struct tp_credentials *credentials = &reading->found.credentials;
	struct berval **values = values_of(reading, reading->settings->password_attribute);

	for (size_t i = 0; values != NULL && values[i] != NULL; i++) {
		add_password(reading, *values[i]);
	}
	free_values(values);
	if (reading->password_count == 0) {
		return;
	}
	credentials->password = reading->passwords[0];
	for (size_t i = 1; i < reading->password_count; i++) {
		reading->more[i - 1] = reading->passwords[i];
	}
	credentials->more_passwords = reading->more;
	credentials->more_password_count = reading->password_count - 1;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	if (c >= 'a' && c <= 'f') {
		return c - 'a' + 10;
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_hex(const struct berval *value, uint8_t *out, size_t size)
{
	if (value->bv_len != 2 * size) {
		return false;
	}
	for (size_t i = 0; i < size; i++) {
		int high = digit_of(value->bv_val[2 * i]);
		int low = digit_of(value->bv_val[2 * i + 1]);

		if (high < 0 || low < 0) {
			return false;
		}
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* NULL: there is none. */
static const uint8_t *read_key(struct reading *reading, const char *attribute, uint8_t *out,
			       size_t size)
{
	struct berval **values = values_of(reading, attribute);
	const uint8_t *key = NULL;

	if (values != NULL && values[0] != NULL) {
		if (parse_hex(values[0], out, size)) {
			key = out;
		} else {
			reading->problem = "the key of a user is not so many hex digits as it must";
		}
	}
	free_values(values);
	return key;
}

/* --- limits -------------------------------------------------------------------------------- */

/* 0: none. One that is no number must not mean: no limit. */
static uint64_t read_limit(struct reading *reading, const char *attribute, uint64_t max)
{
	struct berval **values = values_of(reading, attribute);
	char text[24];
	uint64_t limit = 0;

	if (values != NULL && values[0] != NULL) {
		if (!copy_text(values[0], text, sizeof(text) - 1) || text[0] == '\0' ||
		    text[strspn(text, "0123456789")] != '\0' || strlen(text) > 18) {
			reading->problem = "a limit of a user is no number";
		} else {
			limit = strtoull(text, NULL, 10);
		}
	}
	free_values(values);
	return limit < max ? limit : max;
}

static void read_limits(struct reading *reading)
{
	struct tp_credentials *credentials = &reading->found.credentials;
	const struct settings *settings = reading->settings;

	credentials->max_allocations =
		(uint32_t)read_limit(reading, settings->allocations_attribute, UINT32_MAX);
	credentials->max_lifetime_s =
		(uint32_t)read_limit(reading, settings->lifetime_attribute, UINT32_MAX);
	credentials->max_bits_per_s = read_limit(reading, settings->bandwidth_attribute, INT64_MAX);
}

/* RFC 4517 section 3.3.13, in UTC and without a fraction: "20261231235959Z". */
static bool parse_time(const char *text, int64_t *wall_s)
{
	struct tm utc = {.tm_sec = 0};
	const char *end;

	if (strlen(text) != 15 || strspn(text, "0123456789") != 14) {
		return false;
	}
	end = strptime(text, "%Y%m%d%H%M%S", &utc);
	if (end == NULL || strcmp(end, "Z") != 0) {
		return false;
	}
	*wall_s = (int64_t)timegm(&utc);
	return true;
}

/* False when they have ended. */
static bool read_expiry(struct reading *reading, int64_t now_s)
{
	struct berval **values = values_of(reading, reading->settings->expiry_attribute);
	int64_t end_s = INT64_MAX;
	char text[32];

	reading->found.valid_for_s = LOOKUP_UNSAID;
	if (values != NULL && values[0] != NULL) {
		if (!copy_text(values[0], text, sizeof(text) - 1) || !parse_time(text, &end_s)) {
			reading->problem = "the expiry of a user is no time like 20261231235959Z";
		} else if (end_s > now_s) {
			reading->found.valid_for_s = end_s - now_s;
		}
	}
	free_values(values);
	return end_s > now_s;
}

/* --- all ----------------------------------------------------------------------------------- */

static void read_secrets(struct reading *reading)
{
	struct tp_credentials *credentials = &reading->found.credentials;
	const struct settings *settings = reading->settings;

	credentials->size = sizeof(*credentials);
	read_passwords(reading);
	credentials->key_md5 = read_key(reading, settings->md5_attribute, reading->key_md5,
					sizeof(reading->key_md5));
	credentials->key_sha256 = read_key(reading, settings->sha256_attribute, reading->key_sha256,
					   sizeof(reading->key_sha256));
}

static void answer(struct reading *reading, int64_t wall_s)
{
	bool lasts;

	if (!is_user(reading) || !is_member(reading)) {
		lookup_unknown(reading->query);
		return;
	}
	lasts = read_expiry(reading, wall_s);
	read_secrets(reading);
	read_limits(reading);
	if (reading->problem != NULL) {
		lookup_unusable(reading->query, reading->problem);
	} else if (!lasts) {
		lookup_unknown(reading->query);
	} else {
		lookup_found(reading->query, &reading->found);
	}
}

void entry_answer(const struct settings *settings, LDAP *ldap, LDAPMessage *entry, int64_t wall_s,
		  struct lookup_query *query)
{
	struct reading reading = {
		.settings = settings,
		.ldap = ldap,
		.entry = entry,
		.query = query,
	};

	answer(&reading, wall_s);
	explicit_bzero(&reading, sizeof(reading));
}

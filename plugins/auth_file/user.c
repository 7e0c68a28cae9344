/* SPDX-License-Identifier: Apache-2.0 */
#include "user.h"

#include <stdlib.h>
#include <string.h>

#include <gnutls/gnutls.h>

void user_fini(struct user *user)
{
	free(user->name);
	if (user->password != NULL) {
		gnutls_memset(user->password, 0, strlen(user->password));
		free(user->password);
	}
	gnutls_memset(user, 0, sizeof(*user));
}

/* --- hexadecimal digits ----------------------------------------------------------- */

static int digit_value(char digit)
{
	if (digit >= '0' && digit <= '9') {
		return digit - '0';
	}
	digit |= 0x20;
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The byte that two digits make; -1 when they are none. */
static int byte_value(const char *digits)
{
	int high = digit_value(digits[0]);
	int low = high < 0 ? -1 : digit_value(digits[1]);

	return low < 0 ? -1 : high << 4 | low;
}

/* Resolve %XX in place. */
static const char *unescape(char *text)
{
	char *out = text;

	for (const char *at = text; *at != '\0'; at++) {
		int byte = (unsigned char)*at;

		if (byte == '%') {
			byte = byte_value(at + 1);
			if (byte <= 0) {
				return byte == 0 ? "%00 is not allowed"
						 : "a % must be followed by two hexadecimal digits";
			}
			at += 2;
		}
		*out++ = (char)byte;
	}
	*out = '\0';
	return NULL;
}

/* --- words ------------------------------------------------------------------------- */

static const char *read_text(const char *text, char **out)
{
	*out = strdup(text);
	return *out == NULL ? "out of memory" : unescape(*out);
}

static const char *read_name(struct user *user, const char *text)
{
	const char *problem = read_text(text, &user->name);

	if (problem == NULL && strlen(user->name) > USER_NAME_MAX) {
		problem = "the name is longer than 508 bytes";
	}
	return problem;
}

static const char *read_password(struct user *user, const char *text)
{
	const char *problem;

	if (user->password != NULL) {
		return "plain: is there twice";
	}
	problem = read_text(text, &user->password);
	if (problem != NULL) {
		return problem;
	}
	if (user->password[0] == '\0') {
		return "the password is empty";
	}
	return strlen(user->password) > USER_PASSWORD_MAX ? "the password is longer than 512 bytes"
							  : NULL;
}

static bool read_key(const char *text, uint8_t *key, size_t len)
{
	if (strlen(text) != 2 * len) {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		int byte = byte_value(text + 2 * i);

		if (byte < 0) {
			return false;
		}
		key[i] = (uint8_t)byte;
	}
	return true;
}

static const char *read_md5(struct user *user, const char *text)
{
	if (user->has_md5) {
		return "md5: is there twice";
	}
	user->has_md5 = true;
	return read_key(text, user->key_md5, sizeof(user->key_md5))
		       ? NULL
		       : "md5: must be followed by 32 hexadecimal digits";
}

static const char *read_sha256(struct user *user, const char *text)
{
	if (user->has_sha256) {
		return "sha256: is there twice";
	}
	user->has_sha256 = true;
	return read_key(text, user->key_sha256, sizeof(user->key_sha256))
		       ? NULL
		       : "sha256: must be followed by 64 hexadecimal digits";
}

/* 1 to @max into *@out, which is 0 as long as there was none. */
static bool read_limit(const char *text, uint32_t max, uint32_t *out)
{
	uint32_t value = 0;

	if (*out != 0 || *text == '\0') {
		return false;
	}
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || value > max) {
			return false;
		}
		value = value * 10 + (uint32_t)(*text - '0');
	}
	*out = value;
	return value >= 1 && value <= max;
}

static const char *read_max_allocations(struct user *user, const char *text)
{
	return read_limit(text, USER_ALLOCATIONS_MAX, &user->max_allocations)
		       ? NULL
		       : "max_allocations= must be there once, with a number from 1 to 1000000";
}

static const char *read_max_lifetime(struct user *user, const char *text)
{
	return read_limit(text, USER_LIFETIME_MAX_S, &user->max_lifetime_s)
		       ? NULL
		       : "max_lifetime= must be there once, with a number from 1 to 86400";
}

static const char *read_word(struct user *user, const char *word)
{
	static const struct {
		const char *prefix;
		const char *(*read)(struct user *user, const char *text);
	} words[] = {
		{"plain:", read_password},
		{"md5:", read_md5},
		{"sha256:", read_sha256},
		{"max_allocations=", read_max_allocations},
		{"max_lifetime=", read_max_lifetime},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i].prefix);

		if (strncmp(word, words[i].prefix, len) == 0) {
			return words[i].read(user, word + len);
		}
	}
	return "after the name come plain:, md5:, sha256:, max_allocations=, max_lifetime=";
}

const char *user_parse(struct user *user, char *line)
{
	char *rest;
	char *word = strtok_r(line, " \t", &rest);
	const char *problem;

	*user = (struct user){.name = NULL};
	problem = read_name(user, word);
	while (problem == NULL && (word = strtok_r(NULL, " \t", &rest)) != NULL) {
		problem = read_word(user, word);
	}
	if (problem == NULL && user->password == NULL && !user->has_md5 && !user->has_sha256) {
		problem = "there is neither password nor key";
	}
	return problem;
}

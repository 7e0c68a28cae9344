/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup_answer.h"

#include <stdlib.h>
#include <string.h>

#define USER_MAX 508 /* RFC 8489 section 14.3 */
#define PASSWORD_MAX 1024
#define KEY_MD5_SIZE 16
#define KEY_SHA256_SIZE 32
#define ALGORITHM_SHA256 2

static struct lookup_answer *create(enum lookup_kind kind, size_t bytes)
{
	struct lookup_answer *answer = calloc(1, sizeof(*answer) + bytes);

	if (answer != NULL) {
		answer->kind = kind;
		answer->size = sizeof(*answer) + bytes;
	}
	return answer;
}

struct lookup_answer *lookup_answer_create(enum lookup_kind kind)
{
	return create(kind, 0);
}

static size_t text_size(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

static size_t bytes_of(const struct tp_credentials *credentials)
{
	size_t size = text_size(credentials->password) + text_size(credentials->user);

	size += credentials->key_md5 == NULL ? 0 : KEY_MD5_SIZE;
	size += credentials->key_sha256 == NULL ? 0 : KEY_SHA256_SIZE;
	for (size_t i = 0; i < credentials->more_password_count; i++) {
		size += text_size(credentials->more_passwords[i]);
	}
	return size;
}

/* NULL stays NULL. */
static const void *put(char **at, const void *from, size_t size)
{
	void *to = *at;

	if (from == NULL) {
		return NULL;
	}
	memcpy(to, from, size);
	*at += size;
	return to;
}

struct lookup_answer *lookup_answer_copy(const struct tp_credentials *credentials)
{
	struct lookup_answer *answer = create(LOOKUP_FOUND, bytes_of(credentials));
	char *at;

	if (answer == NULL) {
		return NULL;
	}
	at = answer->bytes;
	answer->credentials = *credentials;
	answer->credentials.size = sizeof(answer->credentials);
	answer->credentials.password =
		put(&at, credentials->password, text_size(credentials->password));
	answer->credentials.user = put(&at, credentials->user, text_size(credentials->user));
	answer->credentials.key_md5 = put(&at, credentials->key_md5, KEY_MD5_SIZE);
	answer->credentials.key_sha256 = put(&at, credentials->key_sha256, KEY_SHA256_SIZE);
	for (size_t i = 0; i < credentials->more_password_count; i++) {
		answer->more_passwords[i] = put(&at, credentials->more_passwords[i],
						text_size(credentials->more_passwords[i]));
	}
	answer->credentials.more_passwords = answer->more_passwords;
	return answer;
}

static bool fits(const char *text, size_t max)
{
	return strnlen(text, max + 1) <= max;
}

static bool passwords_usable(const struct tp_credentials *credentials)
{
	if (credentials->password != NULL && !fits(credentials->password, PASSWORD_MAX)) {
		return false;
	}
	if (credentials->more_password_count > TP_MORE_PASSWORDS_MAX) {
		return false;
	}
	for (size_t i = 0; i < credentials->more_password_count; i++) {
		if (!fits(credentials->more_passwords[i], PASSWORD_MAX)) {
			return false;
		}
	}
	return true;
}

bool lookup_credentials_usable(const struct tp_credentials *credentials, bool hashed)
{
	if (credentials->password == NULL && credentials->key_md5 == NULL &&
	    credentials->key_sha256 == NULL && credentials->more_password_count == 0) {
		return false;
	}
	if (credentials->user == NULL
		    ? hashed
		    : credentials->user[0] == '\0' || !fits(credentials->user, USER_MAX)) {
		return false;
	}
	return passwords_usable(credentials);
}

void lookup_answer_free(struct lookup_answer **answer)
{
	if (*answer != NULL) {
		explicit_bzero(*answer, (*answer)->size);
		free(*answer);
		*answer = NULL;
	}
}

bool lookup_answer_fits(const struct lookup_answer *answer, uint16_t algorithm)
{
	const struct tp_credentials *credentials = &answer->credentials;

	return credentials->password != NULL || credentials->more_password_count != 0 ||
	       (algorithm == ALGORITHM_SHA256 ? credentials->key_sha256 : credentials->key_md5) !=
		       NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/credentials.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/secret.h"
#include "host/request.h"

#define USER_MAX 508 /* RFC 8489 section 14.3: less than 509 bytes */
#define PASSWORD_MAX TP_KEY_TEXT_MAX
_Static_assert(TP_MAC_KEY_MAX == TP_KEY_MAX, "each fits in a key");

#define SIZE_1_0                                                                                   \
	(offsetof(struct tp_credentials, more_password_count) +                                    \
	 sizeof(((struct tp_credentials *)NULL)->more_password_count))

/* A table of this build's size, from one that may be shorter or longer. */
static int read_table(const struct tp_credentials *from, struct tp_credentials *out)
{
	memset(out, 0, sizeof(*out));
	if (from == NULL || from->size < SIZE_1_0) {
		return TP_EINVAL;
	}
	memcpy(out, from, from->size < sizeof(*out) ? from->size : sizeof(*out));
	out->size = sizeof(*out);
	return 0;
}

static bool fits(const char *text, size_t max)
{
	return strnlen(text, max + 1) <= max;
}

static bool passwords_valid(const struct tp_credentials *given)
{
	if (given->password != NULL && !fits(given->password, PASSWORD_MAX)) {
		return false;
	}
	if (given->more_password_count > TP_MORE_PASSWORDS_MAX ||
	    (given->more_password_count != 0 && given->more_passwords == NULL)) {
		return false;
	}
	for (size_t i = 0; i < given->more_password_count; i++) {
		if (given->more_passwords[i] == NULL ||
		    !fits(given->more_passwords[i], PASSWORD_MAX)) {
			return false;
		}
	}
	return true;
}

static bool has_secrets(const struct tp_credentials *given)
{
	return given->password != NULL || given->more_password_count != 0 ||
	       given->key_md5 != NULL || given->key_sha256 != NULL;
}

/* One or the other: which of two would it be? */
static bool mac_key_valid(const struct tp_credentials *given)
{
	if (given->mac_key == NULL) {
		return given->mac_key_len == 0 && has_secrets(given);
	}
	return given->mac_key_len >= TP_MAC_KEY_MIN && given->mac_key_len <= TP_MAC_KEY_MAX &&
	       !has_secrets(given);
}

static int check(const struct tp_credentials *from, struct tp_credentials *given)
{
	int err = read_table(from, given);

	if (err != 0) {
		return err;
	}
	if (!mac_key_valid(given)) {
		return TP_EINVAL;
	}
	if (given->user != NULL && (given->user[0] == '\0' || !fits(given->user, USER_MAX))) {
		return TP_EINVAL;
	}
	return passwords_valid(given) ? 0 : TP_EINVAL;
}

/* --- across threads ----------------------------------------------------------------- */

/* All in one block, which is wiped as a whole. */
struct copied {
	struct tp_credentials credentials; /* first: the pointer handed out */
	size_t size;
	const char *more_passwords[TP_MORE_PASSWORDS_MAX];
	uint8_t key_md5[TP_KEY_MD5_SIZE];
	uint8_t key_sha256[TP_KEY_SHA256_SIZE];
	uint8_t mac_key[TP_MAC_KEY_MAX];
	char texts[];
};

static size_t text_size(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

/* Lengths are bounded by check(), so the sum cannot wrap. */
static size_t texts_size(const struct tp_credentials *given)
{
	size_t size = text_size(given->password) + text_size(given->user);

	for (size_t i = 0; i < given->more_password_count; i++) {
		size += text_size(given->more_passwords[i]);
	}
	return size;
}

static const char *put_text(char **at, const char *text)
{
	char *put = *at;
	size_t size = text_size(text);

	if (text == NULL) {
		return NULL;
	}
	memcpy(put, text, size);
	*at += size;
	return put;
}

static void fill(struct copied *copy, const struct tp_credentials *given)
{
	struct tp_credentials *credentials = &copy->credentials;
	char *at = copy->texts;

	*credentials = *given;
	credentials->password = put_text(&at, given->password);
	credentials->user = put_text(&at, given->user);
	for (size_t i = 0; i < given->more_password_count; i++) {
		copy->more_passwords[i] = put_text(&at, given->more_passwords[i]);
	}
	credentials->more_passwords = copy->more_passwords;
	if (given->key_md5 != NULL) {
		memcpy(copy->key_md5, given->key_md5, sizeof(copy->key_md5));
		credentials->key_md5 = copy->key_md5;
	}
	if (given->key_sha256 != NULL) {
		memcpy(copy->key_sha256, given->key_sha256, sizeof(copy->key_sha256));
		credentials->key_sha256 = copy->key_sha256;
	}
	if (given->mac_key != NULL) {
		memcpy(copy->mac_key, given->mac_key, given->mac_key_len);
		credentials->mac_key = copy->mac_key;
	}
}

int tp_credentials_copy(const struct tp_credentials *from, struct tp_credentials **out)
{
	struct tp_credentials given;
	struct copied *copy;
	size_t size;
	int err = check(from, &given);

	if (err != 0) {
		return err;
	}
	size = sizeof(*copy) + texts_size(&given);
	copy = calloc(1, size);
	if (copy == NULL) {
		return TP_ENOMEM;
	}
	copy->size = size;
	fill(copy, &given);
	*out = &copy->credentials;
	return 0;
}

void tp_credentials_free(struct tp_credentials **credentials)
{
	struct copied *copy;

	if (*credentials == NULL) {
		return;
	}
	copy = tp_container_of(*credentials, struct copied, credentials);
	tp_secret_wipe(copy, copy->size);
	free(copy);
	*credentials = NULL;
}

/* --- into the request --------------------------------------------------------------- */

static bool usable(const struct tp_request *request, const struct tp_credentials *given)
{
	const struct tp_request_authorization *event = request->asking.payload;

	if (given->password != NULL || given->more_password_count != 0 || given->mac_key != NULL) {
		return true;
	}
	return event->algorithm == TP_PASSWORD_SHA256 ? given->key_sha256 != NULL
						      : given->key_md5 != NULL;
}

static int keep_text(struct tp_request *request, const char *text, char **out)
{
	if (text == NULL) {
		return 0;
	}
	*out = tp_arena_string(&request->arena, text, strlen(text));
	return *out == NULL ? TP_ENOMEM : 0;
}

static void keep_key(struct tp_key *key, const uint8_t *bytes, size_t len)
{
	if (bytes != NULL) {
		memcpy(key->bytes, bytes, len);
		key->len = len;
	}
}

static int keep_texts(struct tp_request *request, const struct tp_credentials *given)
{
	struct tp_provided *provided = &request->provided;
	int err = keep_text(request, given->password, &provided->password);

	if (err == 0) {
		err = keep_text(request, given->user, &provided->user);
	}
	for (size_t i = 0; err == 0 && i < given->more_password_count; i++) {
		err = keep_text(request, given->more_passwords[i], &provided->more_passwords[i]);
		provided->more_password_count = i + (err == 0);
	}
	return err;
}

int tp_credentials_provide(struct tp_request *request, const struct tp_credentials *from)
{
	struct tp_provided *provided = &request->provided;
	struct tp_credentials given;
	int err = check(from, &given);

	tp_provided_wipe(request);
	if (err != 0) {
		return err;
	}
	if (!usable(request, &given)) {
		return TP_EINVAL;
	}
	err = keep_texts(request, &given);
	if (err != 0) {
		tp_provided_wipe(request);
		return err;
	}
	keep_key(&provided->key_md5, given.key_md5, TP_KEY_MD5_SIZE);
	keep_key(&provided->key_sha256, given.key_sha256, TP_KEY_SHA256_SIZE);
	keep_key(&provided->mac_key, given.mac_key, given.mac_key_len);
	provided->mac_key.of_token = given.mac_key != NULL;
	provided->valid_for_s = given.valid_for_s;
	provided->max_allocations = given.max_allocations;
	provided->max_lifetime_s = given.max_lifetime_s;
	provided->limits = (struct tp_limits){
		.size = sizeof(provided->limits),
		.bits_per_s = given.max_bits_per_s,
		.packets_per_s = given.max_packets_per_s,
	};
	return 0;
}

static void wipe_text(char *text)
{
	if (text != NULL) {
		tp_secret_wipe(text, strlen(text));
	}
}

void tp_provided_wipe(struct tp_request *request)
{
	struct tp_provided *provided = &request->provided;

	wipe_text(provided->password);
	for (size_t i = 0; i < provided->more_password_count; i++) {
		wipe_text(provided->more_passwords[i]);
	}
	tp_secret_wipe(provided, sizeof(*provided));
}

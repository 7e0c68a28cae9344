/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <turnpike/plugin.h>

#include "common/secret_file.h"

/*
 * Time-limited credentials from a shared secret, as web services make them for
 * TURN (draft-uberti-behave-turn-rest-00):
 *
 *	username = expiry ":" name, or name ":" expiry, or expiry alone
 *	password = base64(HMAC-SHA1(secret, username))
 *
 * The expiry ends the making of allocations, not those that there are.
 */

#define SECRETS_MAX (1 + TP_MORE_PASSWORDS_MAX)
#define SECRET_LEN_MAX 1024
#define VALID_FOR_S 600 /* so long an allocation outlives a secret that was taken back */
#define METHOD_ALLOCATE 0x003
#define PASSWORD_SIZE 32 /* base64 of 20 bytes is 28 */

struct auth_secret {
	char *secrets[SECRETS_MAX];
	size_t secret_count;
	char separator;
	struct tp_counter *expired;
	struct tp_counter *foreign;
	struct tp_counter *hashed;
	atomic_flag hash_told;
};

/* --- user names ---------------------------------------------------------------- */

/* Decimal seconds since 1970, whole text; -1 for anything else. */
static int64_t parse_expiry(const char *text, size_t len)
{
	int64_t value = 0;

	if (len == 0 || len > 15) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i])) {
			return -1;
		}
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

/* The expiry before the first separator, else behind the last; -1 without one. */
static int64_t expiry_of(const char *username, char separator)
{
	const char *first = strchr(username, separator);
	const char *last = strrchr(username, separator);
	int64_t expiry;

	if (first == NULL) {
		return parse_expiry(username, strlen(username));
	}
	expiry = parse_expiry(username, (size_t)(first - username));
	return expiry >= 0 ? expiry : parse_expiry(last + 1, strlen(last + 1));
}

/* --- passwords ------------------------------------------------------------------ */

static int make_password(const char *secret, const char *username, char out[PASSWORD_SIZE])
{
	uint8_t digest[20];
	gnutls_datum_t raw = {digest, sizeof(digest)};
	gnutls_datum_t text;
	int err = TP_EIO;

	if (gnutls_hmac_fast(GNUTLS_MAC_SHA1, secret, strlen(secret), username, strlen(username),
			     digest) < 0 ||
	    gnutls_base64_encode2(&raw, &text) < 0) {
		return TP_EIO;
	}
	if (text.size < PASSWORD_SIZE) {
		memcpy(out, text.data, text.size);
		out[text.size] = '\0';
		err = 0;
	}
	gnutls_memset(text.data, 0, text.size);
	gnutls_free(text.data);
	gnutls_memset(digest, 0, sizeof(digest));
	return err;
}

static enum tp_verdict provide(struct tp_instance *self, struct tp_request *request,
			       const char *username)
{
	const struct auth_secret *state = tp_instance_state(self);
	char passwords[SECRETS_MAX][PASSWORD_SIZE];
	const char *more[TP_MORE_PASSWORDS_MAX];
	struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = passwords[0],
		.valid_for_s = VALID_FOR_S,
		.max_allocations = (uint32_t)tp_option_integer(self, "max_allocations"),
		.more_passwords = more,
		.more_password_count = state->secret_count - 1,
	};
	enum tp_verdict verdict = TP_DENY;
	int err = 0;

	for (size_t i = 0; i < state->secret_count && err == 0; i++) {
		err = make_password(state->secrets[i], username, passwords[i]);
		if (i > 0) {
			more[i - 1] = passwords[i];
		}
	}
	if (err == 0) {
		verdict = tp_request_provide(request, &credentials);
	}
	gnutls_memset(passwords, 0, sizeof(passwords));
	return verdict;
}

/* Section 4.2 of the draft: the time counts for Allocate alone. */
static bool has_expired(const struct tp_request_authorization *event, int64_t expiry)
{
	return event->method == METHOD_ALLOCATE && tp_worker_wall_s(tp_worker_current()) >= expiry;
}

/* A hash names nobody who is not on a list, and there is no list. */
static enum tp_verdict pass_hash(struct tp_instance *self)
{
	struct auth_secret *state = tp_instance_state(self);

	tp_counter_add(state->hashed, 1);
	if (!atomic_flag_test_and_set(&state->hash_told)) {
		tp_log(self, TP_LOG_WARN,
		       "a client sent a hash in place of a name that could be checked: set "
		       "userhash = no in [auth]");
	}
	return TP_PASS;
}

static enum tp_verdict authorize(struct tp_instance *self, struct tp_request *request,
				 const struct tp_request_authorization *event)
{
	const struct auth_secret *state = tp_instance_state(self);
	int64_t expiry;

	if (event->username == NULL) {
		return pass_hash(self);
	}
	expiry = expiry_of(event->username, state->separator);
	if (expiry < 0) {
		tp_counter_add(state->foreign, 1);
		return TP_PASS;
	}
	if (has_expired(event, expiry)) {
		tp_counter_add(state->expired, 1);
		return tp_request_deny(request, 401, NULL);
	}
	return provide(self, request, event->username);
}

/* --- secrets -------------------------------------------------------------------- */

static int add_secret(struct tp_instance *self, const char *text, size_t len)
{
	struct auth_secret *state = tp_instance_state(self);

	if (state->secret_count == SECRETS_MAX) {
		return tp_instance_fail(self, TP_EFULL, "there are more than %d secrets",
					SECRETS_MAX);
	}
	if (len == 0 || len > SECRET_LEN_MAX) {
		return tp_instance_fail(self, TP_EINVAL, "a secret must have 1 to %d bytes",
					SECRET_LEN_MAX);
	}
	state->secrets[state->secret_count] = strndup(text, len);
	if (state->secrets[state->secret_count] == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	state->secret_count++;
	return 0;
}

static int add_secret_file(struct tp_instance *self, const char *path)
{
	char problem[SECRET_FILE_PROBLEM_SIZE];
	struct secret_file file;
	int err = secret_file_read(path, &file, problem);

	if (err != 0) {
		return tp_instance_fail(self, err, "secret_file: %s", problem);
	}
	if (file.readable_by_all) {
		tp_log(self, TP_LOG_WARN, "%s can be read by everybody: chmod 640", path);
	}
	for (size_t i = 0; i < file.count && err == 0; i++) {
		err = add_secret(self, file.lines[i], strlen(file.lines[i]));
	}
	secret_file_wipe(&file);
	return err;
}

/* --- life ----------------------------------------------------------------------- */

static int read_options(struct tp_instance *self)
{
	struct auth_secret *state = tp_instance_state(self);
	const char *separator = tp_option_string(self, "separator");
	const char *secret = tp_option_string(self, "secret");
	const char *file = tp_option_string(self, "secret_file");
	int err = 0;

	if (strlen(separator) != 1 || isalnum((unsigned char)separator[0])) {
		return tp_instance_fail(self, TP_EINVAL,
					"separator: must be one character, no letter or digit");
	}
	state->separator = separator[0];
	if (secret != NULL) {
		err = add_secret(self, secret, strlen(secret));
	}
	if (err == 0 && file != NULL) {
		err = add_secret_file(self, file);
	}
	if (err == 0 && state->secret_count == 0) {
		err = tp_instance_fail(self, TP_EINVAL,
				       "neither secret nor secret_file gives a secret");
	}
	return err;
}

static int create(struct tp_instance *self)
{
	struct auth_secret *state = calloc(1, sizeof(*state));

	if (state == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, state);
	state->expired = tp_counter_create(self, "expired", "user names past their expiry");
	state->foreign = tp_counter_create(self, "foreign", "user names without an expiry");
	state->hashed = tp_counter_create(self, "hashed", "hashes in place of user names");
	atomic_flag_clear(&state->hash_told);
	return read_options(self);
}

static void destroy(struct tp_instance *self)
{
	struct auth_secret *state = tp_instance_state(self);

	if (state == NULL) {
		return;
	}
	for (size_t i = 0; i < state->secret_count; i++) {
		gnutls_memset(state->secrets[i], 0, strlen(state->secrets[i]));
		free(state->secrets[i]);
	}
	free(state);
}

static const struct tp_option options[] = {
	{
		.name = "secret",
		.type = TP_OPTION_SECRET,
		.help = "secret shared with the service that makes the credentials",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "secret_file",
		.type = TP_OPTION_PATH,
		.help = "file with a secret a line, tried in turn after the one above",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "separator",
		.type = TP_OPTION_STRING,
		.default_value = ":",
		.help = "character between expiry and name",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "max_allocations",
		.type = TP_OPTION_INTEGER,
		.default_value = "0",
		.help = "allocations a user name may have at a time, 0 for the limit of the daemon",
		.min = 0,
		.max = 1000000,
		.unit = "allocations",
		.flags = TP_OPTION_RELOADABLE,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_authorization = authorize,
};

TP_PLUGIN("auth_secret", TP_VERSION, "time-limited credentials from a shared secret",
	  .options = options, .events = &events, .create = create, .destroy = destroy);

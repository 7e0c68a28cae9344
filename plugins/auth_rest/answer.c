/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <turnpike/api.h>

/* Returns false. */
static bool wrong(char *problem, const char *format, ...) TP_PRINTF(2, 3);

static bool wrong(char *problem, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, ANSWER_PROBLEM_SIZE, format, args);
	va_end(args);
	return false;
}

/* --- members ------------------------------------------------------------------------------ */

/* False for a wrong one; @text stays NULL for none. */
static bool read_text(json_t *object, const char *key, size_t max, const char **text, char *problem)
{
	json_t *value = json_object_get(object, key);

	*text = NULL;
	if (value == NULL || json_is_null(value)) {
		return true;
	}
	if (!json_is_string(value) || json_string_length(value) == 0 ||
	    json_string_length(value) > max) {
		return wrong(problem, "an answer's \"%s\" is no text of 1 to %zu bytes", key, max);
	}
	*text = json_string_value(value);
	return true;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);

	return at == NULL ? -1 : (int)(at - digits);
}

/* @found stays NULL when there is none. */
static bool read_key(json_t *object, const char *key, uint8_t *out, size_t size,
		     const uint8_t **found, char *problem)
{
	const char *text;

	if (!read_text(object, key, 2 * size, &text, problem) || text == NULL) {
		return text == NULL && problem[0] == '\0';
	}
	if (strlen(text) != 2 * size) {
		return wrong(problem, "an answer's \"%s\" has not %zu hexadecimal digits", key,
			     2 * size);
	}
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);

		if (high == -1 || low == -1) {
			return wrong(problem, "an answer's \"%s\" has not %zu hexadecimal digits",
				     key, 2 * size);
		}
		out[i] = (uint8_t)(high << 4 | low);
	}
	*found = out;
	return true;
}

static bool read_number(json_t *object, const char *key, uint64_t max, uint64_t *out, char *problem)
{
	json_t *value = json_object_get(object, key);

	if (value == NULL || json_is_null(value)) {
		return true;
	}
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max) {
		return wrong(problem, "an answer's \"%s\" is no number between 0 and %llu", key,
			     (unsigned long long)max);
	}
	*out = (uint64_t)json_integer_value(value);
	return true;
}

static bool read_small_number(json_t *object, const char *key, uint32_t *out, char *problem)
{
	uint64_t value = *out;
	bool done = read_number(object, key, UINT32_MAX, &value, problem);

	*out = (uint32_t)value;
	return done;
}

/* --- objects ------------------------------------------------------------------------------ */

static bool read_secrets(json_t *object, struct answer *out, char *problem)
{
	struct tp_credentials *credentials = &out->credentials;
	const char *password;

	if (!read_text(object, "password", ANSWER_PASSWORD_MAX, &password, problem) ||
	    !read_key(object, "key_md5", out->key_md5, sizeof(out->key_md5), &credentials->key_md5,
		      problem) ||
	    !read_key(object, "key_sha256", out->key_sha256, sizeof(out->key_sha256),
		      &credentials->key_sha256, problem)) {
		return false;
	}
	if (password != NULL) {
		snprintf(out->password, sizeof(out->password), "%s", password);
		credentials->password = out->password;
	}
	if (password == NULL && credentials->key_md5 == NULL && credentials->key_sha256 == NULL) {
		return wrong(
			problem,
			"an answer has neither \"password\" nor \"key_md5\" nor \"key_sha256\"");
	}
	return true;
}

static bool read_limits(json_t *object, struct tp_credentials *out, char *problem)
{
	return read_small_number(object, "valid_for_s", &out->valid_for_s, problem) &&
	       read_small_number(object, "max_allocations", &out->max_allocations, problem) &&
	       read_small_number(object, "max_lifetime_s", &out->max_lifetime_s, problem) &&
	       read_number(object, "max_bits_per_s", INT64_MAX, &out->max_bits_per_s, problem) &&
	       read_number(object, "max_packets_per_s", INT64_MAX, &out->max_packets_per_s,
			   problem);
}

static bool read_user(json_t *object, bool hashed, struct answer *out, char *problem)
{
	const char *user;

	if (!hashed) {
		return true; /* it has been asked by name */
	}
	if (!read_text(object, "user", ANSWER_USER_MAX, &user, problem)) {
		return false;
	}
	if (user == NULL) {
		return wrong(problem, "an answer has no \"user\", though a hash was asked for");
	}
	snprintf(out->user, sizeof(out->user), "%s", user);
	out->credentials.user = out->user;
	return true;
}

/* The library does not wipe what it frees. */
static void wipe_texts(json_t *object)
{
	static const char *const keys[] = {"password", "key_md5", "key_sha256"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *value = json_object_get(object, keys[i]);

		if (json_is_string(value)) {
			explicit_bzero((void *)(uintptr_t)json_string_value(value),
				       json_string_length(value));
		}
	}
}

enum answer_verdict answer_read(const char *body, size_t len, bool hashed, struct answer *out,
				char problem[ANSWER_PROBLEM_SIZE])
{
	json_t *object = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	bool good;

	*out = (struct answer){.credentials.size = sizeof(out->credentials)};
	problem[0] = '\0';
	if (!json_is_object(object)) {
		json_decref(object);
		wrong(problem, "the service answers with no JSON object");
		return ANSWER_GARBAGE;
	}
	out->has_valid_for = json_is_integer(json_object_get(object, "valid_for_s"));
	good = read_secrets(object, out, problem) &&
	       read_limits(object, &out->credentials, problem) &&
	       read_user(object, hashed, out, problem);
	wipe_texts(object);
	json_decref(object);
	return good ? ANSWER_GOOD : ANSWER_UNUSABLE;
}

void answer_wipe(struct answer *answer)
{
	explicit_bzero(answer, sizeof(*answer));
}

/* Bytes to take of @text, no character broken. */
static size_t cut(const char *text, size_t max)
{
	size_t len = strlen(text);

	if (len > max) {
		for (len = max; len != 0 && ((unsigned char)text[len] & 0xc0) == 0x80; len--) {
		}
	}
	return len;
}

static bool has_control(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f) {
			return true;
		}
	}
	return false;
}

void answer_read_reason(const char *body, size_t len, char reason[ANSWER_REASON_SIZE])
{
	json_t *object = json_loadb(body, len, 0, NULL);
	const char *text = json_string_value(json_object_get(object, "reason"));

	reason[0] = '\0';
	if (text != NULL && !has_control(text)) {
		snprintf(reason, ANSWER_REASON_SIZE, "%.*s", (int)cut(text, ANSWER_REASON_SIZE - 1),
			 text);
	}
	json_decref(object);
}

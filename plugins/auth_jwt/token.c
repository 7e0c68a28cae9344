/* SPDX-License-Identifier: Apache-2.0 */
#include "token.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base64url.h"

/* --- parts -------------------------------------------------------------------------------- */

static bool read_header(struct token *out, const char *text, size_t len)
{
	uint8_t json[TOKEN_MAX];
	json_t *header;
	const char *algorithm;
	const char *kid;
	size_t json_len;

	if (!base64url_decode(text, len, json, sizeof(json), &json_len)) {
		return false;
	}
	header = json_loadb((const char *)json, json_len, JSON_REJECT_DUPLICATES, NULL);
	algorithm = json_string_value(json_object_get(header, "alg"));
	kid = json_string_value(json_object_get(header, "kid"));
	if (algorithm != NULL) {
		/* RFC 7515 section 4.1.11: what must be understood, and is not here. */
		out->algorithm = json_object_get(header, "crit") == NULL
					 ? jwt_algorithm_find(algorithm)
					 : JWT_ALGORITHM_COUNT;
		snprintf(out->kid, sizeof(out->kid), "%s", kid == NULL ? "" : kid);
	}
	json_decref(header);
	return algorithm != NULL;
}

bool token_parse(const char *text, struct token *out)
{
	const char *first = strchr(text, '.');
	const char *second = first == NULL ? NULL : strchr(first + 1, '.');
	const char *end = text + strlen(text);

	if (second == NULL || end - text > TOKEN_MAX) {
		return false;
	}
	out->signed_text = text;
	out->signed_len = (size_t)(second - text);
	return read_header(out, text, (size_t)(first - text)) &&
	       base64url_decode(first + 1, (size_t)(second - first) - 1, (uint8_t *)out->claims,
				sizeof(out->claims), &out->claims_len) &&
	       base64url_decode(second + 1, (size_t)(end - second) - 1, out->signature,
				sizeof(out->signature), &out->signature_len);
}

/* --- claims ------------------------------------------------------------------------------- */

/* RFC 7519 section 2, NumericDate; fractions are cut. False when it is no number. */
static bool read_time(json_t *claims, const char *name, int64_t *out)
{
	json_t *value = json_object_get(claims, name);

	if (json_is_integer(value)) {
		*out = json_integer_value(value);
		return true;
	}
	if (json_is_real(value) && json_real_value(value) >= 0 && json_real_value(value) < 1e15) {
		*out = (int64_t)json_real_value(value);
		return true;
	}
	return false;
}

static bool names_one_of(json_t *value, const struct token_rules *rules)
{
	const char *text = json_string_value(value);

	for (size_t i = 0; text != NULL && i < rules->audience_count; i++) {
		if (strcmp(text, rules->audiences[i]) == 0) {
			return true;
		}
	}
	return false;
}

/* RFC 7519 section 4.1.3: a text, or an array of them. */
static bool is_for_audience(json_t *claims, const struct token_rules *rules)
{
	json_t *audience = json_object_get(claims, "aud");

	if (rules->audience_count == 0 || names_one_of(audience, rules)) {
		return true;
	}
	for (size_t i = 0; i < json_array_size(audience); i++) {
		if (names_one_of(json_array_get(audience, i), rules)) {
			return true;
		}
	}
	return false;
}

static bool is_from_issuer(json_t *claims, const struct token_rules *rules)
{
	const char *issuer = json_string_value(json_object_get(claims, "iss"));

	return rules->issuer == NULL || (issuer != NULL && strcmp(issuer, rules->issuer) == 0);
}

/* Neither empty nor of control characters, so that it can stand in a log. */
static bool read_subject(json_t *claims, struct token_claims *out)
{
	const char *subject = json_string_value(json_object_get(claims, "sub"));
	size_t len = subject == NULL ? 0 : strlen(subject);

	if (len == 0 || len > TOKEN_SUBJECT_MAX) {
		return false;
	}
	for (size_t i = 0; i <= len; i++) {
		out->subject[i] = subject[i];
		if (i < len && ((unsigned char)subject[i] < ' ' || subject[i] == 0x7f)) {
			return false;
		}
	}
	return true;
}

static bool read_limit(json_t *claims, const char *name, uint64_t max, uint64_t *out)
{
	json_t *value = json_object_get(claims, name);

	if (value == NULL) {
		return true;
	}
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max) {
		return false;
	}
	*out = (uint64_t)json_integer_value(value);
	return true;
}

static bool read_limits(json_t *claims, struct token_claims *out)
{
	uint64_t allocations = 0;
	uint64_t lifetime_s = 0;
	bool done = read_limit(claims, "max_allocations", UINT32_MAX, &allocations) &&
		    read_limit(claims, "max_lifetime_s", UINT32_MAX, &lifetime_s) &&
		    read_limit(claims, "max_bits_per_s", INT64_MAX, &out->max_bits_per_s) &&
		    read_limit(claims, "max_packets_per_s", INT64_MAX, &out->max_packets_per_s);

	out->max_allocations = (uint32_t)allocations;
	out->max_lifetime_s = (uint32_t)lifetime_s;
	return done;
}

/* NULL when all holds. Times are checked last: what is said of an expired token is true. */
static const char *find_problem(json_t *claims, const struct token_rules *rules, int64_t wall_s,
				struct token_claims *out)
{
	int64_t not_before_s = 0;

	if (!json_is_object(claims)) {
		return "its claims are no JSON object";
	}
	if (!is_from_issuer(claims, rules)) {
		return "it is from another issuer";
	}
	if (!is_for_audience(claims, rules)) {
		return "it is for another audience";
	}
	if (!read_subject(claims, out)) {
		return "\"sub\" is missing or no name";
	}
	if (!read_limits(claims, out)) {
		return "a limit is no number";
	}
	if (!read_time(claims, "exp", &out->expiry_s)) {
		return "\"exp\" is missing or no time";
	}
	if (json_object_get(claims, "nbf") != NULL && !read_time(claims, "nbf", &not_before_s)) {
		return "\"nbf\" is no time";
	}
	if (not_before_s > wall_s + rules->leeway_s) {
		return "its time has not come";
	}
	return !rules->ignore_expiry && out->expiry_s <= wall_s - rules->leeway_s
		       ? "its time is over"
		       : NULL;
}

bool token_check(const struct token *token, const struct token_rules *rules, int64_t wall_s,
		 struct token_claims *out, const char **problem)
{
	json_t *claims = json_loadb(token->claims, token->claims_len, JSON_REJECT_DUPLICATES, NULL);

	*out = (struct token_claims){.expiry_s = 0};
	*problem = find_problem(claims, rules, wall_s, out);
	json_decref(claims);
	return *problem == NULL;
}

bool token_expiry(const struct token *token, int64_t *expiry_s)
{
	json_t *claims = json_loadb(token->claims, token->claims_len, JSON_REJECT_DUPLICATES, NULL);
	bool found = read_time(claims, "exp", expiry_s);

	json_decref(claims);
	return found;
}

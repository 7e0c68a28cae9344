/* SPDX-License-Identifier: Apache-2.0 */
#include "question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/http_client.h"

#define USERHASH_SIZE 32
#define FIELD_SIZE 1024 /* USERNAME, REALM and SOFTWARE are shorter (RFC 8489) */

static const char *const field_names[] = {
	"user", "userhash", "realm", "client", "transport", "server", "sni", "software",
};
#define FIELD_COUNT (sizeof(field_names) / sizeof(field_names[0]))

/* --- fields ------------------------------------------------------------------------------- */

static void write_hex(const uint8_t *bytes, char out[FIELD_SIZE])
{
	for (size_t i = 0; bytes != NULL && i < USERHASH_SIZE; i++) {
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	}
}

/* "" for one that is not known; an attribute with a NUL ends there. */
static void write_field(const struct question *question, const char *name, char out[FIELD_SIZE])
{
	const char *text = NULL;

	out[0] = '\0';
	if (strcmp(name, "user") == 0) {
		text = question->user;
	} else if (strcmp(name, "userhash") == 0) {
		write_hex(question->userhash, out);
	} else if (strcmp(name, "realm") == 0) {
		text = question->realm;
	} else if (strcmp(name, "client") == 0) {
		tp_addr_format(&question->five_tuple->client_addr, out);
	} else if (strcmp(name, "transport") == 0) {
		text = tp_transport_name((enum tp_transport)question->five_tuple->transport);
	} else if (strcmp(name, "server") == 0) {
		tp_addr_format(&question->five_tuple->server_addr, out);
	} else if (strcmp(name, "sni") == 0) {
		text = question->server_name;
	} else {
		snprintf(out, FIELD_SIZE, "%.*s", (int)question->software.len,
			 question->software.len == 0 ? "" : (const char *)question->software.data);
	}
	if (text != NULL) {
		snprintf(out, FIELD_SIZE, "%s", text);
	}
}

bool question_is_utf8(const char *text, size_t len)
{
	json_t *string = json_stringn(text, len);
	bool valid = string != NULL;

	json_decref(string);
	return valid;
}

/* --- JSON --------------------------------------------------------------------------------- */

char *question_json(const struct question *question)
{
	json_t *object = json_object();
	char value[FIELD_SIZE];
	char *text = NULL;
	int err = object == NULL ? -1 : 0;

	for (size_t i = 0; i < FIELD_COUNT && err == 0; i++) {
		write_field(question, field_names[i], value);
		if (value[0] != '\0' && question_is_utf8(value, strlen(value))) {
			err = json_object_set_new(object, field_names[i], json_string(value));
		}
	}
	if (err == 0) {
		text = json_dumps(object, JSON_COMPACT);
	}
	json_decref(object);
	return text;
}

/* --- URLs --------------------------------------------------------------------------------- */

static const char *find_field(const char *name, size_t len)
{
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		if (strlen(field_names[i]) == len && memcmp(field_names[i], name, len) == 0) {
			return field_names[i];
		}
	}
	return NULL;
}

static bool write_escaped(FILE *out, const char *value)
{
	char *escaped = http_url_escape((const uint8_t *)value, strlen(value));
	bool done = escaped != NULL && fputs(escaped, out) >= 0;

	free(escaped);
	return done;
}

static bool write_url(FILE *out, const struct question *question, const char *pattern)
{
	char value[FIELD_SIZE];
	bool done = true;

	while (*pattern != '\0' && done) {
		const char *open = strchr(pattern, '{');
		const char *close = open == NULL ? NULL : strchr(open, '}');

		if (close == NULL) {
			return fputs(pattern, out) >= 0;
		}
		done = fwrite(pattern, 1, (size_t)(open - pattern), out) ==
		       (size_t)(open - pattern);
		write_field(question, find_field(open + 1, (size_t)(close - open) - 1), value);
		done = done && write_escaped(out, value);
		pattern = close + 1;
	}
	return done;
}

char *question_url(const struct question *question, const char *pattern)
{
	char *url = NULL;
	size_t len;
	FILE *out = open_memstream(&url, &len);
	bool done;

	if (out == NULL) {
		return NULL;
	}
	done = write_url(out, question, pattern);
	if (fclose(out) != 0 || !done) {
		free(url);
		return NULL;
	}
	return url;
}

/* Where the host's name and port end. */
static size_t authority_len(const char *authority)
{
	return strcspn(authority, "/?#");
}

static const char *authority_of(const char *url)
{
	if (strncmp(url, "http://", 7) == 0) {
		return url + 7;
	}
	return strncmp(url, "https://", 8) == 0 ? url + 8 : NULL;
}

static bool check_fields(const char *path, bool *fields, char problem[QUESTION_PROBLEM_SIZE])
{
	*fields = false;
	for (const char *open = strchr(path, '{'); open != NULL; open = strchr(open + 1, '{')) {
		size_t len = strcspn(open + 1, "}");

		if (open[1 + len] != '}' || find_field(open + 1, len) == NULL) {
			snprintf(problem, QUESTION_PROBLEM_SIZE, "there is no field {%.*s}",
				 (int)(len > 40 ? 40 : len), open + 1);
			return false;
		}
		*fields = true;
	}
	return true;
}

bool question_check_url(const char *pattern, bool *fields, char problem[QUESTION_PROBLEM_SIZE])
{
	const char *authority = authority_of(pattern);
	size_t len;

	if (authority == NULL) {
		snprintf(problem, QUESTION_PROBLEM_SIZE,
			 "it begins neither with https:// nor with http://");
		return false;
	}
	len = authority_len(authority);
	if (len == 0 || memchr(authority, '@', len) != NULL ||
	    memchr(authority, '{', len) != NULL) {
		snprintf(problem, QUESTION_PROBLEM_SIZE,
			 "between // and / there must be a host, perhaps a port, and no more");
		return false;
	}
	for (const char *at = pattern; *at != '\0'; at++) {
		if (*at <= ' ' || *at == 0x7f) {
			snprintf(problem, QUESTION_PROBLEM_SIZE, "a URL has no blanks");
			return false;
		}
	}
	return check_fields(authority + len, fields, problem);
}

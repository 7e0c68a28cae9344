/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ldap.h>

#define USERHASH_SIZE 32

/* Bytes that need no escape: letters and digits. */
static bool is_plain(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9');
}

static void write_value(FILE *out, const char *value)
{
	for (; *value != '\0'; value++) {
		unsigned char byte = (unsigned char)*value;

		if (is_plain(byte)) {
			fputc(byte, out);
		} else {
			fprintf(out, "\\%02x", byte);
		}
	}
}

static void write_hex(FILE *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		fprintf(out, "%02x", bytes[i]);
	}
}

static void write_field(FILE *out, char field, const struct lookup_query *query)
{
	if (field == 'u' && query->username != NULL) {
		write_value(out, query->username);
	} else if (field == 'h' && query->userhash != NULL) {
		write_hex(out, query->userhash, USERHASH_SIZE);
	} else if (field == 'r') {
		write_value(out, query->realm);
	}
}

static void write_template(FILE *out, const char *text, const struct lookup_query *query)
{
	for (; *text != '\0'; text++) {
		if (*text == '%' && text[1] != '\0') {
			write_field(out, *++text, query);
		} else {
			fputc(*text, out);
		}
	}
}

static void write_filter(FILE *out, const struct settings *settings,
			 const struct lookup_query *query)
{
	if (settings->group_filter != NULL) {
		fputs("(&", out);
	}
	if (query->username == NULL) {
		write_template(out, settings->hash_filter, query);
	} else if (settings->filter != NULL) {
		write_template(out, settings->filter, query);
	} else {
		fprintf(out, "(%s=", settings->user_attribute);
		write_value(out, query->username);
		fputc(')', out);
	}
	if (settings->group_filter != NULL) {
		write_template(out, settings->group_filter, query);
		fputc(')', out);
	}
}

/* NULL when out of memory. */
static char *close_text(FILE *out, char **text)
{
	bool failed = ferror(out) != 0;

	if (fclose(out) != 0 || failed) {
		free(*text);
		return NULL;
	}
	return *text;
}

char *filter_create(const struct settings *settings, const struct lookup_query *query)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL) {
		return NULL;
	}
	write_filter(out, settings, query);
	return close_text(out, &text);
}

/* As libldap reads it, which it does before it finds that there is no such server. */
static bool is_filter(const char *text)
{
	struct timeval timeout = {1, 0};
	LDAP *ldap = NULL;
	int result = LDAP_NO_MEMORY;
	int id;

	if (ldap_initialize(&ldap, "ldapi://%2fdev%2fnull%2fnowhere") == LDAP_SUCCESS) {
		result = ldap_search_ext(ldap, "", LDAP_SCOPE_BASE, text, NULL, 0, NULL, NULL,
					 &timeout, 1, &id);
		ldap_destroy(ldap);
	}
	return result != LDAP_FILTER_ERROR && result != LDAP_NO_MEMORY;
}

/* With a harmless user. */
static bool parses(const char *text)
{
	static const struct lookup_query query = {.username = "user", .realm = "realm"};
	char *filled = NULL;
	size_t len;
	FILE *out = open_memstream(&filled, &len);
	bool good;

	if (out == NULL) {
		return false;
	}
	write_template(out, text, &query);
	filled = close_text(out, &filled);
	good = filled != NULL && filled[0] == '(' && is_filter(filled);
	free(filled);
	return good;
}

const char *filter_check(const char *text, const char *needed)
{
	const char *field = text;

	while ((field = strchr(field, '%')) != NULL) {
		if (field[1] == '\0' || strchr("uhr", field[1]) == NULL) {
			return "a % is followed by u (user), h (hash) or r (realm)";
		}
		field += 2;
	}
	if (strstr(text, needed) == NULL) {
		return needed[1] == 'u' ? "%u, the user, is not in it"
					: "%h, the hash, is not in it";
	}
	return parses(text) ? NULL : "is no filter, which looks like (uid=%u)";
}

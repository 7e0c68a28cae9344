/* SPDX-License-Identifier: Apache-2.0 */
#include "common/http_fresh.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define SECONDS_MAX INT64_C(2147483648) /* RFC 9111 section 1.2.2 */

/* The rest of @text behind @word, any case; NULL when it does not begin so. */
static const char *behind(const char *text, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	return len >= word_len && strncasecmp(text, word, word_len) == 0 ? text + word_len : NULL;
}

static void trim(const char **text, size_t *len)
{
	while (*len != 0 && strchr(" \t\r\n", (*text)[0]) != NULL) {
		(*text)++;
		(*len)--;
	}
	while (*len != 0 && strchr(" \t\r\n", (*text)[*len - 1]) != NULL) {
		(*len)--;
	}
}

/* Section 5.2: a quoted number counts, too; what is none is 0, the careful reading. */
static int64_t parse_seconds(const char *text, size_t len)
{
	int64_t value = 0;

	if (len >= 2 && text[0] == '"' && text[len - 1] == '"') {
		text++;
		len -= 2;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9') {
			return 0;
		}
		value = value * 10 + (text[i] - '0');
		value = value > SECONDS_MAX ? SECONDS_MAX : value;
	}
	return value;
}

static void read_directive(struct http_fresh *fresh, const char *text, size_t len)
{
	const char *value;
	int64_t seconds;

	trim(&text, &len);
	if ((len == 8 && behind(text, len, "no-store") != NULL) ||
	    behind(text, len, "no-cache") != NULL) {
		fresh->max_age_s = 0;
		return;
	}
	value = behind(text, len, "max-age=");
	if (value != NULL) {
		seconds = parse_seconds(value, len - (size_t)(value - text));
		if (fresh->max_age_s == -1 || seconds < fresh->max_age_s) {
			fresh->max_age_s = seconds;
		}
	}
}

void http_fresh_begin(struct http_fresh *fresh)
{
	*fresh = (struct http_fresh){.max_age_s = -1};
}

void http_fresh_line(struct http_fresh *fresh, const char *line, size_t len)
{
	const char *value = behind(line, len, "age:");

	if (value != NULL) {
		len -= (size_t)(value - line);
		trim(&value, &len);
		fresh->age_s = parse_seconds(value, len);
		return;
	}
	value = behind(line, len, "cache-control:");
	if (value == NULL) {
		return;
	}
	len -= (size_t)(value - line);
	for (;;) {
		const char *comma = memchr(value, ',', len);
		size_t part = comma == NULL ? len : (size_t)(comma - value);

		read_directive(fresh, value, part);
		if (comma == NULL) {
			return;
		}
		value += part + 1;
		len -= part + 1;
	}
}

int64_t http_fresh_left_s(const struct http_fresh *fresh)
{
	if (fresh->max_age_s == -1) {
		return -1;
	}
	return fresh->max_age_s > fresh->age_s ? fresh->max_age_s - fresh->age_s : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control.h"

#include <string.h>

#include <turnpike/error.h>

/* From a line to a verb and its words. */

static bool is_control_byte(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/* Moves the word to where it begins, without its quotes. Returns its end, NULL: wrong. */
static char *take_quoted(char *at, char **word)
{
	char *to = at;

	*word = to;
	for (at++; *at != '"'; at++) {
		if (*at == '\\' && (at[1] == '"' || at[1] == '\\')) {
			at++;
		}
		if (*at == '\0') {
			return NULL;
		}
		*to++ = *at;
	}
	if (at[1] != '\0' && at[1] != ' ') {
		return NULL;
	}
	*to = '\0';
	return at + 1;
}

static char *take_plain(char *at, char **word)
{
	*word = at;
	at += strcspn(at, " \"");
	return *at == '"' ? NULL : at;
}

int tp_control_split(char *line, char **words, size_t *count)
{
	char *at = line;

	*count = 0;
	for (const char *c = line; *c != '\0'; c++) {
		if (is_control_byte(*c)) {
			return TP_EINVAL;
		}
	}
	for (at += strspn(at, " "); *at != '\0'; at += strspn(at, " ")) {
		char *word;

		if (*count == TP_CONTROL_WORDS_MAX) {
			return TP_ERANGE;
		}
		at = *at == '"' ? take_quoted(at, &word) : take_plain(at, &word);
		if (at == NULL) {
			return TP_EINVAL;
		}
		if (*at == ' ') {
			*at++ = '\0';
		}
		words[(*count)++] = word;
	}
	return 0;
}

/* How many words of the request are the verb's; 0 when it is another. */
static size_t match(const struct tp_control_verb *verb, char *const *words, size_t count)
{
	const char *at = verb->words;
	size_t own = 0;

	while (*at != '\0') {
		size_t len = strcspn(at, " ");

		if (own == count || strlen(words[own]) != len || memcmp(words[own], at, len) != 0) {
			return 0;
		}
		own++;
		at += len;
		at += strspn(at, " ");
	}
	return own;
}

const struct tp_control_verb *tp_control_find(char *const *words, size_t count, size_t *own)
{
	for (const struct tp_control_verb *verb = tp_control_verbs; verb->words != NULL; verb++) {
		*own = match(verb, words, count);
		if (*own != 0) {
			return verb;
		}
	}
	return NULL;
}

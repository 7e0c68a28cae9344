/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "daemon/control.h"

/*
 * A request line of the control socket: whatever the bytes, it becomes words that
 * lie in the line, or is refused.
 */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

const struct tp_control_verb tp_control_verbs[] = {
	{"plugin reload", "NAME", "", NULL},
	{"status", "", "", NULL},
	{NULL, NULL, NULL, NULL},
};

static void check_words(const char *line, size_t len, char **words, size_t count)
{
	const struct tp_control_verb *verb;
	size_t own = 0;

	tp_assert(count <= TP_CONTROL_WORDS_MAX);
	for (size_t i = 0; i < count; i++) {
		tp_assert(words[i] >= line && words[i] + strlen(words[i]) <= line + len);
		tp_assert(i == 0 || words[i] > words[i - 1] + strlen(words[i - 1]));
	}
	verb = tp_control_find(words, count, &own);
	tp_assert(own <= count && (verb == NULL || own != 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *words[TP_CONTROL_WORDS_MAX];
	char *line = malloc(len + 1);
	size_t count;

	tp_assert(line != NULL);
	if (len > 0) {
		memcpy(line, bytes, len);
	}
	line[len] = '\0';
	if (tp_control_split(line, words, &count) == 0) {
		check_words(line, len, words, count);
	}
	free(line);
	return 0;
}

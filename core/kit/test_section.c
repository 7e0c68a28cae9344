/* SPDX-License-Identifier: Apache-2.0 */
#include "kit/test_section.h"

#include <stdlib.h>
#include <string.h>

#include "kit/test_host.h"

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t");
	len = strlen(text);
	while (len > 0 && strchr(" \t\r", text[len - 1]) != NULL) {
		text[--len] = '\0';
	}
	return text;
}

static void add_setting(struct tp_test_section *section, char *line, int number)
{
	char *equals = strchr(line, '=');

	line = trim(line);
	if (line[0] == '\0' || line[0] == '#' || line[0] == ';') {
		return;
	}
	if (equals == NULL) {
		tp_test_die("line %d of the section has no '='", number);
	}
	tp_test_must(section->count < TP_TEST_SETTINGS_MAX);
	*equals = '\0';
	section->settings[section->count++] = (struct tp_setting){
		.key = trim(line),
		.value = trim(equals + 1),
		.line = number,
	};
}

void tp_test_section_init(struct tp_test_section *section, const char *text)
{
	char *rest;
	int number = 1;

	section->count = 0;
	section->text = strdup(text);
	tp_test_must(section->text != NULL);
	for (rest = section->text; rest != NULL; number++) {
		char *line = strsep(&rest, "\n");

		add_setting(section, line, number);
	}
}

void tp_test_section_fini(struct tp_test_section *section)
{
	free(section->text);
	section->text = NULL;
}

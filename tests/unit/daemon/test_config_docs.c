/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_file.h"
#include "host/schema.h"
#include "support/suite.h"

/*
 * etc/turnpike.conf and man/turnpike.conf.5 say what the table of keys says:
 * the same keys, each with its help, type, range, default and reload. The cases
 * read the source tree from its top, where make runs them.
 */

#define CONF "etc/turnpike.conf"
#define MANUAL "man/turnpike.conf.5"

/*
 * Where the files say that plugins are; "make install" puts the real place
 * there.
 */
#define PLUGIN_DIR_AS_SHIPPED "/usr/local/lib/turnpike/plugins"

#define LINE_MAX_ 256

struct facts {
	char name[LINE_MAX_];
	char help[LINE_MAX_];
	char facts[LINE_MAX_]; /* type, range; default; reload */
};

static char *read_text(const char *path)
{
	char *text = calloc(1, 200000);
	FILE *file = fopen(path, "r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_NOT_EQUAL(fread(text, 1, 199999, file), 0);
	fclose(file);
	return text;
}

static void take_line(char **at, char out[LINE_MAX_])
{
	size_t len;

	*at += strspn(*at, "\t");
	len = strcspn(*at, "\n");
	CU_ASSERT_TRUE_FATAL(len < LINE_MAX_ && (*at)[len] == '\n');
	memcpy(out, *at, len);
	out[len] = 0;
	*at += len + 1;
}

/* Where this build expects plugins. */
static const char *plugin_dir(void)
{
	const struct tp_option *option = tp_config_section_find("turnpike")->options;

	while (strcmp(option->name, "plugin_dir") != 0) {
		option++;
	}
	return option->default_value;
}

static void ship_plugin_dir(char facts[LINE_MAX_])
{
	char *found = strstr(facts, plugin_dir());
	char rest[LINE_MAX_];

	if (found == NULL) {
		return;
	}
	snprintf(rest, sizeof(rest), "%s", found + strlen(plugin_dir()));
	snprintf(found, (size_t)(facts + LINE_MAX_ - found), "%s%s", PLUGIN_DIR_AS_SHIPPED, rest);
}

/* As tp_schema_print() has them. */
static struct facts facts_of(const struct tp_option *option)
{
	const struct tp_option table[2] = {*option, {0}};
	struct facts facts;
	char *text = NULL;
	char *at;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	tp_schema_print(table, out);
	fclose(out);
	at = text;
	take_line(&at, facts.name);
	take_line(&at, facts.help);
	take_line(&at, facts.facts);
	ship_plugin_dir(facts.facts);
	free(text);
	return facts;
}

/*
 * The part of a text from the line with @head to the next line that begins as
 * one of the two; a copy. NULL when there is none.
 */
static char *part_of(const char *text, const char *head, const char *next, const char *or_next)
{
	const char *start = strstr(text, head);
	const char *end;
	const char *other;

	if (start == NULL) {
		return NULL;
	}
	start = strchr(start + 1, '\n');
	end = strstr(start, next);
	other = strstr(start, or_next);
	if (end == NULL || (other != NULL && other < end)) {
		end = other;
	}
	return end == NULL ? strdup(start) : strndup(start, (size_t)(end - start) + 1);
}

static bool is_family(const struct tp_config_section *section)
{
	return section->name[strlen(section->name) - 1] == '.';
}

/*
 * Of the shipped file; a section that is commented out counts when there is no
 * other.
 */
static char *conf_part(const char *text, const struct tp_config_section *section)
{
	char head[LINE_MAX_];
	char *part;

	snprintf(head, sizeof(head), "\n[%s%s", section->name, is_family(section) ? "" : "]\n");
	part = part_of(text, head, "\n[", "\n#[");
	if (part == NULL) {
		snprintf(head, sizeof(head), "\n#[%s", section->name);
		part = part_of(text, head, "\n[", "\n#[");
	}
	return part;
}

static void expect(const char *file, const char *part, const char *wanted)
{
	bool found = part != NULL && strstr(part, wanted) != NULL;

	if (!found) {
		printf("%s lacks: %s\n", file, wanted);
	}
	CU_ASSERT_TRUE(found);
}

static void the_shipped_file_shows_every_key(void)
{
	char *text = read_text(CONF);

	for (const struct tp_config_section *at = tp_config_sections; at->name != NULL; at++) {
		char *part = conf_part(text, at);

		for (const struct tp_option *option = at->options; option->name != NULL; option++) {
			const struct facts facts = facts_of(option);
			char wanted[4 * LINE_MAX_];

			snprintf(wanted, sizeof(wanted), "\n# %s\n# %s\n#%s = ", facts.help,
				 facts.facts, facts.name);
			if (option->default_value != NULL) {
				char value[LINE_MAX_];

				snprintf(value, sizeof(value), "%s\n", option->default_value);
				ship_plugin_dir(value);
				strcat(wanted, value);
			}
			expect(CONF, part, wanted);
		}
		free(part);
	}
	free(text);
}

static void the_manual_explains_every_key(void)
{
	char *text = read_text(MANUAL);

	for (const struct tp_config_section *at = tp_config_sections; at->name != NULL; at++) {
		char head[LINE_MAX_];
		char *part;

		snprintf(head, sizeof(head), "\n.Ss [%s%s]\n", at->name,
			 is_family(at) ? "NAME" : "");
		part = part_of(text, head, "\n.Ss ", "\n.Sh ");
		for (const struct tp_option *option = at->options; option->name != NULL; option++) {
			const struct facts facts = facts_of(option);
			char wanted[4 * LINE_MAX_];

			snprintf(wanted, sizeof(wanted), "\n.It Sy %s\n.Bq %s\n", facts.name,
				 facts.facts);
			expect(MANUAL, part, wanted);
		}
		free(part);
	}
	free(text);
}

static size_t count(const char *text, const char *word)
{
	size_t found = 0;

	for (text = strstr(text, word); text != NULL; text = strstr(text + 1, word)) {
		found++;
	}
	return found;
}

static void the_manual_knows_no_other_key(void)
{
	char *text = read_text(MANUAL);
	size_t keys = 0;
	size_t sections = 0;

	for (const struct tp_config_section *at = tp_config_sections; at->name != NULL; at++) {
		keys += tp_option_count(at->options);
		sections++;
	}
	CU_ASSERT_EQUAL(count(text, "\n.It Sy "), keys);
	CU_ASSERT_EQUAL(count(text, "\n.Ss ["), sections);
	free(text);
}

/* Those that are about files, users and plugins of this host. */
static bool depends_on_host(const char *line)
{
	static const char *const keys[] = {"#certificate =",
					   "#key =",
					   "#user =",
					   "#group =",
					   "#file =",
					   "#users =",
					   "#transport = tls",
					   "#events =",
					   "#on_error =",
					   "#deadline_ms =",
					   "#alternate_address =",
					   "#redirect_to ="};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strncmp(line, keys[i], strlen(keys[i])) == 0) {
			return true;
		}
	}
	return false;
}

/* "#key = value" becomes "key = value"; the realm's section is there then, too. */
static char *uncomment(const char *text)
{
	char *out = calloc(1, strlen(text) + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	while (*text != 0) {
		size_t len = strcspn(text, "\n") + 1;
		bool key = text[0] == '#' && ((text[1] >= 'a' && text[1] <= 'z') ||
					      strncmp(text, "#[realm.", 8) == 0);

		strncat(out, text + (key && !depends_on_host(text) ? 1 : 0),
			len - (key && !depends_on_host(text) ? 1 : 0));
		text += len;
	}
	return out;
}

static void the_shipped_file_loads_with_every_key_uncommented(void)
{
	char *text = read_text(CONF);
	char *secure = strstr(text, "#[listener.secure]\n");
	struct config_file file;
	char *uncommented;

	CU_ASSERT_PTR_NOT_NULL_FATAL(secure);
	memmove(secure, strstr(secure, "\n\n"), strlen(strstr(secure, "\n\n")) + 1);
	uncommented = uncomment(text);
	CU_ASSERT_TRUE(count(uncommented, "\nrealm = ") == 3);
	config_file_open(&file, uncommented);
	CU_ASSERT_EQUAL(file.error, 0);
	if (file.error != 0) {
		printf("%s\n", file.problem);
	}
	config_file_close(&file);
	free(uncommented);
	free(text);
}

static void the_shipped_file_as_it_is_asks_for_a_realm(void)
{
	char *text = read_text(CONF);
	struct config_file file;

	config_file_open(&file, text);
	CU_ASSERT_STRING_EQUAL(config_file_problem(&file),
			       ": [turnpike] realm: is required and missing");
	config_file_close(&file);
	free(text);
}

TEST_SUITE("config_docs", TEST(the_shipped_file_shows_every_key),
	   TEST(the_manual_explains_every_key), TEST(the_manual_knows_no_other_key),
	   TEST(the_shipped_file_loads_with_every_key_uncommented),
	   TEST(the_shipped_file_as_it_is_asks_for_a_realm));

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_parts.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "host/problem.h"

/* The list of plugins and their [plugin.NAME] sections. */

#define FAMILY "plugin."
#define SECTION_MAX 80

static bool is_name(const char *text)
{
	return text[0] != 0 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(text) &&
	       strlen(text) < SECTION_MAX - sizeof(FAMILY);
}

/* "auth_file" of "/usr/lib/auth_file.so". */
static char *name_of(const char *word)
{
	const char *slash = word[0] == '/' ? strrchr(word, '/') : NULL;
	const char *start = slash == NULL ? word : slash + 1;
	size_t len = strlen(start);

	if (slash != NULL && len > 3 && strcmp(start + len - 3, ".so") == 0) {
		len -= 3;
	}
	return strndup(start, len);
}

/* The settings without the core's own key, which @file then tells. */
static int split_settings(struct tp_config *config, const struct tp_ini_section *found,
			  struct tp_instance_config *plugin, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_setting *file = tp_ini_setting(found, "file");
	struct tp_setting *settings;

	if (found == NULL) {
		return 0;
	}
	if (file != NULL && (plugin->file[0] == '/' || file->value[0] == 0)) {
		return tp_config_problem(
			config, found->name, "file", problem, TP_EINVAL,
			file->value[0] == 0 ? "is empty" : "stands beside a path in \"plugins\"");
	}
	settings = calloc(found->setting_count + 1, sizeof(*settings));
	if (settings == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	plugin->settings = settings;
	for (size_t i = 0; i < found->setting_count; i++) {
		if (&found->settings[i] != file) {
			settings[plugin->setting_count++] = found->settings[i];
		}
	}
	plugin->file = file == NULL ? plugin->file : file->value;
	return 0;
}

static const struct tp_instance_config *find_plugin(const struct tp_config *config,
						    const char *name)
{
	for (size_t i = 0; i < config->plugin_count; i++) {
		if (strcmp(config->plugins[i].name, name) == 0) {
			return &config->plugins[i];
		}
	}
	return NULL;
}

/* The name is the configuration's on success. */
static int add_plugin(struct tp_config *config, const char *word, char *name,
		      char problem[TP_PROBLEM_SIZE])
{
	struct tp_instance_config *plugin = &config->plugins[config->plugin_count];
	char section[SECTION_MAX];

	config->plugin_names[config->plugin_count++] = name;
	*plugin = (struct tp_instance_config){
		.name = name,
		.file = word[0] == '/' ? word : name,
		.config_file = config->file,
	};
	snprintf(section, sizeof(section), "%s%s", FAMILY, name);
	return split_settings(config, tp_ini_section(&config->ini, section), plugin, problem);
}

static bool is_listed(const struct tp_realm_plugins *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->names[i], name) == 0) {
			return true;
		}
	}
	return false;
}

/* What keeps the word out of a section's list of plugins; 0 with a sentence of why. */
static int check_word(const struct tp_config *config, const char *section,
		      const struct tp_realm_plugins *list, const char *word, const char *name,
		      char problem[TP_PROBLEM_SIZE])
{
	const struct tp_instance_config *known = find_plugin(config, name);

	if (!is_name(name)) {
		return tp_config_problem(config, section, "plugins", problem, TP_EINVAL,
					 "\"%.80s\" is neither the name of a plugin (lower-case "
					 "letters, digits, '_') nor an absolute path to one",
					 word);
	}
	if (is_listed(list, name)) {
		return tp_config_problem(config, section, "plugins", problem, TP_EINVAL,
					 "\"%s\" is there twice", name);
	}
	if (known != NULL && word[0] == '/' && strcmp(known->file, word) != 0) {
		return tp_config_problem(config, section, "plugins", problem, TP_EINVAL,
					 "\"%s\" is another file in another realm", name);
	}
	if (known == NULL && config->plugin_count == TP_PLUGINS_MAX) {
		return tp_config_problem(config, section, "plugins", problem, TP_ERANGE,
					 "holds more than %d plugins", TP_PLUGINS_MAX);
	}
	return 0;
}

/* The name in @out is the configuration's. */
static int take_word(struct tp_config *config, const char *section,
		     const struct tp_realm_plugins *list, const char *word, const char **out,
		     char problem[TP_PROBLEM_SIZE])
{
	const struct tp_instance_config *known;
	char *name = name_of(word);
	int err;

	if (name == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	err = check_word(config, section, list, word, name, problem);
	known = find_plugin(config, name);
	if (err == 0 && known == NULL) {
		*out = name;
		return add_plugin(config, word, name, problem);
	}
	if (known != NULL) {
		*out = known->name;
	}
	free(name);
	return err;
}

/* @names: room for TP_PLUGINS_MAX, which no list exceeds since each is there once */
static int take_list(struct tp_config *config, const struct tp_config_source *source,
		     const char **names, size_t *count, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *value = tp_config_value(source->values, "plugins");
	int err = 0;

	for (size_t i = 0; err == 0 && i < value->word_count; i++) {
		const struct tp_realm_plugins list = {names, i};

		err = take_word(config, source->section, &list, value->words[i], &names[i],
				problem);
		*count = i + 1;
	}
	return err;
}

int tp_config_take_plugins(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config_source first = {"turnpike",
					       tp_config_section_values(config, "turnpike")};
	int err;

	config->plugins = calloc(TP_PLUGINS_MAX, sizeof(*config->plugins));
	config->plugin_names = calloc(TP_PLUGINS_MAX, sizeof(*config->plugin_names));
	if (config->plugins == NULL || config->plugin_names == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	err = take_list(config, &first, config->first_plugins, &config->first_plugin_count,
			problem);
	for (size_t i = 0; err == 0 && i < config->realm_count; i++) {
		struct tp_realm_config *realm = &config->realms[i];
		const struct tp_config_source source = {realm->section, &realm->values};

		err = take_list(config, &source, realm->plugins, &realm->plugin_count, problem);
	}
	return err;
}

struct tp_realm_plugins tp_config_realm_plugins(const struct tp_config *config, size_t realm)
{
	if (realm == 0) {
		return (struct tp_realm_plugins){config->first_plugins, config->first_plugin_count};
	}
	return (struct tp_realm_plugins){config->realms[realm - 1].plugins,
					 config->realms[realm - 1].plugin_count};
}

const char *tp_config_idle_plugin(const struct tp_config *config, size_t *at)
{
	for (; *at < config->ini.section_count; (*at)++) {
		const char *name = config->ini.sections[*at].name;
		bool used = strncmp(name, FAMILY, strlen(FAMILY)) != 0;

		for (size_t i = 0; !used && i < config->plugin_count; i++) {
			used = strcmp(config->plugin_names[i], name + strlen(FAMILY)) == 0;
		}
		if (!used) {
			(*at)++;
			return name;
		}
	}
	return NULL;
}

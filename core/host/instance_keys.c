/* SPDX-License-Identifier: Apache-2.0 */
#include "host/instance_keys.h"

#include <stdio.h>
#include <string.h>

#include <turnpike/error.h>

#include "host/event_table.h"
#include "host/problem.h"

#define SECTION_SIZE 96

enum { FILE_KEY, EVENTS_KEY, ON_ERROR_KEY, DEADLINE_KEY, KEY_COUNT };

static const char *const on_error_choices[] = {"deny", "pass", NULL};

const struct tp_option tp_instance_keys[] = {
	[FILE_KEY] = {.name = "file",
		      .type = TP_OPTION_STRING,
		      .flags = TP_OPTION_RELOADABLE,
		      .help = "shared object when it differs from NAME: a name in plugin_dir or an "
			      "absolute path"},
	[EVENTS_KEY] = {.name = "events",
			.type = TP_OPTION_LIST,
			.flags = TP_OPTION_RELOADABLE,
			.help = "the only events it gets, of those it handles; without it all"},
	[ON_ERROR_KEY] = {.name = "on_error",
			  .type = TP_OPTION_ENUM,
			  .default_value = "deny",
			  .choices = on_error_choices,
			  .flags = TP_OPTION_RELOADABLE,
			  .help = "what a missed deadline or a broken rule of a handler counts as"},
	[DEADLINE_KEY] = {.name = "deadline_ms",
			  .type = TP_OPTION_INTEGER,
			  .min = 10,
			  .max = 60000,
			  .unit = "ms",
			  .flags = TP_OPTION_RELOADABLE,
			  .help = "how long it may take to answer a request it has parked; without "
				  "it park_deadline of [turnpike]"},
	[KEY_COUNT] = {0},
};

/* --- events ------------------------------------------------------------------------- */

static int unknown_event(const char *name, char problem[TP_PROBLEM_SIZE])
{
	const char *names[TP_EVENT_COUNT];
	const char *nearest;

	for (size_t event = 0; event < TP_EVENT_COUNT; event++) {
		names[event] = tp_event_table[event].name;
	}
	nearest = tp_nearest(name, names, TP_EVENT_COUNT);
	if (nearest != NULL) {
		return tp_problem(problem, TP_EINVAL, "\"%.64s\" is no event; did you mean \"%s\"?",
				  name, nearest);
	}
	return tp_problem(problem, TP_EINVAL, "\"%.64s\" is no event", name);
}

static int want(const struct tp_instance *instance, const char *name, bool wanted[TP_EVENT_COUNT],
		char problem[TP_PROBLEM_SIZE])
{
	for (size_t event = 0; event < TP_EVENT_COUNT; event++) {
		if (strcmp(tp_event_table[event].name, name) != 0) {
			continue;
		}
		if (!tp_event_table[event].handled(&instance->events)) {
			return tp_problem(problem, TP_EINVAL, "%s does not handle %s",
					  tp_instance_path(instance), name);
		}
		wanted[event] = true;
		return 0;
	}
	return unknown_event(name, problem);
}

static int narrow(struct tp_instance *instance, const char *const *names, size_t count,
		  char problem[TP_PROBLEM_SIZE])
{
	bool wanted[TP_EVENT_COUNT] = {false};

	for (size_t i = 0; i < count; i++) {
		int err = want(instance, names[i], wanted, problem);

		if (err != 0) {
			return err;
		}
	}
	for (size_t event = 0; event < TP_EVENT_COUNT; event++) {
		if (!wanted[event]) {
			tp_event_table[event].forget(&instance->events);
		}
	}
	return 0;
}

/* --- all ---------------------------------------------------------------------------- */

static bool has_option(const struct tp_option *options, const char *name)
{
	size_t count = tp_option_count(options);

	for (size_t i = 0; i < count; i++) {
		if (strcmp(options[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static int line_of(const struct tp_setting *settings, size_t count, const char *key)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(settings[i].key, key) == 0) {
			return settings[i].line;
		}
	}
	return 0;
}

/* What the sentence is about: "file:line: [section] key". */
static int name_place(const struct tp_instance_config *config, const char *section, const char *key,
		      int err, char problem[TP_PROBLEM_SIZE])
{
	int line = line_of(config->settings, config->setting_count, key);
	char sentence[TP_PROBLEM_SIZE];

	memcpy(sentence, problem, sizeof(sentence));
	if (line == 0) {
		return tp_problem(problem, err, "%.200s: [%s] %s: %.200s", config->config_file,
				  section, key, sentence);
	}
	return tp_problem(problem, err, "%.200s:%d: [%s] %s: %.200s", config->config_file, line,
			  section, key, sentence);
}

static int act(struct tp_instance *instance, const struct tp_instance_config *config,
	       const char *section, const struct tp_value *values, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *events = &values[EVENTS_KEY];
	int err = 0;

	if (events->set) {
		err = narrow(instance, (const char *const *)events->words, events->word_count,
			     problem);
	} else if (config->events != NULL) {
		err = narrow(instance, config->events, config->event_count, problem);
	}
	if (err != 0) {
		return name_place(config, section, "events", err, problem);
	}
	instance->on_error = config->on_error;
	if (line_of(config->settings, config->setting_count, "on_error") != 0 ||
	    values[ON_ERROR_KEY].integer != TP_ON_ERROR_DENY) {
		instance->on_error = (enum tp_on_error)values[ON_ERROR_KEY].integer;
	}
	instance->deadline_ms = values[DEADLINE_KEY].set ? (uint32_t)values[DEADLINE_KEY].integer
							 : config->deadline_ms;
	return 0;
}

/* Is the key ours in this section? */
static bool is_ours(const struct tp_instance *instance, const char *key)
{
	return strcmp(key, tp_instance_keys[FILE_KEY].name) != 0 &&
	       has_option(tp_instance_keys, key) && !has_option(instance->plugin->options, key);
}

int tp_instance_take_keys(struct tp_instance *instance, const struct tp_instance_config *config,
			  struct tp_setting *own, size_t *own_count, char problem[TP_PROBLEM_SIZE])
{
	struct tp_setting ours[KEY_COUNT];
	struct tp_value values[KEY_COUNT];
	char section[SECTION_SIZE];
	size_t our_count = 0;
	int err;

	*own_count = 0;
	snprintf(section, sizeof(section), "plugin.%s", config->name);
	for (size_t i = 0; i < config->setting_count; i++) {
		const struct tp_setting *setting = &config->settings[i];

		if (is_ours(instance, setting->key) && our_count < KEY_COUNT) {
			ours[our_count++] = *setting;
		} else {
			own[(*own_count)++] = *setting;
		}
	}
	err = tp_schema_apply(tp_instance_keys, section, config->config_file, ours, our_count,
			      values, problem);
	if (err != 0) {
		return err;
	}
	err = act(instance, config, section, values, problem);
	for (size_t i = 0; i < KEY_COUNT; i++) {
		tp_value_fini(&values[i]);
	}
	return err;
}

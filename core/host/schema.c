/* SPDX-License-Identifier: Apache-2.0 */
#include "host/schema.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "host/problem.h"

#define OPTIONS_MAX 256

/* Where a problem is: a file, a line, a section. */
struct place {
	const char *config_file;
	const char *section;
};

static const struct {
	const char *name;
	const char *unit;
} types[] = {
	[TP_OPTION_BOOL] = {"yes or no", ""},
	[TP_OPTION_INTEGER] = {"integer", ""},
	[TP_OPTION_DURATION] = {"duration", " ms"},
	[TP_OPTION_SIZE] = {"size", " bytes"},
	[TP_OPTION_RATE] = {"rate", " bit/s"},
	[TP_OPTION_STRING] = {"string", ""},
	[TP_OPTION_SECRET] = {"secret", ""},
	[TP_OPTION_PATH] = {"absolute path", ""},
	[TP_OPTION_LIST] = {"list of words", ""},
	[TP_OPTION_PREFIXES] = {"list of IP networks", ""},
	[TP_OPTION_ADDRESS] = {"IP address, port optional", ""},
	[TP_OPTION_ENUM] = {"one of", ""},
};

size_t tp_option_count(const struct tp_option *options)
{
	size_t count = 0;

	while (options != NULL && options[count].name != NULL) {
		count++;
	}
	return count;
}

static const char *fault_of(const struct tp_option *options, size_t at)
{
	const struct tp_option *option = &options[at];

	if (option->name[0] == '\0' ||
	    strspn(option->name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(option->name)) {
		return "has a name that is not of a-z, 0-9 and _";
	}
	if ((size_t)option->type >= sizeof(types) / sizeof(types[0])) {
		return "has an unknown type";
	}
	if (option->help == NULL || option->help[0] == '\0') {
		return "has no help line";
	}
	if (option->type == TP_OPTION_ENUM &&
	    (option->choices == NULL || option->choices[0] == NULL)) {
		return "has no choices";
	}
	for (size_t i = 0; i < at; i++) {
		if (strcmp(options[i].name, option->name) == 0) {
			return "is declared twice";
		}
	}
	return NULL;
}

int tp_schema_check(const struct tp_option *options, const char *file,
		    char problem[TP_PROBLEM_SIZE])
{
	size_t count = tp_option_count(options);

	if (count > OPTIONS_MAX) {
		return tp_problem(problem, TP_EINVAL, "%s: declares %zu options, wanted at most %d",
				  file, count, OPTIONS_MAX);
	}
	for (size_t i = 0; i < count; i++) {
		const char *fault = fault_of(options, i);

		if (fault != NULL) {
			return tp_problem(problem, TP_EINVAL, "%s: option \"%.64s\" %s", file,
					  options[i].name, fault);
		}
	}
	return 0;
}

static int fail_at(const struct place *place, int line, const char *key, int err,
		   const char *sentence, char problem[TP_PROBLEM_SIZE])
{
	if (line > 0) {
		return tp_problem(problem, err, "%s:%d: [%s] %.64s: %s", place->config_file, line,
				  place->section, key, sentence);
	}
	return tp_problem(problem, err, "%s: [%s] %.64s: %s", place->config_file, place->section,
			  key, sentence);
}

static int fail_unknown(const struct tp_option *options, size_t count, const struct place *place,
			const struct tp_setting *setting, char problem[TP_PROBLEM_SIZE])
{
	const char *names[OPTIONS_MAX];
	char sentence[TP_PROBLEM_SIZE] = "unknown key";
	const char *nearest;

	for (size_t i = 0; i < count; i++) {
		names[i] = options[i].name;
	}
	nearest = tp_nearest(setting->key, names, count);
	if (nearest != NULL) {
		tp_problem(sentence, 0, "unknown key; did you mean \"%s\"?", nearest);
	}
	return fail_at(place, setting->line, setting->key, TP_EINVAL, sentence, problem);
}

static int apply_one(const struct tp_option *options, size_t count, const struct place *place,
		     const struct tp_setting *setting, struct tp_value *values,
		     char problem[TP_PROBLEM_SIZE])
{
	char sentence[TP_PROBLEM_SIZE];
	int err;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(options[i].name, setting->key) != 0) {
			continue;
		}
		if (values[i].set) {
			return fail_at(place, setting->line, setting->key, TP_EINVAL,
				       "stands here a second time", problem);
		}
		err = tp_value_parse(&options[i], setting->value, &values[i], sentence);
		return err == 0 ? 0
				: fail_at(place, setting->line, setting->key, err, sentence,
					  problem);
	}
	return fail_unknown(options, count, place, setting, problem);
}

static int apply_default(const struct tp_option *option, const struct place *place,
			 struct tp_value *value, char problem[TP_PROBLEM_SIZE])
{
	char sentence[TP_PROBLEM_SIZE];
	int err;

	if (value->set) {
		return 0;
	}
	if ((option->flags & TP_OPTION_REQUIRED) != 0) {
		return fail_at(place, 0, option->name, TP_EINVAL, "is required and missing",
			       problem);
	}
	if (option->default_value == NULL) {
		return 0;
	}
	err = tp_value_parse(option, option->default_value, value, sentence);
	return err == 0 ? 0 : fail_at(place, 0, option->name, err, sentence, problem);
}

int tp_schema_apply(const struct tp_option *options, const char *section, const char *config_file,
		    const struct tp_setting *settings, size_t setting_count,
		    struct tp_value *values, char problem[TP_PROBLEM_SIZE])
{
	const struct place place = {config_file, section};
	size_t count = tp_option_count(options);
	int err = 0;

	if (count > OPTIONS_MAX) {
		return tp_problem(problem, TP_EFULL, "%s: [%s] has %zu options, at most %d can be",
				  config_file, section, count, OPTIONS_MAX);
	}
	for (size_t i = 0; i < count; i++) {
		values[i] = (struct tp_value){.set = false};
	}
	for (size_t i = 0; err == 0 && i < setting_count; i++) {
		err = apply_one(options, count, &place, &settings[i], values, problem);
	}
	for (size_t i = 0; err == 0 && i < count; i++) {
		err = apply_default(&options[i], &place, &values[i], problem);
	}
	for (size_t i = 0; err != 0 && i < count; i++) {
		tp_value_fini(&values[i]);
	}
	return err;
}

static void print_type(const struct tp_option *option, FILE *out)
{
	fprintf(out, "%s", types[option->type].name);
	for (size_t i = 0; option->type == TP_OPTION_ENUM && option->choices[i] != NULL; i++) {
		fprintf(out, "%s %s", i == 0 ? "" : ",", option->choices[i]);
	}
	if (option->min != 0 || option->max != 0) {
		fprintf(out, ", %" PRId64 " to %" PRId64 "%s", option->min, option->max,
			types[option->type].unit);
	}
	if (option->type == TP_OPTION_INTEGER && option->unit != NULL) {
		fprintf(out, " %s", option->unit);
	}
}

static void print_default(const struct tp_option *option, FILE *out)
{
	if ((option->flags & TP_OPTION_REQUIRED) != 0) {
		fputs("required", out);
	} else if (option->default_value == NULL) {
		fputs("no default", out);
	} else if (option->type == TP_OPTION_SECRET) {
		fputs("has a default", out);
	} else {
		fprintf(out, "default %s", option->default_value);
	}
}

void tp_schema_print(const struct tp_option *options, FILE *out)
{
	size_t count = tp_option_count(options);

	for (size_t i = 0; i < count; i++) {
		const struct tp_option *option = &options[i];

		fprintf(out, "%s\n\t%s\n\t", option->name, option->help);
		print_type(option, out);
		fputs("; ", out);
		print_default(option, out);
		fputs((option->flags & TP_OPTION_RELOADABLE) != 0 ? "; reloadable\n"
								  : "; needs a restart\n",
		      out);
	}
}

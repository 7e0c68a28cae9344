/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iniparser/iniparser.h>

#include "base/err.h"
#include "base/secret.h"
#include "daemon/config_parts.h"
#include "host/problem.h"

/* --- the text ------------------------------------------------------------- */

static int system_problem(const char *file, char problem[TP_PROBLEM_SIZE])
{
	int err = errno == ENOENT || errno == ENOTDIR ? TP_ENOENT
		  : errno == EACCES                   ? TP_EPERM
						      : TP_EIO;

	return tp_problem(problem, err, "%.300s: %s", file, strerror(errno));
}

/*
 * One byte more than the ceiling, so that the scan can refuse what is longer.
 */
static int read_all(int fd, const char *file, char **text, size_t *len,
		    char problem[TP_PROBLEM_SIZE])
{
	size_t size = TP_INI_SIZE_MAX + 1;
	ssize_t got = 1;

	*len = 0;
	*text = malloc(size);
	if (*text == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	while (got > 0 && *len < size) {
		got = read(fd, *text + *len, size - *len);
		if (got < 0) {
			return system_problem(file, problem);
		}
		*len += (size_t)got;
	}
	return 0;
}

static int read_file(const char *file, char **text, size_t *len, char problem[TP_PROBLEM_SIZE])
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int err;

	if (fd == -1) {
		return system_problem(file, problem);
	}
	if (fstat(fd, &st) != 0) {
		err = system_problem(file, problem);
	} else if (!S_ISREG(st.st_mode)) {
		err = tp_problem(problem, TP_EINVAL, "%.300s: is no file", file);
	} else {
		err = read_all(fd, file, text, len, problem);
	}
	close(fd);
	return err;
}

static int scan_file(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	char *text = NULL;
	size_t len = 0;
	int err = read_file(config->file, &text, &len, problem);

	if (err == 0) {
		err = tp_ini_scan(text, len, config->file, problem, &config->ini);
	}
	if (text != NULL) {
		tp_secret_wipe(text, len);
	}
	free(text);
	return err;
}

/* --- iniparser ------------------------------------------------------------ */

static int say_nothing(const char *format, ...) TP_PRINTF(1, 2);

static int say_nothing(const char *format, ...)
{
	(void)format;
	return 0;
}

static void free_dictionary(dictionary *found)
{
	for (ssize_t i = 0; found != NULL && i < found->size; i++) {
		if (found->val != NULL && found->val[i] != NULL) {
			tp_secret_wipe(found->val[i], strlen(found->val[i]));
		}
	}
	if (found != NULL) {
		iniparser_freedict(found);
	}
}

/* Does it read what is written? */
static int compare(const struct tp_config *config, const dictionary *found,
		   const struct tp_ini_section *section, const struct tp_setting *setting,
		   char problem[TP_PROBLEM_SIZE])
{
	char name[2 * TP_INI_LINE_MAX + 2];
	const char *value;

	snprintf(name, sizeof(name), "%s:%s", section->name, setting->key);
	value = iniparser_getstring(found, name, NULL);
	if (value != NULL && strcmp(value, setting->value) == 0) {
		return 0;
	}
	return tp_config_problem(config, section->name, setting->key, problem, TP_EINVAL,
				 "the value cannot be read as it is written");
}

/*
 * The strict scan has refused whatever iniparser reads in a way of its own; the
 * two must agree on what is left.
 */
static int ask_iniparser(const struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	dictionary *found;
	int err = 0;

	iniparser_set_error_callback(say_nothing);
	found = iniparser_load(config->file);
	iniparser_set_error_callback(NULL);
	if (found == NULL) {
		return tp_problem(problem, TP_EINVAL, "%.300s: is not the text of an ini file",
				  config->file);
	}
	for (size_t i = 0; i < config->ini.section_count; i++) {
		const struct tp_ini_section *section = &config->ini.sections[i];

		for (size_t j = 0; err == 0 && j < section->setting_count; j++) {
			err = compare(config, found, section, &section->settings[j], problem);
		}
	}
	free_dictionary(found);
	return err;
}

/* --- sections ------------------------------------------------------------- */

int tp_config_problem(const struct tp_config *config, const char *section, const char *key,
		      char problem[TP_PROBLEM_SIZE], int error, const char *format, ...)
{
	const struct tp_setting *setting =
		tp_ini_setting(tp_ini_section(&config->ini, section), key);
	char sentence[TP_PROBLEM_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	if (setting == NULL) {
		return tp_problem(problem, error, "%.200s: [%.64s] %.64s: %s", config->file,
				  section, key, sentence);
	}
	return tp_problem(problem, error, "%.200s:%d: [%.64s] %.64s: %s", config->file,
			  setting->line, section, key, sentence);
}

static bool is_family(const struct tp_config_section *section)
{
	return section->name[strlen(section->name) - 1] == '.';
}

static size_t count_rows(void)
{
	size_t count = 0;

	while (tp_config_sections[count].name != NULL) {
		count++;
	}
	return count;
}

/* The known section whose name, up to a dot, is nearest. */
static const struct tp_config_section *nearest_section(const char *name)
{
	char names[16][16];
	const char *candidates[16];
	char word[64];
	size_t count = count_rows();
	const char *nearest;

	tp_assert(count <= 16);
	for (size_t i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "%.*s",
			 (int)strcspn(tp_config_sections[i].name, "."), tp_config_sections[i].name);
		candidates[i] = names[i];
	}
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(name, "."), name);
	nearest = tp_nearest(word, candidates, count);
	for (size_t i = 0; nearest != NULL && i < count; i++) {
		if (nearest == names[i]) {
			return &tp_config_sections[i];
		}
	}
	return NULL;
}

static int check_section(const struct tp_config *config, const struct tp_ini_section *found,
			 char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config_section *nearest;

	if (tp_config_section_find(found->name) != NULL) {
		return 0;
	}
	nearest = nearest_section(found->name);
	if (nearest == NULL) {
		return tp_problem(problem, TP_EINVAL, "%.200s:%d: [%.64s]: unknown section",
				  config->file, found->line, found->name);
	}
	return tp_problem(problem, TP_EINVAL,
			  "%.200s:%d: [%.64s]: unknown section; did you mean [%s%s]?", config->file,
			  found->line, found->name, nearest->name,
			  is_family(nearest) ? "NAME" : "");
}

int tp_config_values_read(const struct tp_config *config, const struct tp_config_section *section,
			  const char *name, const struct tp_ini_section *found,
			  struct tp_config_values *out, char problem[TP_PROBLEM_SIZE])
{
	size_t count = tp_option_count(section->options);

	out->section = section;
	out->values = calloc(count, sizeof(*out->values));
	if (out->values == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	return tp_schema_apply(section->options, name, config->file,
			       found == NULL ? NULL : found->settings,
			       found == NULL ? 0 : found->setting_count, out->values, problem);
}

void tp_config_values_fini(struct tp_config_values *values)
{
	if (values->values == NULL) {
		return;
	}
	for (size_t i = 0; i < tp_option_count(values->section->options); i++) {
		tp_value_fini(&values->values[i]);
	}
	free(values->values);
	values->values = NULL;
}

const struct tp_value *tp_config_value(const struct tp_config_values *values, const char *key)
{
	size_t count = tp_option_count(values->section->options);
	size_t at = 0;

	while (at < count && strcmp(values->section->options[at].name, key) != 0) {
		at++;
	}
	tp_assert(at < count);
	return &values->values[at];
}

const struct tp_config_values *tp_config_section_values(const struct tp_config *config,
							const char *section)
{
	size_t at = 0;

	while (at < config->section_count &&
	       strcmp(config->sections[at].section->name, section) != 0) {
		at++;
	}
	tp_assert(at < config->section_count);
	return &config->sections[at];
}

static int read_sections(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < config->ini.section_count; i++) {
		err = check_section(config, &config->ini.sections[i], problem);
	}
	config->sections = calloc(count_rows(), sizeof(*config->sections));
	if (config->sections == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	for (const struct tp_config_section *row = tp_config_sections;
	     err == 0 && row->name != NULL; row++) {
		if (!is_family(row)) {
			err = tp_config_values_read(
				config, row, row->name, tp_ini_section(&config->ini, row->name),
				&config->sections[config->section_count++], problem);
		}
	}
	return err;
}

/* --- all of it ------------------------------------------------------------ */

static int load(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	static int (*const steps[])(struct tp_config * config, char problem[TP_PROBLEM_SIZE]) = {
		read_sections,
		tp_config_take_daemon,
		tp_config_take_turn,
		tp_config_take_peers,
		tp_config_take_realms,
		tp_config_take_plugins,
		tp_config_take_listeners,
		tp_config_take_anycasts,
	};
	int err = scan_file(config, problem);

	if (err == 0) {
		err = ask_iniparser(config, problem);
	}
	for (size_t i = 0; err == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		err = steps[i](config, problem);
	}
	return err;
}

int tp_config_load(const char *file, char problem[TP_PROBLEM_SIZE], struct tp_config **out)
{
	struct tp_config *config = calloc(1, sizeof(*config));
	int err;

	if (config == NULL || (config->file = strdup(file)) == NULL) {
		free(config);
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	config->references = 1;
	err = load(config, problem);
	if (err != 0) {
		tp_config_free(&config);
		return err;
	}
	*out = config;
	return 0;
}

static void free_plugins(struct tp_config *config)
{
	for (size_t i = 0; i < config->plugin_count; i++) {
		free((struct tp_setting *)config->plugins[i].settings);
		free(config->plugin_names[i]);
	}
	free(config->plugins);
	free(config->plugin_names);
}

struct tp_config *tp_config_ref(struct tp_config *config)
{
	config->references++;
	return config;
}

void tp_config_free(struct tp_config **where)
{
	struct tp_config *config = *where;

	*where = NULL;
	if (config == NULL || --config->references != 0) {
		return;
	}
	for (size_t i = 0; i < config->listener_count; i++) {
		tp_certs_unref(&config->listeners[i].certs);
		tp_prefix_set_free(&config->listeners[i].proxies);
		tp_config_values_fini(&config->listeners[i].values);
	}
	free(config->listeners);
	tp_config_realms_fini(config);
	free_plugins(config);
	for (size_t i = 0; i < config->section_count; i++) {
		tp_config_values_fini(&config->sections[i]);
	}
	free(config->sections);
	tp_ini_fini(&config->ini);
	free(config->file);
	free(config);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <turnpike/error.h>

#include "host/problem.h"

/* [realm.NAME] */

#define FAMILY "realm."

const char *tp_config_realm_section(const struct tp_config *config, size_t realm)
{
	return realm == 0 ? "turnpike" : config->realms[realm - 1].section;
}

static const struct tp_turn_options *options_of(const struct tp_config *config, size_t realm)
{
	return realm == 0 ? &config->turn : &config->realms[realm - 1].turn;
}

/* --- realm ---------------------------------------------------------------- */

/* Tokens of users, counts and plugins go by it. */
static int take_name(const struct tp_config *config, struct tp_realm_config *realm,
		     const struct tp_config_source *source, char problem[TP_PROBLEM_SIZE])
{
	int err = tp_config_take_realm_name(config, source, &realm->turn, problem);

	if (err == 0 && realm->turn.realm == NULL) {
		realm->turn.realm = realm->section + strlen(FAMILY);
	}
	for (size_t i = 0; err == 0 && i < config->realm_count; i++) {
		if (strcmp(options_of(config, i)->realm, realm->turn.realm) == 0) {
			err = tp_config_problem(config, realm->section, "realm", problem, TP_EINVAL,
						"\"%.80s\" is the realm of [%.64s], too",
						realm->turn.realm,
						tp_config_realm_section(config, i));
		}
	}
	return err;
}

/* --- server_names --------------------------------------------------------- */

static bool is_server_name(const char *text)
{
	const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
	bool dot = true; /* no label may be empty */

	for (const char *at = name; *at != 0; at++) {
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.",
			   *at) == NULL ||
		    (*at == '.' && dot)) {
			return false;
		}
		dot = *at == '.';
	}
	return !dot && strlen(name) <= TP_SERVER_NAME_MAX;
}

/* The section that has the name already; NULL: none. */
static const char *owner_of(const struct tp_config *config, const char *name)
{
	for (size_t i = 1; i <= config->realm_count; i++) {
		const struct tp_turn_options *turn = options_of(config, i);

		for (size_t j = 0; j < turn->server_name_count; j++) {
			if (strcasecmp(turn->server_names[j], name) == 0) {
				return tp_config_realm_section(config, i);
			}
		}
	}
	return NULL;
}

static int take_server_names(const struct tp_config *config, struct tp_realm_config *realm,
			     char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *value = tp_config_value(&realm->values, "server_names");

	if (value->word_count > TP_SERVER_NAMES_MAX) {
		return tp_config_problem(config, realm->section, "server_names", problem, TP_ERANGE,
					 "holds more than %d names", TP_SERVER_NAMES_MAX);
	}
	realm->turn.server_names = (const char *const *)value->words;
	for (size_t i = 0; i < value->word_count; i++) {
		const char *name = value->words[i];
		const char *owner = owner_of(config, name);

		if (!is_server_name(name)) {
			return tp_config_problem(config, realm->section, "server_names", problem,
						 TP_EINVAL,
						 "\"%.80s\" is no domain name, with or without "
						 "\"*.\" in front",
						 name);
		}
		if (owner != NULL) {
			return tp_config_problem(config, realm->section, "server_names", problem,
						 TP_EINVAL, "\"%.80s\" belongs to [%.64s] already",
						 name, owner);
		}
		realm->turn.server_name_count = i + 1;
	}
	return 0;
}

/* --- all of them ---------------------------------------------------------- */

/* Values that the section does not have are those of the first realm. */
static int take_realm(struct tp_config *config, struct tp_realm_config *realm,
		      char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config_source source = {realm->section, &realm->values};
	int err;

	realm->turn = config->turn;
	err = take_name(config, realm, &source, problem);
	if (err == 0) {
		err = take_server_names(config, realm, problem);
	}
	if (err == 0) {
		err = tp_config_take_realm_options(config, &source, &realm->turn, problem);
	}
	return err == 0 ? tp_config_take_peer_keys(config, &source, &realm->peers, problem) : err;
}

static int add_realm(struct tp_config *config, const struct tp_ini_section *found,
		     char problem[TP_PROBLEM_SIZE])
{
	struct tp_realm_config *realm = &config->realms[config->realm_count];
	int err;

	if (config->realm_count == TP_REALMS_MAX - 1) {
		return tp_problem(problem, TP_EFULL, "%.200s:%d: [%.64s]: more than %d realms",
				  config->file, found->line, found->name, TP_REALMS_MAX - 1);
	}
	config->realm_count++;
	realm->section = found->name;
	err = tp_config_values_read(config, tp_config_section_find(found->name), found->name, found,
				    &realm->values, problem);
	return err == 0 ? take_realm(config, realm, problem) : err;
}

int tp_config_take_realms(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	int err = 0;

	config->realms = calloc(TP_REALMS_MAX, sizeof(*config->realms));
	if (config->realms == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	for (size_t i = 0; err == 0 && i < config->ini.section_count; i++) {
		const struct tp_ini_section *found = &config->ini.sections[i];

		if (strncmp(found->name, FAMILY, strlen(FAMILY)) == 0) {
			err = add_realm(config, found, problem);
		}
	}
	return err;
}

void tp_config_realms_fini(struct tp_config *config)
{
	for (size_t i = 0; i < config->realm_count; i++) {
		tp_config_values_fini(&config->realms[i].values);
	}
	free(config->realms);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_parts.h"

#include <string.h>

#include <turnpike/error.h>

/* [turnpike], [io] and [log]: what is not the protocol's. */

static const char *text_or_null(const struct tp_value *value)
{
	return value->set && value->string != NULL && value->string[0] != 0 ? value->string : NULL;
}

/* Longest path of a UNIX socket, sun_path without the NUL. */
#define SOCKET_PATH_MAX 107

static int take_control(struct tp_config *config, const struct tp_config_values *turnpike,
			char problem[TP_PROBLEM_SIZE])
{
	config->control = text_or_null(tp_config_value(turnpike, "control"));
	config->control_set =
		tp_ini_setting(tp_ini_section(&config->ini, "turnpike"), "control") != NULL;
	if (config->control == NULL) {
		return 0;
	}
	if (config->control[0] != '/') {
		return tp_config_problem(config, "turnpike", "control", problem, TP_EINVAL,
					 "is neither empty nor an absolute path");
	}
	if (strlen(config->control) > SOCKET_PATH_MAX) {
		return tp_config_problem(config, "turnpike", "control", problem, TP_ERANGE,
					 "is longer than %d bytes", SOCKET_PATH_MAX);
	}
	return 0;
}

int tp_config_take_daemon(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config_values *turnpike = tp_config_section_values(config, "turnpike");
	const struct tp_config_values *log = tp_config_section_values(config, "log");
	const struct tp_config_values *io = tp_config_section_values(config, "io");
	const char *backend = tp_config_value(io, "backend")->string;

	config->workers = (unsigned)tp_config_value(turnpike, "workers")->integer;
	config->plugin_dir = tp_config_value(turnpike, "plugin_dir")->string;
	config->user = text_or_null(tp_config_value(turnpike, "user"));
	config->group = text_or_null(tp_config_value(turnpike, "group"));
	config->park_deadline_ms = (uint32_t)tp_config_value(turnpike, "park_deadline")->integer;
	config->slow_handler_ms = (uint32_t)tp_config_value(turnpike, "slow_handler")->integer;
	config->max_parked = (size_t)tp_config_value(turnpike, "max_parked")->integer;
	config->backend = strcmp(backend, "auto") == 0 ? NULL : backend;
	config->rest_us = (uint32_t)tp_config_value(io, "rest")->integer;
	config->log_level = (enum tp_log_level)tp_config_value(log, "level")->integer;
	config->log_format = (enum tp_log_format)tp_config_value(log, "format")->integer;
	if (config->group != NULL && config->user == NULL) {
		return tp_config_problem(config, "turnpike", "group", problem, TP_EINVAL,
					 "needs a user");
	}
	return take_control(config, turnpike, problem);
}

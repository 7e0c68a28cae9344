/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "sql.h"

/** The options of a data base, for the plugin's table. */
#define SETTINGS_OPTIONS                                                                           \
	{.name = "driver",                                                                         \
	 .type = TP_OPTION_ENUM,                                                                   \
	 .default_value = "sqlite",                                                                \
	 .help = "kind of data base",                                                              \
	 .choices = settings_drivers,                                                              \
	 .flags = TP_OPTION_RELOADABLE},                                                           \
		{.name = "database",                                                               \
		 .type = TP_OPTION_STRING,                                                         \
		 .default_value = "/var/lib/turnpike/turndb",                                      \
		 .help = "name of the data base; the file with SQLite",                            \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "host",                                                                   \
		 .type = TP_OPTION_STRING,                                                         \
		 .help = "server's name, address, or path of its UNIX socket",                     \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "port",                                                                   \
		 .type = TP_OPTION_INTEGER,                                                        \
		 .default_value = "0",                                                             \
		 .help = "server's TCP port, 0 for the usual one",                                 \
		 .min = 0,                                                                         \
		 .max = 65535,                                                                     \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "user",                                                                   \
		 .type = TP_OPTION_STRING,                                                         \
		 .default_value = "turnpike",                                                      \
		 .help = "who logs in to the server",                                              \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "password_file",                                                          \
		 .type = TP_OPTION_PATH,                                                           \
		 .help = "file with the password of that user",                                    \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "tls",                                                                    \
		 .type = TP_OPTION_ENUM,                                                           \
		 .default_value = "verify",                                                        \
		 .help = "whether TCP is encrypted and the server's certificate checked",          \
		 .choices = settings_tls,                                                          \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "ca_file",                                                                \
		 .type = TP_OPTION_PATH,                                                           \
		 .default_value = "/etc/ssl/certs/ca-certificates.crt",                            \
		 .help = "PEM file of authorities to trust",                                       \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "certificate",                                                            \
		 .type = TP_OPTION_PATH,                                                           \
		 .help = "PEM file with a certificate to show to the server",                      \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "key",                                                                    \
		 .type = TP_OPTION_PATH,                                                           \
		 .help = "PEM file with the key of that certificate",                              \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "connections",                                                            \
		 .type = TP_OPTION_INTEGER,                                                        \
		 .default_value = "2",                                                             \
		 .help = "at a time; with PostgreSQL those of each worker",                        \
		 .min = 1,                                                                         \
		 .max = 64,                                                                        \
		 .unit = "connections",                                                            \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "query_user",                                                             \
		 .type = TP_OPTION_STRING,                                                         \
		 .help = "SELECT for a user, parameters name and realm, in place of coturn's",     \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "query_secret",                                                           \
		 .type = TP_OPTION_STRING,                                                         \
		 .help = "SELECT of realm and secret, or none",                                    \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "query_allowed",                                                          \
		 .type = TP_OPTION_STRING,                                                         \
		 .help = "SELECT of realm and range of allowed peers, or none",                    \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "query_denied",                                                           \
		 .type = TP_OPTION_STRING,                                                         \
		 .help = "SELECT of realm and range of denied peers, or none",                     \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
	{                                                                                          \
		.name = "query_option", .type = TP_OPTION_STRING,                                  \
		.help = "SELECT of realm, option and value, or none",                              \
		.flags = TP_OPTION_RELOADABLE                                                      \
	}

extern const char *const settings_drivers[];
extern const char *const settings_tls[];

/**
 * From the options above, and deadline.
 *
 * Thread: main, in create
 * Errors: TP_EINVAL, TP_ENOMEM and those of the files, after tp_instance_fail()
 */
int settings_read(struct tp_instance *self, const struct sql_backend_ops **ops,
		  struct sql_settings *out);

/** Wipe what was read; also after a failure. */
void settings_wipe(struct sql_settings *settings);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "common/redis_conn.h"

/** The options of a connection, for the plugin's table. */
#define REDIS_SETTINGS_OPTIONS                                                                     \
	{.name = "host",                                                                           \
	 .type = TP_OPTION_STRING,                                                                 \
	 .default_value = "127.0.0.1",                                                             \
	 .help = "server's name, address, or path of its UNIX socket",                             \
	 .flags = TP_OPTION_RELOADABLE},                                                           \
		{.name = "port",                                                                   \
		 .type = TP_OPTION_INTEGER,                                                        \
		 .default_value = "6379",                                                          \
		 .help = "server's TCP port",                                                      \
		 .min = 1,                                                                         \
		 .max = 65535,                                                                     \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "database",                                                               \
		 .type = TP_OPTION_INTEGER,                                                        \
		 .default_value = "0",                                                             \
		 .help = "number of the data base",                                                \
		 .min = 0,                                                                         \
		 .max = 65535,                                                                     \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "user",                                                                   \
		 .type = TP_OPTION_STRING,                                                         \
		 .help = "who logs in to the server, with password_file",                          \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "password_file",                                                          \
		 .type = TP_OPTION_PATH,                                                           \
		 .help = "file with the password to log in with",                                  \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "tls",                                                                    \
		 .type = TP_OPTION_ENUM,                                                           \
		 .default_value = "off",                                                           \
		 .help = "whether TCP is encrypted and the server's certificate checked",          \
		 .choices = redis_settings_tls,                                                    \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "ca_file",                                                                \
		 .type = TP_OPTION_PATH,                                                           \
		 .help = "PEM file of authorities to trust, in place of the system's",             \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
		{.name = "certificate",                                                            \
		 .type = TP_OPTION_PATH,                                                           \
		 .help = "PEM file with a certificate to show to the server",                      \
		 .flags = TP_OPTION_RELOADABLE},                                                   \
	{                                                                                          \
		.name = "key", .type = TP_OPTION_PATH,                                             \
		.help = "PEM file with the key of that certificate", .flags = TP_OPTION_RELOADABLE \
	}

extern const char *const redis_settings_tls[];

/**
 * From the options above, and deadline.
 *
 * Thread: main, in create
 * Errors: TP_EINVAL, TP_ENOMEM and those of the files, after tp_instance_fail()
 */
int redis_settings_read(struct tp_instance *self, struct redis_settings *out);

/** Wipe and free what was read; also after a failure. */
void redis_settings_wipe(struct redis_settings *settings);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "sql.h"

/*
 * What an operator does with users in an SQLite file:
 *
 *	user add|passwd NAME PASSWORD [REALM]
 *	user delete NAME [REALM]
 *	user list [REALM]
 *
 * Thread: main.
 */

/**
 * Make the file with coturn's tables when there is none.
 *
 * Errors: TP_EIO after tp_instance_fail()
 */
int user_command_prepare(struct tp_instance *self, const struct sql_settings *settings);

/** Body of the plugin's "command". @changed: the data are no longer what they were */
int user_command(struct tp_instance *self, const struct sql_settings *settings,
		 struct tp_command *command, int argc, const char *const *argv, bool *changed);

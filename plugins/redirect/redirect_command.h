/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "pool.h"

/** "list", "off TARGET", "on TARGET": struct tp_plugin's command. */
int redirect_command(struct tp_instance *self, struct pool *pool, struct tp_command *command,
		     int argc, const char *const *argv);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "sql.h"

/* What the options driver and tls can be. */
extern const char *const settings_drivers[];
extern const char *const settings_tls[];

/**
 * From the options of the data base, and deadline.
 *
 * Thread: main, in create
 * Errors: TP_EINVAL, TP_ENOMEM and those of the files, after tp_instance_fail()
 */
int settings_read(struct tp_instance *self, const struct sql_backend_ops **ops,
		  struct sql_settings *out);

/** Wipe what was read; also after a failure. */
void settings_wipe(struct sql_settings *settings);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "common/redis_conn.h"

/* What the option tls can be. */
extern const char *const redis_settings_tls[];

/**
 * From the options of the connection, and deadline.
 *
 * Thread: main, in create
 * Errors: TP_EINVAL, TP_ENOMEM and those of the files, after tp_instance_fail()
 */
int redis_settings_read(struct tp_instance *self, struct redis_settings *out);

/** Wipe and free what was read; also after a failure. */
void redis_settings_wipe(struct redis_settings *settings);

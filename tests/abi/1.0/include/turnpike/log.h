/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/api.h>
#include <turnpike/types.h>

TP_BEGIN_DECLS

enum tp_log_level {
	TP_LOG_ERROR = 0,
	TP_LOG_WARN = 1,
	TP_LOG_INFO = 2,
	TP_LOG_DEBUG = 3,
};

/**
 * Write one line to the daemon's log under the instance's name.
 *
 * Control bytes are escaped and the line is capped at 1000 bytes, so text from
 * the network may be an argument. Never log a password, key, token or secret.
 *
 * Thread: any; does not block on a full sink: the line is dropped and counted
 */
TP_API void tp_log(const struct tp_instance *self, enum tp_log_level level, const char *format, ...)
	TP_PRINTF(3, 4);

TP_END_DECLS

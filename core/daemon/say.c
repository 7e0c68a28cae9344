/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/say.h"

#include <stdarg.h>

#include "base/log.h"

void tp_say(enum tp_log_level level, const char *format, ...)
{
	struct tp_log_site site = {0}; /* a new one each time: never suppressed */
	va_list args;

	if (!tp_log_enabled(level)) {
		return;
	}
	va_start(args, format);
	tp_log_va(&site, level, "daemon", format, args);
	va_end(args);
}

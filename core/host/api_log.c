/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/log.h>

#include <stdarg.h>

#include "base/log.h"
#include "host/instance_body.h"

/* A plugin's call sites are told apart by their formats, which are literals. */
static struct tp_log_site *site_of(const struct tp_instance *self, const char *format)
{
	uint64_t mixed = (uint64_t)(uintptr_t)format * UINT64_C(0x9e3779b97f4a7c15);

	return &self->log_sites[(mixed >> 32) % TP_INSTANCE_LOG_SITES];
}

void tp_log(const struct tp_instance *self, enum tp_log_level level, const char *format, ...)
{
	va_list args;

	if (!tp_log_enabled(level)) {
		return;
	}
	va_start(args, format);
	tp_log_va(site_of(self, format), level, self->name, format, args);
	va_end(args);
}

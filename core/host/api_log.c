/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/log.h>

#include <stdarg.h>

#include "base/log.h"
#include "host/instance_body.h"

/* Is the place this format's, or free and now this format's? */
static bool claim(struct tp_instance_log_site *place, const char *format)
{
	const char *found = NULL;

	return atomic_load(&place->format) == format ||
	       atomic_compare_exchange_strong(&place->format, &found, format) || found == format;
}

/* One that chatters must not silence another; beyond the table's size some share. */
static struct tp_log_site *site_of(const struct tp_instance *self, const char *format)
{
	uint64_t mixed = (uint64_t)(uintptr_t)format * UINT64_C(0x9e3779b97f4a7c15);
	size_t home = (size_t)(mixed >> 32) % TP_INSTANCE_LOG_SITES;

	for (size_t i = 0; i < TP_INSTANCE_LOG_SITES; i++) {
		struct tp_instance_log_site *place =
			&self->log_sites[(home + i) % TP_INSTANCE_LOG_SITES];

		if (claim(place, format)) {
			return &place->site;
		}
	}
	return &self->log_sites[home].site;
}

void tp_instance_blame(struct tp_instance *instance, const char *format, ...)
{
	va_list args;

	if (!tp_log_enabled(TP_LOG_WARN)) {
		return;
	}
	va_start(args, format);
	tp_log_va(site_of(instance, format), TP_LOG_WARN, "host", format, args);
	va_end(args);
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

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <turnpike/log.h>

/*
 * One line a call: level, component, a sentence, then key=value pairs, all
 * written by the caller's format. tp_log_at() escapes control bytes and caps
 * the line at TP_LOG_LINE_MAX bytes. Each call site of TP_LOG() writes at most
 * TP_LOG_SITE_BURST lines in ten seconds; the next line it may write then
 * ends in suppressed=N. Lines of level ERROR are never suppressed.
 */
#define TP_LOG_LINE_MAX 1000
#define TP_LOG_SITE_BURST 20

enum tp_log_format {
	TP_LOG_TEXT = 0, /* "2026-01-02T03:04:05.678Z warn turn: sentence key=value" */
	TP_LOG_JSON = 1, /* {"time":…,"level":…,"component":…,"message":…} */
};

struct tp_log_site {
	_Atomic uint64_t window;     /* which ten seconds */
	_Atomic uint32_t written;    /* lines in that window */
	_Atomic uint32_t suppressed; /* lines since the last written one */
};

/** Set what is written and how; default: INFO, text, standard error. Thread: any. */
void tp_log_set_level(enum tp_log_level level);
void tp_log_set_format(enum tp_log_format format);

/** Write lines (with their newline) here instead of standard error; NULL restores. For tests. */
void tp_log_set_sink(void (*sink)(const char *line, size_t len, void *arg), void *arg);

bool tp_log_enabled(enum tp_log_level level);

void tp_log_at(struct tp_log_site *site, enum tp_log_level level, const char *component,
	       const char *format, ...) TP_PRINTF(4, 5);

void tp_log_va(struct tp_log_site *site, enum tp_log_level level, const char *component,
	       const char *format, va_list args) TP_PRINTF(4, 0);

#define TP_LOG(level, component, ...)                                                              \
	do {                                                                                       \
		if (tp_log_enabled(level)) {                                                       \
			static struct tp_log_site tp_log_site_;                                    \
			tp_log_at(&tp_log_site_, level, component, __VA_ARGS__);                   \
		}                                                                                  \
	} while (0)

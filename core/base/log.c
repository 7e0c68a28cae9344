/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/counter.h"

#define WINDOW_S 10
#define LINE_ROOM (6 * TP_LOG_LINE_MAX + 256) /* every byte escaped, and what is around it */

static _Atomic int level_wanted = TP_LOG_INFO;
static _Atomic int format_wanted = TP_LOG_TEXT;
static void (*sink)(const char *line, size_t len, void *arg);
static void *sink_arg;

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void tp_log_set_level(enum tp_log_level level)
{
	atomic_store_explicit(&level_wanted, level, memory_order_relaxed);
}

void tp_log_set_format(enum tp_log_format format)
{
	atomic_store_explicit(&format_wanted, format, memory_order_relaxed);
}

void tp_log_set_sink(void (*new_sink)(const char *line, size_t len, void *arg), void *arg)
{
	sink = new_sink;
	sink_arg = arg;
}

bool tp_log_enabled(enum tp_log_level level)
{
	return (int)level <= atomic_load_explicit(&level_wanted, memory_order_relaxed);
}

/* --- rate per call site ------------------------------------------------------- */

static bool may_write(struct tp_log_site *site, enum tp_log_level level, uint32_t *suppressed)
{
	struct timespec now;
	uint64_t window;

	*suppressed = 0;
	if (site == NULL || level == TP_LOG_ERROR) {
		return true;
	}
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	window = (uint64_t)now.tv_sec / WINDOW_S + 1;
	if (atomic_exchange(&site->window, window) != window) {
		atomic_store(&site->written, 0);
	}
	if (atomic_fetch_add(&site->written, 1) >= TP_LOG_SITE_BURST) {
		atomic_fetch_add(&site->suppressed, 1);
		return false;
	}
	*suppressed = atomic_exchange(&site->suppressed, 0);
	return true;
}

/* --- escaping ----------------------------------------------------------------- */

/* Length of the well-formed UTF-8 sequence at the start, 0 for none (RFC 3629). */
static size_t utf8_length(const unsigned char *text, size_t len)
{
	unsigned char first = text[0];
	size_t wanted = first < 0x80   ? 1
			: first < 0xc2 ? 0
			: first < 0xe0 ? 2
			: first < 0xf0 ? 3
				       : 4;

	if (first > 0xf4 || wanted == 0 || wanted > len) {
		return 0;
	}
	for (size_t i = 1; i < wanted; i++) {
		if ((text[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) ||
	    (first == 0xf0 && text[1] < 0x90) || (first == 0xf4 && text[1] > 0x8f)) {
		return 0;
	}
	return wanted;
}

struct line {
	char bytes[LINE_ROOM];
	size_t len;
	bool json;
};

static void put(struct line *line, const char *bytes, size_t len)
{
	if (len < sizeof(line->bytes) - line->len) {
		memcpy(line->bytes + line->len, bytes, len);
		line->len += len;
	}
}

static void put_text(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

/* C1 controls are two bytes of UTF-8 and move a terminal's cursor all the same. */
static bool is_control(const unsigned char *text, size_t len)
{
	return (len == 1 && (text[0] < 0x20 || text[0] == 0x7f)) ||
	       (len == 2 && text[0] == 0xc2 && text[1] < 0xa0);
}

static void put_escaped(struct line *line, const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + len;

	while (at < end) {
		size_t sequence = utf8_length(at, (size_t)(end - at));
		char escape[8];

		if (sequence == 0 || is_control(at, sequence)) {
			unsigned value = sequence == 2 ? at[1] : at[0];

			snprintf(escape, sizeof(escape), line->json ? "\\u%04x" : "\\x%02x", value);
			put_text(line, escape);
			sequence = sequence == 0 ? 1 : sequence;
		} else if (line->json && (at[0] == '"' || at[0] == '\\')) {
			put(line, "\\", 1);
			put(line, (const char *)at, 1);
		} else {
			put(line, (const char *)at, sequence);
		}
		at += sequence;
	}
}

/* --- lines -------------------------------------------------------------------- */

static void format_time(char *out, size_t size)
{
	struct timespec now;
	struct tm utc;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	len = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(out + len, size - len, ".%03ldZ", now.tv_nsec / 1000000);
}

static void compose(struct line *line, enum tp_log_level level, const char *component,
		    const char *message, size_t len)
{
	char time[64];

	format_time(time, sizeof(time));
	line->len = 0;
	line->json = atomic_load_explicit(&format_wanted, memory_order_relaxed) == TP_LOG_JSON;
	put_text(line, line->json ? "{\"time\":\"" : "");
	put_text(line, time);
	put_text(line, line->json ? "\",\"level\":\"" : " ");
	put_text(line, level_names[level]);
	put_text(line, line->json ? "\",\"component\":\"" : " ");
	put_escaped(line, component, strlen(component));
	put_text(line, line->json ? "\",\"message\":\"" : ": ");
	put_escaped(line, message, len);
	put_text(line, line->json ? "\"}\n" : "\n");
}

static void write_line(const struct line *line)
{
	if (sink != NULL) {
		sink(line->bytes, line->len, sink_arg);
		return;
	}
	if (write(STDERR_FILENO, line->bytes, line->len) != (ssize_t)line->len) {
		tp_counter_add(tp_counter_named("log.dropped", "log lines the sink did not take"),
			       1);
	}
}

void tp_log_va(struct tp_log_site *site, enum tp_log_level level, const char *component,
	       const char *format, va_list args)
{
	char message[TP_LOG_LINE_MAX + 1];
	uint32_t suppressed;
	struct line line;
	int len;

	if (!tp_log_enabled(level) || !may_write(site, level, &suppressed)) {
		return;
	}
	len = vsnprintf(message, sizeof(message), format, args);
	if (len < 0) {
		return;
	}
	if (len >= (int)sizeof(message)) {
		len = sizeof(message) - 1;
	}
	if (suppressed > 0) {
		char note[32];
		int note_len = snprintf(note, sizeof(note), " suppressed=%u", suppressed);

		if (len + note_len > (int)sizeof(message) - 1) {
			len = (int)sizeof(message) - 1 - note_len;
		}
		memcpy(message + len, note, (size_t)note_len);
		len += note_len;
	}
	compose(&line, level, component, message, (size_t)len);
	write_line(&line);
}

void tp_log_at(struct tp_log_site *site, enum tp_log_level level, const char *component,
	       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tp_log_va(site, level, component, format, args);
	va_end(args);
}

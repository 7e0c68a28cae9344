/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <turnpike/event.h>

/* A line of JSON on its way: one flat object. What fails is found out at the end. */
struct log_line {
	json_t *object; /* NULL: out of memory */
};

/* What a pipe takes in one piece (PIPE_BUF), so that lines of two writers never mix. */
#define LOG_LINE_MAX 4096

/** Begin with "time" and "event". @wall_s: seconds since 1970. */
void log_line_begin(struct log_line *line, int64_t wall_s, const char *event);

/**
 * Add a member.
 *
 * @text: any bytes; what is no UTF-8 or a control character becomes U+FFFD, as
 *        some that read such lines stumble over them. NULL adds nothing
 */
void log_line_text(struct log_line *line, const char *key, const char *text);
void log_line_bytes(struct log_line *line, const char *key, const uint8_t *text, size_t len);
void log_line_number(struct log_line *line, const char *key, uint64_t value);
void log_line_address(struct log_line *line, const char *key, const struct tp_addr *addr);

/** "transport", "client" and "server". */
void log_line_five_tuple(struct log_line *line, const struct tp_five_tuple *five_tuple);
/** "id", "user", "realm" and those of its five-tuple. */
void log_line_allocation(struct log_line *line, const struct tp_allocation_view *allocation);

/**
 * The text with its newline, NUL-terminated; ends the line.
 *
 * Owner:  the caller, free()
 *
 * Returns NULL when out of memory or when it is longer than LOG_LINE_MAX.
 */
char *log_line_end(struct log_line *line);

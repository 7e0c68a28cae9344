/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <turnpike/event.h>

/* A line of JSON on its way: one flat object. What fails is found out at the end. */
struct event_line {
	json_t *object; /* NULL: out of memory */
};

/* What a pipe takes in one piece (PIPE_BUF), so that lines of two writers never mix. */
#define EVENT_LINE_MAX 4096

/** Begin with "time" and "event". @wall_s: seconds since 1970. */
void event_line_begin(struct event_line *line, int64_t wall_s, const char *event);

/**
 * Add a member.
 *
 * @text: any bytes; what is no UTF-8 or a control character becomes U+FFFD, as
 *        some that read such lines stumble over them. NULL adds nothing
 */
void event_line_text(struct event_line *line, const char *key, const char *text);
void event_line_bytes(struct event_line *line, const char *key, const uint8_t *text, size_t len);
void event_line_number(struct event_line *line, const char *key, uint64_t value);
void event_line_flag(struct event_line *line, const char *key, bool value);
void event_line_address(struct event_line *line, const char *key, const struct tp_addr *addr);

/** "transport", "client" and "server". */
void event_line_five_tuple(struct event_line *line, const struct tp_five_tuple *five_tuple);
/** "id", "user", "realm" and those of its five-tuple. */
void event_line_allocation(struct event_line *line, const struct tp_allocation_view *allocation);

/** "relayed", and "relayed_more" when there are two. */
void event_line_relayed(struct event_line *line, const struct tp_allocation_view *allocation);
/** "client_to_peer_packets" and so on, of what was relayed. */
void event_line_traffic(struct event_line *line, const struct tp_traffic *client_to_peer,
			const struct tp_traffic *peer_to_client);

/**
 * The text with its newline, NUL-terminated; ends the line.
 *
 * Owner:  the caller, free()
 *
 * Returns NULL when out of memory or when it is longer than EVENT_LINE_MAX.
 */
char *event_line_end(struct event_line *line);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "io/endpoint.h"
#include "io/loop.h"

/*
 * Memory for the messages that a connection-oriented transport delivers: each
 * with the room of a packet around it, all of them unchanged until the end of
 * the turn, so that forwarding one needs no copy.
 */
struct tp_turn_buffer {
	struct tp_loop *loop;
	struct tp_turn_hook hook;
	uint8_t *bytes;
	size_t size;
	size_t used;
};

/* What a message of that length takes of the size. */
#define TP_TURN_BUFFER_COST(len) (((len) + TP_PACKET_HEADROOM + TP_PACKET_TAILROOM + 15) / 16 * 16)

/** Errors: TP_ENOMEM. */
int tp_turn_buffer_init(struct tp_turn_buffer *buffer, struct tp_loop *loop, size_t size);
void tp_turn_buffer_fini(struct tp_turn_buffer *buffer);

size_t tp_turn_buffer_left(const struct tp_turn_buffer *buffer);

/**
 * Memory for a message of @len bytes, room around it not counted; NULL when the
 * turn's is used up.
 */
uint8_t *tp_turn_buffer_take(struct tp_turn_buffer *buffer, size_t len);

/** The message last taken is only that long. */
void tp_turn_buffer_trim(struct tp_turn_buffer *buffer, const uint8_t *message, size_t len);

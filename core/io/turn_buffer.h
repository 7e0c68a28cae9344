/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "io/endpoint.h"
#include "io/loop.h"

/*
 * Memory for the messages that connection-oriented transports deliver: each
 * with the room of a packet around it, all of them unchanged until the turn's
 * hooks have run (tp_loop_flush()), so that forwarding one needs no copy. It
 * serves whatever else lives that long.
 */
struct tp_turn_buffer;

/* What a message of that length takes of the size. */
#define TP_TURN_BUFFER_COST(len) (((len) + TP_PACKET_HEADROOM + TP_PACKET_TAILROOM + 15) / 16 * 16)

/** Errors: TP_ENOMEM. */
int tp_turn_buffer_create(struct tp_loop *loop, size_t size, struct tp_turn_buffer **out);
/** Sets the pointer to NULL; NULL inside is fine. */
void tp_turn_buffer_free(struct tp_turn_buffer **buffer);

size_t tp_turn_buffer_left(struct tp_turn_buffer *buffer);

/**
 * Memory for a message of @len bytes, room around it not counted, aligned to 16
 * bytes; NULL when the turn's is used up.
 */
uint8_t *tp_turn_buffer_take(struct tp_turn_buffer *buffer, size_t len);

/** The message last taken is only that long. */
void tp_turn_buffer_trim(struct tp_turn_buffer *buffer, const uint8_t *message, size_t len);

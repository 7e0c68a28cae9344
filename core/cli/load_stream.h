/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "stun/frame.h"

/*
 * The two ends of a client's TCP connection that do not fall on a message's
 * border: bytes the kernel would not take yet, and the head of a message whose
 * rest has not arrived.
 */
struct tp_load_stream {
	size_t in_len;
	size_t out_len;
	uint8_t in[TP_FRAME_MAX];
	uint8_t out[TP_FRAME_MAX];
};

typedef void (*tp_load_message_fn)(void *owner, const uint8_t *bytes, size_t len);

/** Errors: TP_ENOMEM. Owner: free() it. */
int tp_load_stream_create(struct tp_load_stream **out);

/**
 * Send whole messages, at most TP_FRAME_MAX bytes. What the kernel does not take is sent
 * before anything else.
 *
 * Errors: TP_EAGAIN while earlier bytes wait: nothing was taken; TP_EIO
 */
int tp_load_stream_write(struct tp_load_stream *stream, int fd, const uint8_t *bytes, size_t len);

/** Send what waits. Errors: TP_EAGAIN while some still does, TP_EIO. */
int tp_load_stream_flush(struct tp_load_stream *stream, int fd);

/**
 * Read all there is and hand on each whole message.
 *
 * Errors: TP_EIO when the connection has ended, TP_EPROTO for bytes that begin
 *         no message
 */
int tp_load_stream_read(struct tp_load_stream *stream, int fd, tp_load_message_fn message,
			void *owner);

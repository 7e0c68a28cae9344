/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whole messages out of a byte stream (stun/frame.h). Only the beginning of a
 * message that is not all there is kept, and only as much of it as has come.
 */
struct tp_stream_input {
	uint8_t *bytes; /* NULL: nothing is kept */
	size_t len;
	size_t capacity;
};

/**
 * Take one whole message, borrowed for the call. Returns false to stop: the
 * rest is not looked at.
 */
typedef bool (*tp_stream_message_fn)(void *owner, const uint8_t *message, size_t len);

/**
 * The next bytes of the stream.
 *
 * Returns how many were used: all of them, unless @take has stopped.
 *
 * Errors: TP_EPROTO for bytes that begin no message, TP_ENOMEM
 */
long tp_stream_input_feed(struct tp_stream_input *input, const uint8_t *bytes, size_t len,
			  tp_stream_message_fn take, void *owner);

void tp_stream_input_fini(struct tp_stream_input *input);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"

/*
 * What waits to leave on a connection, whole messages in order. When there is
 * no room, the oldest media goes first; a message of which a byte has left, and
 * a response, never go.
 */
struct tp_stream_queue {
	struct tp_list entries;
	struct tp_list media; /* of them, those that may be dropped */
	size_t bytes;         /* memory of the entries */
	size_t limit_bytes;
};

void tp_stream_queue_init(struct tp_stream_queue *queue, size_t limit_bytes);
void tp_stream_queue_fini(struct tp_stream_queue *queue);

bool tp_stream_queue_empty(const struct tp_stream_queue *queue);

/** Would a message of @len bytes make others go? */
bool tp_stream_queue_tight(const struct tp_stream_queue *queue, size_t len);

/**
 * Append a copy.
 *
 * @media:   may be dropped later
 * @dropped: set to the number of older messages that went for it
 *
 * Errors: TP_EFULL when even without media there is no room, TP_ENOMEM
 */
int tp_stream_queue_push(struct tp_stream_queue *queue, const uint8_t *bytes, size_t len,
			 bool media, size_t *dropped);

/**
 * Append a copy of what is being written: the rest of a message of which a byte
 * has left. There is always room.
 *
 * Errors: TP_ENOMEM
 */
int tp_stream_queue_push_begun(struct tp_stream_queue *queue, const uint8_t *bytes, size_t len);

/** What is next to leave, in @max pieces at most. Returns their number. */
int tp_stream_queue_peek(const struct tp_stream_queue *queue, struct iovec *pieces, int max);

/** @len bytes have left. */
void tp_stream_queue_consume(struct tp_stream_queue *queue, size_t len);

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/turn_buffer.h"

#include <stdlib.h>

#include <turnpike/error.h>

struct tp_turn_buffer {
	struct tp_loop *loop;
	uint64_t flushes; /* of the loop when it was last empty */
	uint8_t *bytes;
	size_t size;
	size_t used;
};

_Static_assert(TP_PACKET_HEADROOM % 16 == 0, "messages are aligned like their room");

int tp_turn_buffer_create(struct tp_loop *loop, size_t size, struct tp_turn_buffer **out)
{
	struct tp_turn_buffer *buffer = calloc(1, sizeof(*buffer));

	if (buffer == NULL) {
		return TP_ENOMEM;
	}
	*buffer = (struct tp_turn_buffer){
		.loop = loop,
		.flushes = tp_loop_flushes(loop),
		.bytes = malloc(size),
		.size = size,
	};
	if (buffer->bytes == NULL) {
		tp_turn_buffer_free(&buffer);
		return TP_ENOMEM;
	}
	*out = buffer;
	return 0;
}

void tp_turn_buffer_free(struct tp_turn_buffer **buffer)
{
	if (*buffer != NULL) {
		free((*buffer)->bytes);
		free(*buffer);
		*buffer = NULL;
	}
}

static void forget_flushed(struct tp_turn_buffer *buffer)
{
	uint64_t flushes = tp_loop_flushes(buffer->loop);

	if (buffer->flushes != flushes) {
		buffer->flushes = flushes;
		buffer->used = 0;
	}
}

size_t tp_turn_buffer_left(struct tp_turn_buffer *buffer)
{
	forget_flushed(buffer);
	return buffer->size - buffer->used;
}

uint8_t *tp_turn_buffer_take(struct tp_turn_buffer *buffer, size_t len)
{
	uint8_t *message;

	if (len > buffer->size || TP_TURN_BUFFER_COST(len) > tp_turn_buffer_left(buffer)) {
		return NULL;
	}
	message = buffer->bytes + buffer->used + TP_PACKET_HEADROOM;
	buffer->used += TP_TURN_BUFFER_COST(len);
	return message;
}

void tp_turn_buffer_trim(struct tp_turn_buffer *buffer, const uint8_t *message, size_t len)
{
	size_t start = (size_t)(message - buffer->bytes) - TP_PACKET_HEADROOM;

	buffer->used = start + TP_TURN_BUFFER_COST(len);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/turn_buffer.h"

#include <stdlib.h>

#include <turnpike/error.h>

static void on_turn_end(struct tp_turn_hook *hook)
{
	tp_container_of(hook, struct tp_turn_buffer, hook)->used = 0;
}

int tp_turn_buffer_init(struct tp_turn_buffer *buffer, struct tp_loop *loop, size_t size)
{
	*buffer = (struct tp_turn_buffer){.loop = loop, .size = size, .bytes = malloc(size)};
	tp_turn_hook_init(&buffer->hook, on_turn_end);
	return buffer->bytes != NULL ? 0 : TP_ENOMEM;
}

void tp_turn_buffer_fini(struct tp_turn_buffer *buffer)
{
	tp_loop_cancel_hook(&buffer->hook);
	free(buffer->bytes);
	buffer->bytes = NULL;
}

size_t tp_turn_buffer_left(const struct tp_turn_buffer *buffer)
{
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
	tp_loop_request_hook(buffer->loop, &buffer->hook);
	return message;
}

void tp_turn_buffer_trim(struct tp_turn_buffer *buffer, const uint8_t *message, size_t len)
{
	size_t start = (size_t)(message - buffer->bytes) - TP_PACKET_HEADROOM;

	buffer->used = start + TP_TURN_BUFFER_COST(len);
}

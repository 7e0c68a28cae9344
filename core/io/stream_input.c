/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_input.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "stun/frame.h"

#define LENGTH_KNOWN 4 /* bytes after which a message tells its length */
#define CAPACITY_MIN 256

/*
 * Doubled, never beyond the message: a length announced is not yet memory
 * given.
 */
static int reserve(struct tp_stream_input *input, size_t len, size_t message_len)
{
	size_t capacity = input->capacity == 0 ? CAPACITY_MIN : input->capacity;
	uint8_t *grown;

	if (len <= input->capacity) {
		return 0;
	}
	while (capacity < len) {
		capacity *= 2;
	}
	if (capacity > message_len && message_len >= len) {
		capacity = message_len;
	}
	grown = realloc(input->bytes, capacity);
	if (grown == NULL) {
		return TP_ENOMEM;
	}
	input->bytes = grown;
	input->capacity = capacity;
	return 0;
}

static int keep(struct tp_stream_input *input, const uint8_t *bytes, size_t len, size_t message_len)
{
	int err = reserve(input, input->len + len, message_len);

	if (err == 0) {
		memcpy(input->bytes + input->len, bytes, len);
		input->len += len;
	}
	return err;
}

/*
 * Add to the kept beginning, not past the message's end. Returns the bytes
 * used, or an error.
 */
static long complete(struct tp_stream_input *input, const uint8_t *bytes, size_t len)
{
	long known = tp_frame_length(input->bytes, input->len);
	size_t message_len = known > 0 ? (size_t)known : LENGTH_KNOWN;
	size_t wanted = message_len - input->len;
	int err;

	if (known < 0) {
		return known;
	}
	if (wanted > len) {
		wanted = len;
	}
	err = keep(input, bytes, wanted, message_len);
	return err != 0 ? err : (long)wanted;
}

/*
 * Hand out the kept message when it is whole. Returns 1 to go on, 0 to stop, or
 * an error.
 */
static int take_kept(struct tp_stream_input *input, tp_stream_message_fn take, void *owner)
{
	long message_len = tp_frame_length(input->bytes, input->len);
	struct tp_stream_input whole = *input;
	bool more;

	if (message_len < 0) {
		return (int)message_len;
	}
	if (message_len == 0 || (size_t)message_len > input->len) {
		return 1;
	}
	*input = (struct tp_stream_input){0};
	more = take(owner, whole.bytes, whole.len);
	free(whole.bytes);
	return more;
}

/* With a beginning kept. Returns the bytes used, or an error; @more: go on? */
static long feed_kept(struct tp_stream_input *input, const uint8_t *bytes, size_t len,
		      tp_stream_message_fn take, void *owner, bool *more)
{
	long used = complete(input, bytes, len);
	int state = used < 0 ? (int)used : take_kept(input, take, owner);

	*more = state > 0;
	return state < 0 ? state : used;
}

/* With nothing kept. The same. */
static long feed_fresh(struct tp_stream_input *input, const uint8_t *bytes, size_t len,
		       tp_stream_message_fn take, void *owner, bool *more)
{
	long used = tp_frame_length(bytes, len);
	int err;

	if (used < 0) {
		return used;
	}
	if (used == 0 || (size_t)used > len) {
		err = keep(input, bytes, len, (size_t)used);
		return err != 0 ? err : (long)len;
	}
	*more = take(owner, bytes, (size_t)used);
	return used;
}

long tp_stream_input_feed(struct tp_stream_input *input, const uint8_t *bytes, size_t len,
			  tp_stream_message_fn take, void *owner)
{
	bool more = true;
	size_t at = 0;

	while (more && at < len) {
		long used = input->len > 0
				    ? feed_kept(input, bytes + at, len - at, take, owner, &more)
				    : feed_fresh(input, bytes + at, len - at, take, owner, &more);

		if (used < 0) {
			return used;
		}
		at += (size_t)used;
	}
	return (long)at;
}

void tp_stream_input_fini(struct tp_stream_input *input)
{
	free(input->bytes);
	*input = (struct tp_stream_input){0};
}

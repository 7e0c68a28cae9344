/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <turnpike/error.h>

int tp_load_stream_create(struct tp_load_stream **out)
{
	*out = malloc(sizeof(**out));
	if (*out == NULL) {
		return TP_ENOMEM;
	}
	(*out)->in_len = 0;
	(*out)->out_len = 0;
	return 0;
}

/* Returns how many bytes the kernel took, or TP_EIO. */
static ssize_t push(int fd, const uint8_t *bytes, size_t len)
{
	ssize_t taken = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (taken < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : TP_EIO;
	}
	return taken;
}

int tp_load_stream_flush(struct tp_load_stream *stream, int fd)
{
	ssize_t taken;

	if (stream->out_len == 0) {
		return 0;
	}
	taken = push(fd, stream->out, stream->out_len);
	if (taken < 0) {
		return TP_EIO;
	}
	stream->out_len -= (size_t)taken;
	memmove(stream->out, stream->out + taken, stream->out_len);
	return stream->out_len == 0 ? 0 : TP_EAGAIN;
}

int tp_load_stream_write(struct tp_load_stream *stream, int fd, const uint8_t *bytes, size_t len)
{
	int err = tp_load_stream_flush(stream, fd);
	ssize_t taken;

	if (err != 0) {
		return err;
	}
	taken = push(fd, bytes, len);
	if (taken < 0) {
		return TP_EIO;
	}
	stream->out_len = len - (size_t)taken;
	memcpy(stream->out, bytes + taken, stream->out_len);
	return 0;
}

/* Hand on what is whole and keep the rest. */
static int cut(struct tp_load_stream *stream, tp_load_message_fn message, void *owner)
{
	size_t at = 0;
	long len;

	for (;;) {
		len = tp_frame_length(stream->in + at, stream->in_len - at);
		if (len < 0) {
			return TP_EPROTO;
		}
		if (len == 0 || (size_t)len > stream->in_len - at) {
			break;
		}
		message(owner, stream->in + at, (size_t)len);
		at += (size_t)len;
	}
	stream->in_len -= at;
	memmove(stream->in, stream->in + at, stream->in_len);
	return 0;
}

int tp_load_stream_read(struct tp_load_stream *stream, int fd, tp_load_message_fn message,
			void *owner)
{
	size_t room;
	ssize_t got;
	int err;

	do {
		room = sizeof(stream->in) - stream->in_len;
		got = recv(fd, stream->in + stream->in_len, room, MSG_DONTWAIT);
		if (got < 0) {
			return errno == EAGAIN || errno == EINTR ? 0 : TP_EIO;
		}
		if (got == 0) {
			return TP_EIO;
		}
		stream->in_len += (size_t)got;
		err = cut(stream, message, owner);
		if (err != 0) {
			return err;
		}
	} while ((size_t)got == room);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <turnpike/error.h>

#include "io/stream_connection.h"

/*
 * What a connection is given in a turn leaves at its end in one call, from
 * where it lies. Only what the kernel does not take is copied, into the bounded
 * queue.
 */

_Static_assert(alignof(struct tp_stream_train) <= 16, "a turn buffer's memory will do");

/* --- writing -------------------------------------------------------------- */

static long write_plain(struct tp_connection *connection, struct iovec *pieces, int count)
{
	const struct msghdr msg = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
	int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	ssize_t len = count == 1 ? send(connection->fd, pieces->iov_base, pieces->iov_len, flags)
				 : sendmsg(connection->fd, &msg, flags);

	if (len >= 0) {
		return len;
	}
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TP_EAGAIN : TP_EIO;
}

/* Returns the bytes that have left. Errors: TP_EAGAIN, TP_EIO. */
static long write_pieces(struct tp_connection *connection, struct iovec *pieces, int count)
{
	return connection->tls.session != NULL ? tp_connection_seal(connection, pieces, count)
					       : write_plain(connection, pieces, count);
}

/* Has the kernel taken less than it was offered? Then it will not take more. */
static bool is_full(const struct tp_connection *connection, long len, const struct iovec *pieces,
		    int count)
{
	size_t sum = 0;

	if (connection->tls.session != NULL) {
		return connection->unsent.bytes != NULL;
	}
	for (int i = 0; i < count; i++) {
		sum += pieces[i].iov_len;
	}
	return (size_t)len < sum;
}

/* Errors: TP_EAGAIN with something left, TP_EIO. */
static int write_queue(struct tp_connection *connection)
{
	struct tp_stream_queue *queue = &connection->queue;
	struct iovec pieces[TP_STREAM_TRAIN_MAX];
	int err = tp_connection_write_unsent(connection);

	while (err == 0 && !tp_stream_queue_empty(queue)) {
		int count = tp_stream_queue_peek(queue, pieces, TP_STREAM_TRAIN_MAX);
		long len = write_pieces(connection, pieces, count);

		if (len < 0) {
			return (int)len;
		}
		if (is_full(connection, len, pieces, count)) {
			err = TP_EAGAIN;
		}
		tp_stream_queue_consume(queue, (size_t)len);
	}
	return err;
}

static int enqueue(struct tp_connection *connection, const uint8_t *bytes, size_t len, bool media)
{
	size_t dropped;
	int err = tp_stream_queue_push(&connection->queue, bytes, len, media, &dropped);

	tp_counter_add(connection->listener->media_dropped, dropped + (media && err != 0));
	return err;
}

/* Keep what has not left. @cut: a part of the first piece has. */
static void spill(struct tp_connection *connection, const struct tp_stream_train *train, int at,
		  bool cut)
{
	for (; at < train->count; at++, cut = false) {
		const struct iovec *piece = &train->pieces[at];
		int err = cut ? tp_stream_queue_push_begun(&connection->queue, piece->iov_base,
							   piece->iov_len)
			      : enqueue(connection, piece->iov_base, piece->iov_len,
					train->media[at]);

		if (err != 0 && (cut || !train->media[at])) {
			tp_connection_doom(connection, "no room for a response");
			return;
		}
	}
}

/* @len bytes have left. Returns the first piece that has not, or not wholly. */
static int skip(struct tp_stream_train *train, int at, size_t len, bool *cut)
{
	while (at < train->count && len >= train->pieces[at].iov_len) {
		len -= train->pieces[at++].iov_len;
	}
	*cut = len > 0;
	if (len > 0) {
		train->pieces[at].iov_base = (uint8_t *)train->pieces[at].iov_base + len;
		train->pieces[at].iov_len -= len;
	}
	return at;
}

static void write_train(struct tp_connection *connection, struct tp_stream_train *train)
{
	bool full = false;
	bool cut = false;
	int at = 0;

	while (at < train->count && !full) {
		struct iovec *pieces = &train->pieces[at];
		int count = train->count - at;
		long len = write_pieces(connection, pieces, count);

		if (len < 0 && len != TP_EAGAIN) {
			connection->gone = true;
			return;
		}
		full = len < 0 || is_full(connection, len, pieces, count);
		if (len > 0) {
			at = skip(train, at, (size_t)len, &cut);
		}
	}
	if (full) {
		spill(connection, train, at, cut);
		tp_connection_want_write(connection);
	}
}

void tp_connection_want_write(struct tp_connection *connection)
{
	struct tp_stream_train *train = connection->train;

	connection->train = NULL;
	if (tp_connection_await_writable(connection) != 0) {
		tp_connection_doom(connection, "out of memory");
		return;
	}
	connection->blocked = true;
	if (train != NULL) {
		spill(connection, train, 0, false);
	}
}

void tp_connection_write(struct tp_connection *connection)
{
	int err = connection->blocked ? 0 : write_queue(connection);
	struct tp_stream_train *train = connection->train;

	if (err == TP_EAGAIN) {
		tp_connection_want_write(connection);
	} else if (err != 0) {
		connection->gone = true;
	} else if (train != NULL) {
		connection->train = NULL;
		write_train(connection, train);
	}
}

/* --- the turn's train ----------------------------------------------------- */

/* Memory until the end of the turn; NULL: what is left is for messages that come. */
static void *take(const struct tp_connection *connection, size_t len)
{
	struct tp_turn_buffer *buffer = tp_loop_turn_buffer(connection->listener->loop);

	if (tp_turn_buffer_left(buffer) < TP_STREAM_READ_COST + TP_TURN_BUFFER_COST(len)) {
		return NULL;
	}
	return tp_turn_buffer_take(buffer, len);
}

/* A place in the train; NULL: the turn's memory is used up. */
static struct tp_stream_train *train_with_place(struct tp_connection *connection)
{
	if (connection->train != NULL && connection->train->count == TP_STREAM_TRAIN_MAX) {
		tp_connection_write(connection);
	}
	if (connection->train == NULL && !connection->blocked) {
		connection->train = take(connection, sizeof(*connection->train));
		if (connection->train != NULL) {
			connection->train->count = 0;
		}
	}
	return connection->train;
}

static void append(struct tp_stream_train *train, const uint8_t *bytes, size_t len, bool media)
{
	train->pieces[train->count] = (struct iovec){(uint8_t *)(uintptr_t)bytes, len};
	train->media[train->count++] = media;
}

/* With no memory to wait in, all that there is leaves now. */
static void write_now(struct tp_connection *connection, const uint8_t *bytes, size_t len,
		      bool media)
{
	struct tp_stream_train one = {.count = 0};

	tp_connection_write(connection);
	append(&one, bytes, len, media);
	if (connection->blocked) {
		spill(connection, &one, 0, 0);
	} else if (!connection->gone) {
		write_train(connection, &one);
	}
}

/* Bytes that stay as they are until the turn's hooks have run. */
static void add(struct tp_connection *connection, const uint8_t *bytes, size_t len, bool media)
{
	struct tp_stream_train *train = train_with_place(connection);

	if (train != NULL) {
		append(train, bytes, len, media);
	} else {
		write_now(connection, bytes, len, media);
	}
}

/* --- endpoint ------------------------------------------------------------- */

static int check(const struct tp_connection *connection, size_t len)
{
	if (connection->state != TP_CONNECTION_OPEN || connection->doomed != NULL ||
	    connection->gone) {
		return TP_ESHUTDOWN;
	}
	return len == 0 || len > TP_FRAME_MAX ? TP_EINVAL : 0;
}

static int endpoint_send(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			 const uint8_t *bytes, size_t len)
{
	struct tp_connection *connection =
		tp_container_of(endpoint, struct tp_connection, endpoint);
	int err = check(connection, len);
	uint8_t *copy;

	(void)five_tuple;
	if (err != 0) {
		return err;
	}
	tp_loop_request_hook(connection->listener->loop, &connection->flush);
	if (connection->blocked) {
		err = enqueue(connection, bytes, len, false);
		if (err != 0) {
			tp_connection_doom(connection, "no room for a response");
		}
		return err;
	}
	copy = take(connection, len);
	if (copy != NULL) {
		memcpy(copy, bytes, len);
		add(connection, copy, len, false);
	} else {
		write_now(connection, bytes, len, false);
	}
	return connection->doomed != NULL ? TP_EFULL : 0;
}

static int endpoint_forward(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			    struct tp_packet *packet)
{
	struct tp_connection *connection =
		tp_container_of(endpoint, struct tp_connection, endpoint);
	int err = check(connection, packet->len);

	(void)five_tuple;
	if (err != 0) {
		return err;
	}
	if (connection->blocked) { /* on_writable will see to it */
		return enqueue(connection, packet->data, packet->len, true);
	}
	tp_loop_request_hook(connection->listener->loop, &connection->flush);
	add(connection, packet->data, packet->len, true);
	return 0;
}

static void endpoint_close(struct tp_endpoint *endpoint)
{
	tp_connection_close(tp_container_of(endpoint, struct tp_connection, endpoint));
}

const struct tp_endpoint_ops tp_connection_ops = {
	.send = endpoint_send,
	.forward = endpoint_forward,
	.close = endpoint_close,
	.pause = tp_connection_pause,
	.hand_over = tp_connection_hand_over,
};

const struct tp_tls *tp_stream_tls(const struct tp_endpoint *endpoint)
{
	const struct tp_connection *connection =
		tp_container_of(endpoint, struct tp_connection, endpoint);

	return endpoint->ops == &tp_connection_ops && connection->tls.session != NULL
		       ? &connection->tls
		       : NULL;
}

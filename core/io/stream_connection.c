/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <turnpike/error.h>

#include "stun/frame.h"

#define PIECES_MAX 32   /* messages written at once */
#define RECORDS_MAX 4   /* TLS records read before others have their turn */
#define REPORTED_MAX 64 /* bytes shown with an exception */

/*
 * What the messages of one read may take: all the shortest there are, or one
 * that is now whole.
 */
#define READ_COST                                                                                  \
	(TP_STREAM_READ_MAX / 4 * TP_TURN_BUFFER_COST(4) + TP_TURN_BUFFER_COST(TP_FRAME_MAX))

/* --- end ------------------------------------------------------------------ */

static void connection_free(struct tp_connection *connection)
{
	struct tp_stream_listener *listener = connection->listener;

	tp_tls_fini(&connection->tls);
	tp_stream_queue_fini(&connection->queue);
	tp_stream_input_fini(&connection->input);
	free(connection);
	listener->connection_count--;
	tp_stream_listener_unref(listener);
}

static void enter(struct tp_connection *connection)
{
	connection->inside++;
}

static void leave(struct tp_connection *connection)
{
	connection->inside--;
	if (connection->inside == 0 && connection->state == TP_CONNECTION_CLOSED) {
		connection_free(connection);
	}
}

/* Say why, then close. Bytes of the peer, if any, are what was wrong. */
static void fail(struct tp_connection *connection, const char *reason, const uint8_t *bytes,
		 size_t len)
{
	const struct tp_endpoint_handler *handler = &connection->listener->handler;

	if (connection->state == TP_CONNECTION_CLOSED) {
		return;
	}
	enter(connection);
	if (handler->exception != NULL) {
		handler->exception(handler->owner, &connection->five_tuple, reason, bytes,
				   len < REPORTED_MAX ? len : REPORTED_MAX);
	}
	tp_connection_close(connection);
	leave(connection);
}

/* Not from inside a send: the caller is in the middle of something. */
static void doom(struct tp_connection *connection, const char *reason)
{
	if (connection->doomed == NULL) {
		connection->doomed = reason;
		tp_loop_request_hook(connection->listener->loop, &connection->flush);
	}
}

/* --- time ----------------------------------------------------------------- */

static void arm_after(struct tp_connection *connection, uint64_t from_ms, uint32_t wait_ms)
{
	if (wait_ms != 0) {
		tp_loop_arm(connection->listener->loop, &connection->timer, from_ms + wait_ms);
	}
}

static bool opening(const struct tp_connection *connection)
{
	return connection->state != TP_CONNECTION_OPEN ||
	       (connection->server && !connection->heard);
}

/*
 * The idle timer is not moved with each message: it looks again when it fires.
 */
static void on_timer(struct tp_timer *timer)
{
	struct tp_connection *connection = tp_container_of(timer, struct tp_connection, timer);
	struct tp_stream_listener *listener = connection->listener;
	uint32_t idle_ms = listener->options.idle_timeout_ms;

	if (opening(connection)) {
		fail(connection, "no message in time", connection->input.bytes,
		     connection->input.len);
	} else if (tp_loop_now_ms(listener->loop) >= connection->heard_ms + idle_ms) {
		fail(connection, "idle for too long", NULL, 0);
	} else {
		arm_after(connection, connection->heard_ms, idle_ms);
	}
}

static void end_opening(struct tp_connection *connection)
{
	tp_loop_cancel(connection->listener->loop, &connection->timer);
	arm_after(connection, connection->heard_ms, connection->listener->options.idle_timeout_ms);
}

/* --- output --------------------------------------------------------------- */

static void want_write(struct tp_connection *connection)
{
	if (event_add(&connection->writable, NULL) != 0) {
		doom(connection, "out of memory");
	}
}

static long write_plain(struct tp_connection *connection)
{
	struct iovec pieces[PIECES_MAX];
	struct msghdr msg = {.msg_iov = pieces};
	ssize_t len;

	msg.msg_iovlen = (size_t)tp_stream_queue_peek(&connection->queue, pieces, PIECES_MAX);
	len = sendmsg(connection->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (len >= 0) {
		return len;
	}
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TP_EAGAIN : TP_EIO;
}

/* What GnuTLS has begun to send must be offered again as it is. */
static long write_tls(struct tp_connection *connection)
{
	struct iovec piece;
	long len;

	tp_stream_queue_peek(&connection->queue, &piece, 1);
	len = tp_tls_write(&connection->tls, piece.iov_base, piece.iov_len);
	if (len == TP_EAGAIN) {
		tp_stream_queue_pin(&connection->queue);
	}
	return len;
}

/* Errors: TP_EAGAIN with something left, TP_EIO. */
static int write_queue(struct tp_connection *connection)
{
	while (!tp_stream_queue_empty(&connection->queue)) {
		long len = connection->tls.session != NULL ? write_tls(connection)
							   : write_plain(connection);

		if (len < 0) {
			return (int)len;
		}
		tp_stream_queue_consume(&connection->queue, (size_t)len);
	}
	return 0;
}

static void flush(struct tp_connection *connection)
{
	int err = write_queue(connection);

	if (err == TP_EAGAIN) {
		want_write(connection);
	} else if (err != 0) {
		tp_connection_close(connection); /* the peer has gone */
	}
}

static void on_turn_end(struct tp_turn_hook *hook)
{
	struct tp_connection *connection = tp_container_of(hook, struct tp_connection, flush);

	enter(connection);
	if (connection->doomed != NULL) {
		fail(connection, connection->doomed, NULL, 0);
	} else if (!event_pending(&connection->writable, EV_WRITE, NULL)) {
		flush(connection);
	}
	leave(connection);
}

static int push(struct tp_connection *connection, const uint8_t *bytes, size_t len, bool media)
{
	size_t dropped;
	int err;

	if (connection->state != TP_CONNECTION_OPEN || connection->doomed != NULL) {
		return TP_ESHUTDOWN;
	}
	if (len == 0 || len > TP_FRAME_MAX) {
		return TP_EINVAL;
	}
	if (tp_stream_queue_tight(&connection->queue, len) &&
	    !event_pending(&connection->writable, EV_WRITE, NULL) &&
	    write_queue(connection) == TP_EAGAIN) {
		want_write(connection);
	}
	err = tp_stream_queue_push(&connection->queue, bytes, len, media, &dropped);
	tp_counter_add(connection->listener->media_dropped, dropped + (media && err != 0));
	if (err == 0) {
		tp_loop_request_hook(connection->listener->loop, &connection->flush);
	}
	return err;
}

static int endpoint_send(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			 const uint8_t *bytes, size_t len)
{
	struct tp_connection *connection =
		tp_container_of(endpoint, struct tp_connection, endpoint);
	int err = push(connection, bytes, len, false);

	(void)five_tuple;
	if (err == TP_EFULL || err == TP_ENOMEM) {
		doom(connection, "no room for a response");
	}
	return err;
}

static int endpoint_forward(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			    struct tp_packet *packet)
{
	(void)five_tuple;
	return push(tp_container_of(endpoint, struct tp_connection, endpoint), packet->data,
		    packet->len, true);
}

static void endpoint_close(struct tp_endpoint *endpoint)
{
	tp_connection_close(tp_container_of(endpoint, struct tp_connection, endpoint));
}

static const struct tp_endpoint_ops ops = {endpoint_send, endpoint_forward, endpoint_close};

const struct tp_tls *tp_stream_tls(const struct tp_endpoint *endpoint)
{
	const struct tp_connection *connection =
		tp_container_of(endpoint, struct tp_connection, endpoint);

	return endpoint->ops == &ops && connection->tls.session != NULL ? &connection->tls : NULL;
}

/* --- input ---------------------------------------------------------------- */

static bool deliver(void *owner, const uint8_t *message, size_t len)
{
	struct tp_connection *connection = owner;
	struct tp_stream_listener *listener = connection->listener;
	struct tp_packet packet = {
		.data = tp_turn_buffer_take(&listener->messages, len),
		.len = len,
		.remote_addr = connection->server ? connection->five_tuple.client_addr
						  : connection->five_tuple.server_addr,
		.local_addr = connection->server ? connection->five_tuple.server_addr
						 : connection->five_tuple.client_addr,
		.ttl = -1,
		.tos = -1,
	};

	if (packet.data == NULL) { /* READ_COST makes sure of it */
		return false;
	}
	memcpy(packet.data, message, len);
	if (!connection->heard) {
		connection->heard = true;
		if (connection->server) {
			end_opening(connection);
		}
	}
	listener->handler.message(listener->handler.owner, &connection->endpoint,
				  &connection->five_tuple, &packet);
	return connection->state == TP_CONNECTION_OPEN && connection->doomed == NULL;
}

static void feed(struct tp_connection *connection, size_t len)
{
	struct tp_stream_listener *listener = connection->listener;
	int err;

	connection->heard_ms = tp_loop_now_ms(listener->loop);
	err = tp_stream_input_feed(&connection->input, listener->scratch, len, deliver, connection);
	if (err == TP_EPROTO) {
		fail(connection, "bytes that are no message", listener->scratch, len);
	} else if (err != 0) {
		fail(connection, tp_error_string(err), NULL, 0);
	}
}

static void read_plain(struct tp_connection *connection)
{
	ssize_t len = recv(connection->fd, connection->listener->scratch, TP_STREAM_READ_MAX,
			   MSG_DONTWAIT);

	if (len > 0) {
		feed(connection, (size_t)len);
	} else if (len == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
		tp_connection_close(connection);
	}
}

/*
 * GnuTLS keeps no more than the record it is at, so the descriptor tells what
 * is left.
 */
static void read_tls(struct tp_connection *connection)
{
	struct tp_stream_listener *listener = connection->listener;

	for (int i = 0; i < RECORDS_MAX && connection->state == TP_CONNECTION_OPEN &&
			tp_turn_buffer_left(&listener->messages) >= READ_COST;
	     i++) {
		long len = tp_tls_read(&connection->tls, listener->scratch, TP_STREAM_READ_MAX);

		if (len == TP_EAGAIN) {
			return;
		}
		if (len > 0) {
			feed(connection, (size_t)len);
		} else if (len == 0) {
			tp_connection_close(connection);
		} else {
			fail(connection, connection->tls.problem, NULL, 0);
		}
	}
}

static void become_open(struct tp_connection *connection)
{
	const struct tp_endpoint_handler *handler = &connection->listener->handler;

	connection->state = TP_CONNECTION_OPEN;
	connection->heard_ms = tp_loop_now_ms(connection->listener->loop);
	if (!connection->server) {
		end_opening(connection);
	}
	if (handler->opened != NULL) {
		handler->opened(handler->owner, &connection->endpoint, &connection->five_tuple);
	}
}

static void shake_hands(struct tp_connection *connection)
{
	int err = tp_tls_handshake(&connection->tls);

	if (err == 0) {
		become_open(connection);
	} else if (err != TP_EAGAIN) {
		fail(connection, connection->tls.problem, NULL, 0);
	} else if (tp_tls_wants_write(&connection->tls)) {
		want_write(connection);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tp_connection *connection = arg;

	(void)fd;
	(void)what;
	if (tp_turn_buffer_left(&connection->listener->messages) < READ_COST) {
		return; /* in the next turn */
	}
	enter(connection);
	if (connection->state == TP_CONNECTION_HANDSHAKE) {
		shake_hands(connection);
	} else if (connection->tls.session != NULL) {
		read_tls(connection);
	} else {
		read_plain(connection);
	}
	leave(connection);
}

static void on_connected(struct tp_connection *connection)
{
	socklen_t size = sizeof(int);
	int code = 0;

	if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) {
		code = errno;
	}
	if (code != 0) {
		fail(connection, strerrordesc_np(code), NULL, 0);
		return;
	}
	(void)tp_socket_local_addr(connection->fd, &connection->five_tuple.client_addr);
	tp_connection_start(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct tp_connection *connection = arg;

	(void)fd;
	(void)what;
	enter(connection);
	switch (connection->state) {
	case TP_CONNECTION_CONNECTING:
		on_connected(connection);
		break;
	case TP_CONNECTION_HANDSHAKE:
		shake_hands(connection);
		break;
	case TP_CONNECTION_OPEN:
		flush(connection);
		break;
	case TP_CONNECTION_CLOSED:
		break;
	}
	leave(connection);
}

/* --- life ----------------------------------------------------------------- */

static int set_tls(struct tp_connection *connection, const char *server_name)
{
	const struct tp_tls_options options = {
		.certs = connection->listener->options.certs,
		.server = connection->server,
		.server_name = server_name,
		.remote_addr = &connection->five_tuple.server_addr,
	};
	int err;

	if (options.certs == NULL) {
		return 0;
	}
	err = tp_tls_init(&connection->tls, &options);
	if (err == 0) {
		gnutls_transport_set_int(connection->tls.session, connection->fd);
	}
	return err;
}

static int set_events(struct tp_connection *connection)
{
	struct event_base *base = tp_loop_event_base(connection->listener->loop);

	if (event_assign(&connection->readable, base, connection->fd, EV_READ | EV_PERSIST,
			 on_readable, connection) != 0 ||
	    event_assign(&connection->writable, base, connection->fd, EV_WRITE, on_writable,
			 connection) != 0) {
		return TP_EIO;
	}
	/* A client waits until it is connected. */
	return event_add(connection->server ? &connection->readable : &connection->writable,
			 NULL) == 0
		       ? 0
		       : TP_ENOMEM;
}

int tp_connection_create(struct tp_stream_listener *listener, int fd,
			 const struct tp_five_tuple *five_tuple, bool server,
			 const char *server_name, struct tp_connection **out)
{
	struct tp_connection *connection = calloc(1, sizeof(*connection));
	int err;

	if (connection == NULL) {
		return TP_ENOMEM;
	}
	connection->endpoint = (struct tp_endpoint){
		.ops = &ops,
		.transport = (enum tp_transport)five_tuple->transport,
		.stream = true,
	};
	connection->listener = listener;
	connection->five_tuple = *five_tuple;
	connection->server = server;
	connection->fd = fd;
	tp_stream_queue_init(&connection->queue, listener->options.queue_bytes);
	tp_turn_hook_init(&connection->flush, on_turn_end);
	tp_timer_init(&connection->timer, on_timer);
	err = set_tls(connection, server_name);
	if (err == 0) {
		err = set_events(connection);
	}
	if (err != 0) {
		tp_tls_fini(&connection->tls);
		free(connection);
		return err;
	}
	listener->references++;
	listener->connection_count++;
	tp_list_append(&listener->connections, &connection->link);
	arm_after(connection, tp_loop_now_ms(listener->loop),
		  listener->options.handshake_timeout_ms);
	*out = connection;
	return 0;
}

void tp_connection_start(struct tp_connection *connection)
{
	enter(connection);
	connection->state = TP_CONNECTION_HANDSHAKE;
	if (!connection->server && event_add(&connection->readable, NULL) != 0) {
		fail(connection, "out of memory", NULL, 0);
	} else if (connection->tls.session != NULL) {
		shake_hands(connection);
	} else {
		become_open(connection);
	}
	leave(connection);
}

void tp_connection_close(struct tp_connection *connection)
{
	const struct tp_endpoint_handler *handler = &connection->listener->handler;
	bool was_open = connection->state == TP_CONNECTION_OPEN;

	if (connection->state == TP_CONNECTION_CLOSED) {
		return;
	}
	enter(connection);
	connection->state = TP_CONNECTION_CLOSED;
	if (was_open && write_queue(connection) == 0 && connection->tls.session != NULL) {
		tp_tls_bye(&connection->tls);
	}
	event_del(&connection->readable);
	event_del(&connection->writable);
	tp_loop_cancel(connection->listener->loop, &connection->timer);
	tp_loop_cancel_hook(&connection->flush);
	tp_socket_close(&connection->fd);
	tp_list_remove(&connection->link);
	if (was_open && handler->closed != NULL) {
		handler->closed(handler->owner, &connection->endpoint, &connection->five_tuple);
	}
	leave(connection);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "io/stream_connection.h"

/* A connection's share of a turn. */
struct share {
	struct tp_connection *connection;
	struct tp_turn_buffer *buffer;
	uint8_t *alone;   /* a message that begins here ... */
	size_t alone_len; /* ... and is that long has the room it needs around it */
	int messages_left;
};

/* --- what must wait ------------------------------------------------------- */

static bool rest_is_empty(const struct tp_stream_rest *rest)
{
	return rest->bytes == NULL;
}

static void rest_use(struct tp_stream_rest *rest, size_t len)
{
	rest->at += len;
	if (rest->at == rest->len) {
		tp_stream_rest_fini(rest);
	}
}

static void keep(struct tp_connection *connection, struct tp_stream_rest *rest,
		 const uint8_t *bytes, size_t len)
{
	if (len == 0 || connection->state == TP_CONNECTION_CLOSED) {
		return;
	}
	rest->bytes = malloc(len);
	if (rest->bytes == NULL) {
		tp_connection_fail(connection, "out of memory", NULL, 0);
		return;
	}
	memcpy(rest->bytes, bytes, len);
	rest->at = 0;
	rest->len = len;
}

bool tp_connection_has_rest(const struct tp_connection *connection)
{
	return !rest_is_empty(&connection->rest) || !rest_is_empty(&connection->sealed);
}

void tp_connection_want_turn(struct tp_connection *connection)
{
	bool waits = connection->paused ||
		     (connection->state == TP_CONNECTION_HANDSHAKE && connection->blocked);

	if (tp_connection_has_rest(connection) && connection->state != TP_CONNECTION_CLOSED &&
	    !waits) {
		tp_loop_request_turn(connection->listener->loop, &connection->resume);
	}
}

void tp_connection_forget_input(struct tp_connection *connection)
{
	tp_stream_input_fini(&connection->input);
	tp_stream_rest_fini(&connection->rest);
	tp_stream_rest_fini(&connection->sealed);
}

/* --- messages ------------------------------------------------------------- */

static bool may_go_on(const struct share *share)
{
	return share->connection->state == TP_CONNECTION_OPEN &&
	       share->connection->doomed == NULL && !share->connection->paused &&
	       share->messages_left > 0;
}

/* What was read alone is delivered where it lies, others with room around them. */
static bool deliver(void *owner, const uint8_t *message, size_t len)
{
	struct share *share = owner;
	struct tp_connection *connection = share->connection;
	const struct tp_endpoint_handler *handler = &connection->listener->handler;
	bool alone = message == share->alone && len == share->alone_len;
	struct tp_packet packet = {
		.data = alone ? share->alone : tp_turn_buffer_take(share->buffer, len),
		.len = len,
		.remote_addr = connection->server ? connection->five_tuple.client_addr
						  : connection->five_tuple.server_addr,
		.local_addr = connection->server ? connection->five_tuple.server_addr
						 : connection->five_tuple.client_addr,
		.ttl = -1,
		.tos = -1,
	};

	if (packet.data == NULL) { /* TP_STREAM_READ_COST makes sure of it */
		return false;
	}
	if (!alone) {
		memcpy(packet.data, message, len);
	}
	share->messages_left--;
	tp_connection_heard(connection);
	handler->message(handler->owner, &connection->endpoint, &connection->five_tuple, &packet);
	return may_go_on(share);
}

/* Returns the bytes used; all of them when the connection has failed. */
static size_t feed(struct share *share, const uint8_t *bytes, size_t len)
{
	struct tp_connection *connection = share->connection;
	long used = tp_stream_input_feed(&connection->input, bytes, len, deliver, share);

	if (used >= 0) {
		return (size_t)used;
	}
	if (used == TP_EPROTO) {
		tp_connection_fail(connection, "bytes that are no message", bytes, len);
	} else {
		tp_connection_fail(connection, tp_error_string((int)used), NULL, 0);
	}
	return len;
}

static void feed_rest(struct share *share)
{
	struct tp_stream_rest *rest = &share->connection->rest;

	rest_use(rest, feed(share, rest->bytes + rest->at, rest->len - rest->at));
}

/* Bytes in the turn buffer. */
static void feed_read(struct share *share, uint8_t *bytes, size_t len)
{
	size_t used;

	share->connection->heard_ms = tp_loop_now_ms(share->connection->listener->loop);
	share->alone = bytes;
	share->alone_len = len;
	used = feed(share, bytes, len);
	share->alone = NULL;
	keep(share->connection, &share->connection->rest, bytes + used, len - used);
}

/* --- receiving ------------------------------------------------------------ */

/*
 * Returns what was received, in the turn buffer, and its length; 0 when the
 * peer has gone. Errors: TP_EAGAIN.
 */
static long receive(struct share *share, uint8_t **bytes)
{
	ssize_t len;

	*bytes = tp_turn_buffer_take(share->buffer, TP_STREAM_READ_MAX);
	if (*bytes == NULL) {
		return TP_EAGAIN;
	}
	len = recv(share->connection->fd, *bytes, TP_STREAM_READ_MAX, MSG_DONTWAIT);
	tp_turn_buffer_trim(share->buffer, *bytes, len > 0 ? (size_t)len : 0);
	if (len < 0) {
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TP_EAGAIN : 0;
	}
	return len;
}

static void read_plain(struct share *share)
{
	uint8_t *bytes;
	long len = receive(share, &bytes);

	if (len > 0) {
		feed_read(share, bytes, (size_t)len);
	} else if (len == 0) {
		tp_connection_close(share->connection);
	}
}

/* --- TLS ------------------------------------------------------------------ */

static ssize_t pull(gnutls_transport_ptr_t ptr, void *out, size_t size)
{
	struct tp_connection *connection = ptr;
	size_t len = size < connection->incoming_len ? size : connection->incoming_len;

	if (len == 0 && !connection->incoming_ended) {
		gnutls_transport_set_errno(connection->tls.session, EAGAIN);
		return -1;
	}
	if (len > 0) {
		memcpy(out, connection->incoming, len);
		connection->incoming += len;
		connection->incoming_len -= len;
	}
	return (ssize_t)len;
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned wait_ms)
{
	const struct tp_connection *connection = ptr;

	(void)wait_ms;
	return connection->incoming_len > 0 || connection->incoming_ended;
}

void tp_connection_set_pull(struct tp_connection *connection)
{
	gnutls_session_t session = connection->tls.session;

	gnutls_transport_set_ptr(session, connection);
	gnutls_transport_set_pull_function(session, pull);
	gnutls_transport_set_pull_timeout_function(session, pull_timeout);
}

/* Returns false when there is no more. */
static bool read_record(struct share *share)
{
	struct tp_connection *connection = share->connection;
	uint8_t *bytes = tp_turn_buffer_take(share->buffer, TP_STREAM_READ_MAX);
	size_t before = connection->incoming_len;
	long len;

	if (bytes == NULL) {
		return false;
	}
	len = tp_tls_read(&connection->tls, bytes, TP_STREAM_READ_MAX);
	tp_turn_buffer_trim(share->buffer, bytes, len > 0 ? (size_t)len : 0);
	if (len > 0) {
		feed_read(share, bytes, (size_t)len);
		return connection->incoming_len > 0 || connection->incoming_ended;
	}
	if (len == 0) {
		tp_connection_close(connection);
	} else if (len != TP_EAGAIN) {
		tp_connection_fail(connection, connection->tls.problem, NULL, 0);
	}
	/* A record that is no message, an alert, say. */
	return connection->incoming_len > 0 && connection->incoming_len < before;
}

static void read_records(struct share *share)
{
	while (may_go_on(share) && rest_is_empty(&share->connection->rest) &&
	       tp_turn_buffer_left(share->buffer) >= TP_STREAM_READ_COST && read_record(share)) {
	}
}

/* Let GnuTLS have what has come; it keeps no more than the record it is at. */
static void open_sealed(struct share *share, const uint8_t *bytes, size_t len)
{
	struct tp_connection *connection = share->connection;

	connection->incoming = bytes;
	connection->incoming_len = len;
	if (connection->state == TP_CONNECTION_HANDSHAKE) {
		tp_connection_shake_hands(connection);
	}
	read_records(share);
}

static void read_sealed_rest(struct share *share)
{
	struct tp_connection *connection = share->connection;
	struct tp_stream_rest *sealed = &connection->sealed;
	size_t len = sealed->len - sealed->at;

	open_sealed(share, sealed->bytes + sealed->at, len);
	rest_use(sealed, len - connection->incoming_len);
}

static void read_tls(struct share *share)
{
	struct tp_connection *connection = share->connection;
	uint8_t *bytes;
	long len = receive(share, &bytes);

	if (len == TP_EAGAIN) {
		return;
	}
	connection->incoming_ended = len == 0;
	open_sealed(share, bytes, (size_t)len);
	keep(connection, &connection->sealed, connection->incoming, connection->incoming_len);
}

/* --- a turn --------------------------------------------------------------- */

static bool make_memory(struct share *share)
{
	if (tp_turn_buffer_left(share->buffer) < TP_STREAM_READ_COST) {
		tp_loop_flush(share->connection->listener->loop); /* may close it */
	}
	return share->connection->state != TP_CONNECTION_CLOSED &&
	       tp_turn_buffer_left(share->buffer) >= TP_STREAM_READ_COST;
}

void tp_connection_read(struct tp_connection *connection)
{
	struct share share = {
		.connection = connection,
		.buffer = tp_loop_turn_buffer(connection->listener->loop),
		.messages_left = TP_STREAM_MESSAGES_MAX,
	};

	if (make_memory(&share)) {
		if (!rest_is_empty(&connection->rest)) {
			feed_rest(&share);
		} else if (!rest_is_empty(&connection->sealed)) {
			read_sealed_rest(&share);
		} else if (connection->tls.session != NULL) {
			read_tls(&share);
		} else {
			read_plain(&share);
		}
	}
	tp_loop_count_messages(connection->listener->loop,
			       (unsigned)(TP_STREAM_MESSAGES_MAX - share.messages_left));
	connection->incoming = NULL;
	connection->incoming_len = 0;
	tp_connection_want_turn(connection);
}

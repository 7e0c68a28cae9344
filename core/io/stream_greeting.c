/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <turnpike/error.h>
#include <turnpike/prefix.h>

#include "io/stream_connection.h"

#define TLS_HANDSHAKE 22 /* RFC 8446 section 5.1 */

int tp_connection_expect_greeting(struct tp_connection *connection, bool *expected)
{
	const struct tp_stream_options *options = &connection->listener->options;

	bool header =
		options->proxies != NULL &&
		tp_prefix_set_find(options->proxies, &connection->five_tuple.client_addr) != 0;

	*expected = header || options->plain_too;
	if (header) {
		connection->greeting = calloc(1, sizeof(*connection->greeting));
	}
	return header && connection->greeting == NULL ? TP_ENOMEM : 0;
}

/*
 * Look at what has come and leave it there: what follows is not ours to keep.
 *
 * Returns the length. Errors: TP_EAGAIN; TP_ESHUTDOWN, the connection is
 * closed then.
 */
static long peek(struct tp_connection *connection, uint8_t *out, size_t size)
{
	ssize_t len = recv(connection->fd, out, size, MSG_PEEK | MSG_DONTWAIT);

	if (len > 0) {
		return len;
	}
	if (len < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
		return TP_EAGAIN;
	}
	tp_connection_close(connection);
	return TP_ESHUTDOWN;
}

/*
 * Take what is of the header, and no byte of what follows. Returns false while
 * it is not whole, and when there is none.
 */
static bool take_header(struct tp_connection *connection)
{
	struct tp_stream_greeting *greeting = connection->greeting;
	struct tp_addr client_addr = {.family = TP_FAMILY_NONE};
	uint8_t *at = greeting->bytes + greeting->len;
	long len = peek(connection, at, sizeof(greeting->bytes) - greeting->len);
	long header_len;
	size_t seen;

	if (len < 0) {
		return false;
	}
	seen = greeting->len + (size_t)len;
	header_len = tp_proxy_header_parse(greeting->bytes, seen, &client_addr);
	if (header_len < 0) {
		tp_connection_fail(connection, "no PROXY header of a trusted proxy",
				   greeting->bytes, seen);
		return false;
	}
	if (header_len > 0) {
		len = header_len - (long)greeting->len;
	}
	if (recv(connection->fd, at, (size_t)len, MSG_DONTWAIT) != len) { /* it was there */
		tp_connection_close(connection);
		return false;
	}
	greeting->len += (size_t)len;
	if (client_addr.family != TP_FAMILY_NONE) {
		connection->five_tuple.client_addr = client_addr;
	}
	return header_len > 0;
}

/*
 * No message begins with the byte of a TLS handshake record (RFC 7983). Returns
 * false while it is not there, and when the connection has failed.
 */
static bool tell_tls(struct tp_connection *connection)
{
	uint8_t first;

	if (peek(connection, &first, 1) < 0) {
		return false;
	}
	if (first != TLS_HANDSHAKE) {
		connection->endpoint.transport = TP_TRANSPORT_TCP;
		connection->five_tuple.transport = TP_TRANSPORT_TCP;
	} else if (tp_connection_set_tls(connection, NULL) != 0) {
		tp_connection_fail(connection, "out of memory", NULL, 0);
		return false;
	}
	return true;
}

void tp_connection_greet(struct tp_connection *connection)
{
	if (connection->greeting != NULL && !take_header(connection)) {
		return;
	}
	free(connection->greeting);
	connection->greeting = NULL;
	if (!connection->listener->options.plain_too || tell_tls(connection)) {
		tp_connection_begin(connection);
	}
}

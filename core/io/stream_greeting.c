/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <turnpike/error.h>
#include <turnpike/prefix.h>

#include "io/client_hello.h"
#include "io/stream_connection.h"

#define TLS_HANDSHAKE 22 /* RFC 8446 section 5.1 */

bool tp_connection_must_look(const struct tp_connection *connection)
{
	const struct tp_stream_options *options = &connection->listener->options;

	return connection->server && (options->plain_too || options->back_end != NULL);
}

int tp_connection_expect_greeting(struct tp_connection *connection, bool *expected)
{
	const struct tp_stream_options *options = &connection->listener->options;

	bool header =
		options->proxies != NULL &&
		tp_prefix_set_find(options->proxies, &connection->five_tuple.client_addr) != 0;

	*expected = header || tp_connection_must_look(connection);
	if (header) {
		connection->greeting = calloc(1, sizeof(*connection->greeting));
	}
	return header && connection->greeting == NULL ? TP_ENOMEM : 0;
}

/* --- the header of a proxy ------------------------------------------------ */

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

/* --- for whom it is ------------------------------------------------------- */

enum audience { OURS_PLAIN, OURS_TLS, NOT_OURS, UNDECIDED };

static bool is_our_name(const struct tp_back_end *back_end, const char *name)
{
	for (size_t i = 0; i < back_end->server_name_count; i++) {
		if (strcmp(back_end->server_names[i], name) == 0) {
			return true;
		}
	}
	return back_end->server_name_count == 0 || name[0] == '\0';
}

/*
 * A client that offers only other protocols would be refused here (RFC 7443),
 * so it is no loss, whatever name it asks for.
 */
static bool is_for_us(const struct tp_back_end *back_end, const struct tp_client_hello *hello)
{
	return hello->has_alpn ? hello->speaks_stun : is_our_name(back_end, hello->server_name);
}

/* The kernel wakes us when there are so many bytes, or no more will come. */
static bool await_bytes(const struct tp_connection *connection, size_t count)
{
	int low = (int)count;

	return setsockopt(connection->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)) == 0;
}

static enum audience audience_of_tls(struct tp_connection *connection, const uint8_t *bytes,
				     size_t len)
{
	const struct tp_back_end *back_end = connection->listener->options.back_end;
	struct tp_client_hello hello;
	size_t wanted;
	int err;

	if (back_end == NULL) {
		return OURS_TLS;
	}
	err = tp_client_hello_parse(bytes, len, &hello, &wanted);
	if (err == 0) {
		return is_for_us(back_end, &hello) ? OURS_TLS : NOT_OURS;
	}
	return err == TP_EAGAIN && await_bytes(connection, wanted) ? UNDECIDED : NOT_OURS;
}

/*
 * No message begins with the byte of a TLS handshake record (RFC 7983). One of
 * ChannelData comes first on no connection, so that its bytes, which are also
 * capital letters, are somebody else's.
 */
static enum audience audience_of(struct tp_connection *connection, const uint8_t *bytes, size_t len)
{
	const struct tp_stream_options *options = &connection->listener->options;
	bool plain = options->certs == NULL || options->plain_too;

	if (options->certs != NULL && bytes[0] == TLS_HANDSHAKE) {
		return audience_of_tls(connection, bytes, len);
	}
	if (plain && (options->back_end == NULL || tp_frame_kind_of(bytes[0]) == TP_FRAME_STUN)) {
		return OURS_PLAIN;
	}
	return NOT_OURS;
}

/* No byte has been taken, so that the back end gets all of them. */
static void pass_on(struct tp_connection *connection)
{
	struct tp_stream_listener *listener = connection->listener;
	int fd = connection->fd;

	event_del(&connection->readable);
	connection->fd = -1;
	tp_connection_close(connection);
	(void)tp_transits_add(&listener->transits, fd, &connection->five_tuple);
}

static void begin_plain(struct tp_connection *connection)
{
	connection->endpoint.transport = TP_TRANSPORT_TCP;
	connection->five_tuple.transport = TP_TRANSPORT_TCP;
	tp_connection_begin(connection);
}

static void begin_tls(struct tp_connection *connection)
{
	if (tp_connection_set_tls(connection, NULL) != 0) {
		tp_connection_fail(connection, "out of memory", NULL, 0);
		return;
	}
	tp_connection_begin(connection);
}

static void look(struct tp_connection *connection)
{
	uint8_t bytes[TP_CLIENT_HELLO_MAX];
	bool hello = connection->listener->options.back_end != NULL;
	long len = peek(connection, bytes, hello ? sizeof(bytes) : 1);
	enum audience audience;

	if (len < 0) {
		return;
	}
	audience = audience_of(connection, bytes, (size_t)len);
	if (audience != UNDECIDED && connection->looks > 0) {
		(void)await_bytes(connection, 1);
	}
	switch (audience) {
	case OURS_PLAIN:
		begin_plain(connection);
		break;
	case OURS_TLS:
		begin_tls(connection);
		break;
	case NOT_OURS:
		pass_on(connection);
		break;
	case UNDECIDED:
		if (++connection->looks == TP_STREAM_LOOKS_MAX) {
			tp_connection_fail(connection, "no whole ClientHello", bytes, (size_t)len);
		}
		break;
	}
}

void tp_connection_greet(struct tp_connection *connection)
{
	if (connection->greeting != NULL && !take_header(connection)) {
		return;
	}
	free(connection->greeting);
	connection->greeting = NULL;
	if (tp_connection_must_look(connection)) {
		look(connection);
	} else {
		tp_connection_begin(connection);
	}
}

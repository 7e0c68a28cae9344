/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "io/stream_connection.h"
#include "stun/frame.h"

/* --- what connections share ----------------------------------------------- */

int tp_stream_listener_create(struct tp_loop *loop, const struct tp_stream_options *options,
			      const struct tp_endpoint_handler *handler,
			      struct tp_stream_listener **out)
{
	struct tp_stream_listener *listener = calloc(1, sizeof(*listener));

	if (listener == NULL) {
		return TP_ENOMEM;
	}
	if (tp_loop_turn_buffer(loop) == NULL) { /* from now on it is there */
		free(listener);
		return TP_ENOMEM;
	}
	listener->loop = loop;
	listener->handler = *handler;
	listener->options = *options;
	if (options->certs != NULL) {
		tp_certs_ref(options->certs);
	}
	listener->references = 1;
	tp_list_init(&listener->connections);
	tp_transits_init(&listener->transits, loop, options->back_end,
			 options->handshake_timeout_ms, options->idle_timeout_ms);
	listener->refused = tp_counter_named("io.connections_refused",
					     "connections beyond the most a listener has");
	listener->accept_failed =
		tp_counter_named("io.accept_failed", "connections the system could not give");
	listener->media_dropped =
		tp_counter_named("io.stream_media_dropped", "media dropped for slow connections");
	*out = listener;
	return 0;
}

void tp_stream_listener_unref(struct tp_stream_listener *listener)
{
	listener->references--;
	if (listener->references == 0) {
		tp_certs_unref(&listener->options.certs);
		free(listener);
	}
}

static enum tp_transport transport_of(const struct tp_stream_options *options)
{
	return options->certs != NULL ? TP_TRANSPORT_TLS : TP_TRANSPORT_TCP;
}

/* Messages are whole when they are sent: waiting for more gains nothing. */
static void set_no_delay(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* --- accepting ------------------------------------------------------------ */

static void take_in(void *owner, int fd, const struct tp_addr *remote_addr)
{
	struct tp_stream_listener *listener = owner;
	struct tp_five_tuple five_tuple = {.transport = transport_of(&listener->options)};
	struct tp_connection *connection;

	if (tp_stream_listener_count(listener) >= listener->options.max_connections) {
		tp_counter_add(listener->refused, 1);
		tp_socket_close(&fd);
		return;
	}
	set_no_delay(fd);
	five_tuple.client_addr = *remote_addr;
	if (tp_socket_local_addr(fd, &five_tuple.server_addr) != 0 ||
	    tp_connection_create(listener, fd, &five_tuple, true, NULL, &connection) != 0) {
		tp_counter_add(listener->accept_failed, 1);
		tp_socket_close(&fd);
		return;
	}
	tp_connection_start(connection);
}

int tp_stream_listener_open(struct tp_loop *loop, const struct tp_stream_options *options,
			    const struct tp_endpoint_handler *handler,
			    struct tp_stream_listener **out)
{
	struct tp_stream_listener *listener;
	int err = tp_stream_listener_create(loop, options, handler, &listener);

	if (err != 0) {
		return err;
	}
	err = tp_acceptor_open(loop, &options->socket, take_in, listener, &listener->acceptor);
	if (err != 0) {
		tp_stream_listener_unref(listener);
		return err;
	}
	listener->local_addr = *tp_acceptor_addr(listener->acceptor);
	*out = listener;
	return 0;
}

void tp_stream_listener_use_certs(struct tp_stream_listener *listener, struct tp_certs *certs)
{
	tp_certs_ref(certs);
	tp_certs_unref(&listener->options.certs);
	listener->options.certs = certs;
}

size_t tp_stream_listener_count(const struct tp_stream_listener *listener)
{
	return listener->connection_count + listener->transits.count;
}

void tp_stream_listener_pause(struct tp_stream_listener *listener)
{
	tp_acceptor_close(&listener->acceptor);
}

void tp_stream_listener_close(struct tp_stream_listener **listener)
{
	struct tp_stream_listener *gone = *listener;

	if (gone == NULL) {
		return;
	}
	*listener = NULL;
	tp_stream_listener_pause(gone);
	while (!tp_list_empty(&gone->connections)) {
		tp_connection_close(
			tp_container_of(gone->connections.next, struct tp_connection, link));
	}
	tp_transits_fini(&gone->transits);
	tp_stream_listener_unref(gone);
}

const struct tp_addr *tp_stream_listener_addr(const struct tp_stream_listener *listener)
{
	return &listener->local_addr;
}

/* --- connecting ----------------------------------------------------------- */

static bool bind_wanted(const struct tp_addr *addr)
{
	return addr->family != TP_FAMILY_NONE && (addr->port != 0 || !tp_addr_is_any(addr));
}

/* Errors: TP_EFULL, TP_EADDRINUSE, TP_EIO. */
static int open_connecting(const struct tp_socket_options *options,
			   const struct tp_addr *remote_addr, int *out)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(remote_addr, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage from;
	socklen_t from_len;

	if (fd == -1) {
		return errno == EMFILE || errno == ENFILE ? TP_EFULL : TP_EIO;
	}
	set_no_delay(fd);
	from_len = tp_addr_to_sockaddr(&options->bind_addr, &from);
	if (bind_wanted(&options->bind_addr) &&
	    bind(fd, (const struct sockaddr *)&from, from_len) != 0) {
		int err = errno == EADDRINUSE ? TP_EADDRINUSE : TP_EIO;

		tp_socket_close(&fd);
		return err;
	}
	if (connect(fd, (const struct sockaddr *)&sa, len) != 0 && errno != EINPROGRESS) {
		tp_socket_close(&fd);
		return TP_EIO;
	}
	*out = fd;
	return 0;
}

int tp_stream_connect(struct tp_loop *loop, const struct tp_addr *remote_addr,
		      const struct tp_stream_options *options, const char *server_name,
		      const struct tp_endpoint_handler *handler, struct tp_endpoint **out)
{
	const struct tp_five_tuple five_tuple = {
		.server_addr = *remote_addr,
		.transport = transport_of(options),
	};
	struct tp_stream_listener *shared;
	struct tp_connection *connection;
	int fd = -1;
	int err;

	if (remote_addr->family == TP_FAMILY_NONE) {
		return TP_EINVAL;
	}
	err = tp_stream_listener_create(loop, options, handler, &shared);
	if (err != 0) {
		return err;
	}
	err = open_connecting(&options->socket, remote_addr, &fd);
	if (err == 0) {
		err = tp_connection_create(shared, fd, &five_tuple, false, server_name,
					   &connection);
	}
	if (err == 0) {
		*out = &connection->endpoint;
	} else {
		tp_socket_close(&fd);
	}
	tp_stream_listener_unref(shared); /* the connection has its own reference */
	return err;
}

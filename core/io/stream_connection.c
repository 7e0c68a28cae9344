/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#define REPORTED_MAX 64 /* bytes shown with an exception */

/* --- end ------------------------------------------------------------------ */

static void connection_free(struct tp_connection *connection)
{
	struct tp_stream_listener *listener = connection->listener;

	tp_tls_fini(&connection->tls);
	tp_stream_queue_fini(&connection->queue);
	tp_stream_rest_fini(&connection->unsent);
	tp_connection_forget_input(connection);
	free(connection->greeting);
	free(connection);
	listener->connection_count--;
	tp_stream_listener_unref(listener);
}

void tp_connection_enter(struct tp_connection *connection)
{
	connection->inside++;
}

void tp_connection_leave(struct tp_connection *connection)
{
	connection->inside--;
	if (connection->inside == 0 && connection->state == TP_CONNECTION_CLOSED) {
		connection_free(connection);
	}
}

/* Say why, then close. Bytes of the peer, if any, are what was wrong. */
void tp_connection_fail(struct tp_connection *connection, const char *reason, const uint8_t *bytes,
			size_t len)
{
	const struct tp_endpoint_handler *handler = &connection->listener->handler;

	if (connection->state == TP_CONNECTION_CLOSED) {
		return;
	}
	tp_connection_enter(connection);
	if (handler->exception != NULL) {
		handler->exception(handler->owner, &connection->five_tuple, reason, bytes,
				   len < REPORTED_MAX ? len : REPORTED_MAX);
	}
	tp_connection_close(connection);
	tp_connection_leave(connection);
}

/* Not from inside a send: the caller is in the middle of something. */
void tp_connection_doom(struct tp_connection *connection, const char *reason)
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
		tp_connection_fail(connection, "no message in time", connection->input.bytes,
				   connection->input.len);
	} else if (tp_loop_now_ms(listener->loop) >= connection->heard_ms + idle_ms) {
		tp_connection_fail(connection, "idle for too long", NULL, 0);
	} else {
		arm_after(connection, connection->heard_ms, idle_ms);
	}
}

static void end_opening(struct tp_connection *connection)
{
	tp_loop_cancel(connection->listener->loop, &connection->timer);
	arm_after(connection, connection->heard_ms, connection->listener->options.idle_timeout_ms);
}

void tp_connection_heard(struct tp_connection *connection)
{
	if (!connection->heard) {
		connection->heard = true;
		if (connection->server) {
			end_opening(connection);
		}
	}
}

/* --- opening -------------------------------------------------------------- */

static void become_open(struct tp_connection *connection)
{
	const struct tp_endpoint_handler *handler = &connection->listener->handler;
	struct tp_tls_report report;

	connection->state = TP_CONNECTION_OPEN;
	connection->heard_ms = tp_loop_now_ms(connection->listener->loop);
	if (!connection->server) {
		end_opening(connection);
	}
	if (handler->opened != NULL) {
		handler->opened(handler->owner, &connection->endpoint, &connection->five_tuple,
				tp_tls_report(&connection->tls, &report));
	}
}

void tp_connection_shake_hands(struct tp_connection *connection)
{
	int err = tp_tls_handshake(&connection->tls);

	if (err == 0) {
		become_open(connection);
	} else if (err != TP_EAGAIN) {
		tp_connection_fail(connection, connection->tls.problem, NULL, 0);
	} else if (tp_tls_wants_write(&connection->tls)) {
		event_del(&connection->readable); /* it would be ready in vain */
		tp_connection_want_write(connection);
	}
}

/* --- another owner -------------------------------------------------------- */

void tp_connection_pause(struct tp_endpoint *endpoint, bool paused)
{
	struct tp_connection *connection =
		tp_container_of(endpoint, struct tp_connection, endpoint);

	if (connection->taken != NULL || connection->state == TP_CONNECTION_CLOSED) {
		return;
	}
	connection->paused = paused;
	if (paused) {
		return;
	}
	if (connection->deaf && event_add(&connection->readable, NULL) != 0) {
		tp_connection_doom(connection, "out of memory");
		return;
	}
	connection->deaf = false;
	tp_connection_want_turn(connection);
}

void tp_connection_hand_over(struct tp_endpoint *endpoint, tp_handed_over_fn taken, void *taker)
{
	struct tp_connection *connection =
		tp_container_of(endpoint, struct tp_connection, endpoint);

	tp_connection_pause(endpoint, true);
	connection->taken = taken;
	connection->taker = taker;
	tp_loop_request_hook(connection->listener->loop, &connection->flush);
}

/* All has left, and nobody is reading. */
static void hand_over(struct tp_connection *connection)
{
	tp_handed_over_fn taken = connection->taken;
	struct tp_stream_remains remains = {
		.fd = connection->fd,
		.tls = connection->tls,
		.rest = connection->rest,
		.sealed = connection->sealed,
	};

	connection->taken = NULL;
	connection->fd = -1;
	connection->tls = (struct tp_tls){.session = NULL};
	connection->rest = (struct tp_stream_rest){0};
	connection->sealed = (struct tp_stream_rest){0};
	tp_connection_close(connection);
	taken(connection->taker, &remains);
	tp_stream_remains_fini(&remains);
}

static void tell_taker_in_vain(struct tp_connection *connection)
{
	struct tp_stream_remains nothing = {.fd = -1};

	if (connection->taken != NULL) {
		connection->taken(connection->taker, &nothing);
	}
}

/* --- events --------------------------------------------------------------- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tp_connection *connection = arg;

	(void)fd;
	(void)what;
	if (connection->paused) { /* it would be ready again and again */
		event_del(&connection->readable);
		connection->deaf = true;
		return;
	}
	if (tp_connection_has_rest(connection)) { /* on_resume() reads it first */
		return;
	}
	tp_connection_enter(connection);
	if (connection->state == TP_CONNECTION_GREETING) {
		tp_connection_greet(connection);
	} else {
		tp_connection_read(connection);
	}
	tp_connection_leave(connection);
}

static void on_resume(struct tp_turn_hook *hook)
{
	struct tp_connection *connection = tp_container_of(hook, struct tp_connection, resume);

	tp_connection_enter(connection);
	tp_connection_read(connection);
	tp_connection_leave(connection);
}

static void on_turn_end(struct tp_turn_hook *hook)
{
	struct tp_connection *connection = tp_container_of(hook, struct tp_connection, flush);

	tp_connection_enter(connection);
	if (connection->doomed == NULL) {
		tp_connection_write(connection);
	}
	if (connection->doomed != NULL) {
		tp_connection_fail(connection, connection->doomed, NULL, 0);
	} else if (connection->gone) {
		tp_connection_close(connection);
	} else if (connection->taken != NULL && !connection->blocked) {
		hand_over(connection);
	}
	tp_connection_leave(connection);
}

static void on_connected(struct tp_connection *connection)
{
	socklen_t size = sizeof(int);
	int code = 0;

	if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) {
		code = errno;
	}
	if (code != 0) {
		tp_connection_fail(connection, strerrordesc_np(code), NULL, 0);
		return;
	}
	(void)tp_socket_local_addr(connection->fd, &connection->five_tuple.client_addr);
	tp_connection_start(connection);
}

static void on_handshake_writable(struct tp_connection *connection)
{
	if (event_add(&connection->readable, NULL) != 0) {
		tp_connection_fail(connection, "out of memory", NULL, 0);
		return;
	}
	tp_connection_shake_hands(connection);
	tp_connection_want_turn(connection);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct tp_connection *connection = arg;

	(void)fd;
	(void)what;
	connection->blocked = false;
	tp_connection_enter(connection);
	switch (connection->state) {
	case TP_CONNECTION_CONNECTING:
		on_connected(connection);
		break;
	case TP_CONNECTION_HANDSHAKE:
		on_handshake_writable(connection);
		break;
	case TP_CONNECTION_OPEN:
		on_turn_end(&connection->flush);
		break;
	case TP_CONNECTION_GREETING: /* writes nothing */
	case TP_CONNECTION_CLOSED:
		break;
	}
	tp_connection_leave(connection);
}

int tp_connection_await_writable(struct tp_connection *connection)
{
	struct event_base *base = tp_loop_event_base(connection->listener->loop);

	if (connection->writable == NULL) {
		connection->writable =
			event_new(base, connection->fd, EV_WRITE, on_writable, connection);
	}
	return connection->writable != NULL && event_add(connection->writable, NULL) == 0
		       ? 0
		       : TP_ENOMEM;
}

/* --- life ----------------------------------------------------------------- */

int tp_connection_set_tls(struct tp_connection *connection, const char *server_name)
{
	const struct tp_tls_options options = {
		.certs = connection->listener->options.certs,
		.server = connection->server,
		.ask_certificate = connection->listener->handler.ask_certificate,
		.server_name = server_name,
		.remote_addr = &connection->five_tuple.server_addr,
	};
	int err;

	if (options.certs == NULL) {
		return 0;
	}
	err = tp_tls_init(&connection->tls, &options);
	if (err == 0) {
		tp_connection_set_pull(connection);
		tp_connection_set_push(connection);
	}
	return err;
}

static void free_writable(struct tp_connection *connection)
{
	if (connection->writable != NULL) {
		event_free(connection->writable);
		connection->writable = NULL;
	}
}

static int set_events(struct tp_connection *connection)
{
	struct event_base *base = tp_loop_event_base(connection->listener->loop);

	if (event_assign(&connection->readable, base, connection->fd, EV_READ | EV_PERSIST,
			 on_readable, connection) != 0) {
		return TP_EIO;
	}
	if (!connection->server) { /* it waits until it is connected */
		return tp_connection_await_writable(connection);
	}
	return event_add(&connection->readable, NULL) == 0 ? 0 : TP_ENOMEM;
}

int tp_connection_create(struct tp_stream_listener *listener, int fd,
			 const struct tp_five_tuple *five_tuple, bool server,
			 const char *server_name, struct tp_connection **out)
{
	struct tp_connection *connection = calloc(1, sizeof(*connection));
	int err = 0;

	if (connection == NULL) {
		return TP_ENOMEM;
	}
	connection->endpoint = (struct tp_endpoint){
		.ops = &tp_connection_ops,
		.transport = (enum tp_transport)five_tuple->transport,
		.stream = true,
		.realm = listener->handler.realm,
	};
	connection->listener = listener;
	connection->five_tuple = *five_tuple;
	connection->server = server;
	connection->fd = fd;
	tp_stream_queue_init(&connection->queue, listener->options.queue_bytes);
	tp_turn_hook_init(&connection->flush, on_turn_end);
	tp_turn_hook_init(&connection->resume, on_resume);
	tp_timer_init(&connection->timer, on_timer);
	if (!tp_connection_must_look(connection)) {
		err = tp_connection_set_tls(connection, server_name);
	}
	if (err == 0) {
		err = set_events(connection);
	}
	if (err != 0) {
		free_writable(connection);
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
	bool greeting = false;

	tp_connection_enter(connection);
	if (connection->server && tp_connection_expect_greeting(connection, &greeting) != 0) {
		tp_connection_fail(connection, "out of memory", NULL, 0);
	} else if (greeting) {
		connection->state = TP_CONNECTION_GREETING;
	} else {
		tp_connection_begin(connection);
	}
	tp_connection_leave(connection);
}

void tp_connection_begin(struct tp_connection *connection)
{
	tp_connection_enter(connection);
	connection->state = TP_CONNECTION_HANDSHAKE;
	if (!connection->server && event_add(&connection->readable, NULL) != 0) {
		tp_connection_fail(connection, "out of memory", NULL, 0);
	} else if (connection->tls.session != NULL) {
		tp_connection_shake_hands(connection);
	} else {
		become_open(connection);
	}
	tp_connection_leave(connection);
}

void tp_connection_close(struct tp_connection *connection)
{
	const struct tp_endpoint_handler *handler = &connection->listener->handler;
	bool was_open = connection->state == TP_CONNECTION_OPEN;

	if (connection->state == TP_CONNECTION_CLOSED) {
		return;
	}
	tp_connection_enter(connection);
	connection->state = TP_CONNECTION_CLOSED;
	if (was_open && !connection->gone) {
		tp_connection_write(connection);
		if (!connection->blocked && !connection->gone && connection->tls.session != NULL) {
			(void)tp_tls_bye(&connection->tls);
		}
	}
	event_del(&connection->readable);
	free_writable(connection);
	tp_loop_cancel(connection->listener->loop, &connection->timer);
	tp_loop_cancel_hook(&connection->flush);
	tp_loop_cancel_hook(&connection->resume);
	tp_socket_close(&connection->fd);
	tp_list_remove(&connection->link);
	if (was_open && handler->closed != NULL) {
		handler->closed(handler->owner, &connection->endpoint, &connection->five_tuple);
	}
	tell_taker_in_vain(connection);
	tp_connection_leave(connection);
}

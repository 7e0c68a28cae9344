/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dtls_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/bytes.h"
#include "io/turn_buffer.h"

/* Fits every path that carries IPv6 (RFC 8200 section 5). */
#define HANDSHAKE_MTU 1200
/* A message is one record, as long as it is: IP cuts it where it must. */
#define RECORD_MTU (TP_DTLS_RECORD_MAX + 512)

/* RFC 6347 section 4.1. */
#define RECORD_HEADER_SIZE 13
#define RECORD_LENGTH_OFFSET 11
#define VERSION_MAJOR 254

#define RETRANSMIT_MS 1000                   /* RFC 6347 section 4.2.4.1 */
#define NO_TOTAL_TIMEOUT_MS (60 * 60 * 1000) /* ours ends the handshake */

/* --- the way back --------------------------------------------------------- */

/* What a session that is there for good needs, and one that is gone does not. */
static int hold(struct tp_dtls_session *session)
{
	struct tp_udp_proxy *proxy = session->listener->proxy;

	return proxy == NULL ? 0 : tp_udp_proxy_hold(proxy, &session->five_tuple);
}

static void release(struct tp_dtls_session *session)
{
	struct tp_udp_proxy *proxy = session->listener->proxy;

	if (proxy != NULL) {
		tp_udp_proxy_release(proxy, &session->five_tuple);
	}
}

/* --- end ------------------------------------------------------------------ */

static void session_free(struct tp_dtls_session *session)
{
	struct tp_dtls_listener *listener = session->listener;

	tp_tls_fini(&session->tls);
	free(session);
	tp_dtls_listener_unref(listener);
}

static void enter(struct tp_dtls_session *session)
{
	session->inside++;
}

static void leave(struct tp_dtls_session *session)
{
	session->inside--;
	if (session->inside == 0 && session->state == TP_DTLS_CLOSED) {
		session_free(session);
	}
}

void tp_dtls_session_close(struct tp_dtls_session *session)
{
	struct tp_dtls_listener *listener = session->listener;
	bool was_open = session->state == TP_DTLS_OPEN;

	if (session->state == TP_DTLS_CLOSED) {
		return;
	}
	enter(session);
	session->state = TP_DTLS_CLOSED;
	if (was_open) {
		(void)tp_tls_bye(&session->tls);
	}
	tp_loop_cancel_hook(&session->begin);
	tp_loop_cancel(listener->loop, &session->retransmit);
	tp_loop_cancel(listener->loop, &session->timer);
	tp_map_remove(&listener->sessions, &session->five_tuple);
	release(session);
	if (was_open && listener->handler.closed != NULL) {
		listener->handler.closed(listener->handler.owner, &session->endpoint,
					 &session->five_tuple);
	}
	leave(session);
}

static void fail(struct tp_dtls_session *session, const char *reason)
{
	const struct tp_endpoint_handler *handler = &session->listener->handler;

	if (session->state == TP_DTLS_CLOSED) {
		return;
	}
	enter(session);
	if (handler->exception != NULL) {
		handler->exception(handler->owner, &session->five_tuple, reason, NULL, 0);
	}
	tp_dtls_session_close(session);
	leave(session);
}

/* --- datagrams of GnuTLS -------------------------------------------------- */

static const struct tp_addr *remote_addr(const struct tp_dtls_session *session)
{
	return session->server ? &session->five_tuple.client_addr
			       : &session->five_tuple.server_addr;
}

static const struct tp_addr *local_addr(const struct tp_dtls_session *session)
{
	return session->server ? &session->five_tuple.server_addr
			       : &session->five_tuple.client_addr;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
	struct tp_dtls_session *session = ptr;
	const struct tp_packet packet = {
		.data = (uint8_t *)(uintptr_t)bytes, /* only read */
		.len = len,
		.remote_addr = tp_udp_proxy_way(session->listener->proxy, remote_addr(session),
						local_addr(session)),
		.local_addr = *local_addr(session),
		.ttl = session->outgoing.ttl,
		.tos = session->outgoing.tos,
	};

	/* What the network loses it may lose here, too. */
	if (session->listener->datagram != NULL) {
		(void)tp_datagram_send(session->listener->datagram, &packet);
	}
	return (ssize_t)len;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *out, size_t size)
{
	struct tp_dtls_session *session = ptr;
	const struct tp_packet *packet = session->incoming;
	size_t len;

	if (packet == NULL) {
		gnutls_transport_set_errno(session->tls.session, EAGAIN);
		return -1;
	}
	session->incoming = NULL;
	len = packet->len < size ? packet->len : size;
	memcpy(out, packet->data, len);
	return (ssize_t)len;
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned wait_ms)
{
	const struct tp_dtls_session *session = ptr;

	(void)wait_ms;
	return session->incoming != NULL;
}

/* --- time ----------------------------------------------------------------- */

static void on_retransmit(struct tp_timer *timer)
{
	tp_dtls_session_receive(tp_container_of(timer, struct tp_dtls_session, retransmit), NULL);
}

static void on_begin(struct tp_turn_hook *hook)
{
	tp_dtls_session_receive(tp_container_of(hook, struct tp_dtls_session, begin), NULL);
}

static void arm_retransmit(struct tp_dtls_session *session)
{
	struct tp_loop *loop = session->listener->loop;
	unsigned wait_ms = gnutls_dtls_get_timeout(session->tls.session);

	tp_loop_arm(loop, &session->retransmit, tp_loop_now_ms(loop) + (wait_ms > 0 ? wait_ms : 1));
}

static void arm_after(struct tp_dtls_session *session, uint64_t from_ms, uint32_t wait_ms)
{
	if (wait_ms != 0) {
		tp_loop_arm(session->listener->loop, &session->timer, from_ms + wait_ms);
	}
}

static void on_timer(struct tp_timer *timer)
{
	struct tp_dtls_session *session = tp_container_of(timer, struct tp_dtls_session, timer);
	uint32_t idle_ms = session->listener->options.idle_timeout_ms;

	if (session->state != TP_DTLS_OPEN) {
		fail(session, "no handshake in time");
	} else if (tp_loop_now_ms(session->listener->loop) >= session->heard_ms + idle_ms) {
		fail(session, "idle for too long");
	} else {
		arm_after(session, session->heard_ms, idle_ms);
	}
}

/* --- messages ------------------------------------------------------------- */

static void become_open(struct tp_dtls_session *session)
{
	struct tp_dtls_listener *listener = session->listener;
	const struct tp_endpoint_handler *handler = &listener->handler;
	struct tp_tls_report report;

	session->state = TP_DTLS_OPEN;
	session->heard_ms = tp_loop_now_ms(listener->loop);
	gnutls_dtls_set_mtu(session->tls.session, RECORD_MTU);
	tp_loop_cancel(listener->loop, &session->retransmit);
	tp_loop_cancel(listener->loop, &session->timer);
	arm_after(session, session->heard_ms, listener->options.idle_timeout_ms);
	if (handler->opened != NULL) {
		handler->opened(handler->owner, &session->endpoint, &session->five_tuple,
				tp_tls_report(&session->tls, &report));
	}
}

static void shake_hands(struct tp_dtls_session *session)
{
	int err = tp_tls_handshake(&session->tls);

	if (err == 0) {
		become_open(session);
	} else if (err == TP_EAGAIN) {
		arm_retransmit(session);
	} else {
		fail(session, session->tls.problem);
	}
}

/* Returns false when nothing more is there. */
static bool read_record(struct tp_dtls_session *session)
{
	struct tp_dtls_listener *listener = session->listener;
	struct tp_turn_buffer *buffer = tp_loop_turn_buffer(listener->loop);
	struct tp_packet packet = {
		.data = tp_turn_buffer_take(buffer, TP_DTLS_RECORD_MAX),
		.remote_addr = *remote_addr(session),
		.local_addr = *local_addr(session),
		.ttl = session->heard.ttl,
		.tos = session->heard.tos,
	};
	long len;

	if (packet.data == NULL) {
		return false; /* a flood: lost as on the network */
	}
	len = tp_tls_read(&session->tls, packet.data, TP_DTLS_RECORD_MAX);
	packet.len = len > 0 ? (size_t)len : 0;
	tp_turn_buffer_trim(buffer, packet.data, packet.len);
	if (len > 0) {
		session->heard_ms = tp_loop_now_ms(listener->loop);
		listener->handler.message(listener->handler.owner, &session->endpoint,
					  &session->five_tuple, &packet);
		return session->state == TP_DTLS_OPEN;
	}
	if (len == 0) {
		tp_dtls_session_close(session);
	} else if (len != TP_EAGAIN) {
		fail(session, session->tls.problem);
	}
	return false;
}

/*
 * How many records it is; 0 when it is anything else. GnuTLS would keep a part
 * of one and take the next datagram for its end, so that anybody could stop a
 * session.
 */
static size_t count_records(const struct tp_packet *packet)
{
	size_t count = 0;
	size_t at = 0;

	while (at < packet->len) {
		const uint8_t *record = packet->data + at;

		if (packet->len - at < RECORD_HEADER_SIZE || record[1] != VERSION_MAJOR) {
			return 0;
		}
		at += RECORD_HEADER_SIZE + tp_get_u16(record + RECORD_LENGTH_OFFSET);
		count++;
	}
	return at == packet->len ? count : 0;
}

void tp_dtls_session_receive(struct tp_dtls_session *session, const struct tp_packet *packet)
{
	size_t records = packet != NULL ? count_records(packet) : 0;

	if (session->state == TP_DTLS_CLOSED) {
		return;
	}
	if (packet != NULL && records == 0) {
		tp_counter_add(session->listener->malformed, 1);
		return;
	}
	enter(session);
	session->incoming = packet;
	session->heard = packet != NULL ? (struct tp_dtls_marks){packet->ttl, packet->tos}
					: TP_DTLS_NO_MARKS;
	if (session->state == TP_DTLS_HANDSHAKE) {
		shake_hands(session);
	}
	/*
	 * One datagram may hold the end of the handshake and the first message.
	 */
	while (records-- > 0 && session->state == TP_DTLS_OPEN && read_record(session)) {
	}
	session->incoming = NULL;
	leave(session);
}

static int session_write(struct tp_dtls_session *session, const uint8_t *bytes, size_t len)
{
	long written;

	if (session->state != TP_DTLS_OPEN) {
		return TP_ESHUTDOWN;
	}
	if (len == 0 || len > TP_DTLS_RECORD_MAX) {
		return TP_EINVAL;
	}
	written = tp_tls_write(&session->tls, bytes, len);
	if (written < 0) {
		tp_counter_add(session->listener->send_failed, 1);
		return TP_EIO;
	}
	return 0;
}

static int endpoint_send(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			 const uint8_t *bytes, size_t len)
{
	(void)five_tuple;
	return session_write(tp_container_of(endpoint, struct tp_dtls_session, endpoint), bytes,
			     len);
}

static int endpoint_forward(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			    struct tp_packet *packet)
{
	struct tp_dtls_session *session =
		tp_container_of(endpoint, struct tp_dtls_session, endpoint);
	int err;

	session->outgoing = (struct tp_dtls_marks){packet->ttl, packet->tos};
	err = endpoint_send(endpoint, five_tuple, packet->data, packet->len);
	session->outgoing = TP_DTLS_NO_MARKS;
	return err;
}

static void endpoint_close(struct tp_endpoint *endpoint)
{
	tp_dtls_session_close(tp_container_of(endpoint, struct tp_dtls_session, endpoint));
}

static const struct tp_endpoint_ops ops = {
	.send = endpoint_send,
	.forward = endpoint_forward,
	.close = endpoint_close,
};

const struct tp_tls *tp_dtls_tls(const struct tp_endpoint *endpoint)
{
	const struct tp_dtls_session *session =
		tp_container_of(endpoint, struct tp_dtls_session, endpoint);

	return endpoint->ops == &ops ? &session->tls : NULL;
}

/* --- life ----------------------------------------------------------------- */

static int set_tls(struct tp_dtls_session *session, const char *server_name)
{
	const struct tp_tls_options options = {
		.certs = session->listener->options.certs,
		.server = session->server,
		.ask_certificate = session->listener->handler.ask_certificate,
		.datagram = true,
		.server_name = server_name,
		.remote_addr = &session->five_tuple.server_addr,
	};
	int err = tp_tls_init(&session->tls, &options);

	if (err == 0) {
		gnutls_session_t tls = session->tls.session;

		gnutls_dtls_set_mtu(tls, HANDSHAKE_MTU);
		gnutls_dtls_set_timeouts(tls, RETRANSMIT_MS, NO_TOTAL_TIMEOUT_MS);
		gnutls_transport_set_ptr(tls, session);
		gnutls_transport_set_push_function(tls, push);
		gnutls_transport_set_pull_function(tls, pull);
		gnutls_transport_set_pull_timeout_function(tls, pull_timeout);
	}
	return err;
}

int tp_dtls_session_create(struct tp_dtls_listener *listener,
			   const struct tp_five_tuple *five_tuple, bool server,
			   const char *server_name, struct tp_dtls_session **out)
{
	struct tp_dtls_session *session = calloc(1, sizeof(*session));
	int err;

	if (session == NULL) {
		return TP_ENOMEM;
	}
	session->endpoint = (struct tp_endpoint){
		.ops = &ops,
		.transport = TP_TRANSPORT_DTLS,
		.realm = listener->handler.realm,
	};
	session->listener = listener;
	session->five_tuple = *five_tuple;
	session->server = server;
	session->heard = TP_DTLS_NO_MARKS;
	session->outgoing = TP_DTLS_NO_MARKS;
	tp_turn_hook_init(&session->begin, on_begin);
	tp_timer_init(&session->retransmit, on_retransmit);
	tp_timer_init(&session->timer, on_timer);
	err = set_tls(session, server_name);
	if (err == 0) {
		err = hold(session);
	}
	if (err == 0) {
		err = tp_map_insert(&listener->sessions, &session->five_tuple, session);
		if (err != 0) {
			release(session);
		}
	}
	if (err != 0) {
		tp_tls_fini(&session->tls);
		free(session);
		return err;
	}
	listener->references++;
	arm_after(session, tp_loop_now_ms(listener->loop), listener->options.handshake_timeout_ms);
	*out = session;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dtls.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "io/dtls_session.h"

/* RFC 6347 section 4.1 and 4.2.2, RFC 5246 section 7.4.1.2. */
#define RECORD_HANDSHAKE 22
#define HANDSHAKE_CLIENT_HELLO 1
#define HANDSHAKE_TYPE_OFFSET 13
#define EPOCH_OFFSET 3

/* --- cookie --------------------------------------------------------------- */

static pthread_once_t cookie_key_once = PTHREAD_ONCE_INIT;
static gnutls_datum_t cookie_key; /* the process's: any worker may be asked next */

static void cookie_key_make(void)
{
	if (gnutls_key_generate(&cookie_key, GNUTLS_COOKIE_KEY_SIZE) != 0) {
		cookie_key = (gnutls_datum_t){NULL, 0};
	}
}

static bool is_client_hello(const struct tp_packet *packet)
{
	return packet->len >= TP_DTLS_RANDOM_OFFSET + TP_DTLS_RANDOM_SIZE &&
	       packet->data[0] == RECORD_HANDSHAKE && packet->data[EPOCH_OFFSET] == 0 &&
	       packet->data[EPOCH_OFFSET + 1] == 0 &&
	       packet->data[HANDSHAKE_TYPE_OFFSET] == HANDSHAKE_CLIENT_HELLO;
}

struct reply {
	struct tp_datagram *datagram;
	const struct tp_udp_proxy *proxy;
	const struct tp_packet *to;
};

static ssize_t push_reply(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
	const struct reply *reply = ptr;
	const struct tp_packet packet = {
		.data = (uint8_t *)(uintptr_t)bytes, /* only read */
		.len = len,
		.remote_addr = tp_udp_proxy_way(reply->proxy, &reply->to->remote_addr,
						&reply->to->local_addr),
		.local_addr = reply->to->local_addr,
		.ttl = -1,
		.tos = -1,
	};

	(void)tp_datagram_send(reply->datagram, &packet);
	return (ssize_t)len;
}

/*
 * What a cookie is good for: a client says the same random twice (RFC 6347
 * section 4.2.1).
 */
struct cookie_subject {
	struct tp_five_tuple five_tuple;
	uint8_t client_random[TP_DTLS_RANDOM_SIZE];
};

/*
 * Does the ClientHello carry our cookie for it? If not, answer it with one: a
 * message shorter than what it answers, and nothing is kept.
 */
static bool cookie_verified(struct tp_dtls_listener *listener, struct tp_five_tuple *five_tuple,
			    const struct tp_packet *packet, gnutls_dtls_prestate_st *prestate)
{
	struct reply reply = {listener->datagram, listener->proxy, packet};
	struct cookie_subject subject = {.five_tuple = *five_tuple};

	memcpy(subject.client_random, packet->data + TP_DTLS_RANDOM_OFFSET, TP_DTLS_RANDOM_SIZE);
	pthread_once(&cookie_key_once, cookie_key_make);
	if (cookie_key.data == NULL) {
		return false;
	}
	memset(prestate, 0, sizeof(*prestate));
	if (gnutls_dtls_cookie_verify(&cookie_key, &subject, sizeof(subject), packet->data,
				      packet->len, prestate) == 0) {
		return true;
	}
	tp_counter_add(listener->hello_verifies, 1);
	(void)gnutls_dtls_cookie_send(&cookie_key, &subject, sizeof(subject), prestate, &reply,
				      push_reply);
	return false;
}

/* --- listener ------------------------------------------------------------- */

static void begin_session(struct tp_dtls_listener *listener, struct tp_five_tuple *five_tuple,
			  const struct tp_packet *packet)
{
	gnutls_dtls_prestate_st prestate;
	struct tp_dtls_session *session;

	if (!listener->accepting || !cookie_verified(listener, five_tuple, packet, &prestate)) {
		return;
	}
	if (tp_dtls_session_create(listener, five_tuple, true, NULL, &session) != 0) {
		tp_counter_add(listener->refused, 1);
		return;
	}
	memcpy(session->client_random, packet->data + TP_DTLS_RANDOM_OFFSET, TP_DTLS_RANDOM_SIZE);
	gnutls_dtls_prestate_set(session->tls.session, &prestate);
	tp_dtls_session_receive(session, packet);
}

/*
 * A ClientHello on a five-tuple that has a session: the client has begun anew
 * (RFC 6347 section 4.2.8) and proves with the cookie that it is there, or the
 * network has delivered the first one twice.
 */
static bool begins_anew(const struct tp_dtls_session *session, const struct tp_packet *packet)
{
	return session->state == TP_DTLS_OPEN && is_client_hello(packet) &&
	       memcmp(packet->data + TP_DTLS_RANDOM_OFFSET, session->client_random,
		      TP_DTLS_RANDOM_SIZE) != 0;
}

static void restart_session(struct tp_dtls_listener *listener, struct tp_five_tuple *five_tuple,
			    struct tp_dtls_session *session, const struct tp_packet *packet)
{
	gnutls_dtls_prestate_st prestate;

	if (cookie_verified(listener, five_tuple, packet, &prestate)) {
		tp_dtls_session_close(session);
		if (listener->datagram != NULL) {
			begin_session(listener, five_tuple, packet);
		}
	}
}

static void on_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct tp_dtls_listener *listener = owner;
	struct tp_five_tuple five_tuple = {
		.client_addr = packet->remote_addr,
		.server_addr = packet->local_addr,
		.transport = TP_TRANSPORT_DTLS,
	};
	struct tp_dtls_session *session = tp_map_find(&listener->sessions, &five_tuple);

	(void)datagram;
	listener->references++; /* a callback may close the listener */
	if (session == NULL) {
		if (is_client_hello(packet)) {
			begin_session(listener, &five_tuple, packet);
		}
	} else if (begins_anew(session, packet)) {
		restart_session(listener, &five_tuple, session, packet);
	} else {
		tp_dtls_session_receive(session, packet);
	}
	tp_dtls_listener_unref(listener);
}

static void on_proxied_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct tp_dtls_listener *listener = owner;

	if (tp_udp_proxy_unwrap(listener->proxy, packet)) {
		on_receive(owner, datagram, packet);
	}
}

static int listener_create(struct tp_loop *loop, const struct tp_dtls_options *options,
			   const struct tp_endpoint_handler *handler, struct tp_dtls_listener **out)
{
	struct tp_dtls_listener *listener = calloc(1, sizeof(*listener));

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
	tp_certs_ref(options->certs);
	listener->references = 1;
	tp_map_init(&listener->sessions, sizeof(struct tp_five_tuple), options->max_sessions);
	listener->refused =
		tp_counter_named("io.dtls_refused", "DTLS sessions beyond the most a listener has");
	listener->hello_verifies = tp_counter_named("io.dtls_hello_verify_requests",
						    "ClientHellos answered with a cookie");
	listener->malformed =
		tp_counter_named("io.dtls_malformed", "datagrams that are no DTLS records");
	listener->send_failed =
		tp_counter_named("io.dtls_send_failed", "messages that became no DTLS record");
	*out = listener;
	return 0;
}

static void close_datagram(struct tp_dtls_listener *listener)
{
	if (listener->udp != NULL) {
		tp_udp_listener_close(&listener->udp);
		listener->datagram = NULL;
		listener->proxy = NULL;
	}
	tp_datagram_close(&listener->datagram);
	tp_udp_proxy_free(&listener->proxy);
}

void tp_dtls_listener_unref(struct tp_dtls_listener *listener)
{
	listener->references--;
	if (listener->references == 0) {
		close_datagram(listener);
		tp_map_fini(&listener->sessions);
		tp_certs_unref(&listener->options.certs);
		free(listener);
	}
}

static int open_own(struct tp_dtls_listener *listener)
{
	struct tp_datagram_options datagram = {
		.socket = listener->options.socket,
		.drops = tp_counter_named("io.listener_drops",
					  "datagrams of clients that found no room in the kernel"),
		.owner = listener,
		.receive = on_receive,
	};
	int err = 0;

	if (listener->options.proxies != NULL) {
		datagram.receive = on_proxied_receive;
		err = tp_udp_proxy_create(listener->options.proxies, listener->options.max_sessions,
					  &listener->proxy);
	}
	return err == 0 ? tp_datagram_open(listener->loop, &datagram, &listener->datagram) : err;
}

static int open_shared(struct tp_dtls_listener *listener)
{
	const struct tp_dtls_options *options = &listener->options;
	int err = options->proxies == NULL
			  ? tp_udp_listener_open(listener->loop, &options->socket,
						 &listener->handler, &listener->udp)
			  : tp_udp_listener_open_proxied(listener->loop, &options->socket,
							 options->proxies, options->max_sessions,
							 &listener->handler, &listener->udp);

	if (err == 0) {
		listener->proxy = tp_udp_listener_proxy(listener->udp);
		listener->datagram =
			tp_udp_listener_divert_dtls(listener->udp, listener, on_receive);
	}
	return err;
}

int tp_dtls_listener_open(struct tp_loop *loop, const struct tp_dtls_options *options,
			  const struct tp_endpoint_handler *handler, struct tp_dtls_listener **out)
{
	struct tp_dtls_listener *listener;
	int err;

	if (options->certs == NULL || options->max_sessions == 0) {
		return TP_EINVAL;
	}
	err = listener_create(loop, options, handler, &listener);
	if (err != 0) {
		return err;
	}
	listener->accepting = true;
	err = options->plain_too ? open_shared(listener) : open_own(listener);
	if (err != 0) {
		tp_dtls_listener_unref(listener);
		return err;
	}
	*out = listener;
	return 0;
}

void tp_dtls_listener_use_certs(struct tp_dtls_listener *listener, struct tp_certs *certs)
{
	tp_certs_ref(certs);
	tp_certs_unref(&listener->options.certs);
	listener->options.certs = certs;
}

size_t tp_dtls_listener_count(const struct tp_dtls_listener *listener)
{
	return listener->sessions.count;
}

void tp_dtls_listener_pause(struct tp_dtls_listener *listener)
{
	listener->accepting = false;
}

void tp_dtls_listener_close(struct tp_dtls_listener **listener)
{
	struct tp_dtls_listener *gone = *listener;
	struct tp_dtls_session *session;

	if (gone == NULL) {
		return;
	}
	*listener = NULL;
	gone->accepting = false;
	while ((session = tp_map_drain(&gone->sessions)) != NULL) {
		tp_dtls_session_close(session);
	}
	close_datagram(gone);
	tp_dtls_listener_unref(gone);
}

const struct tp_addr *tp_dtls_listener_addr(const struct tp_dtls_listener *listener)
{
	return &listener->datagram->local_addr;
}

/* --- client --------------------------------------------------------------- */

static void on_client_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct tp_dtls_listener *shared = owner;
	size_t cursor = 0;
	struct tp_dtls_session *session = tp_map_next(&shared->sessions, &cursor);

	(void)datagram;
	if (session != NULL &&
	    tp_addr_equal(&packet->remote_addr, &session->five_tuple.server_addr)) {
		tp_dtls_session_receive(session, packet);
	}
}

static int connect_session(struct tp_dtls_listener *shared, const struct tp_addr *remote_addr,
			   const char *server_name, struct tp_endpoint **out)
{
	const struct tp_five_tuple five_tuple = {
		.client_addr = shared->datagram->local_addr,
		.server_addr = *remote_addr,
		.transport = TP_TRANSPORT_DTLS,
	};
	struct tp_dtls_session *session;
	int err = tp_dtls_session_create(shared, &five_tuple, false, server_name, &session);

	if (err == 0) {
		tp_loop_request_hook(shared->loop, &session->begin);
		*out = &session->endpoint;
	}
	return err;
}

int tp_dtls_connect(struct tp_loop *loop, const struct tp_addr *remote_addr,
		    const struct tp_dtls_options *options, const char *server_name,
		    const struct tp_endpoint_handler *handler, struct tp_endpoint **out)
{
	struct tp_datagram_options datagram = {
		.socket = options->socket,
		.receive = on_client_receive,
	};
	struct tp_dtls_listener *shared;
	int err;

	if (options->certs == NULL || remote_addr->family == TP_FAMILY_NONE) {
		return TP_EINVAL;
	}
	err = listener_create(loop, options, handler, &shared);
	if (err != 0) {
		return err;
	}
	datagram.owner = shared;
	datagram.socket.bind_addr.family = remote_addr->family;
	err = tp_datagram_open(loop, &datagram, &shared->datagram);
	if (err == 0) {
		err = connect_session(shared, remote_addr, server_name, out);
	}
	tp_dtls_listener_unref(shared); /* the session has its own reference */
	return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/listener.h"

#include <stdlib.h>
#include <time.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "io/datagram.h"
#include "io/dtls.h"
#include "io/stream.h"
#include "turn/behavior.h"

#define FREE_TRIES 10
#define FREE_PAUSE_NS 50000000L

struct tp_listener {
	enum tp_transport transport;
	struct tp_udp_listener *udp;
	struct tp_stream_listener *stream; /* TCP, TLS */
	struct tp_dtls_listener *dtls;
	struct tp_behavior behavior; /* of four, in the first */
};

/* By its secure companion, whose socket hears both. */
static bool is_heard(const struct tp_listener_config *listener, size_t address,
		     enum tp_transport transport)
{
	if (transport == TP_TRANSPORT_UDP) {
		return tp_listener_shares(listener, address, TP_TRANSPORT_DTLS);
	}
	return transport == TP_TRANSPORT_TCP &&
	       tp_listener_shares(listener, address, TP_TRANSPORT_TLS);
}

static struct tp_binding binding_of(const struct tp_listener_config *listener, size_t address,
				    enum tp_transport transport)
{
	bool secure = transport == TP_TRANSPORT_TLS || transport == TP_TRANSPORT_DTLS;

	return (struct tp_binding){
		.config = listener,
		.transport = transport,
		.plain_too = secure && tp_listener_shares(listener, address, transport),
		.behavior = listener->behavior && address == 0 && transport == TP_TRANSPORT_UDP,
		.addr = tp_addr_with_port(&listener->addresses[address].addr,
					  tp_listener_port(listener, address, transport)),
	};
}

struct tp_binding *tp_bindings_create(const struct tp_config *config, size_t *count)
{
	size_t most = config->listener_count * TP_LISTENER_ADDRESSES_MAX * TP_TRANSPORT_COUNT;
	struct tp_binding *bindings = calloc(most, sizeof(*bindings));

	*count = 0;
	for (size_t i = 0; bindings != NULL && i < config->listener_count; i++) {
		const struct tp_listener_config *listener = &config->listeners[i];

		for (size_t t = 0; t < TP_TRANSPORT_COUNT; t++) {
			for (size_t a = 0; listener->transports[t] && a < listener->address_count;
			     a++) {
				enum tp_transport transport = (enum tp_transport)t;

				if (!is_heard(listener, a, transport)) {
					bindings[*count] = binding_of(listener, a, transport);
					bindings[(*count)++].marks = config->turn.carry_marks;
				}
			}
		}
	}
	return bindings;
}

bool tp_binding_transport(const struct tp_binding *binding, size_t at, enum tp_transport *out)
{
	*out = binding->transport;
	if (at == 1 && binding->plain_too) {
		*out = binding->transport == TP_TRANSPORT_DTLS ? TP_TRANSPORT_UDP
							       : TP_TRANSPORT_TCP;
		return true;
	}
	return at == 0;
}

static struct tp_socket_options socket_options(const struct tp_binding *binding)
{
	return (struct tp_socket_options){
		.bind_addr = binding->addr,
		.reuse_port = true,
		.want_local_addr = tp_addr_is_any(&binding->addr),
		.want_tos_ttl = binding->marks,
		.receive_buffer_bytes = binding->config->receive_buffer_bytes,
		.send_buffer_bytes = binding->config->send_buffer_bytes,
	};
}

/* Alone on the address, for a moment. */
static int try_alone(const struct tp_binding *binding)
{
	const struct tp_socket_options options = {.bind_addr = binding->addr};
	bool datagram =
		binding->transport == TP_TRANSPORT_UDP || binding->transport == TP_TRANSPORT_DTLS;
	int fd = -1;
	int err = datagram ? tp_socket_open_udp(&options, &fd)
			   : tp_socket_open_listener(&options, &fd);

	tp_socket_close(&fd);
	return err;
}

/* The kernel lets go of a killed daemon's sockets a little after it has gone. */
static int check_free(const struct tp_binding *binding)
{
	const struct timespec pause = {.tv_nsec = FREE_PAUSE_NS};
	int err = try_alone(binding);

	for (int i = 0; i < FREE_TRIES && err == TP_EADDRINUSE; i++) {
		(void)nanosleep(&pause, NULL);
		err = try_alone(binding);
	}
	return err;
}

static int open_stream(struct tp_loop *loop, const struct tp_binding *binding,
		       const struct tp_endpoint_handler *handler, struct tp_listener *listener)
{
	const struct tp_listener_config *config = binding->config;
	const struct tp_stream_options options = {
		.socket = socket_options(binding),
		.certs = binding->transport == TP_TRANSPORT_TLS ? config->certs : NULL,
		.queue_bytes = config->queue_bytes,
		.max_connections = config->max_connections,
		.handshake_timeout_ms = config->handshake_timeout_ms,
		.idle_timeout_ms = config->idle_timeout_ms,
		.plain_too = binding->plain_too,
		.proxies = config->proxies,
		.back_end = config->passes_on ? &config->back_end : NULL,
	};

	return tp_stream_listener_open(loop, &options, handler, &listener->stream);
}

static int open_dtls(struct tp_loop *loop, const struct tp_binding *binding,
		     const struct tp_endpoint_handler *handler, struct tp_listener *listener)
{
	const struct tp_listener_config *config = binding->config;
	const struct tp_dtls_options options = {
		.socket = socket_options(binding),
		.certs = config->certs,
		.max_sessions = config->max_connections,
		.handshake_timeout_ms = config->handshake_timeout_ms,
		.idle_timeout_ms = config->idle_timeout_ms,
		.proxies = config->proxies,
		.plain_too = binding->plain_too,
	};

	return tp_dtls_listener_open(loop, &options, handler, &listener->dtls);
}

static int open_udp(struct tp_loop *loop, const struct tp_binding *binding,
		    const struct tp_endpoint_handler *handler, struct tp_listener *listener)
{
	const struct tp_listener_config *config = binding->config;
	const struct tp_socket_options socket = socket_options(binding);

	if (config->proxies == NULL) {
		return tp_udp_listener_open(loop, &socket, handler, &listener->udp);
	}
	return tp_udp_listener_open_proxied(loop, &socket, config->proxies, config->max_connections,
					    handler, &listener->udp);
}

static int open_one(struct tp_loop *loop, const struct tp_binding *binding,
		    const struct tp_endpoint_handler *handler, struct tp_listener *listener)
{
	switch (binding->transport) {
	case TP_TRANSPORT_UDP:
		return open_udp(loop, binding, handler, listener);
	case TP_TRANSPORT_TCP:
	case TP_TRANSPORT_TLS:
		return open_stream(loop, binding, handler, listener);
	case TP_TRANSPORT_DTLS:
		return open_dtls(loop, binding, handler, listener);
	}
	return TP_EINVAL;
}

static struct tp_addr bound_addr(const struct tp_listener *listener)
{
	if (listener->udp != NULL) {
		return *tp_udp_listener_addr(listener->udp);
	}
	if (listener->stream != NULL) {
		return *tp_stream_listener_addr(listener->stream);
	}
	return *tp_dtls_listener_addr(listener->dtls);
}

int tp_listener_open(struct tp_loop *loop, struct tp_binding *binding, bool first,
		     const struct tp_endpoint_handler *handler, struct tp_listener **out)
{
	struct tp_endpoint_handler realm_handler = *handler;
	struct tp_listener *listener = calloc(1, sizeof(*listener));
	int err = listener == NULL ? TP_ENOMEM : 0;

	if (err == 0 && first && binding->addr.port != 0) {
		err = check_free(binding);
	}
	if (err == 0) {
		listener->transport = binding->transport;
		realm_handler.realm = (unsigned)binding->config->realm;
		err = open_one(loop, binding, &realm_handler, listener);
	}
	if (err != 0) {
		free(listener);
		return err;
	}
	binding->addr.port = bound_addr(listener).port;
	*out = listener;
	return 0;
}

void tp_listener_join(struct tp_listener *const *listeners)
{
	struct tp_behavior *behavior = &listeners[0]->behavior;

	for (size_t i = 0; i < TP_BEHAVIOR_SOCKETS; i++) {
		behavior->endpoints[i] = tp_udp_listener_endpoint(listeners[i]->udp);
		behavior->addrs[i] = *tp_udp_listener_addr(listeners[i]->udp);
	}
	tp_behavior_join(behavior);
}

void tp_listener_use_certs(struct tp_listener *listener, struct tp_certs *certs)
{
	if (listener->transport == TP_TRANSPORT_TLS) {
		tp_stream_listener_use_certs(listener->stream, certs);
	}
	if (listener->transport == TP_TRANSPORT_DTLS) {
		tp_dtls_listener_use_certs(listener->dtls, certs);
	}
}

size_t tp_listener_connections(const struct tp_listener *listener)
{
	if (listener->stream != NULL) {
		return tp_stream_listener_count(listener->stream);
	}
	return listener->dtls != NULL ? tp_dtls_listener_count(listener->dtls) : 0;
}

void tp_listener_pause(struct tp_listener *listener)
{
	if (listener->stream != NULL) {
		tp_stream_listener_pause(listener->stream);
	}
	if (listener->dtls != NULL) {
		tp_dtls_listener_pause(listener->dtls);
	}
}

void tp_listener_close(struct tp_listener **where)
{
	struct tp_listener *listener = *where;

	if (listener == NULL) {
		return;
	}
	tp_udp_listener_close(&listener->udp);
	tp_stream_listener_close(&listener->stream);
	tp_dtls_listener_close(&listener->dtls);
	free(listener);
	*where = NULL;
}

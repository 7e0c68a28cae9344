/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/turn_link.h"

#include <stdio.h>
#include <stdlib.h>

#include <turnpike/error.h>

#include "io/datagram.h"
#include "io/dtls.h"
#include "io/loop.h"
#include "io/stream.h"

#define LINK_QUEUE_BYTES (1024 * 1024)
#define LINK_IDLE_TIMEOUT_MS (24 * 60 * 60 * 1000)

struct tp_turn_link {
	struct tp_loop *loop;
	struct tp_turn_link_handler handler;
	enum tp_transport transport;
	struct tp_addr server_addr;
	struct tp_datagram *datagram; /* UDP; otherwise: */
	struct tp_endpoint *endpoint;
	struct tp_five_tuple five_tuple;
	bool open;
	bool closing;
	struct tp_timer announce; /* tells "opened" of UDP from the loop */
	char security[96];
};

static void udp_announce(struct tp_timer *timer)
{
	struct tp_turn_link *link = tp_container_of(timer, struct tp_turn_link, announce);

	link->open = true;
	link->handler.opened(link->handler.owner);
}

static void udp_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct tp_turn_link *link = owner;

	(void)datagram;
	if (tp_addr_equal(&packet->remote_addr, &link->server_addr)) {
		link->handler.message(link->handler.owner, packet->data, packet->len);
	}
}

static void endpoint_message(void *owner, struct tp_endpoint *endpoint,
			     const struct tp_five_tuple *five_tuple, struct tp_packet *packet)
{
	struct tp_turn_link *link = owner;

	(void)endpoint;
	(void)five_tuple;
	if (!link->closing) {
		link->handler.message(link->handler.owner, packet->data, packet->len);
	}
}

static void endpoint_opened(void *owner, struct tp_endpoint *endpoint,
			    const struct tp_five_tuple *five_tuple,
			    const struct tp_endpoint_security *security)
{
	struct tp_turn_link *link = owner;

	link->endpoint = endpoint;
	link->five_tuple = *five_tuple;
	link->open = true;
	if (security != NULL) {
		snprintf(link->security, sizeof(link->security), "%s", security->description);
	}
	link->handler.opened(link->handler.owner);
}

/* The endpoint frees itself afterwards, so it is forgotten here. */
static void link_lost(struct tp_turn_link *link, const char *reason)
{
	bool told = link->endpoint == NULL || link->closing;

	link->endpoint = NULL;
	link->open = false;
	if (!told) {
		link->handler.failed(link->handler.owner, reason);
	}
}

static void endpoint_closed(void *owner, struct tp_endpoint *endpoint,
			    const struct tp_five_tuple *five_tuple)
{
	(void)endpoint;
	(void)five_tuple;
	link_lost(owner, "the server closed the connection");
}

static void endpoint_exception(void *owner, const struct tp_five_tuple *five_tuple,
			       const char *reason, const uint8_t *bytes, size_t len)
{
	(void)five_tuple;
	(void)bytes;
	(void)len;
	link_lost(owner, reason);
}

static struct tp_socket_options any_port(enum tp_family family)
{
	struct tp_socket_options options = {.bind_addr.family = (uint8_t)family};

	return options;
}

static int udp_open(struct tp_turn_link *link)
{
	struct tp_datagram_options options = {
		.socket = any_port(tp_addr_family(&link->server_addr)),
		.owner = link,
		.receive = udp_receive,
	};
	int err = tp_datagram_open(link->loop, &options, &link->datagram);

	if (err == 0) {
		tp_loop_arm(link->loop, &link->announce, tp_loop_now_ms(link->loop));
	}
	return err;
}

static int endpoint_open(struct tp_turn_link *link, const struct tp_turn_link_options *options)
{
	struct tp_endpoint_handler handler = {
		.owner = link,
		.message = endpoint_message,
		.opened = endpoint_opened,
		.closed = endpoint_closed,
		.exception = endpoint_exception,
	};
	struct tp_stream_options stream = {
		.socket = any_port(tp_addr_family(&link->server_addr)),
		.certs = link->transport == TP_TRANSPORT_TLS ? options->certs : NULL,
		.queue_bytes = LINK_QUEUE_BYTES,
		.max_connections = 1,
		.handshake_timeout_ms = options->timeout_ms,
		.idle_timeout_ms = LINK_IDLE_TIMEOUT_MS,
	};
	struct tp_dtls_options dtls = {
		.socket = stream.socket,
		.certs = options->certs,
		.max_sessions = 1,
		.handshake_timeout_ms = options->timeout_ms,
		.idle_timeout_ms = LINK_IDLE_TIMEOUT_MS,
	};

	if (link->transport == TP_TRANSPORT_DTLS) {
		return tp_dtls_connect(link->loop, &link->server_addr, &dtls, options->server_name,
				       &handler, &link->endpoint);
	}
	return tp_stream_connect(link->loop, &link->server_addr, &stream, options->server_name,
				 &handler, &link->endpoint);
}

int tp_turn_link_open(struct tp_loop *loop, const struct tp_turn_link_options *options,
		      const struct tp_turn_link_handler *handler, struct tp_turn_link **out)
{
	struct tp_turn_link *link = calloc(1, sizeof(*link));
	int err;

	if (link == NULL) {
		return TP_ENOMEM;
	}
	link->loop = loop;
	link->handler = *handler;
	link->transport = options->transport;
	link->server_addr = options->server_addr;
	tp_timer_init(&link->announce, udp_announce);
	if (link->transport == TP_TRANSPORT_UDP) {
		err = udp_open(link);
	} else {
		err = endpoint_open(link, options);
	}
	if (err != 0) {
		free(link);
		return err;
	}
	*out = link;
	return 0;
}

void tp_turn_link_close(struct tp_turn_link **link_at)
{
	struct tp_turn_link *link = *link_at;

	if (link == NULL) {
		return;
	}
	link->closing = true;
	tp_loop_cancel(link->loop, &link->announce);
	tp_datagram_close(&link->datagram);
	if (link->endpoint != NULL) {
		tp_endpoint_close(link->endpoint);
	}
	free(link);
	*link_at = NULL;
}

int tp_turn_link_send(struct tp_turn_link *link, const uint8_t *bytes, size_t len)
{
	struct tp_packet packet = {.data = (uint8_t *)(uintptr_t)bytes,
				   .len = len,
				   .remote_addr = link->server_addr,
				   .ttl = -1,
				   .tos = -1};

	if (!link->open) {
		return TP_ESHUTDOWN;
	}
	if (link->transport == TP_TRANSPORT_UDP) {
		return tp_datagram_send(link->datagram, &packet);
	}
	return tp_endpoint_send(link->endpoint, &link->five_tuple, bytes, len);
}

bool tp_turn_link_is_stream(const struct tp_turn_link *link)
{
	return link->transport == TP_TRANSPORT_TCP || link->transport == TP_TRANSPORT_TLS;
}

const char *tp_turn_link_security(const struct tp_turn_link *link)
{
	return link->security;
}

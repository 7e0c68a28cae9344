/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/counter.h"
#include "base/list.h"
#include "io/loop.h"
#include "io/udp_proxy.h"
#include "stun/frame.h"

/* How often drops are looked for. */
#define DROPS_EVERY_MS 10000

struct tp_udp_listener {
	struct tp_loop *loop;
	struct tp_timer count_drops;
	struct tp_endpoint endpoint;
	struct tp_endpoint_handler handler;
	struct tp_datagram *datagram;
	struct tp_udp_proxy *proxy; /* NULL: nobody is trusted to be one */
	tp_udp_receive_fn dtls;     /* NULL: nobody's */
	void *dtls_owner;
};

static void on_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct tp_udp_listener *listener = owner;
	const struct tp_five_tuple five_tuple = {
		.client_addr = packet->remote_addr,
		.server_addr = packet->local_addr,
		.transport = TP_TRANSPORT_UDP,
	};

	if (listener->dtls != NULL && packet->len > 0 &&
	    tp_frame_kind_of(packet->data[0]) == TP_FRAME_DTLS) {
		listener->dtls(listener->dtls_owner, datagram, packet);
		return;
	}
	listener->handler.message(listener->handler.owner, &listener->endpoint, &five_tuple,
				  packet);
}

static void on_proxied_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct tp_udp_listener *listener = owner;

	if (tp_udp_proxy_unwrap(listener->proxy, packet)) {
		on_receive(owner, datagram, packet);
	}
}

static int endpoint_send(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			 const uint8_t *bytes, size_t len)
{
	struct tp_udp_listener *listener =
		tp_container_of(endpoint, struct tp_udp_listener, endpoint);
	const struct tp_packet packet = {
		.data = (uint8_t *)(uintptr_t)bytes, /* only read */
		.len = len,
		.remote_addr = five_tuple->client_addr,
		.local_addr = five_tuple->server_addr,
		.ttl = -1,
		.tos = -1,
	};

	return tp_datagram_send(listener->datagram, &packet);
}

static int endpoint_forward(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			    struct tp_packet *packet)
{
	struct tp_udp_listener *listener =
		tp_container_of(endpoint, struct tp_udp_listener, endpoint);
	const struct tp_packet out = {
		.data = packet->data,
		.len = packet->len,
		.remote_addr = five_tuple->client_addr,
		.local_addr = five_tuple->server_addr,
		.ttl = packet->ttl,
		.tos = packet->tos,
	};

	return tp_datagram_forward(listener->datagram, &out);
}

static void endpoint_close(struct tp_endpoint *endpoint)
{
	(void)endpoint; /* there is no connection */
}

/* --- behind proxies ------------------------------------------------------- */

/* The same five-tuple but for where the client is reached. */
static struct tp_five_tuple wire_of(const struct tp_udp_listener *listener,
				    const struct tp_five_tuple *five_tuple)
{
	struct tp_five_tuple wire = *five_tuple;

	wire.client_addr = tp_udp_proxy_way(listener->proxy, &five_tuple->client_addr,
					    &five_tuple->server_addr);
	return wire;
}

static int proxied_send(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			const uint8_t *bytes, size_t len)
{
	const struct tp_five_tuple wire =
		wire_of(tp_container_of(endpoint, struct tp_udp_listener, endpoint), five_tuple);

	return endpoint_send(endpoint, &wire, bytes, len);
}

static int proxied_forward(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			   struct tp_packet *packet)
{
	const struct tp_five_tuple wire =
		wire_of(tp_container_of(endpoint, struct tp_udp_listener, endpoint), five_tuple);

	return endpoint_forward(endpoint, &wire, packet);
}

static int proxied_hold(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple)
{
	return tp_udp_proxy_hold(tp_container_of(endpoint, struct tp_udp_listener, endpoint)->proxy,
				 five_tuple);
}

static void proxied_release(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple)
{
	tp_udp_proxy_release(tp_container_of(endpoint, struct tp_udp_listener, endpoint)->proxy,
			     five_tuple);
}

static const struct tp_endpoint_ops proxied_ops = {
	.send = proxied_send,
	.forward = proxied_forward,
	.close = endpoint_close,
	.hold = proxied_hold,
	.release = proxied_release,
};

/* --- life ----------------------------------------------------------------- */

static void on_count_drops(struct tp_timer *timer)
{
	struct tp_udp_listener *listener =
		tp_container_of(timer, struct tp_udp_listener, count_drops);

	tp_datagram_count_drops(listener->datagram);
	tp_loop_arm(listener->loop, timer, tp_loop_now_ms(listener->loop) + DROPS_EVERY_MS);
}

static const struct tp_endpoint_ops plain_ops = {
	.send = endpoint_send,
	.forward = endpoint_forward,
	.close = endpoint_close,
};

/* @proxy: the listener's when this returns 0 */
static int open_behind(struct tp_loop *loop, const struct tp_socket_options *socket,
		       struct tp_udp_proxy *proxy, const struct tp_endpoint_handler *handler,
		       struct tp_udp_listener **out)
{
	struct tp_udp_listener *listener = calloc(1, sizeof(*listener));
	struct tp_datagram_options options = {
		.socket = *socket,
		.drops = tp_counter_named("io.listener_drops",
					  "datagrams of clients that found no room in the kernel"),
		.owner = listener,
		.receive = proxy != NULL ? on_proxied_receive : on_receive,
	};
	int err;

	if (listener == NULL) {
		return TP_ENOMEM;
	}
	listener->proxy = proxy;
	listener->endpoint.ops = proxy != NULL ? &proxied_ops : &plain_ops;
	listener->endpoint.transport = TP_TRANSPORT_UDP;
	listener->endpoint.realm = handler->realm;
	listener->handler = *handler;
	err = tp_datagram_open(loop, &options, &listener->datagram);
	if (err != 0) {
		free(listener);
		return err;
	}
	listener->loop = loop;
	tp_timer_init(&listener->count_drops, on_count_drops);
	tp_loop_arm(loop, &listener->count_drops, tp_loop_now_ms(loop) + DROPS_EVERY_MS);
	*out = listener;
	return 0;
}

int tp_udp_listener_open(struct tp_loop *loop, const struct tp_socket_options *socket,
			 const struct tp_endpoint_handler *handler, struct tp_udp_listener **out)
{
	return open_behind(loop, socket, NULL, handler, out);
}

int tp_udp_listener_open_proxied(struct tp_loop *loop, const struct tp_socket_options *socket,
				 const struct tp_prefix_set *proxies, size_t clients_max,
				 const struct tp_endpoint_handler *handler,
				 struct tp_udp_listener **out)
{
	struct tp_udp_proxy *proxy;
	int err = tp_udp_proxy_create(proxies, clients_max, &proxy);

	if (err != 0) {
		return err;
	}
	err = open_behind(loop, socket, proxy, handler, out);
	if (err != 0) {
		tp_udp_proxy_free(&proxy);
	}
	return err;
}

void tp_udp_listener_close(struct tp_udp_listener **listener)
{
	struct tp_udp_listener *gone = *listener;

	if (gone == NULL) {
		return;
	}
	tp_loop_cancel(gone->loop, &gone->count_drops);
	tp_datagram_close(&gone->datagram);
	tp_udp_proxy_free(&gone->proxy);
	free(gone);
	*listener = NULL;
}

struct tp_datagram *tp_udp_listener_divert_dtls(struct tp_udp_listener *listener, void *owner,
						tp_udp_receive_fn receive)
{
	listener->dtls = receive;
	listener->dtls_owner = owner;
	return listener->datagram;
}

struct tp_endpoint *tp_udp_listener_endpoint(struct tp_udp_listener *listener)
{
	return &listener->endpoint;
}

const struct tp_addr *tp_udp_listener_addr(const struct tp_udp_listener *listener)
{
	return &listener->datagram->local_addr;
}

struct tp_udp_proxy *tp_udp_listener_proxy(struct tp_udp_listener *listener)
{
	return listener->proxy;
}

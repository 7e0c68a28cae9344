/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/counter.h"
#include "base/list.h"
#include "io/loop.h"
#include "stun/frame.h"

/* How often drops are looked for. */
#define DROPS_EVERY_MS 10000

struct tp_udp_listener {
	struct tp_loop *loop;
	struct tp_timer count_drops;
	struct tp_endpoint endpoint;
	struct tp_endpoint_handler handler;
	struct tp_datagram *datagram;
	tp_udp_receive_fn dtls; /* NULL: nobody's */
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

static void on_count_drops(struct tp_timer *timer)
{
	struct tp_udp_listener *listener =
		tp_container_of(timer, struct tp_udp_listener, count_drops);

	tp_datagram_count_drops(listener->datagram);
	tp_loop_arm(listener->loop, timer, tp_loop_now_ms(listener->loop) + DROPS_EVERY_MS);
}

int tp_udp_listener_open(struct tp_loop *loop, const struct tp_socket_options *socket,
			 const struct tp_endpoint_handler *handler, struct tp_udp_listener **out)
{
	static const struct tp_endpoint_ops ops = {endpoint_send, endpoint_forward, endpoint_close};
	struct tp_udp_listener *listener = calloc(1, sizeof(*listener));
	struct tp_datagram_options options = {
		.socket = *socket,
		.drops = tp_counter_named("io.listener_drops",
					  "datagrams of clients that found no room in the kernel"),
		.owner = listener,
		.receive = on_receive,
	};
	int err;

	if (listener == NULL) {
		return TP_ENOMEM;
	}
	listener->endpoint.ops = &ops;
	listener->endpoint.transport = TP_TRANSPORT_UDP;
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

void tp_udp_listener_close(struct tp_udp_listener **listener)
{
	struct tp_udp_listener *gone = *listener;

	if (gone == NULL) {
		return;
	}
	tp_loop_cancel(gone->loop, &gone->count_drops);
	tp_datagram_close(&gone->datagram);
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/peer_error.h"

#include "host/dispatch.h"
#include "io/datagram.h"
#include "turn/allocation.h"
#include "turn/icmp.h"
#include "turn/relay_socket.h"
#include "turn/server.h"

static void tell_plugins(const struct tp_allocation *allocation, const struct tp_addr *peer_addr,
			 const struct tp_datagram_error *error)
{
	struct tp_generation *generation = allocation->server->generation;

	if (tp_generation_wants(generation, TP_EVENT_on_turn_peer_error)) {
		const struct tp_peer_error event = {
			.allocation = &allocation->view,
			.peer_addr = peer_addr,
			.icmp_type = error->type,
			.icmp_code = error->code,
			.icmp_info = error->mtu,
		};

		tp_dispatch_tell(generation, TP_EVENT_on_turn_peer_error, &event);
	}
}

static void on_error(void *owner, struct tp_datagram *datagram,
		     const struct tp_datagram_error *error)
{
	struct tp_allocation *allocation = owner;
	struct tp_addr peer_addr;

	(void)datagram;
	if (allocation == NULL) {
		return;
	}
	peer_addr = tp_relay_socket_peer_addr(allocation->server->shared, &error->remote_addr);
	tell_plugins(allocation, &peer_addr, error);
	if (allocation->server->options->relay_icmp) {
		tp_icmp_tell_client(allocation, &peer_addr, error);
	}
}

void tp_peer_error_ask(const struct tp_server *server, struct tp_datagram_options *options)
{
	if (server->options->relay_icmp ||
	    tp_generation_wants(server->generation, TP_EVENT_on_turn_peer_error)) {
		options->error = on_error;
	}
}

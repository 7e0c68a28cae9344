/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/peer_error.h"

#include "host/dispatch.h"
#include "io/datagram.h"
#include "turn/allocation.h"
#include "turn/relay_socket.h"
#include "turn/server.h"

static void on_error(void *owner, struct tp_datagram *datagram,
		     const struct tp_datagram_error *error)
{
	const struct tp_allocation *allocation = owner;
	struct tp_addr peer_addr;
	struct tp_peer_error event;

	(void)datagram;
	if (allocation == NULL ||
	    !tp_generation_wants(allocation->server->generation, TP_EVENT_on_turn_peer_error)) {
		return;
	}
	peer_addr = tp_relay_socket_peer_addr(allocation->server->shared, &error->remote_addr);
	event = (struct tp_peer_error){
		.allocation = &allocation->view,
		.peer_addr = &peer_addr,
		.icmp_type = error->type,
		.icmp_code = error->code,
		.icmp_info = error->mtu,
	};
	tp_dispatch_tell(allocation->server->generation, TP_EVENT_on_turn_peer_error, &event);
}

void tp_peer_error_ask(const struct tp_server *server, struct tp_datagram_options *options)
{
	if (tp_generation_wants(server->generation, TP_EVENT_on_turn_peer_error)) {
		options->error = on_error;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/peer_error.h"

#include "host/dispatch.h"
#include "io/datagram.h"
#include "turn/allocation.h"
#include "turn/icmp.h"
#include "turn/realm.h"
#include "turn/relay_socket.h"
#include "turn/server.h"
#include "turn/shared_relay.h"

static void tell_plugins(const struct tp_allocation *allocation, const struct tp_addr *peer_addr,
			 const struct tp_datagram_error *error)
{
	const struct tp_chains *chains = allocation->realm->chains;

	if (tp_chains_want(chains, TP_EVENT_on_turn_peer_error)) {
		const struct tp_peer_error event = {
			.allocation = &allocation->view,
			.peer_addr = peer_addr,
			.icmp_type = error->type,
			.icmp_code = error->code,
			.icmp_info = error->mtu,
		};

		tp_dispatch_tell(chains, TP_EVENT_on_turn_peer_error, &event);
	}
}

static void tell(struct tp_allocation *allocation, const struct tp_addr *peer_addr,
		 const struct tp_datagram_error *error)
{
	tell_plugins(allocation, peer_addr, error);
	if (allocation->server->options->relay_icmp) {
		tp_icmp_tell_client(allocation, peer_addr, error);
	}
}

static void on_error(void *owner, struct tp_datagram *datagram,
		     const struct tp_datagram_error *error)
{
	struct tp_allocation *allocation = owner;
	struct tp_addr peer_addr;

	(void)datagram;
	if (allocation != NULL) {
		peer_addr =
			tp_relay_socket_peer_addr(allocation->server->shared, &error->remote_addr);
		tell(allocation, &peer_addr, error);
	}
}

/* Only who has claimed the peer can have sent to it. */
static void on_shared_error(void *owner, struct tp_datagram *datagram,
			    const struct tp_datagram_error *error)
{
	const struct tp_shared_relay *relay = owner;
	const struct tp_server *server = relay->server;
	struct tp_addr peer_addr = tp_relay_socket_peer_addr(server->shared, &error->remote_addr);
	struct tp_allocation *allocation;

	(void)datagram;
	if (server->shared_relays == NULL) { /* not all are open yet */
		return;
	}
	allocation = tp_peer_claims_owner(&server->shared_relays->claims, relay, &peer_addr);
	if (allocation != NULL) {
		tell(allocation, &peer_addr, error);
	}
}

void tp_peer_error_ask(const struct tp_server *server, struct tp_datagram_options *options)
{
	if (server->options->relay_icmp ||
	    tp_generation_wants(server->generation, TP_EVENT_on_turn_peer_error)) {
		options->error = server->options->shared_ports == 0 ? on_error : on_shared_error;
	}
}

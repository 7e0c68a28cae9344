/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/shared_relay.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "host/request.h"
#include "io/datagram.h"
#include "turn/allocation.h"
#include "turn/discard.h"
#include "turn/relay.h"
#include "turn/server.h"

/* --- open and close -------------------------------------------------------------- */

static int open_one(struct tp_server *server, struct tp_shared_relays *relays, size_t address,
		    uint32_t port, struct tp_addr *refused)
{
	struct tp_shared_relay *relay = &relays->relays[relays->count];
	int err;

	*relay = (struct tp_shared_relay){.server = server, .number = relays->count};
	err = tp_relay_socket_open_shared(relay, address, (uint16_t)port);
	if (err != 0) {
		*refused = tp_addr_with_port(&server->options->relay[address].bind_addr,
					     (uint16_t)port);
		return err;
	}
	relays->count++;
	return 0;
}

static int open_all(struct tp_server *server, struct tp_shared_relays *relays,
		    struct tp_addr *refused)
{
	const struct tp_turn_options *options = server->options;
	uint32_t first = options->port_min + options->shared_ports * server->worker->index;

	for (size_t address = 0; address < options->relay_count; address++) {
		for (uint32_t i = 0; i < options->shared_ports; i++) {
			int err = open_one(server, relays, address, first + i, refused);

			if (err != 0) {
				return err;
			}
		}
	}
	return 0;
}

/* While the server does not know of them a socket's end is the end of its port. */
static void close_all(struct tp_server *server, struct tp_shared_relays *relays)
{
	for (size_t i = 0; i < relays->count; i++) {
		tp_relay_socket_close(server, &relays->relays[i].socket);
	}
	tp_peer_claims_fini(&relays->claims);
	free(relays);
}

static bool fits(const struct tp_server *server)
{
	const struct tp_turn_options *options = server->options;

	return tp_shared_relays_ports(options->shared_ports, server->shared->worker_count) <=
	       options->port_max - options->port_min + 1U;
}

int tp_shared_relays_open(struct tp_server *server, struct tp_addr *refused)
{
	const struct tp_turn_options *options = server->options;
	size_t count = options->relay_count * options->shared_ports;
	struct tp_shared_relays *relays;
	int err;

	*refused = (struct tp_addr){.family = TP_FAMILY_NONE};
	if (count == 0) {
		return 0;
	}
	if (!fits(server)) {
		return TP_ERANGE;
	}
	relays = calloc(1, sizeof(*relays) + count * sizeof(relays->relays[0]));
	if (relays == NULL) {
		return TP_ENOMEM;
	}
	tp_peer_claims_init(&relays->claims);
	err = open_all(server, relays, refused);
	if (err != 0) {
		close_all(server, relays);
		return err;
	}
	server->shared_relays = relays;
	return 0;
}

void tp_shared_relays_close(struct tp_server *server)
{
	struct tp_shared_relays *relays = server->shared_relays;

	if (relays != NULL) {
		server->shared_relays = NULL;
		close_all(server, relays);
	}
}

/* --- parts ----------------------------------------------------------------------- */

static bool is_meant(const struct tp_shared_relay *relay, bool even,
		     const struct tp_relay_choice *choice)
{
	const struct tp_turn_options *options = relay->server->options;
	uint16_t port = tp_addr_port(&relay->socket.advertised_addr);

	return port >= choice->port_min && port <= choice->port_max && (!even || port % 2 == 0) &&
	       tp_relay_choice_is_for(choice, &options->relay[relay->socket.address]);
}

uint16_t tp_shared_relay_take(struct tp_server *server, enum tp_family family, bool even,
			      const struct tp_relay_choice *choice, struct tp_relay_socket *out)
{
	struct tp_shared_relays *relays = server->shared_relays;
	struct tp_shared_relay *best = NULL;
	uint16_t code = 440;

	for (size_t i = 0; i < relays->count; i++) {
		struct tp_shared_relay *relay = &relays->relays[(relays->next + i) % relays->count];

		if (relay->socket.advertised_addr.family != family) {
			continue;
		}
		code = 508;
		if (is_meant(relay, even, choice) &&
		    (best == NULL || relay->allocations < best->allocations)) {
			best = relay;
		}
	}
	if (best == NULL) {
		return code;
	}
	relays->next = best->number + 1;
	best->allocations++;
	*out = best->socket;
	return 0;
}

void tp_shared_relay_give(struct tp_relay_socket *socket)
{
	tp_shared_relay_of(socket)->allocations--;
	socket->datagram = NULL;
}

struct tp_shared_relay *tp_shared_relay_of(const struct tp_relay_socket *socket)
{
	return socket->datagram->owner;
}

bool tp_shared_relay_is_taken(struct tp_allocation *allocation, const struct tp_addr *peer_addr)
{
	const struct tp_shared_relays *relays = allocation->server->shared_relays;
	const struct tp_relay_socket *socket = tp_allocation_relay(allocation, peer_addr->family);
	const struct tp_allocation *owner;

	if (relays == NULL || socket == NULL) {
		return false;
	}
	owner = tp_peer_claims_owner(&relays->claims, tp_shared_relay_of(socket), peer_addr);
	return owner != NULL && owner != allocation;
}

/* --- peer to client -------------------------------------------------------------- */

/* There is no client to name: that is what it is dropped for. */
static void discard(const struct tp_shared_relay *relay, size_t len)
{
	const struct tp_five_tuple nobody = {
		.server_addr = relay->socket.advertised_addr,
		.transport = TP_TRANSPORT_UDP,
	};

	tp_discard_message(relay->server, &nobody, NULL, TP_PEER_TO_CLIENT, TP_STUN_DATA,
			   TP_DISCARD_PEER_UNCLAIMED, len);
}

void tp_shared_relay_deliver(struct tp_shared_relay *relay, struct tp_packet *packet)
{
	struct tp_allocation *allocation = tp_peer_claims_find(
		&relay->server->shared_relays->claims, relay, &packet->remote_addr);

	if (allocation == NULL) {
		discard(relay, packet->len);
		return;
	}
	tp_relay_deliver(allocation, packet);
}

void tp_shared_relay_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct tp_shared_relay *relay = owner;
	const struct tp_shared *shared = relay->server->shared;

	(void)datagram;
	if (relay->server->shared_relays == NULL) { /* not all are open yet */
		return;
	}
	if (shared->translates) {
		packet->remote_addr = tp_relay_socket_peer_addr(shared, &packet->remote_addr);
	}
	tp_shared_relay_deliver(relay, packet);
}

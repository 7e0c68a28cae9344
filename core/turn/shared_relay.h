/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "turn/peer_claim.h"
#include "turn/relay_socket.h"

struct tp_packet;

/*
 * Relayed ports that many allocations share (options.shared_ports), for hosts that can
 * publish few ports only. Each worker opens its own when it starts and keeps them, on each
 * relay address the same: the worker's number times shared_ports above the first port of
 * the range, and so on. An allocation has a part in one of a family; the peer's address
 * decides whose a datagram is, see turn/peer_claim.h.
 */
struct tp_shared_relay {
	struct tp_server *server;
	struct tp_relay_socket socket; /* the datagram's owner is this */
	size_t number;
	size_t allocations; /* that have it now, or are about to */
};

struct tp_shared_relays {
	struct tp_peer_claims claims;
	size_t next; /* to look at first, so that equals take turns */
	size_t count;
	struct tp_shared_relay relays[];
};

/**
 * Open those of a worker, when options.shared_ports is set: server->shared_relays.
 *
 * @refused: the transport address that cannot be bound; family NONE: not for an address
 *
 * Thread: the worker's, or before it runs
 * Errors: TP_ERANGE for too small a range, TP_ENOMEM, as tp_datagram_open()
 */
int tp_shared_relays_open(struct tp_server *server, struct tp_addr *refused);

/** When no allocation is left; NULL is fine. */
void tp_shared_relays_close(struct tp_server *server);

/** How many ports of the range all workers take together, on each address. */
static inline uint32_t tp_shared_relays_ports(uint32_t shared_ports, unsigned workers)
{
	return shared_ports * workers;
}

/**
 * A part in the one with the fewest allocations. As tp_relay_socket_open(); given back
 * with tp_relay_socket_close().
 */
uint16_t tp_shared_relay_take(struct tp_server *server, enum tp_family family, bool even,
			      const struct tp_relay_choice *choice, struct tp_relay_socket *out);
void tp_shared_relay_give(struct tp_relay_socket *socket);

/** The one that an allocation's relay socket is a part in. */
struct tp_shared_relay *tp_shared_relay_of(const struct tp_relay_socket *socket);

/** Has another allocation on the same shared port claimed the peer? No port is shared: no. */
bool tp_shared_relay_is_taken(struct tp_allocation *allocation, const struct tp_addr *peer_addr);

/** As tp_relay_deliver(), to the allocation that the peer's address says. */
void tp_shared_relay_deliver(struct tp_shared_relay *relay, struct tp_packet *packet);

/** As tp_relay_receive(); the owner is a shared relay. */
void tp_shared_relay_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet);

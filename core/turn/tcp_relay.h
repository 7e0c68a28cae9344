/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "base/list.h"

struct tp_acceptor;
struct tp_allocation;
struct tp_relay_choice;
struct tp_server;
struct tp_shared;

/*
 * The relayed transport address of a TCP allocation (RFC 6062): a port of its
 * own that is listened on, and its connections with peers. Until an allocation
 * has it, who connects is turned away.
 */
struct tp_tcp_relay {
	struct tp_server *server;
	struct tp_allocation *allocation; /* NULL: none yet */
	struct tp_acceptor *acceptor;
	struct tp_addr advertised_addr; /* for XOR-RELAYED-ADDRESS */
	size_t address;                 /* index of the relay address */
	struct tp_list connections;     /* struct tp_data_connection */
	uint32_t connection_count;
};

/**
 * On a random port of the configured range.
 *
 * @choice: what a plugin has chosen of the configured addresses and ports
 *
 * Owner:  close it with tp_tcp_relay_close()
 *
 * Returns 0 or the error code for the client, as tp_relay_search().
 */
uint16_t tp_tcp_relay_open(struct tp_server *server, enum tp_family family,
			   const struct tp_relay_choice *choice, struct tp_tcp_relay **out);

/** With its connections. Sets the pointer to NULL; NULL inside is fine. */
void tp_tcp_relay_close(struct tp_tcp_relay **relay);

/** Is this one of our relayed TCP addresses, as advertised or as bound, in use? */
bool tp_tcp_relay_is_live(const struct tp_shared *shared, const struct tp_addr *addr);

/** As clients know it, to as it is connected to, and the reverse. */
struct tp_addr tp_tcp_relay_wire_addr(const struct tp_shared *shared,
				      const struct tp_addr *peer_addr);
struct tp_addr tp_tcp_relay_peer_addr(const struct tp_shared *shared,
				      const struct tp_addr *wire_addr);

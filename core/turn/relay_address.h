/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <turnpike/addr.h>

struct tp_live_ports;
struct tp_relay_location;
struct tp_shared;

/*
 * Relayed transport addresses as clients know them and as they are bound. UDP and
 * TCP have ports of their own: @ports tells which are in use.
 */

/** Which relayed port is this, advertised or bound? false: none that is in use. */
bool tp_relay_address_locate(const struct tp_shared *shared, const struct tp_live_ports *ports,
			     const struct tp_addr *addr, struct tp_relay_location *out);

/** Where to send so that it arrives: an advertised address of ours becomes the bound one. */
struct tp_addr tp_relay_address_wire(const struct tp_shared *shared,
				     const struct tp_live_ports *ports,
				     const struct tp_addr *peer_addr);

/** The reverse, for what was received: a bound address of ours becomes the advertised one. */
struct tp_addr tp_relay_address_peer(const struct tp_shared *shared,
				     const struct tp_live_ports *ports,
				     const struct tp_addr *wire_addr);

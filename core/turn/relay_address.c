/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/relay_address.h"

#include "base/addr.h"
#include "turn/live_ports.h"
#include "turn/relay_socket.h"
#include "turn/shared.h"

static bool locate(const struct tp_shared *shared, const struct tp_live_ports *ports,
		   const struct tp_addr *addr, bool advertised, struct tp_relay_location *out)
{
	uint16_t port = tp_addr_port(addr);

	for (size_t i = 0; i < shared->options.relay_count; i++) {
		const struct tp_relay_address *relay = &shared->options.relay[i];

		if (tp_addr_equal_ip(addr,
				     advertised ? &relay->advertised_addr : &relay->bind_addr) &&
		    tp_live_ports_worker(ports, i, port, &out->worker)) {
			out->address = i;
			out->port = port;
			return true;
		}
	}
	return false;
}

/* An advertised address goes before one that is bound: see tp_relay_address_wire(). */
bool tp_relay_address_locate(const struct tp_shared *shared, const struct tp_live_ports *ports,
			     const struct tp_addr *addr, struct tp_relay_location *out)
{
	return locate(shared, ports, addr, true, out) || locate(shared, ports, addr, false, out);
}

struct tp_addr tp_relay_address_wire(const struct tp_shared *shared,
				     const struct tp_live_ports *ports,
				     const struct tp_addr *peer_addr)
{
	for (size_t i = 0; i < shared->options.relay_count; i++) {
		const struct tp_relay_address *relay = &shared->options.relay[i];

		if (tp_addr_equal_ip(peer_addr, &relay->advertised_addr) &&
		    tp_live_ports_test(ports, i, tp_addr_port(peer_addr))) {
			return tp_addr_with_port(&relay->bind_addr, tp_addr_port(peer_addr));
		}
	}
	return *peer_addr;
}

struct tp_addr tp_relay_address_peer(const struct tp_shared *shared,
				     const struct tp_live_ports *ports,
				     const struct tp_addr *wire_addr)
{
	for (size_t i = 0; i < shared->options.relay_count; i++) {
		const struct tp_relay_address *relay = &shared->options.relay[i];

		if (tp_addr_equal_ip(wire_addr, &relay->bind_addr) &&
		    tp_live_ports_test(ports, i, tp_addr_port(wire_addr))) {
			return tp_addr_with_port(&relay->advertised_addr, tp_addr_port(wire_addr));
		}
	}
	return *wire_addr;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/relay_socket.h"

#include <turnpike/error.h>

#include "base/addr.h"
#include "host/request.h"
#include "io/datagram.h"
#include "turn/allocation.h"
#include "turn/hairpin.h"
#include "turn/live_ports.h"
#include "turn/peer_error.h"
#include "turn/relay.h"
#include "turn/relay_address.h"
#include "turn/relay_search.h"
#include "turn/server.h"
#include "turn/shared_relay.h"

/* @shared: whose it is; NULL: an allocation's */
static int open_port(struct tp_server *server, size_t address, uint16_t port,
		     struct tp_shared_relay *shared, struct tp_relay_socket *out)
{
	const struct tp_turn_options *options = server->options;
	const struct tp_relay_address *relay = &options->relay[address];
	struct tp_datagram_options datagram = {
		.socket =
			{
				.bind_addr = tp_addr_with_port(&relay->bind_addr, port),
				.want_tos_ttl = server->shared->options.carry_marks,
				.receive_buffer_bytes = options->relay_receive_buffer_bytes,
				.send_buffer_bytes = options->relay_send_buffer_bytes,
			},
		.drops = server->counters.relay_drops,
		.owner = shared,
		.receive = shared == NULL ? tp_relay_receive : tp_shared_relay_receive,
	};
	int err;

	tp_peer_error_ask(server, &datagram);
	err = tp_datagram_open(server->worker->loop, &datagram, &out->datagram);
	if (err != 0) {
		return err;
	}
	out->address = address;
	out->advertised_addr = tp_addr_with_port(&relay->advertised_addr, port);
	err = tp_hairpin_add(server->hairpin, out);
	if (err != 0) {
		tp_datagram_close(&out->datagram);
	}
	return err;
}

/* What a search is to open. */
struct wanted {
	struct tp_relay_socket *socket;
	struct tp_relay_socket *next; /* NULL: one is enough */
};

static int open_wanted(struct tp_server *server, size_t address, uint16_t port, void *owner)
{
	const struct wanted *wanted = owner;
	int err = open_port(server, address, port, NULL, wanted->socket);

	if (err == 0 && wanted->next != NULL) {
		err = open_port(server, address, (uint16_t)(port + 1), NULL, wanted->next);
		if (err != 0) {
			tp_relay_socket_close(server, wanted->socket);
		}
	}
	return err;
}

bool tp_relay_choice_is_for(const struct tp_relay_choice *choice,
			    const struct tp_relay_address *relay)
{
	return choice->relay.family == TP_FAMILY_NONE ||
	       tp_addr_equal_ip(&choice->relay, &relay->bind_addr) ||
	       tp_addr_equal_ip(&choice->relay, &relay->advertised_addr);
}

uint16_t tp_relay_socket_open(struct tp_server *server, enum tp_family family, bool even,
			      const struct tp_relay_choice *choice, struct tp_relay_socket *out,
			      struct tp_relay_socket *next)
{
	struct wanted wanted = {out, next};
	const struct tp_relay_search search = {
		.family = family,
		.even = even,
		.pair = next != NULL,
		.choice = choice,
		.live = server->shared->live_ports,
		.open = open_wanted,
		.owner = &wanted,
	};

	if (server->shared_relays != NULL) {
		struct tp_relay_choice ports = {.port_min = 0};

		if (choice != NULL) {
			ports = *choice;
		}
		return tp_relay_choice_ports(server->options, &ports)
			       ? tp_shared_relay_take(server, family, even, &ports, out)
			       : 508;
	}
	return tp_relay_search(server, &search);
}

int tp_relay_socket_open_shared(struct tp_shared_relay *shared, size_t address, uint16_t port)
{
	return open_port(shared->server, address, port, shared, &shared->socket);
}

void tp_relay_socket_take(struct tp_relay_socket *out, struct tp_relay_socket *socket,
			  struct tp_allocation *allocation)
{
	*out = *socket;
	socket->datagram = NULL;
	if (allocation->server->shared_relays == NULL) {
		out->datagram->owner = allocation;
	}
}

static void free_port(struct tp_server *server, const struct tp_relay_socket *socket)
{
	tp_live_ports_clear(server->shared->live_ports, socket->address,
			    tp_addr_port(&socket->advertised_addr));
}

void tp_relay_socket_close(struct tp_server *server, struct tp_relay_socket *socket)
{
	if (socket->datagram == NULL) {
		return;
	}
	if (server->shared_relays != NULL) {
		tp_shared_relay_give(socket);
		return;
	}
	tp_hairpin_remove(server->hairpin, socket);
	free_port(server, socket);
	tp_datagram_close(&socket->datagram);
}

int tp_relay_socket_release(struct tp_server *server, struct tp_relay_socket *socket)
{
	int fd;

	if (server->shared_relays != NULL) {
		tp_shared_relay_give(socket);
		return -1;
	}
	tp_hairpin_remove(server->hairpin, socket);
	fd = tp_datagram_release(&socket->datagram);
	if (fd == -1) {
		free_port(server, socket);
	}
	return fd;
}

void tp_relay_socket_adopt(struct tp_server *server, struct tp_relay_socket *socket, int fd)
{
	struct tp_datagram_options options = {
		.drops = server->counters.relay_drops,
		.receive = tp_relay_receive,
	};

	tp_peer_error_ask(server, &options);
	if (tp_datagram_adopt(server->worker->loop, &options, fd, &socket->datagram) != 0) {
		free_port(server, socket);
	} else if (tp_hairpin_add(server->hairpin, socket) != 0) {
		tp_relay_socket_close(server, socket);
	}
}

bool tp_relay_socket_locate(const struct tp_shared *shared, const struct tp_addr *addr,
			    struct tp_relay_location *out)
{
	return tp_relay_address_locate(shared, shared->live_ports, addr, out);
}

bool tp_relay_socket_is_live(const struct tp_shared *shared, const struct tp_addr *addr)
{
	struct tp_relay_location location;

	return tp_relay_socket_locate(shared, addr, &location);
}

bool tp_relay_socket_is_ours(const struct tp_shared *shared, const struct tp_addr *addr)
{
	for (size_t i = 0; i < shared->options.relay_count; i++) {
		const struct tp_relay_address *relay = &shared->options.relay[i];

		if (tp_addr_equal_ip(addr, &relay->advertised_addr) ||
		    tp_addr_equal_ip(addr, &relay->bind_addr)) {
			return true;
		}
	}
	return false;
}

struct tp_addr tp_relay_socket_wire_addr(const struct tp_shared *shared,
					 const struct tp_addr *peer_addr)
{
	return tp_relay_address_wire(shared, shared->live_ports, peer_addr);
}

struct tp_addr tp_relay_socket_peer_addr(const struct tp_shared *shared,
					 const struct tp_addr *wire_addr)
{
	return tp_relay_address_peer(shared, shared->live_ports, wire_addr);
}

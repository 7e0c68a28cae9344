/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/relay_socket.h"

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/rand.h"
#include "host/request.h"
#include "io/datagram.h"
#include "turn/allocation.h"
#include "turn/hairpin.h"
#include "turn/live_ports.h"
#include "turn/peer_error.h"
#include "turn/relay.h"
#include "turn/server.h"
#include "turn/shared_relay.h"

/* Ports that somebody else has, before the range counts as full. */
#define STRANGERS_MAX 512

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

static bool try_pair(struct tp_server *server, size_t address, uint16_t port,
		     struct tp_relay_socket *out, struct tp_relay_socket *next, int *err)
{
	*err = open_port(server, address, port, NULL, out);
	if (*err != 0 || next == NULL) {
		return *err == 0;
	}
	*err = open_port(server, address, (uint16_t)(port + 1), NULL, next);
	if (*err != 0) {
		tp_relay_socket_close(server, out);
	}
	return *err == 0;
}

static bool is_live(const struct tp_server *server, size_t address, uint16_t port, bool pair)
{
	const struct tp_live_ports *live = server->shared->live_ports;

	return tp_live_ports_test(live, address, port) ||
	       (pair && tp_live_ports_test(live, address, (uint16_t)(port + 1)));
}

/*
 * Walk through the range from a random port. Those of our own allocations are known; of others
 * only a port in use is worth another try.
 */
static bool try_range(struct tp_server *server, size_t address, bool even,
		      const struct tp_relay_choice *choice, struct tp_relay_socket *out,
		      struct tp_relay_socket *next)
{
	uint16_t step = even ? 2 : 1;
	uint32_t first = choice->port_min;
	uint32_t last = choice->port_max;
	int strangers = 0;
	uint32_t count;
	uint32_t at;

	if (even) {
		first += first % 2;
		last -= next != NULL ? 1 : 0;
	}
	if (first > last) {
		return false;
	}
	count = (last - first) / step + 1;
	at = tp_rand_below(count);
	for (uint32_t i = 0; i < count && strangers < STRANGERS_MAX; i++) {
		uint16_t port = (uint16_t)(first + (at + i) % count * step);
		int err = TP_EADDRINUSE;

		if (is_live(server, address, port, next != NULL)) {
			continue;
		}
		if (try_pair(server, address, port, out, next, &err)) {
			return true;
		}
		if (err != TP_EADDRINUSE) {
			return false;
		}
		strangers++;
	}
	return false;
}

/* The ports it means, false when they are none of ours. */
static bool choose_ports(const struct tp_turn_options *options, struct tp_relay_choice *choice)
{
	if (choice->port_min == 0 && choice->port_max == 0) {
		choice->port_min = options->port_min;
		choice->port_max = options->port_max;
	}
	return choice->port_min >= options->port_min && choice->port_max <= options->port_max;
}

bool tp_relay_choice_is_for(const struct tp_relay_choice *choice,
			    const struct tp_relay_address *relay)
{
	return choice->relay.family == TP_FAMILY_NONE ||
	       tp_addr_equal_ip(&choice->relay, &relay->bind_addr) ||
	       tp_addr_equal_ip(&choice->relay, &relay->advertised_addr);
}

uint16_t tp_relay_socket_open(struct tp_server *server, enum tp_family family, bool even,
			      const struct tp_relay_choice *wanted, struct tp_relay_socket *out,
			      struct tp_relay_socket *next)
{
	const struct tp_turn_options *options = server->options;
	struct tp_relay_choice choice = {.port_min = 0};
	uint16_t code = 440;

	if (wanted != NULL) {
		choice = *wanted;
	}
	if (!choose_ports(options, &choice)) {
		return 508;
	}
	if (server->shared_relays != NULL) {
		return tp_shared_relay_take(server, family, even, &choice, out);
	}
	for (size_t i = 0; i < options->relay_count; i++) {
		size_t address = server->next_relay_address++ % options->relay_count;

		if (tp_addr_family(&options->relay[address].bind_addr) != family) {
			continue;
		}
		code = 508;
		if (tp_relay_choice_is_for(&choice, &options->relay[address]) &&
		    try_range(server, address, even, &choice, out, next)) {
			return 0;
		}
	}
	if (code == 508) {
		tp_counter_add(server->counters.relayed_ports_exhausted, 1);
	}
	return code;
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

static bool locate(const struct tp_shared *shared, const struct tp_addr *addr, bool advertised,
		   struct tp_relay_location *out)
{
	uint16_t port = tp_addr_port(addr);

	for (size_t i = 0; i < shared->options.relay_count; i++) {
		const struct tp_relay_address *relay = &shared->options.relay[i];

		if (tp_addr_equal_ip(addr,
				     advertised ? &relay->advertised_addr : &relay->bind_addr) &&
		    tp_live_ports_worker(shared->live_ports, i, port, &out->worker)) {
			out->address = i;
			out->port = port;
			return true;
		}
	}
	return false;
}

/* An advertised address goes before one that is bound: see tp_relay_socket_wire_addr(). */
bool tp_relay_socket_locate(const struct tp_shared *shared, const struct tp_addr *addr,
			    struct tp_relay_location *out)
{
	return locate(shared, addr, true, out) || locate(shared, addr, false, out);
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
	for (size_t i = 0; i < shared->options.relay_count; i++) {
		const struct tp_relay_address *relay = &shared->options.relay[i];

		if (tp_addr_equal_ip(peer_addr, &relay->advertised_addr) &&
		    tp_live_ports_test(shared->live_ports, i, tp_addr_port(peer_addr))) {
			return tp_addr_with_port(&relay->bind_addr, tp_addr_port(peer_addr));
		}
	}
	return *peer_addr;
}

struct tp_addr tp_relay_socket_peer_addr(const struct tp_shared *shared,
					 const struct tp_addr *wire_addr)
{
	for (size_t i = 0; i < shared->options.relay_count; i++) {
		const struct tp_relay_address *relay = &shared->options.relay[i];

		if (tp_addr_equal_ip(wire_addr, &relay->bind_addr) &&
		    tp_live_ports_test(shared->live_ports, i, tp_addr_port(wire_addr))) {
			return tp_addr_with_port(&relay->advertised_addr, tp_addr_port(wire_addr));
		}
	}
	return *wire_addr;
}

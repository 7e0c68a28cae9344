/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/tcp_relay.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "io/acceptor.h"
#include "turn/connection_attempt.h"
#include "turn/data_connection.h"
#include "turn/live_ports.h"
#include "turn/relay_address.h"
#include "turn/relay_search.h"
#include "turn/relay_socket.h"
#include "turn/server.h"

static void on_accepted(void *owner, int fd, const struct tp_addr *remote_addr)
{
	tp_connection_attempt(owner, fd, remote_addr);
}

static int open_port(struct tp_server *server, size_t address, uint16_t port, void *owner)
{
	struct tp_tcp_relay *relay = owner;
	const struct tp_turn_options *options = server->options;
	const struct tp_relay_address *row = &options->relay[address];
	const struct tp_socket_options socket = {
		.bind_addr = tp_addr_with_port(&row->bind_addr, port),
		.lends_port = true, /* RFC 6062 section 5.2: connections leave from it */
		.receive_buffer_bytes = options->relay_receive_buffer_bytes,
		.send_buffer_bytes = options->relay_send_buffer_bytes,
	};
	int err = tp_acceptor_open(server->worker->loop, &socket, on_accepted, relay,
				   &relay->acceptor);

	if (err == 0) {
		relay->address = address;
		relay->advertised_addr = tp_addr_with_port(&row->advertised_addr, port);
		tp_live_ports_set(server->shared->live_tcp_ports, address, port,
				  server->worker->index);
	}
	return err;
}

uint16_t tp_tcp_relay_open(struct tp_server *server, enum tp_family family,
			   const struct tp_relay_choice *choice, struct tp_tcp_relay **out)
{
	struct tp_tcp_relay *relay = calloc(1, sizeof(*relay));
	const struct tp_relay_search search = {
		.family = family,
		.choice = choice,
		.live = server->shared->live_tcp_ports,
		.open = open_port,
		.owner = relay,
	};
	uint16_t code;

	if (relay == NULL) {
		return 508;
	}
	relay->server = server;
	tp_list_init(&relay->connections);
	code = tp_relay_search(server, &search);
	if (code != 0) {
		free(relay);
		return code;
	}
	*out = relay;
	return 0;
}

void tp_tcp_relay_close(struct tp_tcp_relay **where)
{
	struct tp_tcp_relay *relay = *where;

	*where = NULL;
	if (relay == NULL) {
		return;
	}
	while (!tp_list_empty(&relay->connections)) {
		struct tp_data_connection *connection =
			tp_container_of(relay->connections.next, struct tp_data_connection, link);

		tp_data_connection_free(&connection);
	}
	tp_live_ports_clear(relay->server->shared->live_tcp_ports, relay->address,
			    tp_addr_port(&relay->advertised_addr));
	tp_acceptor_close(&relay->acceptor);
	free(relay);
}

bool tp_tcp_relay_is_live(const struct tp_shared *shared, const struct tp_addr *addr)
{
	struct tp_relay_location location;

	return tp_relay_address_locate(shared, shared->live_tcp_ports, addr, &location);
}

struct tp_addr tp_tcp_relay_wire_addr(const struct tp_shared *shared,
				      const struct tp_addr *peer_addr)
{
	return tp_relay_address_wire(shared, shared->live_tcp_ports, peer_addr);
}

struct tp_addr tp_tcp_relay_peer_addr(const struct tp_shared *shared,
				      const struct tp_addr *wire_addr)
{
	return tp_relay_address_peer(shared, shared->live_tcp_ports, wire_addr);
}

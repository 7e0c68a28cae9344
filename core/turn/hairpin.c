/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/hairpin.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "io/datagram.h"
#include "turn/crossing.h"
#include "turn/live_ports.h"
#include "turn/port_table.h"
#include "turn/relay.h"
#include "turn/relay_socket.h"
#include "turn/server.h"
#include "turn/shared_relay.h"

struct tp_hairpin {
	struct tp_server *server;
	struct tp_port_table *datagrams; /* relayed sockets of this worker */
};

/* --- to this worker ----------------------------------------------------------- */

int tp_hairpin_add(struct tp_hairpin *hairpin, const struct tp_relay_socket *socket)
{
	uint16_t port = tp_addr_port(&socket->advertised_addr);
	int err = tp_port_table_set(hairpin->datagrams, socket->address, port, socket->datagram);

	if (err == 0) {
		tp_live_ports_set(hairpin->server->shared->live_ports, socket->address, port,
				  hairpin->server->worker->index);
	}
	return err;
}

void tp_hairpin_remove(struct tp_hairpin *hairpin, const struct tp_relay_socket *socket)
{
	(void)tp_port_table_set(hairpin->datagrams, socket->address,
				tp_addr_port(&socket->advertised_addr), NULL);
}

bool tp_hairpin_is_here(const struct tp_hairpin *hairpin, const struct tp_relay_location *to)
{
	return to->worker == hairpin->server->worker->index;
}

void tp_hairpin_deliver(struct tp_hairpin *hairpin, const struct tp_relay_location *to,
			struct tp_packet *packet)
{
	struct tp_datagram *datagram =
		tp_port_table_find(hairpin->datagrams, to->address, to->port);

	if (datagram == NULL || datagram->owner == NULL) { /* closed meanwhile, or reserved */
		return;
	}
	if (hairpin->server->shared_relays != NULL) {
		tp_shared_relay_deliver(datagram->owner, packet);
	} else {
		tp_relay_deliver(datagram->owner, packet);
	}
}

/* --- other workers ------------------------------------------------------------ */

void tp_hairpin_arrive(struct tp_server *server, unsigned from, uint32_t tag,
		       struct tp_packet *packet)
{
	const struct tp_relay_location to = {
		.worker = server->worker->index,
		.address = tag >> 16,
		.port = (uint16_t)tag,
	};

	(void)from;
	tp_hairpin_deliver(server->hairpin, &to, packet);
}

int tp_hairpin_send(struct tp_hairpin *hairpin, const struct tp_relay_location *to,
		    const struct tp_packet *packet)
{
	return tp_crossing_send(hairpin->server->crossing, to->worker, TP_CROSSING_HAIRPIN,
				(uint32_t)to->address << 16 | to->port, packet);
}

/* --- life --------------------------------------------------------------------- */

int tp_hairpin_create(struct tp_server *server, struct tp_hairpin **out)
{
	struct tp_hairpin *hairpin = calloc(1, sizeof(*hairpin));

	if (hairpin == NULL) {
		return TP_ENOMEM;
	}
	hairpin->server = server;
	hairpin->datagrams = tp_port_table_create(server->shared->options.relay_count);
	if (hairpin->datagrams == NULL) {
		tp_hairpin_free(&hairpin);
		return TP_ENOMEM;
	}
	*out = hairpin;
	return 0;
}

void tp_hairpin_free(struct tp_hairpin **hairpin)
{
	struct tp_hairpin *gone = *hairpin;

	if (gone == NULL) {
		return;
	}
	tp_port_table_free(&gone->datagrams);
	free(gone);
	*hairpin = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/connection_attempt.h"

#include "host/dispatch.h"
#include "io/endpoint.h"
#include "io/socket.h"
#include "stun/build.h"
#include "turn/allocation.h"
#include "turn/data_connection.h"
#include "turn/permission.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/tcp_relay.h"

#define INDICATION_MAX 64 /* header, address, id */

static bool is_permitted(const struct tp_tcp_relay *relay, const struct tp_addr *peer_addr)
{
	const struct tp_permission *permission;

	if (relay->allocation == NULL) {
		return false;
	}
	permission = tp_permission_find(relay->allocation, peer_addr);
	return permission != NULL && permission->passage.live &&
	       (!permission->passage.relayed_only ||
		tp_tcp_relay_is_live(relay->server->shared, peer_addr));
}

static int tell_client(const struct tp_data_connection *connection)
{
	const struct tp_allocation *allocation = connection->relay->allocation;
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
	uint8_t bytes[INDICATION_MAX];
	struct tp_build build;

	tp_server_indication_id(connection->relay->server, transaction_id);
	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_CONNECTION_ATTEMPT, TP_STUN_INDICATION,
		      transaction_id);
	tp_build_u32(&build, TP_ATTR_CONNECTION_ID, connection->id);
	tp_build_xor_addr(&build, TP_ATTR_XOR_PEER_ADDRESS, &connection->peer_addr);
	return tp_endpoint_send(allocation->endpoint, &allocation->view.five_tuple, bytes,
				tp_build_finish(&build));
}

static void tell_observers(const struct tp_data_connection *connection)
{
	const struct tp_chains *chains = connection->relay->allocation->realm->chains;

	if (tp_chains_want(chains, TP_EVENT_on_turn_connection_attempt)) {
		const struct tp_connection_attempt event = {
			.allocation = &connection->relay->allocation->view,
			.peer_addr = &connection->peer_addr,
			.connection_id = connection->id,
		};

		tp_dispatch_tell(chains, TP_EVENT_on_turn_connection_attempt, &event);
	}
}

void tp_connection_attempt(struct tp_tcp_relay *relay, int fd, const struct tp_addr *remote_addr)
{
	struct tp_server *server = relay->server;
	const struct tp_addr peer_addr = tp_tcp_relay_peer_addr(server->shared, remote_addr);
	struct tp_data_connection *connection = NULL;

	if (!is_permitted(relay, &peer_addr) ||
	    tp_data_connection_create(relay, &peer_addr, &connection) != 0) {
		tp_counter_add(server->counters.peer_connections_refused, 1);
		tp_socket_close(&fd);
		return;
	}
	connection->fd = fd;
	tp_data_connection_pend(connection);
	if (tell_client(connection) != 0) { /* that connection is about to close */
		tp_data_connection_free(&connection);
		return;
	}
	tell_observers(connection);
}

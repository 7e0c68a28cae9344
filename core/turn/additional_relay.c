/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/additional_relay.h"

#include <turnpike/error.h>

#include "io/datagram.h"
#include "io/loop.h"
#include "turn/allocation.h"
#include "turn/server.h"

static void expire(struct tp_timer *timer)
{
	struct tp_additional_relay *additional =
		tp_container_of(timer, struct tp_additional_relay, expiry);

	tp_allocation_expire(additional->allocation);
}

int tp_additional_relay_create(struct tp_allocation *allocation)
{
	struct tp_additional_relay *additional =
		tp_pool_take(&allocation->server->additional_relay_pool);

	if (additional == NULL) {
		return TP_ENOMEM;
	}
	additional->allocation = allocation;
	tp_timer_init(&additional->expiry, expire);
	allocation->additional = additional;
	return 0;
}

void tp_additional_relay_take(struct tp_allocation *allocation, struct tp_relay_socket *socket)
{
	struct tp_additional_relay *additional = allocation->additional;

	tp_relay_socket_take(&additional->socket, socket, allocation);
	allocation->view.relayed_addr_more = additional->socket.advertised_addr;
}

static void give(struct tp_allocation *allocation)
{
	struct tp_server *server = allocation->server;

	tp_loop_cancel(server->worker->loop, &allocation->additional->expiry);
	tp_pool_give(&server->additional_relay_pool, allocation->additional);
	allocation->additional = NULL;
	allocation->view.relayed_addr_more = (struct tp_addr){.family = TP_FAMILY_NONE};
}

void tp_additional_relay_free(struct tp_allocation *allocation)
{
	if (allocation->additional != NULL) {
		tp_relay_socket_close(allocation->server, &allocation->additional->socket);
		give(allocation);
	}
}

void tp_additional_relay_promote(struct tp_allocation *allocation)
{
	tp_relay_socket_close(allocation->server, &allocation->relay);
	allocation->relay = allocation->additional->socket;
	allocation->view.relayed_addr = allocation->relay.advertised_addr;
	tp_loop_arm(allocation->server->worker->loop, &allocation->expiry,
		    allocation->additional->expiry.at_ms);
	give(allocation);
}

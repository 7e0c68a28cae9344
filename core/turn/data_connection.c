/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/data_connection.h"

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/rand.h"
#include "io/acceptor.h"
#include "io/dialer.h"
#include "io/loop.h"
#include "io/socket.h"
#include "io/splice.h"
#include "turn/allocation.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/tcp_relay.h"

/* Random ids that another connection has, before one gives up. */
#define ID_TRIES 8

/* What the end of one side leaves the other to go on. */
#define LINGER_MS 30000

/* --- time ------------------------------------------------------------------------ */

static void arm(struct tp_data_connection *connection, uint64_t wait_ms)
{
	struct tp_loop *loop = connection->relay->server->worker->loop;

	tp_loop_arm(loop, &connection->timer, tp_loop_now_ms(loop) + wait_ms);
}

static void on_timer(struct tp_timer *timer)
{
	struct tp_data_connection *connection =
		tp_container_of(timer, struct tp_data_connection, timer);

	if (connection->state == TP_DATA_CONNECTING) {
		tp_dialer_free(&connection->dialer);
		connection->dialed(connection, false);
	} else {
		tp_counter_add(connection->relay->server->counters.peer_connections_unbound, 1);
		tp_data_connection_free(&connection);
	}
}

/* --- life ------------------------------------------------------------------------ */

/* The worker is in it, so that others can tell whom to ask; the rest is chance. */
static int insert(struct tp_server *server, struct tp_data_connection *connection)
{
	int err = TP_EEXIST;

	for (int i = 0; i < ID_TRIES && err == TP_EEXIST; i++) {
		tp_rand_bytes(&connection->id, sizeof(connection->id));
		connection->id = (connection->id & ~UINT32_C(0xff)) | server->worker->index;
		err = tp_map_insert(&server->data_connections, &connection->id, connection);
	}
	return err;
}

int tp_data_connection_create(struct tp_tcp_relay *relay, const struct tp_addr *peer_addr,
			      struct tp_data_connection **out)
{
	struct tp_server *server = relay->server;
	struct tp_data_connection *connection;
	int err;

	if (relay->connection_count >= relay->allocation->realm->options->max_data_connections) {
		return TP_EFULL;
	}
	connection = tp_pool_take(&server->data_connection_pool);
	if (connection == NULL) {
		return TP_ENOMEM;
	}
	err = insert(server, connection);
	if (err != 0) {
		tp_pool_give(&server->data_connection_pool, connection);
		return err == TP_ENOMEM ? err : TP_EFULL;
	}
	connection->state = TP_DATA_CONNECTING;
	connection->relay = relay;
	connection->peer_addr = *peer_addr;
	connection->fd = -1;
	tp_timer_init(&connection->timer, on_timer);
	tp_list_append(&relay->connections, &connection->link);
	relay->connection_count++;
	*out = connection;
	return 0;
}

void tp_data_connection_free(struct tp_data_connection **where)
{
	struct tp_data_connection *connection = *where;
	struct tp_server *server;

	*where = NULL;
	if (connection == NULL) {
		return;
	}
	server = connection->relay->server;
	tp_loop_cancel(server->worker->loop, &connection->timer);
	tp_dialer_free(&connection->dialer);
	tp_splice_free(&connection->splice);
	tp_socket_close(&connection->fd);
	tp_map_remove(&server->data_connections, &connection->id);
	tp_list_remove(&connection->link);
	connection->relay->connection_count--;
	tp_pool_give(&server->data_connection_pool, connection);
}

struct tp_data_connection *tp_data_connection_find(struct tp_server *server, uint32_t id)
{
	return tp_map_find(&server->data_connections, &id);
}

struct tp_data_connection *tp_data_connection_find_peer(struct tp_tcp_relay *relay,
							const struct tp_addr *peer_addr)
{
	struct tp_list *link;

	tp_list_for_each (link, &relay->connections) {
		struct tp_data_connection *connection =
			tp_container_of(link, struct tp_data_connection, link);

		if (tp_addr_equal(&connection->peer_addr, peer_addr)) {
			return connection;
		}
	}
	return NULL;
}

/* --- with the peer ----------------------------------------------------------------- */

static void on_dialed(void *owner, int fd)
{
	struct tp_data_connection *connection = owner;

	tp_loop_cancel(connection->relay->server->worker->loop, &connection->timer);
	tp_dialer_free(&connection->dialer);
	connection->fd = fd;
	connection->dialed(connection, fd != -1);
}

int tp_data_connection_dial(struct tp_data_connection *connection,
			    void (*dialed)(struct tp_data_connection *connection, bool success))
{
	struct tp_server *server = connection->relay->server;
	const struct tp_addr to = tp_tcp_relay_wire_addr(server->shared, &connection->peer_addr);
	int err =
		tp_dialer_start(server->worker->loop, tp_acceptor_addr(connection->relay->acceptor),
				&to, on_dialed, connection, &connection->dialer);

	if (err == 0) {
		connection->dialed = dialed;
		arm(connection, TP_CONNECT_TIMEOUT_MS);
	}
	return err;
}

void tp_data_connection_pend(struct tp_data_connection *connection)
{
	connection->state = TP_DATA_PENDING;
	tp_counter_add(connection->relay->server->counters.peer_connections, 1);
	arm(connection, TP_CONNECTION_BIND_TIMEOUT_MS);
}

/* --- with the client ---------------------------------------------------------------- */

bool tp_data_connection_claim(struct tp_data_connection *connection,
			      const struct tp_transaction_key *key)
{
	if (connection->state != TP_DATA_PENDING) {
		return false;
	}
	connection->state = TP_DATA_CLAIMED;
	connection->claimed_by = *key;
	return true;
}

void tp_data_connection_unclaim(struct tp_data_connection *connection)
{
	connection->state = TP_DATA_PENDING;
}

static enum tp_direction direction_of(enum tp_splice_way way)
{
	return way == TP_SPLICE_FORTH ? TP_CLIENT_TO_PEER : TP_PEER_TO_CLIENT;
}

static size_t allow(void *owner, enum tp_splice_way way, size_t max, uint32_t *wait_ms)
{
	const struct tp_data_connection *connection = owner;
	struct tp_limit *limit = connection->relay->allocation->limit;

	if (limit == NULL) {
		return max;
	}
	return tp_limit_room(limit, direction_of(way), max,
			     tp_loop_now_ms(connection->relay->server->worker->loop), wait_ms);
}

/* A piece of the stream counts as a packet. */
static void moved(void *owner, enum tp_splice_way way, size_t len)
{
	const struct tp_data_connection *connection = owner;
	struct tp_server *server = connection->relay->server;
	struct tp_allocation *allocation = connection->relay->allocation;
	bool forth = way == TP_SPLICE_FORTH;
	struct tp_traffic *traffic =
		forth ? &allocation->client_to_peer : &allocation->peer_to_client;

	traffic->packets++;
	traffic->bytes += len;
	tp_counter_add(forth ? server->counters.client_to_peer_bytes
			     : server->counters.peer_to_client_bytes,
		       len);
	if (allocation->limit != NULL) {
		tp_limit_take(allocation->limit, direction_of(way), len);
	}
}

static void ended(void *owner)
{
	struct tp_data_connection *connection = owner;

	tp_data_connection_free(&connection);
}

void tp_data_connection_bind(struct tp_data_connection *connection,
			     struct tp_stream_remains *remains)
{
	struct tp_server *server = connection->relay->server;
	const struct tp_splice_handler handler = {connection, LINGER_MS, allow, moved, ended};

	if (tp_splice_create(server->worker->loop, remains, &connection->fd, &handler,
			     &connection->splice) != 0) {
		tp_counter_add(server->counters.out_of_memory, 1);
		tp_stream_remains_fini(remains);
		tp_data_connection_free(&connection);
		return;
	}
	connection->state = TP_DATA_BOUND;
	tp_loop_cancel(server->worker->loop, &connection->timer);
	tp_counter_add(server->counters.data_connections, 1);
}

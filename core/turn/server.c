/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/server.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/rand.h"
#include "host/dispatch.h"
#include "turn/additional_relay.h"
#include "turn/allocation.h"
#include "turn/channel.h"
#include "turn/client.h"
#include "turn/data_connection.h"
#include "turn/crossing.h"
#include "turn/detour.h"
#include "turn/discard.h"
#include "turn/hairpin.h"
#include "turn/icmp.h"
#include "turn/ingress.h"
#include "turn/move.h"
#include "turn/permission.h"
#include "turn/realm.h"
#include "turn/reservation.h"
#include "turn/settings.h"
#include "turn/shared_relay.h"
#include "turn/tick.h"
#include "turn/transaction.h"
#include "turn/usage.h"

static const tp_crossing_fn crossing_receivers[TP_CROSSING_KINDS] = {
	[TP_CROSSING_HAIRPIN] = tp_hairpin_arrive,
	[TP_CROSSING_TO_HOME] = tp_detour_from_door,
	[TP_CROSSING_TO_DOOR] = tp_detour_from_home,
};

/* Requests that wait at a time on one worker. */
#define WAITING_MAX 65536

static void on_opened(void *owner, struct tp_endpoint *endpoint,
		      const struct tp_five_tuple *five_tuple,
		      const struct tp_endpoint_security *security)
{
	tp_client_open(owner, endpoint, five_tuple, security);
}

/* A connection carries one five-tuple, so one allocation at most. */
void tp_server_endpoint_closed(struct tp_server *server, struct tp_endpoint *endpoint,
			       const struct tp_five_tuple *five_tuple)
{
	struct tp_allocation *allocation = tp_move_find(server, five_tuple);

	tp_transaction_cancel_endpoint(server, endpoint);
	if (allocation != NULL) {
		tp_move_closed(allocation, endpoint);
	}
}

static void on_closed(void *owner, struct tp_endpoint *endpoint,
		      const struct tp_five_tuple *five_tuple)
{
	struct tp_server *server = owner;

	tp_server_endpoint_closed(server, endpoint, five_tuple);
	tp_detour_close(server, endpoint, five_tuple);
	tp_client_close(server, endpoint);
}

static void on_exception(void *owner, const struct tp_five_tuple *five_tuple, const char *reason,
			 const uint8_t *bytes, size_t len)
{
	tp_client_note(owner, five_tuple, reason);
	tp_exception_tell(owner, NULL, five_tuple, TP_STAGE_PARSE, reason, bytes, len);
}

static void tables_init(struct tp_server *server)
{
	tp_map_init_hashed(&server->allocations, sizeof(struct tp_five_tuple), 0,
			   tp_five_tuple_hash);
	tp_map_init(&server->allocations_by_id, sizeof(uint64_t), 0);
	tp_map_init_hashed(&server->moves, sizeof(struct tp_five_tuple), 0, tp_five_tuple_hash);
	tp_map_init_hashed(&server->detours, sizeof(struct tp_five_tuple), TP_DETOURS_MAX,
			   tp_five_tuple_hash);
	tp_map_init(&server->detours_by_number, sizeof(uint32_t), 0);
	tp_map_init(&server->visitors, 2 * sizeof(uint32_t), 0);
	tp_map_init(&server->permissions, sizeof(struct tp_peer_key), 0);
	tp_map_init(&server->channels_by_number, sizeof(struct tp_channel_key), 0);
	tp_map_init(&server->channels_by_peer, sizeof(struct tp_peer_key), 0);
	tp_map_init(&server->transactions, sizeof(struct tp_transaction_key), WAITING_MAX);
	tp_map_init(&server->reservations, TP_RESERVATION_TOKEN_SIZE, TP_RESERVATIONS_MAX);
	tp_map_init_hashed(&server->clients, sizeof(struct tp_five_tuple), 0, tp_five_tuple_hash);
	tp_map_init(&server->data_connections, sizeof(uint32_t), TP_DATA_CONNECTIONS_MAX);
	tp_replay_init(&server->replay);
	tp_pool_init(&server->allocation_pool, sizeof(struct tp_allocation), 0);
	tp_pool_init(&server->additional_relay_pool, sizeof(struct tp_additional_relay), 0);
	tp_pool_init(&server->move_pool, sizeof(struct tp_move), 0);
	tp_pool_init(&server->limit_pool, sizeof(struct tp_limit), 0);
	tp_pool_init(&server->meter_pool, sizeof(struct tp_usage_meter), 0);
	tp_pool_init(&server->permission_pool, sizeof(struct tp_permission), 0);
	tp_pool_init(&server->channel_pool, sizeof(struct tp_channel), 0);
	tp_pool_init(&server->transaction_pool, sizeof(struct tp_transaction), WAITING_MAX);
	tp_pool_init(&server->client_pool, sizeof(struct tp_client), 0);
	tp_pool_init(&server->data_connection_pool, sizeof(struct tp_data_connection),
		     TP_DATA_CONNECTIONS_MAX);
}

static void tables_fini(struct tp_server *server)
{
	tp_map_fini(&server->allocations);
	tp_map_fini(&server->allocations_by_id);
	tp_map_fini(&server->moves);
	tp_map_fini(&server->detours);
	tp_map_fini(&server->detours_by_number);
	tp_map_fini(&server->visitors);
	tp_map_fini(&server->permissions);
	tp_map_fini(&server->channels_by_number);
	tp_map_fini(&server->channels_by_peer);
	tp_map_fini(&server->transactions);
	tp_map_fini(&server->reservations);
	tp_map_fini(&server->clients);
	tp_map_fini(&server->data_connections);
	tp_replay_fini(&server->replay);
	tp_pool_fini(&server->allocation_pool);
	tp_pool_fini(&server->additional_relay_pool);
	tp_pool_fini(&server->move_pool);
	tp_pool_fini(&server->limit_pool);
	tp_pool_fini(&server->meter_pool);
	tp_pool_fini(&server->permission_pool);
	tp_pool_fini(&server->channel_pool);
	tp_pool_fini(&server->transaction_pool);
	tp_pool_fini(&server->client_pool);
	tp_pool_fini(&server->data_connection_pool);
}

/* Let other workers post to this one, or no longer. */
static void announce(struct tp_shared *shared, unsigned worker, struct tp_server *server)
{
	pthread_rwlock_wrlock(&shared->servers_lock);
	shared->servers[worker] = server;
	pthread_rwlock_unlock(&shared->servers_lock);
}

static void use_settings(struct tp_server *server, struct tp_turn_settings *settings)
{
	tp_turn_settings_ref(settings);
	tp_turn_settings_unref(&server->settings);
	server->settings = settings;
	server->options = tp_turn_settings_realm(settings, 0);
	server->sources.rate = server->options->unauthenticated_rate;
}

/* What is left when all that it serves has gone. */
static void give_back(struct tp_server *server)
{
	tp_realms_free(server);
	tp_generation_unref(&server->generation);
	tp_turn_settings_unref(&server->settings);
	free(server);
}

int tp_server_create(struct tp_shared *shared, struct tp_worker *worker,
		     struct tp_generation *generation, struct tp_server **out)
{
	struct tp_server *server;

	if (worker->index >= shared->worker_count) {
		return TP_EINVAL;
	}
	server = calloc(1, sizeof(*server));
	if (server == NULL) {
		return TP_ENOMEM;
	}
	server->shared = shared;
	tp_rand_bytes(&server->indication_id, sizeof(server->indication_id));
	server->worker = worker;
	server->generation = tp_generation_ref(generation);
	use_settings(server, shared->settings);
	if (tp_realms_create(server) != 0 ||
	    tp_crossing_create(server, crossing_receivers, &server->crossing) != 0 ||
	    tp_hairpin_create(server, &server->hairpin) != 0) {
		tp_crossing_free(&server->crossing);
		give_back(server);
		return TP_ENOMEM;
	}
	server->handler = (struct tp_endpoint_handler){
		.owner = server,
		.message = tp_ingress_message,
		.opened = on_opened,
		.closed = on_closed,
		.exception = on_exception,
		.ask_certificate = tp_generation_wants(generation, TP_EVENT_on_client_connected),
	};
	tp_turn_counters_init(&server->counters);
	tables_init(server);
	tp_tick_begin(server);
	announce(shared, worker->index, server);
	*out = server;
	return 0;
}

const struct tp_endpoint_handler *tp_server_handler(const struct tp_server *server)
{
	return &server->handler;
}

void tp_server_adopt(struct tp_server *server)
{
	struct tp_allocation *allocation;
	struct tp_client *client;
	size_t cursor = 0;

	while ((allocation = tp_map_next(&server->allocations_by_id, &cursor)) != NULL) {
		tp_attachments_adopt(&allocation->handle.attachments, server->generation);
	}
	cursor = 0;
	while ((client = tp_map_next(&server->clients, &cursor)) != NULL) {
		tp_attachments_adopt(&client->handle.attachments, server->generation);
	}
}

void tp_server_reload(struct tp_server *server, struct tp_generation *generation,
		      struct tp_turn_settings *settings)
{
	const struct tp_server_reload event = {.generation = generation->number};
	struct tp_generation *previous = server->generation;

	server->generation = tp_generation_ref(generation);
	if (tp_generation_attached(previous, server->worker)) {
		tp_server_adopt(server);
	}
	tp_generation_unref(&previous);
	use_settings(server, settings);
	tp_realms_reload(server);
	tp_tick_begin(server);
	if (tp_generation_wants(generation, TP_EVENT_on_server_reload)) {
		tp_dispatch_tell(&generation->all, TP_EVENT_on_server_reload, &event);
	}
}

bool tp_server_uses(const struct tp_server *server, const struct tp_generation *generation)
{
	const struct tp_transaction *transaction;
	size_t cursor = 0;

	while ((transaction = tp_map_next(&server->transactions, &cursor)) != NULL) {
		if (transaction->request.generation == generation) {
			return true;
		}
	}
	return false;
}

void tp_server_drain(struct tp_server *server)
{
	const struct tp_server_drain event = {.allocations = tp_server_allocation_count(server)};

	if (server->draining) {
		return;
	}
	server->draining = true;
	if (tp_generation_wants(server->generation, TP_EVENT_on_server_drain)) {
		tp_dispatch_tell(&server->generation->all, TP_EVENT_on_server_drain, &event);
	}
}

void tp_server_stop(struct tp_server *server)
{
	struct tp_allocation *allocation;

	if (server->stopped) {
		return;
	}
	server->stopped = true;
	server->draining = true;
	announce(server->shared, server->worker->index, NULL);
	tp_tick_end(server);
	tp_transaction_cancel_endpoint(server, NULL);
	while ((allocation = tp_map_drain(&server->allocations_by_id)) != NULL) {
		tp_allocation_delete(allocation, TP_DELETE_SHUTDOWN);
	}
	tp_detour_close_all(server);
	tp_reservation_free_all(server);
	tp_shared_relays_close(server);
}

void tp_server_free(struct tp_server **server)
{
	if (*server == NULL) {
		return;
	}
	tp_server_stop(*server);
	tp_client_close_all(*server);
	tp_icmp_free(&(*server)->icmp);
	tp_hairpin_free(&(*server)->hairpin);
	tp_crossing_free(&(*server)->crossing);
	tables_fini(*server);
	give_back(*server);
	*server = NULL;
}

size_t tp_server_allocation_count(const struct tp_server *server)
{
	return server->allocations_by_id.count;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/allocation.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/secret.h"
#include "host/dispatch.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "turn/channel.h"
#include "turn/detour.h"
#include "turn/move.h"
#include "turn/permission.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/tcp_relay.h"
#include "turn/transaction.h"
#include "turn/usage.h"

static void expire(struct tp_timer *timer)
{
	tp_allocation_expire(tp_container_of(timer, struct tp_allocation, expiry));
}

static void release(struct tp_allocation *allocation)
{
	struct tp_server *server = allocation->server;

	tp_attachments_release(&allocation->handle.attachments);
	tp_quota_give(allocation->realm->quota, &allocation->quota);
	tp_relay_socket_close(server, &allocation->relay);
	tp_tcp_relay_close(&allocation->tcp);
	tp_additional_relay_free(allocation);
	tp_move_free(allocation);
	tp_secret_wipe(&allocation->key, sizeof(allocation->key));
	free(allocation->user);
	tp_pool_give(&server->limit_pool, allocation->limit);
	tp_pool_give(&server->allocation_pool, allocation);
}

/* The worker is in it, so that others can tell whom to ask: see turn/service.h. */
uint64_t tp_allocation_mint_id(const struct tp_server *server)
{
	uint64_t number = atomic_fetch_add_explicit(&server->shared->next_allocation_id, 1,
						    memory_order_relaxed) +
			  1;

	return number * TP_WORKERS_MAX + server->worker->index;
}

static void view_init(struct tp_allocation *allocation, const struct tp_allocation_params *params)
{
	struct tp_server *server = allocation->server;

	allocation->view = (struct tp_allocation_view){
		.id = params->id != 0 ? params->id : tp_allocation_mint_id(server),
		.user = allocation->user,
		.realm = allocation->realm->name,
		.five_tuple = *params->five_tuple,
		.relayed_addr = params->relay->advertised_addr,
		.created_ms = tp_loop_now_ms(server->worker->loop),
	};
}

static int limit_create(struct tp_allocation *allocation, const struct tp_limits *ceiling)
{
	struct tp_server *server = allocation->server;

	allocation->limit = tp_pool_take(&server->limit_pool);
	if (allocation->limit == NULL) {
		return TP_ENOMEM;
	}
	tp_limit_init(allocation->limit, ceiling, tp_loop_now_ms(server->worker->loop));
	return 0;
}

static int set_first_limits(struct tp_allocation *allocation, const struct tp_limits *ceiling,
			    const struct tp_limits *limits)
{
	int err = tp_limits_any(ceiling) ? limit_create(allocation, ceiling) : 0;

	return err == 0 ? tp_allocation_set_limits(allocation, limits) : err;
}

int tp_allocation_set_limits(struct tp_allocation *allocation, const struct tp_limits *limits)
{
	const struct tp_limits none = {.size = sizeof(none)};
	int err = 0;

	if (allocation->limit == NULL && tp_limits_any(limits)) {
		err = limit_create(allocation, &none);
	}
	if (err == 0 && allocation->limit != NULL) {
		tp_limit_set(allocation->limit, limits,
			     tp_loop_now_ms(allocation->server->worker->loop));
	}
	return err;
}

static int tables_insert(struct tp_server *server, struct tp_allocation *allocation)
{
	int err = TP_EEXIST;

	if (tp_move_find(server, &allocation->view.five_tuple) == NULL &&
	    !tp_detour_exists(server, &allocation->view.five_tuple)) {
		err = tp_map_insert(&server->allocations, &allocation->view.five_tuple, allocation);
	}
	if (err != 0) {
		return err;
	}
	err = tp_map_insert(&server->allocations_by_id, &allocation->view.id, allocation);
	if (err != 0) {
		tp_map_remove(&server->allocations, &allocation->view.five_tuple);
	}
	return err;
}

static void tables_remove(struct tp_server *server, struct tp_allocation *allocation)
{
	if (!tp_move_is_lost(allocation)) {
		tp_map_remove(&server->allocations, &allocation->view.five_tuple);
	}
	tp_move_end(allocation);
	tp_map_remove(&server->allocations_by_id, &allocation->view.id);
}

static bool is_dual(const struct tp_allocation_params *params)
{
	return params->additional != NULL && params->additional->datagram != NULL;
}

static void take_relay(struct tp_allocation *allocation, const struct tp_allocation_params *params)
{
	if (params->tcp != NULL && *params->tcp != NULL) {
		allocation->relay = *params->relay;
		allocation->tcp = *params->tcp;
		allocation->tcp->allocation = allocation;
		*params->tcp = NULL;
		return;
	}
	tp_relay_socket_take(&allocation->relay, params->relay, allocation);
}

int tp_allocation_create(struct tp_server *server, const struct tp_allocation_params *params,
			 struct tp_allocation **out)
{
	struct tp_allocation *allocation = tp_pool_take(&server->allocation_pool);
	int err = TP_ENOMEM;

	if (allocation == NULL) {
		return TP_ENOMEM;
	}
	allocation->server = server;
	allocation->realm = params->realm != NULL ? params->realm : &server->realms[0];
	tp_attachments_init(&allocation->handle.attachments);
	allocation->user = strdup(params->user);
	if (allocation->user == NULL) {
		goto out;
	}
	view_init(allocation, params);
	err = set_first_limits(allocation, &params->max_limits, &params->limits);
	if (err == 0 && is_dual(params)) {
		err = tp_additional_relay_create(allocation);
	}
	if (err == 0 && params->mobile) {
		err = tp_move_create(allocation);
	}
	if (err == 0) {
		err = tp_endpoint_hold(params->endpoint, params->five_tuple);
	}
	if (err != 0) {
		goto out;
	}
	err = tables_insert(server, allocation);
	if (err != 0) {
		tp_endpoint_release(params->endpoint, params->five_tuple);
		goto out;
	}
	allocation->endpoint = params->endpoint;
	allocation->max_lifetime_s = params->max_lifetime_s;
	tp_list_init(&allocation->permissions);
	tp_list_init(&allocation->channels);
	tp_list_init(&allocation->transactions);
	tp_timer_init(&allocation->expiry, expire);
	tp_allocation_keep_key(allocation, params->key, params->algorithm, params->key_valid_s);

	take_relay(allocation, params);
	if (allocation->additional != NULL) {
		tp_additional_relay_take(allocation, params->additional);
	}
	tp_allocation_refresh(allocation, TP_FAMILY_NONE, params->lifetime_s);
	allocation->quota = *params->quota;
	*params->quota = NULL;

	tp_usage_begin(allocation);
	tp_counter_add(server->counters.allocations_created, 1);
	allocation->realm->allocations++;
	*out = allocation;
	return 0;
out:
	release(allocation);
	return err;
}

struct tp_allocation *tp_allocation_find(struct tp_server *server,
					 const struct tp_five_tuple *five_tuple)
{
	return tp_map_find(&server->allocations, five_tuple);
}

struct tp_allocation *tp_allocation_find_id(struct tp_server *server, uint64_t id)
{
	return tp_map_find(&server->allocations_by_id, &id);
}

static void tell_deleted(struct tp_allocation *allocation, enum tp_delete_cause cause)
{
	struct tp_server *server = allocation->server;
	struct tp_delete_allocation event = {
		.allocation = &allocation->view,
		.cause = cause,
		.duration_ms = tp_loop_now_ms(server->worker->loop) - allocation->view.created_ms,
		.client_to_peer = allocation->client_to_peer,
		.peer_to_client = allocation->peer_to_client,
	};

	tp_counter_add(server->counters.allocations_deleted, 1);
	allocation->realm->allocations--;
	if (tp_chains_want(allocation->realm->chains, TP_EVENT_on_turn_delete_allocation)) {
		tp_dispatch_tell(allocation->realm->chains, TP_EVENT_on_turn_delete_allocation,
				 &event);
	}
}

void tp_allocation_delete(struct tp_allocation *allocation, enum tp_delete_cause cause)
{
	struct tp_server *server = allocation->server;

	tp_loop_cancel(server->worker->loop, &allocation->expiry);
	tables_remove(server, allocation);
	tp_transaction_cancel_all(&allocation->transactions);
	tp_tcp_relay_close(&allocation->tcp);
	tp_channel_free_all(allocation);
	tp_permission_free_all(allocation);
	tp_usage_end(allocation);
	tell_deleted(allocation, cause);
	tp_endpoint_release(allocation->endpoint, &allocation->view.five_tuple);
	release(allocation);
}

/* The allocation is there as long as one of its relayed addresses is. */
static void view_expiry(struct tp_allocation *allocation)
{
	const struct tp_additional_relay *additional = allocation->additional;

	allocation->view.expires_ms = allocation->expiry.at_ms;
	if (additional != NULL && additional->expiry.at_ms > allocation->view.expires_ms) {
		allocation->view.expires_ms = additional->expiry.at_ms;
	}
}

void tp_allocation_refresh(struct tp_allocation *allocation, enum tp_family family,
			   uint32_t lifetime_s)
{
	struct tp_loop *loop = allocation->server->worker->loop;
	uint64_t expires_ms = tp_loop_now_ms(loop) + lifetime_s * UINT64_C(1000);
	bool first = family == allocation->relay.advertised_addr.family;

	if (first || family == TP_FAMILY_NONE) {
		tp_loop_arm(loop, &allocation->expiry, expires_ms);
	}
	if (!first && allocation->additional != NULL) {
		tp_loop_arm(loop, &allocation->additional->expiry, expires_ms);
	}
	view_expiry(allocation);
}

void tp_allocation_end_family(struct tp_allocation *allocation, enum tp_family family)
{
	tp_channel_free_family(allocation, family);
	tp_permission_free_family(allocation, family);
	if (family == allocation->relay.advertised_addr.family) {
		tp_additional_relay_promote(allocation);
	} else {
		tp_additional_relay_free(allocation);
	}
	view_expiry(allocation);
}

void tp_allocation_expire(struct tp_allocation *allocation)
{
	uint64_t now_ms = tp_loop_now_ms(allocation->server->worker->loop);

	if (allocation->view.expires_ms <= now_ms) {
		tp_allocation_delete(allocation, TP_DELETE_EXPIRED);
	} else if (allocation->expiry.at_ms <= now_ms) {
		tp_allocation_end_family(allocation, allocation->relay.advertised_addr.family);
	} else {
		tp_allocation_end_family(allocation,
					 allocation->additional->socket.advertised_addr.family);
	}
}

uint32_t tp_allocation_lifetime_s(const struct tp_realm *realm, const uint32_t *requested_s,
				  uint32_t max_of_user_s)
{
	const struct tp_turn_options *options = realm->options;
	uint32_t max_s = options->max_lifetime_s;
	uint32_t lifetime_s = options->default_lifetime_s;

	if (max_of_user_s != 0 && max_of_user_s < max_s) {
		max_s = max_of_user_s;
	}
	if (requested_s != NULL && *requested_s > lifetime_s) {
		lifetime_s = *requested_s;
	}
	return lifetime_s < max_s ? lifetime_s : max_s;
}

void tp_allocation_keep_key(struct tp_allocation *allocation, const struct tp_key *key,
			    enum tp_password_algorithm algorithm, uint32_t valid_s)
{
	allocation->key = *key;
	allocation->algorithm = algorithm;
	allocation->key_valid_until_ms =
		tp_loop_now_ms(allocation->server->worker->loop) + valid_s * UINT64_C(1000);
}

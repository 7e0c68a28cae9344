/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/service.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "host/service.h"
#include "io/mailbox.h"
#include "turn/allocation.h"
#include "turn/client.h"
#include "turn/server.h"

struct order {
	struct tp_message message;
	struct tp_shared *shared;
	unsigned worker;
	void (*carry_out)(struct tp_server *server, const struct order *order);
	uint64_t id;
	struct tp_limits limits;
	const char *user;
	const char *realm; /* NULL: any */
	char text[];       /* where these are */
};

/* --- an order ------------------------------------------------------------------- */

static struct order *order_create(struct tp_shared *shared, unsigned worker, size_t text_size)
{
	struct order *order;

	if (atomic_fetch_add(&shared->orders, 1) >= TP_ORDERS_MAX) {
		atomic_fetch_sub(&shared->orders, 1);
		return NULL;
	}
	order = calloc(1, sizeof(*order) + text_size);
	if (order == NULL) {
		atomic_fetch_sub(&shared->orders, 1);
		return NULL;
	}
	order->shared = shared;
	order->worker = worker;
	return order;
}

static void order_free(struct order *order)
{
	if (order != NULL) {
		atomic_fetch_sub(&order->shared->orders, 1);
		free(order);
	}
}

/* In the worker's next turn. A server that has stopped has no allocations. */
static void deliver(struct tp_message *message)
{
	struct order *order = tp_container_of(message, struct order, message);
	struct tp_server *server = order->shared->servers[order->worker];

	if (server != NULL) {
		order->carry_out(server, order);
	}
	order_free(order);
}

/* The order is the mailbox's when this returns 0. */
static int order_post(struct order *order)
{
	struct tp_shared *shared = order->shared;
	int err = TP_ESHUTDOWN;

	order->message.deliver = deliver;
	pthread_rwlock_rdlock(&shared->servers_lock);
	if (shared->servers[order->worker] != NULL) {
		err = tp_mailbox_post(shared->servers[order->worker]->worker->mailbox,
				      &order->message);
	}
	pthread_rwlock_unlock(&shared->servers_lock);
	return err;
}

static int order_give(struct order *order)
{
	int err = order_post(order);

	if (err != 0) {
		order_free(order);
	}
	return err;
}

/* The server of the thread that calls; NULL on any other. */
static struct tp_server *server_here(const struct tp_shared *shared)
{
	const struct tp_worker *worker = tp_worker_current();

	/* no lock: nobody but this thread changes it */
	return worker == NULL ? NULL : shared->servers[worker->index];
}

/* --- by id ---------------------------------------------------------------------- */

static void kill_one(struct tp_server *server, const struct order *order)
{
	struct tp_allocation *allocation = tp_allocation_find_id(server, order->id);

	if (allocation != NULL) {
		tp_allocation_delete(allocation, TP_DELETE_KILLED);
	}
}

static int kill_id(void *owner, uint64_t id)
{
	struct tp_shared *shared = owner;
	struct order *order;

	if (tp_allocation_id_worker(id) >= shared->worker_count) {
		return 0;
	}
	order = order_create(shared, tp_allocation_id_worker(id), 0);
	if (order == NULL) {
		return TP_ENOMEM;
	}
	order->carry_out = kill_one;
	order->id = id;
	return order_give(order);
}

static int limit_here(struct tp_server *server, uint64_t id, const struct tp_limits *limits)
{
	struct tp_allocation *allocation = tp_allocation_find_id(server, id);

	return allocation == NULL ? 0 : tp_allocation_set_limits(allocation, limits);
}

static void limit_one(struct tp_server *server, const struct order *order)
{
	if (limit_here(server, order->id, &order->limits) != 0) {
		tp_counter_add(server->counters.out_of_memory, 1);
	}
}

static int limit_id(void *owner, uint64_t id, const struct tp_limits *limits)
{
	struct tp_shared *shared = owner;
	unsigned worker = tp_allocation_id_worker(id);
	struct tp_server *here = server_here(shared);
	struct order *order;

	if (worker >= shared->worker_count) {
		return 0;
	}
	if (here != NULL && here->worker->index == worker) {
		return limit_here(here, id, limits);
	}
	order = order_create(shared, worker, 0);
	if (order == NULL) {
		return TP_ENOMEM;
	}
	order->carry_out = limit_one;
	order->id = id;
	order->limits = *limits;
	return order_give(order);
}

/* --- by user -------------------------------------------------------------------- */

#define KILLED_AT_ONCE 64

static bool is_of_user(const struct tp_allocation *allocation, const struct order *order)
{
	return strcmp(allocation->view.user, order->user) == 0 &&
	       (order->realm == NULL || strcmp(allocation->view.realm, order->realm) == 0);
}

/* Ids, since the table may not change while it is walked through. */
static size_t find_of_user(const struct tp_server *server, const struct order *order,
			   uint64_t ids[KILLED_AT_ONCE])
{
	const struct tp_allocation *allocation;
	size_t cursor = 0;
	size_t count = 0;

	while (count < KILLED_AT_ONCE &&
	       (allocation = tp_map_next(&server->allocations_by_id, &cursor)) != NULL) {
		if (is_of_user(allocation, order)) {
			ids[count++] = allocation->view.id;
		}
	}
	return count;
}

static void kill_all_of_user(struct tp_server *server, const struct order *order)
{
	uint64_t ids[KILLED_AT_ONCE];
	size_t count;

	while ((count = find_of_user(server, order, ids)) > 0) {
		for (size_t i = 0; i < count; i++) {
			tp_allocation_delete(tp_allocation_find_id(server, ids[i]),
					     TP_DELETE_KILLED);
		}
	}
}

static struct order *user_order_create(struct tp_shared *shared, unsigned worker, const char *user,
				       const char *realm)
{
	size_t user_size = strlen(user) + 1;
	size_t realm_size = realm == NULL ? 0 : strlen(realm) + 1;
	struct order *order = order_create(shared, worker, user_size + realm_size);

	if (order == NULL) {
		return NULL;
	}
	order->carry_out = kill_all_of_user;
	memcpy(order->text, user, user_size);
	order->user = order->text;
	if (realm != NULL) {
		memcpy(order->text + user_size, realm, realm_size);
		order->realm = order->text + user_size;
	}
	return order;
}

/* To all workers or, when memory is out, to none. */
static int kill_user(void *owner, const char *user, const char *realm)
{
	struct tp_shared *shared = owner;
	struct order *orders[TP_WORKERS_MAX] = {NULL};
	int err = TP_ESHUTDOWN;

	for (unsigned i = 0; i < shared->worker_count; i++) {
		orders[i] = user_order_create(shared, i, user, realm);
		if (orders[i] == NULL) {
			while (i-- > 0) {
				order_free(orders[i]);
			}
			return TP_ENOMEM;
		}
	}
	for (unsigned i = 0; i < shared->worker_count; i++) {
		if (order_give(orders[i]) == 0) { /* one that has stopped has none of the user's */
			err = 0;
		}
	}
	return err;
}

/* --- clients -------------------------------------------------------------------- */

static const struct tp_client_view *client_of(void *owner, const struct tp_five_tuple *five_tuple)
{
	const struct tp_server *server = server_here(owner);
	const struct tp_client *client = server == NULL ? NULL : tp_client_find(server, five_tuple);

	return client == NULL ? NULL : &client->view;
}

/* --- life ----------------------------------------------------------------------- */

void tp_service_open(struct tp_shared *shared)
{
	shared->service = (struct tp_allocation_service){
		.owner = shared,
		.limit = limit_id,
		.kill = kill_id,
		.kill_user = kill_user,
		.client_of = client_of,
	};
	tp_allocation_service_set(&shared->service);
}

void tp_service_close(struct tp_shared *shared)
{
	if (shared->service.owner != NULL) {
		tp_allocation_service_set(NULL);
	}
}

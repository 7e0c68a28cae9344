/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "host/attachment.h"
#include "host/dispatch.h"
#include "kit/test_host.h"

#define LIFETIME_S 600

struct tp_test_allocation {
	struct tp_allocation_handle handle; /* first: plugins and tests have its view */
	struct tp_list link;
	char *user;
	struct tp_limits limits;
	bool killed;
};

struct tp_test_client {
	struct tp_client_handle handle; /* first */
	struct tp_list link;
};

static struct tp_test_allocation *allocation_of(struct tp_list *link)
{
	return tp_container_of(link, struct tp_test_allocation, link);
}

static struct tp_test_client *client_of(struct tp_list *link)
{
	return tp_container_of(link, struct tp_test_client, link);
}

/* Under the lock. */
static struct tp_test_allocation *find(struct tp_test_host *host, uint64_t id)
{
	struct tp_list *link;

	tp_list_for_each (link, &host->allocations) {
		if (allocation_of(link)->handle.view.id == id) {
			return allocation_of(link);
		}
	}
	return NULL;
}

/* --- what plugins may do, on any thread ---------------------------------------------- */

static int limit(void *owner, uint64_t id, const struct tp_limits *limits)
{
	struct tp_test_host *host = owner;
	struct tp_test_allocation *allocation;

	pthread_mutex_lock(&host->objects_lock);
	allocation = find(host, id);
	if (allocation != NULL) {
		allocation->limits = *limits;
	}
	pthread_mutex_unlock(&host->objects_lock);
	return 0;
}

static int kill_one(void *owner, uint64_t id)
{
	struct tp_test_host *host = owner;
	struct tp_test_allocation *allocation;

	pthread_mutex_lock(&host->objects_lock);
	allocation = find(host, id);
	if (allocation != NULL) {
		allocation->killed = true;
	}
	pthread_mutex_unlock(&host->objects_lock);
	return 0;
}

static int kill_user(void *owner, const char *user, const char *realm)
{
	struct tp_test_host *host = owner;
	struct tp_list *link;

	pthread_mutex_lock(&host->objects_lock);
	tp_list_for_each (link, &host->allocations) {
		const struct tp_allocation_view *view = &allocation_of(link)->handle.view;

		if (strcmp(view->user, user) == 0 &&
		    (realm == NULL || strcmp(view->realm, realm) == 0)) {
			allocation_of(link)->killed = true;
		}
	}
	pthread_mutex_unlock(&host->objects_lock);
	return 0;
}

static bool same_five_tuple(const struct tp_five_tuple *a, const struct tp_five_tuple *b)
{
	return a->transport == b->transport && tp_addr_equal(&a->client_addr, &b->client_addr) &&
	       tp_addr_equal(&a->server_addr, &b->server_addr);
}

/* On the worker's thread only, so without the lock. */
static const struct tp_client_view *client_of_five_tuple(void *owner,
							 const struct tp_five_tuple *five_tuple)
{
	struct tp_test_host *host = owner;
	struct tp_list *link;

	tp_list_for_each (link, &host->clients) {
		const struct tp_client_view *view = &client_of(link)->handle.view;

		if (same_five_tuple(&view->five_tuple, five_tuple)) {
			return view;
		}
	}
	return NULL;
}

/* --- allocations ------------------------------------------------------------------------ */

static struct tp_test_allocation *allocation_create(struct tp_test_host *host, const char *user,
						    const char *client_addr,
						    const char *relayed_addr)
{
	struct tp_test_allocation *allocation = calloc(1, sizeof(*allocation));

	tp_test_must(allocation != NULL);
	allocation->user = strdup(user);
	tp_test_must(allocation->user != NULL);
	allocation->handle.view = (struct tp_allocation_view){
		.id = ++host->last_id,
		.user = allocation->user,
		.realm = "example.org",
		.five_tuple = {.client_addr = tp_test_addr(client_addr),
			       .server_addr = tp_test_addr("198.51.100.1:3478"),
			       .transport = TP_TRANSPORT_UDP},
		.relayed_addr = tp_test_addr(relayed_addr),
		.created_ms = host->clock.now_ms,
		.expires_ms = host->clock.now_ms + LIFETIME_S * UINT64_C(1000),
	};
	tp_attachments_init(&allocation->handle.attachments);
	tp_list_init(&allocation->link);
	pthread_mutex_lock(&host->objects_lock);
	tp_list_append(&host->allocations, &allocation->link);
	pthread_mutex_unlock(&host->objects_lock);
	return allocation;
}

static void allocation_free(struct tp_test_host *host, struct tp_test_allocation *allocation)
{
	pthread_mutex_lock(&host->objects_lock);
	tp_list_remove(&allocation->link);
	pthread_mutex_unlock(&host->objects_lock);
	if (host->first_allocation == allocation) {
		host->first_allocation = NULL;
	}
	tp_attachments_release(&allocation->handle.attachments);
	free(allocation->user);
	free(allocation);
}

const struct tp_allocation_view *tp_test_allocation(struct tp_test_host *host)
{
	if (host->first_allocation == NULL) {
		host->first_allocation =
			allocation_create(host, "alice", "192.0.2.10:4000", "203.0.113.7:50000");
	}
	return &host->first_allocation->handle.view;
}

const struct tp_allocation_view *tp_test_allocation_create(struct tp_test_host *host,
							   const char *user,
							   const char *client_addr,
							   const char *relayed_addr)
{
	const struct tp_allocation_view *view =
		&allocation_create(host, user, client_addr, relayed_addr)->handle.view;

	tp_test_on_turn_create_allocation(
		host, &(struct tp_create_allocation){.allocation = view, .lifetime_s = LIFETIME_S});
	return view;
}

void tp_test_allocation_end(struct tp_test_host *host, const struct tp_allocation_view *view,
			    enum tp_delete_cause cause)
{
	tp_test_on_turn_delete_allocation(
		host, &(struct tp_delete_allocation){
			      .allocation = view,
			      .cause = cause,
			      .duration_ms = host->clock.now_ms - view->created_ms,
		      });
	allocation_free(host, (struct tp_test_allocation *)(uintptr_t)view);
}

bool tp_test_allocation_exists(struct tp_test_host *host, uint64_t id)
{
	return find(host, id) != NULL;
}

struct tp_limits tp_test_allocation_limits(struct tp_test_host *host,
					   const struct tp_allocation_view *view)
{
	struct tp_limits limits;

	pthread_mutex_lock(&host->objects_lock);
	limits = ((const struct tp_test_allocation *)view)->limits;
	pthread_mutex_unlock(&host->objects_lock);
	return limits;
}

/* --- clients ------------------------------------------------------------------------------ */

const struct tp_client_view *tp_test_client_create(struct tp_test_host *host,
						   enum tp_transport transport,
						   const char *client_addr, const char *server_addr)
{
	struct tp_test_client *client = calloc(1, sizeof(*client));

	tp_test_must(client != NULL);
	client->handle.view = (struct tp_client_view){
		.id = ++host->last_id,
		.five_tuple = {.client_addr = tp_test_addr(client_addr),
			       .server_addr = tp_test_addr(server_addr),
			       .transport = transport},
		.connected_ms = host->clock.now_ms,
		.realm = "example.org",
	};
	tp_attachments_init(&client->handle.attachments);
	tp_list_init(&client->link);
	tp_list_append(&host->clients, &client->link);
	return &client->handle.view;
}

static void client_free(struct tp_test_client *client)
{
	tp_list_remove(&client->link);
	tp_attachments_release(&client->handle.attachments);
	free(client);
}

void tp_test_client_end(struct tp_test_host *host, const struct tp_client_view *view,
			const char *reason)
{
	tp_test_on_client_closed(host,
				 &(struct tp_client_closed){
					 .client = view,
					 .reason = reason,
					 .duration_ms = host->clock.now_ms - view->connected_ms,
				 });
	client_free((struct tp_test_client *)(uintptr_t)view);
}

/* --- all of them ---------------------------------------------------------------------------- */

void tp_test_objects_init(struct tp_test_host *host)
{
	pthread_mutex_init(&host->objects_lock, NULL);
	tp_list_init(&host->allocations);
	tp_list_init(&host->clients);
	host->service = (struct tp_allocation_service){
		.owner = host,
		.limit = limit,
		.kill = kill_one,
		.kill_user = kill_user,
		.client_of = client_of_five_tuple,
	};
	tp_allocation_service_set(&host->service);
	(void)tp_test_allocation(host);
}

void tp_test_objects_fini(struct tp_test_host *host)
{
	while (!tp_list_empty(&host->allocations)) {
		allocation_free(host, allocation_of(host->allocations.next));
	}
	while (!tp_list_empty(&host->clients)) {
		client_free(client_of(host->clients.next));
	}
}

void tp_test_objects_adopt(struct tp_test_host *host)
{
	struct tp_list *link;

	tp_list_for_each (link, &host->allocations) {
		tp_attachments_adopt(&allocation_of(link)->handle.attachments, host->generation);
	}
	tp_list_for_each (link, &host->clients) {
		tp_attachments_adopt(&client_of(link)->handle.attachments, host->generation);
	}
}

static struct tp_test_allocation *next_killed(struct tp_test_host *host)
{
	struct tp_test_allocation *killed = NULL;
	struct tp_list *link;

	pthread_mutex_lock(&host->objects_lock);
	tp_list_for_each (link, &host->allocations) {
		if (allocation_of(link)->killed) {
			killed = allocation_of(link);
			break;
		}
	}
	pthread_mutex_unlock(&host->objects_lock);
	return killed;
}

void tp_test_objects_turn(struct tp_test_host *host)
{
	struct tp_test_allocation *killed;

	while ((killed = next_killed(host)) != NULL) {
		tp_test_allocation_end(host, &killed->handle.view, TP_DELETE_KILLED);
	}
}

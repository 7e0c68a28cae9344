/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/client.h"

#include "host/dispatch.h"
#include "io/endpoint.h"
#include "io/loop.h"
#include "turn/discard.h"
#include "turn/realm.h"
#include "turn/server.h"

/* --- events --------------------------------------------------------------------- */

static bool is_refused(const struct tp_client *client, const struct tp_endpoint_security *security)
{
	struct tp_client_connected event = {.client = &client->view};

	if (!tp_chains_want(client->realm->chains, TP_EVENT_on_client_connected)) {
		return false;
	}
	if (security != NULL) {
		event.server_name = security->server_name;
		event.alpn = security->alpn;
		event.security = security->description;
		event.certificate =
			(struct tp_view){security->certificate, security->certificate_len};
	}
	return tp_dispatch_packet(client->realm->chains, TP_EVENT_on_client_connected, &event) ==
	       TP_DENY;
}

static void tell_closed(const struct tp_client *client, const struct tp_server *server)
{
	if (tp_chains_want(client->realm->chains, TP_EVENT_on_client_closed)) {
		const struct tp_client_closed event = {
			.client = &client->view,
			.reason = client->reason != NULL ? client->reason : "closed by the client",
			.duration_ms =
				tp_loop_now_ms(server->worker->loop) - client->view.connected_ms,
		};

		tp_dispatch_tell(client->realm->chains, TP_EVENT_on_client_closed, &event);
	}
}

/* --- life ----------------------------------------------------------------------- */

static struct tp_client *client_create(struct tp_server *server, struct tp_endpoint *endpoint,
				       const struct tp_five_tuple *five_tuple)
{
	struct tp_realm *realm = tp_realm_of(server, endpoint);
	struct tp_client *client = tp_pool_take(&server->client_pool);

	if (client == NULL) {
		return NULL;
	}
	tp_attachments_init(&client->handle.attachments);
	client->view = (struct tp_client_view){
		.id = atomic_fetch_add_explicit(&server->shared->next_client_id, 1,
						memory_order_relaxed) +
		      1,
		.five_tuple = *five_tuple,
		.connected_ms = tp_loop_now_ms(server->worker->loop),
		.realm = realm->name,
	};
	client->realm = realm;
	client->endpoint = endpoint;
	if (tp_map_insert(&server->clients, &client->view.five_tuple, client) != 0) {
		tp_pool_give(&server->client_pool, client);
		return NULL;
	}
	endpoint->attached = client;
	return client;
}

static void client_free(struct tp_server *server, struct tp_client *client)
{
	tell_closed(client, server);
	tp_attachments_release(&client->handle.attachments);
	client->endpoint->attached = NULL;
	tp_pool_give(&server->client_pool, client);
}

void tp_client_open(struct tp_server *server, struct tp_endpoint *endpoint,
		    const struct tp_five_tuple *five_tuple,
		    const struct tp_endpoint_security *security)
{
	const struct tp_realm *named =
		security == NULL ? NULL : tp_realm_of_name(server, security->server_name);
	struct tp_client *client;

	if (named != NULL) {
		endpoint->realm = named->index;
	}
	client = client_create(server, endpoint, five_tuple);
	if (client == NULL) {
		tp_counter_add(server->counters.out_of_memory, 1);
		tp_exception_tell(server, tp_realm_of(server, endpoint), five_tuple,
				  TP_STAGE_HANDLE, "out of memory", NULL, 0);
		tp_endpoint_close(endpoint);
	} else if (is_refused(client, security)) {
		client->reason = "refused by a plugin";
		tp_endpoint_close(endpoint);
	}
}

void tp_client_note(struct tp_server *server, const struct tp_five_tuple *five_tuple,
		    const char *reason)
{
	struct tp_client *client = tp_client_find(server, five_tuple);

	if (client != NULL && client->reason == NULL) {
		client->reason = reason;
	}
}

void tp_client_close(struct tp_server *server, struct tp_endpoint *endpoint)
{
	struct tp_client *client = endpoint->attached;

	if (client == NULL) {
		return;
	}
	if (client->reason == NULL && server->stopped) {
		client->reason = "the daemon stops";
	}
	tp_map_remove(&server->clients, &client->view.five_tuple);
	client_free(server, client);
}

struct tp_client *tp_client_find(const struct tp_server *server,
				 const struct tp_five_tuple *five_tuple)
{
	return tp_map_find(&server->clients, five_tuple);
}

void tp_client_close_all(struct tp_server *server)
{
	struct tp_client *client;

	while ((client = tp_map_drain(&server->clients)) != NULL) {
		client->reason = "the daemon stops";
		client_free(server, client);
	}
}

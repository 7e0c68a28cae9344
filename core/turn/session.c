/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/session.h"

#include <stdlib.h>
#include <string.h>

#include "io/loop.h"
#include "turn/allocation.h"
#include "turn/server.h"
#include "turn/tcp_relay.h"

#define ROOM_AT_FIRST 64

/* Ends of one user collected before they happen. */
#define KILLED_AT_A_TIME 64

static void forget_all(struct tp_session_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->sessions[i].user);
	}
	list->count = 0;
}

void tp_session_list_fini(struct tp_session_list *list)
{
	forget_all(list);
	free(list->sessions);
	*list = (struct tp_session_list){0};
}

static bool make_room(struct tp_session_list *list)
{
	size_t size = list->size == 0 ? ROOM_AT_FIRST : 2 * list->size;
	struct tp_session *sessions;

	if (list->count < list->size) {
		return true;
	}
	sessions = reallocarray(list->sessions, size, sizeof(*sessions));
	if (sessions == NULL) {
		return false;
	}
	list->sessions = sessions;
	list->size = size;
	return true;
}

/* Returns false when there is no room for it. */
static bool take(struct tp_session_list *list, const struct tp_allocation *allocation)
{
	const struct tp_allocation_view *view = &allocation->view;
	uint64_t now_ms = tp_loop_now_ms(allocation->server->worker->loop);
	char *user;

	if (list->count == TP_SESSIONS_MAX || !make_room(list)) {
		return false;
	}
	user = strdup(view->user);
	if (user == NULL) {
		return false;
	}
	list->sessions[list->count++] = (struct tp_session){
		.id = view->id,
		.user = user,
		.realm = view->realm,
		.five_tuple = view->five_tuple,
		.relayed_addr = view->relayed_addr,
		.relayed_addr_more = view->relayed_addr_more,
		.permission_count = allocation->permission_count,
		.channel_count = allocation->channel_count,
		.relays_tcp = allocation->tcp != NULL,
		.data_connection_count =
			allocation->tcp != NULL ? allocation->tcp->connection_count : 0,
		.age_ms = now_ms - view->created_ms,
		.expires_in_ms = view->expires_ms > now_ms ? view->expires_ms - now_ms : 0,
		.client_to_peer = allocation->client_to_peer,
		.peer_to_client = allocation->peer_to_client,
	};
	return true;
}

bool tp_session_list_collect(struct tp_session_list *list, struct tp_server *server,
			     const char *user, size_t portion)
{
	const struct tp_map *map = &server->allocations_by_id;

	if (list->capacity != map->capacity) { /* all have moved */
		forget_all(list);
		list->cursor = 0;
		list->capacity = map->capacity;
	}
	for (size_t seen = 0; seen < portion; seen++) {
		const struct tp_allocation *allocation = tp_map_next(map, &list->cursor);

		if (allocation == NULL) {
			return false;
		}
		if (user != NULL && strcmp(allocation->user, user) != 0) {
			continue;
		}
		if (!take(list, allocation)) {
			list->cut = true;
			return false;
		}
	}
	return true;
}

bool tp_session_kill(struct tp_server *server, uint64_t id)
{
	struct tp_allocation *allocation = tp_allocation_find_id(server, id);

	if (allocation == NULL) {
		return false;
	}
	tp_allocation_delete(allocation, TP_DELETE_KILLED);
	return true;
}

static bool is_of(const struct tp_allocation *allocation, const char *user, const char *realm)
{
	return strcmp(allocation->user, user) == 0 &&
	       (realm == NULL || strcmp(allocation->view.realm, realm) == 0);
}

/* Some of them: what is being stepped through must not change. */
static size_t find_some(struct tp_server *server, const char *user, const char *realm,
			struct tp_allocation *found[KILLED_AT_A_TIME])
{
	struct tp_allocation *allocation;
	size_t cursor = 0;
	size_t count = 0;

	while (count < KILLED_AT_A_TIME &&
	       (allocation = tp_map_next(&server->allocations_by_id, &cursor)) != NULL) {
		if (is_of(allocation, user, realm)) {
			found[count++] = allocation;
		}
	}
	return count;
}

size_t tp_session_kill_user(struct tp_server *server, const char *user, const char *realm)
{
	struct tp_allocation *found[KILLED_AT_A_TIME];
	size_t killed = 0;
	size_t count;

	while ((count = find_some(server, user, realm, found)) != 0) {
		for (size_t i = 0; i < count; i++) {
			tp_allocation_delete(found[i], TP_DELETE_KILLED);
		}
		killed += count;
	}
	return killed;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/event.h>

struct tp_server;

/* Of one list; a worker may have more allocations. */
#define TP_SESSIONS_MAX 100000

/* An allocation as an operator sees it: a copy that any thread may read. */
struct tp_session {
	uint64_t id;
	char *user;
	const char *realm; /* of the start, like the address of it */
	struct tp_five_tuple five_tuple;
	struct tp_addr relayed_addr;
	struct tp_addr relayed_addr_more; /* family NONE: none */
	uint32_t permission_count;
	uint32_t channel_count;
	bool relays_tcp; /* RFC 6062 */
	uint32_t data_connection_count;
	uint64_t age_ms;
	uint64_t expires_in_ms;
	struct tp_traffic client_to_peer;
	struct tp_traffic peer_to_client;
};

/* Allocations of one worker, collected in portions over several loop turns. */
struct tp_session_list {
	struct tp_session *sessions;
	size_t count;
	size_t size;
	bool cut; /* there are more than TP_SESSIONS_MAX, or memory ran out */

	size_t cursor; /* where to go on */
	size_t capacity;
};

/** @list: zeroed. Harmless then, too. */
void tp_session_list_fini(struct tp_session_list *list);

/**
 * Look at the next allocations, at most @portion of them.
 *
 * An allocation that is made or ends meanwhile may be missing. When the table
 * grows in between it is begun anew.
 *
 * @user: only those of this user; NULL: all
 *
 * Returns true when there are more
 * Thread: the worker's
 */
bool tp_session_list_collect(struct tp_session_list *list, struct tp_server *server,
			     const char *user, size_t portion);

/** End an allocation (TP_DELETE_KILLED). Returns false when there is none. Thread: the worker's. */
bool tp_session_kill(struct tp_server *server, uint64_t id);

/** End all of a user. @realm: NULL: any. Returns how many. Thread: the worker's. */
size_t tp_session_kill_user(struct tp_server *server, const char *user, const char *realm);

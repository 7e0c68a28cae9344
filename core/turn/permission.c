/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/permission.h"

#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/err.h"
#include "host/dispatch.h"
#include "io/loop.h"
#include "turn/allocation.h"
#include "turn/peer_claim.h"
#include "turn/realm.h"
#include "turn/relay_socket.h"
#include "turn/server.h"

static struct tp_peer_key key_of(const struct tp_allocation *allocation,
				 const struct tp_addr *peer_addr)
{
	return (struct tp_peer_key){
		.allocation_id = allocation->view.id,
		.peer_addr = tp_addr_with_port(peer_addr, 0),
	};
}

/* --- where permissions are found ------------------------------------------------ */

static uint32_t word_of(const struct tp_addr *addr)
{
	uint32_t words[4];

	memcpy(words, addr->bytes, sizeof(words));
	return words[0] ^ words[1] ^ words[2] ^ words[3];
}

/* Few of an allocation's stand in the allocation, others in the server's table. */
static bool few_insert(struct tp_few_permissions *few, struct tp_permission *permission)
{
	for (size_t i = 0; i < TP_FEW_PERMISSIONS; i++) {
		if (few->permissions[i] == NULL) {
			few->words[i] = word_of(&permission->key.peer_addr);
			few->permissions[i] = permission;
			return true;
		}
	}
	return false;
}

static void few_remove(struct tp_few_permissions *few, const struct tp_permission *permission)
{
	for (size_t i = 0; i < TP_FEW_PERMISSIONS; i++) {
		if (few->permissions[i] == permission) {
			few->permissions[i] = NULL;
		}
	}
}

static int permission_insert(struct tp_allocation *allocation, struct tp_permission *permission)
{
	permission->few = few_insert(&allocation->few_permissions, permission);
	return permission->few ? 0
			       : tp_map_insert(&allocation->server->permissions, &permission->key,
					       permission);
}

static void permission_remove(struct tp_allocation *allocation, struct tp_permission *permission)
{
	if (permission->few) {
		few_remove(&allocation->few_permissions, permission);
	} else {
		tp_map_remove(&allocation->server->permissions, &permission->key);
	}
}

struct tp_permission *tp_permission_find(const struct tp_allocation *allocation,
					 const struct tp_addr *peer_addr)
{
	const struct tp_few_permissions *few = &allocation->few_permissions;
	uint32_t word = word_of(peer_addr);
	struct tp_peer_key key;

	for (size_t i = 0; i < TP_FEW_PERMISSIONS; i++) {
		if (few->words[i] == word && few->permissions[i] != NULL &&
		    tp_addr_same_ip(&few->permissions[i]->key.peer_addr, peer_addr)) {
			return few->permissions[i];
		}
	}
	if (allocation->server->permissions.count == 0) {
		return NULL;
	}
	key = key_of(allocation, peer_addr);
	return tp_map_find(&allocation->server->permissions, &key);
}

/* --- observers ------------------------------------------------------------------- */

static void tell_created(const struct tp_permission *permission)
{
	const struct tp_chains *chains = permission->allocation->realm->chains;

	if (tp_chains_want(chains, TP_EVENT_on_turn_create_permission)) {
		const struct tp_create_permission event = {
			.allocation = &permission->allocation->view,
			.peer_addr = &permission->key.peer_addr,
		};

		tp_dispatch_tell(chains, TP_EVENT_on_turn_create_permission, &event);
	}
}

static void tell_deleted(const struct tp_permission *permission)
{
	const struct tp_chains *chains = permission->allocation->realm->chains;

	if (tp_chains_want(chains, TP_EVENT_on_turn_delete_permission)) {
		const struct tp_delete_permission event = {
			.allocation = &permission->allocation->view,
			.peer_addr = &permission->key.peer_addr,
		};

		tp_dispatch_tell(chains, TP_EVENT_on_turn_delete_permission, &event);
	}
}

/* --- life ------------------------------------------------------------------------ */

static void permission_free(struct tp_permission *permission)
{
	struct tp_allocation *allocation = permission->allocation;
	struct tp_server *server = allocation->server;

	tp_assert(permission->channels == 0);
	tp_loop_cancel(server->worker->loop, &permission->expiry);
	tp_claimant_free(&permission->claimant);
	permission_remove(allocation, permission);
	tp_list_remove(&permission->link);
	allocation->permission_count--;
	tp_pool_give(&server->permission_pool, permission);
}

static void tell_channels(const struct tp_permission *permission)
{
	const struct tp_list *channels = &permission->allocation->channels;
	const struct tp_list *link;

	tp_list_for_each (link, channels) {
		struct tp_channel *channel = tp_container_of(link, struct tp_channel, link);

		if (channel->permission == permission) {
			channel->passage = permission->passage;
		}
	}
}

static void expire(struct tp_timer *timer)
{
	struct tp_permission *permission = tp_container_of(timer, struct tp_permission, expiry);

	permission->passage.live = false;
	if (permission->claimant != NULL) {
		tp_claimant_leave(permission->claimant);
	}
	tell_channels(permission);
	tell_deleted(permission);
	if (permission->channels == 0) {
		permission_free(permission);
	}
}

static int permission_create(struct tp_allocation *allocation, const struct tp_addr *peer_addr,
			     struct tp_permission **out)
{
	struct tp_server *server = allocation->server;
	struct tp_permission *permission;
	int err;

	if (allocation->permission_count >= server->options->max_permissions) {
		return TP_EFULL;
	}
	permission = tp_pool_take(&server->permission_pool);
	if (permission == NULL) {
		return TP_ENOMEM;
	}
	permission->key = key_of(allocation, peer_addr);
	permission->allocation = allocation;
	permission->passage.ours = tp_relay_socket_is_ours(server->shared, peer_addr);
	err = permission_insert(allocation, permission);
	if (err == 0) {
		err = tp_claimant_create(permission);
		if (err != 0) {
			permission_remove(allocation, permission);
		}
	}
	if (err != 0) {
		tp_pool_give(&server->permission_pool, permission);
		return err;
	}
	tp_timer_init(&permission->expiry, expire);
	tp_list_append(&allocation->permissions, &permission->link);
	allocation->permission_count++;
	*out = permission;
	return 0;
}

int tp_permission_install(struct tp_allocation *allocation, const struct tp_addr *peer_addr,
			  bool relayed_only, struct tp_permission **out)
{
	struct tp_server *server = allocation->server;
	struct tp_loop *loop = server->worker->loop;
	struct tp_permission *permission = tp_permission_find(allocation, peer_addr);
	bool refreshed = permission != NULL && permission->passage.live;

	if (permission == NULL) {
		int err = permission_create(allocation, peer_addr, &permission);

		if (err != 0) {
			return err;
		}
	}
	permission->passage.live = true;
	permission->passage.relayed_only = relayed_only;
	if (permission->claimant != NULL) {
		tp_claimant_enter(permission->claimant);
	}
	tell_channels(permission);
	tp_loop_arm(loop, &permission->expiry,
		    tp_loop_now_ms(loop) + server->options->permission_lifetime_s * UINT64_C(1000));
	if (!refreshed) {
		tell_created(permission);
	}
	*out = permission;
	return 0;
}

bool tp_permission_covers(const struct tp_permission *permission, const struct tp_addr *peer_addr)
{
	return permission != NULL &&
	       tp_passage_covers(&permission->passage, permission->allocation->server->shared,
				 peer_addr);
}

void tp_permission_unhold(struct tp_permission *permission)
{
	permission->channels--;
	if (permission->channels == 0 && !permission->passage.live) {
		permission_free(permission);
	}
}

static void end(struct tp_permission *permission)
{
	if (permission->passage.live) {
		tell_deleted(permission);
	}
	permission_free(permission);
}

void tp_permission_free_family(struct tp_allocation *allocation, enum tp_family family)
{
	struct tp_list *next = allocation->permissions.next;

	while (next != &allocation->permissions) {
		struct tp_permission *permission =
			tp_container_of(next, struct tp_permission, link);

		next = next->next;
		if (tp_addr_family(&permission->key.peer_addr) == family) {
			end(permission);
		}
	}
}

void tp_permission_free_all(struct tp_allocation *allocation)
{
	while (!tp_list_empty(&allocation->permissions)) {
		end(tp_container_of(allocation->permissions.next, struct tp_permission, link));
	}
}

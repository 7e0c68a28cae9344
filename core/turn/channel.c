/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/channel.h"

#include <turnpike/error.h>

#include "base/addr.h"
#include "host/dispatch.h"
#include "io/loop.h"
#include "turn/allocation.h"
#include "turn/peer_claim.h"
#include "turn/realm.h"
#include "turn/server.h"

#define REMEMBER_EXPIRED_MS (300 * UINT64_C(1000))

/* --- where channels are found -------------------------------------------------- */

/* Few of an allocation's stand in the allocation, others in the server's tables. */
static bool few_insert(struct tp_few_channels *few, struct tp_channel *channel)
{
	for (size_t i = 0; i < TP_FEW_CHANNELS; i++) {
		if (few->numbers[i] == 0) {
			few->numbers[i] = (uint16_t)channel->by_number.number;
			few->ports[i] = tp_addr_port(&channel->by_peer.peer_addr);
			few->channels[i] = channel;
			return true;
		}
	}
	return false;
}

static void few_remove(struct tp_few_channels *few, const struct tp_channel *channel)
{
	for (size_t i = 0; i < TP_FEW_CHANNELS; i++) {
		if (few->channels[i] == channel) {
			few->numbers[i] = 0;
			few->channels[i] = NULL;
		}
	}
}

static int tables_insert(struct tp_server *server, struct tp_channel *channel)
{
	int err = tp_map_insert(&server->channels_by_number, &channel->by_number, channel);

	if (err != 0) {
		return err;
	}
	err = tp_map_insert(&server->channels_by_peer, &channel->by_peer, channel);
	if (err != 0) {
		tp_map_remove(&server->channels_by_number, &channel->by_number);
	}
	return err;
}

static int channel_insert(struct tp_allocation *allocation, struct tp_channel *channel)
{
	channel->few = few_insert(&allocation->few_channels, channel);
	return channel->few ? 0 : tables_insert(allocation->server, channel);
}

static void channel_remove(struct tp_allocation *allocation, struct tp_channel *channel)
{
	struct tp_server *server = allocation->server;

	if (channel->few) {
		few_remove(&allocation->few_channels, channel);
		return;
	}
	tp_map_remove(&server->channels_by_number, &channel->by_number);
	tp_map_remove(&server->channels_by_peer, &channel->by_peer);
}

struct tp_channel *tp_channel_find(const struct tp_allocation *allocation, uint16_t number)
{
	const struct tp_few_channels *few = &allocation->few_channels;
	struct tp_channel_key key;

	for (size_t i = 0; i < TP_FEW_CHANNELS; i++) {
		if (few->numbers[i] == number) {
			return few->channels[i];
		}
	}
	if (allocation->server->channels_by_number.count == 0) {
		return NULL;
	}
	key = (struct tp_channel_key){allocation->view.id, number};
	return tp_map_find(&allocation->server->channels_by_number, &key);
}

struct tp_channel *tp_channel_find_peer(const struct tp_allocation *allocation,
					const struct tp_addr *peer_addr)
{
	const struct tp_few_channels *few = &allocation->few_channels;
	struct tp_peer_key key;

	for (size_t i = 0; i < TP_FEW_CHANNELS; i++) {
		if (few->ports[i] == peer_addr->port && few->channels[i] != NULL &&
		    tp_addr_same(&few->channels[i]->by_peer.peer_addr, peer_addr)) {
			return few->channels[i];
		}
	}
	if (allocation->server->channels_by_peer.count == 0) {
		return NULL;
	}
	key = (struct tp_peer_key){allocation->view.id, *peer_addr};
	return tp_map_find(&allocation->server->channels_by_peer, &key);
}

/* --- observers ----------------------------------------------------------------- */

static void tell_created(const struct tp_channel *channel)
{
	const struct tp_chains *chains = channel->allocation->realm->chains;

	if (tp_chains_want(chains, TP_EVENT_on_turn_create_channel)) {
		const struct tp_create_channel event = {
			.allocation = &channel->allocation->view,
			.channel = (uint16_t)channel->by_number.number,
			.peer_addr = &channel->by_peer.peer_addr,
		};

		tp_dispatch_tell(chains, TP_EVENT_on_turn_create_channel, &event);
	}
}

static void tell_deleted(const struct tp_channel *channel)
{
	const struct tp_chains *chains = channel->allocation->realm->chains;

	if (tp_chains_want(chains, TP_EVENT_on_turn_delete_channel)) {
		const struct tp_delete_channel event = {
			.allocation = &channel->allocation->view,
			.channel = (uint16_t)channel->by_number.number,
			.peer_addr = &channel->by_peer.peer_addr,
		};

		tp_dispatch_tell(chains, TP_EVENT_on_turn_delete_channel, &event);
	}
}

/* --- life ---------------------------------------------------------------------- */

static void channel_free(struct tp_channel *channel)
{
	struct tp_allocation *allocation = channel->allocation;
	struct tp_server *server = allocation->server;

	tp_loop_cancel(server->worker->loop, &channel->expiry);
	channel_remove(allocation, channel);
	tp_peer_claim_unbind(channel->permission->claimant, &channel->by_peer.peer_addr);
	tp_list_remove(&channel->link);
	tp_permission_unhold(channel->permission);
	allocation->channel_count--;
	tp_pool_give(&server->channel_pool, channel);
}

static void expire(struct tp_timer *timer)
{
	struct tp_channel *channel = tp_container_of(timer, struct tp_channel, expiry);
	struct tp_loop *loop = channel->allocation->server->worker->loop;

	if (!channel->live) {
		channel_free(channel);
		return;
	}
	channel->live = false;
	tp_peer_claim_unbind(channel->permission->claimant, &channel->by_peer.peer_addr);
	tell_deleted(channel);
	tp_loop_arm(loop, &channel->expiry, tp_loop_now_ms(loop) + REMEMBER_EXPIRED_MS);
}

uint16_t tp_channel_check(const struct tp_allocation *allocation, uint16_t number,
			  const struct tp_addr *peer_addr)
{
	const struct tp_channel *of_number = tp_channel_find(allocation, number);
	const struct tp_channel *of_peer = tp_channel_find_peer(allocation, peer_addr);

	if (of_number != NULL && of_number->live && of_number != of_peer) {
		return 400;
	}
	if (of_peer != NULL && of_peer->live && of_number != of_peer) {
		return 400;
	}
	return 0;
}

static void forget(struct tp_channel *channel)
{
	if (channel != NULL) {
		channel_free(channel);
	}
}

/* Expired bindings of the number or the peer give way. */
static void forget_expired(struct tp_allocation *allocation, uint16_t number,
			   const struct tp_addr *peer_addr)
{
	struct tp_channel *of_number = tp_channel_find(allocation, number);

	if (of_number != tp_channel_find_peer(allocation, peer_addr)) {
		forget(of_number);
		forget(tp_channel_find_peer(allocation, peer_addr));
	}
}

static int channel_create(struct tp_allocation *allocation, uint16_t number,
			  const struct tp_addr *peer_addr, struct tp_channel **out)
{
	struct tp_server *server = allocation->server;
	struct tp_channel *channel;
	int err;

	if (allocation->channel_count >= server->options->max_channels) {
		return TP_EFULL;
	}
	channel = tp_pool_take(&server->channel_pool);
	if (channel == NULL) {
		return TP_ENOMEM;
	}
	channel->by_number = (struct tp_channel_key){allocation->view.id, number};
	channel->by_peer = (struct tp_peer_key){allocation->view.id, *peer_addr};
	channel->allocation = allocation;
	err = channel_insert(allocation, channel);
	if (err != 0) {
		tp_pool_give(&server->channel_pool, channel);
		return err;
	}
	tp_timer_init(&channel->expiry, expire);
	tp_list_append(&allocation->channels, &channel->link);
	allocation->channel_count++;
	*out = channel;
	return 0;
}

/* The permission is held: a new channel takes that over, one that is there has done so. */
static int find_or_create(struct tp_allocation *allocation, uint16_t number,
			  struct tp_permission *permission, const struct tp_addr *peer_addr,
			  struct tp_channel **out)
{
	int err = tp_peer_claim_take(permission->claimant, peer_addr, TP_CLAIM_BY_CHANNEL);

	*out = tp_channel_find(allocation, number);
	if (err != 0) {
		return err;
	}
	if (*out != NULL) {
		tp_permission_unhold(permission);
		return 0;
	}
	err = channel_create(allocation, number, peer_addr, out);
	if (err != 0) {
		tp_peer_claim_unbind(permission->claimant, peer_addr);
		return err;
	}
	(*out)->permission = permission;
	(*out)->passage = permission->passage;
	return 0;
}

int tp_channel_bind(struct tp_allocation *allocation, uint16_t number,
		    const struct tp_addr *peer_addr, bool relayed_only)
{
	struct tp_server *server = allocation->server;
	struct tp_loop *loop = server->worker->loop;
	struct tp_permission *permission;
	struct tp_channel *channel;
	bool refreshed;
	int err = tp_permission_install(allocation, peer_addr, relayed_only, &permission);

	if (err != 0) {
		return err;
	}
	permission->channels++; /* held for the channel, also while an expired one gives way */
	forget_expired(allocation, number, peer_addr);
	err = find_or_create(allocation, number, permission, peer_addr, &channel);
	if (err != 0) {
		tp_permission_unhold(permission);
		return err;
	}
	refreshed = channel->live;
	channel->live = true;
	tp_loop_arm(loop, &channel->expiry,
		    tp_loop_now_ms(loop) + server->options->channel_lifetime_s * UINT64_C(1000));
	if (!refreshed) {
		tell_created(channel);
	}
	return 0;
}

static void end(struct tp_channel *channel)
{
	if (channel->live) {
		tell_deleted(channel);
	}
	channel_free(channel);
}

void tp_channel_free_family(struct tp_allocation *allocation, enum tp_family family)
{
	struct tp_list *next = allocation->channels.next;

	while (next != &allocation->channels) {
		struct tp_channel *channel = tp_container_of(next, struct tp_channel, link);

		next = next->next;
		if (tp_addr_family(&channel->by_peer.peer_addr) == family) {
			end(channel);
		}
	}
}

void tp_channel_free_all(struct tp_allocation *allocation)
{
	while (!tp_list_empty(&allocation->channels)) {
		end(tp_container_of(allocation->channels.next, struct tp_channel, link));
	}
}

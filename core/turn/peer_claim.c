/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/peer_claim.h"

#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "turn/allocation.h"
#include "turn/permission.h"
#include "turn/server.h"
#include "turn/shared_relay.h"

/* A table's key: something of one shared port. No padding. */
struct relay_key {
	uint64_t relay;
	struct tp_addr peer_addr;
};

struct claim {
	struct relay_key key;
	struct tp_claimant *claimant;
	struct tp_list link;
	unsigned by; /* enum tp_claim_by, or-ed */
};

/* Permissions on one port for one IP address. */
struct tp_rivalry {
	struct relay_key key; /* port 0 */
	struct tp_list live;
	size_t claimants;
};

static struct relay_key key_of(const struct tp_shared_relay *relay, const struct tp_addr *peer_addr)
{
	return (struct relay_key){.relay = relay->number, .peer_addr = *peer_addr};
}

/* IPv4 in fewer steps. */
static uint64_t key_hash(const void *relay_key)
{
	const struct relay_key *key = relay_key;
	uint32_t ip;

	if (key->peer_addr.family != TP_FAMILY_IPV4) {
		return tp_hash(key, sizeof(*key));
	}
	memcpy(&ip, key->peer_addr.bytes, sizeof(ip));
	return tp_hash_pair(key->relay, (uint64_t)ip << 32 | key->peer_addr.port);
}

static struct tp_peer_claims *claims_of(const struct tp_claimant *claimant)
{
	return &claimant->relay->server->shared_relays->claims;
}

void tp_peer_claims_init(struct tp_peer_claims *claims)
{
	tp_map_init_hashed(&claims->claims, sizeof(struct relay_key), 0, key_hash);
	tp_map_init_hashed(&claims->rivalries, sizeof(struct relay_key), 0, key_hash);
	tp_pool_init(&claims->claim_pool, sizeof(struct claim), 0);
	tp_pool_init(&claims->rivalry_pool, sizeof(struct tp_rivalry), 0);
	tp_pool_init(&claims->claimant_pool, sizeof(struct tp_claimant), 0);
}

void tp_peer_claims_fini(struct tp_peer_claims *claims)
{
	tp_map_fini(&claims->claims);
	tp_map_fini(&claims->rivalries);
	tp_pool_fini(&claims->claim_pool);
	tp_pool_fini(&claims->rivalry_pool);
	tp_pool_fini(&claims->claimant_pool);
}

/* --- claims ---------------------------------------------------------------------- */

static bool has_room(const struct tp_peer_claims *claims, const struct tp_allocation *allocation)
{
	return allocation->peer_claim_count < TP_PEER_CLAIMS_SURE ||
	       (allocation->peer_claim_count < TP_PEER_CLAIMS_MAX &&
		claims->spare < TP_PEER_CLAIMS_SPARE);
}

static void count_in(struct tp_peer_claims *claims, struct tp_allocation *allocation)
{
	claims->spare += allocation->peer_claim_count >= TP_PEER_CLAIMS_SURE;
	allocation->peer_claim_count++;
}

static void count_out(struct tp_peer_claims *claims, struct tp_allocation *allocation)
{
	allocation->peer_claim_count--;
	claims->spare -= allocation->peer_claim_count >= TP_PEER_CLAIMS_SURE;
}

static int claim_create(struct tp_claimant *claimant, const struct relay_key *key,
			enum tp_claim_by by)
{
	struct tp_peer_claims *claims = claims_of(claimant);
	struct tp_allocation *allocation = claimant->permission->allocation;
	struct claim *claim;
	int err;

	if (!has_room(claims, allocation)) {
		tp_counter_add(allocation->server->counters.peer_claims_full, 1);
		return TP_EFULL;
	}
	claim = tp_pool_take(&claims->claim_pool);
	if (claim == NULL) {
		return TP_ENOMEM;
	}
	claim->key = *key;
	claim->claimant = claimant;
	claim->by = by;
	err = tp_map_insert(&claims->claims, &claim->key, claim);
	if (err != 0) {
		tp_pool_give(&claims->claim_pool, claim);
		return err;
	}
	tp_list_append(&claimant->claims, &claim->link);
	count_in(claims, allocation);
	return 0;
}

/* It has one reason less; without any it ends. */
static void claim_drop(struct claim *claim, enum tp_claim_by by)
{
	struct tp_peer_claims *claims = claims_of(claim->claimant);

	claim->by &= ~(unsigned)by;
	if (claim->by != 0) {
		return;
	}
	tp_map_remove(&claims->claims, &claim->key);
	tp_list_remove(&claim->link);
	count_out(claims, claim->claimant->permission->allocation);
	tp_pool_give(&claims->claim_pool, claim);
}

int tp_peer_claim_take(struct tp_claimant *claimant, const struct tp_addr *peer_addr,
		       enum tp_claim_by by)
{
	struct relay_key key;
	struct claim *claim;

	if (claimant == NULL) {
		return 0;
	}
	key = key_of(claimant->relay, peer_addr);
	claim = tp_map_find(&claims_of(claimant)->claims, &key);
	if (claim == NULL) {
		return claim_create(claimant, &key, by);
	}
	if (claim->claimant != claimant) {
		return TP_EEXIST;
	}
	claim->by |= by;
	return 0;
}

void tp_peer_claim_unbind(struct tp_claimant *claimant, const struct tp_addr *peer_addr)
{
	struct relay_key key;
	struct claim *claim;

	if (claimant == NULL) {
		return;
	}
	key = key_of(claimant->relay, peer_addr);
	claim = tp_map_find(&claims_of(claimant)->claims, &key);
	if (claim != NULL && claim->claimant == claimant) {
		claim_drop(claim, TP_CLAIM_BY_CHANNEL);
	}
}

/* --- claimants ------------------------------------------------------------------- */

static struct tp_rivalry *rivalry_join(struct tp_peer_claims *claims, const struct relay_key *key)
{
	struct tp_rivalry *rivalry = tp_map_find(&claims->rivalries, key);

	if (rivalry == NULL) {
		rivalry = tp_pool_take(&claims->rivalry_pool);
		if (rivalry == NULL) {
			return NULL;
		}
		rivalry->key = *key;
		tp_list_init(&rivalry->live);
		if (tp_map_insert(&claims->rivalries, &rivalry->key, rivalry) != 0) {
			tp_pool_give(&claims->rivalry_pool, rivalry);
			return NULL;
		}
	}
	rivalry->claimants++;
	return rivalry;
}

static void rivalry_quit(struct tp_peer_claims *claims, struct tp_rivalry *rivalry)
{
	rivalry->claimants--;
	if (rivalry->claimants == 0) {
		tp_map_remove(&claims->rivalries, &rivalry->key);
		tp_pool_give(&claims->rivalry_pool, rivalry);
	}
}

int tp_claimant_create(struct tp_permission *permission)
{
	struct tp_allocation *allocation = permission->allocation;
	struct tp_shared_relays *relays = allocation->server->shared_relays;
	const struct tp_addr *peer_addr = &permission->key.peer_addr;
	struct tp_claimant *claimant;
	struct relay_key key;

	if (relays == NULL || allocation->tcp != NULL) { /* a TCP port is nobody else's */
		return 0;
	}
	claimant = tp_pool_take(&relays->claims.claimant_pool);
	if (claimant == NULL) {
		return TP_ENOMEM;
	}
	claimant->relay = tp_shared_relay_of(tp_allocation_relay(allocation, peer_addr->family));
	claimant->permission = permission;
	tp_list_init(&claimant->rival);
	tp_list_init(&claimant->claims);
	key = key_of(claimant->relay, peer_addr);
	claimant->rivalry = rivalry_join(&relays->claims, &key);
	if (claimant->rivalry == NULL) {
		tp_pool_give(&relays->claims.claimant_pool, claimant);
		return TP_ENOMEM;
	}
	permission->claimant = claimant;
	return 0;
}

void tp_claimant_enter(struct tp_claimant *claimant)
{
	if (tp_list_empty(&claimant->rival)) {
		tp_list_append(&claimant->rivalry->live, &claimant->rival);
	}
}

void tp_claimant_leave(struct tp_claimant *claimant)
{
	struct tp_list *link;
	struct tp_list *after;

	tp_list_remove(&claimant->rival);
	tp_list_for_each_safe (link, after, &claimant->claims) {
		claim_drop(tp_container_of(link, struct claim, link), TP_CLAIM_BY_SENDING);
	}
}

void tp_claimant_free(struct tp_claimant **where)
{
	struct tp_claimant *claimant = *where;
	struct tp_peer_claims *claims;

	if (claimant == NULL) {
		return;
	}
	claims = claims_of(claimant);
	tp_claimant_leave(claimant);
	rivalry_quit(claims, claimant->rivalry);
	tp_pool_give(&claims->claimant_pool, claimant);
	*where = NULL;
}

/* --- whose ----------------------------------------------------------------------- */

struct tp_allocation *tp_peer_claims_owner(const struct tp_peer_claims *claims,
					   const struct tp_shared_relay *relay,
					   const struct tp_addr *peer_addr)
{
	const struct relay_key key = key_of(relay, peer_addr);
	const struct claim *claim = tp_map_find(&claims->claims, &key);

	return claim == NULL ? NULL : claim->claimant->permission->allocation;
}

/* NULL: none, or several. */
static struct tp_allocation *only_one(const struct tp_peer_claims *claims,
				      const struct tp_shared_relay *relay,
				      const struct tp_addr *peer_addr)
{
	const struct tp_addr ip = tp_addr_with_port(peer_addr, 0);
	const struct relay_key key = key_of(relay, &ip);
	const struct tp_rivalry *rivalry = tp_map_find(&claims->rivalries, &key);
	const struct tp_list *first;

	if (rivalry == NULL) {
		return NULL;
	}
	first = rivalry->live.next;
	if (first == &rivalry->live || first->next != &rivalry->live) {
		return NULL;
	}
	return tp_container_of(first, struct tp_claimant, rival)->permission->allocation;
}

struct tp_allocation *tp_peer_claims_find(const struct tp_peer_claims *claims,
					  const struct tp_shared_relay *relay,
					  const struct tp_addr *peer_addr)
{
	struct tp_allocation *owner = tp_peer_claims_owner(claims, relay, peer_addr);

	return owner == NULL ? only_one(claims, relay, peer_addr) : owner;
}

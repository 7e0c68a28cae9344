/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "base/list.h"
#include "base/map.h"
#include "base/pool.h"

struct tp_allocation;
struct tp_permission;
struct tp_server;
struct tp_shared_relay;

/*
 * Whose a peer is, where allocations share a relayed port.
 *
 * A peer's transport address is claimed by the allocation that is the first on the
 * port to bind a channel to it or to send to it, for as long as it has the channel or, after
 * sending, the permission for the peer's IP address. Nobody else on the port
 * can reach that peer meanwhile. What comes from a peer that nobody has claimed
 * is for the allocation that has a permission for its IP address, if there is
 * exactly one.
 *
 * An allocation is sure of its first TP_PEER_CLAIMS_SURE claims, so no
 * user can take them all; those beyond are limited for the worker as a whole.
 */
#define TP_PEER_CLAIMS_SURE 16
#define TP_PEER_CLAIMS_MAX 256     /* of an allocation */
#define TP_PEER_CLAIMS_SPARE 65536 /* of a worker, beyond those that are sure */

/* Of one worker. */
struct tp_peer_claims {
	struct tp_map claims;    /* by port and peer transport address */
	struct tp_map rivalries; /* by port and peer IP address */
	struct tp_pool claim_pool;
	struct tp_pool rivalry_pool;
	struct tp_pool claimant_pool;
	size_t spare; /* claims now, beyond those that are sure */
};

void tp_peer_claims_init(struct tp_peer_claims *claims);
/** All permissions must be gone. */
void tp_peer_claims_fini(struct tp_peer_claims *claims);

/* A permission's part in this, while it is there; live or not. */
struct tp_claimant {
	struct tp_shared_relay *relay;
	struct tp_permission *permission;
	struct tp_rivalry *rivalry;
	struct tp_list rival; /* of those that are live */
	struct tp_list claims;
};

/**
 * Make permission->claimant, where the permission's allocation shares a
 * port; nothing where it does not. Errors: TP_ENOMEM.
 */
int tp_claimant_create(struct tp_permission *permission);

/** With the permission: its claims end. Sets the pointer to NULL; NULL inside is fine. */
void tp_claimant_free(struct tp_claimant **claimant);

/** The permission is live. */
void tp_claimant_enter(struct tp_claimant *claimant);

/** It no longer is; claims with a channel stay. */
void tp_claimant_leave(struct tp_claimant *claimant);

/* What an allocation claims a peer by. */
enum tp_claim_by {
	TP_CLAIM_BY_SENDING = 1,
	TP_CLAIM_BY_CHANNEL = 2,
};

/**
 * Claim a peer transport address, whose IP address is the permission's. Fine
 * when it has been already.
 *
 * @claimant: NULL is fine: no port is shared
 *
 * Errors: TP_EEXIST when it is another allocation's, TP_EFULL at a ceiling, TP_ENOMEM
 */
int tp_peer_claim_take(struct tp_claimant *claimant, const struct tp_addr *peer_addr,
		       enum tp_claim_by by);

/** A channel has ended; without claim nothing. @claimant: as above. */
void tp_peer_claim_unbind(struct tp_claimant *claimant, const struct tp_addr *peer_addr);

/** The allocation that has claimed a peer; NULL: none. */
struct tp_allocation *tp_peer_claims_owner(const struct tp_peer_claims *claims,
					   const struct tp_shared_relay *relay,
					   const struct tp_addr *peer_addr);

/** The allocation that gets what comes from a peer; NULL: nobody, or it cannot be told. */
struct tp_allocation *tp_peer_claims_find(const struct tp_peer_claims *claims,
					  const struct tp_shared_relay *relay,
					  const struct tp_addr *peer_addr);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "base/list.h"
#include "base/wheel.h"
#include "turn/relay_socket.h"

struct tp_allocation;
struct tp_claimant;

/* The first permissions of an allocation, in the allocation itself: see struct tp_few_channels. */
#define TP_FEW_PERMISSIONS 4

struct tp_few_permissions {
	uint32_t words[TP_FEW_PERMISSIONS]; /* of the addresses, to tell most others apart */
	struct tp_permission *permissions[TP_FEW_PERMISSIONS]; /* NULL: free */
};

/* A table's key: something of one allocation. No padding. */
struct tp_peer_key {
	uint64_t allocation_id;
	struct tp_addr peer_addr;
};

/* Whom a permission lets through. Its channels have a copy, so that a packet need not look here. */
struct tp_passage {
	bool live;
	bool relayed_only; /* only live relayed ports of ours on that address */
	bool ours;         /* an address that we relay on: peers may be clients of ours */
};

/*
 * A permission (RFC 8656 section 9): lets a peer IP address through. Channels to
 * the address hold on to it, so it may outlive its 300 seconds; then it is
 * not live and lets nobody through.
 */
struct tp_permission {
	struct tp_peer_key key; /* port 0 */
	struct tp_allocation *allocation;
	struct tp_list link;
	struct tp_timer expiry;
	uint32_t channels; /* that hold on to it */
	bool few;          /* found in the allocation, else in the server's table */
	struct tp_passage passage;
	struct tp_claimant *claimant; /* NULL: the relayed port is the allocation's alone */
};

/**
 * Install or refresh. Policy and plugins have been asked.
 *
 * @relayed_only: as the peer policy ruled
 *
 * Errors: TP_EFULL at the allocation's ceiling, TP_ENOMEM
 */
int tp_permission_install(struct tp_allocation *allocation, const struct tp_addr *peer_addr,
			  bool relayed_only, struct tp_permission **out);

/** The permission for an address, live or not; the port is not looked at. NULL: none. */
struct tp_permission *tp_permission_find(const struct tp_allocation *allocation,
					 const struct tp_addr *peer_addr);

/** Does it let this transport address, whose IP address is the permission's, through now? */
static inline bool tp_passage_covers(const struct tp_passage *passage,
				     const struct tp_shared *shared,
				     const struct tp_addr *peer_addr)
{
	return passage->live &&
	       (!passage->relayed_only || tp_relay_socket_is_live(shared, peer_addr));
}

/** The same of a permission; NULL does not. */
bool tp_permission_covers(const struct tp_permission *permission, const struct tp_addr *peer_addr);

/** A channel lets go. */
void tp_permission_unhold(struct tp_permission *permission);

/** Those for peers of a family, with its relayed address; channels must be gone. */
void tp_permission_free_family(struct tp_allocation *allocation, enum tp_family family);

/** With the allocation; channels must be gone. */
void tp_permission_free_all(struct tp_allocation *allocation);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "base/list.h"
#include "base/wheel.h"
#include "turn/permission.h"

struct tp_allocation;

/*
 * The first channels of an allocation, in the allocation itself: what sends
 * through few channels is served without a table.
 */
#define TP_FEW_CHANNELS 4

struct tp_few_channels {
	uint16_t numbers[TP_FEW_CHANNELS]; /* 0: free */
	uint16_t ports[TP_FEW_CHANNELS];   /* of the peers */
	struct tp_channel *channels[TP_FEW_CHANNELS];
};

/* A table's key. No padding. */
struct tp_channel_key {
	uint64_t allocation_id;
	uint64_t number;
};

/*
 * A channel binding (RFC 8656 section 12): a number for a peer transport address,
 * for 600 seconds. For another 300 it is remembered as expired, so that late
 * ChannelData is told from random numbers; it may be bound anew meanwhile.
 *
 * What a packet needs comes first, within a cache line.
 */
struct tp_channel {
	struct tp_channel_key by_number;
	struct tp_peer_key by_peer;
	struct tp_allocation *allocation;
	struct tp_passage passage; /* the permission's */
	bool live;
	bool few;                         /* found in the allocation, else in the server's tables */
	struct tp_permission *permission; /* for the peer's address */
	struct tp_list link;
	struct tp_timer expiry;
};

_Static_assert(offsetof(struct tp_channel, permission) == 64, "what a packet needs is one line");

/** May that number be bound to that peer (RFC 8656 section 12.2)? 0 or 400. */
uint16_t tp_channel_check(const struct tp_allocation *allocation, uint16_t number,
			  const struct tp_addr *peer_addr);

/**
 * Bind or refresh, and refresh the permission's 300 seconds. Checked before.
 *
 * Errors: TP_EFULL at a ceiling of the allocation, TP_EEXIST for a peer that another
 *         allocation on a shared port has, TP_ENOMEM; then no channel has changed
 */
int tp_channel_bind(struct tp_allocation *allocation, uint16_t number,
		    const struct tp_addr *peer_addr, bool relayed_only);

/** The channel of a number, live or not; NULL: none. */
struct tp_channel *tp_channel_find(const struct tp_allocation *allocation, uint16_t number);

/** The channel of a peer transport address, live or not; NULL: none. */
struct tp_channel *tp_channel_find_peer(const struct tp_allocation *allocation,
					const struct tp_addr *peer_addr);

/** Those to peers of a family, with its relayed address. */
void tp_channel_free_family(struct tp_allocation *allocation, enum tp_family family);

/** With the allocation. */
void tp_channel_free_all(struct tp_allocation *allocation);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "base/list.h"
#include "base/map.h"
#include "stun/codes.h"
#include "turn/transmit_counter.h"

/*
 * Responses already sent to requests that must not be carried out twice
 * (Allocate, Refresh), kept for the 40 s in which a client may retransmit over
 * UDP, so that the same request gets the same bytes (RFC 8489 section 6.3.1), but
 * for what counts them (RFC 7982). The oldest goes when there are too many.
 */
#define TP_REPLAY_KEEP_MS 40000
#define TP_REPLAY_MAX 4096

/* What makes two requests the same. No padding. */
struct tp_transaction_key {
	struct tp_five_tuple five_tuple;
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
};

struct tp_replay {
	struct tp_map responses; /* by transaction key */
	struct tp_list oldest_first;
};

void tp_replay_init(struct tp_replay *replay);
void tp_replay_fini(struct tp_replay *replay);

/**
 * Keep a copy of a response; without memory it is not kept.
 *
 * @counter: of the response, with the key of its integrity; NULL: it has none
 */
void tp_replay_keep(struct tp_replay *replay, const struct tp_transaction_key *key,
		    const uint8_t *bytes, size_t len, const struct tp_transmit_counter *counter,
		    uint64_t now_ms);

/**
 * The request has come again, with a counter of its own: if its response has one, it
 * is brought up to date.
 *
 * @requests: the request's
 */
void tp_replay_count(struct tp_replay *replay, const struct tp_transaction_key *key,
		     uint8_t requests);

/** The response kept for that request, borrowed; NULL when there is none. */
const uint8_t *tp_replay_find(struct tp_replay *replay, const struct tp_transaction_key *key,
			      uint64_t now_ms, size_t *len);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "turn/lane.h"

struct tp_packet;
struct tp_server;
struct tp_shared;

/*
 * Packets from one worker's server to another's: a lane for each pair of
 * workers, made when first used. What is sent in a turn leaves at its end, in order.
 *
 * Of one server; for its worker's thread.
 */
struct tp_crossing;

/* A larger payload does not cross. */
#define TP_CROSSING_PAYLOAD_MAX TP_LANE_PAYLOAD_MAX

/* What a packet is about: the two upper bits of its tag. The rest is for who receives it. */
enum tp_crossing_kind {
	TP_CROSSING_HAIRPIN = 0, /* for a relayed socket */
	TP_CROSSING_KINDS,
};

#define TP_CROSSING_TAG_BITS 30
#define TP_CROSSING_TAG_MASK ((UINT32_C(1) << TP_CROSSING_TAG_BITS) - 1)

/**
 * A packet of another worker, with the room of a packet around it; as it is until the
 * turn's hooks have run.
 */
typedef void (*tp_crossing_fn)(struct tp_server *server, uint32_t tag, struct tp_packet *packet);

/**
 * @receive: by kind; borrowed
 *
 * Errors: TP_ENOMEM
 */
int tp_crossing_create(struct tp_server *server, const tp_crossing_fn receive[TP_CROSSING_KINDS],
		       struct tp_crossing **out);
/** What was sent still leaves. Sets the pointer to NULL; NULL inside is fine. */
void tp_crossing_free(struct tp_crossing **crossing);

/**
 * Send a copy to another worker's server.
 *
 * @tag: at most TP_CROSSING_TAG_MASK
 *
 * Errors: TP_EFULL when that worker is too slow, TP_ENOMEM
 */
int tp_crossing_send(struct tp_crossing *crossing, unsigned worker, enum tp_crossing_kind kind,
		     uint32_t tag, const struct tp_packet *packet);

/** All lanes between workers; their mailboxes must be closed. */
void tp_crossing_free_lanes(struct tp_shared *shared);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/list.h"
#include "io/mailbox.h"
#include "turn/lane.h"

struct tp_packet;
struct tp_server;
struct tp_shared;

/*
 * Packets from one worker's server to another's: a lane for each pair of
 * workers, made when first used; and notes, which are never refused for lack of room. What is
 * sent in a turn leaves at its end, packets in order, and then notes in order: a note is
 * read after the packets that were sent before it.
 *
 * Of one server; for its worker's thread.
 */
struct tp_crossing;

/* A larger payload does not cross. */
#define TP_CROSSING_PAYLOAD_MAX TP_LANE_PAYLOAD_MAX

/* What a packet is about: the two upper bits of its tag. The rest is for who receives it. */
enum tp_crossing_kind {
	TP_CROSSING_HAIRPIN = 0, /* for a relayed socket */
	TP_CROSSING_TO_HOME = 1, /* from a client on a detour */
	TP_CROSSING_TO_DOOR = 2, /* for one */
	TP_CROSSING_KINDS,
};

#define TP_CROSSING_TAG_BITS 30
#define TP_CROSSING_TAG_MASK ((UINT32_C(1) << TP_CROSSING_TAG_BITS) - 1)

/**
 * A packet of another worker, with the room of a packet around it; as it is until the
 * turn's hooks have run.
 */
typedef void (*tp_crossing_fn)(struct tp_server *server, unsigned from, uint32_t tag,
			       struct tp_packet *packet);

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

/* Embedded in what it carries, which is the receiver's when it is delivered. */
struct tp_crossing_note {
	struct tp_message message;
	void (*refused)(struct tp_crossing_note *note);
	struct tp_list link;
	unsigned worker;
};

/**
 * @deliver: on the receiver's thread, also when its server has stopped
 * @refused: on the sender's: the receiver's mailbox is closed
 */
void tp_crossing_note_init(struct tp_crossing_note *note,
			   void (*deliver)(struct tp_message *message),
			   void (*refused)(struct tp_crossing_note *note));

/** It leaves at the end of the turn. */
void tp_crossing_post(struct tp_crossing *crossing, unsigned worker, struct tp_crossing_note *note);

/** It leaves at once. Thread: any. */
void tp_crossing_post_now(struct tp_shared *shared, unsigned worker, struct tp_crossing_note *note);

/** All lanes between workers; their mailboxes must be closed. */
void tp_crossing_free_lanes(struct tp_shared *shared);

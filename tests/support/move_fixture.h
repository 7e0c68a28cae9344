/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/turn_fixture.h"
#include "turn/mobility.h"

#define MOVE_PATHS 3
#define MOVE_CHANNEL 0x4001

/*
 * A client with mobility (RFC 8016) and the paths it may be on: a five-tuple on an
 * endpoint each. It allocates on the first, at the turn fixture's server; the others are at that
 * server or at one on a second worker. Its channel is MOVE_CHANNEL, its peer the fixture's.
 */
struct move_fixture {
	struct turn_fixture turn;
	struct tp_worker other;
	struct tp_server *other_server;
	struct move_path {
		struct tp_server *server;
		struct fake_endpoint endpoint;
		struct tp_five_tuple five_tuple;
		size_t seen; /* messages */
	} paths[MOVE_PATHS];
	uint8_t ticket[TP_MOBILITY_TICKET_SIZE]; /* the latest */
	enum tp_delete_cause cause;              /* of the latest allocation that ended */
};

/**
 * @apart: the other paths are at the other worker
 * @from:  transport of the first path
 * @to:    of the others
 */
void move_fixture_open(struct move_fixture *m, bool apart, enum tp_transport from,
		       enum tp_transport to);
void move_fixture_close(struct move_fixture *m);

/** Turns of both workers, until what either has sent has arrived and been answered. */
void move_fixture_turns(struct move_fixture *m);
void move_fixture_advance_s(struct move_fixture *m, uint32_t seconds);

/** Bytes from the client. */
void move_fixture_send_bytes(struct move_fixture *m, unsigned path, const uint8_t *bytes,
			     size_t len);
void move_fixture_close_path(struct move_fixture *m, unsigned path);

/** The next message on a path, which is the only one; NULL: none has come. */
const struct fake_message *move_fixture_next(struct move_fixture *m, unsigned path);

/** Send what turn.client holds; the answer is in turn.response. Error code, 0, or -1: none. */
int move_fixture_exchange(struct move_fixture *m, unsigned path);
/** The same, signed. */
int move_fixture_request(struct move_fixture *m, unsigned path);
/** Learn a nonce for the path's address. */
void move_fixture_challenge(struct move_fixture *m, unsigned path);

/** Allocate with a MOVE-TICKET of these bytes, after a challenge. Error code or 0. */
int move_fixture_allocate_as(struct move_fixture *m, unsigned path, const void *value, size_t len);
/** A mobile allocation on the first path, with its channel; asserts success. */
struct tp_allocation *move_fixture_allocate(struct move_fixture *m);

/** Keep the ticket of the latest response, which is another than the last one. */
bool move_fixture_take_ticket(struct move_fixture *m);

/** A Refresh with a ticket of these bytes in turn.client. */
void move_fixture_begin_refresh(struct move_fixture *m, uint32_t lifetime_s, const void *with,
				size_t len);
/** The same, sent. */
int move_fixture_show(struct move_fixture *m, unsigned path, const void *with, size_t len);
/** With the ticket it has, after a challenge. */
int move_fixture_try(struct move_fixture *m, unsigned path);
/** Asserts success, and takes the new ticket. */
void move_fixture_go(struct move_fixture *m, unsigned path);
/** Without a ticket. */
int move_fixture_refresh(struct move_fixture *m, unsigned path);

void move_fixture_send_channel_data(struct move_fixture *m, unsigned path, const char *payload);
/** @plain: as most clients write it, which is read faster. */
void move_fixture_send_indication(struct move_fixture *m, unsigned path, const char *payload,
				  bool plain);

/** Does media that the client sends on the path get to the peer? */
bool move_fixture_reaches_peer(struct move_fixture *m, unsigned path);
/** Does what the peer sends get to the client on the path? Asserts: on no other. */
bool move_fixture_hears_peer(struct move_fixture *m, unsigned path);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "base/wheel.h"
#include "turn/mobility.h"

struct tp_allocation;
struct tp_endpoint;
struct tp_server;
struct tp_transaction;

/*
 * What a mobile allocation has more than others (RFC 8016): its client may go
 * on from another five-tuple, which it says with a ticket.
 *
 * Make before break: both five-tuples are the client's until one of these has happened:
 * media or another request of its user came from the new one, the connection of the old one has
 * closed, or TP_MOVE_S has passed. Until then what is for the client goes to the old one. The new
 * one is in a table of its own, which media is looked up in only after it was not found in the
 * other.
 *
 * A client whose connection closes while it is not on its way is lost: it has
 * TP_MOVE_LOST_S to come back with its ticket.
 */
struct tp_move {
	struct tp_allocation *allocation;
	struct tp_five_tuple five_tuple; /* the new one, key of the server's table */
	struct tp_endpoint *endpoint;    /* of the new one; NULL: the client is not on its way */
	struct tp_timer timer;           /* of either time above */
	uint16_t ticket;                 /* number of the latest one, the only good one */
	bool lost;
};

#define TP_MOVE_S 30
#define TP_MOVE_LOST_S 60
#define TP_MOVE_FIRST_TICKET 1

/** The allocation is mobile from now on. Errors: TP_ENOMEM. */
int tp_move_create(struct tp_allocation *allocation);
/** It ends: its client goes nowhere. Harmless when it is not mobile. */
void tp_move_end(struct tp_allocation *allocation);
/** After tp_move_end(). */
void tp_move_free(struct tp_allocation *allocation);

/** The allocation of a five-tuple, the old or the new one of its client; NULL: none. */
struct tp_allocation *tp_move_find(struct tp_server *server,
				   const struct tp_five_tuple *five_tuple);

/**
 * Media, or a request of the user, has come from a five-tuple that tp_allocation_find() may
 * know nothing of: if a client is on its way there it has arrived. NULL: none is.
 */
struct tp_allocation *tp_move_arrive(struct tp_server *server,
				     const struct tp_five_tuple *five_tuple);

/** Is the client lost, and the five-tuple anybody's? */
bool tp_move_is_lost(const struct tp_allocation *allocation);

/**
 * The connection of a mobile allocation's client has closed: the old or the new one.
 * Without mobility (any more) the allocation ends (TP_DELETE_CLOSED).
 */
void tp_move_closed(struct tp_allocation *allocation, const struct tp_endpoint *endpoint);

/* What a request says with a ticket. */
struct tp_move_claim {
	bool made;
	bool elsewhere; /* the allocation is another worker's */
	uint16_t code;  /* to refuse it with, when it is authenticated; 0: none */
	struct tp_mobility_ticket ticket;
};

/**
 * Read the ticket of a request, if any, and make the allocation it is for the
 * transaction's (RFC 8016 section 3.2.2): 405 when mobility is forbidden, 400 for a ticket that is
 * none, has been used, or comes from where the client is already, 437 when its
 * allocation has ended or the five-tuple has another one. Of another worker's allocation nothing
 * is known here.
 */
void tp_move_read_claim(struct tp_transaction *transaction);

/**
 * Seal the ticket that a successful claim is answered with. Returns 0 or an
 * error code: 405 when the allocation has had all it can have.
 */
uint16_t tp_move_next_ticket(const struct tp_transaction *transaction,
			     uint8_t out[TP_MOBILITY_TICKET_SIZE]);

/**
 * Make a claim good: the client is on its way to the request's five-tuple, or, when it
 * was lost, is there; its ticket is used. Returns 0 or an error code, and then
 * nothing has changed: 400 when another request has used the ticket meanwhile, 437 when
 * the five-tuple has an allocation by now, 508.
 */
uint16_t tp_move_begin(struct tp_transaction *transaction);

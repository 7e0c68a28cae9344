/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tp_detour;
struct tp_endpoint;
struct tp_five_tuple;
struct tp_packet;
struct tp_server;
struct tp_transaction;

/*
 * A client whose five-tuple is one worker's and whose allocation another's: the
 * kernel chooses where a client of RFC 8016 comes back. The allocation and its relayed socket
 * stay where they are, at home; what the client sends is passed on from the worker it comes to,
 * the door, and what is for it comes back that way. At home the client is on an endpoint like
 * any other.
 *
 * A detour begins with a request that the door has authenticated, and home does so
 * again. It ends when nothing at home needs the endpoint any more, or the client's connection
 * closes. What finds no room between the workers is lost, as it might be on any network, and so
 * is what the client sends while the word of the end is under way.
 */

/* Of one door. */
#define TP_DETOURS_MAX 65536

/* --- at the door ---------------------------------------------------------------- */

/**
 * Let another worker answer an authenticated request: the one that has the
 * allocation of its ticket. The transaction ends. A request for which there is no
 * room or memory is answered 508.
 */
void tp_detour_begin(struct tp_transaction *transaction);

/** Pass on what has come from a five-tuple without an allocation. Returns false when there is
 * no detour. */
bool tp_detour_take(struct tp_server *server, const struct tp_five_tuple *five_tuple,
		    const struct tp_packet *packet);

/** Is there one? */
bool tp_detour_exists(const struct tp_server *server, const struct tp_five_tuple *five_tuple);

/** The connection of the client has closed. Nothing when it is on no detour. */
void tp_detour_close(struct tp_server *server, const struct tp_endpoint *endpoint,
		     const struct tp_five_tuple *five_tuple);

/** The server stops. */
void tp_detour_close_all(struct tp_server *server);

/** For the client: a tp_crossing_fn. */
void tp_detour_from_home(struct tp_server *server, unsigned from, uint32_t tag,
			 struct tp_packet *packet);

/* --- at home -------------------------------------------------------------------- */

/** From the client: a tp_crossing_fn. */
void tp_detour_from_door(struct tp_server *server, unsigned from, uint32_t tag,
			 struct tp_packet *packet);

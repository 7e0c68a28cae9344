/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "turn/crossing.h"

struct tp_packet;
struct tp_relay_location;
struct tp_relay_socket;
struct tp_server;

/*
 * What one client of ours relays to another goes to the other's allocation
 * without the kernel: by a call in the same worker, by a crossing to another.
 * Permissions, events and counters of both sides are those of any datagram; the
 * sender's relayed address is the peer that the receiver sees. It ends at
 * the receiving client, so nothing goes in circles.
 *
 * Of one server; for its worker's thread.
 */
struct tp_hairpin;

/* A larger payload is left to the kernel, to be refused as any such datagram. */
#define TP_HAIRPIN_PAYLOAD_MAX TP_CROSSING_PAYLOAD_MAX

/** Errors: TP_ENOMEM. */
int tp_hairpin_create(struct tp_server *server, struct tp_hairpin **out);
/** After all relayed sockets are closed. Sets the pointer to NULL; NULL inside is fine. */
void tp_hairpin_free(struct tp_hairpin **hairpin);

/**
 * A relayed socket is this worker's from now on, its port live.
 *
 * Errors: TP_ENOMEM
 */
int tp_hairpin_add(struct tp_hairpin *hairpin, const struct tp_relay_socket *socket);
/** It no longer is; the port stays live, for another worker to add. */
void tp_hairpin_remove(struct tp_hairpin *hairpin, const struct tp_relay_socket *socket);

/** Is the relayed socket this worker's? */
bool tp_hairpin_is_here(const struct tp_hairpin *hairpin, const struct tp_relay_location *to);

/**
 * Hand a payload to the allocation of a relayed socket of this worker; dropped when
 * there is none.
 *
 * @packet: payload with the room of a packet around it; its remote address
 *          is the sender's relayed address
 */
void tp_hairpin_deliver(struct tp_hairpin *hairpin, const struct tp_relay_location *to,
			struct tp_packet *packet);

/**
 * Send a copy to the worker that has the relayed socket; it leaves with others
 * at the end of the turn.
 *
 * Errors: TP_EFULL when that worker is too slow, TP_ENOMEM
 */
int tp_hairpin_send(struct tp_hairpin *hairpin, const struct tp_relay_location *to,
		    const struct tp_packet *packet);

/** What another worker's hairpin has sent: a tp_crossing_fn. */
void tp_hairpin_arrive(struct tp_server *server, unsigned from, uint32_t tag,
		       struct tp_packet *packet);

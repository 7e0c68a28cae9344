/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "cli/load_fleet.h"
#include "cli/load_payload.h"

/*
 * Takes what has arrived from all sockets, many packets with one call, and
 * checks each: that it is undamaged and came by the way it was sent. Where trains
 * are sent, sockets take them in one piece (UDP_GRO): taking each packet by
 * itself costs more than relaying it.
 */
struct tp_load_receiver;

struct tp_load_receiver_options {
	struct tp_load_fleet *fleet;
	void *owner;
	/** An undamaged packet for the right receiver. */
	void (*arrived)(void *owner, const struct tp_load_packet *packet, uint64_t now_ns);
	/** Something else. */
	void (*damaged)(void *owner);
	/** A client's TCP connection has ended. */
	void (*ended)(void *owner, struct tp_load_client *client);
};

/** Errors: TP_ENOMEM. Owner: free with tp_load_receiver_free(). */
int tp_load_receiver_create(const struct tp_load_receiver_options *options,
			    struct tp_load_receiver **out);

/** NULL inside is fine. */
void tp_load_receiver_free(struct tp_load_receiver **receiver);

/** Everything that is there. @wait_ms: how long to wait for something when nothing is; 0: not. */
void tp_load_receiver_run(struct tp_load_receiver *receiver, int wait_ms);

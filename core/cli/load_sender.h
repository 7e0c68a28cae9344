/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "cli/load_fleet.h"
#include "cli/load_payload.h"

/*
 * Puts packets on their way, clients' and peers'. A single packet leaves by one
 * send on the socket it is from: what that costs lies in the kernel's UDP and
 * not in the call, so that gathering packets for sendmmsg() gains nothing. A
 * train leaves as one segmented send (UDP_SEGMENT) where the kernel does that.
 */
struct tp_load_sender;

/** Errors: TP_ENOMEM. Owner: free with tp_load_sender_free(). */
int tp_load_sender_create(const struct tp_load_fleet *fleet, struct tp_load_sender **out);

/** NULL inside is fine. */
void tp_load_sender_free(struct tp_load_sender **sender);

/**
 * Send packets of one flow in a row. What the kernel refuses is lost.
 *
 * @first: what the first says of itself; each further one has the next sequence
 *
 * Errors: over TCP TP_EAGAIN, nothing was taken, and TP_EIO
 */
int tp_load_sender_put(struct tp_load_sender *sender, struct tp_load_client *client,
		       const struct tp_load_packet *first, uint32_t count);

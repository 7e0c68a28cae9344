/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "cli/load_fleet.h"
#include "cli/load_payload.h"

/*
 * Puts packets on their way, clients' and peers', many with one call.
 *
 * On the loopback interface and with the right to (CAP_NET_RAW), single packets
 * over IPv4 are written with their headers through one packet socket: each has
 * its own sender and destination, yet a batch of them is one system call. The
 * receiving socket sees no difference. Otherwise they leave by the sockets they
 * are from. A train leaves by its socket as one segmented send where the kernel
 * does that.
 */
struct tp_load_sender;

/** Errors: TP_ENOMEM. Owner: free with tp_load_sender_free(). */
int tp_load_sender_create(const struct tp_load_fleet *fleet, struct tp_load_sender **out);

/** What is queued is dropped. NULL inside is fine. */
void tp_load_sender_free(struct tp_load_sender **sender);

/**
 * Send packets of one flow in a row; they may wait for tp_load_sender_flush(). A packet
 * that the kernel refuses is lost.
 *
 * @first: what the first says of itself; each further one has the next sequence
 *
 * Errors: over TCP TP_EAGAIN, nothing was taken, and TP_EIO
 */
int tp_load_sender_put(struct tp_load_sender *sender, struct tp_load_client *client,
		       const struct tp_load_packet *first, uint32_t count);

void tp_load_sender_flush(struct tp_load_sender *sender);

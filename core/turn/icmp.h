/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct tp_addr;
struct tp_allocation;
struct tp_datagram_error;
struct tp_icmp;
struct tp_server;

/* Told to clients of one worker in one loop turn; more are dropped. */
#define TP_ICMP_PER_TURN_MAX 32

/**
 * Tell the client what ICMP has told of a datagram to a peer, in a Data
 * indication without DATA (RFC 8656 section 11.5). Nothing for a type that is
 * not relayed, or for a peer without permission. It is dropped like media.
 *
 * @peer_addr: as clients know it
 */
void tp_icmp_tell_client(struct tp_allocation *allocation, const struct tp_addr *peer_addr,
			 const struct tp_datagram_error *error);

/** With the server. Sets the pointer to NULL; NULL inside is fine. */
void tp_icmp_free(struct tp_icmp **icmp);

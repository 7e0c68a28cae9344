/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

struct tp_allocation;
struct tp_datagram;
struct tp_five_tuple;
struct tp_packet;
struct tp_send_indication;
struct tp_server;
struct tp_stun_msg;

/*
 * Media between client and peer. Nothing here allocates, locks, reads the
 * clock or copies the payload: headers are written in the room in front of it. Only
 * what goes to a client of another worker is copied.
 */

/** A ChannelData message of a client (RFC 8656 section 12.6). */
void tp_relay_channel_data(struct tp_server *server, const struct tp_five_tuple *five_tuple,
			   struct tp_packet *packet);

/** A Send indication of a client (RFC 8656 section 11.2), read from the packet. */
void tp_relay_send(struct tp_server *server, const struct tp_five_tuple *five_tuple,
		   const struct tp_send_indication *send, struct tp_packet *packet);

/** The same, with whatever attributes; @msg is the packet's. */
void tp_relay_send_indication(struct tp_server *server, const struct tp_five_tuple *five_tuple,
			      const struct tp_stun_msg *msg, struct tp_packet *packet);

/**
 * What a peer has sent to the allocation's relayed address; the packet's remote
 * address is the peer's as clients know it.
 */
void tp_relay_deliver(struct tp_allocation *allocation, struct tp_packet *packet);

/** A datagram of a peer (sections 11.3 and 12.7); the owner is the allocation, NULL: drop. */
void tp_relay_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet);

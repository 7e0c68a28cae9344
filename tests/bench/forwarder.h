/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * A relay without a protocol: the same sockets as a TURN server's, and nothing
 * but the kernel's work. The floor to measure against. A test instrument for
 * loopback: it trusts every packet.
 *
 * Socket 0 is the listener; socket 1 + i is relayed socket i. What a client sends
 * begins with the number of the relayed socket to leave from, in four bytes; it
 * goes to the peer heard there last. What a peer sends to a relayed socket
 * leaves from the listener for the client heard last for it.
 */
struct forwarder {
	unsigned count; /* of relayed sockets */
	bool gro;       /* receive coalesced, send segmented */
	int *fds;       /* 1 + count */
	struct sockaddr_in *clients;
	struct sockaddr_in *peers;
};

/* Where a packet goes. */
struct forwarder_way {
	unsigned socket;
	const struct sockaddr_in *to;
};

#define FORWARDER_PACKET_MAX 2048 /* without GRO */
#define FORWARDER_COALESCED_MAX 65536
#define FORWARDER_CONTROL_SIZE CMSG_SPACE(sizeof(int))

static inline size_t forwarder_packet_max(const struct forwarder *forwarder)
{
	return forwarder->gro ? FORWARDER_COALESCED_MAX : FORWARDER_PACKET_MAX;
}

/** Remember the sender and find the way; false: drop. */
bool forwarder_route(struct forwarder *forwarder, unsigned socket, const struct sockaddr_in *from,
		     const uint8_t *bytes, size_t len, struct forwarder_way *way);

/** The segments' size as received; 0: a single datagram. */
uint16_t forwarder_segment_size(struct msghdr *msg);

/** Ask for segments of that size; @control: FORWARDER_CONTROL_SIZE bytes. */
void forwarder_set_segment_size(struct msghdr *msg, void *control, uint16_t size);

/** Run for ever; return when something failed, which has been said. */
void forwarder_run_recvfrom(struct forwarder *forwarder);
void forwarder_run_mmsg(struct forwarder *forwarder);
void forwarder_run_uring(struct forwarder *forwarder);

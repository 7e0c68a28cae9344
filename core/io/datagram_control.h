/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "io/endpoint.h"

/*
 * Ancillary data of datagrams, the same for all backends: destination address,
 * TTL and TOS, in and out; the size of segments that travel together.
 */
#define TP_CONTROL_SIZE 128
_Static_assert(TP_CONTROL_SIZE >=
		       CMSG_SPACE(sizeof(struct in6_pktinfo)) + 3 * CMSG_SPACE(sizeof(int)),
	       "all of it fits: what is cut off is lost, a segment size among it");

/**
 * Read what came with a datagram into the packet; absent values stay as they
 * are.
 *
 * Returns the segment size when the kernel has put several datagrams together
 * (UDP GRO), else 0.
 */
size_t tp_control_read(struct msghdr *msg, struct tp_packet *packet);

/**
 * Write what the packet asks for.
 *
 * @control: TP_CONTROL_SIZE bytes, aligned for struct cmsghdr
 * @from: set the source address, too (a wildcard socket)
 */
void tp_control_write(struct msghdr *msg, void *control, const struct tp_packet *packet, bool from);

/**
 * Let the kernel cut the message into datagrams of that size (UDP GSO).
 *
 * @control: as given to tp_control_write() for the message before
 */
void tp_control_write_segment_size(struct msghdr *msg, void *control, uint16_t size);

/** Take that back. */
void tp_control_drop_segment_size(struct msghdr *msg);

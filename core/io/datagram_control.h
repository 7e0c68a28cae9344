/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/socket.h>

#include "io/endpoint.h"

/*
 * Ancillary data of datagrams, the same for all backends: destination address,
 * TTL and TOS, in and out.
 */
#define TP_CONTROL_SIZE 128

/**
 * Read what came with a datagram into the packet; absent values stay as they
 * are.
 */
void tp_control_read(struct msghdr *msg, struct tp_packet *packet);

/**
 * Write what the packet asks for.
 *
 * @control: TP_CONTROL_SIZE bytes, aligned for struct cmsghdr
 * @from: set the source address, too (a wildcard socket)
 */
void tp_control_write(struct msghdr *msg, void *control, const struct tp_packet *packet, bool from);

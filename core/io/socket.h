/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

/*
 * Descriptors with the options Turnpike needs: non-blocking, close-on-exec,
 * IPv6 sockets IPv6-only.
 */
struct tp_socket_options {
	struct tp_addr bind_addr; /* port 0: the kernel chooses */
	bool reuse_port;          /* SO_REUSEPORT: one socket per worker on the same address */
	bool want_local_addr;     /* deliver the destination address (wildcard listeners) */
	bool want_tos_ttl;        /* deliver TTL and TOS of what is received */
	bool lends_port; /* of a listener: sockets that connect may be bound to its address */
	bool free_bind;  /* bind an address the host does not have yet */
	int receive_buffer_bytes; /* 0: the system's default */
	int send_buffer_bytes;    /* 0: the system's default */
};

/**
 * Bound UDP socket. Errors: TP_EADDRINUSE, TP_EPERM, TP_EFULL (descriptors),
 * TP_EIO.
 */
int tp_socket_open_udp(const struct tp_socket_options *options, int *fd);

/** Listening TCP socket, SO_REUSEADDR set. Errors as above. */
int tp_socket_open_listener(const struct tp_socket_options *options, int *fd);

/**
 * Send datagrams whole or not at all, or cut where they must be; the latter is how sockets are
 * opened. Of IPv4, what routers tell of a path never counts: they cut themselves what
 * may be cut, and what may not is for the sender to hear of. Of IPv6 the host must cut,
 * to what it has learnt of the path.
 *
 * RFC: 8656 section 14
 */
int tp_socket_set_dont_fragment(int fd, bool ipv6, bool wanted);

/** The address a descriptor is bound to. */
int tp_socket_local_addr(int fd, struct tp_addr *out);

/**
 * How many datagrams the kernel has dropped at this socket since it was opened,
 * for want of room in its receive buffer above all. It counts to 2^32 and
 * begins anew.
 *
 * Errors: TP_EIO for a descriptor that is no socket, or an old kernel
 */
int tp_socket_drops(int fd, uint32_t *out);

/** Close; -1 is fine. Sets it to -1. */
void tp_socket_close(int *fd);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

/*
 * UDP datagrams written with their IPv4 and UDP headers to the loopback
 * interface, from any of its addresses.
 */
#define TP_LOAD_INJECT_HEADER_SIZE 28

/**
 * Returns a descriptor; -1 without the right to (CAP_NET_RAW), and where the kernel does
 * not let such datagrams in, as it does only with net.ipv4.conf.lo.route_localnet = 1.
 */
int tp_load_inject_open(void);

/** On 127.0.0.0/8? Others cannot be reached this way. */
bool tp_load_inject_covers(const struct tp_addr *addr);

/** Write both headers; the UDP checksum is left out, as RFC 768 lets it. */
void tp_load_inject_write(uint8_t header[TP_LOAD_INJECT_HEADER_SIZE], const struct tp_addr *source,
			  const struct tp_addr *destination, size_t payload_len);

struct iovec;

/** Send whole datagrams, headers included. @count: up to TP_LOAD_INJECT_BATCH. */
#define TP_LOAD_INJECT_BATCH 64
void tp_load_inject_send(int fd, struct iovec *datagrams, unsigned count);

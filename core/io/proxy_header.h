/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

/*
 * The header that a proxy puts before the bytes of a connection: PROXY protocol
 * version 1 (a line of text) and 2 (binary); or before each datagram: version 2.
 */

/* Longest header taken, with the additions of version 2 that are passed over. */
#define TP_PROXY_HEADER_MAX 1024

/**
 * Read the header at the head of a stream.
 *
 * @client_addr: whom the proxy speaks for, an IPv4-mapped address as IPv4;
 *               family NONE where the proxy speaks for itself or names no IP
 *               address
 *
 * Returns the header's length, at most TP_PROXY_HEADER_MAX; 0 when there is
 * more of it to come: all of @bytes belong to it then.
 *
 * Errors: TP_EPROTO for bytes that begin no header
 */
long tp_proxy_header_parse(const uint8_t *bytes, size_t len, struct tp_addr *client_addr);

/**
 * The same at the head of a datagram, which must hold all of it.
 *
 * Returns the header's length. Errors: TP_EPROTO.
 */
long tp_proxy_header_parse_datagram(const uint8_t *bytes, size_t len, struct tp_addr *client_addr);

#define TP_PROXY_HEADER_WRITTEN_MAX 52

/**
 * Write a header of version 2 for a connection. Addresses of two families both
 * become IPv6, the other one as IPv4-mapped.
 *
 * Returns its length
 */
size_t tp_proxy_header_write(uint8_t out[TP_PROXY_HEADER_WRITTEN_MAX],
			     const struct tp_addr *client_addr, const struct tp_addr *server_addr);

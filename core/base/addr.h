/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <string.h>
#include <sys/socket.h>

#include <turnpike/addr.h>

/*
 * The internal half of turnpike/addr.h: the system's socket addresses and the
 * canonical form on which policy decides.
 */

/** From the system's form; family NONE for anything but IPv4 and IPv6. */
void tp_addr_from_sockaddr(struct tp_addr *addr, const struct sockaddr *sa);

/** To the system's form; returns its length, 0 for family NONE. */
socklen_t tp_addr_to_sockaddr(const struct tp_addr *addr, struct sockaddr_storage *out);

/** 0.0.0.0 or ::. */
bool tp_addr_is_any(const struct tp_addr *addr);

/** tp_addr_equal() and tp_addr_equal_ip(), in place. */
static inline bool tp_addr_same(const struct tp_addr *a, const struct tp_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0 && a->port == b->port &&
	       a->family == b->family && a->scope_id == b->scope_id;
}

static inline bool tp_addr_same_ip(const struct tp_addr *a, const struct tp_addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0 && a->family == b->family &&
	       a->scope_id == b->scope_id;
}

/** The same address with another port. */
struct tp_addr tp_addr_with_port(const struct tp_addr *addr, uint16_t port);

/**
 * The IPv4 address that an IPv6 address carries inside: IPv4-mapped,
 * IPv4-compatible, NAT64 well-known (64:ff9b::/96) and local-use
 * (64:ff9b:1::/48), 6to4 (2002::/16), Teredo client (2001::/32, bits
 * inverted). The port is kept.
 *
 * Returns true and sets @inner when there is one. Policy must then pass both.
 */
bool tp_addr_embedded_ipv4(const struct tp_addr *addr, struct tp_addr *inner);

/** 6to4 or Teredo: behind a tunnel that anybody may relay (RFC 8656 section 21.4). */
bool tp_addr_is_tunnelled(const struct tp_addr *addr);

/** For tables keyed by a five-tuple; IPv4 in fewer steps. */
uint64_t tp_five_tuple_hash(const void *five_tuple);

/** Write "udp 192.0.2.1:4000 > 198.51.100.2:3478". @out: TP_FIVE_TUPLE_STRING bytes. */
#define TP_FIVE_TUPLE_STRING (2 * TP_ADDR_STRING + 16)
const char *tp_five_tuple_format(const struct tp_five_tuple *five_tuple,
				 char out[TP_FIVE_TUPLE_STRING]);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/api.h>

TP_BEGIN_DECLS

enum tp_family {
	TP_FAMILY_NONE = 0,
	TP_FAMILY_IPV4 = 1, /* the numbers of RFC 8489 section 14.1 */
	TP_FAMILY_IPV6 = 2,
};

/*
 * A transport address, or an IP address when the port does not matter. No
 * padding: two equal addresses are equal bytes, so it can be a table's key.
 */
struct tp_addr {
	uint8_t family;    /* enum tp_family */
	uint8_t reserved;  /* 0 */
	uint16_t port;     /* host byte order; 0 for none */
	uint8_t bytes[16]; /* network byte order; IPv4 in the first four, the rest 0 */
	uint32_t scope_id; /* interface of a link-local IPv6 address; 0 otherwise */
};

enum tp_transport {
	TP_TRANSPORT_UDP = 0,
	TP_TRANSPORT_TCP = 1,
	TP_TRANSPORT_TLS = 2,
	TP_TRANSPORT_DTLS = 3,
};
#define TP_TRANSPORT_COUNT 4

/* RFC 8656 section 3: the five-tuple between client and server. No padding. */
struct tp_five_tuple {
	struct tp_addr client_addr; /* as the server sees it */
	struct tp_addr server_addr; /* the local address the client sent to */
	uint32_t transport;         /* enum tp_transport */
};

/* Room for "[2001:db8:ffff:ffff:ffff:ffff:255.255.255.255%4294967295]:65535" and NUL. */
#define TP_ADDR_STRING 72

static inline uint16_t tp_addr_port(const struct tp_addr *addr)
{
	return addr->port;
}

static inline enum tp_family tp_addr_family(const struct tp_addr *addr)
{
	return (enum tp_family)addr->family;
}

/**
 * Read "192.0.2.1:3478", "[2001:db8::1]:3478", "192.0.2.1" or "2001:db8::1".
 *
 * @text: NUL-terminated; nothing may follow the address
 * @out:  port 0 where none is written
 *
 * Thread: any
 * Errors: TP_EINVAL for anything else; never a name look-up
 */
TP_API int tp_addr_parse(const char *text, struct tp_addr *out);

/**
 * Write an address as tp_addr_parse() reads it; no port when it is 0.
 *
 * @out: TP_ADDR_STRING bytes
 *
 * Owner:  returns @out
 * Thread: any
 */
TP_API const char *tp_addr_format(const struct tp_addr *addr, char out[TP_ADDR_STRING]);

/** Same address and same port. Thread: any. */
TP_API bool tp_addr_equal(const struct tp_addr *a, const struct tp_addr *b);

/** Same IP address; ports are not looked at. Thread: any. */
TP_API bool tp_addr_equal_ip(const struct tp_addr *a, const struct tp_addr *b);

/** "udp", "tcp", "tls" or "dtls". Owner: static storage. Thread: any. */
TP_API const char *tp_transport_name(enum tp_transport transport);

TP_END_DECLS

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "io/endpoint.h"

struct tp_build;
struct tp_transaction;

/*
 * NAT behaviour discovery (RFC 5780): a Binding request over UDP says from which
 * of four sockets, to which port and how long its response is to be. Only on
 * endpoints that tp_behavior_join() has put together; on all others its
 * attributes are unknown (420).
 *
 * A connection has one way for its responses. Those of tp_turn_options'
 * stream_behaviors only tell where they come from and where the client may
 * connect to, to find out how its NATs map (section 3.1).
 *
 * What it adds to a server's reach is bounded: a response is never longer than
 * the request by more than its own attributes, goes to the IP address of the
 * request, and counts against that address's limit of unverified answers.
 */

/* Two IP addresses with the same two ports each. */
#define TP_BEHAVIOR_SOCKETS 4

/* Bits of a socket's place among them; 0 is the listener's own address. */
#define TP_BEHAVIOR_OTHER_PORT 1u
#define TP_BEHAVIOR_OTHER_IP 2u

struct tp_behavior {
	struct tp_endpoint *endpoints[TP_BEHAVIOR_SOCKETS];
	struct tp_addr addrs[TP_BEHAVIOR_SOCKETS];
};

/**
 * Let the four UDP endpoints answer for each other. All are on one loop; they
 * and @behavior stay until that loop has delivered its last packet.
 *
 * @behavior: filled, by place
 */
void tp_behavior_join(struct tp_behavior *behavior);

/** May the request have the attributes of RFC 5780? */
bool tp_behavior_allowed(const struct tp_transaction *transaction);

/** tp_method_knows_attribute(), and CHANGE-REQUEST, PADDING and RESPONSE-PORT. */
bool tp_behavior_knows_attribute(uint16_t type);

/* Where and how the success response leaves. */
struct tp_behavior_route {
	struct tp_endpoint *endpoint;
	struct tp_five_tuple five_tuple;
	struct tp_addr other_addr; /* both IP address and port are the others */
	size_t padding;            /* bytes of PADDING */
	uint8_t *bytes;            /* for a padded response, in the arena; NULL: no PADDING */
};

/**
 * Read what a Binding request asks for and set transaction->route, which stays
 * NULL where this is not allowed.
 *
 * Returns 0 or an error code: 400 for RESPONSE-PORT beside PADDING and for
 * malformed attributes (RFC 5780 section 6.1), 500 when out of memory
 */
uint16_t tp_behavior_route(struct tp_transaction *transaction);

/**
 * MAPPED-ADDRESS, RESPONSE-ORIGIN, OTHER-ADDRESS and PADDING of the success
 * response; nothing where the server has no other address. (RFC 5780 section 6.1)
 */
void tp_behavior_write(struct tp_transaction *transaction, struct tp_build *build);

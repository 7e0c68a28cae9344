/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/addr.h>

/*
 * What the NAT between here and a server does, found out with the server's help
 * (RFC 5780 section 4). How requests travel is the caller's business.
 */

enum tp_nat_behavior {
	TP_NAT_UNKNOWN,
	TP_NAT_ENDPOINT_INDEPENDENT,
	TP_NAT_ADDRESS_DEPENDENT,
	TP_NAT_ADDRESS_AND_PORT_DEPENDENT,
};

/* The response to a Binding request. */
struct tp_nat_answer {
	bool arrived;
	uint16_t code;              /* of an error; 0: success */
	struct tp_addr from;        /* where it came from */
	struct tp_addr mapped_addr; /* XOR-MAPPED-ADDRESS */
	struct tp_addr plain_addr;  /* MAPPED-ADDRESS; family NONE: not there, like the next */
	struct tp_addr other_addr;  /* OTHER-ADDRESS */
};

/* Flags of CHANGE-REQUEST (RFC 5780 section 7.2). */
#define TP_NAT_CHANGE_IP 0x4u
#define TP_NAT_CHANGE_PORT 0x2u

/* Each on a port that nothing has been sent from before. */
enum tp_nat_socket {
	TP_NAT_FILTERING,
	TP_NAT_MAPPING,
	TP_NAT_HAIRPIN,
	TP_NAT_SOCKETS,
};

struct tp_nat_network {
	void *owner;
	struct tp_addr local_addrs[TP_NAT_SOCKETS];
	/* Send a request and wait. @change: flags; 0: no CHANGE-REQUEST. */
	void (*ask)(void *owner, enum tp_nat_socket from, const struct tp_addr *to, uint32_t change,
		    struct tp_nat_answer *out);
	bool stream; /* no CHANGE-REQUEST, so filtering is not found out */
	/* Does a request from TP_NAT_HAIRPIN to this address come in at @at? */
	bool (*returns)(void *owner, const struct tp_addr *to, enum tp_nat_socket at);
};

struct tp_nat_findings {
	bool reached;               /* the server has answered */
	uint16_t code;              /* with this error; 0: none */
	bool translated;            /* the mapped address is not our own */
	bool rewritten;             /* something on the way changes addresses inside packets */
	struct tp_addr local_addr;  /* family NONE: unknown, like the next two */
	struct tp_addr mapped_addr; /* what the server sees */
	struct tp_addr other_addr;  /* of the server */
	enum tp_nat_behavior mapping;
	enum tp_nat_behavior filtering;
	bool stream;  /* filtering is not found out */
	bool hairpin; /* packets to our own mapped address come back */
};

/** Find out all that the server allows. @server_addr: its primary address. */
void tp_nat_discover(const struct tp_nat_network *network, const struct tp_addr *server_addr,
		     struct tp_nat_findings *out);

/** Mapping and, of datagrams, filtering are known. */
bool tp_nat_complete(const struct tp_nat_findings *findings);

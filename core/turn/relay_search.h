/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

struct tp_live_ports;
struct tp_relay_choice;
struct tp_server;
struct tp_turn_options;

/* A walk through the relayed addresses and ports for one that is free. */
struct tp_relay_search {
	enum tp_family family;
	bool even;                            /* an even port */
	bool pair;                            /* and the one above it */
	const struct tp_relay_choice *choice; /* of a plugin; NULL: any */
	const struct tp_live_ports *live;     /* of ours; the kernel knows those of others */
	/*
	 * Have the port, or both. Errors: TP_EADDRINUSE, and the next port is tried;
	 * any other is the end of the walk through this address.
	 */
	int (*open)(struct tp_server *server, size_t address, uint16_t port, void *owner);
	void *owner;
};

/**
 * Returns 0 when a port was opened, or the error code for the client: 440 when no
 * address of the family is configured, 508 when no port, descriptor or memory is
 * left, or the choice is none of ours.
 */
uint16_t tp_relay_search(struct tp_server *server, const struct tp_relay_search *search);

/** Fill in the range of ports a choice means; false when they are none of ours. */
bool tp_relay_choice_ports(const struct tp_turn_options *options, struct tp_relay_choice *choice);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cli/nat.h"

#define TP_NAT_CONNECTIONS_MAX 8

/*
 * Three TCP ports as a tp_nat_network: from each any number of connections is
 * made, and they stay, so that what is mapped stays mapped.
 */
struct tp_nat_streams {
	int listeners[TP_NAT_SOCKETS]; /* hold the ports, and take what comes back */
	int connections[TP_NAT_CONNECTIONS_MAX];
	size_t connection_count;
	uint32_t timeout_ms; /* for each answer, connecting included */
	struct tp_nat_network network;
};

/**
 * Take the ports on the address from which the server is reached.
 *
 * Owner:  close with tp_nat_streams_close(), also after an error
 * Errors: what sockets return
 */
int tp_nat_streams_open(struct tp_nat_streams *streams, const struct tp_addr *server_addr,
			uint32_t timeout_ms);
void tp_nat_streams_close(struct tp_nat_streams *streams);

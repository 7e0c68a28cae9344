/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "cli/nat.h"

/* Three UDP sockets on fresh ports, as a tp_nat_network. */
struct tp_nat_sockets {
	int fds[TP_NAT_SOCKETS];
	uint32_t timeout_ms; /* for each answer, retransmissions included */
	struct tp_nat_network network;
};

/**
 * Bind the sockets to the address from which the server is reached.
 *
 * Owner:  close with tp_nat_sockets_close(), also after an error
 * Errors: what sockets return
 */
int tp_nat_sockets_open(struct tp_nat_sockets *sockets, const struct tp_addr *server_addr,
			uint32_t timeout_ms);
void tp_nat_sockets_close(struct tp_nat_sockets *sockets);

/**
 * The address that the kernel would send to the server from; port 0.
 *
 * Errors: what sockets return
 */
int tp_nat_local_addr(const struct tp_addr *server_addr, struct tp_addr *out);

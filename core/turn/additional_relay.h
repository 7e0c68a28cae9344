/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/wheel.h"
#include "turn/relay_socket.h"

struct tp_allocation;

/*
 * The second relayed transport address of a dual allocation, of the other
 * address family (RFC 8656 sections 6 and 7.2): a socket and a time-to-expiry of its own. When the
 * first ends before it, it takes the first one's place.
 */
struct tp_additional_relay {
	struct tp_relay_socket socket;
	struct tp_allocation *allocation;
	struct tp_timer expiry;
};

/** Make room for one: allocation->additional, without socket. Errors: TP_ENOMEM. */
int tp_additional_relay_create(struct tp_allocation *allocation);

/** Its socket, taken over. */
void tp_additional_relay_take(struct tp_allocation *allocation, struct tp_relay_socket *socket);

/** Close it; nothing when there is none. */
void tp_additional_relay_free(struct tp_allocation *allocation);

/** Close the first one and put this in its place. */
void tp_additional_relay_promote(struct tp_allocation *allocation);

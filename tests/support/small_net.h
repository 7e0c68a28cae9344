/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

/*
 * A network of the thread's own, with nothing in it but a loopback interface whose
 * MTU is that of a real link. Sockets stay in the network they were opened in.
 */
struct small_net {
	int before; /* where the thread was; -1: nowhere else */
};

/** Enter. False, and nothing has changed, without the privilege to make one. */
bool small_net_enter(struct small_net *net, int mtu);

/** Go back; nothing when that was false. */
void small_net_leave(struct small_net *net);

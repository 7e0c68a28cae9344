/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

/*
 * The addresses of a back end, which no client may have relayed to: the daemon
 * stands where the back end trusts it. One per instance, shared by its workers.
 * Thread of all functions but free: any.
 */
struct backend_peers;

#define BACKEND_PEERS_MAX 64 /* beyond, the oldest is forgotten */

/** NULL when out of memory. */
struct backend_peers *backend_peers_create(void);
/** Sets the pointer to NULL; NULL inside is fine. */
void backend_peers_free(struct backend_peers **peers);

/** An address of the back end; its port does not matter. Adding it once more is fine. */
void backend_peers_add(struct backend_peers *peers, const struct tp_addr *addr);

/** The same for what an open socket is connected to; what is no IP address is passed over. */
void backend_peers_add_socket(struct backend_peers *peers, int fd);

/** Also an IPv4 address inside an IPv6 one: mapped, compatible, NAT64, 6to4. */
bool backend_peers_has(struct backend_peers *peers, const struct tp_addr *addr);

/** For the handlers of these events: 403 for an address of the back end, else TP_PASS. */
enum tp_verdict backend_peers_before_permission(struct backend_peers *peers,
						struct tp_request *request,
						const struct tp_before_permission *event);
enum tp_verdict backend_peers_before_connect(struct backend_peers *peers,
					     struct tp_request *request,
					     const struct tp_before_connect *event);

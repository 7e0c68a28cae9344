/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct tp_datagram_options;
struct tp_server;

/*
 * What ICMP tells of datagrams to peers: for plugins, on_turn_peer_error, and for
 * the client. The kernel is asked for it only when somebody wants to know while a relayed
 * socket is opened, since it fails a call on the socket each time.
 */

/**
 * What a relayed socket of the server is opened with; the owner is the
 * allocation, or the shared relay where ports are shared.
 */
void tp_peer_error_ask(const struct tp_server *server, struct tp_datagram_options *options);

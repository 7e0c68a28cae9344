/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct tp_addr;
struct tp_tcp_relay;

/**
 * A peer has connected to a relayed address (RFC 6062 section 5.3): the client
 * is told, or the connection is closed.
 *
 * @fd:          taken over
 * @remote_addr: as it came
 */
void tp_connection_attempt(struct tp_tcp_relay *relay, int fd, const struct tp_addr *remote_addr);

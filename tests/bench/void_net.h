/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "support/bare_server.h"

/*
 * A server whose network takes everything and keeps nothing: what is measured
 * on it is the protocol alone.
 */

#define VOID_NET_PAYLOAD 172 /* bytes: 20 ms of G.711 in RTP */

extern const struct tp_datagram_backend void_net_backend;

/* A client's message that carries the payload. */
struct void_net_message {
	uint8_t bytes[256];
	size_t len;
};

/** Open; @plugin_dir: where "hooks" is, NULL: no plugin. Its clients' endpoint swallows. */
void void_net_open(struct bare_server *bare, const char *plugin_dir);

/** ChannelData on the channel that bare_server_allocate() binds. */
void void_net_channel_data(struct void_net_message *message);

/** A Send indication to a peer. */
void void_net_send_indication(struct void_net_message *message, const struct tp_addr *peer_addr);

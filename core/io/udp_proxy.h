/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <turnpike/addr.h>

#include "io/datagram.h"

struct tp_prefix_set;

/*
 * Proxies in front of a UDP socket: each of their datagrams begins with a PROXY
 * header of version 2, and the client is whom it names. What is for a client goes
 * back, without a header, to where its latest datagram has come from.
 *
 * That way is known for the client whose datagram is being handled, and
 * otherwise only for those who are held: nothing is kept for a source because it
 * has sent something.
 */
struct tp_udp_proxy;

/**
 * @proxies:  who is trusted; borrowed, outlives it
 * @held_max: clients that are held at a time
 *
 * Errors: TP_ENOMEM
 */
int tp_udp_proxy_create(const struct tp_prefix_set *proxies, size_t held_max,
			struct tp_udp_proxy **out);
/** Sets the pointer to NULL; NULL inside is fine. */
void tp_udp_proxy_free(struct tp_udp_proxy **proxy);

/**
 * A datagram has come. If a proxy has sent it, its header is taken off and
 * packet->remote_addr becomes the client; one of anybody else stays as it is.
 *
 * Returns false for one of a proxy without a header; it has been counted.
 */
bool tp_udp_proxy_unwrap(struct tp_udp_proxy *proxy, struct tp_packet *packet);

/**
 * Keep the way back to a client until it has been released as often. Nothing to do
 * for one who has not come through a proxy.
 *
 * Errors: TP_EFULL, counted; TP_ENOMEM
 */
int tp_udp_proxy_hold(struct tp_udp_proxy *proxy, const struct tp_five_tuple *five_tuple);
void tp_udp_proxy_release(struct tp_udp_proxy *proxy, const struct tp_five_tuple *five_tuple);

/** Clients that are held now. */
size_t tp_udp_proxy_held(const struct tp_udp_proxy *proxy);

/**
 * Where to send what is for a client.
 *
 * @proxy: NULL: to the client itself
 */
struct tp_addr tp_udp_proxy_way(const struct tp_udp_proxy *proxy, const struct tp_addr *client_addr,
				const struct tp_addr *server_addr);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/certs.h"
#include "io/endpoint.h"
#include "io/socket.h"

struct tp_loop;
struct tp_prefix_set;

/*
 * DTLS 1.2 over a UDP listener. Nothing is kept for a source before it has
 * returned the cookie (RFC 6347 section 4.2.1); the cookie secret is the
 * process's, so any worker may verify it. Each session is an endpoint; each
 * record holds one message. ALPN as in stream.h.
 */
struct tp_dtls_options {
	struct tp_socket_options socket;
	struct tp_certs *certs; /* a reference is taken */
	size_t max_sessions;    /* per listener; more get no answer and are counted */
	uint32_t handshake_timeout_ms;
	uint32_t idle_timeout_ms;
	/* Of a listener: proxies in front (io/udp_proxy.h); NULL: none; borrowed, outlives it. */
	const struct tp_prefix_set *proxies;
	bool plain_too; /* of a listener: UDP, too, told by the first byte (RFC 7983) */
};

struct tp_dtls_listener;

int tp_dtls_listener_open(struct tp_loop *loop, const struct tp_dtls_options *options,
			  const struct tp_endpoint_handler *handler, struct tp_dtls_listener **out);
/** As those of stream.h, for sessions. */
void tp_dtls_listener_use_certs(struct tp_dtls_listener *listener, struct tp_certs *certs);
size_t tp_dtls_listener_count(const struct tp_dtls_listener *listener);
/** No new sessions; those there live on. */
void tp_dtls_listener_pause(struct tp_dtls_listener *listener);
void tp_dtls_listener_close(struct tp_dtls_listener **listener);
const struct tp_addr *tp_dtls_listener_addr(const struct tp_dtls_listener *listener);

/** Connect as a client (turnpike-probe); as tp_stream_connect(). */
int tp_dtls_connect(struct tp_loop *loop, const struct tp_addr *remote_addr,
		    const struct tp_dtls_options *options, const char *server_name,
		    const struct tp_endpoint_handler *handler, struct tp_endpoint **out);

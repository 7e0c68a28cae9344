/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/certs.h"
#include "io/endpoint.h"
#include "io/socket.h"

struct tp_back_end;
struct tp_loop;
struct tp_prefix_set;

/*
 * TCP and TLS listeners and connections. A connection delivers whole messages
 * (stun/frame.h); bytes that are none close it. Output is bounded: beyond
 * queue_bytes media is dropped oldest first. A connection that has sent no
 * whole message within handshake_timeout_ms of connecting (TLS handshake
 * included), or nothing at all for idle_timeout_ms, closes.
 *
 * TLS is the same with certificates: 1.2 and 1.3, ALPN "stun.turn" and
 * "stun.nat-discovery" (a client that offers only others is refused, RFC 7443).
 *
 * A client from one of "proxies" must begin with a PROXY protocol header, before
 * TLS; whom it names is the five-tuple's client address from then on.
 *
 * With a back end (io/transit.h), a connection whose first bytes are not for us
 * is passed on to it. For us is a STUN message where TCP is heard and, with
 * certificates, a ClientHello that offers "stun.turn" or "stun.nat-discovery";
 * or no ALPN at all, and no server name or one of ours.
 */
struct tp_stream_options {
	struct tp_socket_options socket;
	struct tp_certs *certs; /* NULL: plain TCP; a reference is taken */
	size_t queue_bytes;     /* per connection */
	size_t max_connections; /* per listener; more are closed at once and counted */
	uint32_t handshake_timeout_ms;
	uint32_t idle_timeout_ms;
	/* Of a listener: */
	bool plain_too;                      /* with certs: TCP, too; the first byte tells */
	const struct tp_prefix_set *proxies; /* NULL: none; borrowed, outlives it */
	const struct tp_back_end *back_end;  /* NULL: none; likewise */
};

struct tp_stream_listener;

int tp_stream_listener_open(struct tp_loop *loop, const struct tp_stream_options *options,
			    const struct tp_endpoint_handler *handler,
			    struct tp_stream_listener **out);
/**
 * Connections accepted from now on use these; those there keep theirs. @certs: a
 * reference is taken; only for a listener that has some.
 */
void tp_stream_listener_use_certs(struct tp_stream_listener *listener, struct tp_certs *certs);
/** Connections now. */
size_t tp_stream_listener_count(const struct tp_stream_listener *listener);
/** Stop accepting; connections live on. */
void tp_stream_listener_pause(struct tp_stream_listener *listener);
/**
 * Closes the connections, too. Sets the pointer to NULL; NULL inside is fine.
 */
void tp_stream_listener_close(struct tp_stream_listener **listener);
const struct tp_addr *tp_stream_listener_addr(const struct tp_stream_listener *listener);

/**
 * Connect as a client (turnpike-probe). handler->opened tells success,
 * handler->exception failure.
 *
 * @server_name: for SNI and verification with certs; NULL: verify by address
 */
int tp_stream_connect(struct tp_loop *loop, const struct tp_addr *remote_addr,
		      const struct tp_stream_options *options, const char *server_name,
		      const struct tp_endpoint_handler *handler, struct tp_endpoint **out);

/*
 * What a TLS or DTLS endpoint knows of its peer; empty strings for what is not
 * there.
 */
struct tp_tls_peer {
	char version[16]; /* "TLS1.3", "DTLS1.2" */
	char cipher[64];
	char alpn[32];
	char server_name[256];
};

/** Errors: TP_EINVAL for an endpoint without TLS. */
int tp_endpoint_tls_peer(struct tp_endpoint *endpoint, struct tp_tls_peer *out);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <gnutls/gnutls.h>

#include "io/certs.h"
#include "io/endpoint.h"
#include "io/stream.h"

/*
 * A GnuTLS session, the same for TLS over a stream and DTLS over datagrams:
 * versions, ALPN, verification. How its bytes travel is the owner's business.
 * TLS 1.2 and 1.3 or DTLS 1.2, no renegotiation, no tickets (RFC 7525, 7443).
 */
struct tp_tls {
	gnutls_session_t session; /* NULL: none */
	struct tp_certs *certs;
	char *server_name;   /* what a client verifies; NULL: nothing */
	const char *problem; /* why it failed, in words; static storage */
};

struct tp_tls_options {
	struct tp_certs *certs; /* a reference is taken */
	bool server;
	bool datagram;
	bool ask_certificate; /* of a server: from clients, who need not have one */
	/* Of a client: */
	const char *server_name;           /* for SNI and verification; NULL: by address */
	const struct tp_addr *remote_addr; /* verified without server_name */
};

/** Errors: TP_ENOMEM, TP_EIO. */
int tp_tls_init(struct tp_tls *tls, const struct tp_tls_options *options);
/** Says nothing to the peer. Harmless on a zeroed one. */
void tp_tls_fini(struct tp_tls *tls);

/**
 * Go on with the handshake as far as it goes now.
 *
 * Errors: TP_EAGAIN for more, TP_EAUTH when verification failed, TP_EPROTO;
 *         an alert has been sent then and tls->problem is set
 */
int tp_tls_handshake(struct tp_tls *tls);

/** What the handshake or write that returned TP_EAGAIN waits for: writing? */
bool tp_tls_wants_write(const struct tp_tls *tls);

/**
 * Read what one record holds.
 *
 * Returns the length, 0 when the peer has closed; TP_EAGAIN, or TP_EPROTO with
 * tls->problem set
 */
long tp_tls_read(struct tp_tls *tls, uint8_t *out, size_t size);

/**
 * Returns the length written. Errors: TP_EAGAIN (then again with the same
 * bytes), TP_EIO.
 */
long tp_tls_write(struct tp_tls *tls, const uint8_t *bytes, size_t len);

/**
 * Tell the peer that no more will come.
 *
 * Errors: TP_EAGAIN; else it is said, or cannot be
 */
int tp_tls_bye(struct tp_tls *tls);

void tp_tls_describe(const struct tp_tls *tls, struct tp_tls_peer *out);

/* What a layer above is told when the handshake is done, and where it is kept. */
struct tp_tls_report {
	struct tp_tls_peer peer;
	char description[sizeof(((struct tp_tls_peer *)0)->version) +
			 sizeof(((struct tp_tls_peer *)0)->cipher)];
	struct tp_endpoint_security security;
};

/** Returns &@out->security, as long as the session lives; NULL without a session. */
const struct tp_endpoint_security *tp_tls_report(const struct tp_tls *tls,
						 struct tp_tls_report *out);

/**
 * The session of an endpoint that is a TLS connection, a DTLS session; NULL for
 * any other.
 */
const struct tp_tls *tp_stream_tls(const struct tp_endpoint *endpoint);
const struct tp_tls *tp_dtls_tls(const struct tp_endpoint *endpoint);

gnutls_certificate_credentials_t tp_certs_credentials(const struct tp_certs *certs);
bool tp_certs_verify(const struct tp_certs *certs);

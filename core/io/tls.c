/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"

/* Without RSA's own key exchange: NORMAL has it before DHE, RFC 8489 section 6.2.3 after. */
#define TLS_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:%SERVER_PRECEDENCE"
#define DTLS_PRIORITY "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-RSA:%SERVER_PRECEDENCE"

static pthread_once_t priorities_once = PTHREAD_ONCE_INIT;
static gnutls_priority_t priorities[2]; /* TLS, DTLS; the process's */

static void priorities_make(void)
{
	if (gnutls_priority_init(&priorities[0], TLS_PRIORITY, NULL) != 0) {
		priorities[0] = NULL;
	}
	if (gnutls_priority_init(&priorities[1], DTLS_PRIORITY, NULL) != 0) {
		priorities[1] = NULL;
	}
}

/*
 * RFC 7443: refuse a client that offers only others; one that offers none is
 * welcome.
 */
static int set_alpn(struct tp_tls *tls)
{
	static unsigned char turn[] = "stun.turn";
	static unsigned char discovery[] = "stun.nat-discovery";
	const gnutls_datum_t protocols[] = {
		{turn, sizeof(turn) - 1},
		{discovery, sizeof(discovery) - 1},
	};

	return gnutls_alpn_set_protocols(tls->session, protocols, 2, GNUTLS_ALPN_MANDATORY);
}

/* An address is verified like a name, but is no SNI (RFC 6066 section 3). */
static int set_client(struct tp_tls *tls, const struct tp_tls_options *options)
{
	char text[TP_ADDR_STRING];
	struct in6_addr ignored;
	struct tp_addr bare;
	const char *name = options->server_name;

	if (name == NULL) {
		bare = tp_addr_with_port(options->remote_addr, 0);
		bare.scope_id = 0;
		name = tp_addr_format(&bare, text);
	}
	tls->server_name = strdup(name);
	if (tls->server_name == NULL) {
		return TP_ENOMEM;
	}
	if (inet_pton(AF_INET, name, &ignored) != 1 && inet_pton(AF_INET6, name, &ignored) != 1 &&
	    gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, name, strlen(name)) != 0) {
		return TP_EIO;
	}
	if (tp_certs_verify(tls->certs)) {
		gnutls_session_set_verify_cert(tls->session, tls->server_name, 0);
	}
	return 0;
}

static int set_up(struct tp_tls *tls, const struct tp_tls_options *options)
{
	gnutls_priority_t priority = priorities[options->datagram ? 1 : 0];

	if (priority == NULL || gnutls_priority_set(tls->session, priority) != 0 ||
	    gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE,
				   tp_certs_credentials(tls->certs)) != 0 ||
	    set_alpn(tls) != 0) {
		return TP_EIO;
	}
	gnutls_handshake_set_timeout(tls->session, GNUTLS_INDEFINITE_TIMEOUT);
	if (options->server) {
		gnutls_certificate_server_set_request(tls->session, options->ask_certificate
									    ? GNUTLS_CERT_REQUEST
									    : GNUTLS_CERT_IGNORE);
		return 0;
	}
	return set_client(tls, options);
}

int tp_tls_init(struct tp_tls *tls, const struct tp_tls_options *options)
{
	unsigned flags = GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL | GNUTLS_NO_TICKETS;
	int err;

	pthread_once(&priorities_once, priorities_make);
	flags |= options->server ? GNUTLS_SERVER : GNUTLS_CLIENT;
	flags |= options->datagram ? GNUTLS_DATAGRAM : 0;
	*tls = (struct tp_tls){.certs = tp_certs_ref(options->certs)};
	if (gnutls_init(&tls->session, flags) != 0) {
		tls->session = NULL;
		tp_tls_fini(tls);
		return TP_ENOMEM;
	}
	err = set_up(tls, options);
	if (err != 0) {
		tp_tls_fini(tls);
	}
	return err;
}

void tp_tls_fini(struct tp_tls *tls)
{
	if (tls->session != NULL) {
		gnutls_deinit(tls->session);
		tls->session = NULL;
	}
	tp_certs_unref(&tls->certs);
	free(tls->server_name);
	tls->server_name = NULL;
}

static bool is_again(long code)
{
	return code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED;
}

/* What is wrong with the server's certificate, the most telling first. */
static const char *verification_problem(gnutls_session_t session)
{
	unsigned status = gnutls_session_get_verify_cert_status(session);

	if ((status & GNUTLS_CERT_SIGNER_NOT_FOUND) != 0) {
		return "the certificate's issuer is not known here";
	}
	if ((status & GNUTLS_CERT_UNEXPECTED_OWNER) != 0) {
		return "the certificate is for another name";
	}
	if ((status & GNUTLS_CERT_EXPIRED) != 0) {
		return "the certificate has expired";
	}
	if ((status & GNUTLS_CERT_NOT_ACTIVATED) != 0) {
		return "the certificate is not valid yet";
	}
	return "the certificate does not verify";
}

static void note_problem(struct tp_tls *tls, long code)
{
	if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR) {
		tls->problem = verification_problem(tls->session);
	} else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
		tls->problem = gnutls_alert_get_name(gnutls_alert_get(tls->session));
	} else {
		tls->problem = gnutls_strerror((int)code);
	}
	if (tls->problem == NULL) {
		tls->problem = "unknown alert";
	}
}

int tp_tls_handshake(struct tp_tls *tls)
{
	int code;

	do {
		code = gnutls_handshake(tls->session);
	} while (code < 0 && !is_again(code) && !gnutls_error_is_fatal(code));
	if (code == 0) {
		return 0;
	}
	if (is_again(code)) {
		return TP_EAGAIN;
	}
	note_problem(tls, code);
	if (code != GNUTLS_E_FATAL_ALERT_RECEIVED) {
		(void)gnutls_alert_send_appropriate(tls->session, code);
	}
	return code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR ? TP_EAUTH : TP_EPROTO;
}

bool tp_tls_wants_write(const struct tp_tls *tls)
{
	return gnutls_record_get_direction(tls->session) == 1;
}

long tp_tls_read(struct tp_tls *tls, uint8_t *out, size_t size)
{
	ssize_t len = gnutls_record_recv(tls->session, out, size);

	if (len >= 0) {
		return len;
	}
	if (is_again(len)) {
		return TP_EAGAIN;
	}
	if (len == GNUTLS_E_PREMATURE_TERMINATION) {
		return 0;
	}
	if (len == GNUTLS_E_WARNING_ALERT_RECEIVED) {
		return TP_EAGAIN;
	}
	note_problem(tls, len); /* GNUTLS_E_REHANDSHAKE is one: no renegotiation */
	return TP_EPROTO;
}

long tp_tls_write(struct tp_tls *tls, const uint8_t *bytes, size_t len)
{
	ssize_t written = gnutls_record_send(tls->session, bytes, len);

	if (written >= 0) {
		return written;
	}
	if (is_again(written)) {
		return TP_EAGAIN;
	}
	note_problem(tls, written);
	return TP_EIO;
}

int tp_tls_bye(struct tp_tls *tls)
{
	return is_again(gnutls_bye(tls->session, GNUTLS_SHUT_WR)) ? TP_EAGAIN : 0;
}

static void describe_alpn(const struct tp_tls *tls, struct tp_tls_peer *out)
{
	gnutls_datum_t protocol;

	if (gnutls_alpn_get_selected_protocol(tls->session, &protocol) == 0) {
		snprintf(out->alpn, sizeof(out->alpn), "%.*s", (int)protocol.size,
			 (const char *)protocol.data);
	}
}

static void describe_server_name(const struct tp_tls *tls, struct tp_tls_peer *out)
{
	size_t size = sizeof(out->server_name);
	unsigned type;

	if (gnutls_server_name_get(tls->session, out->server_name, &size, &type, 0) != 0 ||
	    type != GNUTLS_NAME_DNS) {
		out->server_name[0] = '\0';
	}
}

void tp_tls_describe(const struct tp_tls *tls, struct tp_tls_peer *out)
{
	const char *version = gnutls_protocol_get_name(gnutls_protocol_get_version(tls->session));
	const char *cipher = gnutls_ciphersuite_get(tls->session);

	memset(out, 0, sizeof(*out));
	snprintf(out->version, sizeof(out->version), "%s", version != NULL ? version : "");
	snprintf(out->cipher, sizeof(out->cipher), "%s", cipher != NULL ? cipher : "");
	describe_alpn(tls, out);
	describe_server_name(tls, out);
}

static const char *text_or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

const struct tp_endpoint_security *tp_tls_report(const struct tp_tls *tls,
						 struct tp_tls_report *out)
{
	const gnutls_datum_t *chain;
	unsigned count = 0;

	if (tls->session == NULL) {
		return NULL;
	}
	tp_tls_describe(tls, &out->peer);
	snprintf(out->description, sizeof(out->description), "%s %s", out->peer.version,
		 out->peer.cipher);
	out->security = (struct tp_endpoint_security){
		.description = out->description,
		.server_name = text_or_null(out->peer.server_name),
		.alpn = text_or_null(out->peer.alpn),
	};
	chain = gnutls_certificate_get_peers(tls->session, &count);
	if (chain != NULL && count > 0) {
		out->security.certificate = chain[0].data;
		out->security.certificate_len = chain[0].size;
	}
	return &out->security;
}

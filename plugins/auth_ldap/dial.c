/* SPDX-License-Identifier: Apache-2.0 */
#include "dial.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/secret_file.h"

#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_PROBES 3
#define KEEPALIVE_INTERVAL_S 5

static struct timeval timeout_of(const struct settings *settings)
{
	uint64_t ms = settings->connect_timeout_ms;

	return (struct timeval){(time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};
}

/* --- options -------------------------------------------------------------------------------- */

static int set_int(LDAP *ldap, int option, int value)
{
	return ldap_set_option(ldap, option, &value);
}

static int set_tls(LDAP *ldap, const struct settings *settings)
{
	int err = set_int(ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, LDAP_OPT_X_TLS_DEMAND);

	if (err == LDAP_OPT_SUCCESS && settings->ca_file != NULL) {
		err = ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTFILE, settings->ca_file);
	}
	if (err == LDAP_OPT_SUCCESS) {
		err = set_int(ldap, LDAP_OPT_X_TLS_PROTOCOL_MIN, LDAP_OPT_X_TLS_PROTOCOL_TLS1_2);
	}
	if (err == LDAP_OPT_SUCCESS) { /* last: makes all of the above count */
		err = set_int(ldap, LDAP_OPT_X_TLS_NEWCTX, 0);
	}
	return err;
}

static int set_options(LDAP *ldap, const struct settings *settings)
{
	struct timeval timeout = timeout_of(settings);
	int err = set_int(ldap, LDAP_OPT_PROTOCOL_VERSION, LDAP_VERSION3);

	ldap_set_option(ldap, LDAP_OPT_NETWORK_TIMEOUT, &timeout);
	ldap_set_option(ldap, LDAP_OPT_TIMEOUT, &timeout);
	ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	set_int(ldap, LDAP_OPT_DEREF, LDAP_DEREF_NEVER);
	set_int(ldap, LDAP_OPT_X_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S);
	set_int(ldap, LDAP_OPT_X_KEEPALIVE_PROBES, KEEPALIVE_PROBES);
	set_int(ldap, LDAP_OPT_X_KEEPALIVE_INTERVAL, KEEPALIVE_INTERVAL_S);
	return err == LDAP_OPT_SUCCESS ? set_tls(ldap, settings) : err;
}

/*
 * Called by libldap between TCP and TLS: whatever it waits for without a deadline of
 * its own has this one, and no message is larger than that.
 */
static int connected(LDAP *ldap, Sockbuf *sockbuf, LDAPURLDesc *server, struct sockaddr *addr,
		     struct ldap_conncb *callback)
{
	struct timeval *timeout = NULL;
	ber_len_t max = DIAL_ANSWER_MAX;
	int fd = -1;

	ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_SET_MAX_INCOMING, &max);
	ldap_get_option(ldap, LDAP_OPT_NETWORK_TIMEOUT, &timeout);
	if (timeout != NULL && ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_GET_FD, &fd) == 1) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, timeout, sizeof(*timeout));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, timeout, sizeof(*timeout));
	}
	ldap_memfree(timeout);
	return 0;
}

static void disconnected(LDAP *ldap, Sockbuf *sockbuf, struct ldap_conncb *callback)
{
}

/* Called once more when the handle ends. */
static struct ldap_conncb connection_callback = {connected, disconnected, NULL};

int dial_prepare(const struct settings *settings)
{
	LDAP *ldap = NULL;
	int err = ldap_initialize(&ldap, settings->uris[0]);

	if (err == LDAP_SUCCESS) {
		err = set_options(ldap, settings);
		ldap_destroy(ldap);
	}
	return err == LDAP_SUCCESS ? 0 : TP_EINVAL;
}

/* --- steps ---------------------------------------------------------------------------------- */

static int bind_with(LDAP *ldap, const char *dn, const char *password)
{
	struct berval secret = {strlen(password), (char *)password};

	return ldap_sasl_bind_s(ldap, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

/* RFC 4513 section 5.1.2: a name without a password would be let in as nobody. */
static int bind_as_service(LDAP *ldap, const struct settings *settings)
{
	char problem[SECRET_FILE_PROBLEM_SIZE];
	struct secret_file file;
	int err = LDAP_PARAM_ERROR;

	if (settings->bind_dn == NULL) {
		return bind_with(ldap, NULL, "");
	}
	if (secret_file_read(settings->bind_password_file, &file, problem) != 0) {
		return LDAP_PARAM_ERROR;
	}
	if (file.count == 1) {
		err = bind_with(ldap, settings->bind_dn, file.lines[0]);
	}
	secret_file_wipe(&file);
	return err;
}

static int connect_and_bind(LDAP *ldap, const struct settings *settings)
{
	int err = settings->starttls ? ldap_start_tls_s(ldap, NULL, NULL) : LDAP_SUCCESS;

	return err == LDAP_SUCCESS ? bind_as_service(ldap, settings) : err;
}

static bool stop_blocking(LDAP *ldap)
{
	Sockbuf *sockbuf = NULL;

	return ldap_get_option(ldap, LDAP_OPT_SOCKBUF, &sockbuf) == LDAP_OPT_SUCCESS &&
	       sockbuf != NULL && ber_sockbuf_ctrl(sockbuf, LBER_SB_OPT_SET_NONBLOCK, sockbuf) == 1;
}

/* What libldap and the server have to say, in brackets. */
static void complain(LDAP *ldap, const char *uri, int err, char *problem)
{
	char *words = NULL;
	size_t len = strlen(problem);

	ldap_get_option(ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &words);
	snprintf(problem + len, DIAL_PROBLEM_SIZE - len, "%s%s: %s%s%.100s%s", len == 0 ? "" : "; ",
		 uri, err == LDAP_PARAM_ERROR ? "no password to bind with" : ldap_err2string(err),
		 words == NULL || words[0] == '\0' ? "" : " (", words == NULL ? "" : words,
		 words == NULL || words[0] == '\0' ? "" : ")");
	ldap_memfree(words);
}

static LDAP *dial_one(const struct settings *settings, const char *uri, char *problem)
{
	LDAP *ldap = NULL;
	int err = ldap_initialize(&ldap, uri);

	if (err == LDAP_SUCCESS) {
		err = set_options(ldap, settings);
	}
	if (err == LDAP_SUCCESS) {
		ldap_set_option(ldap, LDAP_OPT_CONNECT_CB, &connection_callback);
		err = connect_and_bind(ldap, settings);
	}
	if (err == LDAP_SUCCESS && !stop_blocking(ldap)) {
		err = LDAP_LOCAL_ERROR;
	}
	if (err != LDAP_SUCCESS) {
		complain(ldap, uri, err, problem);
		if (ldap != NULL) {
			ldap_destroy(ldap);
		}
		return NULL;
	}
	return ldap;
}

LDAP *dial(const struct settings *settings, char problem[DIAL_PROBLEM_SIZE])
{
	LDAP *ldap = NULL;

	problem[0] = '\0';
	for (size_t i = 0; i < settings->uri_count && ldap == NULL; i++) {
		ldap = dial_one(settings, settings->uris[i], problem);
	}
	return ldap;
}

void dial_hang_up(LDAP **ldap)
{
	if (*ldap != NULL) {
		ldap_unbind_ext(*ldap, NULL, NULL);
		*ldap = NULL;
	}
}

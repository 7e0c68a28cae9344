/* SPDX-License-Identifier: Apache-2.0 */
#include "tcp_stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include <turnpike/addr.h>

struct tcp_stream_tls {
	gnutls_certificate_credentials_t credentials;
	bool verify;
};

struct tcp_stream {
	int fd;
	bool connected;
	bool wants_write;
	gnutls_session_t session; /* NULL: no TLS */
};

/* --- TLS ------------------------------------------------------------------------------------- */

static int load(struct tcp_stream_tls *tls, const char *ca_file, const char *certificate,
		const char *key)
{
	int err = gnutls_certificate_allocate_credentials(&tls->credentials);

	if (err < 0) {
		return err;
	}
	if (tls->verify) {
		err = ca_file == NULL ? gnutls_certificate_set_x509_system_trust(tls->credentials)
				      : gnutls_certificate_set_x509_trust_file(
						tls->credentials, ca_file, GNUTLS_X509_FMT_PEM);
	}
	if (err >= 0 && certificate != NULL) {
		err = gnutls_certificate_set_x509_key_file(tls->credentials, certificate,
							   key == NULL ? certificate : key,
							   GNUTLS_X509_FMT_PEM);
	}
	return err;
}

struct tcp_stream_tls *tcp_stream_tls_create(bool verify, const char *ca_file,
					     const char *certificate, const char *key,
					     char problem[TCP_STREAM_PROBLEM_SIZE])
{
	struct tcp_stream_tls *tls = calloc(1, sizeof(*tls));
	int err;

	if (tls == NULL) {
		snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "out of memory");
		return NULL;
	}
	tls->verify = verify;
	err = load(tls, ca_file, certificate, key);
	if (err < 0) {
		snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "certificates cannot be read: %s",
			 gnutls_strerror(err));
		tcp_stream_tls_free(&tls);
	}
	return tls;
}

void tcp_stream_tls_free(struct tcp_stream_tls **tls)
{
	if (*tls != NULL) {
		if ((*tls)->credentials != NULL) {
			gnutls_certificate_free_credentials((*tls)->credentials);
		}
		free(*tls);
	}
	*tls = NULL;
}

static int start_tls(struct tcp_stream *stream, const char *host, const struct tcp_stream_tls *tls)
{
	struct tp_addr addr;
	int err = gnutls_init(&stream->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);

	if (err < 0) {
		stream->session = NULL;
		return err;
	}
	gnutls_transport_set_int(stream->session, stream->fd);
	err = gnutls_set_default_priority(stream->session);
	if (err >= 0) {
		err = gnutls_credentials_set(stream->session, GNUTLS_CRD_CERTIFICATE,
					     tls->credentials);
	}
	if (err >= 0 && tp_addr_parse(host, &addr) != 0) {
		err = gnutls_server_name_set(stream->session, GNUTLS_NAME_DNS, host, strlen(host));
	}
	if (tls->verify) {
		gnutls_session_set_verify_cert(stream->session, host, 0);
	}
	return err;
}

static void say_why(gnutls_session_t session, int err, char problem[TCP_STREAM_PROBLEM_SIZE])
{
	gnutls_datum_t sentence;

	if (err == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
	    gnutls_certificate_verification_status_print(
		    gnutls_session_get_verify_cert_status(session),
		    gnutls_certificate_type_get(session), &sentence, 0) >= 0) {
		snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "%s", (const char *)sentence.data);
		gnutls_free(sentence.data);
		return;
	}
	snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "TLS: %s", gnutls_strerror(err));
}

static int handshake(struct tcp_stream *stream, char problem[TCP_STREAM_PROBLEM_SIZE])
{
	int err;

	do {
		err = gnutls_handshake(stream->session);
	} while (err == GNUTLS_E_INTERRUPTED || err == GNUTLS_E_WARNING_ALERT_RECEIVED);
	if (err == GNUTLS_E_AGAIN) {
		stream->wants_write = gnutls_record_get_direction(stream->session) == 1;
		return TCP_STREAM_AGAIN;
	}
	if (err < 0) {
		say_why(stream->session, err, problem);
		return TCP_STREAM_LOST;
	}
	return 1;
}

/* --- connecting ---------------------------------------------------------------------- */

static bool make_unix(const char *path, struct sockaddr_storage *out, socklen_t *len)
{
	struct sockaddr_un *address = (struct sockaddr_un *)out;

	if (strlen(path) >= sizeof(address->sun_path)) {
		return false;
	}
	memset(out, 0, sizeof(*out));
	address->sun_family = AF_UNIX;
	strcpy(address->sun_path, path);
	*len = sizeof(*address);
	return true;
}

static bool make_tcp(const char *text, uint16_t port, struct sockaddr_storage *out, socklen_t *len)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *found;
	char service[8];

	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(text, service, &hints, &found) != 0) {
		return false;
	}
	memcpy(out, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

static int start_connecting(const struct sockaddr_storage *address, socklen_t len)
{
	int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1;

	if (fd < 0) {
		return -1;
	}
	if (address->ss_family != AF_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
	if (connect(fd, (const struct sockaddr *)address, len) != 0 && errno != EINPROGRESS) {
		int before = errno;

		close(fd);
		errno = before;
		return -1;
	}
	return fd;
}

struct tcp_stream *tcp_stream_open(const char *address, uint16_t port, const char *host,
				   struct tcp_stream_tls *tls,
				   char problem[TCP_STREAM_PROBLEM_SIZE])
{
	struct sockaddr_storage to;
	struct tcp_stream *stream;
	socklen_t len;

	if (address[0] == '/' ? !make_unix(address, &to, &len)
			      : !make_tcp(address, port, &to, &len)) {
		snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "%s is no address", address);
		return NULL;
	}
	stream = calloc(1, sizeof(*stream));
	if (stream == NULL) {
		snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "out of memory");
		return NULL;
	}
	stream->wants_write = true;
	stream->fd = start_connecting(&to, len);
	if (stream->fd < 0) {
		snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "%s", strerror(errno));
		tcp_stream_close(&stream);
	} else if (tls != NULL && start_tls(stream, host, tls) < 0) {
		snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "TLS cannot begin");
		tcp_stream_close(&stream);
	}
	return stream;
}

void tcp_stream_close(struct tcp_stream **stream)
{
	if (*stream != NULL) {
		if ((*stream)->session != NULL) {
			gnutls_deinit((*stream)->session);
		}
		if ((*stream)->fd >= 0) {
			close((*stream)->fd);
		}
		free(*stream);
	}
	*stream = NULL;
}

int tcp_stream_fd(const struct tcp_stream *stream)
{
	return stream->fd;
}

bool tcp_stream_wants_write(const struct tcp_stream *stream)
{
	return stream->wants_write;
}

int tcp_stream_connect(struct tcp_stream *stream, char problem[TCP_STREAM_PROBLEM_SIZE])
{
	int err = 0;
	socklen_t len = sizeof(err);

	if (!stream->connected) {
		getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		if (err != 0) {
			snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "%s", strerror(err));
			return TCP_STREAM_LOST;
		}
		stream->connected = true;
	}
	return stream->session == NULL ? 1 : handshake(stream, problem);
}

/* --- bytes --------------------------------------------------------------------------- */

static ssize_t tls_result(struct tcp_stream *stream, ssize_t result)
{
	if (result == GNUTLS_E_AGAIN || result == GNUTLS_E_INTERRUPTED) {
		stream->wants_write = gnutls_record_get_direction(stream->session) == 1;
		return TCP_STREAM_AGAIN;
	}
	return result >= 0 ? result : TCP_STREAM_LOST;
}

static ssize_t plain_result(struct tcp_stream *stream, ssize_t result, bool writing)
{
	if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
		stream->wants_write = writing;
		return TCP_STREAM_AGAIN;
	}
	return result >= 0 ? result : TCP_STREAM_LOST;
}

ssize_t tcp_stream_receive(struct tcp_stream *stream, void *bytes, size_t size)
{
	if (stream->session != NULL) {
		return tls_result(stream, gnutls_record_recv(stream->session, bytes, size));
	}
	return plain_result(stream, recv(stream->fd, bytes, size, 0), false);
}

ssize_t tcp_stream_send(struct tcp_stream *stream, const void *bytes, size_t len)
{
	if (stream->session != NULL) {
		return tls_result(stream, gnutls_record_send(stream->session, bytes, len));
	}
	return plain_result(stream, send(stream->fd, bytes, len, MSG_NOSIGNAL), true);
}

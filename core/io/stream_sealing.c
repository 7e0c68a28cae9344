/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "io/stream_connection.h"

/*
 * TLS records on their way out. Each message is a record of its own, for there
 * are clients that take one for the other; those of a turn leave in one call.
 * What GnuTLS has sealed must leave, in its order: it is kept until the kernel
 * takes it.
 */

#define RECORD_MAX (TP_STREAM_READ_MAX + 512) /* with what sealing adds */
#define SEALED_ENOUGH 16384
#define UNSENT_MAX (64 * 1024) /* a batch and what GnuTLS says of itself */

struct tp_stream_sealed {
	size_t len;
	uint8_t bytes[SEALED_ENOUGH + RECORD_MAX];
};

/* Keep behind what has not left yet. Errors: TP_EFULL, TP_ENOMEM. */
static int keep_unsent(struct tp_connection *connection, const uint8_t *bytes, size_t len)
{
	struct tp_stream_rest *unsent = &connection->unsent;
	uint8_t *grown;

	if (len > UNSENT_MAX - unsent->len) {
		return TP_EFULL;
	}
	grown = realloc(unsent->bytes, unsent->len + len);
	if (grown == NULL) {
		return TP_ENOMEM;
	}
	memcpy(grown + unsent->len, bytes, len);
	unsent->bytes = grown;
	unsent->len += len;
	return 0;
}

/* Returns the bytes that have left, 0 when there is no room. Errors: TP_EIO. */
static long send_some(struct tp_connection *connection, const uint8_t *bytes, size_t len)
{
	ssize_t sent = send(connection->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (sent >= 0) {
		return sent;
	}
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? 0 : TP_EIO;
}

int tp_connection_write_unsent(struct tp_connection *connection)
{
	struct tp_stream_rest *unsent = &connection->unsent;
	long sent;

	if (unsent->bytes == NULL) {
		return 0;
	}
	sent = send_some(connection, unsent->bytes + unsent->at, unsent->len - unsent->at);
	if (sent < 0) {
		return (int)sent;
	}
	unsent->at += (size_t)sent;
	if (unsent->at < unsent->len) {
		return TP_EAGAIN;
	}
	tp_stream_rest_fini(unsent);
	return 0;
}

/* Errors: TP_EIO, TP_EFULL, TP_ENOMEM. */
static int send_or_keep(struct tp_connection *connection, const uint8_t *bytes, size_t len)
{
	long sent = 0;

	if (connection->unsent.bytes == NULL) {
		sent = send_some(connection, bytes, len);
	}
	if (sent < 0) {
		return (int)sent;
	}
	return (size_t)sent == len ? 0 : keep_unsent(connection, bytes + sent, len - (size_t)sent);
}

/* --- what GnuTLS sends ---------------------------------------------------- */

/* As far as the kernel takes it: GnuTLS comes again with the rest. */
static ssize_t push_handshake(struct tp_connection *connection, const giovec_t *pieces, int count)
{
	struct msghdr msg = {
		.msg_iov = (struct iovec *)(uintptr_t)pieces, /* the same, only read */
		.msg_iovlen = (size_t)count,
	};
	ssize_t len = sendmsg(connection->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (len < 0) {
		gnutls_transport_set_errno(connection->tls.session, errno);
	}
	return len;
}

static int push_record(struct tp_connection *connection, const giovec_t *piece)
{
	struct tp_stream_sealed *sealed = connection->sealing;

	if (sealed == NULL) {
		return send_or_keep(connection, piece->iov_base, piece->iov_len);
	}
	if (piece->iov_len > sizeof(sealed->bytes) - sealed->len) {
		return TP_EFULL;
	}
	memcpy(sealed->bytes + sealed->len, piece->iov_base, piece->iov_len);
	sealed->len += piece->iov_len;
	return 0;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const giovec_t *pieces, int count)
{
	struct tp_connection *connection = ptr;
	ssize_t len = 0;

	if (connection->state == TP_CONNECTION_HANDSHAKE) {
		return push_handshake(connection, pieces, count);
	}
	for (int i = 0; i < count; i++) {
		if (push_record(connection, &pieces[i]) != 0) {
			gnutls_transport_set_errno(connection->tls.session, EPIPE);
			return -1;
		}
		len += (ssize_t)pieces[i].iov_len;
	}
	if (connection->unsent.bytes != NULL && !connection->blocked) {
		tp_connection_want_write(connection);
	}
	return len;
}

void tp_connection_set_push(struct tp_connection *connection)
{
	gnutls_transport_set_vec_push_function(connection->tls.session, push);
}

/* --- messages ------------------------------------------------------------- */

/* Seal at most a record of the piece. Returns the bytes sealed, or TP_EIO. */
static long seal(struct tp_connection *connection, const struct iovec *piece)
{
	size_t len = piece->iov_len < TP_STREAM_READ_MAX ? piece->iov_len : TP_STREAM_READ_MAX;
	long sealed = tp_tls_write(&connection->tls, piece->iov_base, len);

	return sealed > 0 ? sealed : TP_EIO;
}

/* Several, to leave together. */
static long seal_all(struct tp_connection *connection, const struct iovec *pieces, int count)
{
	struct tp_stream_sealed sealed;
	long sum = 0;
	long len = 0;

	sealed.len = 0;
	connection->sealing = &sealed;
	for (int i = 0; i < count && sealed.len < SEALED_ENOUGH; i++) {
		len = seal(connection, &pieces[i]);
		if (len < 0) {
			break;
		}
		sum += len;
		if ((size_t)len < pieces[i].iov_len) {
			break;
		}
	}
	connection->sealing = NULL;
	if (len < 0 || send_or_keep(connection, sealed.bytes, sealed.len) != 0) {
		return TP_EIO;
	}
	return sum;
}

long tp_connection_seal(struct tp_connection *connection, const struct iovec *pieces, int count)
{
	return count == 1 ? seal(connection, &pieces[0]) : seal_all(connection, pieces, count);
}

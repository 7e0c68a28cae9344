/* SPDX-License-Identifier: Apache-2.0 */
#include "io/splice_side.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "io/socket.h"

static bool is_again(int code)
{
	return code == EAGAIN || code == EWOULDBLOCK || code == EINTR;
}

/* --- what GnuTLS reads and writes ----------------------------------------- */

static size_t pull_sealed(struct tp_splice_side *side, void *out, size_t size)
{
	struct tp_stream_rest *sealed = &side->sealed;
	size_t len = sealed->len - sealed->at;

	len = size < len ? size : len;
	memcpy(out, sealed->bytes + sealed->at, len);
	sealed->at += len;
	if (sealed->at == sealed->len) {
		tp_stream_rest_fini(sealed);
	}
	return len;
}

static ssize_t pull(gnutls_transport_ptr_t ptr, void *out, size_t size)
{
	struct tp_splice_side *side = ptr;
	ssize_t len;

	if (side->sealed.bytes != NULL) {
		return (ssize_t)pull_sealed(side, out, size);
	}
	len = recv(side->fd, out, size, MSG_DONTWAIT);
	if (len < 0) {
		gnutls_transport_set_errno(side->tls.session, errno);
	}
	return len;
}

/* Only a handshake waits, and that is over. */
static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned wait_ms)
{
	(void)ptr;
	(void)wait_ms;
	return 1;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const giovec_t *pieces, int count)
{
	struct tp_splice_side *side = ptr;
	struct msghdr msg = {
		.msg_iov = (struct iovec *)(uintptr_t)pieces, /* the same, only read */
		.msg_iovlen = (size_t)count,
	};
	ssize_t len = sendmsg(side->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (len < 0) {
		gnutls_transport_set_errno(side->tls.session, errno);
	}
	return len;
}

/* --- life ------------------------------------------------------------------ */

/*
 * What comes was cut into pieces by its sender: waiting for more gains nothing.
 * That somebody has gone without a word is noticed in the end.
 */
static void set_options(int fd)
{
	int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

void tp_splice_side_init(struct tp_splice_side *side, struct tp_stream_remains *remains)
{
	*side = (struct tp_splice_side){
		.fd = remains->fd,
		.tls = remains->tls,
		.sealed = remains->sealed,
	};
	remains->fd = -1;
	remains->tls = (struct tp_tls){.session = NULL};
	remains->sealed = (struct tp_stream_rest){0};
	set_options(side->fd);
	if (side->tls.session != NULL) {
		gnutls_transport_set_ptr(side->tls.session, side);
		gnutls_transport_set_pull_function(side->tls.session, pull);
		gnutls_transport_set_pull_timeout_function(side->tls.session, pull_timeout);
		gnutls_transport_set_vec_push_function(side->tls.session, push);
	}
}

void tp_splice_side_fini(struct tp_splice_side *side, bool reset)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	if (reset) {
		(void)setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	} else if (side->tls.session != NULL) {
		(void)tp_tls_bye(&side->tls);
	}
	tp_tls_fini(&side->tls);
	tp_stream_rest_fini(&side->sealed);
	tp_socket_close(&side->fd);
}

/* --- bytes ------------------------------------------------------------------ */

long tp_splice_side_read(struct tp_splice_side *side, uint8_t *out, size_t size)
{
	ssize_t len;

	if (side->tls.session != NULL) {
		long opened = tp_tls_read(&side->tls, out, size);

		return opened >= 0 || opened == TP_EAGAIN ? opened : TP_EIO;
	}
	len = recv(side->fd, out, size, MSG_DONTWAIT);
	if (len >= 0) {
		return len;
	}
	return is_again(errno) ? TP_EAGAIN : TP_EIO;
}

long tp_splice_side_write(struct tp_splice_side *side, const uint8_t *bytes, size_t len)
{
	ssize_t written;

	if (side->tls.session != NULL) {
		return tp_tls_write(&side->tls, bytes, len);
	}
	written = send(side->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (written >= 0) {
		return written;
	}
	return is_again(errno) ? TP_EAGAIN : TP_EIO;
}

int tp_splice_side_shut(struct tp_splice_side *side)
{
	if (side->tls.session != NULL && tp_tls_bye(&side->tls) == TP_EAGAIN) {
		return TP_EAGAIN;
	}
	(void)shutdown(side->fd, SHUT_WR);
	return 0;
}

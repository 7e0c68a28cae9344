/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dialer.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "io/socket.h"
#include "io/watch.h"

struct tp_dialer {
	int fd; /* -1: done */
	struct tp_watch *watch;
	void (*done)(void *owner, int fd);
	void *owner;
};

/* A failed connection is writable, too. */
static void on_writable(void *owner)
{
	struct tp_dialer *dialer = owner;
	socklen_t size = sizeof(int);
	int fd = dialer->fd;
	int code = 0;

	tp_watch_free(&dialer->watch);
	dialer->fd = -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0 || code != 0) {
		tp_socket_close(&fd);
	}
	dialer->done(dialer->owner, fd);
}

static int error_of(int code)
{
	switch (code) {
	case EADDRINUSE:
	case EADDRNOTAVAIL:
		return TP_EADDRINUSE;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return TP_EFULL;
	default:
		return TP_EIO;
	}
}

/* The port may be a listener's, and that of connections to others. */
static int bind_to(int fd, const struct tp_addr *from)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(from, &sa);
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
	    bind(fd, (const struct sockaddr *)&sa, len) != 0) {
		return error_of(errno);
	}
	return 0;
}

static int open_connecting(const struct tp_addr *from, const struct tp_addr *to, int *out)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(to, &sa);
	int fd;
	int err;

	if (len == 0 || from->family != to->family) {
		return TP_EINVAL;
	}
	fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1) {
		return error_of(errno);
	}
	err = bind_to(fd, from);
	if (err == 0 && connect(fd, (const struct sockaddr *)&sa, len) != 0 &&
	    errno != EINPROGRESS) {
		err = error_of(errno);
	}
	if (err != 0) {
		tp_socket_close(&fd);
		return err;
	}
	*out = fd;
	return 0;
}

int tp_dialer_start(struct tp_loop *loop, const struct tp_addr *from, const struct tp_addr *to,
		    void (*done)(void *owner, int fd), void *owner, struct tp_dialer **out)
{
	struct tp_dialer *dialer = calloc(1, sizeof(*dialer));
	int err;

	if (dialer == NULL) {
		return TP_ENOMEM;
	}
	dialer->fd = -1;
	dialer->done = done;
	dialer->owner = owner;
	err = open_connecting(from, to, &dialer->fd);
	if (err == 0) {
		err = tp_watch_create(loop, dialer->fd, TP_WATCH_WRITABLE, on_writable, dialer,
				      &dialer->watch);
	}
	if (err != 0) {
		tp_dialer_free(&dialer);
		return err;
	}
	*out = dialer;
	return 0;
}

void tp_dialer_free(struct tp_dialer **where)
{
	struct tp_dialer *dialer = *where;

	*where = NULL;
	if (dialer == NULL) {
		return;
	}
	tp_watch_free(&dialer->watch);
	tp_socket_close(&dialer->fd);
	free(dialer);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dialer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

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

/* Returns 0 or an errno. */
static int result_of(int fd)
{
	socklen_t size = sizeof(int);
	int code = 0;

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno;
}

/* A failed connection is writable, too. */
static void on_writable(void *owner)
{
	struct tp_dialer *dialer = owner;
	int fd = dialer->fd;
	int code = result_of(fd);

	tp_watch_free(&dialer->watch);
	dialer->fd = -1;
	if (code != 0) {
		tp_socket_close(&fd);
	}
	errno = code;
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

static int open_connecting(const struct tp_addr *from, const struct sockaddr *to, socklen_t to_len,
			   int *out)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd == -1) {
		return error_of(errno);
	}
	if (from != NULL) {
		err = bind_to(fd, from);
	}
	if (err == 0 && connect(fd, to, to_len) != 0 && errno != EINPROGRESS) {
		err = error_of(errno);
	}
	if (err != 0) {
		tp_socket_close(&fd);
		return err;
	}
	*out = fd;
	return 0;
}

/* @dialer: done and owner are set */
static int start(struct tp_loop *loop, const struct tp_dialer *dialer, const struct tp_addr *from,
		 const struct sockaddr *to, socklen_t to_len, struct tp_dialer **out)
{
	struct tp_dialer *started = malloc(sizeof(*started));
	int err;

	if (started == NULL) {
		return TP_ENOMEM;
	}
	*started = *dialer;
	started->fd = -1;
	err = open_connecting(from, to, to_len, &started->fd);
	if (err == 0) {
		err = tp_watch_create(loop, started->fd, TP_WATCH_WRITABLE, on_writable, started,
				      &started->watch);
	}
	if (err != 0) {
		tp_dialer_free(&started);
		return err;
	}
	*out = started;
	return 0;
}

int tp_dialer_start(struct tp_loop *loop, const struct tp_addr *from, const struct tp_addr *to,
		    void (*done)(void *owner, int fd), void *owner, struct tp_dialer **out)
{
	const struct tp_dialer dialer = {.done = done, .owner = owner};
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(to, &sa);

	if (len == 0 || (from != NULL && from->family != to->family)) {
		errno = EAFNOSUPPORT;
		return TP_EINVAL;
	}
	return start(loop, &dialer, from, (const struct sockaddr *)&sa, len, out);
}

int tp_dialer_start_path(struct tp_loop *loop, const char *path, void (*done)(void *owner, int fd),
			 void *owner, struct tp_dialer **out)
{
	const struct tp_dialer dialer = {.done = done, .owner = owner};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	if (len >= sizeof(sa.sun_path)) {
		errno = ENAMETOOLONG;
		return TP_EINVAL;
	}
	memcpy(sa.sun_path, path, len);
	return start(loop, &dialer, NULL, (const struct sockaddr *)&sa, sizeof(sa), out);
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

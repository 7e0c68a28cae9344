/* SPDX-License-Identifier: Apache-2.0 */
#include "io/acceptor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/counter.h"
#include "io/loop.h"

#define ACCEPT_MAX 16       /* connections accepted before others have their turn */
#define ACCEPT_RETRY_MS 100 /* pause when descriptors have run out */

struct tp_acceptor {
	struct tp_loop *loop;
	void (*accepted)(void *owner, int fd, const struct tp_addr *remote_addr);
	void *owner;
	struct tp_addr local_addr;
	int fd; /* -1: closed, freed when nobody is inside */
	bool inside;
	struct event acceptable;
	struct tp_timer retry; /* accept again after descriptors ran out */
	struct tp_counter *failed;
};

/*
 * The connection stays in the kernel's queue, so the descriptor would be ready
 * at once again.
 */
static void pause_accepting(struct tp_acceptor *acceptor)
{
	tp_counter_add(acceptor->failed, 1);
	event_del(&acceptor->acceptable);
	tp_loop_arm(acceptor->loop, &acceptor->retry,
		    tp_loop_now_ms(acceptor->loop) + ACCEPT_RETRY_MS);
}

static void on_retry(struct tp_timer *timer)
{
	struct tp_acceptor *acceptor = tp_container_of(timer, struct tp_acceptor, retry);

	if (event_add(&acceptor->acceptable, NULL) != 0) {
		pause_accepting(acceptor);
	}
}

/* Returns false when there is no more for now. */
static bool accept_one(struct tp_acceptor *acceptor)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);
	int fd = accept4(acceptor->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct tp_addr remote_addr;

	if (fd != -1) {
		tp_addr_from_sockaddr(&remote_addr, (const struct sockaddr *)&sa);
		acceptor->accepted(acceptor->owner, fd, &remote_addr);
		return true;
	}
	switch (errno) {
	case EAGAIN:
		return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		pause_accepting(acceptor);
		return false;
	default: /* that connection has ended meanwhile */
		return true;
	}
}

static void on_acceptable(evutil_socket_t fd, short what, void *arg)
{
	struct tp_acceptor *acceptor = arg;

	(void)fd;
	(void)what;
	acceptor->inside = true;
	for (int i = 0; i < ACCEPT_MAX && acceptor->fd != -1 && accept_one(acceptor); i++) {
	}
	acceptor->inside = false;
	if (acceptor->fd == -1) {
		free(acceptor);
	}
}

static int listen_on(struct tp_acceptor *acceptor, const struct tp_socket_options *options)
{
	struct event_base *base = tp_loop_event_base(acceptor->loop);
	int err = tp_socket_open_listener(options, &acceptor->fd);

	if (err != 0) {
		acceptor->fd = -1;
		return err;
	}
	err = tp_socket_local_addr(acceptor->fd, &acceptor->local_addr);
	if (err != 0) {
		return err;
	}
	if (event_assign(&acceptor->acceptable, base, acceptor->fd, EV_READ | EV_PERSIST,
			 on_acceptable, acceptor) != 0) {
		return TP_EIO;
	}
	return event_add(&acceptor->acceptable, NULL) == 0 ? 0 : TP_ENOMEM;
}

int tp_acceptor_open(struct tp_loop *loop, const struct tp_socket_options *options,
		     void (*accepted)(void *owner, int fd, const struct tp_addr *remote_addr),
		     void *owner, struct tp_acceptor **out)
{
	struct tp_acceptor *acceptor = calloc(1, sizeof(*acceptor));
	int err;

	if (acceptor == NULL) {
		return TP_ENOMEM;
	}
	acceptor->loop = loop;
	acceptor->accepted = accepted;
	acceptor->owner = owner;
	acceptor->fd = -1;
	acceptor->failed =
		tp_counter_named("io.accept_failed", "connections the system could not give");
	tp_timer_init(&acceptor->retry, on_retry);
	err = listen_on(acceptor, options);
	if (err != 0) {
		tp_socket_close(&acceptor->fd);
		free(acceptor);
		return err;
	}
	*out = acceptor;
	return 0;
}

void tp_acceptor_close(struct tp_acceptor **where)
{
	struct tp_acceptor *acceptor = *where;

	*where = NULL;
	if (acceptor == NULL) {
		return;
	}
	event_del(&acceptor->acceptable);
	tp_loop_cancel(acceptor->loop, &acceptor->retry);
	tp_socket_close(&acceptor->fd);
	if (!acceptor->inside) {
		free(acceptor);
	}
}

const struct tp_addr *tp_acceptor_addr(const struct tp_acceptor *acceptor)
{
	return &acceptor->local_addr;
}

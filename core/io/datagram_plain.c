/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/counter.h"
#include "io/datagram_backends.h"
#include "io/datagram_control.h"
#include "io/datagram_errors.h"
#include "io/datagram_fd.h"
#include "io/loop.h"

/*
 * One datagram a call. A datagram in is delivered in the loop's one buffer and
 * what comes of it leaves at once, so the buffer is free for the next.
 */

#define RECEIVE_MAX 32 /* datagrams of one socket before others have their turn */

struct plain_loop {
	struct tp_datagram_fd *receiving; /* NULL also when closed inside its callback */
	struct tp_counter *truncated;
	struct tp_datagram_refusals refusals;
	alignas(16) uint8_t buffer[TP_DATAGRAM_BUFFER_SIZE];
};

static int loop_open(struct tp_loop *loop, void **state)
{
	struct plain_loop *plain = calloc(1, sizeof(*plain));

	(void)loop;
	if (plain == NULL) {
		return TP_ENOMEM;
	}
	plain->truncated =
		tp_counter_named("io.datagrams_truncated", "datagrams larger than a buffer");
	tp_datagram_refusals_init(&plain->refusals);
	*state = plain;
	return 0;
}

static void loop_close(struct tp_loop *loop, void *state)
{
	(void)loop;
	free(state);
}

/* Returns false when nothing more is there. */
static bool receive_one(struct tp_datagram_fd *datagram, struct plain_loop *plain)
{
	alignas(struct cmsghdr) char control[TP_CONTROL_SIZE];
	struct sockaddr_storage from;
	struct iovec iov = {plain->buffer + TP_PACKET_HEADROOM, TP_DATAGRAM_MAX};
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct tp_packet packet = {.data = iov.iov_base, .ttl = -1, .tos = -1};
	struct tp_loop *loop = datagram->datagram.loop;
	ssize_t len = recvmsg(datagram->fd, &msg, 0);

	if (len < 0) {
		/*
		 * an ICMP error of an earlier send is not the end of the queue
		 */
		bool ended = errno == EAGAIN || errno == EWOULDBLOCK;

		tp_datagram_errors_read(datagram);
		return !ended;
	}
	if ((msg.msg_flags & MSG_TRUNC) != 0) {
		tp_counter_add(plain->truncated, 1);
		return true;
	}
	packet.len = (size_t)len;
	packet.local_addr = datagram->datagram.local_addr;
	tp_addr_from_sockaddr(&packet.remote_addr, (const struct sockaddr *)&from);
	tp_control_read(&msg, &packet);
	datagram->datagram.receive(datagram->datagram.owner, &datagram->datagram, &packet);
	tp_loop_flush(loop); /* the buffer is used again; it may close the socket */
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tp_datagram_fd *datagram = arg;
	struct plain_loop *plain = tp_loop_backend_state(datagram->datagram.loop);
	int i = 0;

	(void)fd;
	(void)what;
	plain->receiving = datagram;
	while (i < RECEIVE_MAX && receive_one(datagram, plain) && plain->receiving != NULL) {
		i++;
	}
	plain->receiving = NULL;
}

static int plain_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
		      struct tp_datagram **out)
{
	return tp_datagram_fd_open(loop, options, fd, on_readable, out);
}

static int plain_release(struct tp_datagram *datagram)
{
	struct plain_loop *plain = tp_loop_backend_state(datagram->loop);

	if (plain->receiving == (struct tp_datagram_fd *)datagram) {
		plain->receiving = NULL;
	}
	return tp_datagram_fd_release(datagram);
}

static void plain_close(struct tp_datagram *datagram)
{
	int fd = plain_release(datagram);

	tp_socket_close(&fd);
}

static int plain_send(struct tp_datagram *datagram, const struct tp_packet *packet, bool stable)
{
	struct tp_datagram_fd *sender = (struct tp_datagram_fd *)datagram;
	struct plain_loop *plain = tp_loop_backend_state(datagram->loop);
	alignas(struct cmsghdr) char control[TP_CONTROL_SIZE];
	struct sockaddr_storage to;
	struct iovec iov = {packet->data, packet->len};
	struct msghdr msg = {
		.msg_name = &to,
		.msg_namelen = tp_addr_to_sockaddr(&packet->remote_addr, &to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};

	(void)stable;
	tp_control_write(&msg, control, packet, sender->wildcard);
	tp_datagram_fd_set_dont_fragment(sender, packet->dont_fragment);
	if (sendmsg(sender->fd, &msg, MSG_NOSIGNAL) < 0 &&
	    (!tp_datagram_errors_soon(sender, errno, &packet->remote_addr) ||
	     sendmsg(sender->fd, &msg, MSG_NOSIGNAL) < 0)) {
		int error = errno;

		tp_datagram_refusals_count(&plain->refusals, sender, error, 1);
		return error == EAGAIN || error == ENOBUFS ? TP_EFULL : TP_EIO;
	}
	return 0;
}

const struct tp_datagram_backend tp_datagram_plain = {
	.name = "plain",
	.loop_open = loop_open,
	.loop_close = loop_close,
	.open = plain_open,
	.close = plain_close,
	.release = plain_release,
	.count_drops = tp_datagram_fd_count_drops,
	.send = plain_send,
};

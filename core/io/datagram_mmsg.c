/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/counter.h"
#include "io/datagram_backends.h"
#include "io/datagram_control.h"
#include "io/datagram_fd.h"
#include "io/loop.h"

/*
 * Many datagrams a call. What is received stays in the loop's buffers until
 * what comes of it has left: sends are queued over all sockets and flushed at
 * the end of the turn, or earlier when buffers or queue run out.
 */

#define BUFFERS 64              /* datagrams held in a turn */
#define RECEIVE_MAX 32          /* datagrams of one socket before others have their turn */
#define QUEUE_MAX 128           /* datagrams waiting to leave */
#define COPIES_SIZE (64 * 1024) /* bytes of responses waiting to leave */

/*
 * Room for a buffer, whole cache lines; no power of two, or the beginnings of
 * all buffers would meet in the same cache sets.
 */
#define BUFFER_STRIDE (65536 + 4096 + 192)
_Static_assert(BUFFER_STRIDE >= TP_DATAGRAM_BUFFER_SIZE, "a datagram fits");

union sockaddr_inet {
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct queued {
	struct tp_datagram_fd *sender;
	bool dont_fragment;
	struct iovec iov;
	union sockaddr_inet to;
	alignas(struct cmsghdr) char control[TP_CONTROL_SIZE];
};

struct mmsg_loop {
	struct tp_loop *loop;
	struct tp_turn_hook flush;
	struct tp_counter *truncated;
	struct tp_counter *send_failed;

	struct tp_datagram_fd *receiving; /* NULL also when closed inside its callback */
	uint8_t *buffers;
	size_t buffers_used;
	uint8_t *copies;
	size_t copies_used;

	struct mmsghdr out[QUEUE_MAX];
	struct queued queue[QUEUE_MAX];
	size_t queued;

	struct mmsghdr in[RECEIVE_MAX];
	struct iovec in_iov[RECEIVE_MAX];
	struct sockaddr_storage in_from[RECEIVE_MAX];
	alignas(struct cmsghdr) char in_control[RECEIVE_MAX][TP_CONTROL_SIZE];
};

/* --- sending -------------------------------------------------------------- */

/* Datagrams from @from on of the same socket with the same DF. */
static size_t run_length(const struct mmsg_loop *mmsg, size_t from)
{
	size_t to = from + 1;

	while (to < mmsg->queued && mmsg->queue[to].sender == mmsg->queue[from].sender &&
	       mmsg->queue[to].dont_fragment == mmsg->queue[from].dont_fragment) {
		to++;
	}
	return to - from;
}

/*
 * A datagram the kernel does not take is counted and skipped; those behind it
 * go out.
 */
static void send_run(struct mmsg_loop *mmsg, size_t from, size_t count)
{
	struct tp_datagram_fd *sender = mmsg->queue[from].sender;

	tp_datagram_fd_set_dont_fragment(sender, mmsg->queue[from].dont_fragment);
	while (count > 0) {
		int sent = sendmmsg(sender->fd, &mmsg->out[from], (unsigned)count, MSG_NOSIGNAL);

		if (sent < 0) {
			if (errno == EINTR) {
				continue;
			}
			tp_counter_add(mmsg->send_failed, 1);
			sent = 1;
		}
		from += (size_t)sent;
		count -= (size_t)sent;
	}
}

static void flush(struct mmsg_loop *mmsg)
{
	for (size_t at = 0; at < mmsg->queued;) {
		size_t count = run_length(mmsg, at);

		send_run(mmsg, at, count);
		at += count;
	}
	mmsg->queued = 0;
	mmsg->copies_used = 0;
}

static void on_turn_end(struct tp_turn_hook *hook)
{
	flush(tp_container_of(hook, struct mmsg_loop, flush));
}

/* Bytes that stay until the flush. */
static uint8_t *copy(struct mmsg_loop *mmsg, const struct tp_packet *packet)
{
	uint8_t *at;

	if (packet->len > COPIES_SIZE - mmsg->copies_used) {
		flush(mmsg);
	}
	at = mmsg->copies + mmsg->copies_used;
	memcpy(at, packet->data, packet->len);
	mmsg->copies_used += packet->len;
	return at;
}

static socklen_t write_to(union sockaddr_inet *to, const struct tp_addr *addr)
{
	struct sockaddr_storage storage;
	socklen_t len = tp_addr_to_sockaddr(addr, &storage);

	memcpy(to, &storage, len);
	return len;
}

static int mmsg_send(struct tp_datagram *datagram, const struct tp_packet *packet, bool stable)
{
	struct mmsg_loop *mmsg = tp_loop_backend_state(datagram->loop);
	struct tp_datagram_fd *sender = (struct tp_datagram_fd *)datagram;
	struct queued *queued;
	struct msghdr *msg;
	uint8_t *bytes;

	if (packet->len > TP_DATAGRAM_MAX) {
		return TP_EINVAL;
	}
	if (mmsg->queued == QUEUE_MAX) {
		flush(mmsg);
	}
	bytes = stable ? packet->data : copy(mmsg, packet);
	tp_loop_request_hook(datagram->loop, &mmsg->flush);
	queued = &mmsg->queue[mmsg->queued];
	msg = &mmsg->out[mmsg->queued].msg_hdr;
	mmsg->queued++;
	queued->sender = sender;
	queued->dont_fragment = packet->dont_fragment;
	queued->iov = (struct iovec){bytes, packet->len};
	*msg = (struct msghdr){
		.msg_name = &queued->to,
		.msg_namelen = write_to(&queued->to, &packet->remote_addr),
		.msg_iov = &queued->iov,
		.msg_iovlen = 1,
	};
	tp_control_write(msg, queued->control, packet, sender->wildcard);
	return 0;
}

/* --- receiving ------------------------------------------------------------ */

static uint8_t *buffer_at(const struct mmsg_loop *mmsg, size_t index)
{
	return mmsg->buffers + index * BUFFER_STRIDE + TP_PACKET_HEADROOM;
}

static unsigned prepare(struct mmsg_loop *mmsg)
{
	size_t room;

	if (mmsg->buffers_used == BUFFERS) {
		flush(mmsg);
	}
	if (mmsg->queued == 0) {
		mmsg->buffers_used = 0;
	}
	room = BUFFERS - mmsg->buffers_used;
	if (room > RECEIVE_MAX) {
		room = RECEIVE_MAX;
	}
	for (size_t i = 0; i < room; i++) {
		mmsg->in_iov[i].iov_base = buffer_at(mmsg, mmsg->buffers_used + i);
		mmsg->in[i].msg_hdr.msg_namelen = sizeof(mmsg->in_from[i]);
		mmsg->in[i].msg_hdr.msg_controllen = TP_CONTROL_SIZE;
	}
	return (unsigned)room;
}

static void deliver(struct tp_datagram_fd *datagram, struct mmsg_loop *mmsg, size_t index)
{
	struct mmsghdr *in = &mmsg->in[index];
	struct tp_packet packet = {
		.data = mmsg->in_iov[index].iov_base,
		.len = in->msg_len,
		.local_addr = datagram->datagram.local_addr,
		.ttl = -1,
		.tos = -1,
	};

	if ((in->msg_hdr.msg_flags & MSG_TRUNC) != 0) {
		tp_counter_add(mmsg->truncated, 1);
		return;
	}
	tp_addr_from_sockaddr(&packet.remote_addr, (const struct sockaddr *)&mmsg->in_from[index]);
	tp_control_read(&in->msg_hdr, &packet);
	datagram->datagram.receive(datagram->datagram.owner, &datagram->datagram, &packet);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tp_datagram_fd *datagram = arg;
	struct mmsg_loop *mmsg = tp_loop_backend_state(datagram->datagram.loop);
	unsigned room = prepare(mmsg);
	int count = recvmmsg(fd, mmsg->in, room, MSG_DONTWAIT, NULL);

	(void)what;
	if (count <= 0) {
		return;
	}
	mmsg->buffers_used += (size_t)count;
	mmsg->receiving = datagram;
	for (int i = 0; i < count && mmsg->receiving != NULL; i++) {
		deliver(datagram, mmsg, (size_t)i);
	}
	mmsg->receiving = NULL;
}

/* --- life ----------------------------------------------------------------- */

static void loop_close(struct tp_loop *loop, void *state)
{
	struct mmsg_loop *mmsg = state;

	(void)loop;
	tp_loop_cancel_hook(&mmsg->flush);
	if (mmsg->buffers != NULL) {
		munmap(mmsg->buffers, (size_t)BUFFERS * BUFFER_STRIDE);
	}
	free(mmsg->copies);
	free(mmsg);
}

static void in_init(struct mmsg_loop *mmsg)
{
	for (size_t i = 0; i < RECEIVE_MAX; i++) {
		mmsg->in_iov[i].iov_len = TP_DATAGRAM_MAX;
		mmsg->in[i].msg_hdr = (struct msghdr){
			.msg_name = &mmsg->in_from[i],
			.msg_iov = &mmsg->in_iov[i],
			.msg_iovlen = 1,
			.msg_control = mmsg->in_control[i],
		};
	}
}

static int loop_open(struct tp_loop *loop, void **state)
{
	struct mmsg_loop *mmsg = calloc(1, sizeof(*mmsg));
	void *buffers;

	if (mmsg == NULL) {
		return TP_ENOMEM;
	}
	mmsg->loop = loop;
	tp_turn_hook_init(&mmsg->flush, on_turn_end);
	mmsg->truncated =
		tp_counter_named("io.datagrams_truncated", "datagrams larger than a buffer");
	mmsg->send_failed =
		tp_counter_named("io.datagrams_send_failed", "datagrams the kernel did not take");
	in_init(mmsg);
	mmsg->copies = malloc(COPIES_SIZE);
	/* mapped, so that pages no datagram has reached cost nothing */
	buffers = mmap(NULL, (size_t)BUFFERS * BUFFER_STRIDE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mmsg->buffers = buffers == MAP_FAILED ? NULL : buffers;
	if (mmsg->copies == NULL || mmsg->buffers == NULL) {
		loop_close(loop, mmsg);
		return TP_ENOMEM;
	}
	*state = mmsg;
	return 0;
}

static int mmsg_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
		     struct tp_datagram **out)
{
	return tp_datagram_fd_open(loop, options, fd, on_readable, out);
}

/* What is queued for a socket must leave while it is open. */
static int mmsg_release(struct tp_datagram *datagram)
{
	struct mmsg_loop *mmsg = tp_loop_backend_state(datagram->loop);

	flush(mmsg);
	if (mmsg->receiving == (struct tp_datagram_fd *)datagram) {
		mmsg->receiving = NULL;
	}
	return tp_datagram_fd_release(datagram);
}

static void mmsg_close(struct tp_datagram *datagram)
{
	int fd = mmsg_release(datagram);

	tp_socket_close(&fd);
}

const struct tp_datagram_backend tp_datagram_mmsg = {
	.name = "mmsg",
	.loop_open = loop_open,
	.loop_close = loop_close,
	.open = mmsg_open,
	.close = mmsg_close,
	.release = mmsg_release,
	.send = mmsg_send,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
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
#include "io/datagram_errors.h"
#include "io/datagram_fd.h"
#include "io/datagram_outbox.h"
#include "io/datagram_segments.h"
#include "io/loop.h"

/*
 * Many datagrams a call. What is received stays in the loop's buffers until
 * what comes of it has left: sends are queued over all sockets and flushed at
 * the end of the turn, or earlier when buffers or queue run out.
 */

#define BUFFERS 64     /* datagrams held in a turn */
#define RECEIVE_MAX 32 /* datagrams of one socket before others have their turn */

/*
 * Room for a buffer, whole cache lines; no power of two, or the beginnings of
 * all buffers would meet in the same cache sets.
 */
#define BUFFER_STRIDE (65536 + 4096 + 192)
_Static_assert(BUFFER_STRIDE >= TP_DATAGRAM_BUFFER_SIZE, "a datagram fits");

struct mmsg_loop {
	struct tp_loop *loop;
	struct tp_turn_hook flush;
	struct tp_counter *truncated;

	struct tp_datagram_fd *receiving; /* NULL also when closed inside its callback */
	uint8_t *buffers;
	size_t buffers_used;
	unsigned delivered; /* in this call */
	struct tp_segments segments;
	struct tp_outbox outbox;

	struct mmsghdr in[RECEIVE_MAX];
	struct iovec in_iov[RECEIVE_MAX];
	struct sockaddr_storage in_from[RECEIVE_MAX];
	alignas(struct cmsghdr) char in_control[RECEIVE_MAX][TP_CONTROL_SIZE];
};

/* --- sending -------------------------------------------------------------- */

static size_t run_of_one_socket(const struct tp_outbox *outbox, size_t from)
{
	size_t to = from + 1;

	while (to < outbox->message_count &&
	       outbox->messages[to].sender == outbox->messages[from].sender) {
		to++;
	}
	return to - from;
}

/* A message the kernel does not take is dealt with and skipped; those behind it go out. */
static void send_run(struct tp_outbox *outbox, size_t from, size_t count)
{
	int fd = outbox->messages[from].sender->fd;

	while (count > 0) {
		int sent = sendmmsg(fd, &outbox->headers[from], (unsigned)count, MSG_NOSIGNAL);

		if (sent < 0) {
			if (errno == EINTR) {
				continue;
			}
			tp_outbox_refused(outbox, from, errno);
			sent = 1;
		}
		from += (size_t)sent;
		count -= (size_t)sent;
	}
}

static void flush(struct mmsg_loop *mmsg)
{
	struct tp_outbox *outbox = &mmsg->outbox;

	tp_outbox_seal(outbox);
	for (size_t at = 0; at < outbox->message_count;) {
		size_t count = run_of_one_socket(outbox, at);

		send_run(outbox, at, count);
		at += count;
	}
	tp_outbox_clear(outbox);
}

static void on_turn_end(struct tp_turn_hook *hook)
{
	flush(tp_container_of(hook, struct mmsg_loop, flush));
}

static int mmsg_send(struct tp_datagram *datagram, const struct tp_packet *packet, bool stable)
{
	struct mmsg_loop *mmsg = tp_loop_backend_state(datagram->loop);
	struct tp_datagram_fd *sender = (struct tp_datagram_fd *)datagram;

	if (packet->len > TP_DATAGRAM_MAX) {
		return TP_EINVAL;
	}
	if (tp_outbox_is_full(&mmsg->outbox, packet->len) ||
	    sender->dont_fragment != packet->dont_fragment) {
		flush(mmsg);
		tp_datagram_fd_set_dont_fragment(sender, packet->dont_fragment);
	}
	tp_outbox_add(&mmsg->outbox, sender, packet, stable);
	tp_loop_request_hook(datagram->loop, &mmsg->flush);
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
		tp_loop_flush(mmsg->loop);
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

static bool deliver_one(void *context, struct tp_packet *packet)
{
	struct mmsg_loop *mmsg = context;
	struct tp_datagram *datagram = &mmsg->receiving->datagram;

	datagram->receive(datagram->owner, datagram, packet);
	mmsg->delivered++;
	return mmsg->receiving != NULL;
}

static void deliver(struct mmsg_loop *mmsg, size_t index)
{
	struct mmsghdr *in = &mmsg->in[index];
	struct tp_packet packet = {
		.data = mmsg->in_iov[index].iov_base,
		.len = in->msg_len,
		.local_addr = mmsg->receiving->datagram.local_addr,
		.ttl = -1,
		.tos = -1,
	};
	size_t segment_size;

	if ((in->msg_hdr.msg_flags & MSG_TRUNC) != 0) {
		tp_counter_add(mmsg->truncated, 1);
		return;
	}
	tp_addr_from_sockaddr(&packet.remote_addr, (const struct sockaddr *)&mmsg->in_from[index]);
	segment_size = tp_control_read(&in->msg_hdr, &packet);
	if (segment_size == 0 || segment_size >= packet.len) {
		deliver_one(mmsg, &packet);
	} else if (tp_segments_have_room(&mmsg->segments, packet.len, segment_size)) {
		tp_segments_deliver(&mmsg->segments, &packet, segment_size, deliver_one, mmsg);
	} else {
		tp_counter_add(mmsg->truncated, 1);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct tp_datagram_fd *datagram = arg;
	struct mmsg_loop *mmsg = tp_loop_backend_state(datagram->datagram.loop);
	int count = 0;
	unsigned room;

	(void)what;
	mmsg->receiving = datagram;
	room = prepare(mmsg);
	if (mmsg->receiving != NULL) { /* else closed by a hook */
		count = recvmmsg(fd, mmsg->in, room, MSG_DONTWAIT, NULL);
	}
	if (count <= 0 && mmsg->receiving != NULL) {
		tp_datagram_errors_read(datagram);
	}
	mmsg->buffers_used += count > 0 ? (size_t)count : 0;
	for (int i = 0; i < count && mmsg->receiving != NULL; i++) {
		deliver(mmsg, (size_t)i);
	}
	mmsg->receiving = NULL;
	tp_loop_count_messages(mmsg->loop, mmsg->delivered);
	mmsg->delivered = 0;
}

static void flushed(struct tp_loop *loop, void *state)
{
	struct mmsg_loop *mmsg = state;

	(void)loop;
	mmsg->buffers_used = 0;
	tp_segments_clear(&mmsg->segments);
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
	tp_segments_fini(&mmsg->segments);
	tp_outbox_fini(&mmsg->outbox);
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
	in_init(mmsg);
	/* mapped, so that pages no datagram has reached cost nothing */
	buffers = mmap(NULL, (size_t)BUFFERS * BUFFER_STRIDE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mmsg->buffers = buffers == MAP_FAILED ? NULL : buffers;
	if (mmsg->buffers == NULL || tp_segments_init(&mmsg->segments) != 0 ||
	    tp_outbox_init(&mmsg->outbox) != 0) {
		loop_close(loop, mmsg);
		return TP_ENOMEM;
	}
	*state = mmsg;
	return 0;
}

static int mmsg_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
		     struct tp_datagram **out)
{
	int err = tp_datagram_fd_open(loop, options, fd, on_readable, out);

	if (err == 0) {
		tp_datagram_fd_coalesce((struct tp_datagram_fd *)*out);
	}
	return err;
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
	.flushed = flushed,
	.open = mmsg_open,
	.close = mmsg_close,
	.release = mmsg_release,
	.count_drops = tp_datagram_fd_count_drops,
	.send = mmsg_send,
};

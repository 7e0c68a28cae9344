/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/counter.h"
#include "base/list.h"
#include "io/datagram_backends.h"
#include "io/datagram_control.h"
#include "io/datagram_errors.h"
#include "io/datagram_fd.h"
#include "io/datagram_outbox.h"
#include "io/datagram_segments.h"
#include "io/loop.h"
#include "io/ring.h"

/*
 * io_uring: every socket has one receive request that stays (multishot) and
 * takes buffers from a ring of the loop's; what all sockets send in a turn is
 * submitted at once. The ring tells of work through an eventfd in the event
 * base, and only while the loop may be waiting. A loop belongs to one thread, so
 * does its ring, from its first turn.
 *
 * Sends are told not to wait, so they have ended when the submission returns:
 * bytes and headers need to stay only until then, and only refused ones leave a
 * completion.
 */

#define TAKE_MAX 256 /* completions before others have their turn */

/* What a completion is of: kept in the low bits of its user data. */
enum kind {
	KIND_RECEIVE, /* the rest is the socket */
	KIND_SEND,    /* the rest is the message's index */
	KIND_CANCEL,
	KIND_MASK = 3,
};

struct uring_datagram {
	struct tp_datagram_fd fd; /* first */
	struct tp_list link;      /* of those to arm, or of those that close */
	bool armed;               /* the kernel knows of it */
	bool closing;             /* freed with its last completion */
};

struct uring_loop {
	struct tp_loop *loop;
	struct tp_turn_hook flush;
	struct tp_counter *truncated;

	struct tp_ring ring;
	struct event *readable;
	unsigned seen;       /* completions up to here are known: those behind may be refusals */
	struct msghdr shape; /* sizes of the head's parts */

	struct tp_list to_arm;
	struct tp_list closing;
	struct uring_datagram *receiving; /* NULL also when closed inside its callback */
	unsigned delivered;               /* in this call */
	struct tp_segments segments;
	struct tp_outbox outbox;
};

/* --- the ring ------------------------------------------------------------- */

static void see_refusals(struct uring_loop *uring);

static void submit(struct uring_loop *uring)
{
	tp_ring_submit(&uring->ring);
	see_refusals(uring);
}

static struct io_uring_sqe *take_sqe(struct uring_loop *uring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring.uring);

	if (sqe == NULL) {
		submit(uring);
		sqe = io_uring_get_sqe(&uring->ring.uring);
	}
	return sqe;
}

static void tag(struct io_uring_sqe *sqe, uint64_t what, enum kind kind)
{
	io_uring_sqe_set_data64(sqe, what | (uint64_t)kind);
}

/* --- sending -------------------------------------------------------------- */

static void refused(struct uring_loop *uring, const struct io_uring_cqe *cqe)
{
	if ((cqe->user_data & KIND_MASK) == KIND_SEND && cqe->res < 0) {
		tp_outbox_refused(&uring->outbox, (size_t)(cqe->user_data >> 2), -cqe->res);
	}
}

/*
 * Look through what the submission has completed, which stays where it is. What
 * was taken already is not looked at again.
 */
static void see_refusals(struct uring_loop *uring)
{
	unsigned tail = io_uring_smp_load_acquire(uring->ring.uring.cq.ktail);

	if ((int)(uring->seen - *uring->ring.uring.cq.khead) < 0) {
		uring->seen = *uring->ring.uring.cq.khead;
	}
	while (uring->seen != tail) {
		refused(uring,
			&uring->ring.uring.cq.cqes[uring->seen & uring->ring.uring.cq.ring_mask]);
		uring->seen++;
	}
}

static void queue_message(struct uring_loop *uring, size_t index)
{
	struct io_uring_sqe *sqe = take_sqe(uring);
	const struct tp_outbox_message *message = &uring->outbox.messages[index];
	struct msghdr *header = &uring->outbox.headers[index].msg_hdr;

	if (sqe == NULL) {
		tp_outbox_refused(&uring->outbox, index, EAGAIN);
		return;
	}
	if (header->msg_control == NULL && header->msg_iovlen == 1) {
		io_uring_prep_send(sqe, message->sender->fd, header->msg_iov->iov_base,
				   header->msg_iov->iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
		sqe->addr2 = (uint64_t)(uintptr_t)header->msg_name;
		sqe->addr_len = (uint16_t)header->msg_namelen;
	} else {
		io_uring_prep_sendmsg(sqe, message->sender->fd, header,
				      MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	tag(sqe, (uint64_t)index << 2, KIND_SEND);
}

static void flush(struct uring_loop *uring)
{
	if (uring->outbox.message_count == 0 && io_uring_sq_ready(&uring->ring.uring) == 0) {
		return;
	}
	tp_outbox_seal(&uring->outbox);
	for (size_t i = 0; i < uring->outbox.message_count; i++) {
		queue_message(uring, i);
	}
	submit(uring);
	tp_outbox_clear(&uring->outbox);
}

static void on_turn_end(struct tp_turn_hook *hook)
{
	flush(tp_container_of(hook, struct uring_loop, flush));
}

static int uring_send(struct tp_datagram *datagram, const struct tp_packet *packet, bool stable)
{
	struct uring_loop *uring = tp_loop_backend_state(datagram->loop);
	struct tp_datagram_fd *sender = (struct tp_datagram_fd *)datagram;

	if (packet->len > TP_DATAGRAM_MAX) {
		return TP_EINVAL;
	}
	if (tp_outbox_is_full(&uring->outbox, packet->len) ||
	    sender->dont_fragment != packet->dont_fragment) {
		flush(uring);
		tp_datagram_fd_set_dont_fragment(sender, packet->dont_fragment);
	}
	tp_outbox_add(&uring->outbox, sender, packet, stable);
	tp_loop_request_hook(datagram->loop, &uring->flush);
	return 0;
}

/* --- receiving ------------------------------------------------------------ */

/* @poll_first: do not look for datagrams before the socket says that it has some */
static void arm(struct uring_loop *uring, struct uring_datagram *datagram, bool poll_first)
{
	struct io_uring_sqe *sqe = take_sqe(uring);

	if (sqe == NULL) { /* tried again at the end of the next turn */
		tp_list_append(&uring->to_arm, &datagram->link);
		return;
	}
	io_uring_prep_recvmsg_multishot(sqe, datagram->fd.fd, &uring->shape, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = TP_RING_BUFFER_GROUP;
	if (poll_first) {
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	}
	tag(sqe, (uint64_t)(uintptr_t)datagram, KIND_RECEIVE);
	datagram->armed = true;
}

static bool deliver_one(void *context, struct tp_packet *packet)
{
	struct uring_loop *uring = context;
	struct tp_datagram *datagram = &uring->receiving->fd.datagram;

	datagram->receive(datagram->owner, datagram, packet);
	uring->delivered++;
	return uring->receiving != NULL;
}

static void deliver(struct uring_loop *uring, struct uring_datagram *datagram, uint8_t *buffer)
{
	const struct io_uring_recvmsg_out *head = (const void *)buffer;
	struct msghdr control = {
		.msg_control = buffer + sizeof(*head) + TP_RING_NAME_SIZE,
		.msg_controllen = head->controllen,
	};
	struct tp_packet packet = {
		.data = buffer + TP_RING_HEAD_SIZE,
		.len = head->payloadlen,
		.local_addr = datagram->fd.datagram.local_addr,
		.ttl = -1,
		.tos = -1,
	};
	size_t segment_size;

	if ((head->flags & MSG_TRUNC) != 0) {
		tp_counter_add(uring->truncated, 1);
		return;
	}
	tp_addr_from_sockaddr(&packet.remote_addr, (const void *)(head + 1));
	segment_size = tp_control_read(&control, &packet);
	uring->receiving = datagram;
	if (segment_size == 0 || segment_size >= packet.len) {
		deliver_one(uring, &packet);
	} else if (tp_segments_have_room(&uring->segments, packet.len, segment_size)) {
		tp_segments_deliver(&uring->segments, &packet, segment_size, deliver_one, uring);
	} else {
		tp_counter_add(uring->truncated, 1);
	}
	uring->receiving = NULL;
}

/* The kernel knows nothing of the request any more. */
static void request_ended(struct uring_loop *uring, struct uring_datagram *datagram)
{
	datagram->armed = false;
	if (datagram->closing) {
		tp_list_remove(&datagram->link);
		free(datagram);
		return;
	}
	tp_list_append(&uring->to_arm, &datagram->link);
}

static void take_received(struct uring_loop *uring, const struct io_uring_cqe *cqe)
{
	struct uring_datagram *datagram =
		(struct uring_datagram *)(uintptr_t)(cqe->user_data & ~(uint64_t)KIND_MASK);

	if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
		uint8_t *buffer =
			tp_ring_take_buffer(&uring->ring, cqe->flags >> IORING_CQE_BUFFER_SHIFT);

		if (cqe->res >= (int)TP_RING_HEAD_SIZE && !datagram->closing) {
			deliver(uring, datagram, buffer);
		}
	}
	if (cqe->res < 0 && !datagram->closing) {
		tp_datagram_errors_read(&datagram->fd);
	}
	if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
		request_ended(uring, datagram);
	}
}

static void take_completions(struct uring_loop *uring)
{
	struct io_uring_cq *queue = &uring->ring.uring.cq;

	for (int i = 0; i < TAKE_MAX && io_uring_cq_ready(&uring->ring.uring) > 0; i++) {
		const struct io_uring_cqe cqe = queue->cqes[*queue->khead & queue->ring_mask];

		io_uring_cq_advance(&uring->ring.uring, 1);
		if ((cqe.user_data & KIND_MASK) == KIND_RECEIVE) {
			take_received(uring, &cqe);
		}
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct uring_loop *uring = arg;

	(void)fd;
	(void)what;
	tp_ring_hush(&uring->ring);
	tp_ring_gather(&uring->ring, TAKE_MAX);
	take_completions(uring);
	tp_loop_count_messages(uring->loop, uring->delivered);
	uring->delivered = 0;
	/* buffers go back at the end of the turn, also when nothing is sent */
	tp_loop_request_hook(uring->loop, &uring->flush);
}

/* Requests that ended for want of buffers go on now that there are some. */
static void arm_again(struct uring_loop *uring)
{
	while (!tp_list_empty(&uring->to_arm) && io_uring_sq_space_left(&uring->ring.uring) > 0) {
		struct tp_list *link = tp_list_shift(&uring->to_arm);

		arm(uring, tp_container_of(link, struct uring_datagram, link), false);
	}
	submit(uring);
}

static void flushed(struct tp_loop *loop, void *state)
{
	struct uring_loop *uring = state;

	tp_segments_clear(&uring->segments);
	tp_ring_give_buffers_back(&uring->ring);
	if (!tp_list_empty(&uring->to_arm)) {
		arm_again(uring);
	}
	if (tp_ring_listen(&uring->ring)) {
		event_active(uring->readable, EV_READ, 0);
		tp_loop_skip_rest(loop);
	}
}

/* --- sockets -------------------------------------------------------------- */

static int uring_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
		      struct tp_datagram **out)
{
	struct uring_loop *uring = tp_loop_backend_state(loop);
	struct uring_datagram *opened = malloc(sizeof(*opened));
	int err;

	if (opened == NULL) {
		return TP_ENOMEM;
	}
	err = tp_datagram_fd_init(&opened->fd, loop, options, fd, NULL);
	if (err != 0) {
		free(opened);
		return err;
	}
	opened->closing = false;
	opened->armed = false;
	tp_list_init(&opened->link);
	tp_datagram_fd_coalesce(&opened->fd);
	arm(uring, opened, true);
	tp_loop_request_hook(loop, &uring->flush);
	*out = &opened->fd.datagram;
	return 0;
}

static void cancel(struct uring_loop *uring, struct uring_datagram *datagram)
{
	struct io_uring_sqe *sqe = take_sqe(uring);

	if (sqe != NULL) {
		io_uring_prep_cancel64(sqe, (uint64_t)(uintptr_t)datagram | KIND_RECEIVE, 0);
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
		tag(sqe, 0, KIND_CANCEL);
		tp_loop_request_hook(uring->loop, &uring->flush);
	}
}

/* What is queued for a socket must leave while it is open. */
static int let_go(struct uring_loop *uring, struct uring_datagram *datagram)
{
	int fd = tp_datagram_fd_fini(&datagram->fd);

	if (uring->outbox.message_count > 0) {
		flush(uring);
	}
	if (uring->receiving == datagram) {
		uring->receiving = NULL;
	}
	tp_list_remove(&datagram->link);
	if (!datagram->armed) {
		free(datagram);
		return fd;
	}
	datagram->closing = true;
	tp_list_append(&uring->closing, &datagram->link);
	cancel(uring, datagram);
	return fd;
}

static int uring_release(struct tp_datagram *datagram)
{
	struct uring_loop *uring = tp_loop_backend_state(datagram->loop);
	int fd = let_go(uring, (struct uring_datagram *)datagram);

	submit(uring); /* the next owner may receive at once */
	return fd;
}

static void uring_close(struct tp_datagram *datagram)
{
	int fd = let_go(tp_loop_backend_state(datagram->loop), (struct uring_datagram *)datagram);

	tp_socket_close(&fd);
}

/* --- life ----------------------------------------------------------------- */

static int make_event(struct uring_loop *uring)
{
	uring->readable = event_new(tp_loop_event_base(uring->loop), uring->ring.wake_fd,
				    EV_READ | EV_PERSIST | EV_ET, on_readable, uring);
	if (uring->readable == NULL || event_add(uring->readable, NULL) != 0) {
		return TP_ENOMEM;
	}
	return 0;
}

static void loop_close(struct tp_loop *loop, void *state)
{
	struct uring_loop *uring = state;
	struct tp_list *link;

	(void)loop;
	tp_loop_cancel_hook(&uring->flush);
	if (uring->readable != NULL) {
		event_free(uring->readable);
	}
	tp_ring_close(&uring->ring);
	while ((link = tp_list_shift(&uring->closing)) != NULL) {
		free(tp_container_of(link, struct uring_datagram, link));
	}
	tp_segments_fini(&uring->segments);
	tp_outbox_fini(&uring->outbox);
	free(uring);
}

static int open_all(struct uring_loop *uring)
{
	int err = tp_ring_open(&uring->ring);

	if (err == 0) {
		err = make_event(uring);
	}
	if (err == 0) {
		err = tp_segments_init(&uring->segments);
	}
	return err == 0 ? tp_outbox_init(&uring->outbox) : err;
}

static int loop_open(struct tp_loop *loop, void **state)
{
	struct uring_loop *uring = calloc(1, sizeof(*uring));
	int err;

	if (uring == NULL) {
		return TP_ENOMEM;
	}
	uring->loop = loop;
	tp_turn_hook_init(&uring->flush, on_turn_end);
	tp_list_init(&uring->to_arm);
	tp_list_init(&uring->closing);
	uring->truncated =
		tp_counter_named("io.datagrams_truncated", "datagrams larger than a buffer");
	uring->shape = (struct msghdr){.msg_namelen = TP_RING_NAME_SIZE,
				       .msg_controllen = TP_RING_CONTROL_SIZE};
	err = open_all(uring);
	if (err != 0) {
		loop_close(loop, uring);
		return err;
	}
	*state = uring;
	return 0;
}

static bool usable(void)
{
	struct tp_ring ring;
	bool answer = tp_ring_open(&ring) == 0;

	tp_ring_close(&ring);
	return answer;
}

const struct tp_datagram_backend tp_datagram_uring = {
	.name = "uring",
	.usable = usable,
	.loop_open = loop_open,
	.loop_close = loop_close,
	.flushed = flushed,
	.open = uring_open,
	.close = uring_close,
	.release = uring_release,
	.count_drops = tp_datagram_fd_count_drops,
	.send = uring_send,
};

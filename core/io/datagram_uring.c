/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <liburing.h>

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

#define SUBMISSIONS 512
#define COMPLETIONS 4096
#define BUFFERS 512 /* datagrams held in a turn; a power of two */
#define BUFFER_GROUP 0
#define TAKE_MAX 256 /* completions before others have their turn */
#define GATHER_MAX 8 /* calls that look for completions in a turn */

/* What the kernel writes in front of a datagram's bytes. */
#define NAME_SIZE 32    /* an address, and what follows stays aligned */
#define CONTROL_SIZE 96 /* destination, TTL, TOS, segment size */
#define HEAD_SIZE (sizeof(struct io_uring_recvmsg_out) + NAME_SIZE + CONTROL_SIZE)
#define BUFFER_SIZE (HEAD_SIZE + TP_DATAGRAM_MAX)
_Static_assert(NAME_SIZE >= sizeof(struct sockaddr_in6), "an address fits");
_Static_assert(HEAD_SIZE >= TP_PACKET_HEADROOM, "the head is the packet's headroom");

/*
 * Whole cache lines; no power of two, or the beginnings of all buffers would
 * meet in the same cache sets.
 */
#define BUFFER_STRIDE (65536 + 4096 + 192)
_Static_assert(BUFFER_STRIDE >= BUFFER_SIZE + TP_PACKET_TAILROOM, "a datagram fits");

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

	struct io_uring ring;
	bool ring_open;
	bool enabled;
	int wake_fd;
	struct event *readable;
	unsigned seen; /* completions up to here are known: those behind may be refusals */

	struct io_uring_buf_ring *buffer_ring;
	uint8_t *buffers;
	uint16_t taken[BUFFERS]; /* given back when nobody looks at them any more */
	size_t taken_count;
	struct msghdr shape; /* sizes of the head's parts */

	struct tp_list to_arm;
	struct tp_list closing;
	struct uring_datagram *receiving; /* NULL also when closed inside its callback */
	unsigned delivered;               /* in this call */
	struct tp_segments segments;
	struct tp_outbox outbox;
};

/* --- the ring ------------------------------------------------------------- */

/* Not all builds of liburing export io_uring_enable_rings(). */
static int enable_ring(struct io_uring *ring)
{
	return (int)syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS,
			    NULL, 0);
}

/* The thread of the first turn is the one that may use the ring. */
static void enable(struct uring_loop *uring)
{
	if (!uring->enabled && enable_ring(&uring->ring) == 0) {
		uring->enabled = true;
		(void)io_uring_register_ring_fd(&uring->ring); /* saves a look-up a call */
	}
}

static void see_refusals(struct uring_loop *uring);

static void submit(struct uring_loop *uring)
{
	enable(uring);
	(void)io_uring_submit(&uring->ring);
	see_refusals(uring);
}

static struct io_uring_sqe *take_sqe(struct uring_loop *uring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (sqe == NULL) {
		submit(uring);
		sqe = io_uring_get_sqe(&uring->ring);
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
	unsigned tail = io_uring_smp_load_acquire(uring->ring.cq.ktail);

	if ((int)(uring->seen - *uring->ring.cq.khead) < 0) {
		uring->seen = *uring->ring.cq.khead;
	}
	while (uring->seen != tail) {
		refused(uring, &uring->ring.cq.cqes[uring->seen & uring->ring.cq.ring_mask]);
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
	if (uring->outbox.message_count == 0 && io_uring_sq_ready(&uring->ring) == 0) {
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

static uint8_t *buffer_at(const struct uring_loop *uring, unsigned index)
{
	return uring->buffers + (size_t)index * BUFFER_STRIDE;
}

static void give_buffer(struct uring_loop *uring, unsigned index, unsigned offset)
{
	io_uring_buf_ring_add(uring->buffer_ring, buffer_at(uring, index), BUFFER_SIZE,
			      (unsigned short)index, io_uring_buf_ring_mask(BUFFERS), (int)offset);
}

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
	sqe->buf_group = BUFFER_GROUP;
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
		.msg_control = buffer + sizeof(*head) + NAME_SIZE,
		.msg_controllen = head->controllen,
	};
	struct tp_packet packet = {
		.data = buffer + HEAD_SIZE,
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
		unsigned index = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

		uring->taken[uring->taken_count++] = (uint16_t)index;
		if (cqe->res >= (int)HEAD_SIZE && !datagram->closing) {
			deliver(uring, datagram, buffer_at(uring, index));
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
	struct io_uring_cq *queue = &uring->ring.cq;

	for (int i = 0; i < TAKE_MAX && io_uring_cq_ready(&uring->ring) > 0; i++) {
		const struct io_uring_cqe cqe = queue->cqes[*queue->khead & queue->ring_mask];

		io_uring_cq_advance(&uring->ring, 1);
		if ((cqe.user_data & KIND_MASK) == KIND_RECEIVE) {
			take_received(uring, &cqe);
		}
	}
}

static bool has_work(const struct uring_loop *uring)
{
	return (IO_URING_READ_ONCE(*uring->ring.sq.kflags) & IORING_SQ_TASKRUN) != 0;
}

/* The kernel does so many receive requests a call, whatever waits. */
static void gather(struct uring_loop *uring)
{
	for (int i = 0; i < GATHER_MAX && io_uring_cq_ready(&uring->ring) < TAKE_MAX; i++) {
		(void)io_uring_get_events(&uring->ring);
		if (!has_work(uring)) {
			break;
		}
	}
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct uring_loop *uring = arg;

	(void)fd;
	(void)what;
	io_uring_cq_eventfd_toggle(&uring->ring, false);
	gather(uring);
	take_completions(uring);
	tp_loop_count_messages(uring->loop, uring->delivered);
	uring->delivered = 0;
	/* buffers go back at the end of the turn, also when nothing is sent */
	tp_loop_request_hook(uring->loop, &uring->flush);
}

static void give_buffers_back(struct uring_loop *uring)
{
	for (size_t i = 0; i < uring->taken_count; i++) {
		give_buffer(uring, uring->taken[i], (unsigned)i);
	}
	io_uring_buf_ring_advance(uring->buffer_ring, (int)uring->taken_count);
	uring->taken_count = 0;
}

/* Requests that ended for want of buffers go on now that there are some. */
static void arm_again(struct uring_loop *uring)
{
	while (!tp_list_empty(&uring->to_arm) && io_uring_sq_space_left(&uring->ring) > 0) {
		struct tp_list *link = tp_list_shift(&uring->to_arm);

		arm(uring, tp_container_of(link, struct uring_datagram, link), false);
	}
	submit(uring);
}

/* Be told of what comes from here on; what has come already needs no telling. */
static void wait_for_more(struct uring_loop *uring)
{
	(void)__atomic_fetch_and(uring->ring.cq.kflags, ~(unsigned)IORING_CQ_EVENTFD_DISABLED,
				 __ATOMIC_SEQ_CST); /* before the look */
	if (io_uring_cq_ready(&uring->ring) > 0 || has_work(uring)) {
		event_active(uring->readable, EV_READ, 0);
		tp_loop_skip_rest(uring->loop);
	}
}

static void flushed(struct tp_loop *loop, void *state)
{
	struct uring_loop *uring = state;

	(void)loop;
	tp_segments_clear(&uring->segments);
	if (uring->taken_count > 0) {
		give_buffers_back(uring);
	}
	if (!tp_list_empty(&uring->to_arm)) {
		arm_again(uring);
	}
	wait_for_more(uring);
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

static int open_ring(struct uring_loop *uring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = COMPLETIONS,
	};

	if (io_uring_queue_init_params(SUBMISSIONS, &uring->ring, &params) != 0) {
		return TP_EIO;
	}
	uring->ring_open = true;
	return 0;
}

static int open_buffers(struct uring_loop *uring)
{
	struct io_uring_buf_reg registration = {.ring_entries = BUFFERS, .bgid = BUFFER_GROUP};
	size_t ring_size = BUFFERS * sizeof(struct io_uring_buf);
	void *ring =
		mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* mapped, so that pages no datagram has reached cost nothing */
	void *buffers = mmap(NULL, (size_t)BUFFERS * BUFFER_STRIDE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	uring->buffer_ring = ring == MAP_FAILED ? NULL : ring;
	uring->buffers = buffers == MAP_FAILED ? NULL : buffers;
	if (uring->buffer_ring == NULL || uring->buffers == NULL) {
		return TP_ENOMEM;
	}
	registration.ring_addr = (uint64_t)(uintptr_t)ring;
	if (io_uring_register_buf_ring(&uring->ring, &registration, 0) != 0) {
		return TP_EIO;
	}
	io_uring_buf_ring_init(uring->buffer_ring);
	for (unsigned i = 0; i < BUFFERS; i++) {
		give_buffer(uring, i, i);
	}
	io_uring_buf_ring_advance(uring->buffer_ring, BUFFERS);
	return 0;
}

/* Edge-triggered: nobody ever needs to read it. */
static int open_event(struct uring_loop *uring)
{
	uring->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (uring->wake_fd == -1 || io_uring_register_eventfd(&uring->ring, uring->wake_fd) != 0) {
		return TP_EIO;
	}
	uring->readable = event_new(tp_loop_event_base(uring->loop), uring->wake_fd,
				    EV_READ | EV_PERSIST | EV_ET, on_readable, uring);
	if (uring->readable == NULL || event_add(uring->readable, NULL) != 0) {
		return TP_ENOMEM;
	}
	return 0;
}

static void close_ring(struct uring_loop *uring)
{
	if (uring->ring_open) {
		io_uring_queue_exit(&uring->ring);
	}
	if (uring->buffer_ring != NULL) {
		munmap(uring->buffer_ring, BUFFERS * sizeof(struct io_uring_buf));
	}
	if (uring->buffers != NULL) {
		munmap(uring->buffers, (size_t)BUFFERS * BUFFER_STRIDE);
	}
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
	close_ring(uring);
	tp_socket_close(&uring->wake_fd);
	while ((link = tp_list_shift(&uring->closing)) != NULL) {
		free(tp_container_of(link, struct uring_datagram, link));
	}
	tp_segments_fini(&uring->segments);
	tp_outbox_fini(&uring->outbox);
	free(uring);
}

static int open_all(struct uring_loop *uring)
{
	int err = open_ring(uring);

	if (err == 0) {
		err = open_buffers(uring);
	}
	if (err == 0) {
		err = open_event(uring);
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
	uring->wake_fd = -1;
	tp_turn_hook_init(&uring->flush, on_turn_end);
	tp_list_init(&uring->to_arm);
	tp_list_init(&uring->closing);
	uring->truncated =
		tp_counter_named("io.datagrams_truncated", "datagrams larger than a buffer");
	uring->shape = (struct msghdr){.msg_namelen = NAME_SIZE, .msg_controllen = CONTROL_SIZE};
	err = open_all(uring);
	if (err != 0) {
		loop_close(loop, uring);
		return err;
	}
	*state = uring;
	return 0;
}

/* Kernels before 6.1 lack parts; containers and the administrator may forbid it. */
static bool usable(void)
{
	struct uring_loop *uring = calloc(1, sizeof(*uring));
	bool answer;

	if (uring == NULL) {
		return false;
	}
	answer = open_ring(uring) == 0 && open_buffers(uring) == 0;
	close_ring(uring);
	free(uring);
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

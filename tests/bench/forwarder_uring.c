/* SPDX-License-Identifier: Apache-2.0 */
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench/forwarder.h"

/*
 * Multishot receives into provided buffers, sends of a turn in one submission.
 * A send has left its buffer when the submission returns: it never waits
 * (MSG_DONTWAIT), and only a failed one completes.
 */

#define SUBMISSIONS 4096
#define GROUP 0
#define SEND UINT64_MAX /* user data of sends; a receive's is its socket */

struct held {
	struct msghdr msg;
	struct iovec iov;
	struct sockaddr_in to;
	_Alignas(struct cmsghdr) char control[FORWARDER_CONTROL_SIZE];
};

struct uring {
	struct forwarder *forwarder;
	struct io_uring ring;
	struct io_uring_buf_ring *provided;
	unsigned buffer_count; /* power of two */
	size_t buffer_size;
	uint8_t *buffers;
	struct held *held;    /* by buffer */
	struct msghdr shape;  /* of what is received */
	unsigned short *used; /* buffers to give back after the submission */
	unsigned used_count;
};

static void *map_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED) {
		perror("forwarder");
		exit(1);
	}
	return memory;
}

static void must(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "forwarder: %s: %s\n", what, strerror(-result));
		exit(1);
	}
}

/* --- buffers ------------------------------------------------------------------ */

static void give_back(struct uring *uring, unsigned short buffer, int offset)
{
	io_uring_buf_ring_add(uring->provided, uring->buffers + buffer * uring->buffer_size,
			      (unsigned)uring->buffer_size, buffer,
			      io_uring_buf_ring_mask(uring->buffer_count), offset);
}

static void give_back_used(struct uring *uring)
{
	for (unsigned i = 0; i < uring->used_count; i++) {
		give_back(uring, uring->used[i], (int)i);
	}
	io_uring_buf_ring_advance(uring->provided, (int)uring->used_count);
	uring->used_count = 0;
}

static void provide(struct uring *uring)
{
	struct io_uring_buf_reg reg = {.ring_entries = uring->buffer_count, .bgid = GROUP};

	uring->provided = map_memory(uring->buffer_count * sizeof(struct io_uring_buf));
	reg.ring_addr = (uint64_t)(uintptr_t)uring->provided;
	must(io_uring_register_buf_ring(&uring->ring, &reg, 0), "register_buf_ring");
	io_uring_buf_ring_init(uring->provided);
	for (unsigned i = 0; i < uring->buffer_count; i++) {
		give_back(uring, (unsigned short)i, (int)i);
	}
	io_uring_buf_ring_advance(uring->provided, (int)uring->buffer_count);
}

/* --- submissions -------------------------------------------------------------- */

static struct io_uring_sqe *take_submission(struct uring *uring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	if (sqe == NULL) {
		must(io_uring_submit(&uring->ring), "submit");
		sqe = io_uring_get_sqe(&uring->ring);
	}
	return sqe;
}

static void arm(struct uring *uring, unsigned socket)
{
	struct io_uring_sqe *sqe = take_submission(uring);

	io_uring_prep_recvmsg_multishot(sqe, (int)socket, &uring->shape, 0);
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	sqe->user_data = socket;
}

static void submit_send(struct uring *uring, struct held *held, unsigned socket)
{
	struct io_uring_sqe *sqe = take_submission(uring);

	io_uring_prep_sendmsg(sqe, (int)socket, &held->msg, MSG_DONTWAIT);
	sqe->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
	sqe->user_data = SEND;
}

/* --- completions -------------------------------------------------------------- */

static uint16_t segment_size(const struct uring *uring, struct io_uring_recvmsg_out *out)
{
	struct msghdr msg = {
		.msg_control = io_uring_recvmsg_cmsg_firsthdr(out, (void *)&uring->shape),
		.msg_controllen = out->controllen,
	};

	return msg.msg_control == NULL ? 0 : forwarder_segment_size(&msg);
}

static void forward(struct uring *uring, unsigned socket, unsigned short buffer, int len)
{
	struct held *held = &uring->held[buffer];
	struct io_uring_recvmsg_out *out = io_uring_recvmsg_validate(
		uring->buffers + buffer * uring->buffer_size, len, &uring->shape);
	struct forwarder_way way;
	uint16_t segment;

	if (out == NULL) {
		return;
	}
	held->iov.iov_base = io_uring_recvmsg_payload(out, &uring->shape);
	held->iov.iov_len = io_uring_recvmsg_payload_length(out, len, &uring->shape);
	if (!forwarder_route(uring->forwarder, socket, io_uring_recvmsg_name(out),
			     held->iov.iov_base, held->iov.iov_len, &way)) {
		return;
	}
	held->to = *way.to;
	held->msg = (struct msghdr){
		.msg_name = &held->to,
		.msg_namelen = sizeof(held->to),
		.msg_iov = &held->iov,
		.msg_iovlen = 1,
	};
	segment = uring->forwarder->gro ? segment_size(uring, out) : 0;
	if (segment != 0) {
		forwarder_set_segment_size(&held->msg, held->control, segment);
	}
	submit_send(uring, held, way.socket);
}

static void complete(struct uring *uring, const struct io_uring_cqe *cqe)
{
	if (cqe->user_data == SEND) {
		return; /* refused: dropped */
	}
	if ((cqe->flags & IORING_CQE_F_BUFFER) != 0) {
		unsigned short buffer = (unsigned short)(cqe->flags >> IORING_CQE_BUFFER_SHIFT);

		if (cqe->res >= 0) {
			forward(uring, (unsigned)cqe->user_data, buffer, cqe->res);
		}
		uring->used[uring->used_count++] = buffer;
	}
	if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
		arm(uring, (unsigned)cqe->user_data);
	}
}

static void open_ring(struct uring *uring)
{
	struct forwarder *forwarder = uring->forwarder;
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_CQSIZE,
		.cq_entries = 4 * SUBMISSIONS,
	};

	must(io_uring_queue_init_params(SUBMISSIONS, &uring->ring, &params), "io_uring");
	must(io_uring_register_files(&uring->ring, forwarder->fds, forwarder->count + 1),
	     "register_files");
	uring->shape.msg_namelen = sizeof(struct sockaddr_in);
	uring->shape.msg_controllen = forwarder->gro ? FORWARDER_CONTROL_SIZE : 0;
	uring->buffer_count = forwarder->gro ? 512 : 4096;
	uring->buffer_size = forwarder_packet_max(forwarder) + 256;
	uring->buffers = map_memory(uring->buffer_count * uring->buffer_size);
	uring->held = map_memory(uring->buffer_count * sizeof(*uring->held));
	uring->used = map_memory(uring->buffer_count * sizeof(*uring->used));
	provide(uring);
	for (unsigned i = 0; i <= forwarder->count; i++) {
		arm(uring, i);
	}
}

void forwarder_run_uring(struct forwarder *forwarder)
{
	static struct uring uring;

	uring.forwarder = forwarder;
	open_ring(&uring);
	for (;;) {
		struct io_uring_cqe *cqe;
		unsigned count = 0;
		unsigned head;

		must(io_uring_submit_and_wait(&uring.ring, 1), "submit_and_wait");
		give_back_used(&uring);
		io_uring_for_each_cqe(&uring.ring, head, cqe)
		{
			complete(&uring, cqe);
			count++;
		}
		io_uring_cq_advance(&uring.ring, count);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/ring.h"

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <turnpike/error.h>

#define SUBMISSIONS 512
#define COMPLETIONS 4096
#define GATHER_MAX 8 /* calls that look for completions */
#define BUFFER_SIZE (TP_RING_HEAD_SIZE + TP_DATAGRAM_MAX)

/*
 * Whole cache lines; no power of two, or the beginnings of all buffers would
 * meet in the same cache sets.
 */
#define BUFFER_STRIDE (65536 + 4096 + 192)
_Static_assert(BUFFER_STRIDE >= BUFFER_SIZE + TP_PACKET_TAILROOM, "a datagram fits");

/* --- life ----------------------------------------------------------------- */

static int open_uring(struct tp_ring *ring)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
			 IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED |
			 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
		.cq_entries = COMPLETIONS,
	};

	if (io_uring_queue_init_params(SUBMISSIONS, &ring->uring, &params) != 0) {
		return TP_EIO;
	}
	ring->open = true;
	return 0;
}

static uint8_t *buffer_at(const struct tp_ring *ring, unsigned index)
{
	return ring->buffers + (size_t)index * BUFFER_STRIDE;
}

static void give_buffer(struct tp_ring *ring, unsigned index, unsigned offset)
{
	io_uring_buf_ring_add(ring->buffer_ring, buffer_at(ring, index), BUFFER_SIZE,
			      (unsigned short)index, io_uring_buf_ring_mask(TP_RING_BUFFERS),
			      (int)offset);
}

/* Mapped, so that pages no datagram has reached cost nothing. */
static void *map(size_t size)
{
	void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return bytes == MAP_FAILED ? NULL : bytes;
}

static int open_buffers(struct tp_ring *ring)
{
	struct io_uring_buf_reg registration = {
		.ring_entries = TP_RING_BUFFERS,
		.bgid = TP_RING_BUFFER_GROUP,
	};

	ring->buffer_ring = map(TP_RING_BUFFERS * sizeof(struct io_uring_buf));
	ring->buffers = map((size_t)TP_RING_BUFFERS * BUFFER_STRIDE);
	if (ring->buffer_ring == NULL || ring->buffers == NULL) {
		return TP_ENOMEM;
	}
	registration.ring_addr = (uint64_t)(uintptr_t)ring->buffer_ring;
	if (io_uring_register_buf_ring(&ring->uring, &registration, 0) != 0) {
		return TP_EIO;
	}
	io_uring_buf_ring_init(ring->buffer_ring);
	for (unsigned i = 0; i < TP_RING_BUFFERS; i++) {
		give_buffer(ring, i, i);
	}
	io_uring_buf_ring_advance(ring->buffer_ring, TP_RING_BUFFERS);
	return 0;
}

int tp_ring_open(struct tp_ring *ring)
{
	int err;

	memset(ring, 0, sizeof(*ring));
	ring->wake_fd = -1;
	err = open_uring(ring);
	if (err == 0) {
		err = open_buffers(ring);
	}
	if (err != 0) {
		return err;
	}
	ring->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (ring->wake_fd == -1 || io_uring_register_eventfd(&ring->uring, ring->wake_fd) != 0) {
		return TP_EIO;
	}
	return 0;
}

void tp_ring_close(struct tp_ring *ring)
{
	if (ring->open) {
		io_uring_queue_exit(&ring->uring);
		ring->open = false;
	}
	if (ring->buffer_ring != NULL) {
		munmap(ring->buffer_ring, TP_RING_BUFFERS * sizeof(struct io_uring_buf));
	}
	if (ring->buffers != NULL) {
		munmap(ring->buffers, (size_t)TP_RING_BUFFERS * BUFFER_STRIDE);
	}
	tp_socket_close(&ring->wake_fd);
}

/* --- requests and completions --------------------------------------------- */

/* Not all builds of liburing export io_uring_enable_rings(). */
static int enable(struct io_uring *uring)
{
	return (int)syscall(SYS_io_uring_register, uring->ring_fd, IORING_REGISTER_ENABLE_RINGS,
			    NULL, 0);
}

void tp_ring_submit(struct tp_ring *ring)
{
	if (!ring->enabled && enable(&ring->uring) == 0) {
		ring->enabled = true;
		(void)io_uring_register_ring_fd(&ring->uring); /* saves a look-up a call */
	}
	(void)io_uring_submit(&ring->uring);
}

static bool has_work(const struct tp_ring *ring)
{
	return (IO_URING_READ_ONCE(*ring->uring.sq.kflags) & IORING_SQ_TASKRUN) != 0;
}

/* The kernel does so many receive requests a call, whatever waits. */
void tp_ring_gather(struct tp_ring *ring, unsigned wanted)
{
	for (int i = 0; i < GATHER_MAX && io_uring_cq_ready(&ring->uring) < wanted; i++) {
		(void)io_uring_get_events(&ring->uring);
		if (!has_work(ring)) {
			break;
		}
	}
}

void tp_ring_hush(struct tp_ring *ring)
{
	(void)io_uring_cq_eventfd_toggle(&ring->uring, false);
}

bool tp_ring_listen(struct tp_ring *ring)
{
	(void)__atomic_fetch_and(ring->uring.cq.kflags, ~(unsigned)IORING_CQ_EVENTFD_DISABLED,
				 __ATOMIC_SEQ_CST); /* before the look */
	return io_uring_cq_ready(&ring->uring) > 0 || has_work(ring);
}

/* --- buffers -------------------------------------------------------------- */

uint8_t *tp_ring_take_buffer(struct tp_ring *ring, unsigned index)
{
	ring->taken[ring->taken_count++] = (uint16_t)index;
	return buffer_at(ring, index);
}

void tp_ring_give_buffers_back(struct tp_ring *ring)
{
	for (size_t i = 0; i < ring->taken_count; i++) {
		give_buffer(ring, ring->taken[i], (unsigned)i);
	}
	io_uring_buf_ring_advance(ring->buffer_ring, (int)ring->taken_count);
	ring->taken_count = 0;
}

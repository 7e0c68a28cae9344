/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <liburing.h>

#include "io/datagram_control.h"
#include "io/datagram_fd.h"

/*
 * An io_uring with a ring of buffers that receive requests take from. It belongs
 * to the thread that submits first. Of work it tells through an eventfd, and only
 * between tp_ring_listen() and tp_ring_hush().
 */
#define TP_RING_BUFFERS 512 /* datagrams held in a turn; a power of two */
#define TP_RING_BUFFER_GROUP 0

/* What the kernel writes in front of a datagram's bytes. */
#define TP_RING_NAME_SIZE 32 /* an address, and what follows stays aligned */
#define TP_RING_CONTROL_SIZE TP_CONTROL_SIZE
#define TP_RING_HEAD_SIZE                                                                          \
	(sizeof(struct io_uring_recvmsg_out) + TP_RING_NAME_SIZE + TP_RING_CONTROL_SIZE)
_Static_assert(TP_RING_NAME_SIZE >= sizeof(struct sockaddr_in6), "an address fits");
_Static_assert(TP_RING_HEAD_SIZE >= TP_PACKET_HEADROOM, "the head is the packet's headroom");

struct tp_ring {
	struct io_uring uring;
	bool open;
	bool enabled;
	int wake_fd; /* edge-triggered: nobody ever needs to read it */
	struct io_uring_buf_ring *buffer_ring;
	uint8_t *buffers;
	uint16_t taken[TP_RING_BUFFERS];
	size_t taken_count;
};

/**
 * Kernels before 6.1 lack parts; containers and the administrator may forbid it.
 *
 * Owner:  close with tp_ring_close(), also after an error
 * Errors: TP_EIO, TP_ENOMEM
 */
int tp_ring_open(struct tp_ring *ring);
void tp_ring_close(struct tp_ring *ring);

/** Give what is queued to the kernel; the first time makes the ring this thread's. */
void tp_ring_submit(struct tp_ring *ring);

/** Let receive requests complete until there are so many completions, or no more to be had. */
void tp_ring_gather(struct tp_ring *ring, unsigned wanted);

/** The kernel has filled this buffer: head, then the datagram. It is kept until given back. */
uint8_t *tp_ring_take_buffer(struct tp_ring *ring, unsigned index);
/** Nobody looks at what was taken any more. */
void tp_ring_give_buffers_back(struct tp_ring *ring);

/** Tell nothing for now. */
void tp_ring_hush(struct tp_ring *ring);
/** Tell of what comes from here on. Returns true when there is something already. */
bool tp_ring_listen(struct tp_ring *ring);

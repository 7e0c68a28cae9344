/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <event2/event.h>

#include "io/datagram.h"

/*
 * What the backends share: a descriptor, what it is set to, and for those that
 * wait for readiness the event.
 */
struct tp_datagram_fd {
	struct tp_datagram datagram; /* first */
	int fd;
	bool wildcard;              /* bound to any address: answers name their source */
	bool dont_fragment;         /* as the socket is set now */
	uint16_t segment_limit;     /* larger ones have been refused by the kernel */
	uint64_t segments_again_ms; /* when to try those again */
	uint32_t drops_counted;
	struct tp_counter *drops;          /* NULL: not counted */
	struct event *readable;            /* NULL: none */
	struct tp_datagram_errors *errors; /* NULL: not asked for */
};

/* What the kernel has not taken. */
struct tp_datagram_refusals {
	struct tp_counter *failed;
	struct tp_counter *too_big; /* and not to be cut: a matter between client and peer */
};

void tp_datagram_refusals_init(struct tp_datagram_refusals *refusals);

/**
 * Count so many datagrams.
 *
 * @error: errno
 */
void tp_datagram_refusals_count(struct tp_datagram_refusals *refusals,
				const struct tp_datagram_fd *sender, int error, unsigned count);

/**
 * Fill in and open, or take over @fd when it is not -1 (it stays the caller's
 * on error).
 *
 * @readable: called with the datagram as argument; NULL: no event
 *
 * Errors: as tp_datagram_open()
 */
int tp_datagram_fd_init(struct tp_datagram_fd *datagram, struct tp_loop *loop,
			const struct tp_datagram_options *options, int fd,
			event_callback_fn readable);

/** Undo all but the descriptor, which is returned. */
int tp_datagram_fd_fini(struct tp_datagram_fd *datagram);

/** The same for a datagram allocated for the purpose. */
int tp_datagram_fd_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
			event_callback_fn readable, struct tp_datagram **out);
int tp_datagram_fd_release(struct tp_datagram *datagram);

/** For struct tp_datagram_backend. */
void tp_datagram_fd_count_drops(struct tp_datagram *datagram);

/** Receive trains of datagrams as one where the kernel can (UDP GRO). */
void tp_datagram_fd_coalesce(struct tp_datagram_fd *datagram);

/** DF is a property of the socket on Linux: set it when it must change. */
void tp_datagram_fd_set_dont_fragment(struct tp_datagram_fd *datagram, bool wanted);

/* A datagram of any length with room around it. */
#define TP_DATAGRAM_MAX 65535
#define TP_DATAGRAM_BUFFER_SIZE (TP_PACKET_HEADROOM + TP_DATAGRAM_MAX + TP_PACKET_TAILROOM)

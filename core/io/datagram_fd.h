/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <event2/event.h>

#include "io/datagram.h"

/*
 * What the backends that use system calls per socket share: a descriptor with
 * its readiness event.
 */
struct tp_datagram_fd {
	struct tp_datagram datagram; /* first */
	int fd;
	struct event *readable;
	bool wildcard;      /* bound to any address: answers name their source */
	bool dont_fragment; /* as the socket is set now */
};

/**
 * Open, or take over @fd when it is not -1 (it stays the caller's on error).
 *
 * @readable: called with the datagram as argument
 */
int tp_datagram_fd_open(struct tp_loop *loop, const struct tp_datagram_options *options, int fd,
			event_callback_fn readable, struct tp_datagram **out);

/** Free all but the descriptor, which is returned. */
int tp_datagram_fd_release(struct tp_datagram *datagram);

/** DF is a property of the socket on Linux: set it when it must change. */
void tp_datagram_fd_set_dont_fragment(struct tp_datagram_fd *datagram, bool wanted);

/* A datagram of any length with room around it. */
#define TP_DATAGRAM_MAX 65535
#define TP_DATAGRAM_BUFFER_SIZE (TP_PACKET_HEADROOM + TP_DATAGRAM_MAX + TP_PACKET_TAILROOM)

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "io/datagram.h"
#include "io/loop.h"

struct tp_datagram_fd;

/*
 * What ICMP tells of datagrams that a socket has sent, for sockets that want to
 * hear it. The kernel keeps it in a queue of the socket's and fails one later call
 * on the socket, which is when the queue is read. In the same queue is what the kernel itself
 * has found too big for its own link and not to be cut: it is told as a router would.
 */
struct tp_datagram_errors {
	struct tp_datagram_fd *datagram;
	void (*told)(void *owner, struct tp_datagram *datagram,
		     const struct tp_datagram_error *error);
	struct tp_turn_hook soon;
	struct tp_addr refused; /* where what was too big was to go; port 0: to several */
};

/**
 * Hear of errors from now on, or no longer when options->error is NULL: what a
 * socket's last owner wanted does not count.
 *
 * Errors: TP_ENOMEM, TP_EIO
 */
int tp_datagram_errors_open(struct tp_datagram_fd *datagram,
			    const struct tp_datagram_options *options, bool adopted);
void tp_datagram_errors_close(struct tp_datagram_fd *datagram);

/** A receiving call has failed: read what there is. For callbacks of the loop. */
void tp_datagram_errors_read(struct tp_datagram_fd *datagram);

/**
 * A sending call has failed: read in the next turn.
 *
 * @error: errno
 * @to:    where the datagram was to go
 *
 * Returns true when the datagram was not to blame and may be sent again.
 */
bool tp_datagram_errors_soon(struct tp_datagram_fd *datagram, int error, const struct tp_addr *to);

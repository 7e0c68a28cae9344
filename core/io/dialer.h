/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/addr.h>

struct tp_loop;

/* A connection that is being made. */
struct tp_dialer;

/**
 * Connect by TCP.
 *
 * @from: may be a listener's that was opened with "lends_port"; NULL: any
 * @done: called once, not before this has returned, on the loop's thread: with a
 *        connected, non-blocking descriptor, the callee's, or with -1, and
 *        errno says why. The dialer may be freed inside.
 *
 * Owner:  free with tp_dialer_free(), also when it is done
 * Errors: TP_EADDRINUSE when the two addresses have a connection or @from
 *         cannot be had; TP_EFULL, TP_ENOMEM, TP_EINVAL, TP_EIO; errno says
 *         more
 */
int tp_dialer_start(struct tp_loop *loop, const struct tp_addr *from, const struct tp_addr *to,
		    void (*done)(void *owner, int fd), void *owner, struct tp_dialer **out);

/**
 * The same with the UNIX socket at @path.
 *
 * Errors: TP_EFULL, TP_ENOMEM, TP_EINVAL when the path is too long, TP_EIO;
 *         errno says more
 */
int tp_dialer_start_path(struct tp_loop *loop, const char *path, void (*done)(void *owner, int fd),
			 void *owner, struct tp_dialer **out);

/** Give up, if it is not done. Sets the pointer to NULL; NULL inside is fine. */
void tp_dialer_free(struct tp_dialer **dialer);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/addr.h>

#include "io/socket.h"

struct tp_loop;

/*
 * A listening TCP socket. When descriptors run out it rests a while and counts that; connections
 * wait in the kernel's queue meanwhile.
 */
struct tp_acceptor;

/**
 * @accepted: called for each connection, on the loop's thread: @fd is
 *            non-blocking and the callee's, @remote_addr borrowed. The acceptor may
 *            be closed inside.
 *
 * Errors: TP_EADDRINUSE, TP_EPERM, TP_EFULL, TP_EIO, TP_ENOMEM
 */
int tp_acceptor_open(struct tp_loop *loop, const struct tp_socket_options *options,
		     void (*accepted)(void *owner, int fd, const struct tp_addr *remote_addr),
		     void *owner, struct tp_acceptor **out);

/** Sets the pointer to NULL; NULL inside is fine. */
void tp_acceptor_close(struct tp_acceptor **acceptor);

const struct tp_addr *tp_acceptor_addr(const struct tp_acceptor *acceptor);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "io/datagram.h"

/* recvmsg() and sendmsg(): one system call a datagram, everywhere. */
extern const struct tp_datagram_backend tp_datagram_plain;

/* recvmmsg() and sendmmsg(): batches, sent at the end of the turn. */
extern const struct tp_datagram_backend tp_datagram_mmsg;

/* io_uring: receives without being asked, sends of all sockets in one call. */
#ifdef TP_HAVE_URING
extern const struct tp_datagram_backend tp_datagram_uring;
#endif

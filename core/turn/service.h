/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

struct tp_shared;

/*
 * What plugins and operators may do with allocations from any thread: an order
 * goes to the mailbox of the worker that has the allocation, which its id tells,
 * or of all workers when it is about a user.
 */

/** Orders that wait at a time. */
#define TP_ORDERS_MAX 65536

/** Serve turnpike/allocation.h from now on. Main thread. */
void tp_service_open(struct tp_shared *shared);

/** No longer; servers and mailboxes must be closed. Harmless when it was not open. */
void tp_service_close(struct tp_shared *shared);

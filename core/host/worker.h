/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/worker.h>

struct tp_generation;
struct tp_job_pool;
struct tp_loop;
struct tp_mailbox;
struct tp_ticket_table;

/* One event loop thread, as the host and the plugins see it. Filled by whoever runs the thread. */
struct tp_worker {
	unsigned index;
	unsigned count;
	struct tp_loop *loop;
	struct tp_mailbox *mailbox;
	struct tp_job_pool *jobs; /* shared; NULL: plugins get TP_ESHUTDOWN */
	struct tp_ticket_table *tickets;
	uint32_t park_deadline_ms;
};

/* Index of the worker whose thread this is; 0 on any other. */
extern _Thread_local unsigned tp_worker_here;

/** Make tp_worker_current() return this on the calling thread; NULL to end. */
void tp_worker_enter(struct tp_worker *worker);

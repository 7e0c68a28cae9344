/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include "io/mailbox.h"

/*
 * Blocking work on a few threads of its own, the result back by mailbox. A job
 * is embedded by its owner and belongs to the pool from submit until done.
 */
struct tp_job {
	struct tp_message message;        /* carries it back; the pool's */
	struct tp_job *next;              /* the pool's */
	struct tp_mailbox *reply_to;      /* the pool's */
	void (*run)(struct tp_job *job);  /* on a pool thread; may block */
	void (*done)(struct tp_job *job); /* on the loop of the mailbox; may free the job */
};

struct tp_job_pool;

/**
 * @threads:    1 to 64
 * @max_queued: jobs waiting beyond those running
 *
 * Errors: TP_ENOMEM, TP_EIO
 */
int tp_job_pool_create(unsigned threads, size_t max_queued, struct tp_job_pool **out);

/**
 * Finish what runs and what waits, join the threads, free. Done messages still
 * go out.
 */
void tp_job_pool_free(struct tp_job_pool **pool);

/**
 * @reply_to: must outlive the job
 *
 * Thread: any
 * Errors: TP_EFULL at the ceiling, TP_ESHUTDOWN
 */
int tp_job_pool_submit(struct tp_job_pool *pool, struct tp_job *job, struct tp_mailbox *reply_to);

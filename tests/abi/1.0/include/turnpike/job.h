/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/api.h>
#include <turnpike/types.h>

TP_BEGIN_DECLS

/**
 * Do blocking work off the worker.
 *
 * @run:  on a job thread; may block; must not touch what belongs to the worker
 * @done: on the worker that submitted, afterwards; NULL for none
 *
 * Both are always called, in this order, once this returned 0; @done also when
 * the worker is about to stop.
 *
 * Owner:  @arg is the caller's
 * Thread: a worker's
 * Errors: TP_EFULL when too many jobs wait, TP_ESHUTDOWN, TP_ENOMEM, TP_EINVAL off a worker
 */
TP_API int tp_job_submit(struct tp_instance *self, void (*run)(void *arg), void (*done)(void *arg),
			 void *arg);

TP_END_DECLS

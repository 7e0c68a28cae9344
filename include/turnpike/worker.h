/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/api.h>
#include <turnpike/types.h>

TP_BEGIN_DECLS

struct event_base;
struct tp_worker_timer;

/** The worker whose thread this is; NULL on any other thread. */
TP_API struct tp_worker *tp_worker_current(void);

/** 0 to tp_worker_count() - 1. Thread: any. */
TP_API unsigned tp_worker_index(const struct tp_worker *worker);

/** Number of workers, fixed for the life of the process. Thread: any. */
TP_API unsigned tp_worker_count(const struct tp_worker *worker);

/** Monotonic milliseconds, the same for a whole loop turn. Thread: the worker's. */
TP_API uint64_t tp_worker_now_ms(struct tp_worker *worker);

/** Seconds since 1970-01-01 UTC. Thread: the worker's. */
TP_API int64_t tp_worker_wall_s(struct tp_worker *worker);

/** libevent's base of the worker, for the plugin's own events. Thread: the worker's. */
TP_API struct event_base *tp_worker_event_base(struct tp_worker *worker);

/** What worker_start stored for this instance and worker. Thread: the worker's. */
TP_API void *tp_worker_state(const struct tp_instance *self, const struct tp_worker *worker);
TP_API void tp_worker_set_state(struct tp_instance *self, struct tp_worker *worker, void *state);

/**
 * Call @fire once, after @after_ms.
 *
 * Owner:  the daemon, until it has fired or is cancelled; all timers of an
 *         instance are cancelled when its worker stops
 * Thread: the worker's
 * Errors: NULL when out of memory
 */
TP_API struct tp_worker_timer *
tp_worker_timer_start(struct tp_instance *self, struct tp_worker *worker, uint64_t after_ms,
		      void (*fire)(struct tp_instance *self, void *arg), void *arg);
/** Cancel before it has fired; NULL inside is fine. Sets the pointer to NULL. Thread: the worker's.
 */
TP_API void tp_worker_timer_cancel(struct tp_worker_timer **timer);

/**
 * Call @run on a worker's thread, in its next loop turn, or on the main thread.
 * Calls of one thread keep their order. One that is posted is always called,
 * at the latest when its instance's worker stops.
 *
 * @worker: index, 0 to tp_worker_count() - 1
 *
 * Owner:  @arg is the caller's
 * Thread: any
 * Errors: TP_EINVAL for no such worker, TP_ESHUTDOWN when the instance has not
 *         started there, or has stopped; TP_EFULL when too many calls wait, TP_ENOMEM
 * Since:  1.1
 */
TP_API int tp_worker_post(struct tp_instance *self, unsigned worker,
			  void (*run)(struct tp_instance *self, void *arg), void *arg);
TP_API int tp_main_post(struct tp_instance *self, void (*run)(struct tp_instance *self, void *arg),
			void *arg);

TP_END_DECLS

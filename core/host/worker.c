/* SPDX-License-Identifier: Apache-2.0 */
#include "host/worker.h"

#include "host/instance_body.h"
#include "io/loop.h"

static _Thread_local struct tp_worker *current;
_Thread_local unsigned tp_worker_here;

void tp_worker_enter(struct tp_worker *worker)
{
	current = worker;
	tp_worker_here = worker == NULL ? 0 : worker->index;
}

/* --- turnpike/worker.h -------------------------------------------------------------- */

struct tp_worker *tp_worker_current(void)
{
	return current;
}

unsigned tp_worker_index(const struct tp_worker *worker)
{
	return worker->index;
}

unsigned tp_worker_count(const struct tp_worker *worker)
{
	return worker->count;
}

uint64_t tp_worker_now_ms(struct tp_worker *worker)
{
	return tp_loop_now_ms(worker->loop);
}

int64_t tp_worker_wall_s(struct tp_worker *worker)
{
	return tp_loop_wall_s(worker->loop);
}

struct event_base *tp_worker_event_base(struct tp_worker *worker)
{
	return tp_loop_event_base(worker->loop);
}

void *tp_worker_state(const struct tp_instance *self, const struct tp_worker *worker)
{
	return self->on_worker[worker->index].state;
}

void tp_worker_set_state(struct tp_instance *self, struct tp_worker *worker, void *state)
{
	self->on_worker[worker->index].state = state;
}

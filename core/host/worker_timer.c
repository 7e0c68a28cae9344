/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/worker.h>

#include <stdlib.h>

#include "base/wheel.h"
#include "host/instance_body.h"
#include "host/place.h"
#include "host/worker.h"
#include "io/loop.h"

#define TIMERS_MAX 65536 /* of one instance on one worker */

struct tp_worker_timer {
	struct tp_timer timer;
	struct tp_list link; /* in the instance's list */
	struct tp_instance *instance;
	struct tp_worker *worker;
	void (*fire)(struct tp_instance *self, void *arg);
	void *arg;
};

static void timer_free(struct tp_worker_timer *timer)
{
	tp_loop_cancel(timer->worker->loop, &timer->timer);
	tp_list_remove(&timer->link);
	timer->instance->on_worker[timer->worker->index].timer_count--;
	free(timer);
}

static void fire(struct tp_timer *wheel_timer)
{
	struct tp_worker_timer *timer = tp_container_of(wheel_timer, struct tp_worker_timer, timer);
	struct tp_worker_timer fired = *timer;
	const struct tp_place place = {fired.instance->name, "timer"};
	const struct tp_place *before;

	timer_free(timer);
	before = tp_place_enter(&place);
	fired.fire(fired.instance, fired.arg);
	tp_place_leave(before);
}

struct tp_worker_timer *tp_worker_timer_start(struct tp_instance *self, struct tp_worker *worker,
					      uint64_t after_ms,
					      void (*on_fire)(struct tp_instance *self, void *arg),
					      void *arg)
{
	struct tp_instance_worker *here = &self->on_worker[worker->index];
	uint64_t at_ms = tp_loop_now_ms(worker->loop) + after_ms;
	struct tp_worker_timer *timer;

	if (!here->running || here->timer_count >= TIMERS_MAX) {
		return NULL;
	}
	timer = calloc(1, sizeof(*timer));
	if (timer == NULL) {
		return NULL;
	}
	timer->instance = self;
	timer->worker = worker;
	timer->fire = on_fire;
	timer->arg = arg;
	tp_timer_init(&timer->timer, fire);
	tp_list_init(&timer->link);
	tp_list_append(&here->timers, &timer->link);
	here->timer_count++;
	tp_loop_arm(worker->loop, &timer->timer, at_ms >= after_ms ? at_ms : UINT64_MAX);
	return timer;
}

void tp_worker_timer_cancel(struct tp_worker_timer **timer)
{
	if (*timer != NULL) {
		timer_free(*timer);
		*timer = NULL;
	}
}

void tp_instance_cancel_timers(struct tp_instance *instance, struct tp_worker *worker)
{
	struct tp_list *timers = &instance->on_worker[worker->index].timers;

	while (!tp_list_empty(timers)) {
		timer_free(tp_container_of(timers->next, struct tp_worker_timer, link));
	}
}

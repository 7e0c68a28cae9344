/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/retire.h"

#include "host/attachment.h"
#include "host/generation.h"
#include "host/worker.h"
#include "io/loop.h"
#include "turn/server.h"

/* Nobody waits for a generation to go, so looking now and then will do. */
#define LOOK_EVERY_MS 20

static bool is_busy(const struct tp_retirement *retirement, const struct tp_generation *generation)
{
	return tp_generation_busy(generation, retirement->worker) != 0 ||
	       (retirement->server != NULL && tp_server_uses(retirement->server, generation));
}

static void let_go(struct tp_retirement *retirement, struct tp_leaving *leaving)
{
	tp_list_remove(&leaving->link);
	if (retirement->server != NULL &&
	    tp_generation_attached(leaving->generation, retirement->worker)) {
		tp_server_adopt(retirement->server);
	}
	tp_generation_worker_stop(leaving->generation, retirement->worker);
	tp_generation_unref(&leaving->generation);
	(void)tp_mailbox_post(leaving->main_mailbox, &leaving->message);
}

static void look(struct tp_timer *timer)
{
	struct tp_retirement *retirement = tp_container_of(timer, struct tp_retirement, timer);
	struct tp_loop *loop = retirement->worker->loop;
	struct tp_list *link;
	struct tp_list *after;

	tp_list_for_each_safe (link, after, &retirement->leaving) {
		struct tp_leaving *leaving = tp_container_of(link, struct tp_leaving, link);

		if (!is_busy(retirement, leaving->generation)) {
			let_go(retirement, leaving);
		}
	}
	if (!tp_list_empty(&retirement->leaving)) {
		tp_loop_arm(loop, &retirement->timer, tp_loop_now_ms(loop) + LOOK_EVERY_MS);
	}
}

void tp_retirement_init(struct tp_retirement *retirement, struct tp_worker *worker)
{
	*retirement = (struct tp_retirement){.worker = worker};
	tp_list_init(&retirement->leaving);
	tp_timer_init(&retirement->timer, look);
}

/*
 * Not at once: whoever calls may be followed in this turn by what the generation
 * has asked for.
 */
void tp_retirement_add(struct tp_retirement *retirement, struct tp_leaving *leaving)
{
	struct tp_loop *loop = retirement->worker->loop;

	tp_list_append(&retirement->leaving, &leaving->link);
	if (!tp_timer_armed(&retirement->timer)) {
		tp_loop_arm(loop, &retirement->timer, tp_loop_now_ms(loop) + 1);
	}
}

void tp_retirement_finish(struct tp_retirement *retirement)
{
	struct tp_list *link;

	tp_loop_cancel(retirement->worker->loop, &retirement->timer);
	while ((link = tp_list_shift(&retirement->leaving)) != NULL) {
		let_go(retirement, tp_container_of(link, struct tp_leaving, link));
	}
}

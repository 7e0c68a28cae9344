/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/tick.h"

#include "host/dispatch.h"
#include "io/loop.h"
#include "turn/server.h"

#define INTERVAL_MS 1000

static void arm(struct tp_server *server)
{
	struct tp_loop *loop = server->worker->loop;

	if (tp_generation_wants(server->generation, TP_EVENT_on_server_tick) &&
	    !tp_timer_armed(&server->tick)) {
		tp_loop_arm(loop, &server->tick, tp_loop_now_ms(loop) + INTERVAL_MS);
	}
}

static void on_tick(struct tp_timer *timer)
{
	struct tp_server *server = tp_container_of(timer, struct tp_server, tick);
	const struct tp_server_tick event = {
		.now_ms = tp_loop_now_ms(server->worker->loop),
		.allocations = tp_server_allocation_count(server),
	};

	arm(server);
	tp_dispatch_tell(&server->generation->all, TP_EVENT_on_server_tick, &event);
}

void tp_tick_begin(struct tp_server *server)
{
	if (server->tick.fire == NULL) {
		tp_timer_init(&server->tick, on_tick);
	}
	arm(server);
}

void tp_tick_end(struct tp_server *server)
{
	tp_loop_cancel(server->worker->loop, &server->tick);
}

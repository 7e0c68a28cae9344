/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/usage.h"

#include "host/dispatch.h"
#include "io/loop.h"
#include "turn/allocation.h"
#include "turn/realm.h"
#include "turn/server.h"

static bool is_wanted(const struct tp_allocation *allocation)
{
	return tp_chains_want(allocation->realm->chains, TP_EVENT_on_turn_usage);
}

/* --- meters --------------------------------------------------------------------- */

static void meter_free(struct tp_usage_meter *meter)
{
	struct tp_server *server = meter->allocation->server;

	tp_loop_cancel(server->worker->loop, &meter->due);
	meter->allocation->usage = NULL;
	tp_pool_give(&server->meter_pool, meter);
}

static void arm(struct tp_usage_meter *meter)
{
	const struct tp_server *server = meter->allocation->server;
	uint64_t interval_ms = server->options->usage_interval_s * UINT64_C(1000);

	if (interval_ms != 0 && !tp_timer_armed(&meter->due)) {
		tp_loop_arm(server->worker->loop, &meter->due, meter->until_ms + interval_ms);
	}
}

/* Of an allocation's whole life. */
static void meter_init(struct tp_usage_meter *meter, struct tp_allocation *allocation)
{
	*meter = (struct tp_usage_meter){
		.allocation = allocation,
		.until_ms = allocation->view.created_ms,
	};
}

/* --- reports -------------------------------------------------------------------- */

static struct tp_traffic since(struct tp_traffic now, struct tp_traffic before)
{
	return (struct tp_traffic){now.packets - before.packets, now.bytes - before.bytes};
}

static void report(struct tp_usage_meter *meter, bool final)
{
	const struct tp_allocation *allocation = meter->allocation;
	const struct tp_server *server = allocation->server;
	const struct tp_traffic none = {0, 0};
	const struct tp_traffic over = allocation->limit == NULL ? none : allocation->limit->over;
	uint64_t now_ms = tp_loop_now_ms(server->worker->loop);
	const struct tp_usage event = {
		.allocation = &allocation->view,
		.interval_ms = now_ms - meter->until_ms,
		.client_to_peer = since(allocation->client_to_peer, meter->client_to_peer),
		.peer_to_client = since(allocation->peer_to_client, meter->peer_to_client),
		.over_limit = since(over, meter->over_limit),
		.final = final,
	};

	meter->until_ms = now_ms;
	meter->client_to_peer = allocation->client_to_peer;
	meter->peer_to_client = allocation->peer_to_client;
	meter->over_limit = over;
	tp_dispatch_tell(allocation->realm->chains, TP_EVENT_on_turn_usage, &event);
}

static void on_due(struct tp_timer *timer)
{
	struct tp_usage_meter *meter = tp_container_of(timer, struct tp_usage_meter, due);

	if (!is_wanted(meter->allocation)) {
		meter_free(meter);
		return;
	}
	report(meter, false);
	arm(meter);
}

void tp_usage_begin(struct tp_allocation *allocation)
{
	struct tp_server *server = allocation->server;

	if (allocation->usage == NULL && is_wanted(allocation) &&
	    server->options->usage_interval_s != 0) {
		allocation->usage = tp_pool_take(&server->meter_pool);
		if (allocation->usage != NULL) {
			meter_init(allocation->usage, allocation);
			tp_timer_init(&allocation->usage->due, on_due);
		}
	}
	if (allocation->usage != NULL) {
		arm(allocation->usage);
	}
}

void tp_usage_end(struct tp_allocation *allocation)
{
	struct tp_usage_meter whole;

	meter_init(&whole, allocation);
	if (is_wanted(allocation)) {
		report(allocation->usage != NULL ? allocation->usage : &whole, true);
	}
	if (allocation->usage != NULL) {
		meter_free(allocation->usage);
	}
}

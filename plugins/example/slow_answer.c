/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <turnpike/plugin.h>

/*
 * The smallest parked answer: think about each Allocate for a while, without
 * holding up the worker, then allow it.
 */

static void answer(struct tp_instance *self, void *arg)
{
	struct tp_ticket *ticket = arg;

	tp_ticket_answer(*ticket, TP_ALLOW, 0); /* stale when the client is gone: no harm */
	free(ticket);
}

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	struct tp_ticket *ticket = malloc(sizeof(*ticket));
	uint64_t delay_ms = (uint64_t)tp_option_integer(self, "delay");
	enum tp_verdict verdict;

	if (ticket == NULL) {
		return TP_DENY;
	}
	verdict = tp_request_park(request, ticket);
	if (verdict != TP_PARK) {
		free(ticket);
		return verdict;
	}
	if (tp_worker_timer_start(self, tp_worker_current(), delay_ms, answer, ticket) == NULL) {
		tp_ticket_answer(*ticket, TP_DENY, 0);
		free(ticket);
	}
	return verdict;
}

static const struct tp_option options[] = {
	{
		.name = "delay",
		.type = TP_OPTION_DURATION,
		.default_value = "50ms",
		.help = "how long to think",
		.min = 1,
		.max = 60000,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_allocate = before_allocate,
};

TP_PLUGIN("slow_answer", "1.0", "allow each Allocate after a while", .options = options,
	  .events = &events);

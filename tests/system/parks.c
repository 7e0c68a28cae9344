/* SPDX-License-Identifier: Apache-2.0 */

/* A plugin that parks each authorization of "alice" for a while, then knows her. */
#include <stdlib.h>

#include <turnpike/plugin.h>

static void answer(struct tp_instance *self, void *arg)
{
	struct tp_ticket *ticket = arg;
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = "wonderland",
		.valid_for_s = 3600,
	};

	(void)self;
	(void)tp_ticket_provide(*ticket, &credentials);
	free(ticket);
}

static enum tp_verdict authorization(struct tp_instance *self, struct tp_request *request,
				     const struct tp_request_authorization *event)
{
	struct tp_ticket *ticket;

	if (event->username == NULL || event->username[0] != 'a') {
		return TP_PASS;
	}
	ticket = malloc(sizeof(*ticket));
	if (ticket == NULL || tp_request_park(request, ticket) != TP_PARK) {
		free(ticket);
		return TP_DENY;
	}
	if (tp_worker_timer_start(self, tp_worker_current(),
				  (uint64_t)tp_option_integer(self, "for"), answer,
				  ticket) == NULL) {
		free(ticket);
		return TP_DENY;
	}
	return TP_PARK;
}

static const struct tp_option options[] = {
	{.name = "for",
	 .type = TP_OPTION_DURATION,
	 .default_value = "50ms",
	 .flags = TP_OPTION_RELOADABLE,
	 .help = "how long a request is parked"},
	{0},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_authorization = authorization,
};

TP_PLUGIN("parks", "1.0", "parks for a while", .options = options, .events = &events);

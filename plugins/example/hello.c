/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/plugin.h>

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	if (tp_addr_port(event->client_addr) >= 1024) {
		return TP_PASS;
	}
	return tp_request_deny(request, 403, "privileged client port");
}

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_allocate = before_allocate,
};

TP_PLUGIN("no_low_ports", "1.0", "refuse clients on privileged ports", .events = &events);

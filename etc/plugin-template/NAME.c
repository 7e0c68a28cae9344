/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <turnpike/plugin.h>

/* What the plugin keeps, one for each instance of it. */
struct plugin {
	uint16_t lowest_port;
	struct tp_counter *refused;
};

/* On the worker that owns the client; must not block. */
static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	const struct plugin *plugin = tp_instance_state(self);

	if (tp_addr_port(event->client_addr) >= plugin->lowest_port) {
		return TP_PASS;
	}
	tp_counter_add(plugin->refused, 1);
	return tp_request_deny(request, 403, "not from this port");
}

/* On the main thread, before any handler. */
static int create(struct tp_instance *self)
{
	struct plugin *plugin = calloc(1, sizeof(*plugin));

	if (plugin == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	plugin->lowest_port = (uint16_t)tp_option_integer(self, "lowest_port");
	plugin->refused = tp_counter_create(self, "refused", "clients refused");
	tp_instance_set_state(self, plugin);
	return 0;
}

/* On the main thread, last; also after a create that failed. */
static void destroy(struct tp_instance *self)
{
	free(tp_instance_state(self));
}

static const struct tp_option options[] = {
	{
		.name = "lowest_port",
		.type = TP_OPTION_INTEGER,
		.default_value = "1024",
		.help = "clients on a port below are refused",
		.min = 1,
		.max = 65535,
		.flags = TP_OPTION_RELOADABLE,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_allocate = before_allocate,
};

TP_PLUGIN("@name@", "0.1", "refuse clients on low ports", .options = options, .events = &events,
	  .create = create, .destroy = destroy);

/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A plugin that is built twice, with BUILD 1 and 2, and replaced while it is in
 * use: it has something of every kind that a reload must hand over or end.
 */
#include <stdlib.h>

#include <turnpike/plugin.h>

#define TIMER_MS 10

struct per_worker {
	uint64_t ticks;
	struct tp_worker_timer *timer;
};

static void fire(struct tp_instance *self, void *arg)
{
	struct per_worker *here = arg;

	here->ticks++;
	here->timer = tp_worker_timer_start(self, tp_worker_current(), TIMER_MS, fire, here);
}

static int create(struct tp_instance *self)
{
	tp_instance_set_state(self, tp_counter_create(self, "seen", "packets of all builds"));
	return tp_option_bool(self, "create_fails")
		       ? tp_instance_fail(self, TP_EINVAL, "was told to fail")
		       : 0;
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	struct per_worker *here = calloc(1, sizeof(*here));

	if (here == NULL) {
		return TP_ENOMEM;
	}
	if (tp_option_bool(self, "worker_fails") && tp_worker_index(worker) != 0) {
		free(here);
		return tp_instance_fail(self, TP_EIO, "does not start on worker %u",
					tp_worker_index(worker));
	}
	tp_worker_set_state(self, worker, here);
	here->timer = tp_worker_timer_start(self, worker, TIMER_MS, fire, here);
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	struct per_worker *here = tp_worker_state(self, worker);

	tp_worker_timer_cancel(&here->timer);
	free(here);
}

static enum tp_verdict relay(struct tp_instance *self,
			     const struct tp_before_relay_channel_data *event)
{
	(void)event;
	tp_counter_add(tp_instance_state(self), 1);
	return TP_PASS;
}

static void created(struct tp_instance *self, const struct tp_create_allocation *event)
{
	void *state = malloc(64);

	if (state != NULL && tp_allocation_set_state(self, event->allocation, state, free) != 0) {
		free(state);
	}
}

static int command(struct tp_instance *self, struct tp_command *command, int argc,
		   const char *const *argv)
{
	tp_command_print(command, "build %d", BUILD);
	for (int i = 0; i < argc; i++) {
		tp_command_print(command, " [%s]", argv[i]);
	}
	tp_command_print(command, "\n");
	return argc == 1 && argv[0][0] == '!' ? tp_instance_fail(self, TP_EINVAL, "will not") : 0;
}

static const struct tp_option options[] = {
	{.name = "create_fails",
	 .type = TP_OPTION_BOOL,
	 .default_value = "no",
	 .flags = TP_OPTION_RELOADABLE,
	 .help = "fail in create"},
	{.name = "worker_fails",
	 .type = TP_OPTION_BOOL,
	 .default_value = "no",
	 .flags = TP_OPTION_RELOADABLE,
	 .help = "fail in worker_start of all workers but the first"},
	{0},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_relay_channel_data = relay,
	.on_turn_create_allocation = created,
};

TP_PLUGIN("generations", "1.0", "is replaced while it is in use", .options = options,
	  .events = &events, .create = create, .worker_start = worker_start,
	  .worker_stop = worker_stop, .command = command);

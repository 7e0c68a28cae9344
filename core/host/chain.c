/* SPDX-License-Identifier: Apache-2.0 */
#include "host/chain.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "host/event_table.h"
#include "host/instance.h"

static size_t count_handlers(enum tp_event event, struct tp_instance *const *instances,
			     size_t count)
{
	size_t handlers = 0;

	for (size_t i = 0; i < count; i++) {
		handlers += tp_event_table[event].handled(tp_instance_events(instances[i]));
	}
	return handlers;
}

int tp_chain_init(struct tp_chain *chain, enum tp_event event, struct tp_instance *const *instances,
		  size_t count)
{
	size_t handlers = count_handlers(event, instances, count);

	*chain = (struct tp_chain){.count = 0};
	if (handlers == 0) {
		return 0;
	}
	chain->instances = calloc(handlers, sizeof(struct tp_instance *));
	if (chain->instances == NULL) {
		return TP_ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		if (tp_event_table[event].handled(tp_instance_events(instances[i]))) {
			chain->instances[chain->count++] = instances[i];
		}
	}
	return 0;
}

void tp_chain_fini(struct tp_chain *chain)
{
	free(chain->instances);
	*chain = (struct tp_chain){.count = 0};
}

int tp_chains_init(struct tp_chains *chains, struct tp_instance *const *instances, size_t count)
{
	int err = 0;

	*chains = (struct tp_chains){0};
	for (int event = 0; err == 0 && event < TP_EVENT_COUNT; event++) {
		err = tp_chain_init(&chains->by_event[event], (enum tp_event)event, instances,
				    count);
	}
	return err;
}

void tp_chains_fini(struct tp_chains *chains)
{
	for (size_t event = 0; event < TP_EVENT_COUNT; event++) {
		tp_chain_fini(&chains->by_event[event]);
	}
}

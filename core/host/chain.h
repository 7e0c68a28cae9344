/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <turnpike/event.h>

struct tp_instance;

/* The handlers of one event in one generation, in the configured order. */
struct tp_chain {
	size_t count;
	struct tp_instance **instances; /* each has the handler in its table */
};

/** Those of @instances that handle the event, in their order. Errors: TP_ENOMEM. */
int tp_chain_init(struct tp_chain *chain, enum tp_event event, struct tp_instance *const *instances,
		  size_t count);
void tp_chain_fini(struct tp_chain *chain);

/* One chain per event: what the plugins of a realm are asked and told, or all plugins. */
struct tp_chains {
	struct tp_chain by_event[TP_EVENT_COUNT];
};

/** The chain of every event. Errors: TP_ENOMEM; free with tp_chains_fini() then, too. */
int tp_chains_init(struct tp_chains *chains, struct tp_instance *const *instances, size_t count);
/** Harmless on zeroed ones. */
void tp_chains_fini(struct tp_chains *chains);

/** One branch: does anybody want the event? */
static inline bool tp_chains_want(const struct tp_chains *chains, enum tp_event event)
{
	return chains->by_event[event].count != 0;
}

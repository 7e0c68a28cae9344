/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

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

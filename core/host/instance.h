/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "host/generation.h"
#include "host/loader.h"

/* One configured plugin with its values and state. */
struct tp_instance;

/*
 * The keys that every [plugin.NAME] section has beside the plugin's own: "file",
 * which the configuration takes out, and those that say how the host asks it. A
 * plugin with an option of such a name keeps it for itself. Ends with a NULL name.
 */
extern const struct tp_option tp_instance_keys[];

/** As tp_generation_create(), for one. @loaded is taken over, also on error. */
int tp_instance_create(const struct tp_instance_config *config, struct tp_loaded *loaded,
		       unsigned workers, char problem[TP_PROBLEM_SIZE], struct tp_instance **out);
/** Call destroy, unload. Sets the pointer to NULL; NULL inside is fine. */
void tp_instance_free(struct tp_instance **instance);

/** Call adopt: @previous is the instance of the same name and plugin before a reload. */
int tp_instance_adopt(struct tp_instance *instance, struct tp_instance *previous,
		      char problem[TP_PROBLEM_SIZE]);

int tp_instance_worker_start(struct tp_instance *instance, struct tp_worker *worker,
			     char problem[TP_PROBLEM_SIZE]);
void tp_instance_worker_stop(struct tp_instance *instance, struct tp_worker *worker);

const struct tp_plugin *tp_instance_plugin(const struct tp_instance *instance);
/** Those it gets: its own, narrowed by the key "events". */
const struct tp_events *tp_instance_events(const struct tp_instance *instance);
/** Does it get the event? */
bool tp_instance_wants(const struct tp_instance *instance, enum tp_event event);
const char *tp_instance_path(const struct tp_instance *instance);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include <turnpike/plugin.h>

#include "daemon/config.h"
#include "host/generation.h"

/** What the daemon would do with this file, for "turnpike -t". */
void tp_describe(const struct tp_config *config, const struct tp_generation *generation,
		 unsigned workers, FILE *out);

/**
 * The names of the events a plugin handles, each after a blank; " no events"
 * for none.
 */
void tp_describe_events(const struct tp_events *events, FILE *out);

/** Name, version, summary, options and events, for "turnpike --plugin-help". */
void tp_describe_plugin(const struct tp_plugin *plugin, const struct tp_events *events, FILE *out);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/log.h"
#include "host/instance.h"
#include "host/schema.h"

#define TP_INSTANCE_LOG_SITES 64

/* A call site of a plugin, told from others by its format, a literal. */
struct tp_instance_log_site {
	_Atomic(const char *) format; /* NULL: free */
	struct tp_log_site site;
};

/* What an instance has on one worker; touched by that worker alone. */
struct tp_instance_worker {
	_Alignas(64) void *state; /* the plugin's */
	struct tp_list timers;
	size_t timer_count;
	bool running; /* between worker_start and worker_stop */
};

/* The inside of an instance, for the files of this folder that implement its face. */
struct tp_instance {
	char *name;
	struct tp_loaded *loaded;
	const struct tp_plugin *plugin; /* in loaded */
	const struct tp_events *events; /* in loaded */
	struct tp_value *values;        /* as plugin->options */
	size_t value_count;
	void *state;                      /* the plugin's */
	struct tp_generation *generation; /* it is part of, without a reference; NULL: none */
	struct tp_instance_worker *on_worker;
	unsigned workers;
	bool created; /* create was called */
	struct tp_instance_log_site *log_sites;
};

/** End all timers of the instance on that worker. Thread: the worker's. */
void tp_instance_cancel_timers(struct tp_instance *instance, struct tp_worker *worker);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/log.h"
#include "host/instance.h"
#include "host/schema.h"

struct tp_observation_row;
struct tp_posts;

#define TP_INSTANCE_LOG_SITES 64

/* A call site of a plugin, told from others by its format, a literal. */
struct tp_instance_log_site {
	_Atomic(const char *) format; /* NULL: free */
	struct tp_log_site site;
};

/* What an instance has on one worker; touched by that worker alone, but for what locks itself. */
struct tp_instance_worker {
	_Alignas(64) void *state; /* the plugin's */
	struct tp_list timers;
	size_t timer_count;
	size_t attached; /* to allocations and clients there, in its name */
	struct tp_observation_row *rows; /* by event */
	struct tp_posts *posts;
	bool running; /* between worker_start and worker_stop */
};

/* The inside of an instance, for the files of this folder that implement its face. */
struct tp_instance {
	char *name;
	struct tp_loaded *loaded;
	const struct tp_plugin *plugin; /* in loaded */
	struct tp_events events;        /* of loaded, those it shall get */
	enum tp_on_error on_error;
	uint32_t deadline_ms;    /* 0: the worker's */
	struct tp_value *values; /* as plugin->options */
	size_t value_count;
	void *state;                      /* the plugin's */
	struct tp_generation *generation; /* it is part of, without a reference; NULL: none */
	struct tp_instance_worker *on_worker;
	unsigned workers;
	bool created; /* create was called */
	struct tp_posts *main_posts;
	struct tp_instance_log_site *log_sites;
};

/** The same configured plugin in another generation: same name, same code. */
bool tp_instance_same(const struct tp_instance *a, const struct tp_instance *b);

/** The one of @generation that stands for the same; NULL: none. */
struct tp_instance *tp_generation_find_same(const struct tp_generation *generation,
					    const struct tp_instance *wanted);

/** Before a call that may leave a sentence by tp_instance_fail(). */
void tp_instance_forget_failure(void);
/** The sentence for an operator: what of the plugin failed, and why. Returns an error. */
int tp_instance_failed(const struct tp_instance *instance, const char *what, int returned,
		       char problem[TP_PROBLEM_SIZE]);

/**
 * A warning about what the instance has done. Each format is held back by itself
 * when it comes too often, so that no instance silences another.
 */
void tp_instance_blame(struct tp_instance *instance, const char *format, ...) TP_PRINTF(2, 3);

/** End all timers of the instance on that worker. Thread: the worker's. */
void tp_instance_cancel_timers(struct tp_instance *instance, struct tp_worker *worker);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <turnpike/event.h>

#include "host/chain.h"

struct tp_instance;
struct tp_worker;

/* One key of a plugin's ini section, as found. All text is borrowed by whoever gets it. */
struct tp_setting {
	const char *key;
	const char *value;
	int line; /* 1-based; 0 when not known */
};

/* What a handler's missed deadline or broken rule counts as. */
enum tp_on_error {
	TP_ON_ERROR_DENY = 0,
	TP_ON_ERROR_PASS = 1, /* as if it had had no opinion */
};

/* One plugin as configured. */
struct tp_instance_config {
	const char *name;        /* of the instance: "auth_file" */
	const char *file;        /* absolute path, or a name in the plugin directory */
	const char *config_file; /* for messages */
	const struct tp_setting *settings;
	size_t setting_count;
	const char *const *events; /* the only ones it gets, of those it handles; NULL: all */
	size_t event_count;
	enum tp_on_error on_error;
	uint32_t deadline_ms; /* to answer what it parks; 0: the worker's */
};

/* The plugins of one realm by their instances' names, in the order they are asked. */
struct tp_realm_plugins {
	const char *const *names;
	size_t count;
};

/*
 * A set of configured plugins that belong together: made as a whole, used by
 * all workers and by parked requests, counted, ended when the last user has gone.
 * Each realm has an order of its own, in which an instance may be missing; one
 * that several realms name is there once. Chains are read on any thread without
 * a lock; they never change once a worker has them.
 */
struct tp_generation {
	struct tp_chains all;     /* what belongs to no realm */
	struct tp_chains *realms; /* by the realm's index */
	size_t realm_count;
	struct tp_instance **instances;
	size_t instance_count;
	unsigned number; /* 1, 2, 3 … */
	struct tp_generation_counts *counts;
};

#define TP_PROBLEM_SIZE 512

/**
 * Load, configure and create every plugin, in order. With none it is empty.
 *
 * @plugin_dir: where a @file without a slash is looked for, as "<dir>/<file>.so"
 * @workers:    how many there will be
 * @problem:    a sentence with file, line and key when it failed
 *
 * Thread: main
 * Errors: TP_EINVAL, TP_ENOENT, TP_EPERM, TP_ENOMEM, or what create returned;
 *         then everything made so far has been destroyed
 */
int tp_generation_create(const struct tp_instance_config *configs, size_t count,
			 const char *plugin_dir, unsigned workers, char problem[TP_PROBLEM_SIZE],
			 struct tp_generation **out);

/**
 * Give the generation realms, in place of the one that it has at first, which
 * is asked all plugins in the order they were created. Before a worker has it.
 *
 * Thread: main
 * Errors: TP_ENOENT for a name that no instance has, TP_ENOMEM; its realms are as before then
 */
int tp_generation_set_realms(struct tp_generation *generation,
			     const struct tp_realm_plugins *realms, size_t count,
			     char problem[TP_PROBLEM_SIZE]);

/**
 * At a reload, before its workers start: let each instance take over from the
 * one of the same name in @previous. One whose file was replaced meanwhile is
 * other code, which knows nothing of the state before: it starts afresh.
 *
 * Thread: main
 * Errors: what adopt returned; the caller drops @generation then, @previous is as it was
 */
int tp_generation_adopt(struct tp_generation *generation, struct tp_generation *previous,
			char problem[TP_PROBLEM_SIZE]);

/** Thread: any. */
struct tp_generation *tp_generation_ref(struct tp_generation *generation);
/**
 * Thread: any; when the last reference goes, the instances are destroyed by
 * tp_generation_reap() on the main thread. Sets the pointer to NULL.
 */
void tp_generation_unref(struct tp_generation **generation);
/** Destroy and unload generations without references. Thread: main. */
void tp_generation_reap(void);

/** Call worker_start of each; on failure worker_stop of those started. Thread: the worker's. */
int tp_generation_worker_start(struct tp_generation *generation, struct tp_worker *worker,
			       char problem[TP_PROBLEM_SIZE]);
/**
 * Call worker_stop of each, latest first, and cancel their timers. At a reload
 * wait until tp_generation_busy() is 0: handlers of parked requests and "done"
 * of jobs are still to be called on this worker.
 *
 * Thread: the worker's
 */
void tp_generation_worker_stop(struct tp_generation *generation, struct tp_worker *worker);

/** Requests parked and jobs under way on that worker. Thread: the worker's. */
size_t tp_generation_busy(const struct tp_generation *generation, const struct tp_worker *worker);
/** For those who park requests and submit jobs. Thread: the worker's. */
void tp_generation_add_busy(struct tp_generation *generation, const struct tp_worker *worker,
			    int amount);

/** Does anybody, in any realm, want the event? */
static inline bool tp_generation_wants(const struct tp_generation *generation, enum tp_event event)
{
	return tp_chains_want(&generation->all, event);
}

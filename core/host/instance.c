/* SPDX-License-Identifier: Apache-2.0 */
#include "host/instance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "host/instance_body.h"
#include "host/problem.h"
#include "host/worker.h"

#define FAILURE_SIZE 256
#define NAME_MAX_LEN 64

/* Left by tp_instance_fail() for whoever called the plugin on this thread. */
static _Thread_local char failure[FAILURE_SIZE];

static int fail(const struct tp_instance *instance, const char *what, int err,
		char problem[TP_PROBLEM_SIZE])
{
	return tp_problem(problem, err, "%s: %s of %s failed: %s", instance->name, what,
			  tp_instance_path(instance),
			  failure[0] != '\0' ? failure : tp_error_string(err));
}

/* What a plugin returns is 0 or an error of ours; anything else is a failure, too. */
static int as_error(int returned)
{
	return returned > 0 ? TP_EINVAL : returned;
}

static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	return len != 0 && len <= NAME_MAX_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static int make_storage(struct tp_instance *instance, const struct tp_instance_config *config)
{
	size_t size =
		sizeof(*instance->on_worker) * (instance->workers != 0 ? instance->workers : 1);

	instance->name = strdup(config->name);
	instance->log_sites = calloc(TP_INSTANCE_LOG_SITES, sizeof(*instance->log_sites));
	instance->on_worker = aligned_alloc(_Alignof(struct tp_instance_worker), size);
	if (instance->name == NULL || instance->log_sites == NULL || instance->on_worker == NULL) {
		return TP_ENOMEM;
	}
	memset(instance->on_worker, 0, size);
	for (unsigned i = 0; i < instance->workers; i++) {
		tp_list_init(&instance->on_worker[i].timers);
	}
	return 0;
}

static int configure(struct tp_instance *instance, const struct tp_instance_config *config,
		     char problem[TP_PROBLEM_SIZE])
{
	const struct tp_option *options = instance->plugin->options;
	size_t count = tp_option_count(options);
	char section[NAME_MAX_LEN + sizeof("plugin.")];
	int err = tp_schema_check(options, tp_instance_path(instance), problem);

	if (err != 0) {
		return err;
	}
	instance->values = calloc(count + 1, sizeof(*instance->values));
	if (instance->values == NULL) {
		return tp_problem(problem, TP_ENOMEM, "%s: out of memory", config->name);
	}
	snprintf(section, sizeof(section), "plugin.%s", config->name);
	err = tp_schema_apply(options, section, config->config_file, config->settings,
			      config->setting_count, instance->values, problem);
	instance->value_count = err == 0 ? count : 0;
	return err;
}

static int call_create(struct tp_instance *instance, char problem[TP_PROBLEM_SIZE])
{
	int err;

	instance->created = true;
	if (instance->plugin->create == NULL) {
		return 0;
	}
	failure[0] = '\0';
	err = as_error(instance->plugin->create(instance));
	return err == 0 ? 0 : fail(instance, "create", err, problem);
}

int tp_instance_create(const struct tp_instance_config *config, struct tp_loaded *loaded,
		       unsigned workers, char problem[TP_PROBLEM_SIZE], struct tp_instance **out)
{
	struct tp_instance *instance = calloc(1, sizeof(*instance));
	int err;

	if (instance == NULL) {
		tp_loader_close(&loaded);
		return tp_problem(problem, TP_ENOMEM, "%s: out of memory", config->name);
	}
	instance->loaded = loaded;
	instance->plugin = tp_loaded_plugin(loaded);
	instance->events = tp_loaded_events(loaded);
	instance->workers = workers;
	if (!name_valid(config->name)) {
		err = tp_problem(problem, TP_EINVAL,
				 "%s: \"%.80s\" is no name of an instance, wanted a-z, 0-9 and _",
				 config->config_file, config->name);
	} else if (make_storage(instance, config) != 0) {
		err = tp_problem(problem, TP_ENOMEM, "%s: out of memory", config->name);
	} else {
		err = configure(instance, config, problem);
	}
	if (err == 0) {
		err = call_create(instance, problem);
	}
	if (err != 0) {
		tp_instance_free(&instance);
		return err;
	}
	*out = instance;
	return 0;
}

void tp_instance_free(struct tp_instance **where)
{
	struct tp_instance *instance = *where;

	if (instance == NULL) {
		return;
	}
	if (instance->created && instance->plugin->destroy != NULL) {
		instance->plugin->destroy(instance);
	}
	for (size_t i = 0; i < instance->value_count; i++) {
		tp_value_fini(&instance->values[i]);
	}
	free(instance->values);
	free(instance->on_worker);
	free(instance->log_sites);
	free(instance->name);
	tp_loader_close(&instance->loaded);
	free(instance);
	*where = NULL;
}

int tp_instance_adopt(struct tp_instance *instance, struct tp_instance *previous,
		      char problem[TP_PROBLEM_SIZE])
{
	int err;

	if (instance->plugin->adopt == NULL) {
		return 0;
	}
	failure[0] = '\0';
	err = as_error(instance->plugin->adopt(instance, previous));
	return err == 0 ? 0 : fail(instance, "adopt", err, problem);
}

int tp_instance_worker_start(struct tp_instance *instance, struct tp_worker *worker,
			     char problem[TP_PROBLEM_SIZE])
{
	struct tp_instance_worker *here = &instance->on_worker[worker->index];
	int err;

	tp_assert(worker->index < instance->workers && !here->running);
	here->running = true;
	if (instance->plugin->worker_start == NULL) {
		return 0;
	}
	failure[0] = '\0';
	err = as_error(instance->plugin->worker_start(instance, worker));
	if (err != 0) {
		tp_instance_cancel_timers(instance, worker);
		here->running = false;
		return fail(instance, "worker_start", err, problem);
	}
	return 0;
}

void tp_instance_worker_stop(struct tp_instance *instance, struct tp_worker *worker)
{
	struct tp_instance_worker *here = &instance->on_worker[worker->index];

	if (!here->running) {
		return;
	}
	if (instance->plugin->worker_stop != NULL) {
		instance->plugin->worker_stop(instance, worker);
	}
	tp_instance_cancel_timers(instance, worker);
	here->running = false;
}

const struct tp_plugin *tp_instance_plugin(const struct tp_instance *instance)
{
	return instance->plugin;
}

const struct tp_events *tp_instance_events(const struct tp_instance *instance)
{
	return instance->events;
}

const char *tp_instance_path(const struct tp_instance *instance)
{
	return tp_loaded_path(instance->loaded);
}

/* --- turnpike/plugin.h -------------------------------------------------------------- */

const char *tp_instance_name(const struct tp_instance *self)
{
	return self->name;
}

void *tp_instance_state(const struct tp_instance *self)
{
	return self->state;
}

void tp_instance_set_state(struct tp_instance *self, void *state)
{
	self->state = state;
}

int tp_instance_fail(struct tp_instance *self, int error, const char *format, ...)
{
	va_list args;

	(void)self;
	va_start(args, format);
	vsnprintf(failure, sizeof(failure), format, args);
	va_end(args);
	return error;
}

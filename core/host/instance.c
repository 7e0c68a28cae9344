/* SPDX-License-Identifier: Apache-2.0 */
#include "host/instance.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "host/event_table.h"
#include "host/instance_body.h"
#include "host/instance_keys.h"
#include "host/observation_row.h"
#include "host/place.h"
#include "host/post.h"
#include "host/problem.h"
#include "host/ticket.h"
#include "host/worker.h"

#define FAILURE_SIZE 256
#define NAME_MAX_LEN 64

/* Left by tp_instance_fail() for whoever called the plugin on this thread. */
static _Thread_local char failure[FAILURE_SIZE];

void tp_instance_forget_failure(void)
{
	failure[0] = '\0';
}

/* What a plugin returns is 0 or an error of ours; anything else is a failure, too. */
int tp_instance_failed(const struct tp_instance *instance, const char *what, int returned,
		       char problem[TP_PROBLEM_SIZE])
{
	int err = returned > 0 ? TP_EINVAL : returned;

	return tp_problem(problem, err, "%s: %s of %s failed: %s", instance->name, what,
			  tp_instance_path(instance),
			  failure[0] != '\0' ? failure : tp_error_string(err));
}

static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	return len != 0 && len <= NAME_MAX_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

static int make_workers(struct tp_instance *instance)
{
	size_t count = instance->workers != 0 ? instance->workers : 1;
	size_t size = sizeof(*instance->on_worker) * count;
	int err = 0;

	instance->on_worker = aligned_alloc(_Alignof(struct tp_instance_worker), size);
	if (instance->on_worker == NULL) {
		return TP_ENOMEM;
	}
	memset(instance->on_worker, 0, size);
	for (size_t i = 0; err == 0 && i < count; i++) {
		tp_list_init(&instance->on_worker[i].timers);
		err = tp_posts_create(instance, &instance->on_worker[i].posts);
	}
	return err == 0 ? tp_observation_rows_create(instance) : err;
}

static void free_workers(struct tp_instance *instance)
{
	size_t count = instance->workers != 0 ? instance->workers : 1;

	if (instance->on_worker == NULL) {
		return;
	}
	tp_observation_rows_free(instance);
	for (size_t i = 0; i < count; i++) {
		tp_posts_free(&instance->on_worker[i].posts);
	}
	free(instance->on_worker);
}

static int make_storage(struct tp_instance *instance, const struct tp_instance_config *config)
{
	int err;

	instance->name = strdup(config->name);
	instance->log_sites = calloc(TP_INSTANCE_LOG_SITES, sizeof(*instance->log_sites));
	if (instance->name == NULL || instance->log_sites == NULL) {
		return TP_ENOMEM;
	}
	err = tp_posts_create(instance, &instance->main_posts);
	return err == 0 ? make_workers(instance) : err;
}

static int apply(struct tp_instance *instance, const struct tp_instance_config *config,
		 const struct tp_setting *settings, size_t count, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_option *options = instance->plugin->options;
	char section[NAME_MAX_LEN + sizeof("plugin.")];
	int err;

	instance->values = calloc(tp_option_count(options) + 1, sizeof(*instance->values));
	if (instance->values == NULL) {
		return tp_problem(problem, TP_ENOMEM, "%s: out of memory", config->name);
	}
	snprintf(section, sizeof(section), "plugin.%s", config->name);
	err = tp_schema_apply(options, section, config->config_file, settings, count,
			      instance->values, problem);
	instance->value_count = err == 0 ? tp_option_count(options) : 0;
	return err;
}

static int configure(struct tp_instance *instance, const struct tp_instance_config *config,
		     char problem[TP_PROBLEM_SIZE])
{
	struct tp_setting *own = NULL;
	size_t own_count = 0;
	int err = tp_schema_check(instance->plugin->options, tp_instance_path(instance), problem);

	if (err != 0) {
		return err;
	}
	own = calloc(config->setting_count + 1, sizeof(*own));
	if (own == NULL) {
		return tp_problem(problem, TP_ENOMEM, "%s: out of memory", config->name);
	}
	err = tp_instance_take_keys(instance, config, own, &own_count, problem);
	if (err == 0) {
		err = apply(instance, config, own, own_count, problem);
	}
	free(own);
	return err;
}

/* --- the life of an instance -------------------------------------------------------- */

static int call_create(struct tp_instance *instance, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_place place = {instance->name, "create"};
	const struct tp_place *before;
	int err;

	instance->created = true;
	tp_posts_open(instance->main_posts, NULL);
	if (instance->plugin->create == NULL) {
		return 0;
	}
	tp_instance_forget_failure();
	before = tp_place_enter(&place);
	err = instance->plugin->create(instance);
	tp_place_leave(before);
	return err == 0 ? 0 : tp_instance_failed(instance, "create", err, problem);
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
	instance->events = *tp_loaded_events(loaded);
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

static void call_destroy(struct tp_instance *instance)
{
	const struct tp_place place = {instance->name, "destroy"};
	const struct tp_place *before;

	tp_posts_close(instance->main_posts);
	if (instance->plugin->destroy != NULL) {
		before = tp_place_enter(&place);
		instance->plugin->destroy(instance);
		tp_place_leave(before);
	}
}

void tp_instance_free(struct tp_instance **where)
{
	struct tp_instance *instance = *where;

	if (instance == NULL) {
		return;
	}
	if (instance->created) {
		call_destroy(instance);
	}
	for (size_t i = 0; i < instance->value_count; i++) {
		tp_value_fini(&instance->values[i]);
	}
	free(instance->values);
	free_workers(instance);
	tp_posts_free(&instance->main_posts);
	free(instance->log_sites);
	free(instance->name);
	tp_loader_close(&instance->loaded);
	free(instance);
	*where = NULL;
}

int tp_instance_adopt(struct tp_instance *instance, struct tp_instance *previous,
		      char problem[TP_PROBLEM_SIZE])
{
	const struct tp_place place = {instance->name, "adopt"};
	const struct tp_place *before;
	int err;

	if (instance->plugin->adopt == NULL) {
		return 0;
	}
	tp_instance_forget_failure();
	before = tp_place_enter(&place);
	err = instance->plugin->adopt(instance, previous);
	tp_place_leave(before);
	return err == 0 ? 0 : tp_instance_failed(instance, "adopt", err, problem);
}

static int call_worker_start(struct tp_instance *instance, struct tp_worker *worker)
{
	const struct tp_place place = {instance->name, "worker_start"};
	const struct tp_place *before;
	int err;

	if (instance->plugin->worker_start == NULL) {
		return 0;
	}
	tp_instance_forget_failure();
	before = tp_place_enter(&place);
	err = instance->plugin->worker_start(instance, worker);
	tp_place_leave(before);
	return err;
}

static void call_worker_stop(struct tp_instance *instance, struct tp_worker *worker)
{
	const struct tp_place place = {instance->name, "worker_stop"};
	const struct tp_place *before;

	if (instance->plugin->worker_stop != NULL) {
		before = tp_place_enter(&place);
		instance->plugin->worker_stop(instance, worker);
		tp_place_leave(before);
	}
}

/* Nothing of the instance is left on the worker that could call it. */
static void leave_worker(struct tp_instance *instance, struct tp_worker *worker)
{
	tp_instance_cancel_timers(instance, worker);
	if (worker->tickets != NULL) {
		tp_ticket_table_forget(worker->tickets, instance);
	}
	instance->on_worker[worker->index].running = false;
}

int tp_instance_worker_start(struct tp_instance *instance, struct tp_worker *worker,
			     char problem[TP_PROBLEM_SIZE])
{
	struct tp_instance_worker *here = &instance->on_worker[worker->index];
	int err;

	tp_assert(worker->index < instance->workers && !here->running);
	here->running = true;
	tp_posts_open(here->posts, worker->mailbox);
	err = call_worker_start(instance, worker);
	if (err != 0) {
		err = tp_instance_failed(instance, "worker_start", err, problem);
		tp_posts_close(here->posts);
		leave_worker(instance, worker);
	}
	return err;
}

void tp_instance_worker_stop(struct tp_instance *instance, struct tp_worker *worker)
{
	struct tp_instance_worker *here = &instance->on_worker[worker->index];

	if (!here->running) {
		return;
	}
	tp_posts_close(here->posts);
	call_worker_stop(instance, worker);
	leave_worker(instance, worker);
}

bool tp_instance_same(const struct tp_instance *a, const struct tp_instance *b)
{
	/* The same text at the same place is the same object: it knows the other's state. */
	return a->plugin->name == b->plugin->name && strcmp(a->name, b->name) == 0;
}

bool tp_instance_wants(const struct tp_instance *instance, enum tp_event event)
{
	return tp_event_table[event].handled(&instance->events);
}

const struct tp_plugin *tp_instance_plugin(const struct tp_instance *instance)
{
	return instance->plugin;
}

const struct tp_events *tp_instance_events(const struct tp_instance *instance)
{
	return &instance->events;
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_verbs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

#include "daemon/daemon.h"
#include "host/command.h"
#include "host/event_table.h"
#include "host/instance.h"
#include "host/observation.h"
#include "turn/settings.h"

/* --- plugins ---------------------------------------------------------------------- */

/* Upper bound of the bucket in which so many thousandths of the calls lie. */
static uint64_t quantile_ns(const struct tp_observed *observed, unsigned permille)
{
	uint64_t rank = (observed->timed * permille + 999) / 1000;
	uint64_t seen = 0;

	for (size_t i = 0; i + 1 < TP_OBSERVED_TIMES; i++) {
		uint64_t bound_ns = UINT64_C(128) << i;

		seen += observed->times[i];
		if (seen >= rank) {
			return bound_ns < observed->max_ns ? bound_ns : observed->max_ns;
		}
	}
	return observed->max_ns;
}

static json_t *event_object(const struct tp_observed *observed)
{
	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "calls",
		(json_int_t)observed->calls, "pass", (json_int_t)observed->verdicts[TP_PASS],
		"allow", (json_int_t)observed->verdicts[TP_ALLOW], "deny",
		(json_int_t)observed->verdicts[TP_DENY], "park",
		(json_int_t)observed->verdicts[TP_PARK], "wrong", (json_int_t)observed->wrong,
		"missed", (json_int_t)observed->missed, "stale", (json_int_t)observed->stale,
		"slow", (json_int_t)observed->slow, "parked_now", (json_int_t)observed->parked_now,
		"p50_ns", (json_int_t)quantile_ns(observed, 500), "p99_ns",
		(json_int_t)quantile_ns(observed, 990), "max_ns", (json_int_t)observed->max_ns);
}

/* Those it is asked about: in the chain, so "events" of its section has been heeded. */
static bool gets(const struct tp_generation *generation, const struct tp_instance *instance,
		 enum tp_event event)
{
	const struct tp_chain *chain = &generation->all.by_event[event];

	for (size_t i = 0; i < chain->count; i++) {
		if (chain->instances[i] == instance) {
			return true;
		}
	}
	return false;
}

static json_t *event_objects(const struct tp_generation *generation,
			     const struct tp_instance *instance, json_int_t *parked)
{
	json_t *events = json_object();

	for (int i = 0; i < TP_EVENT_COUNT; i++) {
		struct tp_observed observed;

		if (!gets(generation, instance, (enum tp_event)i)) {
			continue;
		}
		tp_instance_observed(instance, (enum tp_event)i, &observed);
		*parked += (json_int_t)observed.parked_now;
		(void)json_object_set_new(events, tp_event_table[i].name, event_object(&observed));
	}
	return events;
}

static bool is_in(const struct tp_realm_plugins *plugins, const struct tp_instance *instance)
{
	for (size_t i = 0; i < plugins->count; i++) {
		if (strcmp(plugins->names[i], tp_instance_name(instance)) == 0) {
			return true;
		}
	}
	return false;
}

/* The realms that name it. */
static json_t *realm_names(const struct tp_daemon *daemon, const struct tp_instance *instance)
{
	json_t *names = json_array();

	for (size_t i = 0; i <= daemon->latest->realm_count; i++) {
		const struct tp_realm_plugins plugins = tp_config_realm_plugins(daemon->latest, i);

		if (is_in(&plugins, instance)) {
			(void)json_array_append_new(
				names, tp_control_text(
					       tp_turn_settings_realm(daemon->settings, i)->realm));
		}
	}
	return names;
}

static json_t *instance_object(const struct tp_daemon *daemon, const struct tp_instance *instance)
{
	const struct tp_generation *generation = daemon->generation;
	const struct tp_plugin *plugin = tp_instance_plugin(instance);
	json_int_t parked = 0;
	json_t *events = event_objects(generation, instance, &parked);
	json_t *object;
	char abi[32];

	snprintf(abi, sizeof(abi), "%" PRIu32 ".%" PRIu32, plugin->abi_major, plugin->abi_minor);
	object = json_pack("{s:s, s:o, s:o, s:s, s:o, s:i, s:I, s:o}", "instance",
			   tp_instance_name(instance), "plugin", tp_control_text(plugin->name),
			   "version", tp_control_text(plugin->version), "abi", abi, "file",
			   tp_control_text(tp_instance_path(instance)), "generation",
			   (int)generation->number, "parked_now", parked, "events", events);
	if (daemon->latest->realm_count != 0) {
		(void)json_object_set_new(object, "realms", realm_names(daemon, instance));
	}
	return object;
}

void tp_control_plugins(struct tp_control_call *call, size_t argc, char **argv)
{
	const struct tp_daemon *daemon = tp_control_daemon(call);
	const struct tp_generation *generation = daemon->generation;
	json_t *plugins;

	(void)argv;
	if (argc != 0) {
		tp_control_fail(call, "plugins takes no words");
		return;
	}
	plugins = json_array();
	for (size_t i = 0; i < generation->instance_count; i++) {
		(void)json_array_append_new(plugins,
					    instance_object(daemon, generation->instances[i]));
	}
	tp_control_answer(call, json_pack("{s:i, s:i, s:o}", "generation", (int)generation->number,
					  "leaving_generations", (int)daemon->leaving, "plugins",
					  plugins));
}

/* --- plugin do -------------------------------------------------------------------- */

static struct tp_instance *find(const struct tp_generation *generation, const char *name)
{
	for (size_t i = 0; i < generation->instance_count; i++) {
		if (strcmp(tp_instance_name(generation->instances[i]), name) == 0) {
			return generation->instances[i];
		}
	}
	return NULL;
}

void tp_control_plugin_do(struct tp_control_call *call, size_t argc, char **argv)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_instance *instance;
	char *output = NULL;

	if (argc < 1) {
		tp_control_fail(call, "plugin do takes the name of a plugin, and words for it");
		return;
	}
	instance = find(tp_control_daemon(call)->generation, argv[0]);
	if (instance == NULL) {
		tp_control_fail(call, "there is no plugin \"%.64s\"", argv[0]);
		return;
	}
	if (tp_instance_command(instance, (int)argc - 1, (const char *const *)(argv + 1), &output,
				problem) != 0) {
		tp_control_fail(call, "%s", problem);
	} else {
		tp_control_answer(call, json_pack("{s:o}", "output",
						  tp_control_text(output == NULL ? "" : output)));
	}
	free(output);
}

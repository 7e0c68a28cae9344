/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_verbs.h"

#include <string.h>

#include "base/counter.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/reload.h"
#include "daemon/say.h"

static const char *const levels[] = {"error", "warn", "info", "debug"};

#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

/* --- help ------------------------------------------------------------------------- */

static void help(struct tp_control_call *call, size_t argc, char **argv)
{
	json_t *verbs = json_array();

	(void)argv;
	if (argc != 0) {
		json_decref(verbs);
		tp_control_fail(call, "help takes no words");
		return;
	}
	for (const struct tp_control_verb *verb = tp_control_verbs; verb->words != NULL; verb++) {
		(void)json_array_append_new(verbs, json_pack("{s:s, s:s, s:s}", "verb", verb->words,
							     "arguments", verb->arguments, "help",
							     verb->help));
	}
	tp_control_answer(call, json_pack("{s:o}", "verbs", verbs));
}

/* --- reload ----------------------------------------------------------------------- */

static json_t *note_array(const struct tp_reload_outcome *outcome)
{
	json_t *notes = json_array();

	for (size_t i = 0; i < outcome->note_count; i++) {
		(void)json_array_append_new(notes, tp_control_text(outcome->notes[i]));
	}
	return notes;
}

static void reloaded(void *arg, const struct tp_reload_outcome *outcome)
{
	struct tp_control_call *call = arg;

	if (outcome->error != 0) {
		tp_control_fail(call, "%s", outcome->problem);
		return;
	}
	tp_control_answer(call, json_pack("{s:i, s:o}", "generation", (int)outcome->generation,
					  "needs_restart", note_array(outcome)));
}

static void reload(struct tp_control_call *call, size_t argc, char **argv)
{
	(void)argv;
	if (argc != 0) {
		tp_control_fail(call, "reload takes no words; for one plugin: plugin reload NAME");
		return;
	}
	tp_reload_begin(tp_control_daemon(call), NULL, reloaded, call);
}

static void plugin_reload(struct tp_control_call *call, size_t argc, char **argv)
{
	if (argc != 1) {
		tp_control_fail(call, "plugin reload takes the name of one plugin");
		return;
	}
	tp_reload_begin(tp_control_daemon(call), argv[0], reloaded, call);
}

/* --- counters --------------------------------------------------------------------- */

static void add_counter(const char *name, const char *what, uint64_t value, void *arg)
{
	json_t *counters = arg;

	(void)json_object_set_new(
		counters, name,
		json_pack("{s:I, s:o}", "value", (json_int_t)value, "help", tp_control_text(what)));
}

static void counters(struct tp_control_call *call, size_t argc, char **argv)
{
	json_t *all;

	(void)argv;
	if (argc != 0) {
		tp_control_fail(call, "counters takes no words");
		return;
	}
	all = json_object();
	tp_counter_each(add_counter, all);
	tp_control_answer(call, json_pack("{s:o}", "counters", all));
}

/* --- log level -------------------------------------------------------------------- */

static const char *level_now(void)
{
	size_t at = LEVEL_COUNT - 1;

	while (at > 0 && !tp_log_enabled((enum tp_log_level)at)) {
		at--;
	}
	return levels[at];
}

static void log_level(struct tp_control_call *call, size_t argc, char **argv)
{
	size_t at = 0;

	while (argc == 1 && at < LEVEL_COUNT && strcmp(argv[0], levels[at]) != 0) {
		at++;
	}
	if (argc > 1 || at == LEVEL_COUNT) {
		tp_control_fail(call, "log level takes one of error, warn, info, debug");
		return;
	}
	if (argc == 1) {
		tp_log_set_level((enum tp_log_level)at);
		tp_say(TP_LOG_INFO, "log level is %s until the next reload", levels[at]);
	}
	tp_control_answer(call, json_pack("{s:s}", "level", level_now()));
}

/* --- the table -------------------------------------------------------------------- */

const struct tp_control_verb tp_control_verbs[] = {
	{"status", "", "version, workers, listeners, generation, allocations", tp_control_status},
	{"plugins", "", "instances with their files, and what each of their events has cost",
	 tp_control_plugins},
	{"reload", "", "read the configuration again, load every plugin anew", reload},
	{"plugin reload", "NAME", "load one plugin anew, with its section as it is now",
	 plugin_reload},
	{"plugin do", "NAME WORD ...", "tell a plugin something; what, its manual says",
	 tp_control_plugin_do},
	{"sessions", "[--user USER]", "live allocations with what they have relayed",
	 tp_control_sessions},
	{"kill", "ID | --user USER [--realm REALM]", "end an allocation, or all of a user",
	 tp_control_kill},
	{"drain", "", "take no new allocations; those that are there live on", tp_control_drain},
	{"counters", "", "everything that is counted", counters},
	{"log level", "[LEVEL]", "least important lines that are written: error, warn, info, debug",
	 log_level},
	{"help", "", "this list", help},
	{NULL, NULL, NULL, NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <turnpike/error.h>

#include "base/log.h"
#include "config_file.h"
#include "daemon/crew.h"
#include "daemon/daemon.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "support/suite.h"
#include "turn/settings.h"

#define WORKERS 3
#define PATIENCE_S 10

/* A daemon without signals and control socket: real threads, no clients. */
struct reload_fixture {
	struct config_file file;
	struct tp_daemon daemon;
	char problem[TP_PROBLEM_SIZE];
	unsigned outcomes;
	int error;
	char sentence[TP_PROBLEM_SIZE];
	size_t notes;
};

static struct reload_fixture f;

static void say_nothing(const char *line, size_t len, void *arg)
{
	(void)line;
	(void)len;
	(void)arg;
}

static void write_file(const char *plugins, const char *more)
{
	FILE *out = fopen(f.file.path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	fprintf(out,
		"[turnpike]\nrealm = r\nplugin_dir = %s\nplugins = %s\n"
		"[listener.a]\ntransport = udp\naddress = 127.0.0.1:0\n%s",
		TEST_PLUGIN_DIR, plugins, more);
	fclose(out);
}

static void open_shared(struct tp_daemon *daemon)
{
	struct tp_turn_options *options;
	size_t realms;
	int err;

	options = tp_config_options(daemon->started, &realms, &err);
	CU_ASSERT_EQUAL_FATAL(err, 0);
	CU_ASSERT_EQUAL_FATAL(tp_shared_create(options, realms, WORKERS, &daemon->shared), 0);
	free(options);
	daemon->settings = tp_turn_settings_ref(daemon->shared->settings);
}

static void open_crew(struct tp_daemon *daemon)
{
	CU_ASSERT_EQUAL_FATAL(tp_crew_create(daemon->started, WORKERS, daemon->shared,
					     daemon->generation, f.problem, &daemon->crew),
			      0);
	CU_ASSERT_EQUAL_FATAL(tp_crew_listen(daemon->crew, f.problem), 0);
	CU_ASSERT_EQUAL_FATAL(tp_crew_start(daemon->crew, f.problem), 0);
}

static void daemon_open_with(const char *more)
{
	struct tp_daemon *daemon = &f.daemon;

	memset(&f, 0, sizeof(f));
	tp_log_set_sink(say_nothing, NULL);
	config_file_open(&f.file, "");
	write_file("empty", more);
	CU_ASSERT_EQUAL_FATAL(tp_config_load(f.file.path, f.problem, &f.file.config), 0);
	daemon->started = tp_config_ref(f.file.config);
	daemon->latest = tp_config_ref(f.file.config);
	daemon->workers = WORKERS;
	CU_ASSERT_EQUAL_FATAL(
		tp_loop_create(NULL, tp_datagram_backend_named("plain"), &daemon->main.loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_mailbox_create(daemon->main.loop, &daemon->main.mailbox), 0);
	CU_ASSERT_EQUAL_FATAL(tp_plan_init(&daemon->plan, daemon->started), 0);
	CU_ASSERT_EQUAL_FATAL(tp_daemon_load_plugins(daemon->started, daemon->plan.plugins,
						     daemon->plan.count, WORKERS, f.problem,
						     &daemon->generation),
			      0);
	open_shared(daemon);
	open_crew(daemon);
}

static void daemon_open(void)
{
	daemon_open_with("");
}

static void hear_the_last(void)
{
	do {
		tp_mailbox_deliver(f.daemon.main.mailbox);
	} while (f.daemon.reload != NULL);
	tp_mailbox_deliver(f.daemon.main.mailbox);
}

static void daemon_close(void)
{
	struct tp_daemon *daemon = &f.daemon;

	tp_crew_stop(daemon->crew);
	hear_the_last();
	CU_ASSERT_EQUAL(daemon->leaving, 0);
	tp_crew_free(&daemon->crew);
	tp_turn_settings_unref(&daemon->settings);
	tp_shared_free(&daemon->shared);
	tp_generation_unref(&daemon->generation);
	tp_generation_reap();
	tp_plan_fini(&daemon->plan);
	tp_config_free(&daemon->latest);
	tp_config_free(&daemon->started);
	tp_mailbox_free(&daemon->main.mailbox);
	tp_loop_free(&daemon->main.loop);
	config_file_close(&f.file);
	tp_log_set_sink(NULL, NULL);
}

static void ended(void *arg, const struct tp_reload_outcome *outcome)
{
	(void)arg;
	f.outcomes++;
	f.error = outcome->error;
	f.notes = outcome->note_count;
	snprintf(f.sentence, sizeof(f.sentence), "%s",
		 outcome->problem == NULL ? "" : outcome->problem);
}

/* Turn the main loop until the workers have done their part. */
static void turn_until_quiet(void)
{
	time_t end = time(NULL) + PATIENCE_S;

	while ((f.daemon.reload != NULL || f.daemon.leaving != 0) && time(NULL) < end) {
		tp_loop_turn(f.daemon.main.loop);
	}
	CU_ASSERT_PTR_NULL(f.daemon.reload);
	CU_ASSERT_EQUAL(f.daemon.leaving, 0);
}

static int reload(const char *plugin)
{
	f.outcomes = 0;
	tp_reload_begin(&f.daemon, plugin, ended, NULL);
	turn_until_quiet();
	CU_ASSERT_EQUAL(f.outcomes, 1);
	return f.error;
}

static void serves_with_what_the_file_says_now(void)
{
	unsigned before;

	daemon_open();
	before = f.daemon.generation->number;
	write_file("empty options", "[plugin.options]\nnonsense = 1\n");
	CU_ASSERT_EQUAL(reload(NULL), TP_EINVAL);
	CU_ASSERT_EQUAL(f.daemon.generation->number, before);
	write_file("hooks empty", "[relay]\naddress = 127.0.0.1\n[limits]\nmax_lifetime = 2h\n");
	CU_ASSERT_EQUAL(reload(NULL), TP_EINVAL); /* who may log in must get an address */
	write_file("no_events empty", "[limits]\nmax_lifetime = 2h\n");
	CU_ASSERT_NOT_EQUAL(reload(NULL), 0);
	write_file("empty", "[limits]\nmax_lifetime = 2h\n");
	CU_ASSERT_EQUAL(reload(NULL), 0);
	CU_ASSERT_TRUE(f.daemon.generation->number > before);
	CU_ASSERT_EQUAL(tp_turn_settings_realm(f.daemon.settings, 0)->max_lifetime_s, 7200);
	daemon_close();
}

static void a_plugin_that_does_not_start_on_a_worker_changes_nothing(void)
{
	struct tp_generation *before;

	daemon_open();
	before = f.daemon.generation;
	write_file("empty worker_start_fails", "");
	CU_ASSERT_EQUAL(reload(NULL), TP_EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.sentence, "no directory server"));
	CU_ASSERT_PTR_EQUAL(f.daemon.generation, before);
	CU_ASSERT_EQUAL(f.daemon.plan.count, 1);
	daemon_close();
}

static void one_plugin_leaves_the_rest_of_the_file_alone(void)
{
	daemon_open();
	write_file("empty", "[limits]\nmax_lifetime = 2h\n");
	CU_ASSERT_EQUAL(reload("empty"), 0);
	CU_ASSERT_EQUAL(tp_turn_settings_realm(f.daemon.settings, 0)->max_lifetime_s, 3600);
	CU_ASSERT_EQUAL(reload("nobody"), TP_ENOENT);
	CU_ASSERT_STRING_EQUAL(f.sentence, "there is no plugin \"nobody\"");
	daemon_close();
}

static void there_is_one_at_a_time(void)
{
	daemon_open();
	tp_reload_begin(&f.daemon, NULL, ended, NULL);
	CU_ASSERT_PTR_NOT_NULL(f.daemon.reload);
	CU_ASSERT_EQUAL(f.outcomes, 0);
	tp_reload_begin(&f.daemon, NULL, ended, NULL);
	CU_ASSERT_EQUAL(f.outcomes, 1);
	CU_ASSERT_EQUAL(f.error, TP_EAGAIN);
	turn_until_quiet();
	CU_ASSERT_EQUAL(f.outcomes, 2);
	CU_ASSERT_EQUAL(f.error, 0);
	daemon_close();
}

/* As SIGHUP does. */
static void one_asked_for_meanwhile_comes_after_it(void)
{
	unsigned before;

	daemon_open();
	before = f.daemon.generation->number;
	tp_reload_begin(&f.daemon, NULL, NULL, NULL);
	f.daemon.reload_again = true;
	turn_until_quiet();
	CU_ASSERT_EQUAL(f.daemon.generation->number, before + 2);
	CU_ASSERT_FALSE(f.daemon.reload_again);
	daemon_close();
}

static void the_daemon_may_end_during_one(void)
{
	daemon_open();
	tp_reload_begin(&f.daemon, NULL, ended, NULL);
	daemon_close();
	CU_ASSERT_EQUAL(f.outcomes, 1);
}

static void generations_that_do_not_leave_are_bounded(void)
{
	daemon_open();
	f.daemon.leaving = TP_GENERATIONS_LEAVING_MAX;
	tp_reload_begin(&f.daemon, NULL, ended, NULL);
	CU_ASSERT_EQUAL(f.error, TP_EFULL);
	CU_ASSERT_PTR_NULL(f.daemon.reload);
	f.daemon.leaving = 0;
	daemon_close();
}

static void what_needs_a_restart_is_told(void)
{
	daemon_open();
	write_file("empty", "[relay]\naddress = 127.0.0.1\nports = 50000-50001\n");
	CU_ASSERT_EQUAL(reload(NULL), 0);
	CU_ASSERT_EQUAL(f.notes, 2);
	CU_ASSERT_EQUAL(tp_turn_settings_realm(f.daemon.settings, 0)->relay_count, 0);
	daemon_close();
}

static size_t wanted_in(size_t realm)
{
	return f.daemon.generation->realms[realm].by_event[TP_EVENT_on_turn_before_allocate].count;
}

static void a_realm_changes_plugins_and_options(void)
{
	daemon_open_with("[realm.b]\nplugins = empty\n");
	CU_ASSERT_EQUAL(wanted_in(1), 0);
	write_file("empty", "[realm.b]\nplugins = blocks empty\nmax_lifetime = 2h\n"
			    "server_names = turn.example.org\n");
	CU_ASSERT_EQUAL(reload(NULL), 0);
	CU_ASSERT_EQUAL(f.daemon.generation->instance_count, 2);
	CU_ASSERT_EQUAL(wanted_in(0), 0);
	CU_ASSERT_EQUAL(wanted_in(1), 1);
	CU_ASSERT_EQUAL(tp_turn_settings_realm(f.daemon.settings, 0)->max_lifetime_s, 3600);
	CU_ASSERT_EQUAL(tp_turn_settings_realm(f.daemon.settings, 1)->max_lifetime_s, 7200);
	CU_ASSERT_EQUAL(tp_turn_settings_realm(f.daemon.settings, 1)->server_name_count, 1);
	CU_ASSERT_EQUAL(reload("empty"), 0); /* orders stay */
	CU_ASSERT_EQUAL(wanted_in(0), 0);
	CU_ASSERT_EQUAL(wanted_in(1), 1);
	daemon_close();
}

static void realms_do_not_come_or_go(void)
{
	struct tp_generation *before;

	daemon_open_with("[realm.b]\n");
	before = f.daemon.generation;
	write_file("empty", "[realm.b]\n[realm.c]\n");
	CU_ASSERT_EQUAL(reload(NULL), TP_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.sentence, "[realm.c] is new"));
	write_file("empty", "");
	CU_ASSERT_EQUAL(reload(NULL), TP_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(f.sentence, "[realm.b] is gone"));
	CU_ASSERT_PTR_EQUAL(f.daemon.generation, before);
	daemon_close();
}

static void a_realm_keeps_its_name(void)
{
	daemon_open_with("[realm.b]\nrealm = one\n");
	write_file("empty", "[realm.b]\nrealm = two\n");
	CU_ASSERT_EQUAL(reload(NULL), 0);
	CU_ASSERT_EQUAL(f.notes, 1);
	CU_ASSERT_STRING_EQUAL(tp_turn_settings_realm(f.daemon.settings, 1)->realm, "one");
	daemon_close();
}

TEST_SUITE("reload", TEST(serves_with_what_the_file_says_now),
	   TEST(a_plugin_that_does_not_start_on_a_worker_changes_nothing),
	   TEST(one_plugin_leaves_the_rest_of_the_file_alone), TEST(there_is_one_at_a_time),
	   TEST(one_asked_for_meanwhile_comes_after_it), TEST(the_daemon_may_end_during_one),
	   TEST(generations_that_do_not_leave_are_bounded), TEST(what_needs_a_restart_is_told),
	   TEST(a_realm_changes_plugins_and_options), TEST(realms_do_not_come_or_go),
	   TEST(a_realm_keeps_its_name));

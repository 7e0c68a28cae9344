/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_changes.h"

#include <string.h>

#include "config_file.h"
#include "daemon/plan.h"
#include "support/suite.h"

#include <turnpike/error.h>

#define LISTENER "[listener.a]\ntransport = udp\naddress = 127.0.0.1:0\n"

struct heard {
	unsigned count;
	char last[TP_PROBLEM_SIZE];
};

static void hear(void *arg, const char *sentence)
{
	struct heard *heard = arg;

	heard->count++;
	snprintf(heard->last, sizeof(heard->last), "%s", sentence);
}

static struct heard changes(const char *before, const char *after)
{
	struct config_file started;
	struct config_file fresh;
	struct heard heard = {0};

	config_file_open(&started, before);
	config_file_open(&fresh, after);
	CU_ASSERT_EQUAL_FATAL(started.error, 0);
	CU_ASSERT_EQUAL_FATAL(fresh.error, 0);
	tp_config_restarts(started.config, fresh.config, hear, &heard);
	config_file_close(&started);
	config_file_close(&fresh);
	return heard;
}

static void a_key_that_needs_a_restart_is_named(void)
{
	static const struct {
		const char *before;
		const char *after;
		const char *sentence; /* NULL: nothing to say */
	} cases[] = {
		{"[turnpike]\nrealm = a\n" LISTENER, "[turnpike]\nrealm = a\n" LISTENER, NULL},
		{"[turnpike]\nrealm = a\n" LISTENER, "[turnpike]\nrealm = b\n" LISTENER,
		 ":2: [turnpike] realm: has changed and needs a restart"},
		{"[turnpike]\nrealm = a\nworkers = 2\n" LISTENER,
		 "[turnpike]\nrealm = a\n" LISTENER,
		 ": [turnpike] workers: has changed and needs a restart"},
		/* reloadable */
		{"[turnpike]\nrealm = a\n" LISTENER,
		 "[turnpike]\nrealm = a\nsoftware = x\n[limits]\nmax_lifetime = 2h\n" LISTENER,
		 NULL},
		/* the default, written out */
		{"[turnpike]\nrealm = a\n" LISTENER,
		 "[turnpike]\nrealm = a\nworkers = 0\n[relay]\nports = 49152-65535\n" LISTENER,
		 NULL},
		{"[turnpike]\nrealm = a\n" LISTENER,
		 "[turnpike]\nrealm = a\n[relay]\naddress = 192.0.2.1\n" LISTENER,
		 ":4: [relay] address: has changed and needs a restart"},
		{"[turnpike]\nrealm = a\n" LISTENER,
		 "[turnpike]\nrealm = a\n" LISTENER "idle_timeout = 1m\n",
		 ":6: [listener.a] idle_timeout: has changed and needs a restart"},
		{"[turnpike]\nrealm = a\n" LISTENER,
		 "[turnpike]\nrealm = a\n" LISTENER
		 "[listener.b]\ntransport = tcp\naddress = 127.0.0.1:0\n",
		 ": [listener.b] is new and needs a restart"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct heard heard = changes(cases[i].before, cases[i].after);

		CU_ASSERT_EQUAL(heard.count, cases[i].sentence == NULL ? 0 : 1);
		if (cases[i].sentence != NULL) {
			CU_ASSERT_PTR_NOT_NULL(strstr(heard.last, cases[i].sentence));
		}
	}
}

static void a_plan_takes_one_plugin_from_elsewhere(void)
{
	struct config_file started;
	struct config_file fresh;
	char problem[TP_PROBLEM_SIZE];
	struct tp_plan all;
	struct tp_plan one;

	config_file_open(&started, "[turnpike]\nrealm = a\nplugins = x y\n" LISTENER);
	config_file_open(&fresh, "[turnpike]\nrealm = a\nplugins = y z\n" LISTENER
				 "[plugin.y]\nfile = other\n");
	CU_ASSERT_EQUAL_FATAL(tp_plan_init(&all, started.config), 0);
	CU_ASSERT_EQUAL_FATAL(tp_plan_init_with(&one, &all, fresh.config, "y", problem), 0);
	tp_plan_fini(&all);
	config_file_close(&started); /* the plan holds on to what it needs */
	CU_ASSERT_EQUAL_FATAL(one.count, 2);
	CU_ASSERT_STRING_EQUAL(one.plugins[0].name, "x");
	CU_ASSERT_STRING_EQUAL(one.plugins[0].file, "x");
	CU_ASSERT_STRING_EQUAL(one.plugins[1].name, "y");
	CU_ASSERT_STRING_EQUAL(one.plugins[1].file, "other");
	CU_ASSERT_EQUAL(tp_plan_init_with(&all, &one, fresh.config, "z", problem), TP_ENOENT);
	CU_ASSERT_STRING_EQUAL(problem, "there is no plugin \"z\"");
	CU_ASSERT_EQUAL(tp_plan_init_with(&all, &one, fresh.config, "x", problem), TP_ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "[turnpike] plugins: does not name \"x\""));
	tp_plan_fini(&one);
	config_file_close(&fresh);
}

TEST_SUITE("config_changes", TEST(a_key_that_needs_a_restart_is_named),
	   TEST(a_plan_takes_one_plugin_from_elsewhere));

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/generation.h"

#include <pthread.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/counter.h"
#include "host/instance.h"
#include "support/suite.h"

static int make(const struct tp_instance_config *configs, size_t count,
		char problem[TP_PROBLEM_SIZE], struct tp_generation **out)
{
	*out = NULL;
	problem[0] = '\0';
	return tp_generation_create(configs, count, TEST_PLUGIN_DIR, 2, problem, out);
}

static void without_plugins_nobody_wants_anything(void)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_generation *generation;

	CU_ASSERT_EQUAL_FATAL(make(NULL, 0, problem, &generation), 0);
	for (int event = 0; event < TP_EVENT_COUNT; event++) {
		CU_ASSERT_FALSE(tp_generation_wants(generation, (enum tp_event)event));
	}
	tp_generation_unref(&generation);
	CU_ASSERT_PTR_NULL(generation);
	tp_generation_unref(&generation);
	tp_generation_reap();
}

static void numbers_go_up(void)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_generation *first;
	struct tp_generation *second;

	CU_ASSERT_EQUAL_FATAL(make(NULL, 0, problem, &first), 0);
	CU_ASSERT_EQUAL_FATAL(make(NULL, 0, problem, &second), 0);
	CU_ASSERT_EQUAL(second->number, first->number + 1);
	tp_generation_unref(&first);
	tp_generation_unref(&second);
	tp_generation_reap();
}

static void chains_hold_those_who_handle(void)
{
	static const struct tp_instance_config configs[] = {
		{.name = "all", .file = "hooks", .config_file = "t"},
		{.name = "none", .file = "empty", .config_file = "t"},
		{.name = "gates", .file = "denies_all", .config_file = "t"},
	};
	char problem[TP_PROBLEM_SIZE];
	struct tp_generation *generation;
	const struct tp_chain *chain;

	CU_ASSERT_EQUAL_FATAL(make(configs, 3, problem, &generation), 0);
	chain = &generation->all.by_event[TP_EVENT_on_turn_before_allocate];
	CU_ASSERT_EQUAL_FATAL(chain->count, 2);
	CU_ASSERT_STRING_EQUAL(tp_instance_name(chain->instances[0]), "all");
	CU_ASSERT_STRING_EQUAL(tp_instance_name(chain->instances[1]), "gates");
	CU_ASSERT_EQUAL(generation->all.by_event[TP_EVENT_on_stun_exception].count, 1);
	tp_generation_unref(&generation);
	tp_generation_reap();
}

/* --- realms ---------------------------------------------------------------------- */

static const struct tp_instance_config abc[] = {
	{.name = "a", .file = "hooks", .config_file = "t"},
	{.name = "b", .file = "hooks", .config_file = "t"},
	{.name = "c", .file = "hooks", .config_file = "t"},
};

static void expect_order(const struct tp_chains *chains, const char *names)
{
	const struct tp_chain *chain = &chains->by_event[TP_EVENT_on_turn_before_allocate];

	CU_ASSERT_EQUAL_FATAL(chain->count, strlen(names));
	for (size_t i = 0; i < chain->count; i++) {
		CU_ASSERT_EQUAL(tp_instance_name(chain->instances[i])[0], names[i]);
	}
}

static void at_first_one_realm_has_all_plugins(void)
{
	char problem[TP_PROBLEM_SIZE];
	struct tp_generation *generation;

	CU_ASSERT_EQUAL_FATAL(make(abc, 3, problem, &generation), 0);
	CU_ASSERT_EQUAL(generation->realm_count, 1);
	expect_order(&generation->all, "abc");
	expect_order(&generation->realms[0], "abc");
	tp_generation_unref(&generation);
	tp_generation_reap();
}

static void each_realm_has_its_own_order(void)
{
	static const char *const first[] = {"c", "a"};
	static const char *const second[] = {"b", "c"};
	static const struct tp_realm_plugins realms[] = {{first, 2}, {second, 2}, {NULL, 0}};
	char problem[TP_PROBLEM_SIZE];
	struct tp_generation *generation;

	CU_ASSERT_EQUAL_FATAL(make(abc, 3, problem, &generation), 0);
	CU_ASSERT_EQUAL_FATAL(tp_generation_set_realms(generation, realms, 3, problem), 0);
	CU_ASSERT_EQUAL(generation->realm_count, 3);
	expect_order(&generation->all, "abc");
	expect_order(&generation->realms[0], "ca");
	expect_order(&generation->realms[1], "bc");
	expect_order(&generation->realms[2], "");
	CU_ASSERT_FALSE(tp_chains_want(&generation->realms[2], TP_EVENT_on_stun_exception));
	CU_ASSERT_PTR_EQUAL(
		generation->realms[0].by_event[TP_EVENT_on_stun_exception].instances[0],
		generation->realms[1].by_event[TP_EVENT_on_stun_exception].instances[1]);
	tp_generation_unref(&generation);
	tp_generation_reap();
}

static void realms_stay_when_a_plugin_is_not_there(void)
{
	static const char *const known[] = {"b"};
	static const char *const unknown[] = {"a", "d"};
	static const struct tp_realm_plugins realms[] = {{known, 1}, {unknown, 2}};
	char problem[TP_PROBLEM_SIZE];
	struct tp_generation *generation;

	CU_ASSERT_EQUAL_FATAL(make(abc, 3, problem, &generation), 0);
	CU_ASSERT_EQUAL(tp_generation_set_realms(generation, realms, 2, problem), TP_ENOENT);
	CU_ASSERT_STRING_EQUAL(problem, "there is no plugin \"d\"");
	CU_ASSERT_EQUAL(generation->realm_count, 1);
	expect_order(&generation->realms[0], "abc");
	tp_generation_unref(&generation);
	tp_generation_reap();
}

static void one_that_fails_takes_all_with_it(void)
{
	static const struct tp_instance_config configs[] = {
		{.name = "first", .file = "create_fails", .config_file = "t"},
		{.name = "second", .file = "hooks", .config_file = "t"},
	};
	static const struct tp_instance_config reversed[] = {
		{.name = "second", .file = "hooks", .config_file = "t"},
		{.name = "first", .file = "create_fails", .config_file = "t"},
	};
	char problem[TP_PROBLEM_SIZE];
	struct tp_generation *generation;

	tp_counter_reset_all();
	CU_ASSERT_EQUAL(make(configs, 2, problem, &generation), TP_ENOENT);
	CU_ASSERT_PTR_NULL(generation);
	CU_ASSERT_EQUAL(make(reversed, 2, problem, &generation), TP_ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "first"));
	CU_ASSERT_EQUAL(tp_counter_read(tp_counter_named("plugin.first.destroyed", "")), 2);
}

static void names_are_checked(void)
{
	static const struct {
		struct tp_instance_config configs[2];
		size_t count;
		const char *said;
	} cases[] = {
		{{{.name = "a", .file = "empty", .config_file = "t"},
		  {.name = "a", .file = "hooks", .config_file = "t"}},
		 2,
		 "t: plugin a is enabled twice"},
		{{{.name = "a.b", .file = "empty", .config_file = "t"}},
		 1,
		 "no name of an instance"},
		{{{.name = "", .file = "empty", .config_file = "t"}}, 1, "no name of an instance"},
		{{{.name = "a", .file = "nobody", .config_file = "t"}}, 1, "t: [plugin.a] "},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_PROBLEM_SIZE];
		struct tp_generation *generation;

		CU_ASSERT_NOT_EQUAL(make(cases[i].configs, cases[i].count, problem, &generation),
				    0);
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].said));
	}
}

static void it_ends_on_the_main_thread_after_the_last_user(void)
{
	static const struct tp_instance_config config = {
		.name = "a", .file = "by_job", .config_file = "t"};
	char problem[TP_PROBLEM_SIZE];
	struct tp_generation *generation;
	struct tp_generation *second;

	CU_ASSERT_EQUAL_FATAL(make(&config, 1, problem, &generation), 0);
	second = tp_generation_ref(generation);
	CU_ASSERT_PTR_EQUAL(second, generation);
	tp_generation_unref(&generation);
	tp_generation_reap();
	/* Still whole: a sanitizer would say otherwise. */
	CU_ASSERT_STRING_EQUAL(tp_instance_name(second->instances[0]), "a");
	tp_generation_unref(&second);
	tp_generation_reap();
}

static void *use(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		struct tp_generation *mine = tp_generation_ref(arg);

		tp_generation_unref(&mine);
	}
	return NULL;
}

static void *last_use(void *arg)
{
	struct tp_generation *generation = arg;

	tp_generation_unref(&generation);
	return NULL;
}

static void any_thread_may_be_the_last_user(void)
{
	static const struct tp_instance_config config = {
		.name = "a", .file = "empty", .config_file = "t"};
	char problem[TP_PROBLEM_SIZE];
	struct tp_generation *generation;
	pthread_t threads[4];

	CU_ASSERT_EQUAL_FATAL(make(&config, 1, problem, &generation), 0);
	for (size_t i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, use, generation), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[0], NULL, last_use, generation), 0);
	pthread_join(threads[0], NULL);
	tp_generation_reap();
}

TEST_SUITE("generation", TEST(without_plugins_nobody_wants_anything), TEST(numbers_go_up),
	   TEST(chains_hold_those_who_handle), TEST(at_first_one_realm_has_all_plugins),
	   TEST(each_realm_has_its_own_order), TEST(realms_stay_when_a_plugin_is_not_there),
	   TEST(one_that_fails_takes_all_with_it), TEST(names_are_checked),
	   TEST(it_ends_on_the_main_thread_after_the_last_user),
	   TEST(any_thread_may_be_the_last_user));

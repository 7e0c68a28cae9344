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
	chain = &generation->chains[TP_EVENT_on_turn_before_allocate];
	CU_ASSERT_EQUAL_FATAL(chain->count, 2);
	CU_ASSERT_STRING_EQUAL(tp_instance_name(chain->instances[0]), "all");
	CU_ASSERT_STRING_EQUAL(tp_instance_name(chain->instances[1]), "gates");
	CU_ASSERT_EQUAL(generation->chains[TP_EVENT_on_stun_exception].count, 1);
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
	   TEST(chains_hold_those_who_handle), TEST(one_that_fails_takes_all_with_it),
	   TEST(names_are_checked), TEST(it_ends_on_the_main_thread_after_the_last_user),
	   TEST(any_thread_may_be_the_last_user));

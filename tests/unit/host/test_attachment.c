/* SPDX-License-Identifier: Apache-2.0 */
#include "host/attachment.h"

#include <string.h>

#include "host/generation.h"
#include "host/instance.h"
#include "host/worker.h"
#include "support/suite.h"

/* Generations of one worker, and the handle of an allocation. */
static struct tp_allocation_handle handle;
static struct tp_client_handle client;
static unsigned released[3];
static const struct tp_worker worker; /* 0, as is a thread that is none */

static void release_first(void *state)
{
	CU_ASSERT_PTR_EQUAL(state, &released[0]);
	released[0]++;
}

static void release_second(void *state)
{
	CU_ASSERT_PTR_EQUAL(state, &released[1]);
	released[1]++;
}

static struct tp_generation *make(const char *const (*instances)[2])
{
	struct tp_instance_config configs[4];
	struct tp_generation *generation = NULL;
	char problem[TP_PROBLEM_SIZE];
	size_t count = 0;

	for (; instances[count][0] != NULL; count++) {
		configs[count] = (struct tp_instance_config){
			.name = instances[count][0],
			.file = instances[count][1],
			.config_file = "test",
		};
	}
	CU_ASSERT_EQUAL_FATAL(
		tp_generation_create(configs, count, TEST_PLUGIN_DIR, 1, problem, &generation), 0);
	return generation;
}

static void drop(struct tp_generation *generation)
{
	tp_generation_unref(&generation);
	tp_generation_reap();
}

static const char *const two[][2] = {{"a", "empty"}, {"b", "empty"}, {NULL, NULL}};
static const char *const other_code[][2] = {{"a", "hooks"}, {"b", "empty"}, {NULL, NULL}};

static void begin(void)
{
	memset(released, 0, sizeof(released));
	tp_attachments_init(&handle.attachments);
	tp_attachments_init(&client.attachments);
}

static void each_instance_has_its_own(void)
{
	struct tp_generation *generation = make(two);
	struct tp_instance *a = generation->instances[0];
	struct tp_instance *b = generation->instances[1];

	begin();
	CU_ASSERT_PTR_NULL(tp_allocation_state(a, &handle.view));
	CU_ASSERT_EQUAL(tp_allocation_set_state(a, &handle.view, &released[0], release_first), 0);
	CU_ASSERT_EQUAL(tp_allocation_set_state(b, &handle.view, &released[1], release_second), 0);
	CU_ASSERT_PTR_EQUAL(tp_allocation_state(a, &handle.view), &released[0]);
	CU_ASSERT_PTR_EQUAL(tp_allocation_state(b, &handle.view), &released[1]);
	CU_ASSERT_PTR_NULL(tp_client_state(a, &client.view));
	CU_ASSERT_EQUAL(tp_client_set_state(a, &client.view, &released[2], NULL), 0);
	CU_ASSERT_PTR_EQUAL(tp_client_state(a, &client.view), &released[2]);
	CU_ASSERT_EQUAL(released[0] + released[1], 0);
	tp_attachments_release(&handle.attachments);
	tp_attachments_release(&client.attachments);
	CU_ASSERT_EQUAL(released[0], 1);
	CU_ASSERT_EQUAL(released[1], 1);
	CU_ASSERT_PTR_NULL(tp_allocation_state(a, &handle.view));
	CU_ASSERT_PTR_NULL(tp_client_state(a, &client.view));
	drop(generation);
}

static void other_state_takes_the_place(void)
{
	struct tp_generation *generation = make(two);
	struct tp_instance *a = generation->instances[0];

	begin();
	CU_ASSERT_EQUAL(tp_allocation_set_state(a, &handle.view, NULL, release_first), 0);
	CU_ASSERT_EQUAL(tp_allocation_set_state(a, &handle.view, &released[0], release_first), 0);
	/* The same again is not other state. */
	CU_ASSERT_EQUAL(tp_allocation_set_state(a, &handle.view, &released[0], release_first), 0);
	CU_ASSERT_EQUAL(released[0], 0);
	CU_ASSERT_EQUAL(tp_allocation_set_state(a, &handle.view, &released[1], release_second), 0);
	CU_ASSERT_EQUAL(released[0], 1);
	CU_ASSERT_PTR_EQUAL(tp_allocation_state(a, &handle.view), &released[1]);
	CU_ASSERT_EQUAL(tp_allocation_set_state(a, &handle.view, NULL, NULL), 0);
	CU_ASSERT_EQUAL(released[1], 1);
	CU_ASSERT_PTR_NULL(tp_allocation_state(a, &handle.view));
	tp_attachments_release(&handle.attachments);
	CU_ASSERT_EQUAL(released[0] + released[1], 2);
	drop(generation);
}

static void the_heir_of_the_same_code_takes_over(void)
{
	struct tp_generation *before = make(two);
	struct tp_generation *after = make(two);

	begin();
	tp_allocation_set_state(before->instances[0], &handle.view, &released[0], release_first);
	tp_attachments_adopt(&handle.attachments, before);
	tp_attachments_adopt(&handle.attachments, after);
	CU_ASSERT_EQUAL(released[0], 0);
	CU_ASSERT_PTR_EQUAL(tp_allocation_state(after->instances[0], &handle.view), &released[0]);
	CU_ASSERT_PTR_NULL(tp_allocation_state(after->instances[1], &handle.view));
	/* A request that was parked before goes on in the generation before. */
	CU_ASSERT_PTR_EQUAL(tp_allocation_state(before->instances[0], &handle.view), &released[0]);
	tp_allocation_set_state(before->instances[0], &handle.view, &released[1], release_second);
	CU_ASSERT_EQUAL(released[0], 1);
	CU_ASSERT_PTR_EQUAL(tp_allocation_state(after->instances[0], &handle.view), &released[1]);
	CU_ASSERT_FALSE(tp_generation_attached(before, &worker));
	CU_ASSERT_TRUE(tp_generation_attached(after, &worker));
	tp_allocation_set_state(before->instances[1], &handle.view, &released[0], release_first);
	CU_ASSERT_TRUE(tp_generation_attached(before, &worker));
	tp_attachments_adopt(&handle.attachments, after);
	CU_ASSERT_FALSE(tp_generation_attached(before, &worker));
	drop(before);
	CU_ASSERT_PTR_EQUAL(tp_allocation_state(after->instances[1], &handle.view), &released[0]);
	tp_attachments_release(&handle.attachments);
	CU_ASSERT_EQUAL(released[0], 2);
	CU_ASSERT_EQUAL(released[1], 1);
	CU_ASSERT_FALSE(tp_generation_attached(after, &worker));
	drop(after);
}

static void other_code_and_other_names_inherit_nothing(void)
{
	struct tp_generation *before = make(two);
	struct tp_generation *after = make(other_code);

	begin();
	tp_allocation_set_state(before->instances[0], &handle.view, &released[0], release_first);
	tp_allocation_set_state(before->instances[1], &handle.view, &released[1], release_second);
	tp_attachments_adopt(&handle.attachments, after);
	CU_ASSERT_EQUAL(released[0], 1);
	CU_ASSERT_EQUAL(released[1], 0);
	CU_ASSERT_PTR_NULL(tp_allocation_state(after->instances[0], &handle.view));
	CU_ASSERT_PTR_EQUAL(tp_allocation_state(after->instances[1], &handle.view), &released[1]);
	drop(before);
	tp_attachments_release(&handle.attachments);
	CU_ASSERT_EQUAL(released[1], 1);
	drop(after);
}

TEST_SUITE("attachment", TEST(each_instance_has_its_own), TEST(other_state_takes_the_place),
	   TEST(the_heir_of_the_same_code_takes_over),
	   TEST(other_code_and_other_names_inherit_nothing));

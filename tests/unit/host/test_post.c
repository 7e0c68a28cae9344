/* SPDX-License-Identifier: Apache-2.0 */
#include "host/post.h"

#include <pthread.h>
#include <stdatomic.h>

#include <turnpike/error.h>
#include <turnpike/test.h>

#include "host/generation.h"
#include "host/worker.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "support/suite.h"

static unsigned order[8];
static unsigned ran;
static struct tp_instance *ran_self;

static void run(struct tp_instance *self, void *arg)
{
	ran_self = self;
	if (ran < 8) {
		order[ran] = *(unsigned *)arg;
	}
	ran++;
}

static void run_again(struct tp_instance *self, void *arg)
{
	run(self, arg);
	CU_ASSERT_EQUAL(tp_worker_post(self, 0, run, arg), 0);
}

static unsigned numbers[] = {1, 2, 3, 4};

static struct tp_test_host *open_host(void)
{
	ran = 0;
	ran_self = NULL;
	return tp_test_host_create("empty", "");
}

static void calls_are_made_in_the_next_turn_in_order(void)
{
	struct tp_test_host *host = open_host();
	struct tp_instance *self = tp_test_instance(host);

	for (size_t i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(tp_worker_post(self, 0, run, &numbers[i]), 0);
	}
	CU_ASSERT_EQUAL(ran, 0);
	tp_test_turn(host);
	CU_ASSERT_EQUAL(ran, 4);
	CU_ASSERT_PTR_EQUAL(ran_self, self);
	for (size_t i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(order[i], numbers[i]);
	}
	tp_test_turn(host);
	CU_ASSERT_EQUAL(ran, 4);
	tp_test_host_free(&host);
}

static void a_call_that_posts_does_not_hold_up_the_turn(void)
{
	struct tp_test_host *host = open_host();
	struct tp_instance *self = tp_test_instance(host);

	CU_ASSERT_EQUAL(tp_worker_post(self, 0, run_again, &numbers[0]), 0);
	tp_mailbox_deliver(tp_test_worker(host)->mailbox);
	CU_ASSERT_EQUAL(ran, 1);
	tp_test_turn(host);
	CU_ASSERT_EQUAL(ran, 2);
	tp_test_host_free(&host);
}

static void nonsense_is_answered_with_an_error(void)
{
	struct tp_test_host *host = open_host();
	struct tp_instance *self = tp_test_instance(host);

	CU_ASSERT_EQUAL(tp_worker_post(self, 1, run, NULL), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_worker_post(self, UINT32_MAX, run, NULL), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_worker_post(self, 0, NULL, NULL), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_main_post(self, NULL, NULL), TP_EINVAL);
	tp_test_host_free(&host);
}

static void there_is_a_ceiling(void)
{
	struct tp_test_host *host = open_host();
	struct tp_instance *self = tp_test_instance(host);

	for (size_t i = 0; i < TP_POSTS_MAX; i++) {
		CU_ASSERT_EQUAL_FATAL(tp_worker_post(self, 0, run, &numbers[0]), 0);
	}
	CU_ASSERT_EQUAL(tp_worker_post(self, 0, run, &numbers[0]), TP_EFULL);
	tp_test_turn(host);
	CU_ASSERT_EQUAL(ran, TP_POSTS_MAX);
	CU_ASSERT_EQUAL(tp_worker_post(self, 0, run, &numbers[0]), 0);
	tp_test_host_free(&host);
	CU_ASSERT_EQUAL(ran, TP_POSTS_MAX + 1);
}

static void what_waits_is_called_before_the_worker_stops(void)
{
	struct tp_test_host *host = open_host();
	struct tp_instance *before = tp_test_instance(host);
	char problem[TP_TEST_PROBLEM_SIZE];

	CU_ASSERT_EQUAL(tp_worker_post(before, 0, run, &numbers[0]), 0);
	CU_ASSERT_TRUE(tp_test_host_reload(host, "", problem)); /* the one before has ended */
	CU_ASSERT_EQUAL(ran, 1);
	tp_test_turn(host); /* the message that was on its way finds nothing */
	CU_ASSERT_EQUAL(ran, 1);
	tp_test_host_free(&host);
}

/* --- a worker that has not started ------------------------------------------------------ */

static void a_worker_without_the_instance_takes_nothing(void)
{
	static const struct tp_instance_config config = {
		.name = "a", .file = "empty", .config_file = "test"};
	struct tp_generation *generation = NULL;
	char problem[TP_PROBLEM_SIZE];

	CU_ASSERT_EQUAL_FATAL(
		tp_generation_create(&config, 1, TEST_PLUGIN_DIR, 2, problem, &generation), 0);
	CU_ASSERT_EQUAL(tp_worker_post(generation->instances[0], 1, run, NULL), TP_ESHUTDOWN);
	tp_generation_unref(&generation);
	tp_generation_reap();
}

/* --- the main thread -------------------------------------------------------------------- */

static void the_main_thread_has_a_mailbox_of_its_own(void)
{
	struct tp_loop *loop = NULL;
	struct tp_mailbox *mailbox = NULL;
	struct tp_test_host *host;
	struct tp_instance *self;

	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, NULL, &loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_mailbox_create(loop, &mailbox), 0);
	host = open_host();
	self = tp_test_instance(host);
	tp_main_mailbox_set(NULL);
	CU_ASSERT_EQUAL(tp_main_post(self, run, &numbers[0]), TP_ESHUTDOWN);
	tp_main_mailbox_set(mailbox);
	CU_ASSERT_EQUAL(tp_main_post(self, run, &numbers[0]), 0);
	CU_ASSERT_EQUAL(tp_main_post(self, run, &numbers[1]), 0);
	tp_test_turn(host);
	CU_ASSERT_EQUAL(ran, 0);
	tp_mailbox_deliver(mailbox);
	CU_ASSERT_EQUAL(ran, 2);
	/* What still waits when the instance ends is called before. */
	CU_ASSERT_EQUAL(tp_main_post(self, run, &numbers[2]), 0);
	tp_test_host_free(&host);
	CU_ASSERT_EQUAL(ran, 3);
	tp_mailbox_deliver(mailbox);
	tp_main_mailbox_set(NULL);
	tp_mailbox_free(&mailbox);
	tp_loop_free(&loop);
	CU_ASSERT_EQUAL(ran, 3);
}

/* --- threads ---------------------------------------------------------------------------- */

#define THREADS 4
#define CALLS 2000

static _Atomic unsigned called;

static void count(struct tp_instance *self, void *arg)
{
	(void)self;
	(void)arg;
	atomic_fetch_add(&called, 1);
}

static void *post_many(void *self)
{
	unsigned posted = 0;

	while (posted < CALLS) {
		posted += tp_worker_post(self, 0, count, NULL) == 0;
	}
	return NULL;
}

static bool all_called(void *arg)
{
	(void)arg;
	return atomic_load(&called) == THREADS * CALLS;
}

static void any_thread_may_post(void)
{
	struct tp_test_host *host = open_host();
	pthread_t threads[THREADS];

	atomic_store(&called, 0);
	for (size_t i = 0; i < THREADS; i++) {
		CU_ASSERT_EQUAL_FATAL(
			pthread_create(&threads[i], NULL, post_many, tp_test_instance(host)), 0);
	}
	tp_test_wait_until(host, all_called, NULL);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	tp_test_host_free(&host);
	CU_ASSERT_EQUAL(atomic_load(&called), THREADS * CALLS);
}

TEST_SUITE("post", TEST(calls_are_made_in_the_next_turn_in_order),
	   TEST(a_call_that_posts_does_not_hold_up_the_turn),
	   TEST(nonsense_is_answered_with_an_error), TEST(there_is_a_ceiling),
	   TEST(what_waits_is_called_before_the_worker_stops),
	   TEST(a_worker_without_the_instance_takes_nothing),
	   TEST(the_main_thread_has_a_mailbox_of_its_own), TEST(any_thread_may_post));

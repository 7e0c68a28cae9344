/* SPDX-License-Identifier: Apache-2.0 */
#include "io/job.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "base/list.h"
#include "io/loop.h"
#include "support/fake_net.h"
#include "support/suite.h"

#define JOBS 100

struct job_test {
	struct tp_loop *loop;
	struct tp_mailbox *mailbox;
	struct tp_job_pool *pool;
	pthread_t loop_thread;
	unsigned done;
	unsigned wanted;
};

struct counted_job {
	struct tp_job job;
	struct job_test *test;
	pthread_t ran_on;
	bool ran;
	bool done;
	bool done_on_loop;
	pthread_mutex_t *gate; /* held by the test: run() waits; NULL: none */
	bool signals_blocked;
};

static void run(struct tp_job *job)
{
	struct counted_job *counted = tp_container_of(job, struct counted_job, job);
	sigset_t blocked;

	if (counted->gate != NULL) {
		pthread_mutex_lock(counted->gate);
		pthread_mutex_unlock(counted->gate);
	}
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	counted->signals_blocked = sigismember(&blocked, SIGTERM) == 1;
	counted->ran_on = pthread_self();
	counted->ran = true;
}

static void done(struct tp_job *job)
{
	struct counted_job *counted = tp_container_of(job, struct counted_job, job);
	struct job_test *test = counted->test;

	counted->done = true;
	counted->done_on_loop = pthread_equal(pthread_self(), test->loop_thread) != 0;
	test->done++;
	if (test->done == test->wanted) {
		tp_loop_stop(test->loop);
	}
}

static void test_open(struct job_test *test, unsigned threads, size_t max_queued)
{
	*test = (struct job_test){.loop_thread = pthread_self()};
	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, &fake_net_backend, &test->loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_mailbox_create(test->loop, &test->mailbox), 0);
	CU_ASSERT_EQUAL_FATAL(tp_job_pool_create(threads, max_queued, &test->pool), 0);
}

static void test_close(struct job_test *test)
{
	tp_job_pool_free(&test->pool);
	CU_ASSERT_PTR_NULL(test->pool);
	tp_mailbox_free(&test->mailbox);
	tp_loop_free(&test->loop);
}

static struct counted_job job_of(struct job_test *test)
{
	return (struct counted_job){.job = {.run = run, .done = done}, .test = test};
}

static void jobs_run_elsewhere_and_end_on_the_loop(void)
{
	struct job_test test;
	struct counted_job jobs[JOBS];

	test_open(&test, 3, JOBS);
	test.wanted = JOBS;
	for (size_t i = 0; i < JOBS; i++) {
		jobs[i] = job_of(&test);
		CU_ASSERT_EQUAL(tp_job_pool_submit(test.pool, &jobs[i].job, test.mailbox), 0);
	}
	tp_loop_run(test.loop);
	for (size_t i = 0; i < JOBS; i++) {
		CU_ASSERT_TRUE(jobs[i].ran);
		CU_ASSERT_TRUE(jobs[i].done_on_loop);
		CU_ASSERT_FALSE(pthread_equal(jobs[i].ran_on, test.loop_thread));
		CU_ASSERT_TRUE(jobs[i].signals_blocked); /* they are the main thread's */
	}
	test_close(&test);
}

static void queue_has_a_ceiling(void)
{
	struct job_test test;
	pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
	struct counted_job jobs[4];
	unsigned accepted = 0;
	int err = 0;

	test_open(&test, 1, 2);
	pthread_mutex_lock(&gate);
	for (size_t i = 0; i < 4 && err == 0; i++) {
		jobs[i] = job_of(&test);
		jobs[i].gate = &gate;
		err = tp_job_pool_submit(test.pool, &jobs[i].job, test.mailbox);
		accepted += err == 0;
	}
	CU_ASSERT_EQUAL(err, TP_EFULL);
	CU_ASSERT_TRUE(accepted == 2 || accepted == 3); /* one may be running by then */
	test.wanted = accepted;
	pthread_mutex_unlock(&gate);
	tp_loop_run(test.loop);
	CU_ASSERT_EQUAL(test.done, accepted);
	test_close(&test);
}

static void freeing_finishes_what_waits(void)
{
	struct job_test test;
	struct counted_job jobs[JOBS];

	test_open(&test, 2, JOBS);
	for (size_t i = 0; i < JOBS; i++) {
		jobs[i] = job_of(&test);
		tp_job_pool_submit(test.pool, &jobs[i].job, test.mailbox);
	}
	tp_job_pool_free(&test.pool);
	tp_mailbox_deliver(test.mailbox);
	CU_ASSERT_EQUAL(test.done, JOBS);
	test_close(&test);
}

static void senseless_numbers_of_threads_are_refused(void)
{
	struct tp_job_pool *pool = NULL;

	CU_ASSERT_EQUAL(tp_job_pool_create(0, 1, &pool), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_job_pool_create(65, 1, &pool), TP_EINVAL);
	CU_ASSERT_PTR_NULL(pool);
	tp_job_pool_free(&pool); /* NULL is fine */
}

TEST_SUITE("job", TEST(jobs_run_elsewhere_and_end_on_the_loop), TEST(queue_has_a_ceiling),
	   TEST(freeing_finishes_what_waits), TEST(senseless_numbers_of_threads_are_refused));

/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/worker.h>

#include <string.h>

#include <turnpike/error.h>
#include <turnpike/job.h>
#include <turnpike/test.h>

#include "base/counter.h"
#include "host/generation.h"
#include "host/worker.h"
#include "support/suite.h"

/* --- timers ------------------------------------------------------------------------ */

static unsigned fired;
static struct tp_instance *fired_self;

static void fire(struct tp_instance *self, void *arg)
{
	fired_self = self;
	fired += *(unsigned *)arg;
}

static void a_timer_fires_once_at_its_time(void)
{
	struct tp_test_host *host = tp_test_host_create("empty", "");
	unsigned one = 1;

	fired = 0;
	CU_ASSERT_PTR_NOT_NULL(tp_worker_timer_start(tp_test_instance(host), tp_test_worker(host),
						     1000, fire, &one));
	tp_test_advance_ms(host, 999);
	CU_ASSERT_EQUAL(fired, 0);
	tp_test_advance_ms(host, 1);
	CU_ASSERT_EQUAL(fired, 1);
	CU_ASSERT_PTR_EQUAL(fired_self, tp_test_instance(host));
	tp_test_advance_ms(host, 10000);
	CU_ASSERT_EQUAL(fired, 1);
	tp_test_host_free(&host);
}

static void a_cancelled_timer_does_not_fire(void)
{
	struct tp_test_host *host = tp_test_host_create("empty", "");
	struct tp_worker_timer *timer;
	unsigned one = 1;

	fired = 0;
	timer = tp_worker_timer_start(tp_test_instance(host), tp_test_worker(host), 1000, fire,
				      &one);
	tp_worker_timer_cancel(&timer);
	CU_ASSERT_PTR_NULL(timer);
	tp_worker_timer_cancel(&timer);
	tp_test_advance_ms(host, 2000);
	CU_ASSERT_EQUAL(fired, 0);
	tp_test_host_free(&host);
}

static void timers_end_with_the_worker(void)
{
	struct tp_test_host *host = tp_test_host_create("empty", "");
	char problem[TP_TEST_PROBLEM_SIZE];
	unsigned one = 1;

	fired = 0;
	CU_ASSERT_PTR_NOT_NULL(tp_worker_timer_start(tp_test_instance(host), tp_test_worker(host),
						     1000, fire, &one));
	CU_ASSERT_TRUE(tp_test_host_reload(host, "", problem)); /* stops the instance before */
	tp_test_advance_ms(host, 2000);
	CU_ASSERT_EQUAL(fired, 0);
	tp_test_host_free(&host);
}

static void timers_have_a_ceiling(void)
{
	struct tp_test_host *host = tp_test_host_create("empty", "");
	unsigned one = 1;
	size_t started = 0;

	while (tp_worker_timer_start(tp_test_instance(host), tp_test_worker(host), 1000, fire,
				     &one) != NULL) {
		started++;
	}
	CU_ASSERT_EQUAL(started, 65536);
	tp_test_host_free(&host);
}

/* --- worker -------------------------------------------------------------------------- */

static void a_worker_knows_itself(void)
{
	struct tp_test_host *host;
	struct tp_worker *worker;

	CU_ASSERT_PTR_NULL(tp_worker_current());
	host = tp_test_host_create("empty", "");
	worker = tp_test_worker(host);
	CU_ASSERT_PTR_EQUAL(tp_worker_current(), worker);
	CU_ASSERT_EQUAL(tp_worker_index(worker), 0);
	CU_ASSERT_EQUAL(tp_worker_count(worker), 1);
	CU_ASSERT_PTR_NOT_NULL(tp_worker_event_base(worker));
	CU_ASSERT_EQUAL(tp_worker_now_ms(worker), 1000000);
	CU_ASSERT_EQUAL(tp_worker_wall_s(worker), 1700000000);
	tp_test_host_free(&host);
	CU_ASSERT_PTR_NULL(tp_worker_current());
}

static void state_is_kept_per_worker(void)
{
	struct tp_test_host *host = tp_test_host_create("empty", "");
	struct tp_instance *self = tp_test_instance(host);
	int of_worker;
	int of_instance;

	CU_ASSERT_PTR_NULL(tp_worker_state(self, tp_test_worker(host)));
	tp_worker_set_state(self, tp_test_worker(host), &of_worker);
	tp_instance_set_state(self, &of_instance);
	CU_ASSERT_PTR_EQUAL(tp_worker_state(self, tp_test_worker(host)), &of_worker);
	CU_ASSERT_PTR_EQUAL(tp_instance_state(self), &of_instance);
	tp_test_host_free(&host);
}

/* --- jobs ---------------------------------------------------------------------------- */

static void a_job_answers_a_parked_request(void)
{
	struct tp_test_host *host = tp_test_host_create("by_job", "");
	const struct tp_test_asked *asked = tp_test_authorize(host, "alice", "example.org", 1);

	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	tp_test_wait(host, asked);
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->password, "secret");
	tp_test_host_free(&host);
}

static void a_job_may_outlive_its_request(void)
{
	struct tp_test_host *host = tp_test_host_create("by_job", "");
	const struct tp_test_asked *asked = tp_test_authorize(host, "alice", "example.org", 1);

	tp_test_cancel(host, asked);
	tp_test_finish_jobs(host);
	tp_test_turn(host);
	CU_ASSERT_EQUAL(tp_counter_read(tp_counter_named("host.ticket.stale", "")), 1);
	tp_test_host_free(&host);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void jobs_are_for_workers_with_a_pool(void)
{
	struct tp_test_host *host = tp_test_host_create("empty", "");
	struct tp_instance *self = tp_test_instance(host);
	struct tp_worker without = *tp_test_worker(host);

	CU_ASSERT_EQUAL(tp_job_submit(self, NULL, nothing, NULL), TP_EINVAL);
	tp_worker_enter(NULL);
	CU_ASSERT_EQUAL(tp_job_submit(self, nothing, nothing, NULL), TP_EINVAL);
	without.jobs = NULL;
	tp_worker_enter(&without);
	CU_ASSERT_EQUAL(tp_job_submit(self, nothing, nothing, NULL), TP_ESHUTDOWN);
	tp_worker_enter(tp_test_worker(host));
	CU_ASSERT_EQUAL(tp_job_submit(self, nothing, NULL, NULL), 0);
	tp_test_host_free(&host);
}

/* --- reload -------------------------------------------------------------------------- */

static void a_reload_adopts(void)
{
	struct tp_test_host *host = tp_test_host_create("by_job", "");
	char problem[TP_TEST_PROBLEM_SIZE] = "";
	const struct tp_test_asked *asked;

	CU_ASSERT_TRUE(tp_test_host_reload(host, "", problem));
	CU_ASSERT_TRUE(tp_test_host_reload(host, "", problem));
	asked = tp_test_authorize(host, "alice", "example.org", 1);
	tp_test_wait(host, asked);
	CU_ASSERT_EQUAL(asked->max_allocations, 3); /* generations, as the plugin counts */
	tp_test_host_free(&host);
}

static void a_reload_that_fails_changes_nothing(void)
{
	static const struct {
		const char *section;
		const char *problem;
	} cases[] = {
		{"adopt = no\n", "adopts nothing"},
		{"adopts = yes\n", "did you mean \"adopt\"?"},
	};
	struct tp_test_host *host = tp_test_host_create("by_job", "");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_TEST_PROBLEM_SIZE] = "";
		const struct tp_test_asked *asked;

		CU_ASSERT_FALSE(tp_test_host_reload(host, cases[i].section, problem));
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].problem));
		asked = tp_test_authorize(host, "alice", "example.org", 1);
		tp_test_wait(host, asked);
		CU_ASSERT_EQUAL(asked->max_allocations, 1);
	}
	tp_test_host_free(&host);
}

static void a_parked_request_keeps_its_generation(void)
{
	struct tp_test_host *host = tp_test_host_create("by_job", "");
	char problem[TP_TEST_PROBLEM_SIZE] = "";
	const struct tp_test_asked *before = tp_test_authorize(host, "alice", "example.org", 1);
	const struct tp_test_asked *after;

	CU_ASSERT_TRUE(tp_test_host_reload(host, "", problem));
	after = tp_test_authorize(host, "alice", "example.org", 1);
	tp_test_wait(host, before);
	tp_test_wait(host, after);
	CU_ASSERT_EQUAL(before->max_allocations, 1);
	CU_ASSERT_EQUAL(after->max_allocations, 2);
	tp_test_host_free(&host);
}

TEST_SUITE("worker", TEST(a_timer_fires_once_at_its_time), TEST(a_cancelled_timer_does_not_fire),
	   TEST(timers_end_with_the_worker), TEST(timers_have_a_ceiling),
	   TEST(a_worker_knows_itself), TEST(state_is_kept_per_worker),
	   TEST(a_job_answers_a_parked_request), TEST(a_job_may_outlive_its_request),
	   TEST(jobs_are_for_workers_with_a_pool), TEST(a_reload_adopts),
	   TEST(a_reload_that_fails_changes_nothing), TEST(a_parked_request_keeps_its_generation));

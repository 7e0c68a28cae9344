/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/roll.h"

#include <string.h>

#include "base/log.h"
#include "config_file.h"
#include "daemon/crew.h"
#include "daemon/worker.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "support/suite.h"

#define WORKERS 3

/* Real workers, asked from a main loop. */
struct roll_fixture {
	struct config_file file;
	struct tp_generation *generation;
	struct tp_shared *shared;
	struct tp_crew *crew;
	struct tp_main main;
	char problem[TP_PROBLEM_SIZE];
};

static struct roll_fixture f;

/* What is asked; a part for each worker. */
struct question {
	unsigned asked[WORKERS];
	unsigned again; /* so often each wants to be asked again */
	struct tp_roll_cell *kept;
	int keeper; /* the worker that does not answer; -1: none */
	bool answered[WORKERS];
	unsigned done;
	unsigned freed;
};

static void fixture_open(void)
{
	struct tp_turn_options turn;

	memset(&f, 0, sizeof(f));
	tp_log_set_level(TP_LOG_ERROR);
	config_file_open(&f.file, "[turnpike]\nrealm = r\n[listener.a]\ntransport = udp\n"
				  "address = 127.0.0.1:0\n");
	CU_ASSERT_EQUAL_FATAL(f.file.error, 0);
	CU_ASSERT_EQUAL_FATAL(
		tp_loop_create(NULL, tp_datagram_backend_named("plain"), &f.main.loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_mailbox_create(f.main.loop, &f.main.mailbox), 0);
	turn = f.file.config->turn;
	CU_ASSERT_EQUAL_FATAL(tp_config_peer_policy(f.file.config, &turn.peer_policy), 0);
	CU_ASSERT_EQUAL_FATAL(tp_shared_create(&turn, 1, WORKERS, &f.shared), 0);
	CU_ASSERT_EQUAL_FATAL(
		tp_generation_create(NULL, 0, "/nowhere", WORKERS, f.problem, &f.generation), 0);
	CU_ASSERT_EQUAL_FATAL(
		tp_crew_create(f.file.config, WORKERS, f.shared, f.generation, f.problem, &f.crew),
		0);
	CU_ASSERT_EQUAL_FATAL(tp_crew_start(f.crew, f.problem), 0);
}

static void fixture_close(void)
{
	tp_crew_free(&f.crew);
	tp_shared_free(&f.shared);
	tp_generation_unref(&f.generation);
	tp_generation_reap();
	tp_mailbox_free(&f.main.mailbox);
	tp_loop_free(&f.main.loop);
	config_file_close(&f.file);
	tp_log_set_level(TP_LOG_INFO);
}

static void ask(void *arg, struct tp_crew_worker *worker, struct tp_roll_cell *cell)
{
	struct question *question = arg;
	unsigned index = worker->worker.index;

	question->asked[index]++;
	if ((int)index == question->keeper) {
		question->kept = cell;
		return;
	}
	if (question->asked[index] <= question->again && tp_roll_again(cell)) {
		return;
	}
	tp_roll_answer(cell);
}

static void done(void *arg, const struct tp_roll *roll)
{
	struct question *question = arg;

	question->done++;
	for (unsigned i = 0; i < tp_roll_count(roll); i++) {
		question->answered[i] = tp_roll_answered(roll, i);
	}
	tp_loop_stop(f.main.loop);
}

static void freed(void *arg)
{
	struct question *question = arg;

	question->freed++;
	tp_loop_stop(f.main.loop);
}

static const struct tp_roll_ops ops = {ask, done, freed};

static void put(struct question *question, uint64_t deadline_ms)
{
	struct tp_roll *roll = NULL;

	CU_ASSERT_EQUAL_FATAL(tp_roll_create(f.crew, &f.main, &roll), 0);
	tp_roll_call(roll, &ops, question, deadline_ms);
}

static void every_worker_is_asked_and_answers(void)
{
	struct question question = {.keeper = -1, .again = 2};

	fixture_open();
	put(&question, 10000);
	tp_loop_run(f.main.loop);
	CU_ASSERT_EQUAL(question.done, 1);
	CU_ASSERT_EQUAL(question.freed, 1);
	for (unsigned i = 0; i < WORKERS; i++) {
		CU_ASSERT_EQUAL(question.asked[i], 3);
		CU_ASSERT_TRUE(question.answered[i]);
	}
	tp_crew_stop(f.crew);
	fixture_close();
}

/* On the thread of the worker that has not answered. */
static void let_go(void *arg, struct tp_crew_worker *worker, struct tp_roll_cell *cell)
{
	struct question *question = arg;

	if ((int)worker->worker.index == question->keeper) {
		tp_roll_answer(question->kept);
	}
	tp_roll_answer(cell);
}

static void say_nothing(void *arg, const struct tp_roll *roll)
{
	(void)arg;
	(void)roll;
}

static void leave_it(void *arg)
{
	(void)arg;
}

static const struct tp_roll_ops let_go_ops = {let_go, say_nothing, leave_it};

static void one_that_does_not_answer_is_not_waited_for(void)
{
	struct question question = {.keeper = 1};
	struct tp_roll *roll = NULL;

	fixture_open();
	put(&question, 20);
	tp_loop_run(f.main.loop);
	CU_ASSERT_EQUAL(question.done, 1);
	CU_ASSERT_EQUAL(question.freed, 0); /* it may come back */
	CU_ASSERT_TRUE(question.answered[0]);
	CU_ASSERT_FALSE(question.answered[1]);
	CU_ASSERT_TRUE(question.answered[2]);
	CU_ASSERT_EQUAL_FATAL(tp_roll_create(f.crew, &f.main, &roll), 0);
	tp_roll_call(roll, &let_go_ops, &question, 0);
	while (question.freed == 0) {
		tp_loop_run(f.main.loop);
	}
	CU_ASSERT_EQUAL(question.done, 1);
	tp_crew_stop(f.crew);
	tp_mailbox_deliver(f.main.mailbox);
	fixture_close();
}

static void workers_that_have_ended_answer_nothing(void)
{
	struct question question = {.keeper = -1};

	fixture_open();
	tp_crew_stop(f.crew);
	put(&question, 0);
	CU_ASSERT_EQUAL(question.done, 0); /* never inside the call */
	tp_mailbox_deliver(f.main.mailbox);
	CU_ASSERT_EQUAL(question.done, 1);
	CU_ASSERT_EQUAL(question.freed, 1);
	CU_ASSERT_FALSE(question.answered[0]);
	fixture_close();
}

TEST_SUITE("roll", TEST(every_worker_is_asked_and_answers),
	   TEST(one_that_does_not_answer_is_not_waited_for),
	   TEST(workers_that_have_ended_answer_nothing));

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/job.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include <turnpike/error.h>

#include "base/counter.h"
#include "base/list.h"

#define THREADS_MAX 64

struct tp_job_pool {
	pthread_mutex_t lock;
	pthread_cond_t wanted; /* a job waits, or the pool is closing */
	struct tp_job *first;
	struct tp_job **last;
	size_t queued;
	size_t max_queued;
	bool closing;
	struct tp_counter *orphaned;
	unsigned thread_count;
	pthread_t threads[];
};

static void deliver_done(struct tp_message *message)
{
	struct tp_job *job = tp_container_of(message, struct tp_job, message);

	job->done(job);
}

/* The next job; NULL when the pool closes and none is left. */
static struct tp_job *take(struct tp_job_pool *pool)
{
	struct tp_job *job;

	pthread_mutex_lock(&pool->lock);
	while (pool->first == NULL && !pool->closing) {
		pthread_cond_wait(&pool->wanted, &pool->lock);
	}
	job = pool->first;
	if (job != NULL) {
		pool->first = job->next;
		if (pool->first == NULL) {
			pool->last = &pool->first;
		}
		pool->queued--;
	}
	pthread_mutex_unlock(&pool->lock);
	return job;
}

static void *work(void *arg)
{
	struct tp_job_pool *pool = arg;
	struct tp_job *job;

	while ((job = take(pool)) != NULL) {
		struct tp_mailbox *reply_to = job->reply_to;

		job->run(job);
		job->message.deliver = deliver_done;
		if (tp_mailbox_post(reply_to, &job->message) != 0) {
			tp_counter_add(pool->orphaned, 1);
		}
	}
	return NULL;
}

/* A job's own mistakes: blocked, they would end the process without a word. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

/* Signals are the main thread's: a new thread inherits what is blocked here. */
static int start_threads(struct tp_job_pool *pool, unsigned threads)
{
	sigset_t all;
	sigset_t before;
	int err = 0;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		sigdelset(&all, faults[i]);
	}
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (err == 0 && pool->thread_count < threads) {
		if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) != 0) {
			err = TP_EIO;
		} else {
			pool->thread_count++;
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

int tp_job_pool_create(unsigned threads, size_t max_queued, struct tp_job_pool **out)
{
	struct tp_job_pool *pool;
	int err;

	if (threads == 0 || threads > THREADS_MAX) {
		return TP_EINVAL;
	}
	pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));
	if (pool == NULL) {
		return TP_ENOMEM;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wanted, NULL);
	pool->last = &pool->first;
	pool->max_queued = max_queued;
	pool->orphaned =
		tp_counter_named("io.jobs_orphaned", "jobs done for a loop that had stopped");
	err = start_threads(pool, threads);
	if (err != 0) {
		tp_job_pool_free(&pool);
		return err;
	}
	*out = pool;
	return 0;
}

void tp_job_pool_free(struct tp_job_pool **pool)
{
	struct tp_job_pool *gone = *pool;

	if (gone == NULL) {
		return;
	}
	pthread_mutex_lock(&gone->lock);
	gone->closing = true;
	pthread_cond_broadcast(&gone->wanted);
	pthread_mutex_unlock(&gone->lock);
	for (unsigned i = 0; i < gone->thread_count; i++) {
		pthread_join(gone->threads[i], NULL);
	}
	pthread_cond_destroy(&gone->wanted);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
	*pool = NULL;
}

int tp_job_pool_submit(struct tp_job_pool *pool, struct tp_job *job, struct tp_mailbox *reply_to)
{
	int err = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->closing) {
		err = TP_ESHUTDOWN;
	} else if (pool->queued >= pool->max_queued) {
		err = TP_EFULL;
	} else {
		job->reply_to = reply_to;
		job->next = NULL;
		*pool->last = job;
		pool->last = &job->next;
		pool->queued++;
		pthread_cond_signal(&pool->wanted);
	}
	pthread_mutex_unlock(&pool->lock);
	return err;
}

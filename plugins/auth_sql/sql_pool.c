/* SPDX-License-Identifier: Apache-2.0 */
#include "sql_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <turnpike/plugin.h>

struct sql_thread {
	struct sql_pool *pool;
	pthread_t thread;
	struct sql_conn *conn; /* changed under the lock, used by the thread */
	bool running;          /* under the lock: inside the driver's run */
};

/* What a task belongs to. They go with the pool: its threads look at them. */
struct sql_worker {
	struct sql_worker *next;
	struct sql_pool *pool;
	unsigned index;
};

struct sql_pool {
	struct tp_instance *self;
	const struct sql_settings *settings;
	const struct sql_driver *driver;
	pthread_mutex_t lock; /* for all below, and the tasks' given_up */
	pthread_cond_t work;
	bool stopping;
	struct sql_task *first;
	struct sql_task **last;
	struct sql_worker *workers;
	size_t thread_count;
	struct sql_thread threads[];
};

/* --- back to the worker -------------------------------------------------------------- */

static void finish(struct tp_instance *self, void *arg)
{
	struct sql_task *task = arg;
	struct sql_pool *pool = ((struct sql_worker *)task->owner)->pool;
	bool given_up;

	(void)self;
	pthread_mutex_lock(&pool->lock);
	given_up = task->given_up;
	pthread_mutex_unlock(&pool->lock);
	if (given_up) {
		task->drop(task);
	} else {
		task->done(task);
	}
}

static void send_back(struct sql_pool *pool, struct sql_task *task)
{
	const struct timespec moment = {.tv_nsec = 1000000};
	unsigned index = ((struct sql_worker *)task->owner)->index;
	int err;

	while ((err = tp_worker_post(pool->self, index, finish, task)) == TP_EFULL ||
	       err == TP_ENOMEM) {
		nanosleep(&moment, NULL);
	}
	if (err != 0) {
		task->drop(task);
	}
}

/* --- threads ------------------------------------------------------------------------- */

static struct sql_task *wait_for_task(struct sql_pool *pool)
{
	struct sql_task *task;

	pthread_mutex_lock(&pool->lock);
	while (pool->first == NULL && !pool->stopping) {
		pthread_cond_wait(&pool->work, &pool->lock);
	}
	task = pool->first;
	if (task != NULL) {
		pool->first = task->next;
		if (pool->first == NULL) {
			pool->last = &pool->first;
		}
	}
	pthread_mutex_unlock(&pool->lock);
	return task;
}

static void set_conn(struct sql_thread *thread, struct sql_conn *conn)
{
	struct sql_conn *old = thread->conn;

	pthread_mutex_lock(&thread->pool->lock);
	thread->conn = conn;
	pthread_mutex_unlock(&thread->pool->lock);
	if (old != NULL) {
		thread->pool->driver->close(old);
	}
}

/* Returns false when the pool stops: nothing new begins. */
static bool set_running(struct sql_thread *thread, bool running)
{
	bool may;

	pthread_mutex_lock(&thread->pool->lock);
	may = !thread->pool->stopping;
	thread->running = running && may;
	pthread_mutex_unlock(&thread->pool->lock);
	return may;
}

static bool connect_if_needed(struct sql_thread *thread, struct sql_task *task)
{
	char problem[SQL_PROBLEM_SIZE] = "";
	struct sql_conn *conn;

	if (thread->conn != NULL) {
		return true;
	}
	conn = thread->pool->driver->open(thread->pool->settings, problem);
	if (conn == NULL) {
		sql_task_fail(task, TP_EIO, "%s", problem);
		return false;
	}
	set_conn(thread, conn);
	return true;
}

static void run_statements(struct sql_thread *thread, struct sql_task *task)
{
	const struct sql_pool *pool = thread->pool;
	bool fine = true;

	if (!set_running(thread, true)) {
		sql_task_fail(task, TP_ESHUTDOWN, "stopping");
		return;
	}
	for (unsigned i = task->first; i <= (unsigned)task->last && fine; i++) {
		if (pool->settings->statements[i] != NULL) {
			fine = pool->driver->run(thread->conn, task, (enum sql_statement)i);
		}
	}
	set_running(thread, false);
}

/* A connection that was left alone for long may be found closed: try a new one. */
static void run(struct sql_thread *thread, struct sql_task *task)
{
	bool is_new = thread->conn == NULL;

	task->err = 0;
	if (!connect_if_needed(thread, task)) {
		return;
	}
	run_statements(thread, task);
	if (task->err != 0 && !is_new && thread->pool->driver->was_lost(thread->conn)) {
		set_conn(thread, NULL);
		task->err = 0;
		if (!connect_if_needed(thread, task)) {
			return;
		}
		run_statements(thread, task);
	}
	if (task->err == TP_EIO) {
		set_conn(thread, NULL);
	}
}

static void *serve(void *arg)
{
	struct sql_thread *thread = arg;
	struct sql_task *task;

	while ((task = wait_for_task(thread->pool)) != NULL) {
		run(thread, task);
		send_back(thread->pool, task);
	}
	set_conn(thread, NULL);
	return NULL;
}

/* --- tasks --------------------------------------------------------------------------- */

void sql_pool_submit(void *own, struct sql_task *task)
{
	struct sql_worker *worker = own;
	struct sql_pool *pool = worker->pool;

	task->owner = worker;
	task->next = NULL;
	task->given_up = false;
	pthread_mutex_lock(&pool->lock);
	*pool->last = task;
	pool->last = &task->next;
	pthread_cond_signal(&pool->work);
	pthread_mutex_unlock(&pool->lock);
}

/* Under the lock. Returns whether it still waited. */
static bool take_out(struct sql_pool *pool, const struct sql_task *task)
{
	struct sql_task **slot = &pool->first;

	while (*slot != NULL && *slot != task) {
		slot = &(*slot)->next;
	}
	if (*slot == NULL) {
		return false;
	}
	*slot = task->next;
	if (*slot == NULL) {
		pool->last = slot;
	}
	return true;
}

void sql_pool_give_up(void *own, struct sql_task *task)
{
	struct sql_pool *pool = ((struct sql_worker *)own)->pool;
	bool waited;

	pthread_mutex_lock(&pool->lock);
	waited = take_out(pool, task);
	task->given_up = true;
	pthread_mutex_unlock(&pool->lock);
	if (waited) {
		task->drop(task);
	}
}

/* --- life ---------------------------------------------------------------------------- */

int sql_pool_worker_start(void *backend, struct tp_worker *tp_worker, void **out)
{
	struct sql_pool *pool = backend;
	struct sql_worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL) {
		return TP_ENOMEM;
	}
	worker->pool = pool;
	worker->index = tp_worker_index(tp_worker);
	pthread_mutex_lock(&pool->lock);
	worker->next = pool->workers;
	pool->workers = worker;
	pthread_mutex_unlock(&pool->lock);
	*out = worker;
	return 0;
}

static struct sql_task *take_of_worker(struct sql_worker *worker)
{
	struct sql_pool *pool = worker->pool;
	struct sql_task *task;

	pthread_mutex_lock(&pool->lock);
	task = pool->first;
	while (task != NULL && task->owner != worker) {
		task = task->next;
	}
	if (task != NULL) {
		take_out(pool, task);
	}
	pthread_mutex_unlock(&pool->lock);
	return task;
}

void sql_pool_worker_stop(void *own)
{
	struct sql_task *task;

	while ((task = take_of_worker(own)) != NULL) {
		task->drop(task);
	}
}

/* The daemon's signals are for its main thread. */
static int start_thread(struct sql_pool *pool)
{
	struct sql_thread *thread = &pool->threads[pool->thread_count];
	sigset_t all;
	sigset_t before;
	int err;

	thread->pool = pool;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread->thread, NULL, serve, thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pool->thread_count += err == 0 ? 1 : 0;
	return err == 0 ? 0 : TP_EIO;
}

int sql_pool_create(struct tp_instance *self, const struct sql_settings *settings,
		    const struct sql_driver *driver, void **out)
{
	struct sql_pool *pool =
		calloc(1, sizeof(*pool) + settings->connections * sizeof(pool->threads[0]));

	if (pool == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	pool->self = self;
	pool->settings = settings;
	pool->driver = driver;
	pool->last = &pool->first;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->work, NULL);
	*out = pool;
	for (unsigned i = 0; i < settings->connections; i++) {
		int err = start_thread(pool);

		if (err != 0) {
			return tp_instance_fail(self, err, "no thread can be started");
		}
	}
	return 0;
}

static void stop_threads(struct sql_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	for (size_t i = 0; i < pool->thread_count; i++) {
		if (pool->threads[i].running) {
			pool->driver->interrupt(pool->threads[i].conn);
		}
	}
	pthread_cond_broadcast(&pool->work);
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->thread_count; i++) {
		pthread_join(pool->threads[i].thread, NULL);
	}
}

void sql_pool_destroy(void *backend)
{
	struct sql_pool *pool = backend;

	stop_threads(pool);
	while (pool->workers != NULL) {
		struct sql_worker *worker = pool->workers;

		pool->workers = worker->next;
		free(worker);
	}
	pthread_cond_destroy(&pool->work);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include <libpq-fe.h>

#include <turnpike/plugin.h>

#include "pg_conn.h"

struct pg_backend {
	struct tp_instance *self;
	const struct sql_settings *settings;
};

/* The connections of a worker, and the tasks that wait for one. */
struct pg_worker {
	struct sql_task *first;
	struct sql_task **last;
	unsigned count;
	struct pg_conn *conns[];
};

/* --- tasks --------------------------------------------------------------------------- */

static void start_waiting(void *arg)
{
	struct pg_worker *worker = arg;

	for (unsigned i = 0; i < worker->count && worker->first != NULL; i++) {
		struct sql_task *task = worker->first;

		if (pg_conn_is_idle(worker->conns[i])) {
			worker->first = task->next;
			if (worker->first == NULL) {
				worker->last = &worker->first;
			}
			pg_conn_run(worker->conns[i], task);
		}
	}
}

static void submit(void *own, struct sql_task *task)
{
	struct pg_worker *worker = own;

	task->next = NULL;
	*worker->last = task;
	worker->last = &task->next;
	start_waiting(worker);
}

static bool take_out(struct pg_worker *worker, const struct sql_task *task)
{
	struct sql_task **slot = &worker->first;

	while (*slot != NULL && *slot != task) {
		slot = &(*slot)->next;
	}
	if (*slot == NULL) {
		return false;
	}
	*slot = task->next;
	if (*slot == NULL) {
		worker->last = slot;
	}
	return true;
}

static void give_up(void *own, struct sql_task *task)
{
	struct pg_worker *worker = own;

	if (take_out(worker, task)) {
		task->drop(task);
		return;
	}
	for (unsigned i = 0; i < worker->count; i++) {
		if (pg_conn_task(worker->conns[i]) == task) {
			pg_conn_give_up(worker->conns[i]);
			break;
		}
	}
	start_waiting(worker);
}

/* --- life ---------------------------------------------------------------------------- */

static void worker_stop(void *own)
{
	struct pg_worker *worker = own;

	for (unsigned i = 0; i < worker->count; i++) {
		pg_conn_free(&worker->conns[i]);
	}
	while (worker->first != NULL) {
		struct sql_task *task = worker->first;

		worker->first = task->next;
		task->drop(task);
	}
	free(worker);
}

static int worker_start(void *arg, struct tp_worker *tp_worker, void **out)
{
	const struct pg_backend *backend = arg;
	unsigned count = backend->settings->connections;
	struct pg_worker *worker = calloc(1, sizeof(*worker) + count * sizeof(worker->conns[0]));

	if (worker == NULL) {
		return TP_ENOMEM;
	}
	worker->last = &worker->first;
	for (; worker->count < count; worker->count++) {
		struct pg_conn *conn =
			pg_conn_create(backend->self, tp_worker_event_base(tp_worker),
				       backend->settings, start_waiting, worker);

		if (conn == NULL) {
			worker_stop(worker);
			return TP_ENOMEM;
		}
		worker->conns[worker->count] = conn;
	}
	*out = worker;
	return 0;
}

static int create(struct tp_instance *self, const struct sql_settings *settings, void **out)
{
	struct pg_backend *backend = calloc(1, sizeof(*backend));

	if (backend == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	sql_keep_library((void *)PQfinish);
	backend->self = self;
	backend->settings = settings;
	*out = backend;
	return 0;
}

static void destroy(void *backend)
{
	free(backend);
}

const struct sql_backend_ops sql_postgresql_ops = {
	.name = "postgresql",
	.numbered_params = true,
	.create = create,
	.destroy = destroy,
	.worker_start = worker_start,
	.worker_stop = worker_stop,
	.submit = submit,
	.give_up = give_up,
};

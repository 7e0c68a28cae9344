/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "sql.h"

/*
 * Data bases whose library waits: a few threads of the instance's own, each with a
 * connection. Threads of its own, so that a data base that does not answer holds up
 * nobody else's jobs.
 */
struct sql_pool;
struct sql_conn;

/* Thread: the pool's, but for interrupt. */
struct sql_driver {
	/* NULL after a sentence in @problem. */
	struct sql_conn *(*open)(const struct sql_settings *settings,
				 char problem[SQL_PROBLEM_SIZE]);
	void (*close)(struct sql_conn *conn);
	/* Run a statement for a task; false after sql_task_fail(). */
	bool (*run)(struct sql_conn *conn, struct sql_task *task, enum sql_statement statement);
	/* Has the server gone while nobody asked it anything? After a failed run. */
	bool (*was_lost)(struct sql_conn *conn);
	/* Any thread, while the pool's is inside run: make it return soon. */
	void (*interrupt)(struct sql_conn *conn);
};

/* Bodies for the struct sql_backend_ops of a driver. */
int sql_pool_create(struct tp_instance *self, const struct sql_settings *settings,
		    const struct sql_driver *driver, void **out);
void sql_pool_destroy(void *backend);
int sql_pool_worker_start(void *backend, struct tp_worker *worker, void **out);
void sql_pool_worker_stop(void *own);
void sql_pool_submit(void *own, struct sql_task *task);
void sql_pool_give_up(void *own, struct sql_task *task);

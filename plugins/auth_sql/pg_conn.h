/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/types.h>

#include "sql.h"

/*
 * A connection to PostgreSQL that runs one task at a time, without waiting, on one
 * worker's event loop. It connects when it gets its first task. Thread of all
 * functions: the loop's.
 */
struct pg_conn;

struct event_base;

/**
 * @idle: the connection can take a task; called from the loop, never inside a
 *        function below
 *
 * Errors: NULL when out of memory
 */
struct pg_conn *pg_conn_create(struct tp_instance *self, struct event_base *base,
			       const struct sql_settings *settings, void (*idle)(void *arg),
			       void *arg);
/** The task it has is dropped. Sets the pointer to NULL. */
void pg_conn_free(struct pg_conn **conn);

bool pg_conn_is_idle(const struct pg_conn *conn);

/** Run a task; the connection must be idle. */
void pg_conn_run(struct pg_conn *conn, struct sql_task *task);

/** Drop its task, and the connection with it. */
void pg_conn_give_up(struct pg_conn *conn);

/** NULL: none. */
const struct sql_task *pg_conn_task(const struct pg_conn *conn);

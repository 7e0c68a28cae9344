/* SPDX-License-Identifier: Apache-2.0 */
#include "sql_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sqlite3.h>

#include <turnpike/error.h>

#define STEPS_BETWEEN_LOOKS 1000

struct sql_conn {
	const struct sql_settings *settings;
	sqlite3 *db;
	sqlite3_stmt *statements[SQL_STATEMENT_COUNT]; /* prepared when first needed */
	uint64_t give_up_ms;
};

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A query of the operator's own may take for ever; another value than 0 ends it. */
static int look_at_clock(void *arg)
{
	const struct sql_conn *conn = arg;

	return now_ms() >= conn->give_up_ms;
}

static void close_conn(struct sql_conn *conn)
{
	for (int i = 0; i < SQL_STATEMENT_COUNT; i++) {
		sqlite3_finalize(conn->statements[i]);
	}
	sqlite3_close(conn->db);
	free(conn);
}

static struct sql_conn *open_conn(const struct sql_settings *settings,
				  char problem[SQL_PROBLEM_SIZE])
{
	struct sql_conn *conn = calloc(1, sizeof(*conn));
	int code;

	if (conn == NULL) {
		snprintf(problem, SQL_PROBLEM_SIZE, "out of memory");
		return NULL;
	}
	conn->settings = settings;
	code = sqlite3_open_v2(settings->database, &conn->db,
			       SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (code != SQLITE_OK) {
		snprintf(problem, SQL_PROBLEM_SIZE, "%s: %s", settings->database,
			 sqlite3_errstr(code));
		close_conn(conn);
		return NULL;
	}
	sqlite3_busy_timeout(conn->db, (int)settings->timeout_ms);
	sqlite3_progress_handler(conn->db, STEPS_BETWEEN_LOOKS, look_at_clock, conn);
	return conn;
}

static bool fail(struct sql_conn *conn, struct sql_task *task)
{
	sql_task_fail(task, TP_EIO, "%s: %s", conn->settings->database, sqlite3_errmsg(conn->db));
	return false;
}

static sqlite3_stmt *prepared(struct sql_conn *conn, enum sql_statement which)
{
	if (conn->statements[which] == NULL) {
		sqlite3_prepare_v3(conn->db, conn->settings->statements[which], -1,
				   SQLITE_PREPARE_PERSISTENT, &conn->statements[which], NULL);
	}
	return conn->statements[which];
}

static bool bind(sqlite3_stmt *statement, const struct sql_task *task, enum sql_statement which)
{
	int count = sqlite3_bind_parameter_count(statement);

	if (which != SQL_USER) {
		return count == 0;
	}
	for (int i = 0; i < count && i < SQL_PARAMS_MAX; i++) {
		if (sqlite3_bind_text(statement, i + 1, task->params[i], -1, SQLITE_STATIC) !=
		    SQLITE_OK) {
			return false;
		}
	}
	return count <= SQL_PARAMS_MAX;
}

static int tell_row(sqlite3_stmt *statement, struct sql_task *task, enum sql_statement which)
{
	struct sql_row row = {.count = (size_t)sqlite3_column_count(statement)};

	row.count = row.count < SQL_COLUMNS_MAX ? row.count : SQL_COLUMNS_MAX;
	for (size_t i = 0; i < row.count; i++) {
		row.names[i] = sqlite3_column_name(statement, (int)i);
		row.values[i] = (const char *)sqlite3_column_text(statement, (int)i);
		row.lens[i] = (size_t)sqlite3_column_bytes(statement, (int)i);
	}
	return task->row(task, which, &row);
}

static bool step(struct sql_conn *conn, sqlite3_stmt *statement, struct sql_task *task,
		 enum sql_statement which)
{
	int code;

	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		int err = tell_row(statement, task, which);

		if (err != 0) {
			task->err = err;
			return false;
		}
	}
	return code == SQLITE_DONE || fail(conn, task);
}

static bool run(struct sql_conn *conn, struct sql_task *task, enum sql_statement which)
{
	sqlite3_stmt *statement;
	bool done;

	conn->give_up_ms = now_ms() + conn->settings->timeout_ms;
	statement = prepared(conn, which);
	if (statement == NULL) {
		return fail(conn, task);
	}
	if (!bind(statement, task, which)) {
		sql_task_fail(task, TP_EINVAL, "a query has too many parameters");
		return false;
	}
	done = step(conn, statement, task, which);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return done;
}

/* A file that was replaced by another one is found out so. */
static bool was_lost(struct sql_conn *conn)
{
	int code = sqlite3_errcode(conn->db);

	return code == SQLITE_READONLY || code == SQLITE_IOERR || code == SQLITE_CORRUPT ||
	       code == SQLITE_NOTADB;
}

static void interrupt(struct sql_conn *conn)
{
	sqlite3_interrupt(conn->db);
}

static int create(struct tp_instance *self, const struct sql_settings *settings, void **out)
{
	static const struct sql_driver driver = {
		.open = open_conn,
		.close = close_conn,
		.run = run,
		.was_lost = was_lost,
		.interrupt = interrupt,
	};

	return sql_pool_create(self, settings, &driver, out);
}

const struct sql_backend_ops sql_sqlite_ops = {
	.name = "sqlite",
	.is_file = true,
	.create = create,
	.worker_start = sql_pool_worker_start,
	.worker_stop = sql_pool_worker_stop,
	.destroy = sql_pool_destroy,
	.submit = sql_pool_submit,
	.give_up = sql_pool_give_up,
};

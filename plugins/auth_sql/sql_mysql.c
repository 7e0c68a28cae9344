/* SPDX-License-Identifier: Apache-2.0 */
#include "sql_pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <errmsg.h>
#include <mysql.h>
#include <mysqld_error.h>

#include <turnpike/error.h>

#include "common/backend_peers.h"

/*
 * By threads of the pool: the library's own calls that do not wait resolve names
 * with waiting all the same, and switch stacks, which no tool can look into.
 */

#define VALUE_SIZE 4096 /* of a column; a longer one is refused */

struct sql_conn {
	const struct sql_settings *settings;
	MYSQL mysql;
	MYSQL_STMT *statements[SQL_STATEMENT_COUNT]; /* prepared when first needed */
	bool lost;
	char values[SQL_COLUMNS_MAX][VALUE_SIZE];
};

/* --- connections --------------------------------------------------------------------- */

static void close_conn(struct sql_conn *conn)
{
	for (int i = 0; i < SQL_STATEMENT_COUNT; i++) {
		if (conn->statements[i] != NULL) {
			mysql_stmt_close(conn->statements[i]);
		}
	}
	mysql_close(&conn->mysql);
	explicit_bzero(conn->values, sizeof(conn->values));
	free(conn);
}

static void set_tls(MYSQL *mysql, const struct sql_settings *settings)
{
	my_bool enforce = settings->tls != SQL_TLS_OFF;
	my_bool verify = settings->tls == SQL_TLS_VERIFY;

	if (!enforce || settings->host[0] == '/') {
		return;
	}
	mysql_optionsv(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
	mysql_optionsv(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
	mysql_ssl_set(mysql, settings->key_file, settings->certificate_file,
		      verify ? settings->ca_file : NULL, NULL, NULL);
}

static void set_options(MYSQL *mysql, const struct sql_settings *settings)
{
	unsigned timeout_s = (unsigned)((settings->timeout_ms + 999) / 1000);

	mysql_optionsv(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout_s);
	mysql_optionsv(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout_s);
	mysql_optionsv(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout_s);
	mysql_optionsv(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	set_tls(mysql, settings);
}

static struct sql_conn *open_conn(const struct sql_settings *settings,
				  char problem[SQL_PROBLEM_SIZE])
{
	bool is_path = settings->host[0] == '/';
	struct sql_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		snprintf(problem, SQL_PROBLEM_SIZE, "out of memory");
		return NULL;
	}
	conn->settings = settings;
	mysql_init(&conn->mysql);
	set_options(&conn->mysql, settings);
	if (mysql_real_connect(&conn->mysql, is_path ? NULL : settings->host, settings->user,
			       settings->password, settings->database, settings->port,
			       is_path ? settings->host : NULL, 0) == NULL) {
		snprintf(problem, SQL_PROBLEM_SIZE, "%s", mysql_error(&conn->mysql));
		close_conn(conn);
		return NULL;
	}
	backend_peers_add_socket(settings->peers, (int)mysql_get_socket(&conn->mysql));
	return conn;
}

/* --- statements ---------------------------------------------------------------------- */

/* The name cannot be written in the column's character set, or is no number: there is no such. */
static bool is_about_name(const MYSQL_STMT *statement)
{
	return mysql_stmt_errno((MYSQL_STMT *)statement) == ER_CANT_AGGREGATE_2COLLATIONS ||
	       strncmp(mysql_stmt_sqlstate((MYSQL_STMT *)statement), "22", 2) == 0;
}

static bool fail(struct sql_conn *conn, struct sql_task *task, MYSQL_STMT *statement)
{
	unsigned code = mysql_stmt_errno(statement);

	conn->lost = code == CR_SERVER_GONE_ERROR || code == CR_SERVER_LOST;
	sql_task_fail(task, TP_EIO, "%s", mysql_stmt_error(statement));
	return false;
}

static MYSQL_STMT *prepared(struct sql_conn *conn, struct sql_task *task, enum sql_statement which)
{
	const char *text = conn->settings->statements[which];
	MYSQL_STMT *statement = conn->statements[which];

	if (statement != NULL) {
		return statement;
	}
	statement = mysql_stmt_init(&conn->mysql);
	if (statement == NULL) {
		sql_task_fail(task, TP_ENOMEM, "out of memory");
		return NULL;
	}
	if (mysql_stmt_prepare(statement, text, strlen(text)) != 0) {
		fail(conn, task, statement);
		mysql_stmt_close(statement);
		return NULL;
	}
	conn->statements[which] = statement;
	return statement;
}

static bool bind_params(MYSQL_STMT *statement, const struct sql_task *task,
			enum sql_statement which)
{
	unsigned long count = mysql_stmt_param_count(statement);
	MYSQL_BIND binds[SQL_PARAMS_MAX];

	if (count > (which == SQL_USER ? SQL_PARAMS_MAX : 0)) {
		return false;
	}
	memset(binds, 0, sizeof(binds));
	for (unsigned long i = 0; i < count; i++) {
		binds[i].buffer_type = MYSQL_TYPE_STRING;
		binds[i].buffer = (void *)task->params[i];
		binds[i].buffer_length = strlen(task->params[i]);
	}
	return count == 0 || mysql_stmt_bind_param(statement, binds) == 0;
}

/* --- rows ---------------------------------------------------------------------------- */

struct result {
	MYSQL_BIND binds[SQL_COLUMNS_MAX];
	unsigned long lens[SQL_COLUMNS_MAX];
	my_bool is_null[SQL_COLUMNS_MAX];
	struct sql_row row;
};

static bool bind_result(struct sql_conn *conn, MYSQL_STMT *statement, MYSQL_RES *columns,
			struct result *result)
{
	unsigned count = mysql_num_fields(columns);

	if (count > SQL_COLUMNS_MAX) {
		return false;
	}
	memset(result, 0, sizeof(*result));
	result->row.count = count;
	for (unsigned i = 0; i < count; i++) {
		result->row.names[i] = mysql_fetch_field_direct(columns, i)->name;
		result->binds[i].buffer_type = MYSQL_TYPE_STRING;
		result->binds[i].buffer = conn->values[i];
		result->binds[i].buffer_length = VALUE_SIZE - 1;
		result->binds[i].length = &result->lens[i];
		result->binds[i].is_null = &result->is_null[i];
	}
	return mysql_stmt_bind_result(statement, result->binds) == 0;
}

static int tell_row(struct sql_conn *conn, struct result *result, struct sql_task *task,
		    enum sql_statement which)
{
	for (size_t i = 0; i < result->row.count; i++) {
		if (result->is_null[i]) {
			result->row.values[i] = NULL;
			result->row.lens[i] = 0;
			continue;
		}
		conn->values[i][result->lens[i]] = '\0';
		result->row.values[i] = conn->values[i];
		result->row.lens[i] = result->lens[i];
	}
	return task->row(task, which, &result->row);
}

static bool fetch(struct sql_conn *conn, MYSQL_STMT *statement, struct sql_task *task,
		  enum sql_statement which, struct result *result)
{
	int code;

	while ((code = mysql_stmt_fetch(statement)) == 0) {
		int err = tell_row(conn, result, task, which);

		if (err != 0) {
			task->err = err;
			return false;
		}
	}
	if (code == MYSQL_DATA_TRUNCATED) {
		sql_task_fail(task, TP_EPROTO, "a value is too long");
		return false;
	}
	return code == MYSQL_NO_DATA || fail(conn, task, statement);
}

static bool take_rows(struct sql_conn *conn, MYSQL_STMT *statement, struct sql_task *task,
		      enum sql_statement which)
{
	MYSQL_RES *columns = mysql_stmt_result_metadata(statement);
	struct result result;
	bool done;

	if (columns == NULL) {
		sql_task_fail(task, TP_EINVAL, "a query returns no rows: is it no SELECT?");
		return false;
	}
	if (bind_result(conn, statement, columns, &result)) {
		done = fetch(conn, statement, task, which, &result);
	} else {
		sql_task_fail(task, TP_EINVAL, "a query returns too many columns");
		done = false;
	}
	mysql_free_result(columns);
	return done;
}

static bool run(struct sql_conn *conn, struct sql_task *task, enum sql_statement which)
{
	MYSQL_STMT *statement = prepared(conn, task, which);
	bool done;

	if (statement == NULL) {
		return false;
	}
	if (!bind_params(statement, task, which)) {
		sql_task_fail(task, TP_EINVAL, "a query has too many parameters");
		return false;
	}
	if (mysql_stmt_execute(statement) != 0) {
		return (which == SQL_USER && is_about_name(statement)) ||
		       fail(conn, task, statement);
	}
	done = take_rows(conn, statement, task, which);
	mysql_stmt_free_result(statement);
	return done;
}

/* --- life ---------------------------------------------------------------------------- */

static bool was_lost(struct sql_conn *conn)
{
	return conn->lost;
}

static void interrupt(struct sql_conn *conn)
{
	shutdown((int)mysql_get_socket(&conn->mysql), SHUT_RDWR);
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

	sql_keep_library((void *)mysql_close);
	mysql_library_init(0, NULL, NULL);
	return sql_pool_create(self, settings, &driver, out);
}

const struct sql_backend_ops sql_mysql_ops = {
	.name = "mysql",
	.create = create,
	.worker_start = sql_pool_worker_start,
	.worker_stop = sql_pool_worker_stop,
	.destroy = sql_pool_destroy,
	.submit = sql_pool_submit,
	.give_up = sql_pool_give_up,
};

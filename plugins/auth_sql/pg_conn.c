/* SPDX-License-Identifier: Apache-2.0 */
#include "pg_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <libpq-fe.h>

#include <turnpike/plugin.h>

#include "common/backend_peers.h"
#include "common/host_name.h"

#define TYPE_TEXT 25 /* the server's number of it */

enum pg_state {
	PG_CLOSED = 0,
	PG_RESOLVING,
	PG_CONNECTING,
	PG_IDLE,
	PG_PREPARING,
	PG_QUERYING,
};

struct pg_conn {
	struct tp_instance *self;
	struct event_base *base;
	const struct sql_settings *settings;
	void (*idle)(void *arg);
	void *arg;
	enum pg_state state;
	struct host_name *name;
	PGconn *pg;
	struct event *socket; /* NULL: none */
	struct event *timer;
	struct event *later; /* tells what must not be told inside a call */
	bool prepared[SQL_STATEMENT_COUNT];
	bool fresh; /* its first task: no reason to try another connection */
	struct sql_task *task;
	unsigned statement; /* of the task */
};

static void go_on(struct pg_conn *conn);
static void open_connection(struct pg_conn *conn);

/* --- watching ------------------------------------------------------------------------ */

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	go_on(arg);
}

static void stop_watching(struct pg_conn *conn)
{
	if (conn->socket != NULL) {
		event_free(conn->socket);
		conn->socket = NULL;
	}
}

/* libpq may change its descriptor while it connects. */
static bool watch(struct pg_conn *conn, short what)
{
	stop_watching(conn);
	conn->socket = event_new(conn->base, PQsocket(conn->pg), what, on_socket, conn);
	return conn->socket != NULL && event_add(conn->socket, NULL) == 0;
}

static void start_timer(struct pg_conn *conn)
{
	uint64_t ms = conn->settings->timeout_ms;
	struct timeval after = {.tv_sec = (time_t)(ms / 1000),
				.tv_usec = (suseconds_t)(ms % 1000) * 1000};

	event_add(conn->timer, &after);
}

/* --- endings ------------------------------------------------------------------------- */

static void close_connection(struct pg_conn *conn)
{
	stop_watching(conn);
	event_del(conn->timer);
	host_name_cancel(&conn->name);
	if (conn->pg != NULL) {
		PQfinish(conn->pg);
		conn->pg = NULL;
	}
	memset(conn->prepared, 0, sizeof(conn->prepared));
	conn->state = PG_CLOSED;
}

static void finish_task(struct pg_conn *conn)
{
	struct sql_task *task = conn->task;

	event_del(conn->timer);
	conn->task = NULL;
	task->done(task);
	conn->idle(conn->arg);
}

static void on_later(evutil_socket_t fd, short what, void *arg)
{
	struct pg_conn *conn = arg;

	(void)fd;
	(void)what;
	if (conn->task != NULL) {
		finish_task(conn);
	}
}

/* The task ends with what is in it; told from the top of the loop. */
static void end_later(struct pg_conn *conn)
{
	if (conn->state == PG_PREPARING || conn->state == PG_QUERYING) {
		conn->state = PG_IDLE;
	}
	event_del(conn->timer);
	event_active(conn->later, EV_TIMEOUT, 0);
}

static void lose(struct pg_conn *conn, const char *sentence)
{
	sql_task_fail(conn->task, TP_EIO, "%s", sentence);
	close_connection(conn);
	end_later(conn);
}

/* A connection that was left alone for long may be found closed: try a new one, once. */
static void lose_or_retry(struct pg_conn *conn)
{
	if (!conn->fresh && conn->statement == conn->task->first) {
		close_connection(conn);
		open_connection(conn);
		return;
	}
	lose(conn, PQerrorMessage(conn->pg));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct pg_conn *conn = arg;

	(void)fd;
	(void)what;
	if (conn->task != NULL) {
		lose(conn, conn->state == PG_RESOLVING || conn->state == PG_CONNECTING
				   ? "no connection in time"
				   : "no answer in time");
	}
}

/* --- connecting ---------------------------------------------------------------------- */

/* With the address at hand, libpq looks no name up; the certificate is checked for the name. */
static void connect_to(struct pg_conn *conn, const char *address)
{
	static const char *const tls[] = {"disable", "require", "verify-full"};
	const struct sql_settings *settings = conn->settings;
	char port[8];
	const char *names[16];
	const char *values[16];
	size_t count = 0;
	const struct {
		const char *name;
		const char *value;
	} all[] = {
		{"host", settings->host},
		{"hostaddr", address},
		{"port", settings->port == 0 ? NULL : port},
		{"dbname", settings->database},
		{"user", settings->user},
		{"password", settings->password},
		{"sslmode", tls[settings->tls]},
		{"sslrootcert", settings->tls == SQL_TLS_VERIFY ? settings->ca_file : NULL},
		{"sslcert", settings->certificate_file},
		{"sslkey", settings->key_file},
		{"client_encoding", "UTF8"},
		{"application_name", "turnpike"},
		{"passfile", "/dev/null"},
	};

	snprintf(port, sizeof(port), "%u", settings->port);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		if (all[i].value != NULL) {
			names[count] = all[i].name;
			values[count++] = all[i].value;
		}
	}
	names[count] = NULL;
	values[count] = NULL;
	conn->pg = PQconnectStartParams(names, values, 0);
	if (conn->pg == NULL) {
		lose(conn, "out of memory");
	} else if (PQstatus(conn->pg) == CONNECTION_BAD) {
		lose(conn, PQerrorMessage(conn->pg));
	} else if (!watch(conn, EV_WRITE)) {
		lose(conn, "out of memory");
	} else {
		conn->state = PG_CONNECTING;
	}
}

static void resolved(void *arg, const char *address)
{
	struct pg_conn *conn = arg;

	conn->name = NULL;
	if (address == NULL) {
		lose(conn, "the host's name is not known");
	} else {
		connect_to(conn, address);
	}
}

static void open_connection(struct pg_conn *conn)
{
	const char *host = conn->settings->host;
	struct tp_addr addr;

	conn->fresh = true;
	start_timer(conn);
	if (host[0] == '/') {
		connect_to(conn, NULL);
		return;
	}
	if (tp_addr_parse(host, &addr) == 0) {
		connect_to(conn, host);
		return;
	}
	conn->state = PG_RESOLVING;
	conn->name = host_name_resolve(conn->self, host, resolved, conn);
	if (conn->name == NULL) {
		lose(conn, "the host's name cannot be looked up");
	}
}

/* --- statements ---------------------------------------------------------------------- */

static const char *statement_name(enum sql_statement statement)
{
	static const char *const names[] = {"user", "secret", "allowed", "denied", "option"};

	return names[statement];
}

static int param_count(const struct pg_conn *conn)
{
	return conn->statement == SQL_USER ? SQL_PARAMS_MAX : 0;
}

/* Both parameters are declared, so that a query may use but one of them. */
static int send_prepare(struct pg_conn *conn)
{
	static const Oid types[SQL_PARAMS_MAX] = {TYPE_TEXT, TYPE_TEXT};

	conn->state = PG_PREPARING;
	return PQsendPrepare(conn->pg, statement_name(conn->statement),
			     conn->settings->statements[conn->statement], param_count(conn), types);
}

static int send_query(struct pg_conn *conn)
{
	conn->state = PG_QUERYING;
	return PQsendQueryPrepared(conn->pg, statement_name(conn->statement), param_count(conn),
				   conn->task->params, NULL, NULL, 0);
}

/* The next statement of the task, from conn->statement on. */
static void start_statement(struct pg_conn *conn)
{
	while (conn->statement <= (unsigned)conn->task->last &&
	       conn->settings->statements[conn->statement] == NULL) {
		conn->statement++;
	}
	if (conn->statement > (unsigned)conn->task->last) {
		end_later(conn);
		return;
	}
	start_timer(conn);
	if ((conn->prepared[conn->statement] ? send_query(conn) : send_prepare(conn)) != 1) {
		lose_or_retry(conn);
	} else if (!watch(conn, EV_READ | EV_WRITE)) {
		lose(conn, "out of memory");
	}
}

static void poll_connection(struct pg_conn *conn)
{
	short wants;

	switch (PQconnectPoll(conn->pg)) {
	case PGRES_POLLING_OK:
		if (PQsetnonblocking(conn->pg, 1) != 0) {
			lose(conn, PQerrorMessage(conn->pg));
			return;
		}
		backend_peers_add_socket(conn->settings->peers, PQsocket(conn->pg));
		conn->statement = conn->task->first;
		start_statement(conn);
		return;
	case PGRES_POLLING_READING:
		wants = EV_READ;
		break;
	case PGRES_POLLING_WRITING:
		wants = EV_WRITE;
		break;
	default:
		lose(conn, PQerrorMessage(conn->pg));
		return;
	}
	if (!watch(conn, wants)) {
		lose(conn, "out of memory");
	}
}

/* --- results ------------------------------------------------------------------------- */

/* A name in an encoding, or a form, that a column cannot have: there is no such user. */
static bool is_about_name(const struct pg_conn *conn, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return conn->statement == SQL_USER && conn->state == PG_QUERYING && sqlstate != NULL &&
	       strncmp(sqlstate, "22", 2) == 0;
}

static void fill_row(const PGresult *result, int index, struct sql_row *row)
{
	for (int i = 0; i < (int)row->count; i++) {
		bool none = PQgetisnull(result, index, i);

		row->names[i] = PQfname(result, i);
		row->values[i] = none ? NULL : PQgetvalue(result, index, i);
		row->lens[i] = none ? 0 : (size_t)PQgetlength(result, index, i);
	}
}

static void take_rows(struct pg_conn *conn, const PGresult *result)
{
	int columns = PQnfields(result);
	struct sql_row row = {.count = (size_t)columns};

	if (columns > SQL_COLUMNS_MAX) {
		sql_task_fail(conn->task, TP_EINVAL, "a query returns too many columns");
		return;
	}
	for (int i = 0; i < PQntuples(result) && conn->task->err == 0; i++) {
		fill_row(result, i, &row);
		conn->task->err =
			conn->task->row(conn->task, (enum sql_statement)conn->statement, &row);
	}
}

static void take_result(struct pg_conn *conn, const PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_COMMAND_OK:
		if (conn->state == PG_QUERYING) {
			sql_task_fail(conn->task, TP_EINVAL,
				      "a query returns no rows: is it no SELECT?");
		}
		break;
	case PGRES_TUPLES_OK:
		take_rows(conn, result);
		break;
	default:
		if (!is_about_name(conn, result)) {
			sql_task_fail(conn->task, TP_EIO, "%s", PQresultErrorMessage(result));
		}
	}
}

static void statement_done(struct pg_conn *conn)
{
	if (conn->task->err != 0) {
		end_later(conn);
	} else if (conn->state == PG_PREPARING) {
		conn->prepared[conn->statement] = true;
		start_statement(conn);
	} else {
		conn->fresh = false;
		conn->statement++;
		start_statement(conn);
	}
}

static void take_results(struct pg_conn *conn)
{
	while (!PQisBusy(conn->pg)) {
		PGresult *result = PQgetResult(conn->pg);

		if (result == NULL) {
			statement_done(conn);
			return;
		}
		if (PQstatus(conn->pg) == CONNECTION_BAD) {
			PQclear(result);
			lose_or_retry(conn);
			return;
		}
		take_result(conn, result);
		PQclear(result);
	}
}

static void poll_query(struct pg_conn *conn)
{
	int unsent;

	if (PQconsumeInput(conn->pg) != 1) {
		lose_or_retry(conn);
		return;
	}
	unsent = PQflush(conn->pg);
	if (unsent < 0) {
		lose_or_retry(conn);
	} else if (!watch(conn, unsent == 1 ? EV_READ | EV_WRITE : EV_READ)) {
		lose(conn, "out of memory");
	} else {
		take_results(conn);
	}
}

static void go_on(struct pg_conn *conn)
{
	switch (conn->state) {
	case PG_CONNECTING:
		poll_connection(conn);
		break;
	case PG_PREPARING:
	case PG_QUERYING:
		poll_query(conn);
		break;
	default:
		/* The server has closed it, or said something that nobody asked for. */
		close_connection(conn);
	}
}

/* --- tasks --------------------------------------------------------------------------- */

bool pg_conn_is_idle(const struct pg_conn *conn)
{
	return conn->task == NULL;
}

const struct sql_task *pg_conn_task(const struct pg_conn *conn)
{
	return conn->task;
}

void pg_conn_run(struct pg_conn *conn, struct sql_task *task)
{
	conn->task = task;
	conn->statement = task->first;
	task->err = 0;
	if (conn->pg == NULL) {
		open_connection(conn);
	} else {
		start_statement(conn);
	}
}

void pg_conn_give_up(struct pg_conn *conn)
{
	struct sql_task *task = conn->task;

	conn->task = NULL;
	event_del(conn->later);
	close_connection(conn);
	task->drop(task);
}

/* --- life ---------------------------------------------------------------------------- */

struct pg_conn *pg_conn_create(struct tp_instance *self, struct event_base *base,
			       const struct sql_settings *settings, void (*idle)(void *arg),
			       void *arg)
{
	struct pg_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		return NULL;
	}
	conn->self = self;
	conn->base = base;
	conn->settings = settings;
	conn->idle = idle;
	conn->arg = arg;
	conn->timer = evtimer_new(base, on_timer, conn);
	conn->later = evtimer_new(base, on_later, conn);
	if (conn->timer == NULL || conn->later == NULL) {
		pg_conn_free(&conn);
	}
	return conn;
}

void pg_conn_free(struct pg_conn **conn)
{
	struct pg_conn *gone = *conn;

	*conn = NULL;
	if (gone == NULL) {
		return;
	}
	if (gone->task != NULL) {
		pg_conn_give_up(gone);
	} else if (gone->timer != NULL) {
		close_connection(gone);
	}
	if (gone->timer != NULL) {
		event_free(gone->timer);
	}
	if (gone->later != NULL) {
		event_free(gone->later);
	}
	free(gone);
}

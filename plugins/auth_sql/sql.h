/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/types.h>

/*
 * What is asked of a data base: a few prepared statements. A task runs one or
 * several of them on one connection; its rows are told as they come.
 */

enum sql_statement {
	SQL_USER = 0, /* parameters: name, realm */
	SQL_SECRET,   /* no parameters, like all below */
	SQL_ALLOWED,
	SQL_DENIED,
	SQL_OPTION,
};
#define SQL_STATEMENT_COUNT 5
#define SQL_PARAMS_MAX 2
#define SQL_COLUMNS_MAX 16
#define SQL_PROBLEM_SIZE 256

enum sql_tls {
	SQL_TLS_OFF = 0,
	SQL_TLS_ENCRYPT, /* whoever it is */
	SQL_TLS_VERIFY,  /* its certificate has the host's name and comes from an authority */
};

/* Texts stay the caller's and live as long as the back end. */
struct sql_settings {
	const char *database; /* SQLite: the file */
	const char *host;     /* name, address, or the absolute path of a UNIX socket */
	uint16_t port;        /* 0: the usual one */
	const char *user;
	char *password; /* NULL: none */
	enum sql_tls tls;
	const char *ca_file;          /* PEM */
	const char *certificate_file; /* PEM, our own; NULL: none */
	const char *key_file;
	unsigned connections;                        /* PostgreSQL: of each worker; else of all */
	uint64_t timeout_ms;                         /* to connect, and for each statement */
	const char *statements[SQL_STATEMENT_COUNT]; /* NULL: not to be asked */
	struct backend_peers *peers;                 /* told which address it is connected to */
};

/* Borrowed for the call. */
struct sql_row {
	size_t count;
	const char *names[SQL_COLUMNS_MAX];
	const char *values[SQL_COLUMNS_MAX]; /* NUL-terminated; NULL: no value */
	size_t lens[SQL_COLUMNS_MAX];
};

struct sql_task {
	/* The caller's, before it is submitted. */
	enum sql_statement first;
	enum sql_statement last;
	const char *params[SQL_PARAMS_MAX]; /* of SQL_USER */

	/* On any thread, for each row. Another return value than 0 ends the task with it. */
	int (*row)(struct sql_task *task, enum sql_statement statement, const struct sql_row *row);
	/* On the worker that submitted it, never inside sql_backend_ops.submit. */
	void (*done)(struct sql_task *task);
	/* On any thread, instead of done: it was given up, or its worker has stopped. */
	void (*drop)(struct sql_task *task);

	/* With done. */
	int err;                        /* 0; TP_EIO and the like with a sentence below */
	char problem[SQL_PROBLEM_SIZE]; /* never holds a parameter */

	/* The back end's. */
	struct sql_task *next;
	void *owner;
	bool given_up;
};

/* A kind of server. One object for an instance. */
struct sql_backend_ops {
	const char *name;
	bool is_file;         /* no host, no user */
	bool numbered_params; /* $1 and $2 in place of ? */

	/* Main thread. 0, or a TP_E* after tp_instance_fail(). */
	int (*create)(struct tp_instance *self, const struct sql_settings *settings, void **out);
	/* Also after a create that failed with @out set. */
	void (*destroy)(void *backend);

	/* Worker, like all below: what it has of its own. Errors: TP_ENOMEM */
	int (*worker_start)(void *backend, struct tp_worker *worker, void **out);
	/* Tasks that are left are dropped, now or later. */
	void (*worker_stop)(void *own);

	/* From here on the task is the back end's until done or drop. */
	void (*submit)(void *own, struct sql_task *task);
	/* done will not be called; drop will, now or later. */
	void (*give_up)(void *own, struct sql_task *task);
};

/** Those that were built in; NULL for another name. */
const struct sql_backend_ops *sql_backend_find(const char *name);

/** Fail a task: @err and, cut, the sentence, of one line. */
void sql_task_fail(struct sql_task *task, int err, const char *format, ...) TP_PRINTF(3, 4);

/**
 * Leave a library loaded when the plugin goes: it keeps for ever what it has once made,
 * and would make it anew each time that a reload has it unloaded.
 *
 * @function: one of the library's
 */
void sql_keep_library(void *function);

extern const struct sql_backend_ops sql_sqlite_ops;
extern const struct sql_backend_ops sql_postgresql_ops;
extern const struct sql_backend_ops sql_mysql_ops;

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

#include "common/backend_peers.h"
#include "common/lookup.h"
#include "common/realm_guard.h"
#include "options.h"
#include "policy_reader.h"
#include "settings.h"
#include "user_command.h"
#include "user_row.h"

/*
 * Users, secrets, peers and limits from an SQL data base. Users are asked for when
 * they log in; all else is read again and again, so that it costs a request nothing.
 */

#define ALGORITHM_SHA256 2

struct auth_sql {
	struct tp_instance *self;
	const struct sql_backend_ops *ops;
	struct sql_settings settings;
	struct backend_peers *peers;
	struct realm_guard *guard;
	void *backend;
	atomic_uint workers;
	atomic_flag algorithm_told;
};

struct auth_sql_worker {
	struct auth_sql *sql;
	void *own; /* of the back end */
	struct lookup *lookup;
	struct policy_reader *reader; /* NULL: another worker reads */
};

/* --- look-ups ------------------------------------------------------------------------ */

/* The back end may hold it longer than the query lives. */
struct user_ask {
	struct sql_task task;
	struct auth_sql_worker *worker;
	struct lookup_query *query;
	struct user_row user;
	char *realm; /* behind the name */
	char name[];
};

static int take_row(struct sql_task *task, enum sql_statement statement, const struct sql_row *row)
{
	struct user_ask *ask = (struct user_ask *)task;

	user_row_take(&ask->user, row, ask->name);
	return 0;
}

static void ask_free(struct sql_task *task)
{
	struct user_ask *ask = (struct user_ask *)task;

	user_row_wipe(&ask->user);
	free(ask);
}

/* coturn's tables have one key, and most are MD5: clients must not be offered SHA-256 then. */
static void tell_of_algorithm(struct user_ask *ask)
{
	struct auth_sql *sql = ask->worker->sql;

	if (ask->query->algorithm == ALGORITHM_SHA256 && !ask->user.has_password &&
	    ask->user.sha256.len == 0 && !atomic_flag_test_and_set(&sql->algorithm_told)) {
		tp_log(sql->self, TP_LOG_WARN,
		       "a client uses SHA-256, and the key is for MD5: set password_algorithms = "
		       "md5 in [auth]");
	}
}

static void found(struct user_ask *ask)
{
	struct lookup_credentials credentials;

	tell_of_algorithm(ask);
	user_row_credentials(&ask->user, &credentials);
	realm_guard_limit(ask->worker->sql->guard, ask->realm, &credentials.credentials);
	lookup_found(ask->query, &credentials);
}

static void ask_done(struct sql_task *task)
{
	struct user_ask *ask = (struct user_ask *)task;

	if (task->err != 0) {
		lookup_failed(ask->query, task->problem);
	} else if (ask->user.rows == 0) {
		lookup_unknown(ask->query);
	} else if (ask->user.problem != NULL) {
		lookup_unusable(ask->query, ask->user.problem);
	} else {
		found(ask);
	}
	ask_free(task);
}

static struct user_ask *ask_create(struct auth_sql_worker *worker, struct lookup_query *query)
{
	size_t name_size = strlen(query->username) + 1;
	size_t realm_size = strlen(query->realm) + 1;
	struct user_ask *ask = calloc(1, sizeof(*ask) + name_size + realm_size);

	if (ask == NULL) {
		return NULL;
	}
	ask->worker = worker;
	ask->query = query;
	ask->realm = ask->name + name_size;
	memcpy(ask->name, query->username, name_size);
	memcpy(ask->realm, query->realm, realm_size);
	user_row_init(&ask->user);
	ask->task.first = SQL_USER;
	ask->task.last = SQL_USER;
	ask->task.params[0] = ask->name;
	ask->task.params[1] = ask->realm;
	ask->task.row = take_row;
	ask->task.done = ask_done;
	ask->task.drop = ask_free;
	return ask;
}

static int start(void *backend, struct lookup_query *query)
{
	struct auth_sql_worker *worker = backend;
	struct user_ask *ask;

	/* Nobody's name; servers take such bytes for an error of ours. */
	if (!user_name_is_utf8(query->username)) {
		lookup_unknown(query);
		return 0;
	}
	ask = ask_create(worker, query);
	if (ask == NULL) {
		return TP_ENOMEM;
	}
	query->state = ask;
	worker->sql->ops->submit(worker->own, &ask->task);
	return 0;
}

static void cancel(void *backend, struct lookup_query *query)
{
	struct auth_sql_worker *worker = backend;
	struct user_ask *ask = query->state;

	worker->sql->ops->give_up(worker->own, &ask->task);
}

/* --- events -------------------------------------------------------------------------- */

static struct auth_sql_worker *worker_of(struct tp_instance *self)
{
	return tp_worker_state(self, tp_worker_current());
}

static enum tp_verdict authorize(struct tp_instance *self, struct tp_request *request,
				 const struct tp_request_authorization *event)
{
	struct auth_sql_worker *worker = worker_of(self);
	enum tp_verdict verdict;

	if (event->username == NULL) {
		return TP_PASS; /* no table has hashes of names */
	}
	if (realm_guard_authorize(worker->sql->guard, request, event, &verdict)) {
		return verdict;
	}
	return lookup_ask(worker->lookup, request, event);
}

static void request_gone(struct tp_instance *self, struct tp_ticket ticket)
{
	lookup_request_gone(worker_of(self)->lookup, ticket);
}

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	const struct auth_sql *sql = tp_instance_state(self);

	return realm_guard_before_allocate(sql->guard, request, event);
}

static enum tp_verdict before_permission(struct tp_instance *self, struct tp_request *request,
					 const struct tp_before_permission *event)
{
	const struct auth_sql *sql = tp_instance_state(self);
	enum tp_verdict verdict = realm_guard_before_permission(sql->guard, request, event);

	return verdict == TP_PASS ? backend_peers_before_permission(sql->peers, request, event)
				  : verdict;
}

static enum tp_verdict before_connect(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_connect *event)
{
	const struct auth_sql *sql = tp_instance_state(self);

	return backend_peers_before_connect(sql->peers, request, event);
}

static enum tp_verdict before_refresh(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_refresh *event)
{
	const struct auth_sql_worker *worker = worker_of(self);
	enum tp_verdict verdict = realm_guard_before_refresh(worker->sql->guard, request, event);

	return verdict == TP_PASS ? lookup_before_refresh(worker->lookup, request, event) : verdict;
}

static void create_allocation(struct tp_instance *self, const struct tp_create_allocation *event)
{
	const struct auth_sql_worker *worker = worker_of(self);

	realm_guard_create_allocation(worker->sql->guard, event);
	lookup_create_allocation(worker->lookup, event);
}

static void delete_allocation(struct tp_instance *self, const struct tp_delete_allocation *event)
{
	const struct auth_sql *sql = tp_instance_state(self);

	realm_guard_delete_allocation(sql->guard, event);
}

static void tick(struct tp_instance *self, const struct tp_server_tick *event)
{
	const struct auth_sql_worker *worker = worker_of(self);

	if (worker->reader != NULL) {
		policy_reader_tick(worker->reader);
	}
}

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_authorization = authorize,
	.on_turn_before_allocate = before_allocate,
	.on_turn_before_permission = before_permission,
	.on_turn_before_connect = before_connect,
	.on_turn_before_refresh = before_refresh,
	.on_turn_create_allocation = create_allocation,
	.on_turn_delete_allocation = delete_allocation,
	.on_server_tick = tick,
};

/* --- commands ------------------------------------------------------------------------ */

static void flush(struct tp_instance *self, void *arg)
{
	const struct auth_sql_worker *worker = worker_of(self);

	if (worker != NULL) {
		lookup_flush(worker->lookup);
	}
}

static int command(struct tp_instance *self, struct tp_command *tp_command, int argc,
		   const char *const *argv)
{
	struct auth_sql *sql = tp_instance_state(self);
	bool changed = false;
	int err;

	if (!sql->ops->is_file) {
		return tp_instance_fail(self, TP_EINVAL,
					"users of a server are changed there, not here");
	}
	err = user_command(self, &sql->settings, tp_command, argc, argv, &changed);
	for (unsigned i = 0; changed && i < atomic_load(&sql->workers); i++) {
		tp_worker_post(self, i, flush, NULL);
	}
	return err;
}

/* --- life ---------------------------------------------------------------------------- */

static void worker_free(struct auth_sql_worker *worker)
{
	lookup_free(&worker->lookup);
	policy_reader_free(&worker->reader);
	if (worker->own != NULL) {
		worker->sql->ops->worker_stop(worker->own);
	}
	free(worker);
}

static int start_parts(struct tp_instance *self, struct tp_worker *tp_worker,
		       struct auth_sql_worker *worker)
{
	static const struct lookup_ops ops = {.start = start, .cancel = cancel};
	struct auth_sql *sql = worker->sql;
	const struct lookup_settings settings = {
		.ops = &ops,
		.backend = worker,
		.active_max = sql->settings.connections,
	};

	if (sql->ops->worker_start(sql->backend, tp_worker, &worker->own) != 0) {
		return TP_ENOMEM;
	}
	worker->lookup = lookup_create(self, tp_worker, &settings);
	if (worker->lookup == NULL) {
		return TP_ENOMEM;
	}
	if (tp_worker_index(tp_worker) == 0) {
		worker->reader =
			policy_reader_create(self, tp_worker, sql->ops, worker->own, sql->guard);
		return worker->reader == NULL ? TP_ENOMEM : 0;
	}
	return 0;
}

static int worker_start(struct tp_instance *self, struct tp_worker *tp_worker)
{
	struct auth_sql *sql = tp_instance_state(self);
	struct auth_sql_worker *worker = calloc(1, sizeof(*worker));
	int err = TP_ENOMEM;

	if (worker != NULL) {
		worker->sql = sql;
		err = start_parts(self, tp_worker, worker);
	}
	if (err != 0) {
		if (worker != NULL) {
			worker_free(worker);
		}
		return tp_instance_fail(self, err, "out of memory");
	}
	tp_worker_set_state(self, tp_worker, worker);
	atomic_store(&sql->workers, tp_worker_count(tp_worker));
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *tp_worker)
{
	struct auth_sql_worker *worker = tp_worker_state(self, tp_worker);

	tp_worker_set_state(self, tp_worker, NULL);
	if (worker != NULL) {
		worker_free(worker);
	}
}

static int create_parts(struct tp_instance *self, struct auth_sql *sql)
{
	const char *const *statements = sql->settings.statements;
	const struct realm_guard_parts parts = {
		.secrets = statements[SQL_SECRET] != NULL,
		.peers = statements[SQL_ALLOWED] != NULL || statements[SQL_DENIED] != NULL,
		.limits = statements[SQL_OPTION] != NULL,
	};
	int err;

	sql->peers = backend_peers_create();
	if (sql->peers == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	sql->settings.peers = sql->peers;
	err = realm_guard_create(self, parts, &sql->guard);
	if (err == 0 && sql->ops->is_file) {
		err = user_command_prepare(self, &sql->settings);
	}
	return err == 0 ? sql->ops->create(self, &sql->settings, &sql->backend) : err;
}

static int create(struct tp_instance *self)
{
	struct auth_sql *sql = calloc(1, sizeof(*sql));
	int err;

	if (sql == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, sql);
	sql->self = self;
	atomic_flag_clear(&sql->algorithm_told);
	err = settings_read(self, &sql->ops, &sql->settings);
	return err == 0 ? create_parts(self, sql) : err;
}

static int adopt(struct tp_instance *self, struct tp_instance *previous)
{
	const struct auth_sql *sql = tp_instance_state(self);
	const struct auth_sql *before = tp_instance_state(previous);

	realm_guard_adopt(sql->guard, before->guard);
	return 0;
}

static void destroy(struct tp_instance *self)
{
	struct auth_sql *sql = tp_instance_state(self);

	if (sql == NULL) {
		return;
	}
	if (sql->backend != NULL) {
		sql->ops->destroy(sql->backend);
	}
	realm_guard_free(&sql->guard);
	backend_peers_free(&sql->peers);
	settings_wipe(&sql->settings);
	free(sql);
}

TP_PLUGIN("auth_sql", TP_VERSION, "users from an SQL data base", .options = auth_sql_options,
	  .events = &events, .create = create, .adopt = adopt, .worker_start = worker_start,
	  .worker_stop = worker_stop, .destroy = destroy, .request_gone = request_gone,
	  .command = command);

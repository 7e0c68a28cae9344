/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

#include "common/backend_peers.h"
#include "common/lookup.h"
#include "common/realm_guard.h"
#include "common/user_key.h"
#include "options.h"
#include "realm_reader.h"
#include "redis_settings.h"

/*
 * Users, secrets, peers and limits from Redis, in coturn's keys. A user is
 * turn/realm/R/user/U/key, asked for when he logs in; all else is read again and
 * again, so that it costs a request nothing.
 */

#define ALGORITHM_SHA256 2
#define KEY_SIZE 2048 /* a name has 508 bytes, a realm 763 */

struct redis_plugin {
	struct tp_instance *self;
	struct redis_settings settings;
	struct backend_peers *peers;
	struct realm_guard *guard;
	const char *const *realms;
	size_t realm_count;
	atomic_flag algorithm_told;
};

struct redis_worker {
	struct redis_plugin *plugin;
	struct redis_conn *conn;
	struct lookup *lookup;
	struct realm_reader *reader; /* NULL: another worker reads */
	struct user_ask *waiting;    /* for the connection that is being made */
};

/* --- look-ups ---------------------------------------------------------------------- */

struct user_ask {
	struct user_ask *next; /* while it waits */
	struct redis_worker *worker;
	struct lookup_query *query;
	struct redis_call *call;
};

/* coturn's keys are MD5, mostly: clients must not be offered SHA-256 then. */
static void tell_of_algorithm(struct redis_plugin *plugin, const struct lookup_query *query,
			      const struct user_key *key)
{
	if (query->algorithm == ALGORITHM_SHA256 && key->len == USER_KEY_MD5_SIZE &&
	    !atomic_flag_test_and_set(&plugin->algorithm_told)) {
		tp_log(plugin->self, TP_LOG_WARN,
		       "a client uses SHA-256, and the key is for MD5: set password_algorithms = "
		       "md5 in [auth]");
	}
}

static void found(struct redis_worker *worker, struct lookup_query *query, const redisReply *reply)
{
	struct lookup_credentials out = {
		.credentials.size = sizeof(out.credentials),
		.valid_for_s = LOOKUP_UNSAID,
	};
	struct user_key key;

	if (!user_key_parse(reply->str, (size_t)reply->len, &key)) {
		lookup_unusable(query, "the key has neither 32 nor 64 hexadecimal digits");
		return;
	}
	tell_of_algorithm(worker->plugin, query, &key);
	if (key.len == USER_KEY_MD5_SIZE) {
		out.credentials.key_md5 = key.bytes;
	} else {
		out.credentials.key_sha256 = key.bytes;
	}
	realm_guard_limit(worker->plugin->guard, query->realm, &out.credentials);
	lookup_found(query, &out);
	explicit_bzero(&key, sizeof(key));
}

static void answered(void *arg, const redisReply *reply)
{
	struct user_ask *ask = arg;
	struct redis_worker *worker = ask->worker;
	struct lookup_query *query = ask->query;

	free(ask);
	if (reply == NULL) {
		lookup_failed(query, redis_conn_problem(worker->conn));
	} else if (reply->type == REDIS_REPLY_NIL) {
		lookup_unknown(query);
	} else if (reply->type == REDIS_REPLY_STRING) {
		found(worker, query, reply);
	} else {
		lookup_failed(query, reply->type == REDIS_REPLY_ERROR
					     ? reply->str
					     : "an answer of another kind");
	}
}

static int send_question(struct user_ask *ask)
{
	char key[KEY_SIZE];
	int len = snprintf(key, sizeof(key), "turn/realm/%s/user/%s/key", ask->query->realm,
			   ask->query->username);
	const char *argv[] = {"GET", key};
	size_t lens[] = {3, (size_t)len};

	if (len >= (int)sizeof(key)) {
		return TP_EINVAL;
	}
	ask->call = redis_conn_call(ask->worker->conn, 2, argv, lens, answered, ask);
	return ask->call == NULL ? TP_EAGAIN : 0;
}

static int start(void *backend, struct lookup_query *query)
{
	struct redis_worker *worker = backend;
	struct user_ask *ask = calloc(1, sizeof(*ask));
	int err = 0;

	if (ask == NULL) {
		return TP_ENOMEM;
	}
	ask->worker = worker;
	ask->query = query;
	if (redis_conn_is_coming(worker->conn)) {
		ask->next = worker->waiting;
		worker->waiting = ask;
	} else {
		err = send_question(ask);
	}
	if (err != 0) {
		free(ask);
		return err;
	}
	query->state = ask;
	return 0;
}

static void cancel(void *backend, struct lookup_query *query)
{
	struct redis_worker *worker = backend;
	struct user_ask *ask = query->state;
	struct user_ask **slot = &worker->waiting;

	while (*slot != NULL && *slot != ask) {
		slot = &(*slot)->next;
	}
	if (*slot != NULL) {
		*slot = ask->next;
	}
	redis_call_cancel(&ask->call);
	free(ask);
}

/* Ask, or fail, now that it is known whether there is a connection. */
static void end_waiting(struct redis_worker *worker)
{
	struct user_ask *ask;

	while ((ask = worker->waiting) != NULL) {
		worker->waiting = ask->next;
		if (send_question(ask) != 0) {
			answered(ask, NULL);
		}
	}
}

static void up(void *arg)
{
	struct redis_worker *worker = arg;

	lookup_backend_up(worker->lookup);
	if (worker->reader != NULL) {
		realm_reader_up(worker->reader);
	}
	end_waiting(worker);
}

/* Told by every worker; the daemon's log holds back what is the same. */
static void down(void *arg, const char *sentence)
{
	struct redis_worker *worker = arg;

	tp_log(worker->plugin->self, TP_LOG_WARN, "no connection to redis: %s", sentence);
	end_waiting(worker);
}

/* --- events -------------------------------------------------------------------------- */

static struct redis_worker *worker_of(struct tp_instance *self)
{
	return tp_worker_state(self, tp_worker_current());
}

static enum tp_verdict authorize(struct tp_instance *self, struct tp_request *request,
				 const struct tp_request_authorization *event)
{
	struct redis_worker *worker = worker_of(self);
	enum tp_verdict verdict;

	if (event->username == NULL) {
		return TP_PASS; /* there are no keys by hashes of names */
	}
	if (realm_guard_authorize(worker->plugin->guard, request, event, &verdict)) {
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
	const struct redis_plugin *plugin = tp_instance_state(self);

	return realm_guard_before_allocate(plugin->guard, request, event);
}

static enum tp_verdict before_permission(struct tp_instance *self, struct tp_request *request,
					 const struct tp_before_permission *event)
{
	const struct redis_plugin *plugin = tp_instance_state(self);
	enum tp_verdict verdict = realm_guard_before_permission(plugin->guard, request, event);

	return verdict == TP_PASS ? backend_peers_before_permission(plugin->peers, request, event)
				  : verdict;
}

static enum tp_verdict before_connect(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_connect *event)
{
	const struct redis_plugin *plugin = tp_instance_state(self);

	return backend_peers_before_connect(plugin->peers, request, event);
}

static enum tp_verdict before_refresh(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_refresh *event)
{
	const struct redis_worker *worker = worker_of(self);
	enum tp_verdict verdict = realm_guard_before_refresh(worker->plugin->guard, request, event);

	return verdict == TP_PASS ? lookup_before_refresh(worker->lookup, request, event) : verdict;
}

static void create_allocation(struct tp_instance *self, const struct tp_create_allocation *event)
{
	const struct redis_worker *worker = worker_of(self);

	realm_guard_create_allocation(worker->plugin->guard, event);
	lookup_create_allocation(worker->lookup, event);
}

static void delete_allocation(struct tp_instance *self, const struct tp_delete_allocation *event)
{
	const struct redis_plugin *plugin = tp_instance_state(self);

	realm_guard_delete_allocation(plugin->guard, event);
}

static void tick(struct tp_instance *self, const struct tp_server_tick *event)
{
	const struct redis_worker *worker = worker_of(self);

	if (worker->reader != NULL) {
		realm_reader_tick(worker->reader);
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

/* --- life ------------------------------------------------------------------------------ */

static void worker_free(struct redis_worker *worker)
{
	lookup_free(&worker->lookup);
	realm_reader_free(&worker->reader);
	redis_conn_free(&worker->conn);
	free(worker);
}

static bool start_parts(struct tp_instance *self, struct tp_worker *tp_worker,
			struct redis_worker *worker)
{
	static const struct lookup_ops ops = {.start = start, .cancel = cancel};
	const struct redis_plugin *plugin = worker->plugin;
	const struct redis_events told = {.up = up, .down = down, .arg = worker};
	const struct lookup_settings settings = {.ops = &ops, .backend = worker};

	worker->conn = redis_conn_create(self, tp_worker, &plugin->settings, &told);
	worker->lookup = lookup_create(self, tp_worker, &settings);
	if (worker->conn == NULL || worker->lookup == NULL) {
		return false;
	}
	if (tp_worker_index(tp_worker) == 0) {
		worker->reader = realm_reader_create(self, tp_worker, worker->conn, plugin->realms,
						     plugin->realm_count, plugin->guard);
		return worker->reader != NULL;
	}
	return true;
}

static int worker_start(struct tp_instance *self, struct tp_worker *tp_worker)
{
	struct redis_worker *worker = calloc(1, sizeof(*worker));

	if (worker == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	worker->plugin = tp_instance_state(self);
	if (!start_parts(self, tp_worker, worker)) {
		worker_free(worker);
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_worker_set_state(self, tp_worker, worker);
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *tp_worker)
{
	struct redis_worker *worker = tp_worker_state(self, tp_worker);

	tp_worker_set_state(self, tp_worker, NULL);
	if (worker != NULL) {
		worker_free(worker);
	}
}

static int create(struct tp_instance *self)
{
	const struct realm_guard_parts parts = {.secrets = true, .peers = true, .limits = true};
	struct redis_plugin *plugin = calloc(1, sizeof(*plugin));
	int err;

	if (plugin == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, plugin);
	plugin->self = self;
	atomic_flag_clear(&plugin->algorithm_told);
	plugin->realms = tp_option_list(self, "realms", &plugin->realm_count);
	if (plugin->realm_count == 0 || plugin->realm_count > REALM_POLICY_REALMS_MAX) {
		return tp_instance_fail(self, TP_EINVAL, "realms: must be 1 to %d",
					REALM_POLICY_REALMS_MAX);
	}
	err = redis_settings_read(self, &plugin->settings);
	if (err != 0) {
		return err;
	}
	plugin->peers = backend_peers_create();
	if (plugin->peers == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	plugin->settings.peers = plugin->peers;
	return realm_guard_create(self, parts, &plugin->guard);
}

static int adopt(struct tp_instance *self, struct tp_instance *previous)
{
	const struct redis_plugin *plugin = tp_instance_state(self);
	const struct redis_plugin *before = tp_instance_state(previous);

	realm_guard_adopt(plugin->guard, before->guard);
	return 0;
}

static void destroy(struct tp_instance *self)
{
	struct redis_plugin *plugin = tp_instance_state(self);

	if (plugin == NULL) {
		return;
	}
	realm_guard_free(&plugin->guard);
	backend_peers_free(&plugin->peers);
	redis_settings_wipe(&plugin->settings);
	free(plugin);
}

TP_PLUGIN("redis", TP_VERSION, "users from Redis, in coturn's keys", .options = redis_options,
	  .events = &events, .create = create, .adopt = adopt, .worker_start = worker_start,
	  .worker_stop = worker_stop, .destroy = destroy, .request_gone = request_gone);

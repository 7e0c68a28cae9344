/* SPDX-License-Identifier: Apache-2.0 */
#include "pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "common/backoff.h"
#include "dial.h"
#include "entry.h"
#include "filter.h"

#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 500 /* so that a directory is found well within two seconds */
#define DIALLING_MAX 2     /* of all workers: jobs are not ours alone */
#define DIALLING_WAIT_MS 20
#define TRIES_MAX 2
#define MESSAGES_PER_TURN 500
#define POKE_MS 50   /* libldap does not say when it waits to write */
#define SIZE_LIMIT 2 /* one too many is enough to know */

struct search {
	struct lookup_query *query;
	struct connection *connection; /* NULL: waits for one */
	int id;
	uint64_t sent_ms;
	unsigned tries;
	LDAPMessage *entry; /* the first */
	size_t entries;
	TAILQ_ENTRY(search) by_time;
};

TAILQ_HEAD(search_list, search);

struct connection {
	struct pool *pool;
	LDAP *ldap; /* NULL: none */
	struct event *event;
	struct search_list searches;
	size_t count;
	uint64_t heard_ms;
};

struct dialling {
	struct pool *pool; /* NULL: it has ended meanwhile */
	struct settings *settings;
	LDAP *ldap; /* NULL: it failed */
	char problem[DIAL_PROBLEM_SIZE];
};

struct pool {
	struct tp_instance *self;
	struct tp_worker *worker;
	struct settings *settings;
	struct backend_peers *peers;
	struct lookup *lookup;
	struct connection connections[POOL_CONNECTIONS_MAX];
	struct search_list waiting;
	struct dialling *dialling; /* NULL: none is under way */
	struct tp_worker_timer *timer;
	struct backoff backoff;
	bool failing; /* said so */
};

static uint64_t now_of(const struct pool *pool)
{
	return tp_worker_now_ms(pool->worker);
}

static void dial_more(struct pool *pool);

/* --- searches ------------------------------------------------------------------------------- */

static void search_free(struct search *search)
{
	ldap_msgfree(search->entry);
	free(search);
}

static void detach(struct search *search)
{
	struct connection *connection = search->connection;

	TAILQ_REMOVE(&connection->searches, search, by_time);
	search->connection = NULL;
	if (--connection->count == 0) {
		event_remove_timer(connection->event);
	}
}

/* For a search that is in no list: its query ends. */
static void search_fail(struct search *search, const char *sentence)
{
	struct lookup_query *query = search->query;

	search_free(search);
	lookup_failed(query, sentence);
}

static void fail_waiting(struct pool *pool, const char *sentence)
{
	struct search *search;

	while ((search = TAILQ_FIRST(&pool->waiting)) != NULL) {
		TAILQ_REMOVE(&pool->waiting, search, by_time);
		search_fail(search, sentence);
	}
}

/* --- connections ------------------------------------------------------------------------------ */

static void hang_up(struct connection *connection)
{
	event_free(connection->event);
	connection->event = NULL;
	dial_hang_up(&connection->ldap);
}

static void try_again(struct pool *pool, struct search *search)
{
	ldap_msgfree(search->entry);
	search->entry = NULL;
	search->entries = 0;
	search->connection = NULL;
	if (search->tries < TRIES_MAX) {
		TAILQ_INSERT_TAIL(&pool->waiting, search, by_time);
	} else {
		search_fail(search, "the directory closes its connections");
	}
}

static void send_waiting(struct pool *pool);

/* It is broken: what was asked on it is asked on another. */
static void lose(struct connection *connection)
{
	struct pool *pool = connection->pool;
	struct search_list searches = TAILQ_HEAD_INITIALIZER(searches);
	struct search *search;

	hang_up(connection);
	connection->count = 0;
	TAILQ_CONCAT(&searches, &connection->searches, by_time);
	while ((search = TAILQ_FIRST(&searches)) != NULL) {
		TAILQ_REMOVE(&searches, search, by_time);
		try_again(pool, search);
	}
	dial_more(pool);
}

/* The open one with the least to do, NULL: none has room. */
static struct connection *choose(struct pool *pool)
{
	struct connection *best = NULL;

	for (unsigned i = 0; i < pool->settings->connections; i++) {
		struct connection *connection = &pool->connections[i];

		if (connection->ldap != NULL && connection->count < POOL_SEARCHES_PER_CONNECTION &&
		    (best == NULL || connection->count < best->count)) {
			best = connection;
		}
	}
	return best;
}

static bool is_any_open(const struct pool *pool)
{
	for (unsigned i = 0; i < pool->settings->connections; i++) {
		if (pool->connections[i].ldap != NULL) {
			return true;
		}
	}
	return false;
}

/* LDAP_SUCCESS, or what libldap says. */
static int send_filter(struct connection *connection, struct search *search, const char *filter)
{
	const struct settings *settings = connection->pool->settings;
	struct timeval time_limit = {settings->time_limit_s, 0};

	return ldap_search_ext(connection->ldap, settings->base, settings->scope, filter,
			       (char **)settings->attributes, 0, NULL, NULL, &time_limit,
			       SIZE_LIMIT, &search->id);
}

static void attach(struct connection *connection, struct search *search)
{
	const struct timeval poke = {0, POKE_MS * 1000};

	search->connection = connection;
	search->sent_ms = now_of(connection->pool);
	search->tries++;
	TAILQ_INSERT_TAIL(&connection->searches, search, by_time);
	connection->count++;
	event_add(connection->event, &poke);
}

/* For a search that is in no list. False when the connection takes no more now. */
static bool send_on(struct connection *connection, struct search *search)
{
	struct pool *pool = connection->pool;
	char *filter = filter_create(pool->settings, search->query);
	int err = filter == NULL ? LDAP_NO_MEMORY : send_filter(connection, search, filter);

	free(filter);
	switch (err) {
	case LDAP_SUCCESS:
		attach(connection, search);
		return true;
	case LDAP_BUSY: /* what was sent before is not yet out */
		TAILQ_INSERT_HEAD(&pool->waiting, search, by_time);
		return false;
	case LDAP_SERVER_DOWN:
		search->tries++;
		try_again(pool, search);
		lose(connection);
		return true;
	default:
		search_fail(search, ldap_err2string(err));
		return true;
	}
}

static void send_waiting(struct pool *pool)
{
	struct connection *connection;
	struct search *search;

	while ((search = TAILQ_FIRST(&pool->waiting)) != NULL &&
	       (connection = choose(pool)) != NULL) {
		TAILQ_REMOVE(&pool->waiting, search, by_time);
		if (!send_on(connection, search)) {
			return;
		}
	}
}

/* --- answers -----------------------------------------------------------------------------------
 */

static struct search *find(const struct connection *connection, int id)
{
	struct search *search;

	TAILQ_FOREACH(search, &connection->searches, by_time)
	{
		if (search->id == id) {
			break;
		}
	}
	return search;
}

static void finish(struct connection *connection, struct search *search, int code)
{
	const struct pool *pool = connection->pool;
	struct lookup_query *query = search->query;

	detach(search);
	if (search->entries > 1 && (code == LDAP_SUCCESS || code == LDAP_SIZELIMIT_EXCEEDED)) {
		lookup_unusable(query, "more than one entry is found for a user");
	} else if (code != LDAP_SUCCESS) {
		lookup_failed(query, ldap_err2string(code));
	} else if (search->entries == 0) {
		lookup_unknown(query);
	} else {
		entry_answer(pool->settings, connection->ldap, search->entry,
			     tp_worker_wall_s(pool->worker), query);
	}
	search_free(search);
}

static void finish_with(struct connection *connection, struct search *search, LDAPMessage *result)
{
	int code = LDAP_OTHER;

	ldap_parse_result(connection->ldap, result, &code, NULL, NULL, NULL, NULL, 0);
	if (code == LDAP_BUSY || code == LDAP_UNAVAILABLE) { /* perhaps another server is not */
		lose(connection);
	} else {
		finish(connection, search, code);
	}
}

/* Takes the message over. */
static void take(struct connection *connection, LDAPMessage *message)
{
	struct search *search = find(connection, ldap_msgid(message));
	int type = ldap_msgtype(message);

	if (search != NULL && type == LDAP_RES_SEARCH_ENTRY && search->entries++ == 0) {
		search->entry = message;
		return;
	}
	if (search != NULL && type == LDAP_RES_SEARCH_RESULT) {
		finish_with(connection, search, message);
	}
	ldap_msgfree(message);
}

static void receive(evutil_socket_t fd, short what, void *arg)
{
	struct connection *connection = arg;
	struct pool *pool = connection->pool;
	LDAP *ldap = connection->ldap;

	for (int i = 0; i < MESSAGES_PER_TURN && connection->ldap == ldap; i++) {
		struct timeval at_once = {0, 0};
		LDAPMessage *message = NULL;
		int type = ldap_result(ldap, LDAP_RES_ANY, LDAP_MSG_ONE, &at_once, &message);

		if (type == 0) {
			break;
		}
		if (type < 0) {
			lose(connection);
			break;
		}
		connection->heard_ms = now_of(pool);
		take(connection, message);
	}
	send_waiting(pool);
}

/* --- connecting ------------------------------------------------------------------------------ */

static void run_dial(void *arg)
{
	struct dialling *dialling = arg;

	dialling->ldap = dial(dialling->settings, dialling->problem);
}

static void welcome(struct connection *connection, LDAP *ldap)
{
	struct pool *pool = connection->pool;
	int fd = -1;

	ldap_get_option(ldap, LDAP_OPT_DESC, &fd);
	connection->event = event_new(tp_worker_event_base(pool->worker), fd, EV_READ | EV_PERSIST,
				      receive, connection);
	if (connection->event == NULL || event_add(connection->event, NULL) != 0) {
		if (connection->event != NULL) {
			event_free(connection->event);
		}
		dial_hang_up(&ldap);
		return;
	}
	connection->ldap = ldap;
	connection->heard_ms = now_of(pool);
	backend_peers_add_socket(pool->peers, fd);
}

static struct connection *find_closed(struct pool *pool)
{
	for (unsigned i = 0; i < pool->settings->connections; i++) {
		if (pool->connections[i].ldap == NULL) {
			return &pool->connections[i];
		}
	}
	return NULL;
}

static void retry(struct tp_instance *self, void *arg)
{
	struct pool *pool = arg;

	pool->timer = NULL;
	dial_more(pool);
}

static void retry_after(struct pool *pool, uint64_t ms)
{
	pool->timer = tp_worker_timer_start(pool->self, pool->worker, ms, retry, pool);
}

static void dial_succeeded(struct pool *pool, LDAP *ldap)
{
	struct connection *connection = find_closed(pool);

	if (pool->failing) {
		pool->failing = false;
		tp_log(pool->self, TP_LOG_INFO, "connected again");
	}
	backoff_reset(&pool->backoff);
	welcome(connection, ldap);
	if (connection->ldap == NULL) {
		retry_after(pool, backoff_next_ms(&pool->backoff));
		return;
	}
	lookup_backend_up(pool->lookup);
	dial_more(pool);
	send_waiting(pool);
}

static void dial_failed(struct pool *pool, const char *problem)
{
	retry_after(pool, backoff_next_ms(&pool->backoff));
	if (is_any_open(pool)) {
		return;
	}
	if (!pool->failing) {
		pool->failing = true;
		tp_log(pool->self, TP_LOG_ERROR, "no directory: %s", problem);
	}
	fail_waiting(pool, problem);
}

static void dialled(void *arg)
{
	struct dialling *dialling = arg;
	struct pool *pool = dialling->pool;

	atomic_fetch_sub(&dialling->settings->dialling, 1);
	if (pool == NULL) {
		dial_hang_up(&dialling->ldap);
	} else {
		pool->dialling = NULL;
		if (dialling->ldap != NULL) {
			dial_succeeded(pool, dialling->ldap);
		} else {
			dial_failed(pool, dialling->problem);
		}
	}
	free(dialling);
}

static int submit_dial(struct pool *pool)
{
	struct dialling *dialling = calloc(1, sizeof(*dialling));
	int err;

	if (dialling == NULL) {
		return TP_ENOMEM;
	}
	dialling->pool = pool;
	dialling->settings = pool->settings;
	err = tp_job_submit(pool->self, run_dial, dialled, dialling);
	if (err != 0) {
		free(dialling);
		return err;
	}
	pool->dialling = dialling;
	return 0;
}

/* One at a time, until all are there. */
static void dial_more(struct pool *pool)
{
	if (pool->dialling != NULL || pool->timer != NULL || find_closed(pool) == NULL) {
		return;
	}
	if (atomic_fetch_add(&pool->settings->dialling, 1) < DIALLING_MAX) {
		if (submit_dial(pool) == 0) {
			return;
		}
	}
	atomic_fetch_sub(&pool->settings->dialling, 1);
	retry_after(pool, DIALLING_WAIT_MS);
}

/* --- the back end ------------------------------------------------------------------------------
 */

static int start(void *backend, struct lookup_query *query)
{
	struct pool *pool = backend;
	struct search *search = calloc(1, sizeof(*search));

	if (search == NULL) {
		return TP_ENOMEM;
	}
	search->query = query;
	query->state = search;
	TAILQ_INSERT_TAIL(&pool->waiting, search, by_time);
	dial_more(pool); /* also when the timer for it could not be had */
	send_waiting(pool);
	return 0;
}

static void cancel(void *backend, struct lookup_query *query)
{
	struct pool *pool = backend;
	struct search *search = query->state;
	struct connection *connection = search->connection;
	bool silent = connection != NULL && connection->heard_ms < search->sent_ms;

	if (connection == NULL) {
		TAILQ_REMOVE(&pool->waiting, search, by_time);
	} else {
		ldap_abandon_ext(connection->ldap, search->id, NULL, NULL);
		detach(search);
	}
	search_free(search);
	if (silent) { /* nothing came since: it is as good as broken */
		lose(connection);
	}
}

const struct lookup_ops pool_ops = {start, cancel};

/* --- life ---------------------------------------------------------------------------------------
 */

struct pool *pool_create(struct tp_instance *self, struct tp_worker *worker,
			 struct settings *settings, struct backend_peers *peers)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (pool == NULL) {
		return NULL;
	}
	pool->self = self;
	pool->worker = worker;
	pool->settings = settings;
	pool->peers = peers;
	backoff_init(&pool->backoff, BACKOFF_MIN_MS, BACKOFF_MAX_MS);
	TAILQ_INIT(&pool->waiting);
	for (unsigned i = 0; i < POOL_CONNECTIONS_MAX; i++) {
		pool->connections[i].pool = pool;
		TAILQ_INIT(&pool->connections[i].searches);
	}
	dial_more(pool);
	return pool;
}

void pool_set_lookup(struct pool *pool, struct lookup *lookup)
{
	pool->lookup = lookup;
}

void pool_free(struct pool **where)
{
	struct pool *pool = *where;

	if (pool == NULL) {
		return;
	}
	tp_worker_timer_cancel(&pool->timer);
	if (pool->dialling != NULL) {
		pool->dialling->pool = NULL;
	}
	for (unsigned i = 0; i < POOL_CONNECTIONS_MAX; i++) {
		if (pool->connections[i].ldap != NULL) {
			hang_up(&pool->connections[i]);
		}
	}
	free(pool);
	*where = NULL;
}

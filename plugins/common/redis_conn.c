/* SPDX-License-Identifier: Apache-2.0 */
#include "redis_conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "backend_peers.h"
#include "backoff.h"
#include "host_name.h"
#include "redis_reader.h"

#define RETRY_MIN_MS 50
#define RETRY_MAX_MS 1000
#define READ_SIZE 17408 /* a whole record of TLS: none of it is left behind */

enum redis_state {
	REDIS_CLOSED = 0, /* until the timer fires */
	REDIS_RESOLVING,
	REDIS_CONNECTING,
	REDIS_GREETING, /* AUTH and SELECT are under way */
	REDIS_UP,
};

struct redis_call {
	struct redis_call *next;
	redis_reply_fn fn; /* NULL: cancelled */
	void *arg;
};

struct redis_conn {
	struct tp_instance *self;
	struct event_base *base;
	const struct redis_settings *settings;
	struct redis_events events;
	enum redis_state state;
	struct host_name *name;
	struct tcp_stream *stream;
	struct event *socket; /* NULL: none */
	short watched;        /* what it waits for; 0: nothing */
	struct event *timer;  /* of the state: to try again, or to give up */
	struct evbuffer *unsent;
	struct redis_reader *reader;
	struct redis_call *first; /* the answer that is next is its */
	struct redis_call **last;
	size_t call_count;
	struct backoff backoff;
	char problem[TCP_STREAM_PROBLEM_SIZE];
};

static void go_on(evutil_socket_t fd, short what, void *arg);

/* --- watching ------------------------------------------------------------------------ */

static void set_timer(struct redis_conn *conn, uint64_t ms)
{
	struct timeval after = {.tv_sec = (time_t)(ms / 1000),
				.tv_usec = (suseconds_t)(ms % 1000) * 1000};

	event_add(conn->timer, &after);
}

static bool watch(struct redis_conn *conn, short what)
{
	if (conn->watched == what) {
		return true;
	}
	if (conn->socket != NULL) {
		event_free(conn->socket);
	}
	conn->socket = event_new(conn->base, tcp_stream_fd(conn->stream), what, go_on, conn);
	conn->watched = what;
	return conn->socket != NULL && event_add(conn->socket, NULL) == 0;
}

/* --- losing it ----------------------------------------------------------------------- */

static void fail_calls(struct redis_conn *conn)
{
	struct redis_call *call = conn->first;

	conn->first = NULL;
	conn->last = &conn->first;
	conn->call_count = 0;
	while (call != NULL) {
		struct redis_call *next = call->next;

		if (call->fn != NULL) {
			call->fn(call->arg, NULL);
		}
		free(call);
		call = next;
	}
}

static void close_all(struct redis_conn *conn)
{
	host_name_cancel(&conn->name);
	if (conn->socket != NULL) {
		event_free(conn->socket);
		conn->socket = NULL;
	}
	conn->watched = 0;
	tcp_stream_close(&conn->stream);
	redis_reader_free(&conn->reader);
	evbuffer_drain(conn->unsent, evbuffer_get_length(conn->unsent));
	conn->state = REDIS_CLOSED;
}

static void lose(struct redis_conn *conn, const char *sentence)
{
	if (sentence != conn->problem) {
		snprintf(conn->problem, sizeof(conn->problem), "%s", sentence);
	}
	close_all(conn);
	set_timer(conn, backoff_next_ms(&conn->backoff));
	fail_calls(conn);
	conn->events.down(conn->events.arg, conn->problem);
}

/* --- sending ------------------------------------------------------------------------- */

static bool flush(struct redis_conn *conn)
{
	while (evbuffer_get_length(conn->unsent) > 0) {
		size_t len = evbuffer_get_contiguous_space(conn->unsent);
		ssize_t sent = tcp_stream_send(conn->stream,
					       evbuffer_pullup(conn->unsent, (ev_ssize_t)len), len);

		if (sent == TCP_STREAM_AGAIN) {
			break;
		}
		if (sent <= 0) {
			return false;
		}
		evbuffer_drain(conn->unsent, (size_t)sent);
	}
	return watch(conn, evbuffer_get_length(conn->unsent) > 0 ? EV_READ | EV_WRITE : EV_READ);
}

static struct redis_call *call_add(struct redis_conn *conn, redis_reply_fn fn, void *arg)
{
	struct redis_call *call = calloc(1, sizeof(*call));

	if (call != NULL) {
		call->fn = fn;
		call->arg = arg;
		*conn->last = call;
		conn->last = &call->next;
		conn->call_count++;
	}
	return call;
}

/* What holds a password is wiped as soon as it has been copied. */
static bool put_command(struct redis_conn *conn, int argc, const char *const *argv,
			const size_t *lens)
{
	char *text = NULL;
	int len = redisFormatCommandArgv(&text, argc, (const char **)argv, lens);
	bool put = len > 0 && evbuffer_add(conn->unsent, text, (size_t)len) == 0;

	if (len > 0) {
		explicit_bzero(text, (size_t)len);
	}
	redisFreeCommand(text);
	return put;
}

static struct redis_call *send_command(struct redis_conn *conn, int argc, const char *const *argv,
				       const size_t *lens, redis_reply_fn fn, void *arg)
{
	size_t before = conn->call_count;

	if (before == REDIS_CALLS_MAX || !put_command(conn, argc, argv, lens)) {
		return NULL;
	}
	if (before == 0) {
		set_timer(conn, conn->settings->timeout_ms);
	}
	/* Written in the next turn, with what else comes in this one. */
	if (conn->socket == NULL || !watch(conn, EV_READ | EV_WRITE)) {
		return NULL;
	}
	return call_add(conn, fn, arg);
}

struct redis_call *redis_conn_call(struct redis_conn *conn, int argc, const char *const *argv,
				   const size_t *lens, redis_reply_fn fn, void *arg)
{
	return conn->state == REDIS_UP ? send_command(conn, argc, argv, lens, fn, arg) : NULL;
}

void redis_call_cancel(struct redis_call **call)
{
	if (*call != NULL) {
		(*call)->fn = NULL;
	}
	*call = NULL;
}

/* --- greeting ------------------------------------------------------------------------ */

static void greeted(void *arg, const redisReply *reply)
{
	struct redis_conn *conn = arg;

	if (reply != NULL && reply->type == REDIS_REPLY_ERROR && conn->problem[0] == '\0') {
		snprintf(conn->problem, sizeof(conn->problem), "%s", reply->str);
	}
}

/* The last command of the greeting: what was wrong with an earlier one shows here. */
static void greeting_done(void *arg, const redisReply *reply)
{
	struct redis_conn *conn = arg;

	greeted(conn, reply);
	if (reply != NULL && conn->problem[0] == '\0') {
		conn->state = REDIS_UP;
		backoff_reset(&conn->backoff);
		conn->events.up(conn->events.arg);
	}
}

static bool greet(struct redis_conn *conn)
{
	const struct redis_settings *settings = conn->settings;
	const char *auth[3] = {"AUTH"};
	size_t auth_lens[3] = {4};
	int auth_count = 1;
	char database[16];
	const char *select[] = {"SELECT", database};
	size_t select_lens[] = {6, 0};

	if (settings->user != NULL) {
		auth[auth_count] = settings->user;
		auth_lens[auth_count++] = strlen(settings->user);
	}
	if (settings->password != NULL) {
		auth[auth_count] = settings->password;
		auth_lens[auth_count++] = strlen(settings->password);
		if (send_command(conn, auth_count, auth, auth_lens, greeted, conn) == NULL) {
			return false;
		}
	}
	select_lens[1] = (size_t)snprintf(database, sizeof(database), "%u", settings->database);
	return send_command(conn, 2, select, select_lens, greeting_done, conn) != NULL;
}

/* --- receiving ----------------------------------------------------------------------- */

/* Returns false when it is lost. */
static bool take_reply(struct redis_conn *conn, redisReply *reply)
{
	struct redis_call *call = conn->first;

	if (call == NULL) {
		snprintf(conn->problem, sizeof(conn->problem), "%s",
			 reply->type == REDIS_REPLY_ERROR ? reply->str
							  : "an answer that nobody asked for");
		return false;
	}
	conn->first = call->next;
	if (conn->first == NULL) {
		conn->last = &conn->first;
	}
	conn->call_count--;
	if (conn->call_count == 0) {
		event_del(conn->timer);
	} else {
		set_timer(conn, conn->settings->timeout_ms);
	}
	if (call->fn != NULL) {
		call->fn(call->arg, reply);
	}
	free(call);
	return conn->state == REDIS_UP || conn->problem[0] == '\0' || conn->call_count > 0;
}

static void note_reader_problem(struct redis_conn *conn)
{
	snprintf(conn->problem, sizeof(conn->problem), "%s", redis_reader_problem(conn->reader));
}

static bool take_replies(struct redis_conn *conn)
{
	redisReply *reply = NULL;
	bool fine = true;

	while (fine) {
		if (!redis_reader_next(conn->reader, &reply)) {
			note_reader_problem(conn);
			return false;
		}
		if (reply == NULL) {
			break;
		}
		fine = take_reply(conn, reply);
		freeReplyObject(reply);
	}
	return fine;
}

static bool receive(struct redis_conn *conn)
{
	char bytes[READ_SIZE];
	ssize_t len = tcp_stream_receive(conn->stream, bytes, sizeof(bytes));
	bool fine = true;

	if (len == TCP_STREAM_AGAIN) {
		return true;
	}
	if (len <= 0) {
		snprintf(conn->problem, sizeof(conn->problem), "the connection was closed");
		return false;
	}
	if (!redis_reader_feed(conn->reader, bytes, (size_t)len)) {
		note_reader_problem(conn);
		fine = false;
	}
	explicit_bzero(bytes, (size_t)len);
	return fine && take_replies(conn);
}

static void exchange(struct redis_conn *conn)
{
	if (!receive(conn)) {
		lose(conn, conn->problem);
	} else if (!flush(conn)) {
		lose(conn, "the connection was closed");
	}
}

/* --- connecting ---------------------------------------------------------------------- */

static void connected(struct redis_conn *conn)
{
	conn->state = REDIS_GREETING;
	conn->problem[0] = '\0';
	conn->reader = redis_reader_create();
	backend_peers_add_socket(conn->settings->peers, tcp_stream_fd(conn->stream));
	if (conn->reader == NULL || !greet(conn)) {
		lose(conn, "out of memory");
	}
}

static void connect_more(struct redis_conn *conn)
{
	switch (tcp_stream_connect(conn->stream, conn->problem)) {
	case TCP_STREAM_AGAIN:
		if (!watch(conn, tcp_stream_wants_write(conn->stream) ? EV_WRITE : EV_READ)) {
			lose(conn, "out of memory");
		}
		break;
	case TCP_STREAM_LOST:
		lose(conn, conn->problem);
		break;
	default:
		connected(conn);
	}
}

static void go_on(evutil_socket_t fd, short what, void *arg)
{
	struct redis_conn *conn = arg;

	(void)fd;
	(void)what;
	conn->watched = 0;
	if (conn->state == REDIS_CONNECTING) {
		connect_more(conn);
	} else {
		exchange(conn);
	}
}

static void connect_to(void *arg, const char *address)
{
	struct redis_conn *conn = arg;
	const struct redis_settings *settings = conn->settings;

	conn->name = NULL;
	if (address == NULL) {
		lose(conn, "the host's name is not known");
		return;
	}
	conn->stream = tcp_stream_open(address, settings->port, settings->host, settings->tls,
				       conn->problem);
	if (conn->stream == NULL) {
		lose(conn, conn->problem);
		return;
	}
	conn->state = REDIS_CONNECTING;
	if (!watch(conn, EV_WRITE)) {
		lose(conn, "out of memory");
	}
}

static void open_connection(struct redis_conn *conn)
{
	const char *host = conn->settings->host;
	struct tp_addr addr;

	set_timer(conn, conn->settings->timeout_ms);
	if (host[0] == '/' || tp_addr_parse(host, &addr) == 0) {
		connect_to(conn, host);
		return;
	}
	conn->state = REDIS_RESOLVING;
	conn->name = host_name_resolve(conn->self, host, connect_to, conn);
	if (conn->name == NULL) {
		lose(conn, "the host's name cannot be looked up");
	}
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct redis_conn *conn = arg;

	(void)fd;
	(void)what;
	if (conn->state == REDIS_CLOSED) {
		open_connection(conn);
	} else {
		lose(conn, conn->state == REDIS_UP ? "no answer in time" : "no connection in time");
	}
}

/* --- life ---------------------------------------------------------------------------- */

bool redis_conn_is_up(const struct redis_conn *conn)
{
	return conn->state == REDIS_UP;
}

bool redis_conn_is_coming(const struct redis_conn *conn)
{
	return conn->state == REDIS_CLOSED ? conn->backoff.failures == 0 : conn->state != REDIS_UP;
}

const char *redis_conn_problem(const struct redis_conn *conn)
{
	return conn->problem;
}

struct redis_conn *redis_conn_create(struct tp_instance *self, struct tp_worker *worker,
				     const struct redis_settings *settings,
				     const struct redis_events *events)
{
	struct redis_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		return NULL;
	}
	conn->self = self;
	conn->base = tp_worker_event_base(worker);
	conn->settings = settings;
	conn->events = *events;
	conn->last = &conn->first;
	backoff_init(&conn->backoff, RETRY_MIN_MS, RETRY_MAX_MS);
	conn->unsent = evbuffer_new();
	conn->timer = evtimer_new(conn->base, on_timer, conn);
	if (conn->unsent == NULL || conn->timer == NULL) {
		redis_conn_free(&conn);
		return NULL;
	}
	set_timer(conn, 0);
	return conn;
}

void redis_conn_free(struct redis_conn **conn)
{
	struct redis_conn *gone = *conn;

	*conn = NULL;
	if (gone == NULL) {
		return;
	}
	if (gone->unsent != NULL) {
		close_all(gone);
		evbuffer_free(gone->unsent);
	}
	if (gone->timer != NULL) {
		event_free(gone->timer);
	}
	fail_calls(gone);
	free(gone);
}

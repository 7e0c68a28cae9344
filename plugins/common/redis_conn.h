/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <hiredis/hiredis.h>

#include <turnpike/plugin.h>

#include "tcp_stream.h"

/*
 * A connection to Redis on one worker's event loop, which connects by itself, again
 * and again when it must. Commands leave in the order they are given and nobody waits
 * for an answer before the next. Thread of all functions: the worker's.
 *
 * The protocol is hiredis's; the socket is ours, because its own loop ends the
 * program when a server says something that nobody has asked for.
 */
struct redis_conn;
struct redis_call;
struct backend_peers;

#define REDIS_CALLS_MAX 20000 /* without an answer */

/* Texts stay the caller's and live as long as the connection. */
struct redis_settings {
	const char *host; /* name, address, or the absolute path of a UNIX socket */
	uint16_t port;
	const char *user; /* NULL: the default one */
	char *password;   /* NULL: none */
	unsigned database;
	struct tcp_stream_tls *tls; /* NULL: none */
	uint64_t timeout_ms;        /* to connect, and for an answer */
	struct backend_peers *peers;
};

struct redis_events {
	/* It can be used; also after it was lost. */
	void (*up)(void *arg);
	/* It cannot, or no more. @sentence: why */
	void (*down)(void *arg, const char *sentence);
	void *arg;
};

/** @reply: borrowed; NULL: the connection was lost, or no answer came in time */
typedef void (*redis_reply_fn)(void *arg, const redisReply *reply);

/** @settings: stays the caller's. Errors: NULL when out of memory. */
struct redis_conn *redis_conn_create(struct tp_instance *self, struct tp_worker *worker,
				     const struct redis_settings *settings,
				     const struct redis_events *events);
/** Calls without an answer are told NULL. NULL inside is fine. Sets the pointer to NULL. */
void redis_conn_free(struct redis_conn **conn);

bool redis_conn_is_up(const struct redis_conn *conn);
/** It is not up, and one of the events above will tell soon whether it can be. */
bool redis_conn_is_coming(const struct redis_conn *conn);
/** Why it is not; "" before it was tried. Owner: the connection. */
const char *redis_conn_problem(const struct redis_conn *conn);

/**
 * Send a command.
 *
 * @argv: words of any bytes
 * @lens: theirs
 *
 * Owner:  ends with @fn, never inside this call, or with redis_call_cancel()
 * Errors: NULL while there is no connection, at the ceiling, and when out of memory
 */
struct redis_call *redis_conn_call(struct redis_conn *conn, int argc, const char *const *argv,
				   const size_t *lens, redis_reply_fn fn, void *arg);
/** Its answer is of no interest any more. NULL inside is fine. Sets the pointer to NULL. */
void redis_call_cancel(struct redis_call **call);

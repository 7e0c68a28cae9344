/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/plugin.h>

#include "lookup_options.h"

/*
 * Who is this user? What every back end needs around that one question: a cache of
 * answers, good and bad; one question under way per user, however many requests wait
 * for it; a ceiling for those; a deadline; a circuit breaker; grace while the back
 * end is down; counters. A plugin brings the asking alone:
 *
 *	struct lookup *lookup = lookup_create(self, worker, &settings);  in worker_start
 *
 *	static enum tp_verdict authorize(self, request, event)
 *	{
 *		return lookup_ask(tp_worker_state(self, tp_worker_current()), request, event);
 *	}
 *
 * One object per instance and worker, for the worker's thread alone. What fails is
 * answered with 500, never with 401: a client must not take an outage for a wrong
 * password.
 */
struct lookup;

/* keep_s and valid_for_s: the back end has not said. */
#define LOOKUP_UNSAID (-1)

/* A question under way. The plugin reads it, and may write the last two members. */
struct lookup_query {
	const char *username;    /* NULL with a hash */
	const uint8_t *userhash; /* 32 bytes; NULL with a name */
	const char *realm;
	uint16_t algorithm;              /* of the request that asked first: 1 MD5, 2 SHA-256 */
	uint16_t method;                 /* the same */
	struct tp_five_tuple five_tuple; /* the same */
	const char *server_name;         /* of struct lookup_details; NULL: none */
	struct tp_view software;         /* the request's SOFTWARE; empty: none */
	struct tp_view token;            /* of struct lookup_details; empty: none */

	int64_t keep_s; /* so long may the answer be kept; 0: not at all; LOOKUP_UNSAID */
	void *state;    /* the plugin's own, NULL at first */
};

/* What else goes into a question. Borrowed. */
struct lookup_details {
	const char *server_name; /* SNI; NULL: none */
	struct tp_view token;    /* for instance an ACCESS-TOKEN; belongs to the key */
};

struct lookup_credentials {
	/* As for tp_request_provide(); "valid_for_s" in here is not looked at. "user" is
	 * needed with a hash. */
	struct tp_credentials credentials;
	/* The credentials end after this; 0: good for this one request; LOOKUP_UNSAID */
	int64_t valid_for_s;
};

struct lookup_ops {
	/**
	 * Begin to ask; never blocks. The query ends with exactly one call of
	 * lookup_found() and so on, later or from inside.
	 *
	 * Returns 0, or a TP_E*: then it has failed, and none of these is called.
	 */
	int (*start)(void *backend, struct lookup_query *query);
	/**
	 * Nobody waits any more (deadline, shutdown): forget it. None of these calls
	 * is made for it afterwards; the pointer is dead.
	 */
	void (*cancel)(void *backend, struct lookup_query *query);
};

/* What the answer depends on besides realm and user: each is part of the key. */
#define LOOKUP_BY_ALGORITHM 1u
#define LOOKUP_BY_CLIENT_IP 2u
#define LOOKUP_BY_TRANSPORT 4u
#define LOOKUP_BY_SERVER_NAME 8u
#define LOOKUP_BY_SOFTWARE 16u

struct lookup_settings {
	const struct lookup_ops *ops;
	void *backend;
	unsigned depends;  /* LOOKUP_BY_* */
	size_t active_max; /* questions to have under way at a time, others wait; 0: any number */
};

/**
 * For worker_start. Reads the options of LOOKUP_OPTIONS, which are in the plugin's table.
 *
 * Errors: NULL when out of memory
 */
struct lookup *lookup_create(struct tp_instance *self, struct tp_worker *worker,
			     const struct lookup_settings *settings);

/**
 * For worker_stop, before the back end itself ends: questions under way are
 * cancelled, who waits is refused, all secrets are wiped. Sets the pointer to NULL; NULL
 * inside is fine.
 */
void lookup_free(struct lookup **lookup);

/** Answer on_stun_request_authorization: from the cache, or parked until it is known. */
enum tp_verdict lookup_ask(struct lookup *lookup, struct tp_request *request,
			   const struct tp_request_authorization *event);

/** @details: NULL: none */
enum tp_verdict lookup_ask_with(struct lookup *lookup, struct tp_request *request,
				const struct tp_request_authorization *event,
				const struct lookup_details *details);

/** For the plugin's request_gone. */
void lookup_request_gone(struct lookup *lookup, struct tp_ticket ticket);

/* --- ends of a query: one of them, once ---------------------------------------------- */

/**
 * @credentials: copied. What can be used by nobody (no key at all, a hash without
 *               its user) counts as lookup_unusable().
 */
void lookup_found(struct lookup_query *query, const struct lookup_credentials *credentials);

/** No such user: the next provider is asked; 401 in the end. */
void lookup_unknown(struct lookup_query *query);

/** The back end says no, with an error code (300 to 699; 0: 401) and words (NULL: the usual). */
void lookup_refused(struct lookup_query *query, uint16_t code, const char *reason);

/**
 * The back end does not work: counts for the breaker.
 *
 * @sentence: for the log, at a bounded rate; no secrets
 */
void lookup_failed(struct lookup_query *query, const char *sentence);

/** The back end works, but what it has of this user is no good: 500 for him alone. */
void lookup_unusable(struct lookup_query *query, const char *sentence);

/* --- the state of the back end ---------------------------------------------------------- */

/** It works again, as the plugin has seen (a connection is there): closes the breaker. */
void lookup_backend_up(struct lookup *lookup);

/** Forget all answers: the data have changed. */
void lookup_flush(struct lookup *lookup);

/* --- strict expiry: for handlers of the events of these names --------------------------- */

/**
 * With strict_expiry the lifetime of an allocation ends with the credentials it
 * was made with. Refresh needs to be told how long that is:
 * set both handlers in the table. Without the option they do nothing.
 */
void lookup_create_allocation(struct lookup *lookup, const struct tp_create_allocation *event);
enum tp_verdict lookup_before_refresh(struct lookup *lookup, struct tp_request *request,
				      const struct tp_before_refresh *event);

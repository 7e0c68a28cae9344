/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/queue.h>

#include "lookup.h"
#include "lookup_answer.h"
#include "lookup_key.h"

/* A request that waits. */
struct lookup_waiter {
	uint64_t ticket_id; /* first: compared in a tree */
	struct lookup_question *question;
	TAILQ_ENTRY(lookup_waiter) by_time;
	struct tp_five_tuple five_tuple;
	uint16_t method;
	uint16_t algorithm;
};

TAILQ_HEAD(lookup_waiter_list, lookup_waiter);

enum lookup_stage {
	LOOKUP_QUEUED = 0,
	LOOKUP_STARTING = 1, /* the plugin's start() runs */
	LOOKUP_ACTIVE = 2,
};

/* A query, and who waits for it. */
struct lookup_question {
	struct lookup_key *key; /* first: lookup_key_compare() */
	struct lookup_query query;
	struct lookup *lookup;
	struct lookup_waiter_list waiters;
	TAILQ_ENTRY(lookup_question) by_time; /* of those of its stage */
	enum lookup_stage stage;
	bool probe;                   /* of the breaker */
	bool ended;                   /* while it was started */
	struct lookup_answer *answer; /* of one that did; NULL: it failed */
	struct tp_worker_timer *deadline;
	uint64_t started_ms;
	size_t size; /* of the block */
	char bytes[];
};

TAILQ_HEAD(lookup_question_list, lookup_question);

/**
 * Copies what @query points to; takes @key over when it succeeds.
 *
 * Errors: NULL when out of memory
 */
struct lookup_question *lookup_question_create(struct lookup *lookup,
					       const struct lookup_query *query,
					       struct lookup_key *key);

/** Nobody waits for it. Sets the pointer to NULL. */
void lookup_question_free(struct lookup_question **question);

/** The question that a plugin has in hands. */
struct lookup_question *lookup_question_of(struct lookup_query *query);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tp_crew;
struct tp_crew_worker;
struct tp_loop;
struct tp_mailbox;
struct tp_message;

/* The main thread's loop and the way into it. */
struct tp_main {
	struct tp_loop *loop; /* moves no datagrams */
	struct tp_mailbox *mailbox;
};

/*
 * A question put to all workers at once, whose answers come back on the main
 * loop; nobody is waited for meanwhile. What is asked and what is answered lies
 * in the caller's object, with a part for each worker that nobody else touches
 * until it has answered.
 */
struct tp_roll;
struct tp_roll_cell;

struct tp_roll_ops {
	/* On each worker's thread: ends with tp_roll_answer() or tp_roll_again(). */
	void (*ask)(void *question, struct tp_crew_worker *worker, struct tp_roll_cell *cell);
	/* Main: all have answered, or the deadline has passed. Called once. */
	void (*done)(void *question, const struct tp_roll *roll);
	/* Main: no worker can come back to it any more. */
	void (*free)(void *question);
};

/**
 * Owner:  belongs to itself from tp_roll_call() on; tp_roll_free() before that
 * Errors: TP_ENOMEM
 */
int tp_roll_create(struct tp_crew *crew, const struct tp_main *main, struct tp_roll **out);
/** Never called. Sets the pointer to NULL; NULL inside is fine. */
void tp_roll_free(struct tp_roll **roll);

/**
 * @question:    passed on; until ops->free
 * @deadline_ms: from now on; 0: as long as it takes
 *
 * Thread: main
 */
void tp_roll_call(struct tp_roll *roll, const struct tp_roll_ops *ops, void *question,
		  uint64_t deadline_ms);

/** The worker has answered. Thread: the worker's. */
void tp_roll_answer(struct tp_roll_cell *cell);

/**
 * Ask this worker again in its next loop turn: there is more to do than fits
 * into one. Returns false when it ends: finish now. Thread: the worker's.
 */
bool tp_roll_again(struct tp_roll_cell *cell);

/** Has it answered? In done. Thread: main. */
bool tp_roll_answered(const struct tp_roll *roll, unsigned worker);

/** Workers that were asked. */
unsigned tp_roll_count(const struct tp_roll *roll);

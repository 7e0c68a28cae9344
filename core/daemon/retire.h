/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/list.h"
#include "base/wheel.h"
#include "io/mailbox.h"

struct tp_generation;
struct tp_server;
struct tp_worker;

/*
 * Generations that a worker has started and serves no new request with: each
 * stays until nothing of it is under way on this worker, then its plugins stop
 * there. Everything is for the worker's thread unless said otherwise.
 */
struct tp_retirement {
	struct tp_worker *worker;
	struct tp_server *server; /* NULL: it has ended */
	struct tp_list leaving;
	struct tp_timer timer;
};

/* A generation on its way out of one worker; made on the main thread in advance. */
struct tp_leaving {
	struct tp_list link;
	struct tp_message message;        /* to the main thread when it has left */
	struct tp_mailbox *main_mailbox;  /* where that goes */
	struct tp_generation *generation; /* a reference; dropped when it has left */
};

void tp_retirement_init(struct tp_retirement *retirement, struct tp_worker *worker);

/** @leaving: filled; the main thread's again when message is delivered there. */
void tp_retirement_add(struct tp_retirement *retirement, struct tp_leaving *leaving);

/** The worker ends: nothing is under way any more. */
void tp_retirement_finish(struct tp_retirement *retirement);

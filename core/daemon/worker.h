/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>

#include "daemon/listener.h"
#include "daemon/retire.h"
#include "host/worker.h"
#include "io/datagram.h"
#include "io/mailbox.h"
#include "turn/server.h"

/*
 * Where the threads of all workers are; they wait for each other at the ends of
 * the first two phases, and main says which comes next.
 */
enum tp_crew_phase {
	TP_CREW_STARTING, /* plugins start on each worker */
	TP_CREW_RUNNING,  /* loops run; then allocations end */
	TP_CREW_ENDING,   /* no job is left: plugins stop, all is freed */
};

struct tp_gate {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum tp_crew_phase phase;
	unsigned waiting; /* workers at the end of this phase */
	unsigned failed;  /* of them */
};

void tp_gate_init(struct tp_gate *gate);
void tp_gate_fini(struct tp_gate *gate);
/** A worker is through with a phase. Returns the one that follows. */
enum tp_crew_phase tp_gate_pass(struct tp_gate *gate, enum tp_crew_phase done, bool failed);
/**
 * Wait until so many workers are through. Returns how many of them failed. Main
 * thread.
 */
unsigned tp_gate_await(struct tp_gate *gate, unsigned workers);
/** Let them go on. Main thread. */
void tp_gate_open(struct tp_gate *gate, enum tp_crew_phase next);

/* A worker and all that its thread touches. */
struct tp_crew_worker {
	struct tp_worker worker; /* as host and plugins see it */
	struct tp_gate *gate;
	struct tp_generation *generation; /* a reference */
	struct tp_generation *prepared;   /* started beside it; a reference; NULL: none */
	struct tp_server *server;
	struct tp_retirement retirement;
	struct tp_listener **listeners; /* by binding; NULL where not open */
	size_t listener_count;
	struct tp_message stop;
	pthread_t thread;
	char problem[TP_PROBLEM_SIZE]; /* of worker_start, when it failed */
	int error;
};

/**
 * Loop, mailbox, tickets and server; no listeners yet. worker.index, .count,
 * .park_deadline_ms and .jobs, gate and generation (a reference,
 * taken over) are set by the caller.
 *
 * Errors: TP_ENOMEM, TP_EIO; tp_crew_worker_fini() frees what was made
 */
int tp_crew_worker_init(struct tp_crew_worker *worker, struct tp_shared *shared, size_t max_parked,
			const struct tp_datagram_backend *backend);

/* What a reload gives to every worker. Read by all of them at once. */
struct tp_change {
	struct tp_turn_settings *settings;
	struct tp_certs **certs; /* by binding; NULL: as it is; NULL inside likewise */
	uint32_t park_deadline_ms;
};

/**
 * Start the plugins of another generation; change or abandon comes next. Thread:
 * the worker's, as are those. Errors: what a plugin returned.
 */
int tp_crew_worker_prepare(struct tp_crew_worker *worker, struct tp_generation *generation,
			   char problem[TP_PROBLEM_SIZE]);

/**
 * Between two turns: serve with the one that is prepared, and let the generation
 * before go.
 *
 * @leaving: main_mailbox and message are set; the rest is filled here
 */
void tp_crew_worker_change(struct tp_crew_worker *worker, const struct tp_change *change,
			   struct tp_leaving *leaving);

/** It is not wanted after all: let it go. */
void tp_crew_worker_abandon(struct tp_crew_worker *worker, struct tp_leaving *leaving);

/** Connections and sessions of its listeners. */
size_t tp_crew_worker_connections(const struct tp_crew_worker *worker);

/** The thread: @arg is the worker. Ends when the gate says so. */
void *tp_crew_worker_run(void *arg);

/** Ask the running loop to end. Thread: main. */
void tp_crew_worker_stop(struct tp_crew_worker *worker);

/** Free what there is; the thread has ended, or never began. */
void tp_crew_worker_fini(struct tp_crew_worker *worker);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "daemon/config.h"
#include "host/generation.h"
#include "turn/shared.h"

struct tp_binding;
struct tp_crew_worker;

/*
 * All workers, from the main thread's side. In order: create, listen, start,
 * stop, free. What is before start has no thread yet.
 */
struct tp_crew;

/**
 * Loops, servers and the job pool for so many workers.
 *
 * @shared:     borrowed, until tp_crew_free()
 * @generation: each worker takes references
 *
 * Errors: TP_ENOMEM, TP_EIO, with a sentence
 */
int tp_crew_create(const struct tp_config *config, unsigned workers, struct tp_shared *shared,
		   struct tp_generation *generation, char problem[TP_PROBLEM_SIZE],
		   struct tp_crew **out);

/**
 * Open every listener on every worker. Errors: those of tp_listener_open(),
 * with a sentence.
 */
int tp_crew_listen(struct tp_crew *crew, char problem[TP_PROBLEM_SIZE]);

/** Workers, and each by its index. */
unsigned tp_crew_size(const struct tp_crew *crew);
struct tp_crew_worker *tp_crew_worker(const struct tp_crew *crew, unsigned index);

/** What is listened on, with the ports that the kernel has chosen. */
const struct tp_binding *tp_crew_bindings(const struct tp_crew *crew, size_t *count);

/** "uring", "mmsg", … */
const char *tp_crew_backend(const struct tp_crew *crew);

/** One log line per listener, with the port it has got. */
void tp_crew_say_listeners(const struct tp_crew *crew);

/**
 * Start the threads, start the plugins on each, and let them run when all have
 * succeeded; otherwise they have ended when this returns.
 *
 * Errors: TP_EIO, or what a plugin returned, with a sentence
 */
int tp_crew_start(struct tp_crew *crew, char problem[TP_PROBLEM_SIZE]);

/**
 * Accept nobody more, end all allocations, let jobs finish, stop the plugins,
 * join the threads.
 */
void tp_crew_stop(struct tp_crew *crew);

/** Stopped, or never started. Sets the pointer to NULL; NULL inside is fine. */
void tp_crew_free(struct tp_crew **crew);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/event_table.h"
#include "host/instance_body.h"
#include "host/observation.h"
#include "host/place.h"
#include "host/worker.h"

/* Of what is raised per packet, one call in so many is timed. */
#define TP_OBSERVED_EVERY 256

/*
 * What one worker has seen of one instance at one event. Written by that worker
 * alone, read by any thread: hence atomic, but never a locked instruction.
 */
struct tp_observation_row {
	_Alignas(64) struct tp_place place;
	struct tp_instance *instance;
	_Atomic uint64_t calls;
	_Atomic uint64_t verdicts[4]; /* TP_PASS of packets is not counted: what is left */
	_Atomic uint64_t wrong;
	_Atomic uint64_t missed;
	_Atomic uint64_t stale;
	_Atomic uint64_t slow;
	_Atomic uint64_t timed;
	_Atomic uint64_t time_ns;
	_Atomic uint64_t max_ns;
	_Atomic uint64_t times[TP_OBSERVED_TIMES];
	_Atomic uint64_t parked_now;
};

/** A row for every event on every worker. Errors: TP_ENOMEM. */
int tp_observation_rows_create(struct tp_instance *instance);
void tp_observation_rows_free(struct tp_instance *instance);

/** The row of the worker whose thread this is. */
static inline struct tp_observation_row *tp_observation_row(const struct tp_instance *instance,
							    enum tp_event event)
{
	return &instance->on_worker[tp_worker_here].rows[event];
}

/** Thread: the row's. */
static inline uint64_t tp_observation_add(_Atomic uint64_t *cell, uint64_t amount)
{
	uint64_t sum = atomic_load_explicit(cell, memory_order_relaxed) + amount;

	atomic_store_explicit(cell, sum, memory_order_relaxed);
	return sum;
}

/* A call into a plugin that is timed. */
struct tp_observed_call {
	const struct tp_place *before;
	uint64_t began_ns;
};

/** Thread: the row's. */
void tp_observation_begin(struct tp_observation_row *row, struct tp_observed_call *call);
void tp_observation_end(struct tp_observation_row *row, const struct tp_observed_call *call);

/** Nanoseconds for time in handlers instead of the system's; NULL: the system's. For tests. */
void tp_observation_set_clock(uint64_t (*now_ns)(void));

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/observation.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <turnpike/error.h>

#include "base/counter.h"
#include "host/observation_row.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

_Thread_local const struct tp_place *tp_place_now;

static _Atomic uint64_t bound_ns; /* 0: none */
static uint64_t (*replaced_clock)(void);

void tp_observation_set_bound(uint32_t slow_ms)
{
	atomic_store(&bound_ns, slow_ms * NS_PER_MS);
}

void tp_observation_set_clock(uint64_t (*now_ns)(void))
{
	replaced_clock = now_ns;
}

bool tp_observation_current(const char **instance, const char **event)
{
	const struct tp_place *place = tp_place_now;

	if (place == NULL) {
		return false;
	}
	*instance = place->instance;
	*event = place->what;
	return true;
}

/* --- rows --------------------------------------------------------------------------- */

int tp_observation_rows_create(struct tp_instance *instance)
{
	size_t workers = instance->workers != 0 ? instance->workers : 1;
	size_t size = workers * TP_EVENT_COUNT * sizeof(struct tp_observation_row);
	struct tp_observation_row *rows = aligned_alloc(_Alignof(struct tp_observation_row), size);

	if (rows == NULL) {
		return TP_ENOMEM;
	}
	memset(rows, 0, size);
	for (size_t worker = 0; worker < workers; worker++) {
		instance->on_worker[worker].rows = &rows[worker * TP_EVENT_COUNT];
		for (size_t event = 0; event < TP_EVENT_COUNT; event++) {
			struct tp_observation_row *row = &instance->on_worker[worker].rows[event];

			row->place = (struct tp_place){instance->name, tp_event_table[event].name};
			row->instance = instance;
		}
	}
	return 0;
}

void tp_observation_rows_free(struct tp_instance *instance)
{
	if (instance->on_worker != NULL) {
		free(instance->on_worker[0].rows); /* one block for all */
	}
}

/* --- time --------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec now;

	if (replaced_clock != NULL) {
		return replaced_clock();
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* Bucket n is below 2^n * 128 ns. */
static size_t bucket_of(uint64_t ns)
{
	size_t bucket = ns < 128 ? 0 : 64 - (size_t)__builtin_clzll(ns / 128);

	return bucket < TP_OBSERVED_TIMES ? bucket : TP_OBSERVED_TIMES - 1;
}

static void blame(struct tp_observation_row *row, uint64_t spent_ns)
{
	tp_observation_add(&row->slow, 1);
	tp_counter_add(tp_counter_named("host.handler.slow", "handlers that held up their worker"),
		       1);
	tp_instance_blame(row->instance,
			  "plugin %s held up its worker for %" PRIu64
			  " ms in %s: handlers must not block",
			  row->place.instance, spent_ns / NS_PER_MS, row->place.what);
}

void tp_observation_begin(struct tp_observation_row *row, struct tp_observed_call *call)
{
	call->began_ns = now_ns();
	call->before = tp_place_enter(&row->place);
}

void tp_observation_end(struct tp_observation_row *row, const struct tp_observed_call *call)
{
	uint64_t bound = atomic_load_explicit(&bound_ns, memory_order_relaxed);
	uint64_t spent_ns = now_ns() - call->began_ns;

	tp_place_leave(call->before);
	tp_observation_add(&row->timed, 1);
	tp_observation_add(&row->time_ns, spent_ns);
	tp_observation_add(&row->times[bucket_of(spent_ns)], 1);
	if (spent_ns > atomic_load_explicit(&row->max_ns, memory_order_relaxed)) {
		atomic_store_explicit(&row->max_ns, spent_ns, memory_order_relaxed);
	}
	if (bound != 0 && spent_ns > bound) {
		blame(row, spent_ns);
	}
}

/* --- reading ------------------------------------------------------------------------ */

static uint64_t read_cell(const _Atomic uint64_t *cell)
{
	return atomic_load_explicit(cell, memory_order_relaxed);
}

static void add_row(const struct tp_observation_row *row, struct tp_observed *out)
{
	uint64_t max_ns = read_cell(&row->max_ns);

	out->calls += read_cell(&row->calls);
	for (size_t i = 0; i < 4; i++) {
		out->verdicts[i] += read_cell(&row->verdicts[i]);
	}
	out->wrong += read_cell(&row->wrong);
	out->missed += read_cell(&row->missed);
	out->stale += read_cell(&row->stale);
	out->slow += read_cell(&row->slow);
	out->timed += read_cell(&row->timed);
	out->time_ns += read_cell(&row->time_ns);
	out->max_ns = max_ns > out->max_ns ? max_ns : out->max_ns;
	for (size_t i = 0; i < TP_OBSERVED_TIMES; i++) {
		out->times[i] += read_cell(&row->times[i]);
	}
	out->parked_now += read_cell(&row->parked_now);
}

/* Those of packets are not counted one by one. Sums of running workers may not fit. */
static uint64_t passes_of(const struct tp_observed *observed)
{
	uint64_t others = observed->verdicts[TP_ALLOW] + observed->verdicts[TP_DENY] +
			  observed->verdicts[TP_PARK] + observed->wrong;

	return observed->calls > others ? observed->calls - others : 0;
}

void tp_instance_observed(const struct tp_instance *instance, enum tp_event event,
			  struct tp_observed *out)
{
	unsigned workers = instance->workers != 0 ? instance->workers : 1;

	memset(out, 0, sizeof(*out));
	for (unsigned worker = 0; worker < workers; worker++) {
		add_row(&instance->on_worker[worker].rows[event], out);
	}
	if (tp_event_table[event].packet != NULL) {
		out->verdicts[TP_PASS] = passes_of(out);
	}
}

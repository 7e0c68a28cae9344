/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>

#include "host/ticket.h"
#include "io/job.h"
#include "io/loop.h"
#include "kit/test_host.h"

#define JOB_ROUNDS 1000
#define ADVANCE_STEP_MS 100
#define WAIT_S 10
#define LOOK_NS 1000000

/* --- the clock ------------------------------------------------------------------------ */

static uint64_t now_ms(const struct tp_clock *clock)
{
	return ((const struct tp_test_clock *)clock)->now_ms;
}

static int64_t wall_s(const struct tp_clock *clock)
{
	return (int64_t)(((const struct tp_test_clock *)clock)->wall_ms / 1000);
}

void tp_test_clock_init(struct tp_test_clock *clock)
{
	*clock = (struct tp_test_clock){
		.clock = {.now_ms = now_ms, .wall_s = wall_s},
		.now_ms = 1000000,
		.wall_ms = UINT64_C(1700000000000),
	};
}

/* --- turns ---------------------------------------------------------------------------- */

void tp_test_turn(struct tp_test_host *host)
{
	tp_loop_turn(host->worker.loop);
	tp_test_objects_turn(host);
	tp_test_drop_retired(host);
}

void tp_test_advance_ms(struct tp_test_host *host, uint64_t ms)
{
	while (ms > 0) {
		uint64_t step_ms = ms < ADVANCE_STEP_MS ? ms : ADVANCE_STEP_MS;

		host->clock.now_ms += step_ms;
		host->clock.wall_ms += step_ms;
		tp_test_turn(host);
		ms -= step_ms;
	}
}

/* --- what takes real time --------------------------------------------------------------- */

void tp_test_wait_until(struct tp_test_host *host, bool (*done)(void *arg), void *arg)
{
	const struct timespec look = {.tv_nsec = LOOK_NS};
	struct timespec start;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (tp_test_turn(host); !done(arg); tp_test_turn(host)) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > WAIT_S) {
			tp_test_die("nothing has come within %d s; log:\n%s", WAIT_S,
				    tp_test_log(host));
		}
		nanosleep(&look, NULL);
	}
}

static bool is_answered(void *arg)
{
	return ((const struct tp_test_asked *)arg)->verdict != TP_PARK;
}

void tp_test_wait(struct tp_test_host *host, const struct tp_test_asked *asked)
{
	tp_test_wait_until(host, is_answered, (void *)(uintptr_t)asked);
}

static size_t count_jobs(const struct tp_test_host *host)
{
	size_t busy = tp_generation_busy(host->generation, &host->worker);

	for (size_t i = 0; i < host->retired_count; i++) {
		busy += tp_generation_busy(host->retired[i], &host->worker);
	}
	return busy - tp_ticket_table_parked(host->worker.tickets);
}

/* A pool that ends has run all its jobs, so no waiting is needed. */
void tp_test_finish_jobs(struct tp_test_host *host)
{
	size_t rounds = 0;

	while (count_jobs(host) != 0) {
		if (rounds++ == JOB_ROUNDS) {
			tp_test_die("jobs start new jobs without end");
		}
		tp_job_pool_free(&host->worker.jobs);
		tp_test_must(tp_job_pool_create(TP_TEST_JOB_THREADS, TP_TEST_JOBS_MAX,
						&host->worker.jobs) == 0);
		tp_test_turn(host);
	}
}

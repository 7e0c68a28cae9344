/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_cycle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "cli/load_process.h"
#include "cli/load_session.h"
#include "stun/codes.h"

#define SECOND_NS UINT64_C(1000000000)
#define SLEEPY_RATE 1000 /* up to which there is time to sleep in between */

static const uint16_t binding_methods[] = {TP_STUN_BINDING};
static const uint16_t allocate_methods[] = {TP_STUN_ALLOCATE, TP_STUN_REFRESH};

struct cycle {
	struct tp_load_fleet *fleet;
	struct tp_load_result *result;
	struct tp_load_client **waiting; /* ring of client_count */
	uint32_t first;
	uint32_t waiting_count;
	uint64_t begun_ns;
	uint64_t from_ns; /* of the measured time; 0 before */
	uint64_t begun;   /* cycles in all */
	uint64_t succeeded;
	uint64_t failures;
	bool measuring;
	bool ending;
};

static bool due(const struct cycle *cycle)
{
	uint64_t rate = cycle->fleet->options->rate;

	return rate == 0 ||
	       (tp_load_now_ns() - cycle->begun_ns) / 1000 * rate / 1000000 > cycle->begun;
}

static struct tp_load_client *next_client(void *owner)
{
	struct cycle *cycle = owner;
	struct tp_load_client *client;

	if (cycle->ending || cycle->waiting_count == 0 || !due(cycle) ||
	    (cycle->succeeded == 0 && cycle->failures != 0)) {
		return NULL;
	}
	client = cycle->waiting[cycle->first];
	cycle->first = (cycle->first + 1) % cycle->fleet->client_count;
	cycle->waiting_count--;
	cycle->begun++;
	if (cycle->measuring) {
		cycle->result->sent++;
	}
	return client;
}

static void client_done(void *owner, struct tp_load_client *client, const char *reason,
			uint64_t took_ns)
{
	struct cycle *cycle = owner;
	struct tp_load_result *result = cycle->result;

	cycle->waiting[(cycle->first + cycle->waiting_count) % cycle->fleet->client_count] = client;
	cycle->waiting_count++;
	if (reason != NULL) {
		cycle->failures++;
		if (result->reason[0] == 0) {
			snprintf(result->reason, sizeof(result->reason), "%s", reason);
		}
		return;
	}
	cycle->succeeded++;
	if (cycle->from_ns != 0 && tp_load_now_ns() - took_ns >= cycle->from_ns) {
		result->received++;
	}
	if (cycle->measuring) {
		result->arrivals++;
		tp_load_histogram_add(&result->latency, took_ns);
	}
}

static void run_until(struct cycle *cycle, struct tp_load_sessions *sessions, uint64_t end_ns)
{
	do {
		tp_load_sessions_run(sessions);
	} while (tp_load_now_ns() < end_ns && (tp_load_sessions_busy(sessions) != 0 ||
					       cycle->succeeded != 0 || cycle->failures == 0));
}

static void measure(struct cycle *cycle, struct tp_load_sessions *sessions)
{
	const struct tp_load_options *options = cycle->fleet->options;
	struct tp_load_result *result = cycle->result;
	uint64_t cpu_ns;

	cycle->begun_ns = tp_load_now_ns();
	run_until(cycle, sessions, cycle->begun_ns + SECOND_NS);
	cpu_ns = tp_load_process_cpu_ns(options->server_pid);
	cycle->measuring = true;
	cycle->from_ns = tp_load_now_ns();
	run_until(cycle, sessions, cycle->from_ns + options->seconds * SECOND_NS);
	result->measured_ns = tp_load_now_ns() - cycle->from_ns;
	cycle->measuring = false;
	result->server_cpu_ns = tp_load_process_cpu_ns(options->server_pid) - cpu_ns;
	cycle->ending = true;
	while (tp_load_sessions_busy(sessions) != 0) {
		tp_load_sessions_run(sessions);
	}
	result->lost = result->sent - result->received;
	result->failed = cycle->failures == 0 ? 0 : 1;
}

int tp_load_cycle(struct tp_load_fleet *fleet, const char *user, const char *password,
		  struct tp_load_result *result)
{
	uint32_t rate = fleet->options->rate;
	bool binding = fleet->options->mode == TP_LOAD_BINDING;
	struct cycle cycle = {.fleet = fleet, .result = result};
	struct tp_load_sessions_options options = {
		.fleet = fleet,
		.methods = binding ? binding_methods : allocate_methods,
		.method_count = binding ? 1 : 2,
		.anew = true,
		.user = user,
		.password = password,
		.flight = fleet->client_count < TP_LOAD_SESSIONS_MAX ? fleet->client_count
								     : TP_LOAD_SESSIONS_MAX,
		.wait_ms = rate != 0 && rate <= SLEEPY_RATE ? 1 : 0,
		.owner = &cycle,
		.next = next_client,
		.done = client_done,
	};
	struct tp_load_sessions *sessions = NULL;
	int err = tp_load_sessions_create(&options, &sessions);

	if (err != 0) {
		return err;
	}
	cycle.waiting = calloc(fleet->client_count, sizeof(cycle.waiting[0]));
	if (cycle.waiting != NULL) {
		for (uint32_t i = 0; i < fleet->client_count; i++) {
			cycle.waiting[cycle.waiting_count++] = &fleet->clients[i];
		}
		measure(&cycle, sessions);
		err = cycle.succeeded == 0 ? TP_EIO : 0;
	} else {
		err = TP_ENOMEM;
	}
	tp_load_sessions_free(&sessions);
	free(cycle.waiting);
	return err;
}

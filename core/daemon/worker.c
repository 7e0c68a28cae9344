/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/worker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/counter.h"
#include "base/list.h"
#include "daemon/crash.h"
#include "host/ticket.h"
#include "io/loop.h"

/* In one the kernel is told, in the next its answers are taken. */
#define LAST_TURNS 3

/* --- the gate ------------------------------------------------------------- */

void tp_gate_init(struct tp_gate *gate)
{
	*gate = (struct tp_gate){.phase = TP_CREW_STARTING};
	pthread_mutex_init(&gate->lock, NULL);
	pthread_cond_init(&gate->changed, NULL);
}

void tp_gate_fini(struct tp_gate *gate)
{
	pthread_cond_destroy(&gate->changed);
	pthread_mutex_destroy(&gate->lock);
}

enum tp_crew_phase tp_gate_pass(struct tp_gate *gate, enum tp_crew_phase done, bool failed)
{
	enum tp_crew_phase next;

	pthread_mutex_lock(&gate->lock);
	gate->waiting++;
	gate->failed += failed;
	pthread_cond_broadcast(&gate->changed);
	while (gate->phase == done) {
		pthread_cond_wait(&gate->changed, &gate->lock);
	}
	next = gate->phase;
	pthread_mutex_unlock(&gate->lock);
	return next;
}

unsigned tp_gate_await(struct tp_gate *gate, unsigned workers)
{
	unsigned failed;

	pthread_mutex_lock(&gate->lock);
	while (gate->waiting < workers) {
		pthread_cond_wait(&gate->changed, &gate->lock);
	}
	failed = gate->failed;
	pthread_mutex_unlock(&gate->lock);
	return failed;
}

void tp_gate_open(struct tp_gate *gate, enum tp_crew_phase next)
{
	pthread_mutex_lock(&gate->lock);
	gate->phase = next;
	gate->waiting = 0;
	pthread_cond_broadcast(&gate->changed);
	pthread_mutex_unlock(&gate->lock);
}

/* --- the worker ----------------------------------------------------------- */

static void on_stop(struct tp_message *message)
{
	struct tp_crew_worker *worker = tp_container_of(message, struct tp_crew_worker, stop);

	tp_loop_stop(worker->worker.loop);
}

int tp_crew_worker_init(struct tp_crew_worker *worker, struct tp_shared *shared, size_t max_parked,
			const struct tp_datagram_backend *backend)
{
	int err = tp_loop_create(NULL, backend, &worker->worker.loop);

	worker->stop.deliver = on_stop;
	tp_retirement_init(&worker->retirement, &worker->worker);
	if (err == 0) {
		err = tp_mailbox_create(worker->worker.loop, &worker->worker.mailbox);
	}
	if (err == 0) {
		err = tp_ticket_table_create(&worker->worker, max_parked, &worker->worker.tickets);
	}
	if (err == 0) {
		/*
		 * No handler is called before the loop runs, and so none before
		 * worker_start.
		 */
		err = tp_server_create(shared, &worker->worker, worker->generation,
				       &worker->server);
		worker->retirement.server = worker->server;
	}
	return err;
}

/* --- a reload --------------------------------------------------------------- */

int tp_crew_worker_prepare(struct tp_crew_worker *worker, struct tp_generation *generation,
			   char problem[TP_PROBLEM_SIZE])
{
	int err = tp_generation_worker_start(generation, &worker->worker, problem);

	if (err == 0) {
		worker->prepared = tp_generation_ref(generation);
	}
	return err;
}

static void renew_certs(struct tp_crew_worker *worker, struct tp_certs *const *certs)
{
	for (size_t i = 0; certs != NULL && i < worker->listener_count; i++) {
		if (certs[i] != NULL && worker->listeners[i] != NULL) {
			tp_listener_use_certs(worker->listeners[i], certs[i]);
		}
	}
}

void tp_crew_worker_change(struct tp_crew_worker *worker, const struct tp_change *change,
			   struct tp_leaving *leaving)
{
	leaving->generation = worker->generation;
	worker->generation = worker->prepared;
	worker->prepared = NULL;
	worker->worker.park_deadline_ms = change->park_deadline_ms;
	renew_certs(worker, change->certs);
	if (worker->server != NULL) {
		tp_server_reload(worker->server, worker->generation, change->settings);
	}
	tp_retirement_add(&worker->retirement, leaving);
}

void tp_crew_worker_abandon(struct tp_crew_worker *worker, struct tp_leaving *leaving)
{
	leaving->generation = worker->prepared;
	worker->prepared = NULL;
	tp_retirement_add(&worker->retirement, leaving);
}

size_t tp_crew_worker_connections(const struct tp_crew_worker *worker)
{
	size_t count = 0;

	for (size_t i = 0; i < worker->listener_count; i++) {
		if (worker->listeners[i] != NULL) {
			count += tp_listener_connections(worker->listeners[i]);
		}
	}
	return count;
}

/* --- the thread --------------------------------------------------------------- */

static void close_listeners(struct tp_crew_worker *worker)
{
	for (size_t i = 0; i < worker->listener_count; i++) {
		tp_listener_close(&worker->listeners[i]);
	}
}

static void serve(struct tp_crew_worker *worker)
{
	tp_loop_run(worker->worker.loop);
	for (size_t i = 0; i < worker->listener_count; i++) {
		tp_listener_pause(worker->listeners[i]);
	}
	tp_server_stop(worker->server);
}

/*
 * Jobs that have ended meanwhile are delivered while the plugins can still hear
 * of them.
 */
static void end(struct tp_crew_worker *worker)
{
	tp_mailbox_close(worker->worker.mailbox);
	close_listeners(worker);
	worker->retirement.server = NULL;
	tp_server_free(&worker->server);
	tp_retirement_finish(&worker->retirement);
	if (worker->prepared != NULL) {
		tp_generation_worker_stop(worker->prepared, &worker->worker);
		tp_generation_unref(&worker->prepared);
	}
	if (worker->error == 0) {
		tp_generation_worker_stop(worker->generation, &worker->worker);
	}
	tp_ticket_table_free(&worker->worker.tickets);
	for (int i = 0; i < LAST_TURNS; i++) { /* sockets that were closed are let go */
		tp_loop_turn(worker->worker.loop);
	}
}

void *tp_crew_worker_run(void *arg)
{
	struct tp_crew_worker *worker = arg;
	char name[16];

	snprintf(name, sizeof(name), "worker-%u", worker->worker.index);
	pthread_setname_np(pthread_self(), name);
	tp_counter_use_row(worker->worker.index + 1);
	tp_worker_enter(&worker->worker);
	tp_crash_stack_open();
	worker->error =
		tp_generation_worker_start(worker->generation, &worker->worker, worker->problem);
	if (tp_gate_pass(worker->gate, TP_CREW_STARTING, worker->error != 0) == TP_CREW_RUNNING) {
		serve(worker);
		tp_gate_pass(worker->gate, TP_CREW_RUNNING, false);
	}
	end(worker);
	tp_crash_stack_close();
	tp_worker_enter(NULL);
	tp_counter_use_row(0);
	return NULL;
}

void tp_crew_worker_stop(struct tp_crew_worker *worker)
{
	tp_mailbox_post(worker->worker.mailbox, &worker->stop);
}

void tp_crew_worker_fini(struct tp_crew_worker *worker)
{
	close_listeners(worker);
	free(worker->listeners);
	tp_server_free(&worker->server);
	tp_ticket_table_free(&worker->worker.tickets);
	tp_mailbox_free(&worker->worker.mailbox);
	tp_loop_free(&worker->worker.loop);
	tp_generation_unref(&worker->generation);
}

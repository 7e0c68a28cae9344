/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/crew.h"

#include <inttypes.h>
#include <stdlib.h>

#include <turnpike/error.h>

#include "daemon/listener.h"
#include "daemon/say.h"
#include "daemon/worker.h"
#include "host/problem.h"
#include "io/datagram.h"
#include "io/job.h"
#include "io/loop.h"
#include "io/socket.h"
#include "turn/shared_relay.h"

#define JOB_THREADS 8
#define JOBS_MAX 10000 /* waiting */

struct tp_crew {
	const struct tp_config *config;
	struct tp_gate gate;
	struct tp_job_pool *jobs;
	const struct tp_datagram_backend *backend;
	struct tp_binding *bindings;
	size_t binding_count;
	struct tp_crew_worker *workers;
	unsigned worker_count;
	unsigned running; /* threads */
};

/* --- create --------------------------------------------------------------- */

static int create_worker(struct tp_crew *crew, unsigned index, struct tp_shared *shared,
			 struct tp_generation *generation)
{
	const struct tp_config *config = crew->config;
	struct tp_crew_worker *worker = &crew->workers[index];
	int err;

	worker->worker.index = index;
	worker->worker.count = crew->worker_count;
	worker->worker.jobs = crew->jobs;
	worker->worker.park_deadline_ms = config->park_deadline_ms;
	worker->gate = &crew->gate;
	worker->generation = tp_generation_ref(generation);
	worker->listeners = calloc(crew->binding_count, sizeof(struct tp_listener *));
	if (worker->listeners == NULL) {
		return TP_ENOMEM;
	}
	err = tp_crew_worker_init(worker, shared, config->max_parked, crew->backend);
	if (err == 0) {
		tp_loop_set_rest(worker->worker.loop, config->rest_us);
	}
	return err;
}

static int choose_backend(struct tp_crew *crew, char problem[TP_PROBLEM_SIZE])
{
	const char *name = crew->config->backend;

	if (name == NULL) {
		crew->backend = tp_datagram_backend_best();
		if (crew->backend != tp_datagram_backends[0]) {
			tp_say(TP_LOG_WARN,
			       "backend %s cannot be used: the kernel is too old, "
			       "or it is forbidden here; using %s",
			       tp_datagram_backends[0]->name, crew->backend->name);
		}
		return 0;
	}
	crew->backend = tp_datagram_backend_named(name);
	if (crew->backend == NULL) {
		return tp_config_problem(crew->config, "io", "backend", problem, TP_EINVAL,
					 "%s is not built into this program", name);
	}
	if (!tp_datagram_backend_usable(crew->backend)) {
		return tp_config_problem(
			crew->config, "io", "backend", problem, TP_EIO,
			"%s cannot be used: the kernel is too old, or it is forbidden here", name);
	}
	return 0;
}

int tp_crew_create(const struct tp_config *config, unsigned workers, struct tp_shared *shared,
		   struct tp_generation *generation, char problem[TP_PROBLEM_SIZE],
		   struct tp_crew **out)
{
	struct tp_crew *crew = calloc(1, sizeof(*crew));
	int err = TP_ENOMEM;

	if (crew == NULL) {
		return tp_problem(problem, err, "out of memory");
	}
	crew->config = config;
	tp_gate_init(&crew->gate);
	err = choose_backend(crew, problem);
	if (err != 0) {
		tp_crew_free(&crew);
		return err;
	}
	err = TP_ENOMEM;
	crew->bindings = tp_bindings_create(config, &crew->binding_count);
	crew->workers = calloc(workers, sizeof(*crew->workers));
	if (crew->bindings != NULL && crew->workers != NULL) {
		err = tp_job_pool_create(JOB_THREADS, JOBS_MAX, &crew->jobs);
	}
	crew->worker_count = crew->workers == NULL ? 0 : workers;
	for (unsigned i = 0; err == 0 && i < crew->worker_count; i++) {
		err = create_worker(crew, i, shared, generation);
	}
	if (err != 0) {
		tp_crew_free(&crew);
		return tp_problem(problem, err, "cannot set up %u workers: %s", workers,
				  tp_error_string(err));
	}
	*out = crew;
	return 0;
}

/* --- listen --------------------------------------------------------------- */

static int listen_problem(const struct tp_crew *crew, const struct tp_binding *binding, int err,
			  char problem[TP_PROBLEM_SIZE])
{
	const char *sentence = tp_error_string(err);
	char text[TP_ADDR_STRING];

	if (err == TP_EPERM) {
		sentence = "not permitted; ports below 1024 need CAP_NET_BIND_SERVICE";
	} else if (err == TP_EFULL) {
		sentence = "too few descriptors or too little memory";
	} else if (err == TP_EIO) {
		sentence = "the system refuses it; does this host have the address?";
	}
	return tp_config_problem(crew->config, binding->config->section, "address", problem, err,
				 "%s %s: %s", tp_transport_name(binding->transport),
				 tp_addr_format(&binding->addr, text), sentence);
}

/*
 * Bound once for a moment, so that a wrong address shows now and not to the
 * first client.
 */
static int check_relay_addresses(const struct tp_crew *crew, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_turn_options *turn = &crew->config->turn;

	for (size_t i = 0; i < turn->relay_count; i++) {
		const struct tp_socket_options options = {.bind_addr = turn->relay[i].bind_addr};
		char text[TP_ADDR_STRING];
		int fd = -1;
		int err = tp_socket_open_udp(&options, &fd);

		tp_socket_close(&fd);
		if (err != 0) {
			return tp_config_problem(
				crew->config, "relay", "address", problem, err,
				"%s cannot be bound; does this host have the address?",
				tp_addr_format(&turn->relay[i].bind_addr, text));
		}
	}
	return 0;
}

static int shared_problem(const struct tp_crew *crew, const struct tp_addr *refused, int err,
			  char problem[TP_PROBLEM_SIZE])
{
	char text[TP_ADDR_STRING];

	if (refused->family == TP_FAMILY_NONE) {
		return tp_config_problem(crew->config, "relay", "shared_ports", problem, err, "%s",
					 tp_error_string(err));
	}
	return tp_config_problem(crew->config, "relay", "shared_ports", problem, err,
				 err == TP_EADDRINUSE ? "udp %s: another program has this port"
						      : "udp %s: cannot be opened",
				 tp_addr_format(refused, text));
}

static int open_shared_relays(struct tp_crew *crew, char problem[TP_PROBLEM_SIZE])
{
	for (unsigned i = 0; i < crew->worker_count; i++) {
		struct tp_addr refused;
		int err = tp_shared_relays_open(crew->workers[i].server, &refused);

		if (err != 0) {
			return shared_problem(crew, &refused, err, problem);
		}
	}
	return 0;
}

static void join_listeners(struct tp_crew *crew)
{
	for (size_t i = 0; i < crew->binding_count; i++) {
		for (unsigned w = 0; crew->bindings[i].behavior && w < crew->worker_count; w++) {
			tp_listener_join(&crew->workers[w].listeners[i]);
		}
	}
}

int tp_crew_listen(struct tp_crew *crew, char problem[TP_PROBLEM_SIZE])
{
	int err = check_relay_addresses(crew, problem);

	if (err == 0) {
		err = open_shared_relays(crew, problem);
	}
	if (err != 0) {
		return err;
	}
	for (size_t i = 0; i < crew->binding_count; i++) {
		for (unsigned w = 0; w < crew->worker_count; w++) {
			struct tp_crew_worker *worker = &crew->workers[w];

			err = tp_listener_open(worker->worker.loop, &crew->bindings[i], w == 0,
					       tp_server_handler(worker->server),
					       &worker->listeners[i]);
			if (err != 0) {
				return listen_problem(crew, &crew->bindings[i], err, problem);
			}
			worker->listener_count = i + 1;
		}
	}
	join_listeners(crew);
	return 0;
}

unsigned tp_crew_size(const struct tp_crew *crew)
{
	return crew->worker_count;
}

struct tp_crew_worker *tp_crew_worker(const struct tp_crew *crew, unsigned index)
{
	return &crew->workers[index];
}

const struct tp_binding *tp_crew_bindings(const struct tp_crew *crew, size_t *count)
{
	*count = crew->binding_count;
	return crew->bindings;
}

const char *tp_crew_backend(const struct tp_crew *crew)
{
	return crew->backend->name;
}

static void say_shared_relays(const struct tp_crew *crew)
{
	const struct tp_turn_options *turn = &crew->config->turn;
	uint32_t ports = tp_shared_relays_ports(turn->shared_ports, crew->worker_count);
	char text[TP_ADDR_STRING];

	for (size_t i = 0; ports != 0 && i < turn->relay_count; i++) {
		tp_say(TP_LOG_INFO, "relaying address=%s shared_ports=%u-%" PRIu32,
		       tp_addr_format(&turn->relay[i].bind_addr, text), turn->port_min,
		       turn->port_min + ports - 1);
	}
}

void tp_crew_say_listeners(const struct tp_crew *crew)
{
	for (size_t i = 0; i < crew->binding_count; i++) {
		const struct tp_binding *binding = &crew->bindings[i];
		enum tp_transport transport;
		char text[TP_ADDR_STRING];

		for (size_t at = 0; tp_binding_transport(binding, at, &transport); at++) {
			tp_say(TP_LOG_INFO, "listening transport=%s address=%s",
			       tp_transport_name(transport), tp_addr_format(&binding->addr, text));
		}
	}
	say_shared_relays(crew);
}

/* --- start and stop ------------------------------------------------------- */

static void join_all(struct tp_crew *crew)
{
	tp_gate_open(&crew->gate, TP_CREW_ENDING);
	for (unsigned i = 0; i < crew->running; i++) {
		pthread_join(crew->workers[i].thread, NULL);
	}
	crew->running = 0;
}

/* Jobs run to their end; "done" of each is delivered before plugins stop. */
static void end_jobs(struct tp_crew *crew)
{
	for (unsigned i = 0; i < crew->worker_count; i++) {
		crew->workers[i].worker.jobs = NULL;
	}
	tp_job_pool_free(&crew->jobs);
}

static int start_problem(const struct tp_crew *crew, char problem[TP_PROBLEM_SIZE])
{
	for (unsigned i = 0; i < crew->worker_count; i++) {
		const struct tp_crew_worker *worker = &crew->workers[i];

		if (worker->error != 0) {
			return tp_problem(problem, worker->error, "%s", worker->problem);
		}
	}
	return tp_problem(problem, TP_EIO, "cannot start %u worker threads", crew->worker_count);
}

int tp_crew_start(struct tp_crew *crew, char problem[TP_PROBLEM_SIZE])
{
	while (crew->running < crew->worker_count) {
		struct tp_crew_worker *worker = &crew->workers[crew->running];

		if (pthread_create(&worker->thread, NULL, tp_crew_worker_run, worker) != 0) {
			break;
		}
		crew->running++;
	}
	if (tp_gate_await(&crew->gate, crew->running) == 0 && crew->running == crew->worker_count) {
		tp_gate_open(&crew->gate, TP_CREW_RUNNING);
		return 0;
	}
	end_jobs(crew);
	join_all(crew);
	return start_problem(crew, problem);
}

void tp_crew_stop(struct tp_crew *crew)
{
	for (unsigned i = 0; i < crew->running; i++) {
		tp_crew_worker_stop(&crew->workers[i]);
	}
	tp_gate_await(&crew->gate, crew->running);
	end_jobs(crew);
	join_all(crew);
}

void tp_crew_free(struct tp_crew **where)
{
	struct tp_crew *crew = *where;

	if (crew == NULL) {
		return;
	}
	end_jobs(crew);
	for (unsigned i = 0; i < crew->worker_count; i++) {
		tp_crew_worker_fini(&crew->workers[i]);
	}
	free(crew->workers);
	free(crew->bindings);
	tp_gate_fini(&crew->gate);
	free(crew);
	*where = NULL;
}

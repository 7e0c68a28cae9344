/* SPDX-License-Identifier: Apache-2.0 */
#include "host/generation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "host/instance_body.h"
#include "host/problem.h"
#include "host/worker.h"

/* Each worker has a cell of its own. */
struct busy {
	_Alignas(64) size_t amount;
};

struct tp_generation_counts {
	_Atomic size_t references;
	struct tp_generation *generation;
	struct tp_generation_counts *next; /* in the list of those to be reaped */
	unsigned workers;
	struct busy *busy;
};

static pthread_mutex_t retired_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tp_generation_counts *retired;

/* Main thread only. */
static unsigned last_number;

static void free_realms(struct tp_chains *realms, size_t count)
{
	for (size_t i = 0; realms != NULL && i < count; i++) {
		tp_chains_fini(&realms[i]);
	}
	free(realms);
}

static void generation_free(struct tp_generation *generation)
{
	tp_chains_fini(&generation->all);
	free_realms(generation->realms, generation->realm_count);
	while (generation->instance_count > 0) { /* latest first */
		tp_instance_free(&generation->instances[--generation->instance_count]);
	}
	free(generation->instances);
	if (generation->counts != NULL) {
		free(generation->counts->busy);
		free(generation->counts);
	}
	free(generation);
}

static struct tp_generation *generation_alloc(size_t count, unsigned workers)
{
	struct tp_generation *generation = calloc(1, sizeof(*generation));
	size_t busy_size = (workers != 0 ? workers : 1) * sizeof(struct busy);

	if (generation == NULL) {
		return NULL;
	}
	generation->instances = calloc(count != 0 ? count : 1, sizeof(struct tp_instance *));
	generation->counts = calloc(1, sizeof(*generation->counts));
	if (generation->instances == NULL || generation->counts == NULL) {
		generation_free(generation);
		return NULL;
	}
	generation->counts->generation = generation;
	generation->counts->workers = workers;
	generation->counts->busy = aligned_alloc(_Alignof(struct busy), busy_size);
	if (generation->counts->busy == NULL) {
		generation_free(generation);
		return NULL;
	}
	memset(generation->counts->busy, 0, busy_size);
	atomic_init(&generation->counts->references, 1);
	return generation;
}

static struct tp_instance *find_name(const struct tp_generation *generation, const char *name)
{
	for (size_t i = 0; i < generation->instance_count; i++) {
		if (strcmp(generation->instances[i]->name, name) == 0) {
			return generation->instances[i];
		}
	}
	return NULL;
}

static int add_instance(struct tp_generation *generation, const struct tp_instance_config *config,
			const char *plugin_dir, unsigned workers, char problem[TP_PROBLEM_SIZE])
{
	char sentence[TP_PROBLEM_SIZE];
	struct tp_loaded *loaded = NULL;
	struct tp_instance *instance = NULL;
	int err;

	if (find_name(generation, config->name) != NULL) {
		return tp_problem(problem, TP_EINVAL, "%s: plugin %s is enabled twice",
				  config->config_file, config->name);
	}
	err = tp_loader_open(config->file, plugin_dir, sentence, &loaded);
	if (err != 0) {
		return tp_problem(problem, err, "%s: [plugin.%s] %s", config->config_file,
				  config->name, sentence);
	}
	err = tp_instance_create(config, loaded, workers, problem, &instance);
	if (err != 0) {
		return err;
	}
	instance->generation = generation;
	generation->instances[generation->instance_count++] = instance;
	return 0;
}

/* --- realms ---------------------------------------------------------------------- */

static int make_realm(const struct tp_generation *generation, const struct tp_realm_plugins *realm,
		      struct tp_chains *chains, char problem[TP_PROBLEM_SIZE])
{
	struct tp_instance **instances = calloc(realm->count + 1, sizeof(struct tp_instance *));
	int err = instances == NULL ? TP_ENOMEM : 0;

	for (size_t i = 0; err == 0 && i < realm->count; i++) {
		instances[i] = find_name(generation, realm->names[i]);
		if (instances[i] == NULL) {
			err = tp_problem(problem, TP_ENOENT, "there is no plugin \"%.64s\"",
					 realm->names[i]);
		}
	}
	if (err == 0) {
		err = tp_chains_init(chains, instances, realm->count);
	}
	free(instances);
	return err == TP_ENOMEM ? tp_problem(problem, err, "out of memory") : err;
}

int tp_generation_set_realms(struct tp_generation *generation,
			     const struct tp_realm_plugins *realms, size_t count,
			     char problem[TP_PROBLEM_SIZE])
{
	struct tp_chains *made = calloc(count, sizeof(*made));
	int err = 0;

	if (made == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	for (size_t i = 0; err == 0 && i < count; i++) {
		err = make_realm(generation, &realms[i], &made[i], problem);
	}
	if (err != 0) {
		free_realms(made, count);
		return err;
	}
	free_realms(generation->realms, generation->realm_count);
	generation->realms = made;
	generation->realm_count = count;
	return 0;
}

static int make_chains(struct tp_generation *generation, char problem[TP_PROBLEM_SIZE])
{
	generation->realms = calloc(1, sizeof(*generation->realms));
	if (generation->realms != NULL) {
		generation->realm_count = 1;
		if (tp_chains_init(&generation->all, generation->instances,
				   generation->instance_count) == 0 &&
		    tp_chains_init(&generation->realms[0], generation->instances,
				   generation->instance_count) == 0) {
			return 0;
		}
	}
	return tp_problem(problem, TP_ENOMEM, "out of memory");
}

/* --- life ------------------------------------------------------------------------ */

int tp_generation_create(const struct tp_instance_config *configs, size_t count,
			 const char *plugin_dir, unsigned workers, char problem[TP_PROBLEM_SIZE],
			 struct tp_generation **out)
{
	struct tp_generation *generation = generation_alloc(count, workers);
	int err = 0;

	if (generation == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	for (size_t i = 0; err == 0 && i < count; i++) {
		err = add_instance(generation, &configs[i], plugin_dir, workers, problem);
	}
	if (err == 0) {
		err = make_chains(generation, problem);
	}
	if (err != 0) {
		generation_free(generation);
		return err;
	}
	generation->number = ++last_number;
	*out = generation;
	return 0;
}

struct tp_instance *tp_generation_find_same(const struct tp_generation *generation,
					    const struct tp_instance *wanted)
{
	for (size_t i = 0; i < generation->instance_count; i++) {
		if (tp_instance_same(generation->instances[i], wanted)) {
			return generation->instances[i];
		}
	}
	return NULL;
}

int tp_generation_adopt(struct tp_generation *generation, struct tp_generation *previous,
			char problem[TP_PROBLEM_SIZE])
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < generation->instance_count; i++) {
		struct tp_instance *same =
			tp_generation_find_same(previous, generation->instances[i]);

		if (same != NULL) {
			err = tp_instance_adopt(generation->instances[i], same, problem);
		}
	}
	return err;
}

struct tp_generation *tp_generation_ref(struct tp_generation *generation)
{
	atomic_fetch_add_explicit(&generation->counts->references, 1, memory_order_relaxed);
	return generation;
}

void tp_generation_unref(struct tp_generation **where)
{
	struct tp_generation *generation = *where;
	struct tp_generation_counts *counts;

	if (generation == NULL) {
		return;
	}
	*where = NULL;
	counts = generation->counts;
	if (atomic_fetch_sub_explicit(&counts->references, 1, memory_order_acq_rel) != 1) {
		return;
	}
	pthread_mutex_lock(&retired_lock);
	counts->next = retired;
	retired = counts;
	pthread_mutex_unlock(&retired_lock);
}

void tp_generation_reap(void)
{
	struct tp_generation_counts *list;

	pthread_mutex_lock(&retired_lock);
	list = retired;
	retired = NULL;
	pthread_mutex_unlock(&retired_lock);
	while (list != NULL) {
		struct tp_generation_counts *next = list->next;

		generation_free(list->generation);
		list = next;
	}
}

static void stop_first(struct tp_generation *generation, size_t count, struct tp_worker *worker)
{
	while (count > 0) {
		tp_instance_worker_stop(generation->instances[--count], worker);
	}
}

int tp_generation_worker_start(struct tp_generation *generation, struct tp_worker *worker,
			       char problem[TP_PROBLEM_SIZE])
{
	for (size_t i = 0; i < generation->instance_count; i++) {
		int err = tp_instance_worker_start(generation->instances[i], worker, problem);

		if (err != 0) {
			stop_first(generation, i, worker);
			return err;
		}
	}
	return 0;
}

void tp_generation_worker_stop(struct tp_generation *generation, struct tp_worker *worker)
{
	stop_first(generation, generation->instance_count, worker);
}

size_t tp_generation_busy(const struct tp_generation *generation, const struct tp_worker *worker)
{
	tp_assert(worker->index < generation->counts->workers);
	return generation->counts->busy[worker->index].amount;
}

void tp_generation_add_busy(struct tp_generation *generation, const struct tp_worker *worker,
			    int amount)
{
	tp_assert(worker->index < generation->counts->workers);
	generation->counts->busy[worker->index].amount += (size_t)amount;
}

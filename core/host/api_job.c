/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/job.h>

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/list.h"
#include "host/generation.h"
#include "host/instance_body.h"
#include "host/place.h"
#include "host/worker.h"
#include "io/job.h"

/* A plugin's job; it keeps the plugin's code in memory until "done" has returned. */
struct plugin_job {
	struct tp_job job;
	struct tp_worker *worker;
	struct tp_generation *generation; /* a reference; NULL for an instance without */
	const char *instance;             /* its name */
	void (*run)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

static void job_free(struct plugin_job *job)
{
	if (job->generation != NULL) {
		tp_generation_add_busy(job->generation, job->worker, -1);
		tp_generation_unref(&job->generation);
	}
	free(job);
}

static void run(struct tp_job *pool_job)
{
	struct plugin_job *job = tp_container_of(pool_job, struct plugin_job, job);
	const struct tp_place place = {job->instance, "job"};
	const struct tp_place *before = tp_place_enter(&place);

	job->run(job->arg);
	tp_place_leave(before);
}

static void done(struct tp_job *pool_job)
{
	struct plugin_job *job = tp_container_of(pool_job, struct plugin_job, job);

	const struct tp_place place = {job->instance, "job's end"};
	const struct tp_place *before = tp_place_enter(&place);

	if (job->done != NULL) {
		job->done(job->arg);
	}
	tp_place_leave(before);
	job_free(job);
}

int tp_job_submit(struct tp_instance *self, void (*on_run)(void *arg), void (*on_done)(void *arg),
		  void *arg)
{
	struct tp_worker *worker = tp_worker_current();
	struct plugin_job *job;
	int err;

	if (worker == NULL || on_run == NULL) {
		return TP_EINVAL;
	}
	if (worker->jobs == NULL) {
		return TP_ESHUTDOWN;
	}
	job = calloc(1, sizeof(*job));
	if (job == NULL) {
		return TP_ENOMEM;
	}
	job->job.run = run;
	job->job.done = done;
	job->worker = worker;
	job->instance = self->name;
	job->run = on_run;
	job->done = on_done;
	job->arg = arg;
	if (self->generation != NULL) {
		job->generation = tp_generation_ref(self->generation);
		tp_generation_add_busy(job->generation, worker, 1);
	}
	err = tp_job_pool_submit(worker->jobs, &job->job, worker->mailbox);
	if (err != 0) {
		job_free(job);
	}
	return err;
}

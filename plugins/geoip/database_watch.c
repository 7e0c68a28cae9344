/* SPDX-License-Identifier: Apache-2.0 */
#include "database_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <turnpike/plugin.h>

#define SETTLE_MS 250

struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct database_watch {
	struct tp_instance *self;
	const char *path;
	pthread_mutex_t lock;
	struct database *database; /* under the lock */
	struct tp_counter *reloads;
	struct tp_counter *failures;

	/* Of the worker that looks, and of its job while that runs. */
	uint64_t interval_ms;
	struct tp_worker_timer *timer;
	struct stamp seen;    /* of the file last read, well or not */
	struct stamp settles; /* of the file that waits to be read */
	bool settling;
	bool stopped;
};

static void look_later(struct database_watch *watch);

struct database *database_watch_get(struct database_watch *watch)
{
	struct database *database;

	if (watch == NULL) {
		return NULL;
	}
	pthread_mutex_lock(&watch->lock);
	database = database_ref(watch->database);
	pthread_mutex_unlock(&watch->lock);
	return database;
}

/* --- on a job's thread ---------------------------------------------------------------- */

/* All zero when there is no file. */
static struct stamp take_stamp(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0) {
		return (struct stamp){0};
	}
	return (struct stamp){status.st_dev, status.st_ino, status.st_size, status.st_mtim};
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static void read_again(struct database_watch *watch)
{
	char problem[DATABASE_PROBLEM_SIZE];
	struct database *database;
	struct database *before;

	if (database_open(watch->path, &database, problem) != 0) {
		tp_counter_add(watch->failures, 1);
		tp_log(watch->self, TP_LOG_ERROR, "%s; the database stays as it was", problem);
		return;
	}
	pthread_mutex_lock(&watch->lock);
	before = watch->database;
	watch->database = database;
	pthread_mutex_unlock(&watch->lock);
	database_unref(&before);
	tp_counter_add(watch->reloads, 1);
	tp_log(watch->self, TP_LOG_INFO, "%s has changed and is in use", watch->path);
}

/* A file is read when it looks the same twice: whoever writes it has finished. */
static void look(void *arg)
{
	struct database_watch *watch = arg;
	struct stamp now = take_stamp(watch->path);
	bool stands_still = watch->settling && same_stamp(&now, &watch->settles);

	watch->settling = false;
	if (same_stamp(&now, &watch->seen)) {
		return;
	}
	if (stands_still) {
		watch->seen = now;
		read_again(watch);
		return;
	}
	watch->settles = now;
	watch->settling = true;
}

/* --- on the worker's ------------------------------------------------------------------ */

static void looked(void *arg)
{
	look_later(arg);
}

static void look_now(struct tp_instance *self, void *arg)
{
	struct database_watch *watch = arg;

	watch->timer = NULL;
	if (tp_job_submit(self, look, looked, watch) != 0) {
		look_later(watch);
	}
}

static void look_later(struct database_watch *watch)
{
	uint64_t after_ms = watch->interval_ms;

	if (watch->stopped) {
		return;
	}
	if (watch->settling && after_ms > SETTLE_MS) {
		after_ms = SETTLE_MS;
	}
	watch->timer =
		tp_worker_timer_start(watch->self, tp_worker_current(), after_ms, look_now, watch);
	if (watch->timer == NULL) {
		tp_log(watch->self, TP_LOG_ERROR,
		       "out of memory: changes of %s go unnoticed from now on", watch->path);
	}
}

void database_watch_start(struct database_watch *watch, uint64_t interval_ms)
{
	if (watch != NULL && interval_ms != 0) {
		watch->interval_ms = interval_ms;
		look_later(watch);
	}
}

void database_watch_stop(struct database_watch *watch)
{
	if (watch != NULL) {
		watch->stopped = true;
		tp_worker_timer_cancel(&watch->timer);
	}
}

/* --- life ------------------------------------------------------------------------------ */

int database_watch_create(struct tp_instance *self, const char *option, struct database_watch **out)
{
	struct database_watch *watch = calloc(1, sizeof(*watch));
	char problem[DATABASE_PROBLEM_SIZE];
	int err;

	if (watch == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	watch->self = self;
	watch->path = tp_option_string(self, option);
	pthread_mutex_init(&watch->lock, NULL);
	watch->reloads = tp_counter_create(self, "reloads", "times a changed file was taken up");
	watch->failures =
		tp_counter_create(self, "reload_failures", "times a changed file was refused");
	watch->seen = take_stamp(watch->path);
	err = database_open(watch->path, &watch->database, problem);
	if (err != 0) {
		database_watch_free(&watch);
		return tp_instance_fail(self, err, "%s: %s", option, problem);
	}
	*out = watch;
	return 0;
}

void database_watch_free(struct database_watch **watch)
{
	if (*watch != NULL) {
		database_unref(&(*watch)->database);
		pthread_mutex_destroy(&(*watch)->lock);
		free(*watch);
	}
	*watch = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "file_watch.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <turnpike/plugin.h>

#define SETTLE_MS 250

/* Tells one state of a file from another; all 0 when there is none. */
struct stamp {
	struct timespec changed;
	struct timespec modified;
	uint64_t size;
	uint64_t inode;
	uint64_t device;
};

struct file_watch {
	struct tp_instance *self;
	const char *path;
	file_watch_read_fn read;
	void *owner;
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

static void look_later(struct file_watch *watch);

static struct stamp take_stamp(const char *path)
{
	struct stamp stamp = {.size = 0};
	struct stat status;

	if (stat(path, &status) == 0) {
		stamp.changed = status.st_ctim;
		stamp.modified = status.st_mtim;
		stamp.size = (uint64_t)status.st_size;
		stamp.inode = status.st_ino;
		stamp.device = status.st_dev;
	}
	return stamp;
}

static bool times_equal(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool stamps_equal(const struct stamp *a, const struct stamp *b)
{
	return times_equal(&a->changed, &b->changed) && times_equal(&a->modified, &b->modified) &&
	       a->size == b->size && a->inode == b->inode && a->device == b->device;
}

/* On a job's thread. */
static void look(void *arg)
{
	struct file_watch *watch = arg;
	struct stamp now = take_stamp(watch->path);
	bool stands_still = watch->settling && stamps_equal(&now, &watch->settles);

	watch->settling = false;
	if (stamps_equal(&now, &watch->seen)) {
		return;
	}
	if (stands_still) {
		watch->seen = now;
		tp_counter_add(watch->read(watch->owner) ? watch->reloads : watch->failures, 1);
		return;
	}
	watch->settles = now;
	watch->settling = true;
}

static void looked(void *arg)
{
	look_later(arg);
}

static void look_now(struct tp_instance *self, void *arg)
{
	struct file_watch *watch = arg;

	watch->timer = NULL;
	if (tp_job_submit(self, look, looked, watch) != 0) {
		look_later(watch);
	}
}

static void look_later(struct file_watch *watch)
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

void file_watch_start(struct file_watch *watch, uint64_t interval_ms)
{
	watch->interval_ms = interval_ms;
	if (interval_ms != 0) {
		look_later(watch);
	}
}

void file_watch_stop(struct file_watch *watch)
{
	watch->stopped = true;
	tp_worker_timer_cancel(&watch->timer);
}

struct file_watch *file_watch_create(struct tp_instance *self, const char *path,
				     file_watch_read_fn read, void *owner)
{
	struct file_watch *watch = calloc(1, sizeof(*watch));

	if (watch == NULL) {
		return NULL;
	}
	watch->self = self;
	watch->path = path;
	watch->read = read;
	watch->owner = owner;
	watch->reloads = tp_counter_create(self, "reloads", "times a changed file was taken up");
	watch->failures =
		tp_counter_create(self, "reload_failures", "times a changed file was refused");
	watch->seen = take_stamp(path);
	return watch;
}

void file_watch_free(struct file_watch **watch)
{
	free(*watch);
	*watch = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "key_watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <turnpike/plugin.h>

/* Tells one state of a file from another. */
struct stamp {
	struct timespec changed;
	uint64_t size;
	uint64_t inode;
};

struct key_watch {
	struct tp_instance *self;
	const char *path;
	pthread_mutex_t lock;
	struct key_ring *keys; /* under the lock */
	struct tp_counter *reloads;
	struct tp_counter *failures;

	/* Of the worker that looks, and of its job while that runs. */
	uint64_t interval_ms;
	struct tp_worker_timer *timer;
	struct stamp seen; /* of the file last read, well or not */
	bool stopped;
};

static void look_later(struct key_watch *watch);

struct key_ring *key_watch_keys(struct key_watch *watch)
{
	struct key_ring *keys;

	pthread_mutex_lock(&watch->lock);
	keys = key_ring_ref(watch->keys);
	pthread_mutex_unlock(&watch->lock);
	return keys;
}

/* All 0 when there is none. */
static struct stamp take_stamp(const char *path)
{
	struct stamp stamp = {.size = 0};
	struct stat status;

	if (stat(path, &status) == 0) {
		stamp.changed = status.st_ctim;
		stamp.size = (uint64_t)status.st_size;
		stamp.inode = status.st_ino;
	}
	return stamp;
}

static bool stamps_equal(const struct stamp *a, const struct stamp *b)
{
	return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec &&
	       a->size == b->size && a->inode == b->inode;
}

static void say_read(const struct key_watch *watch, const struct key_ring *keys)
{
	tp_log(watch->self, TP_LOG_INFO, "%s read keys=%zu", watch->path, key_ring_count(keys));
	if (key_ring_is_open(keys)) {
		tp_log(watch->self, TP_LOG_WARN, "%s can be read by everybody: chmod 640",
		       watch->path);
	}
}

/* --- on a job's thread ---------------------------------------------------------------- */

static void replace_keys(struct key_watch *watch, struct key_ring *keys)
{
	struct key_ring *before;

	pthread_mutex_lock(&watch->lock);
	before = watch->keys;
	watch->keys = keys;
	pthread_mutex_unlock(&watch->lock);
	key_ring_unref(&before);
}

static void look(void *arg)
{
	struct key_watch *watch = arg;
	struct stamp now = take_stamp(watch->path);
	char problem[KEY_RING_PROBLEM_SIZE];
	struct key_ring *keys;

	if (stamps_equal(&now, &watch->seen)) {
		return;
	}
	watch->seen = now;
	if (key_ring_read(watch->path, problem, &keys) != 0) {
		tp_counter_add(watch->failures, 1);
		tp_log(watch->self, TP_LOG_ERROR, "%s; the keys stay as they were", problem);
		return;
	}
	tp_counter_add(watch->reloads, 1);
	say_read(watch, keys);
	replace_keys(watch, keys);
}

/* --- on the worker's ------------------------------------------------------------------ */

static void looked(void *arg)
{
	look_later(arg);
}

static void look_now(struct tp_instance *self, void *arg)
{
	struct key_watch *watch = arg;

	watch->timer = NULL;
	if (tp_job_submit(self, look, looked, watch) != 0) {
		look_later(watch);
	}
}

static void look_later(struct key_watch *watch)
{
	if (watch->stopped) {
		return;
	}
	watch->timer = tp_worker_timer_start(watch->self, tp_worker_current(), watch->interval_ms,
					     look_now, watch);
	if (watch->timer == NULL) {
		tp_log(watch->self, TP_LOG_ERROR,
		       "out of memory: changes of %s go unnoticed from now on", watch->path);
	}
}

void key_watch_start(struct key_watch *watch, uint64_t interval_ms)
{
	watch->interval_ms = interval_ms;
	if (interval_ms != 0) {
		look_later(watch);
	}
}

void key_watch_stop(struct key_watch *watch)
{
	watch->stopped = true;
	tp_worker_timer_cancel(&watch->timer);
}

/* --- life ------------------------------------------------------------------------------ */

int key_watch_create(struct tp_instance *self, const char *path, struct key_watch **out)
{
	struct key_watch *watch = calloc(1, sizeof(*watch));
	char problem[KEY_RING_PROBLEM_SIZE];
	int err;

	if (watch == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	watch->self = self;
	watch->path = path;
	pthread_mutex_init(&watch->lock, NULL);
	watch->reloads = tp_counter_create(self, "reloads", "times a changed file was taken up");
	watch->failures =
		tp_counter_create(self, "reload_failures", "times a changed file was refused");
	watch->seen = take_stamp(path);
	err = key_ring_read(path, problem, &watch->keys);
	if (err != 0) {
		key_watch_free(&watch);
		return tp_instance_fail(self, err, "keys_file: %s", problem);
	}
	say_read(watch, watch->keys);
	*out = watch;
	return 0;
}

void key_watch_free(struct key_watch **watch)
{
	if (*watch != NULL) {
		key_ring_unref(&(*watch)->keys);
		pthread_mutex_destroy(&(*watch)->lock);
		free(*watch);
	}
	*watch = NULL;
}

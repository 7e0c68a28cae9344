/* SPDX-License-Identifier: Apache-2.0 */
#include "key_watch.h"

#include <pthread.h>
#include <stdlib.h>

#include <turnpike/plugin.h>

#include "common/file_watch.h"

struct key_watch {
	struct tp_instance *self;
	const char *path;
	pthread_mutex_t lock;
	struct key_ring *keys; /* under the lock */
	struct file_watch *changes;
};

struct key_ring *key_watch_keys(struct key_watch *watch)
{
	struct key_ring *keys;

	pthread_mutex_lock(&watch->lock);
	keys = key_ring_ref(watch->keys);
	pthread_mutex_unlock(&watch->lock);
	return keys;
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

static bool read_again(void *owner)
{
	struct key_watch *watch = owner;
	char problem[KEY_RING_PROBLEM_SIZE];
	struct key_ring *keys;

	if (key_ring_read(watch->path, problem, &keys) != 0) {
		tp_log(watch->self, TP_LOG_ERROR, "%s; the keys stay as they were", problem);
		return false;
	}
	say_read(watch, keys);
	replace_keys(watch, keys);
	return true;
}

/* --- on the worker's ------------------------------------------------------------------ */

void key_watch_start(struct key_watch *watch, uint64_t interval_ms)
{
	file_watch_start(watch->changes, interval_ms);
}

void key_watch_stop(struct key_watch *watch)
{
	file_watch_stop(watch->changes);
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
	watch->changes = file_watch_create(self, path, read_again, watch);
	if (watch->changes == NULL) {
		key_watch_free(&watch);
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
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
		file_watch_free(&(*watch)->changes);
		key_ring_unref(&(*watch)->keys);
		pthread_mutex_destroy(&(*watch)->lock);
		free(*watch);
	}
	*watch = NULL;
}

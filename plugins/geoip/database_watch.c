/* SPDX-License-Identifier: Apache-2.0 */
#include "database_watch.h"

#include <pthread.h>
#include <stdlib.h>

#include <turnpike/plugin.h>

#include "common/file_watch.h"

struct database_watch {
	struct tp_instance *self;
	const char *path;
	pthread_mutex_t lock;
	struct database *database; /* under the lock */
	struct file_watch *changes;
};

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

static bool read_again(void *owner)
{
	struct database_watch *watch = owner;
	char problem[DATABASE_PROBLEM_SIZE];
	struct database *database;
	struct database *before;

	if (database_open(watch->path, &database, problem) != 0) {
		tp_log(watch->self, TP_LOG_ERROR, "%s; the database stays as it was", problem);
		return false;
	}
	pthread_mutex_lock(&watch->lock);
	before = watch->database;
	watch->database = database;
	pthread_mutex_unlock(&watch->lock);
	database_unref(&before);
	tp_log(watch->self, TP_LOG_INFO, "%s has changed and is in use", watch->path);
	return true;
}

/* --- on the worker's ------------------------------------------------------------------ */

void database_watch_start(struct database_watch *watch, uint64_t interval_ms)
{
	if (watch != NULL) {
		file_watch_start(watch->changes, interval_ms);
	}
}

void database_watch_stop(struct database_watch *watch)
{
	if (watch != NULL) {
		file_watch_stop(watch->changes);
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
	watch->changes = file_watch_create(self, watch->path, read_again, watch);
	if (watch->changes == NULL) {
		database_watch_free(&watch);
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
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
		file_watch_free(&(*watch)->changes);
		database_unref(&(*watch)->database);
		pthread_mutex_destroy(&(*watch)->lock);
		free(*watch);
	}
	*watch = NULL;
}

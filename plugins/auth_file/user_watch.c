/* SPDX-License-Identifier: Apache-2.0 */
#include "user_watch.h"

#include <pthread.h>
#include <stdlib.h>

#include <turnpike/plugin.h>

#include "user_file.h"

#define SETTLE_MS 250

struct user_watch {
	struct tp_instance *self;
	const char *path;
	pthread_mutex_t lock;
	struct user_table *users; /* under the lock */
	struct tp_counter *reloads;
	struct tp_counter *failures;

	/* Of the worker that looks, and of its job while that runs. */
	uint64_t interval_ms;
	struct tp_worker_timer *timer;
	struct user_file_stamp seen;    /* of the file last read, well or not */
	struct user_file_stamp settles; /* of the file that waits to be read */
	bool settling;
	bool stopped;
};

static void look_later(struct user_watch *watch);

struct user_table *user_watch_users(struct user_watch *watch)
{
	struct user_table *users;

	pthread_mutex_lock(&watch->lock);
	users = user_table_ref(watch->users);
	pthread_mutex_unlock(&watch->lock);
	return users;
}

/* --- on a job's thread ---------------------------------------------------------------- */

static void warn_of_readers(const struct user_watch *watch)
{
	if (user_file_is_open(watch->path)) {
		tp_log(watch->self, TP_LOG_WARN, "%s can be read by everybody: chmod 640",
		       watch->path);
	}
}

static void replace_users(struct user_watch *watch, struct user_table *users)
{
	struct user_table *before;

	pthread_mutex_lock(&watch->lock);
	before = watch->users;
	watch->users = users;
	pthread_mutex_unlock(&watch->lock);
	user_table_unref(&before);
}

static void read_again(struct user_watch *watch)
{
	char problem[USER_FILE_PROBLEM_SIZE];
	struct user_table *users;

	if (user_file_read(watch->path, problem, &users) != 0) {
		tp_counter_add(watch->failures, 1);
		tp_log(watch->self, TP_LOG_ERROR, "%s; the users stay as they were", problem);
		return;
	}
	/* Nobody else replaces them; what fails here is made up for at the first request. */
	(void)user_table_hash_like(users, watch->users);
	tp_counter_add(watch->reloads, 1);
	tp_log(watch->self, TP_LOG_INFO, "%s has changed users=%zu", watch->path,
	       user_table_count(users));
	warn_of_readers(watch);
	replace_users(watch, users);
}

static void look(void *arg)
{
	struct user_watch *watch = arg;
	struct user_file_stamp now;
	bool stands_still;

	user_file_stamp_take(watch->path, &now);
	stands_still = watch->settling && user_file_stamp_equal(&now, &watch->settles);
	watch->settling = false;
	if (user_file_stamp_equal(&now, &watch->seen)) {
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
	struct user_watch *watch = arg;

	watch->timer = NULL;
	if (tp_job_submit(self, look, looked, watch) != 0) {
		look_later(watch);
	}
}

static void look_later(struct user_watch *watch)
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

void user_watch_start(struct user_watch *watch, uint64_t interval_ms)
{
	watch->interval_ms = interval_ms;
	if (interval_ms != 0) {
		look_later(watch);
	}
}

void user_watch_stop(struct user_watch *watch)
{
	watch->stopped = true;
	tp_worker_timer_cancel(&watch->timer);
}

/* --- life ------------------------------------------------------------------------------ */

int user_watch_create(struct tp_instance *self, const char *path, struct user_watch **out)
{
	struct user_watch *watch = calloc(1, sizeof(*watch));
	char problem[USER_FILE_PROBLEM_SIZE];
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
	user_file_stamp_take(path, &watch->seen);
	err = user_file_read(path, problem, &watch->users);
	if (err != 0) {
		user_watch_free(&watch);
		return tp_instance_fail(self, err, "%s", problem);
	}
	warn_of_readers(watch);
	tp_log(self, TP_LOG_INFO, "%s read users=%zu", path, user_table_count(watch->users));
	*out = watch;
	return 0;
}

void user_watch_free(struct user_watch **watch)
{
	if (*watch != NULL) {
		user_table_unref(&(*watch)->users);
		pthread_mutex_destroy(&(*watch)->lock);
		free(*watch);
	}
	*watch = NULL;
}

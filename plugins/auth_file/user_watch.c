/* SPDX-License-Identifier: Apache-2.0 */
#include "user_watch.h"

#include <pthread.h>
#include <stdlib.h>

#include <turnpike/plugin.h>

#include "common/file_watch.h"
#include "user_file.h"

struct user_watch {
	struct tp_instance *self;
	const char *path;
	pthread_mutex_t lock;
	struct user_table *users; /* under the lock */
	struct file_watch *changes;
};

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

static bool read_again(void *owner)
{
	struct user_watch *watch = owner;
	char problem[USER_FILE_PROBLEM_SIZE];
	struct user_table *users;

	if (user_file_read(watch->path, problem, &users) != 0) {
		tp_log(watch->self, TP_LOG_ERROR, "%s; the users stay as they were", problem);
		return false;
	}
	/* Nobody else replaces them; what fails here is made up for at the first request. */
	(void)user_table_hash_like(users, watch->users);
	tp_log(watch->self, TP_LOG_INFO, "%s has changed users=%zu", watch->path,
	       user_table_count(users));
	warn_of_readers(watch);
	replace_users(watch, users);
	return true;
}

void user_watch_start(struct user_watch *watch, uint64_t interval_ms)
{
	file_watch_start(watch->changes, interval_ms);
}

void user_watch_stop(struct user_watch *watch)
{
	file_watch_stop(watch->changes);
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
	watch->changes = file_watch_create(self, path, read_again, watch);
	if (watch->changes == NULL) {
		user_watch_free(&watch);
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
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
		file_watch_free(&(*watch)->changes);
		user_table_unref(&(*watch)->users);
		pthread_mutex_destroy(&(*watch)->lock);
		free(*watch);
	}
	*watch = NULL;
}

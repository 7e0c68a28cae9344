/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

/*
 * So many allocations for each user at a time. Workers share the table, so there
 * is a lock. turnpike-quota(5) does this with rates, traffic and reloads as well.
 */

#define USERS_MAX 1024
#define USER_SIZE 509 /* RFC 8489 section 14.3: fewer bytes than that */

struct user {
	char name[USER_SIZE];
	int64_t allocations;
};

struct user_limit {
	pthread_mutex_t lock;
	struct user users[USERS_MAX]; /* those with allocations; an empty name is free */
};

/* Under the lock. NULL: not there, and no room for it. */
static struct user *find(struct user_limit *limit, const char *name)
{
	struct user *room = NULL;

	for (size_t i = 0; i < USERS_MAX; i++) {
		struct user *user = &limit->users[i];

		if (user->allocations > 0 && strcmp(user->name, name) == 0) {
			return user;
		}
		if (user->allocations == 0 && room == NULL) {
			room = user;
		}
	}
	return room;
}

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	struct user_limit *limit = tp_instance_state(self);
	const struct user *user;
	bool fits;

	pthread_mutex_lock(&limit->lock);
	user = find(limit, event->user);
	fits = user != NULL && user->allocations < tp_option_integer(self, "allocations");
	pthread_mutex_unlock(&limit->lock);
	return fits ? TP_PASS : tp_request_deny(request, 486, NULL);
}

static void count(struct tp_instance *self, const char *name, int change)
{
	struct user_limit *limit = tp_instance_state(self);
	struct user *user;

	pthread_mutex_lock(&limit->lock);
	user = find(limit, name);
	if (user != NULL && user->allocations + change >= 0 && strlen(name) < USER_SIZE) {
		strcpy(user->name, name);
		user->allocations += change;
	}
	pthread_mutex_unlock(&limit->lock);
}

static void create_allocation(struct tp_instance *self, const struct tp_create_allocation *event)
{
	count(self, event->allocation->user, 1);
}

static void delete_allocation(struct tp_instance *self, const struct tp_delete_allocation *event)
{
	count(self, event->allocation->user, -1);
}

static int create(struct tp_instance *self)
{
	struct user_limit *limit = calloc(1, sizeof(*limit));

	if (limit == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	pthread_mutex_init(&limit->lock, NULL);
	tp_instance_set_state(self, limit);
	return 0;
}

static void destroy(struct tp_instance *self)
{
	free(tp_instance_state(self));
}

static const struct tp_option options[] = {
	{
		.name = "allocations",
		.type = TP_OPTION_INTEGER,
		.default_value = "4",
		.help = "of a user at a time",
		.min = 1,
		.max = 1000000,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_allocate = before_allocate,
	.on_turn_create_allocation = create_allocation,
	.on_turn_delete_allocation = delete_allocation,
};

TP_PLUGIN("user_limit", "1.0", "so many allocations for each user", .options = options,
	  .events = &events, .create = create, .destroy = destroy);

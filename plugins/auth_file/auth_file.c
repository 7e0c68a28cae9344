/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/plugin.h>

#include "user_table.h"
#include "user_watch.h"
#include "userhash_lookup.h"

/*
 * Users, with their passwords or keys, from a file. Who is not in it is left to
 * the next provider.
 */

static enum tp_verdict provide(struct tp_request *request, const struct user *user, bool name)
{
	struct tp_credentials credentials;

	if (user == NULL) {
		return TP_PASS;
	}
	credentials = user_credentials(user, name);
	return tp_request_provide(request, &credentials);
}

static enum tp_verdict authorize(struct tp_instance *self, struct tp_request *request,
				 const struct tp_request_authorization *event)
{
	struct user_table *users = user_watch_users(tp_instance_state(self));
	enum tp_verdict verdict;

	if (event->username != NULL) {
		verdict = provide(request, user_table_find(users, event->username), false);
	} else if (user_table_is_hashed(users, event->realm)) {
		verdict = provide(request,
				  user_table_find_hash(users, event->realm, event->userhash), true);
	} else {
		return userhash_lookup_start(self, request, users, event->realm, event->userhash);
	}
	user_table_unref(&users);
	return verdict;
}

/* --- life ------------------------------------------------------------------------- */

static int create(struct tp_instance *self)
{
	struct user_watch *watch = NULL;
	int err = user_watch_create(self, tp_option_string(self, "users"), &watch);

	tp_instance_set_state(self, watch);
	return err;
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	if (tp_worker_index(worker) == 0) {
		user_watch_start(tp_instance_state(self),
				 (uint64_t)tp_option_integer(self, "reload_interval"));
	}
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	if (tp_worker_index(worker) == 0) {
		user_watch_stop(tp_instance_state(self));
	}
}

static void destroy(struct tp_instance *self)
{
	struct user_watch *watch = tp_instance_state(self);

	user_watch_free(&watch);
}

static const struct tp_option options[] = {
	{
		.name = "users",
		.type = TP_OPTION_PATH,
		.help = "file with a user a line",
		.flags = TP_OPTION_REQUIRED | TP_OPTION_RELOADABLE,
	},
	{
		.name = "reload_interval",
		.type = TP_OPTION_DURATION,
		.default_value = "5s",
		.help = "how often to look whether the file has changed, 0 for never",
		.min = 0,
		.max = 86400000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_authorization = authorize,
};

TP_PLUGIN("auth_file", TP_VERSION, "users and their passwords or keys from a file",
	  .options = options, .events = &events, .create = create, .destroy = destroy,
	  .worker_start = worker_start, .worker_stop = worker_stop);

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdlib.h>

#include <ldap.h>

#include <turnpike/plugin.h>

#include "common/backend_peers.h"
#include "common/library_keep.h"
#include "common/lookup.h"
#include "dial.h"
#include "pool.h"
#include "settings.h"

/* Users, their passwords or keys, and their limits from an LDAP directory (RFC 4511). */

struct auth_ldap {
	struct settings settings;
	struct backend_peers *peers;
	struct tp_counter *hashed;
	atomic_flag hash_told;
};

/* A worker's part. */
struct desk {
	struct pool *pool;
	struct lookup *lookup;
};

static struct desk *desk_of(struct tp_instance *self)
{
	return tp_worker_state(self, tp_worker_current());
}

/* --- events ----------------------------------------------------------------------------------- */

/* A hash that the directory does not know either names nobody. */
static enum tp_verdict pass_hash(struct tp_instance *self)
{
	struct auth_ldap *state = tp_instance_state(self);

	tp_counter_add(state->hashed, 1);
	if (!atomic_flag_test_and_set(&state->hash_told)) {
		tp_log(self, TP_LOG_WARN,
		       "a client sent a hash in place of a name: set hash_filter, or userhash = no "
		       "in [auth]");
	}
	return TP_PASS;
}

static enum tp_verdict authorize(struct tp_instance *self, struct tp_request *request,
				 const struct tp_request_authorization *event)
{
	const struct auth_ldap *state = tp_instance_state(self);

	if (event->username == NULL && state->settings.hash_filter == NULL) {
		return pass_hash(self);
	}
	return lookup_ask(desk_of(self)->lookup, request, event);
}

static enum tp_verdict before_permission(struct tp_instance *self, struct tp_request *request,
					 const struct tp_before_permission *event)
{
	const struct auth_ldap *state = tp_instance_state(self);

	return backend_peers_before_permission(state->peers, request, event);
}

static enum tp_verdict before_connect(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_connect *event)
{
	const struct auth_ldap *state = tp_instance_state(self);

	return backend_peers_before_connect(state->peers, request, event);
}

static void create_allocation(struct tp_instance *self, const struct tp_create_allocation *event)
{
	lookup_create_allocation(desk_of(self)->lookup, event);
}

static enum tp_verdict before_refresh(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_refresh *event)
{
	return lookup_before_refresh(desk_of(self)->lookup, request, event);
}

static void request_gone(struct tp_instance *self, struct tp_ticket ticket)
{
	struct desk *desk = desk_of(self);

	if (desk != NULL) {
		lookup_request_gone(desk->lookup, ticket);
	}
}

/* --- life ---------------------------------------------------------------------------------------
 */

static int create(struct tp_instance *self)
{
	struct auth_ldap *state = calloc(1, sizeof(*state));
	int err;

	if (state == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, state);
	atomic_flag_clear(&state->hash_told);
	state->hashed = tp_counter_create(self, "hashed", "hashes in place of user names");
	state->peers = backend_peers_create();
	if (state->peers == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	library_keep((void (*)(void))ldap_initialize);
	err = settings_read(self, &state->settings);
	if (err == 0 && dial_prepare(&state->settings) != 0) {
		err = tp_instance_fail(self, TP_EINVAL, "libldap does not take ca_file or uris");
	}
	return err;
}

static void destroy(struct tp_instance *self)
{
	struct auth_ldap *state = tp_instance_state(self);

	if (state != NULL) {
		backend_peers_free(&state->peers);
		free(state);
	}
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	struct desk *desk = tp_worker_state(self, worker);

	if (desk != NULL) {
		tp_worker_set_state(self, worker, NULL);
		lookup_free(&desk->lookup);
		pool_free(&desk->pool);
		free(desk);
	}
}

static int desk_open(struct desk *desk, struct tp_instance *self, struct tp_worker *worker)
{
	struct auth_ldap *state = tp_instance_state(self);
	struct lookup_settings settings = {
		.ops = &pool_ops,
		.active_max = (size_t)state->settings.connections * POOL_SEARCHES_PER_CONNECTION,
	};

	desk->pool = pool_create(self, worker, &state->settings, state->peers);
	if (desk->pool == NULL) {
		return TP_ENOMEM;
	}
	settings.backend = desk->pool;
	desk->lookup = lookup_create(self, worker, &settings);
	if (desk->lookup == NULL) {
		return TP_ENOMEM;
	}
	pool_set_lookup(desk->pool, desk->lookup);
	return 0;
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	struct desk *desk = calloc(1, sizeof(*desk));

	if (desk == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_worker_set_state(self, worker, desk);
	if (desk_open(desk, self, worker) != 0) {
		worker_stop(self, worker);
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	return 0;
}

static const struct tp_option options[] = {
	{
		.name = "uris",
		.type = TP_OPTION_LIST,
		.help = "servers, tried in turn: ldap, ldaps or ldapi",
		.flags = TP_OPTION_REQUIRED | TP_OPTION_RELOADABLE,
	},
	{
		.name = "starttls",
		.type = TP_OPTION_BOOL,
		.default_value = "no",
		.help = "turn a connection of ldap into one of TLS, or do without it",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "ca_file",
		.type = TP_OPTION_PATH,
		.help = "authorities to trust in place of the system's, in PEM",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "bind_dn",
		.type = TP_OPTION_STRING,
		.help = "name of the service account",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "bind_password_file",
		.type = TP_OPTION_PATH,
		.help = "file with its password, read for each connection",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "connections",
		.type = TP_OPTION_INTEGER,
		.default_value = "2",
		.help = "connections of each worker",
		.min = 1,
		.max = POOL_CONNECTIONS_MAX,
		.unit = "connections",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "connect_timeout",
		.type = TP_OPTION_DURATION,
		.default_value = "1s",
		.help = "how long each step of connecting may take",
		.min = 100,
		.max = 10000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "base",
		.type = TP_OPTION_STRING,
		.help = "where users are searched",
		.flags = TP_OPTION_REQUIRED | TP_OPTION_RELOADABLE,
	},
	{
		.name = "scope",
		.type = TP_OPTION_ENUM,
		.default_value = "sub",
		.help = "how deep",
		.choices = settings_scopes,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "user_attribute",
		.type = TP_OPTION_STRING,
		.default_value = "uid",
		.help = "attribute that holds the user's name, exactly",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "filter",
		.type = TP_OPTION_STRING,
		.help = "finds a user: with %u for the name, %r for the realm",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "hash_filter",
		.type = TP_OPTION_STRING,
		.help = "finds a user by hash: with %h for it in hex, %r for the realm",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "group_filter",
		.type = TP_OPTION_STRING,
		.help = "what must be true of the user's entry, too",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "group_attribute",
		.type = TP_OPTION_STRING,
		.help = "attribute that holds a user's groups, for instance memberOf",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "group",
		.type = TP_OPTION_STRING,
		.help = "group to be among them",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "password_attribute",
		.type = TP_OPTION_STRING,
		.help = "attribute that holds the password as it is",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "md5_attribute",
		.type = TP_OPTION_STRING,
		.help = "attribute that holds the MD5 key in hex",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "sha256_attribute",
		.type = TP_OPTION_STRING,
		.help = "attribute that holds the SHA-256 key in hex",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "allocations_attribute",
		.type = TP_OPTION_STRING,
		.help = "attribute that says how many allocations a user may have",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "bandwidth_attribute",
		.type = TP_OPTION_STRING,
		.help = "attribute that says how many bits a second each may relay",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "lifetime_attribute",
		.type = TP_OPTION_STRING,
		.help = "attribute that says how many seconds they live without a refresh",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "expiry_attribute",
		.type = TP_OPTION_STRING,
		.help = "attribute that says when the account ends, as 20261231235959Z",
		.flags = TP_OPTION_RELOADABLE,
	},
	LOOKUP_OPTIONS("no"),
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_stun_request_authorization = authorize,
	.on_turn_create_allocation = create_allocation,
	.on_turn_before_permission = before_permission,
	.on_turn_before_refresh = before_refresh,
	.on_turn_before_connect = before_connect,
};

TP_PLUGIN("auth_ldap", TP_VERSION, "users from an LDAP directory", .options = options,
	  .events = &events, .create = create, .worker_start = worker_start,
	  .worker_stop = worker_stop, .destroy = destroy, .request_gone = request_gone);

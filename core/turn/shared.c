/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/shared.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/rand.h"
#include "base/secret.h"
#include "turn/hairpin.h"
#include "turn/live_ports.h"
#include "turn/peer_policy.h"
#include "turn/quota.h"

void tp_turn_options_init(struct tp_turn_options *options)
{
	*options = (struct tp_turn_options){
		.port_min = 49152,
		.port_max = 65535,
		.default_lifetime_s = 600,
		.max_lifetime_s = 3600,
		.permission_lifetime_s = 300,
		.channel_lifetime_s = 600,
		.nonce_lifetime_s = 3600,
		.max_permissions = 64,
		.max_channels = 32,
		.password_algorithms = {TP_PASSWORD_SHA256, TP_PASSWORD_MD5},
		.password_algorithm_count = 2,
		.unauthenticated_rate = 2000,
	};
}

static int keep_string(struct tp_shared *shared, size_t slot, const char **text)
{
	if (*text == NULL) {
		return 0;
	}
	shared->strings[slot] = strdup(*text);
	*text = shared->strings[slot];
	return *text == NULL ? TP_ENOMEM : 0;
}

static bool options_valid(const struct tp_turn_options *options, unsigned workers)
{
	return workers >= 1 && workers <= TP_WORKERS_MAX && options->realm != NULL &&
	       options->peer_policy != NULL && options->relay_count <= TP_RELAY_ADDRESSES_MAX &&
	       options->alternate_server_count <= TP_ALTERNATE_SERVERS_MAX &&
	       options->port_min >= 1 && options->port_min <= options->port_max;
}

static bool any_translated(const struct tp_turn_options *options)
{
	for (size_t i = 0; i < options->relay_count; i++) {
		if (!tp_addr_equal(&options->relay[i].bind_addr,
				   &options->relay[i].advertised_addr)) {
			return true;
		}
	}
	return false;
}

int tp_shared_create(const struct tp_turn_options *options, unsigned workers,
		     struct tp_shared **out)
{
	struct tp_shared *shared = calloc(1, sizeof(*shared));
	int err = TP_EINVAL;

	if (shared == NULL) {
		struct tp_peer_policy *policy = options->peer_policy;

		tp_peer_policy_free(&policy);
		return TP_ENOMEM;
	}
	shared->options = *options;
	shared->worker_count = workers;
	pthread_rwlock_init(&shared->servers_lock, NULL);
	if (!options_valid(options, workers)) {
		goto out;
	}
	shared->translates = any_translated(options);
	tp_rand_bytes(shared->nonce_key, sizeof(shared->nonce_key));
	shared->quota = tp_quota_create();
	shared->live_ports = tp_live_ports_create(options->relay_count);
	err = TP_ENOMEM;
	if (shared->quota != NULL && shared->live_ports != NULL &&
	    keep_string(shared, 0, &shared->options.realm) == 0 &&
	    keep_string(shared, 1, &shared->options.software) == 0 &&
	    keep_string(shared, 2, &shared->options.alternate_domain) == 0) {
		*out = shared;
		return 0;
	}
out:
	tp_shared_free(&shared);
	return err;
}

void tp_shared_free(struct tp_shared **shared)
{
	if (*shared == NULL) {
		return;
	}
	tp_secret_wipe((*shared)->nonce_key, sizeof((*shared)->nonce_key));
	tp_peer_policy_free(&(*shared)->options.peer_policy);
	tp_quota_free(&(*shared)->quota);
	tp_live_ports_free(&(*shared)->live_ports);
	tp_hairpin_free_lanes(*shared);
	for (size_t i = 0; i < sizeof((*shared)->strings) / sizeof((*shared)->strings[0]); i++) {
		free((*shared)->strings[i]);
	}
	pthread_rwlock_destroy(&(*shared)->servers_lock);
	free(*shared);
	*shared = NULL;
}

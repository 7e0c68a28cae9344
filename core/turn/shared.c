/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/shared.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/rand.h"
#include "base/secret.h"
#include "turn/crossing.h"
#include "turn/live_ports.h"
#include "turn/quota.h"
#include "turn/service.h"
#include "turn/settings.h"

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
		.usage_interval_s = 60,
		.max_permissions = 64,
		.max_channels = 32,
		.max_data_connections = 16,
		.password_algorithms = {TP_PASSWORD_SHA256, TP_PASSWORD_MD5},
		.password_algorithm_count = 2,
		.unauthenticated_rate = 2000,
	};
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

static bool make_quotas(struct tp_shared *shared, size_t realms)
{
	for (size_t i = 0; i < realms; i++) {
		shared->quotas[i] = tp_quota_create();
		if (shared->quotas[i] == NULL) {
			return false;
		}
	}
	return true;
}

int tp_shared_create(const struct tp_turn_options *options, size_t realms, unsigned workers,
		     struct tp_shared **out)
{
	struct tp_turn_settings *settings = NULL;
	struct tp_shared *shared = NULL;
	int err = tp_turn_settings_create(options, realms, &settings);

	if (err == 0 && (workers < 1 || workers > TP_WORKERS_MAX)) {
		err = TP_EINVAL;
	}
	if (err == 0) {
		shared = calloc(1, sizeof(*shared));
		err = shared == NULL ? TP_ENOMEM : 0;
	}
	if (err != 0) {
		tp_turn_settings_unref(&settings);
		return err;
	}
	shared->settings = settings;
	shared->options = *tp_turn_settings_realm(settings, 0);
	shared->options.peer_policy = NULL;
	shared->worker_count = workers;
	pthread_rwlock_init(&shared->servers_lock, NULL);
	shared->translates = any_translated(options);
	tp_rand_bytes(shared->nonce_key, sizeof(shared->nonce_key));
	tp_rand_bytes(shared->mobility_key, sizeof(shared->mobility_key));
	shared->live_ports = tp_live_ports_create(options->relay_count);
	shared->live_tcp_ports = tp_live_ports_create(options->relay_count);
	if (!make_quotas(shared, realms) || shared->live_ports == NULL ||
	    shared->live_tcp_ports == NULL) {
		tp_shared_free(&shared);
		return TP_ENOMEM;
	}
	tp_service_open(shared);
	*out = shared;
	return 0;
}

void tp_shared_free(struct tp_shared **shared)
{
	if (*shared == NULL) {
		return;
	}
	tp_service_close(*shared);
	tp_secret_wipe((*shared)->nonce_key, sizeof((*shared)->nonce_key));
	tp_secret_wipe((*shared)->mobility_key, sizeof((*shared)->mobility_key));
	tp_turn_settings_unref(&(*shared)->settings);
	for (size_t i = 0; i < TP_REALMS_MAX; i++) {
		tp_quota_free(&(*shared)->quotas[i]);
	}
	tp_live_ports_free(&(*shared)->live_ports);
	tp_live_ports_free(&(*shared)->live_tcp_ports);
	tp_crossing_free_lanes(*shared);
	pthread_rwlock_destroy(&(*shared)->servers_lock);
	free(*shared);
	*shared = NULL;
}

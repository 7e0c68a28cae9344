/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/settings.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "turn/peer_policy.h"

struct tp_turn_settings {
	_Atomic unsigned references;
	struct tp_turn_options options;
	char *strings[3]; /* copies that the options point to */
};

static int keep_string(struct tp_turn_settings *settings, size_t slot, const char **text)
{
	if (*text == NULL) {
		return 0;
	}
	settings->strings[slot] = strdup(*text);
	*text = settings->strings[slot];
	return *text == NULL ? TP_ENOMEM : 0;
}

static bool options_valid(const struct tp_turn_options *options)
{
	return options->realm != NULL && options->peer_policy != NULL &&
	       options->relay_count <= TP_RELAY_ADDRESSES_MAX &&
	       options->alternate_server_count <= TP_ALTERNATE_SERVERS_MAX &&
	       options->anycast_count <= TP_ANYCASTS_MAX &&
	       options->stream_behavior_count <= TP_STREAM_BEHAVIORS_MAX &&
	       options->port_min >= 1 && options->port_min <= options->port_max;
}

int tp_turn_settings_create(const struct tp_turn_options *options, struct tp_turn_settings **out)
{
	struct tp_turn_settings *settings = calloc(1, sizeof(*settings));
	int err = TP_EINVAL;

	if (settings == NULL) {
		struct tp_peer_policy *policy = options->peer_policy;

		tp_peer_policy_free(&policy);
		return TP_ENOMEM;
	}
	atomic_init(&settings->references, 1);
	settings->options = *options;
	if (options_valid(options)) {
		err = keep_string(settings, 0, &settings->options.realm);
		err = err == 0 ? keep_string(settings, 1, &settings->options.software) : err;
		err = err == 0 ? keep_string(settings, 2, &settings->options.alternate_domain)
			       : err;
	}
	if (err != 0) {
		tp_turn_settings_unref(&settings);
		return err;
	}
	*out = settings;
	return 0;
}

struct tp_turn_settings *tp_turn_settings_ref(struct tp_turn_settings *settings)
{
	atomic_fetch_add_explicit(&settings->references, 1, memory_order_relaxed);
	return settings;
}

void tp_turn_settings_unref(struct tp_turn_settings **where)
{
	struct tp_turn_settings *gone = *where;

	*where = NULL;
	if (gone == NULL ||
	    atomic_fetch_sub_explicit(&gone->references, 1, memory_order_acq_rel) != 1) {
		return;
	}
	tp_peer_policy_free(&gone->options.peer_policy);
	for (size_t i = 0; i < sizeof(gone->strings) / sizeof(gone->strings[0]); i++) {
		free(gone->strings[i]);
	}
	free(gone);
}

const struct tp_turn_options *tp_turn_settings_options(const struct tp_turn_settings *settings)
{
	return &settings->options;
}

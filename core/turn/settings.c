/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/settings.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "turn/peer_policy.h"

#define STRINGS 3

/* A realm's options, and the copies that they point to. */
struct realm_settings {
	struct tp_turn_options options;
	char *strings[STRINGS];
	char **server_names;
	struct tp_peer_policy *own_policy; /* NULL: the first realm's */
};

struct tp_turn_settings {
	_Atomic unsigned references;
	size_t realm_count;
	struct realm_settings realms[];
};

static int keep_string(struct realm_settings *realm, size_t slot, const char **text)
{
	if (*text == NULL) {
		return 0;
	}
	realm->strings[slot] = strdup(*text);
	*text = realm->strings[slot];
	return *text == NULL ? TP_ENOMEM : 0;
}

static int keep_server_names(struct realm_settings *realm)
{
	const char *const *names = realm->options.server_names;
	size_t count = realm->options.server_name_count;

	realm->options.server_name_count = 0;
	realm->server_names = calloc(count + 1, sizeof(*realm->server_names));
	if (realm->server_names == NULL) {
		return TP_ENOMEM;
	}
	realm->options.server_names = (const char *const *)realm->server_names;
	for (size_t i = 0; i < count; i++) {
		realm->server_names[i] = strdup(names[i]);
		if (realm->server_names[i] == NULL) {
			return TP_ENOMEM;
		}
		realm->options.server_name_count++;
	}
	return 0;
}

static int keep_text(struct realm_settings *realm)
{
	int err = keep_string(realm, 0, &realm->options.realm);

	if (err == 0) {
		err = keep_string(realm, 1, &realm->options.software);
	}
	if (err == 0) {
		err = keep_string(realm, 2, &realm->options.alternate_domain);
	}
	return err == 0 ? keep_server_names(realm) : err;
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

static int settings_init(struct tp_turn_settings *settings)
{
	for (size_t i = 0; i < settings->realm_count; i++) {
		struct realm_settings *realm = &settings->realms[i];
		int err;

		if (realm->own_policy == NULL) {
			realm->options.peer_policy = settings->realms[0].own_policy;
		}
		err = options_valid(&realm->options) ? keep_text(realm) : TP_EINVAL;
		if (err != 0) {
			return err;
		}
	}
	return 0;
}

static void drop_policies(const struct tp_turn_options *options, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct tp_peer_policy *policy = options[i].peer_policy;

		tp_peer_policy_free(&policy);
	}
}

int tp_turn_settings_create(const struct tp_turn_options *options, size_t count,
			    struct tp_turn_settings **out)
{
	struct tp_turn_settings *settings;
	int err;

	if (count < 1 || count > TP_REALMS_MAX) {
		drop_policies(options, count);
		return TP_EINVAL;
	}
	settings = calloc(1, sizeof(*settings) + count * sizeof(settings->realms[0]));
	if (settings == NULL) {
		drop_policies(options, count);
		return TP_ENOMEM;
	}
	atomic_init(&settings->references, 1);
	settings->realm_count = count;
	for (size_t i = 0; i < count; i++) {
		settings->realms[i].options = options[i];
		settings->realms[i].own_policy = options[i].peer_policy;
	}
	err = settings_init(settings);
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

static void realm_fini(struct realm_settings *realm)
{
	tp_peer_policy_free(&realm->own_policy);
	for (size_t i = 0; i < STRINGS; i++) {
		free(realm->strings[i]);
	}
	for (size_t i = 0; realm->server_names != NULL && realm->server_names[i] != NULL; i++) {
		free(realm->server_names[i]);
	}
	free(realm->server_names);
}

void tp_turn_settings_unref(struct tp_turn_settings **where)
{
	struct tp_turn_settings *gone = *where;

	*where = NULL;
	if (gone == NULL ||
	    atomic_fetch_sub_explicit(&gone->references, 1, memory_order_acq_rel) != 1) {
		return;
	}
	for (size_t i = 0; i < gone->realm_count; i++) {
		realm_fini(&gone->realms[i]);
	}
	free(gone);
}

size_t tp_turn_settings_realms(const struct tp_turn_settings *settings)
{
	return settings->realm_count;
}

const struct tp_turn_options *tp_turn_settings_realm(const struct tp_turn_settings *settings,
						     size_t realm)
{
	tp_assert(realm < settings->realm_count);
	return &settings->realms[realm].options;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/realm.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "io/endpoint.h"
#include "turn/server.h"
#include "turn/settings.h"

int tp_realms_create(struct tp_server *server)
{
	const struct tp_turn_settings *started = server->shared->settings;

	server->realm_count = tp_turn_settings_realms(started);
	server->realms = calloc(server->realm_count, sizeof(*server->realms));
	if (server->realms == NULL) {
		return TP_ENOMEM;
	}
	for (size_t i = 0; i < server->realm_count; i++) {
		server->realms[i] = (struct tp_realm){
			.shared = server->shared,
			.server = server,
			.quota = server->shared->quotas[i],
			.name = tp_turn_settings_realm(started, i)->realm,
			.index = (uint32_t)i,
		};
	}
	tp_realms_reload(server);
	return 0;
}

void tp_realms_free(struct tp_server *server)
{
	free(server->realms);
}

void tp_realms_reload(struct tp_server *server)
{
	tp_assert(tp_turn_settings_realms(server->settings) == server->realm_count &&
		  server->generation->realm_count == server->realm_count);
	for (size_t i = 0; i < server->realm_count; i++) {
		server->realms[i].chains = &server->generation->realms[i];
		server->realms[i].options = tp_turn_settings_realm(server->settings, i);
	}
}

struct tp_realm *tp_realm_of(const struct tp_server *server, const struct tp_endpoint *endpoint)
{
	tp_assert(endpoint->realm < server->realm_count);
	return &server->realms[endpoint->realm];
}

static struct tp_realm *find_name(const struct tp_server *server, const char *name)
{
	for (size_t i = 0; i < server->realm_count; i++) {
		const struct tp_turn_options *options = server->realms[i].options;

		for (size_t j = 0; j < options->server_name_count; j++) {
			if (strcasecmp(options->server_names[j], name) == 0) {
				return &server->realms[i];
			}
		}
	}
	return NULL;
}

struct tp_realm *tp_realm_of_name(const struct tp_server *server, const char *server_name)
{
	char pattern[TP_SERVER_NAME_MAX + 3] = "*";
	struct tp_realm *realm;
	const char *rest;

	if (server_name == NULL || server_name[0] == '*' || server_name[0] == '.' ||
	    strlen(server_name) > TP_SERVER_NAME_MAX) {
		return NULL;
	}
	realm = find_name(server, server_name);
	rest = strchr(server_name, '.');
	if (realm == NULL && rest != NULL) {
		memcpy(pattern + 1, rest, strlen(rest) + 1);
		realm = find_name(server, pattern);
	}
	return realm;
}

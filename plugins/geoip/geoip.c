/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <turnpike/plugin.h>

#include "database_watch.h"
#include "rules.h"

/* Which clients may come and which peers they may reach, by country and network. */

struct geoip {
	struct database_watch *countries;
	struct database_watch *systems;
	struct rules clients;
	struct rules peers;
	struct tp_counter *clients_refused;
	struct tp_counter *peers_refused;
};

/* --- judging -------------------------------------------------------------------------- */

static bool passes(const struct geoip *geoip, const struct rules *rules, const struct tp_addr *addr)
{
	struct database *countries = database_watch_get(geoip->countries);
	struct database *systems = database_watch_get(geoip->systems);
	bool pass = rules_pass(rules, &(struct places){.countries = countries, .systems = systems},
			       addr);

	database_unref(&countries);
	database_unref(&systems);
	return pass;
}

static bool client_passes(struct tp_instance *self, const struct tp_addr *addr)
{
	const struct geoip *geoip = tp_instance_state(self);
	bool pass = passes(geoip, &geoip->clients, addr);

	tp_counter_add(geoip->clients_refused, !pass);
	return pass;
}

static bool peer_passes(struct tp_instance *self, const struct tp_addr *addr)
{
	const struct geoip *geoip = tp_instance_state(self);
	bool pass = passes(geoip, &geoip->peers, addr);

	tp_counter_add(geoip->peers_refused, !pass);
	return pass;
}

static enum tp_verdict client_connected(struct tp_instance *self,
					const struct tp_client_connected *event)
{
	return client_passes(self, &event->client->five_tuple.client_addr) ? TP_PASS : TP_DENY;
}

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	return client_passes(self, event->client_addr) ? TP_PASS
						       : tp_request_deny(request, 403, NULL);
}

static enum tp_verdict before_permission(struct tp_instance *self, struct tp_request *request,
					 const struct tp_before_permission *event)
{
	return peer_passes(self, event->peer_addr) ? TP_PASS : tp_request_deny(request, 403, NULL);
}

static enum tp_verdict before_connect(struct tp_instance *self, struct tp_request *request,
				      const struct tp_before_connect *event)
{
	return peer_passes(self, event->peer_addr) ? TP_PASS : tp_request_deny(request, 403, NULL);
}

/* --- options --------------------------------------------------------------------------- */

static int add_countries(struct tp_instance *self, struct place_set *set, const char *option)
{
	size_t count = 0;
	const char *const *words = tp_option_list(self, option, &count);

	for (size_t i = 0; i < count; i++) {
		if (place_set_add_country(set, words[i]) != 0) {
			return tp_instance_fail(self, TP_EINVAL,
						"%s: %s is no country code such as DE", option,
						words[i]);
		}
	}
	return 0;
}

static int add_systems(struct tp_instance *self, struct place_set *set, const char *option)
{
	size_t count = 0;
	const char *const *words = tp_option_list(self, option, &count);

	for (size_t i = 0; i < count; i++) {
		int err = place_set_add_system(set, words[i], count);

		if (err != 0) {
			return tp_instance_fail(self, err,
						err == TP_ENOMEM
							? "%s: %s: out of memory"
							: "%s: %s is no AS number such as AS64496",
						option, words[i]);
		}
	}
	return 0;
}

/* @names: options for countries allowed and denied, systems allowed and denied, and unknown. */
static int read_rules(struct tp_instance *self, struct rules *rules, const char *const names[5])
{
	const char *unknown = tp_option_string(self, names[4]);
	int err = add_countries(self, &rules->allow, names[0]);

	err = err != 0 ? err : add_countries(self, &rules->deny, names[1]);
	err = err != 0 ? err : add_systems(self, &rules->allow, names[2]);
	err = err != 0 ? err : add_systems(self, &rules->deny, names[3]);
	rules_sort(rules);
	rules->unknown_passes =
		unknown != NULL ? strcmp(unknown, "allow") == 0 : place_set_is_empty(&rules->allow);
	return err;
}

static int need(struct tp_instance *self, const char *database, bool wanted)
{
	if (wanted && !tp_option_is_set(self, database)) {
		return tp_instance_fail(self, TP_EINVAL, "%s is needed for the rules there are",
					database);
	}
	return 0;
}

static int check_databases(struct tp_instance *self, const struct geoip *geoip)
{
	const struct rules *clients = &geoip->clients;
	const struct rules *peers = &geoip->peers;
	int err = need(self, "country_database",
		       clients->allow.any_country || clients->deny.any_country ||
			       peers->allow.any_country || peers->deny.any_country);

	return err != 0
		       ? err
		       : need(self, "as_database",
			      clients->allow.system_count != 0 || clients->deny.system_count != 0 ||
				      peers->allow.system_count != 0 ||
				      peers->deny.system_count != 0);
}

static int open_databases(struct tp_instance *self, struct geoip *geoip)
{
	int err = 0;

	if (tp_option_is_set(self, "country_database")) {
		err = database_watch_create(self, "country_database", &geoip->countries);
	}
	if (err == 0 && tp_option_is_set(self, "as_database")) {
		err = database_watch_create(self, "as_database", &geoip->systems);
	}
	return err;
}

/* --- life ------------------------------------------------------------------------------- */

static int create(struct tp_instance *self)
{
	static const char *const client_names[] = {"client_allow_countries",
						   "client_deny_countries", "client_allow_as",
						   "client_deny_as", "client_unknown"};
	static const char *const peer_names[] = {"peer_allow_countries", "peer_deny_countries",
						 "peer_allow_as", "peer_deny_as", "peer_unknown"};
	struct geoip *geoip = calloc(1, sizeof(*geoip));
	int err;

	if (geoip == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	tp_instance_set_state(self, geoip);
	geoip->clients_refused =
		tp_counter_create(self, "clients_refused", "connections and allocations refused");
	geoip->peers_refused =
		tp_counter_create(self, "peers_refused", "permissions and connections refused");
	err = read_rules(self, &geoip->clients, client_names);
	err = err != 0 ? err : read_rules(self, &geoip->peers, peer_names);
	err = err != 0 ? err : check_databases(self, geoip);
	return err != 0 ? err : open_databases(self, geoip);
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	const struct geoip *geoip = tp_instance_state(self);
	uint64_t interval_ms = (uint64_t)tp_option_integer(self, "reload_interval");

	if (tp_worker_index(worker) == 0) {
		database_watch_start(geoip->countries, interval_ms);
		database_watch_start(geoip->systems, interval_ms);
	}
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	const struct geoip *geoip = tp_instance_state(self);

	if (tp_worker_index(worker) == 0) {
		database_watch_stop(geoip->countries);
		database_watch_stop(geoip->systems);
	}
}

static void destroy(struct tp_instance *self)
{
	struct geoip *geoip = tp_instance_state(self);

	if (geoip != NULL) {
		database_watch_free(&geoip->countries);
		database_watch_free(&geoip->systems);
		rules_fini(&geoip->clients);
		rules_fini(&geoip->peers);
		free(geoip);
	}
}

#define LIST(option_name, option_help)                                                             \
	{                                                                                          \
		.name = option_name, .type = TP_OPTION_LIST, .help = option_help,                  \
		.flags = TP_OPTION_RELOADABLE,                                                     \
	}
#define DATABASE(option_name, option_help)                                                         \
	{                                                                                          \
		.name = option_name, .type = TP_OPTION_PATH, .help = option_help,                  \
		.flags = TP_OPTION_RELOADABLE,                                                     \
	}
#define UNKNOWN(option_name, option_help)                                                          \
	{                                                                                          \
		.name = option_name, .type = TP_OPTION_ENUM, .help = option_help,                  \
		.choices = unknown_choices, .flags = TP_OPTION_RELOADABLE,                         \
	}

static const char *const unknown_choices[] = {"allow", "deny", NULL};

static const struct tp_option options[] = {
	DATABASE("country_database", "file with countries, in the MaxMind DB format"),
	DATABASE("as_database", "file with autonomous systems, in the same format"),
	LIST("client_allow_countries", "countries whose clients may allocate"),
	LIST("client_deny_countries", "countries whose clients may not allocate"),
	LIST("client_allow_as", "autonomous systems whose clients may allocate"),
	LIST("client_deny_as", "autonomous systems whose clients may not allocate"),
	UNKNOWN("client_unknown", "clients of whom a database in use knows nothing"),
	LIST("peer_allow_countries", "countries of peers that may be reached"),
	LIST("peer_deny_countries", "countries of peers that may not be reached"),
	LIST("peer_allow_as", "autonomous systems of peers that may be reached"),
	LIST("peer_deny_as", "autonomous systems of peers that may not be reached"),
	UNKNOWN("peer_unknown", "peers of whom a database in use knows nothing"),
	{
		.name = "reload_interval",
		.type = TP_OPTION_DURATION,
		.default_value = "1m",
		.help = "how often to look whether a file has changed; 0: never",
		.min = 0,
		.max = 86400000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_allocate = before_allocate,
	.on_turn_before_permission = before_permission,
	.on_turn_before_connect = before_connect,
	.on_client_connected = client_connected,
};

TP_PLUGIN("geoip", TP_VERSION, "allow and deny clients and peers by country and network",
	  .options = options, .events = &events, .create = create, .worker_start = worker_start,
	  .worker_stop = worker_stop, .destroy = destroy);

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/describe.h"

#include <inttypes.h>

#include "base/addr.h"
#include "host/instance.h"
#include "host/schema.h"
#include "turn/shared_relay.h"

static void describe_listeners(const struct tp_config *config, FILE *out)
{
	for (size_t i = 0; i < config->listener_count; i++) {
		const struct tp_listener_config *listener = &config->listeners[i];

		for (size_t t = 0; t < TP_TRANSPORT_COUNT; t++) {
			enum tp_transport transport = (enum tp_transport)t;

			if (!listener->transports[t]) {
				continue;
			}
			fprintf(out, "[%s] %s on", listener->section, tp_transport_name(transport));
			for (size_t a = 0; a < listener->address_count; a++) {
				struct tp_addr addr =
					tp_addr_with_port(&listener->addresses[a].addr,
							  tp_listener_port(listener, a, transport));
				char text[TP_ADDR_STRING];

				fprintf(out, " %s", tp_addr_format(&addr, text));
			}
			fputc('\n', out);
		}
	}
}

static void describe_relay(const struct tp_turn_options *turn, unsigned workers, FILE *out)
{
	fputs("[relay]", out);
	for (size_t i = 0; i < turn->relay_count; i++) {
		const struct tp_relay_address *relay = &turn->relay[i];
		char bound[TP_ADDR_STRING];
		char advertised[TP_ADDR_STRING];

		fprintf(out, " %s", tp_addr_format(&relay->bind_addr, bound));
		if (!tp_addr_equal(&relay->bind_addr, &relay->advertised_addr)) {
			fprintf(out, ">%s", tp_addr_format(&relay->advertised_addr, advertised));
		}
	}
	if (turn->relay_count == 0) {
		fputs(" no address\n", out);
		return;
	}
	if (turn->shared_ports == 0) {
		fprintf(out, " ports %u-%u\n", turn->port_min, turn->port_max);
	} else {
		fprintf(out, " shared ports %u-%" PRIu32 "\n", turn->port_min,
			turn->port_min + tp_shared_relays_ports(turn->shared_ports, workers) - 1);
	}
}

void tp_describe_events(const struct tp_events *events, FILE *out)
{
	bool none = true;

#define TP_DESCRIBE_EVENT_(family, member, payload)                                                \
	if (events->member != NULL) {                                                              \
		fputs(" " #member, out);                                                           \
		none = false;                                                                      \
	}
	TP_EVENT_LIST(TP_DESCRIBE_EVENT_)
#undef TP_DESCRIBE_EVENT_
	if (none) {
		fputs(" no events", out);
	}
}

/* Those in which nobody can log in. */
static void describe_closed_realms(const struct tp_config *config,
				   const struct tp_generation *generation, FILE *out)
{
	for (size_t i = 0; i < generation->realm_count; i++) {
		if (tp_chains_want(&generation->realms[i],
				   TP_EVENT_on_stun_request_authorization)) {
			continue;
		}
		if (i != 0) {
			fprintf(out, "[%s] ", tp_config_realm_section(config, i));
		}
		fputs("no plugin checks credentials: only STUN Binding would be served\n", out);
	}
}

static void describe_plugins(const struct tp_config *config, const struct tp_generation *generation,
			     FILE *out)
{
	const char *idle;
	size_t at = 0;

	for (size_t i = 0; i < generation->instance_count; i++) {
		const struct tp_instance *instance = generation->instances[i];
		const struct tp_plugin *plugin = tp_instance_plugin(instance);

		fprintf(out, "[plugin.%s] %s %s, %s:", tp_instance_name(instance), plugin->name,
			plugin->version, tp_instance_path(instance));
		tp_describe_events(tp_instance_events(instance), out);
		fputc('\n', out);
	}
	while ((idle = tp_config_idle_plugin(config, &at)) != NULL) {
		fprintf(out, "[%s] is not used: its plugin is not named in \"plugins\"\n", idle);
	}
	describe_closed_realms(config, generation, out);
}

static void describe_limit(const char *name, uint64_t value, FILE *out)
{
	if (value == 0) {
		fprintf(out, " no %s", name);
	} else {
		fprintf(out, " %s %" PRIu64, name, value);
	}
}

static void describe_limits(const char *section, const struct tp_turn_options *turn, FILE *out)
{
	fprintf(out, "[%s]", section);
	describe_limit("max_allocations", turn->max_allocations, out);
	describe_limit("max_allocations_per_user", turn->max_allocations_per_user, out);
	describe_limit("max_permissions", turn->max_permissions, out);
	describe_limit("max_channels", turn->max_channels, out);
	describe_limit("max_data_connections", turn->max_data_connections, out);
	fprintf(out, " lifetimes %" PRIu32 " to %" PRIu32 " s\n", turn->default_lifetime_s,
		turn->max_lifetime_s);
}

static void describe_words(const char *what, const char *const *words, size_t count, FILE *out)
{
	fprintf(out, ", %s", what);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, " %s", words[i]);
	}
	if (count == 0) {
		fputs(" none", out);
	}
}

/* Further ones, with what all their own values come to. */
static void describe_realms(const struct tp_config *config, FILE *out)
{
	for (size_t i = 0; i < config->realm_count; i++) {
		const struct tp_realm_config *realm = &config->realms[i];

		fprintf(out, "[%s] realm %s", realm->section, realm->turn.realm);
		describe_words("plugins", realm->plugins, realm->plugin_count, out);
		describe_words("server names", realm->turn.server_names,
			       realm->turn.server_name_count, out);
		fprintf(out, ", peers of %s\n", realm->peers.set ? "its own" : "[peers]");
		describe_limits(realm->section, &realm->turn, out);
	}
}

void tp_describe(const struct tp_config *config, const struct tp_generation *generation,
		 unsigned workers, FILE *out)
{
	fprintf(out, "%s is fine\n", config->file);
	fprintf(out, "[turnpike] realm %s, %u %s\n", config->turn.realm, workers,
		workers == 1 ? "worker" : "workers");
	describe_listeners(config, out);
	describe_relay(&config->turn, workers, out);
	describe_limits("limits", &config->turn, out);
	describe_realms(config, out);
	describe_plugins(config, generation, out);
}

void tp_describe_plugin(const struct tp_plugin *plugin, const struct tp_events *events, FILE *out)
{
	fprintf(out, "%s %s: %s\n\nevents:", plugin->name, plugin->version, plugin->summary);
	tp_describe_events(events, out);
	fputs("\n\noptions:\n", out);
	if (tp_option_count(plugin->options) == 0) {
		fputs("none\n", out);
	}
	tp_schema_print(plugin->options, out);
}

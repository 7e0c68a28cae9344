/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "turn/peer_policy.h"
#include "turn/shared_relay.h"

/* Keys that become struct tp_turn_options and the peer policy. */

#define DEFAULT_PORT 3478

/* RFC 8489 sections 14.9 and 14.14: fewer than 128 characters of UTF-8. */
#define CHARACTERS_MAX 127

static struct tp_config_source source_of(const struct tp_config *config, const char *section)
{
	return (struct tp_config_source){section, tp_config_section_values(config, section)};
}

/* --- [turnpike] ----------------------------------------------------------- */

static size_t count_characters(const char *text)
{
	size_t count = 0;

	for (; *text != 0; text++) {
		count += ((unsigned char)*text & 0xc0) != 0x80;
	}
	return count;
}

static int take_text(const struct tp_config *config, const struct tp_config_source *source,
		     const char *key, const char **out, char problem[TP_PROBLEM_SIZE])
{
	*out = tp_config_value(source->values, key)->string;
	if (*out != NULL && count_characters(*out) > CHARACTERS_MAX) {
		return tp_config_problem(config, source->section, key, problem, TP_ERANGE,
					 "is longer than %d characters", CHARACTERS_MAX);
	}
	return 0;
}

int tp_config_take_realm_name(const struct tp_config *config, const struct tp_config_source *source,
			      struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE])
{
	int err = take_text(config, source, "realm", &turn->realm, problem);

	if (err == 0 && turn->realm != NULL && turn->realm[0] == 0) {
		err = tp_config_problem(config, source->section, "realm", problem, TP_EINVAL,
					"is empty");
	}
	return err;
}

static int take_texts(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config_source source = source_of(config, "turnpike");
	int err = tp_config_take_realm_name(config, &source, &config->turn, problem);

	return err == 0 ? take_text(config, &source, "software", &config->turn.software, problem)
			: err;
}

static int take_alternate_domain(const struct tp_config *config,
				 const struct tp_config_source *source,
				 struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE])
{
	int err = take_text(config, source, "alternate_domain", &turn->alternate_domain, problem);

	if (turn->alternate_domain != NULL && turn->alternate_domain[0] == 0) {
		turn->alternate_domain = NULL; /* none, where all realms have one */
	}
	return err;
}

static int take_alternates(const struct tp_config *config, const struct tp_config_source *source,
			   struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *value = tp_config_value(source->values, "alternate_servers");

	if (value->word_count > TP_ALTERNATE_SERVERS_MAX) {
		return tp_config_problem(config, source->section, "alternate_servers", problem,
					 TP_ERANGE, "holds more than %d addresses",
					 TP_ALTERNATE_SERVERS_MAX);
	}
	for (size_t i = 0; i < value->word_count; i++) {
		struct tp_addr *addr = &turn->alternate_servers[i];

		if (tp_addr_parse(value->words[i], addr) != 0 || tp_addr_is_any(addr)) {
			return tp_config_problem(
				config, source->section, "alternate_servers", problem, TP_EINVAL,
				"\"%.80s\" is no address of a server", value->words[i]);
		}
		if (addr->port == 0) {
			addr->port = DEFAULT_PORT;
		}
	}
	turn->alternate_server_count = value->word_count;
	return 0;
}

/* --- [auth] --------------------------------------------------------------- */

static int take_algorithms(const struct tp_config *config, const struct tp_config_source *source,
			   struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *value = tp_config_value(source->values, "password_algorithms");
	static const struct {
		const char *name;
		uint16_t number;
	} known[] = {{"md5", TP_PASSWORD_MD5}, {"sha256", TP_PASSWORD_SHA256}};

	turn->password_algorithm_count = 0;
	for (size_t i = 0; i < value->word_count; i++) {
		uint16_t number = 0;

		for (size_t j = 0; j < sizeof(known) / sizeof(known[0]); j++) {
			number = strcmp(value->words[i], known[j].name) == 0 ? known[j].number
									     : number;
		}
		if (number == 0) {
			return tp_config_problem(
				config, source->section, "password_algorithms", problem, TP_EINVAL,
				"\"%.80s\" is neither sha256 nor md5", value->words[i]);
		}
		if (i == 2 || (i == 1 && number == turn->password_algorithms[0])) {
			return tp_config_problem(config, source->section, "password_algorithms",
						 problem, TP_EINVAL, "names \"%s\" twice",
						 value->words[i]);
		}
		turn->password_algorithms[turn->password_algorithm_count++] = number;
	}
	return 0;
}

/* The protocol counts seconds. */
static int take_seconds(const struct tp_config *config, const struct tp_config_source *source,
			const char *key, uint32_t *out, char problem[TP_PROBLEM_SIZE])
{
	int64_t milliseconds = tp_config_value(source->values, key)->integer;

	if (milliseconds % 1000 != 0) {
		return tp_config_problem(config, source->section, key, problem, TP_EINVAL,
					 "is not a whole number of seconds");
	}
	*out = (uint32_t)(milliseconds / 1000);
	return 0;
}

static int take_userhash(const struct tp_config *config, const struct tp_config_source *source,
			 struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE])
{
	(void)config;
	(void)problem;
	turn->userhash = tp_config_value(source->values, "userhash")->integer != 0;
	return 0;
}

static int take_auth(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config_source source = source_of(config, "auth");
	struct tp_turn_options *turn = &config->turn;

	turn->unauthenticated_rate =
		(uint32_t)tp_config_value(source.values, "unauthenticated_rate")->integer;
	return take_seconds(config, &source, "nonce_lifetime", &turn->nonce_lifetime_s, problem);
}

/* --- [relay] -------------------------------------------------------------- */

static int parse_relay_word(const char *word, struct tp_relay_address *out)
{
	const char *arrow = strchr(word, '>');
	char bound[TP_ADDR_STRING];
	size_t len = arrow == NULL ? strlen(word) : (size_t)(arrow - word);

	if (len >= sizeof(bound)) {
		return TP_EINVAL;
	}
	memcpy(bound, word, len);
	bound[len] = 0;
	if (tp_addr_parse(bound, &out->bind_addr) != 0 ||
	    tp_addr_parse(arrow == NULL ? bound : arrow + 1, &out->advertised_addr) != 0) {
		return TP_EINVAL;
	}
	return 0;
}

static const char *fault_of_relay(const struct tp_turn_options *turn,
				  const struct tp_relay_address *relay)
{
	if (relay->bind_addr.port != 0 || relay->advertised_addr.port != 0) {
		return "has a port; ports have a key of their own";
	}
	if (tp_addr_is_any(&relay->bind_addr) || tp_addr_is_any(&relay->advertised_addr)) {
		return "is no single address";
	}
	if (relay->bind_addr.family != relay->advertised_addr.family) {
		return "mixes IPv4 and IPv6";
	}
	for (size_t i = 0; i < turn->relay_count; i++) {
		if (tp_addr_equal(&turn->relay[i].bind_addr, &relay->bind_addr) ||
		    tp_addr_equal(&turn->relay[i].advertised_addr, &relay->advertised_addr)) {
			return "is there twice";
		}
	}
	return NULL;
}

static int take_relay_addresses(struct tp_config *config, const struct tp_value *value,
				char problem[TP_PROBLEM_SIZE])
{
	struct tp_turn_options *turn = &config->turn;

	if (value->word_count > TP_RELAY_ADDRESSES_MAX) {
		return tp_config_problem(config, "relay", "address", problem, TP_ERANGE,
					 "holds more than %d addresses", TP_RELAY_ADDRESSES_MAX);
	}
	for (size_t i = 0; i < value->word_count; i++) {
		struct tp_relay_address relay;
		const char *fault = "is neither an IP address nor BOUND>ADVERTISED";

		if (parse_relay_word(value->words[i], &relay) == 0) {
			fault = fault_of_relay(turn, &relay);
		}
		if (fault != NULL) {
			return tp_config_problem(config, "relay", "address", problem, TP_EINVAL,
						 "\"%.80s\" %s", value->words[i], fault);
		}
		turn->relay[turn->relay_count++] = relay;
	}
	return 0;
}

static bool take_port(const char **at, unsigned long *port)
{
	char *end;

	if (**at < '0' || **at > '9') {
		return false;
	}
	*port = strtoul(*at, &end, 10);
	*at = end;
	return *port >= 1024 && *port <= 65535;
}

static bool parse_ports(const char *text, struct tp_turn_options *turn)
{
	unsigned long low;
	unsigned long high;

	if (!take_port(&text, &low) || *text++ != '-' || !take_port(&text, &high) || *text != 0 ||
	    low > high) {
		return false;
	}
	turn->port_min = (uint16_t)low;
	turn->port_max = (uint16_t)high;
	return true;
}

static int take_relay(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config_values *values = tp_config_section_values(config, "relay");
	const char *ports = tp_config_value(values, "ports")->string;
	struct tp_turn_options *turn = &config->turn;

	turn->relay_receive_buffer_bytes = (int)tp_config_value(values, "receive_buffer")->integer;
	turn->relay_send_buffer_bytes = (int)tp_config_value(values, "send_buffer")->integer;
	turn->relay_icmp = tp_config_value(values, "icmp")->integer != 0;
	turn->carry_marks = tp_config_value(values, "carry_marks")->integer != 0;
	turn->relay_tcp = tp_config_value(values, "tcp")->integer != 0;
	turn->mobility = tp_config_value(values, "mobility")->integer != 0;
	if (!parse_ports(ports, turn)) {
		return tp_config_problem(config, "relay", "ports", problem, TP_EINVAL,
					 "\"%.80s\" is no range FIRST-LAST within 1024 to 65535",
					 ports);
	}
	turn->shared_ports = (uint32_t)tp_config_value(values, "shared_ports")->integer;
	return take_relay_addresses(config, tp_config_value(values, "address"), problem);
}

int tp_config_check_shared_ports(const struct tp_config *config, unsigned workers,
				 char problem[TP_PROBLEM_SIZE])
{
	const struct tp_turn_options *turn = &config->turn;
	uint32_t needed = tp_shared_relays_ports(turn->shared_ports, workers);
	uint32_t there = turn->port_max - turn->port_min + 1U;

	if (needed <= there) {
		return 0;
	}
	return tp_config_problem(
		config, "relay", "shared_ports", problem, TP_ERANGE,
		"%" PRIu32 " for each of %u %s are %" PRIu32 ", and \"ports\" has %" PRIu32,
		turn->shared_ports, workers, workers == 1 ? "worker" : "workers", needed, there);
}

/* --- [limits] ------------------------------------------------------------- */

static int take_default_lifetime(const struct tp_config *config,
				 const struct tp_config_source *source,
				 struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE])
{
	return take_seconds(config, source, "default_lifetime", &turn->default_lifetime_s, problem);
}

static int take_max_lifetime(const struct tp_config *config, const struct tp_config_source *source,
			     struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE])
{
	return take_seconds(config, source, "max_lifetime", &turn->max_lifetime_s, problem);
}

static int take_max_allocations(const struct tp_config *config,
				const struct tp_config_source *source, struct tp_turn_options *turn,
				char problem[TP_PROBLEM_SIZE])
{
	(void)config;
	(void)problem;
	turn->max_allocations =
		(uint64_t)tp_config_value(source->values, "max_allocations")->integer;
	return 0;
}

static int take_max_allocations_per_user(const struct tp_config *config,
					 const struct tp_config_source *source,
					 struct tp_turn_options *turn,
					 char problem[TP_PROBLEM_SIZE])
{
	(void)config;
	(void)problem;
	turn->max_allocations_per_user =
		(uint32_t)tp_config_value(source->values, "max_allocations_per_user")->integer;
	return 0;
}

static int take_limits(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config_source source = source_of(config, "limits");
	struct tp_turn_options *turn = &config->turn;
	const struct {
		const char *key;
		uint32_t *out;
	} spans[] = {
		{"permission_lifetime", &turn->permission_lifetime_s},
		{"channel_lifetime", &turn->channel_lifetime_s},
		{"usage_interval", &turn->usage_interval_s},
	};

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
		int err = take_seconds(config, &source, spans[i].key, spans[i].out, problem);

		if (err != 0) {
			return err;
		}
	}
	turn->max_permissions =
		(uint32_t)tp_config_value(source.values, "max_permissions")->integer;
	turn->max_channels = (uint32_t)tp_config_value(source.values, "max_channels")->integer;
	turn->max_data_connections =
		(uint32_t)tp_config_value(source.values, "max_data_connections")->integer;
	return 0;
}

/* --- what a realm may have of its own --------------------------------------- */

static const struct {
	const char *section; /* where all realms have it from */
	const char *key;
	int (*take)(const struct tp_config *config, const struct tp_config_source *source,
		    struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE]);
} realm_keys[] = {
	{"turnpike", "alternate_servers", take_alternates},
	{"turnpike", "alternate_domain", take_alternate_domain},
	{"auth", "password_algorithms", take_algorithms},
	{"auth", "userhash", take_userhash},
	{"limits", "default_lifetime", take_default_lifetime},
	{"limits", "max_lifetime", take_max_lifetime},
	{"limits", "max_allocations", take_max_allocations},
	{"limits", "max_allocations_per_user", take_max_allocations_per_user},
};

#define REALM_KEYS (sizeof(realm_keys) / sizeof(realm_keys[0]))

static int check_lifetimes(const struct tp_config *config, const char *section,
			   const struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE])
{
	return turn->max_lifetime_s >= turn->default_lifetime_s
		       ? 0
		       : tp_config_problem(config, section, "max_lifetime", problem, TP_ERANGE,
					   "is shorter than default_lifetime");
}

static int take_for_all(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < REALM_KEYS; i++) {
		const struct tp_config_source source = source_of(config, realm_keys[i].section);

		err = realm_keys[i].take(config, &source, &config->turn, problem);
	}
	return err == 0 ? check_lifetimes(config, "limits", &config->turn, problem) : err;
}

int tp_config_take_realm_options(const struct tp_config *config,
				 const struct tp_config_source *source,
				 struct tp_turn_options *turn, char problem[TP_PROBLEM_SIZE])
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < REALM_KEYS; i++) {
		if (tp_config_value(source->values, realm_keys[i].key)->set) {
			err = realm_keys[i].take(config, source, turn, problem);
		}
	}
	return err == 0 ? check_lifetimes(config, source->section, turn, problem) : err;
}

int tp_config_take_turn(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	int err;

	tp_turn_options_init(&config->turn);
	err = take_texts(config, problem);
	if (err == 0) {
		err = take_for_all(config, problem);
	}
	if (err == 0) {
		err = take_auth(config, problem);
	}
	if (err == 0) {
		err = take_relay(config, problem);
	}
	return err == 0 ? take_limits(config, problem) : err;
}

/* --- [peers] -------------------------------------------------------------- */

int tp_config_take_peer_keys(const struct tp_config *config, const struct tp_config_source *source,
			     struct tp_peer_keys *out, char problem[TP_PROBLEM_SIZE])
{
	static const struct {
		const char *name;
		enum tp_peer_class class_of;
	} known[] = {
		{"loopback", TP_PEER_LOOPBACK},
		{"link_local", TP_PEER_LINK_LOCAL},
		{"multicast", TP_PEER_MULTICAST},
		{"reserved", TP_PEER_RESERVED},
	};
	const struct tp_value *lift = tp_config_value(source->values, "lift");

	*out = (struct tp_peer_keys){
		.allow = tp_config_value(source->values, "allow"),
		.deny = tp_config_value(source->values, "deny"),
	};
	out->set = out->allow->set || out->deny->set || lift->set;
	for (size_t i = 0; i < lift->word_count; i++) {
		unsigned class_of = 0;

		for (size_t j = 0; j < sizeof(known) / sizeof(known[0]); j++) {
			class_of |=
				strcmp(lift->words[i], known[j].name) == 0 ? known[j].class_of : 0;
		}
		if (class_of == 0) {
			return tp_config_problem(config, source->section, "lift", problem,
						 TP_EINVAL,
						 "\"%.80s\" is none of loopback, link_local, "
						 "multicast, reserved",
						 lift->words[i]);
		}
		out->lift |= class_of;
	}
	return 0;
}

int tp_config_take_peers(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config_source source = source_of(config, "peers");

	return tp_config_take_peer_keys(config, &source, &config->peers, problem);
}

static int add_networks(struct tp_peer_policy *policy, const struct tp_value *networks,
			int (*add)(struct tp_peer_policy *policy, const char *network))
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < networks->word_count; i++) {
		err = add(policy, networks->words[i]);
	}
	return err;
}

/*
 * An advertised address leads back to this host, whatever its interfaces say.
 */
static int add_relayed(struct tp_peer_policy *policy, const struct tp_relay_address *relay)
{
	int err = tp_peer_policy_relayed(policy, &relay->bind_addr);

	if (err == 0) {
		err = tp_peer_policy_relayed(policy, &relay->advertised_addr);
	}
	if (err == 0) {
		err = tp_peer_policy_own(policy, &relay->bind_addr);
	}
	return err == 0 ? tp_peer_policy_own(policy, &relay->advertised_addr) : err;
}

static int make_policy(const struct tp_config *config, const struct tp_peer_keys *keys,
		       struct tp_peer_policy **out)
{
	struct tp_peer_policy *policy = NULL;
	int err = tp_peer_policy_create(&policy);

	if (err != 0) {
		return err;
	}
	err = tp_peer_policy_own_interfaces(policy);
	for (size_t i = 0; err == 0 && i < config->turn.relay_count; i++) {
		err = add_relayed(policy, &config->turn.relay[i]);
	}
	if (err == 0) {
		err = add_networks(policy, keys->allow, tp_peer_policy_allow);
	}
	if (err == 0) {
		err = add_networks(policy, keys->deny, tp_peer_policy_deny);
	}
	if (err != 0) {
		tp_peer_policy_free(&policy);
		return err;
	}
	tp_peer_policy_lift(policy, keys->lift);
	*out = policy;
	return 0;
}

int tp_config_peer_policy(const struct tp_config *config, struct tp_peer_policy **out)
{
	return make_policy(config, &config->peers, out);
}

struct tp_turn_options *tp_config_options(const struct tp_config *config, size_t *count, int *err)
{
	struct tp_turn_options *options = calloc(1 + config->realm_count, sizeof(*options));

	*count = 1 + config->realm_count;
	*err = options == NULL ? TP_ENOMEM : 0;
	if (options == NULL) {
		return NULL;
	}
	options[0] = config->turn;
	*err = make_policy(config, &config->peers, &options[0].peer_policy);
	for (size_t i = 0; i < config->realm_count; i++) {
		const struct tp_realm_config *realm = &config->realms[i];

		options[1 + i] = realm->turn;
		if (*err == 0 && realm->peers.set) {
			*err = make_policy(config, &realm->peers, &options[1 + i].peer_policy);
		}
	}
	for (size_t i = 0; *err != 0 && i < *count; i++) {
		tp_peer_policy_free(&options[i].peer_policy);
	}
	return options;
}

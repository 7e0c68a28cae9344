/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_parts.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "host/problem.h"
#include "turn/behavior.h"

/* [listener.NAME] */

#define FAMILY "listener."

uint16_t tp_listener_port(const struct tp_listener_config *listener, size_t address,
			  enum tp_transport transport)
{
	if (listener->addresses[address].port_set) {
		return listener->addresses[address].addr.port;
	}
	return transport == TP_TRANSPORT_TLS || transport == TP_TRANSPORT_DTLS ? 5349 : 3478;
}

bool tp_listener_shares(const struct tp_listener_config *listener, size_t address,
			enum tp_transport secure)
{
	enum tp_transport plain = secure == TP_TRANSPORT_DTLS ? TP_TRANSPORT_UDP : TP_TRANSPORT_TCP;

	return listener->transports[plain] && listener->transports[secure] &&
	       tp_listener_port(listener, address, plain) ==
		       tp_listener_port(listener, address, secure);
}

/* --- keys ----------------------------------------------------------------- */

static int take_transports(struct tp_config *config, struct tp_listener_config *listener,
			   char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *value = tp_config_value(&listener->values, "transport");

	for (size_t i = 0; i < value->word_count; i++) {
		size_t at = 0;

		while (at < TP_TRANSPORT_COUNT &&
		       strcmp(value->words[i], tp_transport_name((enum tp_transport)at)) != 0) {
			at++;
		}
		if (at == TP_TRANSPORT_COUNT) {
			return tp_config_problem(
				config, listener->section, "transport", problem, TP_EINVAL,
				"\"%.80s\" is none of udp, tcp, tls, dtls", value->words[i]);
		}
		if (listener->transports[at]) {
			return tp_config_problem(config, listener->section, "transport", problem,
						 TP_EINVAL, "names \"%s\" twice", value->words[i]);
		}
		listener->transports[at] = true;
	}
	if (value->word_count == 0) {
		return tp_config_problem(config, listener->section, "transport", problem, TP_EINVAL,
					 "is empty");
	}
	return 0;
}

/*
 * Port 0 is the kernel's choice, no port the transport's own: tp_addr_parse()
 * does not tell.
 */
static bool has_port(const char *word, enum tp_family family)
{
	return family == TP_FAMILY_IPV4 ? strchr(word, ':') != NULL : strstr(word, "]:") != NULL;
}

static int take_addresses(struct tp_config *config, struct tp_listener_config *listener,
			  char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *value = tp_config_value(&listener->values, "address");

	if (value->word_count == 0 || value->word_count > TP_LISTENER_ADDRESSES_MAX) {
		return tp_config_problem(config, listener->section, "address", problem, TP_ERANGE,
					 "holds %zu addresses instead of 1 to %d",
					 value->word_count, TP_LISTENER_ADDRESSES_MAX);
	}
	for (size_t i = 0; i < value->word_count; i++) {
		struct tp_addr *addr = &listener->addresses[i].addr;

		if (tp_addr_parse(value->words[i], addr) != 0) {
			return tp_config_problem(
				config, listener->section, "address", problem, TP_EINVAL,
				"\"%.80s\" is no IP address with a port", value->words[i]);
		}
		listener->addresses[i].port_set = has_port(value->words[i], tp_addr_family(addr));
	}
	listener->address_count = value->word_count;
	return 0;
}

/* TCP and TLS must not have the same ports: RFC 5780 section 6. */
static bool has_behavior_transports(const struct tp_listener_config *listener)
{
	return !listener->transports[TP_TRANSPORT_DTLS] &&
	       !(listener->transports[TP_TRANSPORT_TCP] && listener->transports[TP_TRANSPORT_TLS]);
}

/* That of all transports; 0: they have several, or the kernel's choice. */
static uint16_t common_port(const struct tp_listener_config *listener)
{
	uint16_t common = 0;

	for (int t = 0; t < TP_TRANSPORT_COUNT; t++) {
		uint16_t port = tp_listener_port(listener, 0, (enum tp_transport)t);

		if (!listener->transports[t]) {
			continue;
		}
		if (common != 0 && port != common) {
			return 0;
		}
		common = port;
	}
	return common;
}

/* What keeps the two from being the corners of four addresses; NULL: nothing. */
static const char *alternate_fault(const struct tp_listener_config *listener,
				   const struct tp_addr *other)
{
	const struct tp_addr *own = &listener->addresses[0].addr;

	if (!has_behavior_transports(listener)) {
		return "needs udp, tcp or tls as \"transport\", tcp and tls in two sections";
	}
	if (listener->address_count != 1) {
		return "needs exactly one \"address\"";
	}
	if (tp_addr_is_any(own) || tp_addr_is_any(other)) {
		return "needs two single addresses, none of which is a wildcard";
	}
	if (tp_addr_family(own) != tp_addr_family(other) || tp_addr_equal_ip(own, other)) {
		return "needs another IP address than \"address\", of the same family";
	}
	if (other->port == 0 || common_port(listener) == 0 ||
	    other->port == common_port(listener)) {
		return "needs a port that is not that of \"address\", and neither is 0";
	}
	return NULL;
}

static struct tp_addr corner(const struct tp_addr *own, const struct tp_addr *other, size_t place)
{
	return tp_addr_with_port((place & TP_BEHAVIOR_OTHER_IP) != 0 ? other : own,
				 (place & TP_BEHAVIOR_OTHER_PORT) != 0 ? other->port : own->port);
}

/* What the protocol must know of connections; over UDP it has the sockets. */
static int take_streams(struct tp_config *config, const struct tp_listener_config *listener,
			char problem[TP_PROBLEM_SIZE])
{
	struct tp_turn_options *turn = &config->turn;

	for (int t = TP_TRANSPORT_TCP; t <= TP_TRANSPORT_TLS; t++) {
		struct tp_stream_behavior *behavior;

		if (!listener->transports[t]) {
			continue;
		}
		if (turn->stream_behavior_count == TP_STREAM_BEHAVIORS_MAX) {
			return tp_config_problem(
				config, listener->section, "alternate_address", problem, TP_EFULL,
				"is there in more than %d sections with tcp or tls",
				TP_STREAM_BEHAVIORS_MAX);
		}
		behavior = &turn->stream_behaviors[turn->stream_behavior_count++];
		behavior->transport = (uint32_t)t;
		for (size_t i = 0; i < TP_BEHAVIOR_SOCKETS; i++) {
			behavior->addrs[i] = listener->addresses[i].addr;
		}
	}
	return 0;
}

static int take_realm(struct tp_config *config, struct tp_listener_config *listener,
		      char problem[TP_PROBLEM_SIZE])
{
	const char *name = tp_config_value(&listener->values, "realm")->string;

	if (name == NULL) {
		return 0;
	}
	for (size_t i = 1; i <= config->realm_count; i++) {
		if (strcmp(tp_config_realm_section(config, i) + strlen("realm."), name) == 0) {
			listener->realm = i;
			return 0;
		}
	}
	return tp_config_problem(config, listener->section, "realm", problem, TP_EINVAL,
				 "there is no [realm.%.64s]", name);
}

/* Two IP addresses with two ports each: RFC 5780 section 6. */
static int take_alternate(struct tp_config *config, struct tp_listener_config *listener,
			  char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *value = tp_config_value(&listener->values, "alternate_address");
	struct tp_addr own = listener->addresses[0].addr;
	const char *fault;

	if (!value->set) {
		return 0;
	}
	fault = alternate_fault(listener, &value->addr);
	if (fault != NULL) {
		return tp_config_problem(config, listener->section, "alternate_address", problem,
					 TP_EINVAL, "%s", fault);
	}
	own.port = common_port(listener);
	for (size_t i = 0; i < TP_BEHAVIOR_SOCKETS; i++) {
		listener->addresses[i].addr = corner(&own, &value->addr, i);
		listener->addresses[i].port_set = true;
	}
	listener->address_count = TP_BEHAVIOR_SOCKETS;
	listener->behavior = true;
	return take_streams(config, listener, problem);
}

/* The networks have been checked as the value was read. */
static int take_proxies(struct tp_config *config, struct tp_listener_config *listener,
			char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *value = tp_config_value(&listener->values, "proxy_protocol");
	int err = 0;

	if (value->word_count == 0) {
		return 0;
	}
	if (listener->behavior) {
		return tp_config_problem(config, listener->section, "proxy_protocol", problem,
					 TP_EINVAL, "does not go with alternate_address");
	}
	listener->proxies = tp_prefix_set_create();
	if (listener->proxies == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	for (size_t i = 0; err == 0 && i < value->word_count; i++) {
		err = tp_prefix_set_add(listener->proxies, value->words[i], 1);
	}
	return err == 0 ? 0
			: tp_config_problem(config, listener->section, "proxy_protocol", problem,
					    err, "%s", tp_error_string(err));
}

static int check_paths(struct tp_config *config, const struct tp_listener_config *listener,
		       const char *name, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *value = tp_config_value(&listener->values, name);

	if (value->word_count == 0) {
		return tp_config_problem(config, listener->section, name, problem, TP_EINVAL,
					 "is required for tls and dtls");
	}
	if (value->word_count > TP_CERTIFICATES_MAX) {
		return tp_config_problem(config, listener->section, name, problem, TP_ERANGE,
					 "holds %zu files instead of at most %d", value->word_count,
					 TP_CERTIFICATES_MAX);
	}
	for (size_t i = 0; i < value->word_count; i++) {
		if (value->words[i][0] != '/') {
			return tp_config_problem(config, listener->section, name, problem,
						 TP_EINVAL, "\"%.80s\" is no absolute path",
						 value->words[i]);
		}
	}
	return 0;
}

static int load_pair(struct tp_config *config, struct tp_listener_config *listener,
		     const char *certificate, const char *key, char problem[TP_PROBLEM_SIZE])
{
	char sentence[256];
	int err = listener->certs == NULL
			  ? tp_certs_load(certificate, key, sentence, &listener->certs)
			  : tp_certs_add(listener->certs, certificate, key, sentence);

	return err == 0 ? 0
			: tp_config_problem(config, listener->section, "certificate", problem, err,
					    "%s", sentence);
}

static int load_pairs(struct tp_config *config, struct tp_listener_config *listener,
		      char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *certificates = tp_config_value(&listener->values, "certificate");
	const struct tp_value *keys = tp_config_value(&listener->values, "key");
	int err = 0;

	if (certificates->word_count != keys->word_count) {
		return tp_config_problem(config, listener->section, "key", problem, TP_EINVAL,
					 "holds %zu files and certificate %zu; they go in pairs",
					 keys->word_count, certificates->word_count);
	}
	for (size_t i = 0; err == 0 && i < keys->word_count; i++) {
		err = load_pair(config, listener, certificates->words[i], keys->words[i], problem);
	}
	return err;
}

static int take_certs(struct tp_config *config, struct tp_listener_config *listener,
		      char problem[TP_PROBLEM_SIZE])
{
	int err;

	if (!listener->transports[TP_TRANSPORT_TLS] && !listener->transports[TP_TRANSPORT_DTLS]) {
		return 0;
	}
	err = check_paths(config, listener, "certificate", problem);
	if (err == 0) {
		err = check_paths(config, listener, "key", problem);
	}
	return err == 0 ? load_pairs(config, listener, problem) : err;
}

static int take_listener(struct tp_config *config, struct tp_listener_config *listener,
			 char problem[TP_PROBLEM_SIZE])
{
	const struct tp_config_values *values = &listener->values;
	int err = take_transports(config, listener, problem);

	listener->queue_bytes = (size_t)tp_config_value(values, "queue_size")->integer;
	listener->max_connections = (size_t)tp_config_value(values, "max_connections")->integer;
	listener->handshake_timeout_ms =
		(uint32_t)tp_config_value(values, "handshake_timeout")->integer;
	listener->idle_timeout_ms = (uint32_t)tp_config_value(values, "idle_timeout")->integer;
	listener->receive_buffer_bytes = (int)tp_config_value(values, "receive_buffer")->integer;
	listener->send_buffer_bytes = (int)tp_config_value(values, "send_buffer")->integer;
	if (err == 0) {
		err = take_addresses(config, listener, problem);
	}
	if (err == 0) {
		err = take_realm(config, listener, problem);
	}
	return err == 0 ? take_alternate(config, listener, problem) : err;
}

/* --- no two on one socket ------------------------------------------------- */

static bool is_datagram(size_t transport)
{
	return transport == TP_TRANSPORT_UDP || transport == TP_TRANSPORT_DTLS;
}

static bool collide(const struct tp_listener_config *a, size_t i,
		    const struct tp_listener_config *b, size_t j)
{
	if ((a == b && i == j) || !tp_addr_equal_ip(&a->addresses[i].addr, &b->addresses[j].addr)) {
		return false;
	}
	for (size_t s = 0; s < TP_TRANSPORT_COUNT; s++) {
		for (size_t t = 0; t < TP_TRANSPORT_COUNT; t++) {
			uint16_t port = tp_listener_port(a, i, (enum tp_transport)s);

			if (port != 0 && a->transports[s] && b->transports[t] &&
			    is_datagram(s) == is_datagram(t) &&
			    port == tp_listener_port(b, j, (enum tp_transport)t)) {
				return true;
			}
		}
	}
	return false;
}

/* Workers share addresses by SO_REUSEPORT, so the kernel would not notice. */
static int check_collisions(struct tp_config *config, const struct tp_listener_config *listener,
			    char problem[TP_PROBLEM_SIZE])
{
	for (const struct tp_listener_config *other = config->listeners; other <= listener;
	     other++) {
		for (size_t i = 0; i < listener->address_count; i++) {
			for (size_t j = 0; j < other->address_count; j++) {
				char text[TP_ADDR_STRING];

				if (!collide(listener, i, other, j)) {
					continue;
				}
				return tp_config_problem(
					config, listener->section, "address", problem, TP_EINVAL,
					"%s is listened on twice, see [%s]; udp and dtls, or tcp "
					"and tls, can share a port in one section only",
					tp_addr_format(&listener->addresses[i].addr, text),
					other->section);
			}
		}
	}
	return 0;
}

/* --- all of them ---------------------------------------------------------- */

static int add_listener(struct tp_config *config, const struct tp_ini_section *found,
			char problem[TP_PROBLEM_SIZE])
{
	struct tp_listener_config *listener = &config->listeners[config->listener_count];
	int err;

	if (config->listener_count == TP_LISTENERS_MAX) {
		return tp_problem(problem, TP_EFULL, "%.200s:%d: [%.64s]: more than %d listeners",
				  config->file, found->line, found->name, TP_LISTENERS_MAX);
	}
	config->listener_count++;
	listener->section = found->name;
	err = tp_config_values_read(config, tp_config_section_find(found->name), found->name, found,
				    &listener->values, problem);
	if (err == 0) {
		err = take_listener(config, listener, problem);
	}
	if (err == 0) {
		err = check_collisions(config, listener, problem);
	}
	if (err == 0) {
		err = take_proxies(config, listener, problem);
	}
	if (err == 0) {
		err = tp_config_take_back_end(config, listener, problem);
	}
	return err == 0 ? take_certs(config, listener, problem) : err;
}

int tp_config_take_listeners(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	int err = 0;

	config->listeners = calloc(TP_LISTENERS_MAX, sizeof(*config->listeners));
	if (config->listeners == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	for (size_t i = 0; err == 0 && i < config->ini.section_count; i++) {
		const struct tp_ini_section *found = &config->ini.sections[i];

		if (strncmp(found->name, FAMILY, strlen(FAMILY)) == 0) {
			err = add_listener(config, found, problem);
		}
	}
	if (err == 0 && config->listener_count == 0) {
		err = tp_problem(problem, TP_EINVAL,
				 "%.200s: no [listener.NAME]: there is nothing to listen on",
				 config->file);
	}
	return err;
}

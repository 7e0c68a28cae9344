/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config_parts.h"

#include <turnpike/error.h>

#include "base/addr.h"

/* redirect_to of [listener.NAME]: the addresses are anycast, and these unicast. */

#define KEY "redirect_to"

/* By family; TP_FAMILY_NONE: there is none. */
struct unicast {
	struct tp_addr v4;
	struct tp_addr v6;
};

static const struct tp_addr *of_family(const struct unicast *unicast, enum tp_family family)
{
	return family == TP_FAMILY_IPV4 ? &unicast->v4 : &unicast->v6;
}

static const char *take_word(const char *word, struct unicast *unicast)
{
	struct tp_addr addr;
	struct tp_addr *place;

	if (tp_addr_parse(word, &addr) != 0 || tp_addr_is_any(&addr)) {
		return "is no single IP address";
	}
	place = tp_addr_family(&addr) == TP_FAMILY_IPV4 ? &unicast->v4 : &unicast->v6;
	if (place->family != TP_FAMILY_NONE) {
		return "is a second address of its family";
	}
	*place = addr;
	return NULL;
}

/* Without a port of its own it has that of the anycast address. */
static struct tp_addr unicast_addr(const struct tp_addr *unicast, uint16_t port)
{
	if (unicast->family == TP_FAMILY_NONE || unicast->port != 0) {
		return *unicast;
	}
	return tp_addr_with_port(unicast, port);
}

static const char *add(struct tp_turn_options *turn, const struct tp_listener_config *listener,
		       size_t address, enum tp_transport transport, const struct unicast *unicast)
{
	const struct tp_addr *addr = &listener->addresses[address].addr;
	enum tp_family family = tp_addr_family(addr);
	uint16_t port = tp_listener_port(listener, address, transport);
	struct tp_anycast anycast = {
		.addr = tp_addr_with_port(addr, port),
		.transport = transport,
		.unicast_addr = unicast_addr(of_family(unicast, family), port),
		.other_addr =
			unicast_addr(family == TP_FAMILY_IPV4 ? &unicast->v6 : &unicast->v4, port),
	};

	if (tp_addr_is_any(addr)) {
		return "needs an \"address\" without wildcards";
	}
	if (anycast.unicast_addr.family == TP_FAMILY_NONE) {
		return "needs an address of each family that \"address\" has";
	}
	if (anycast.unicast_addr.port == 0) {
		return "needs a port, as \"address\" has one of the kernel's choice";
	}
	if (turn->anycast_count == TP_ANYCASTS_MAX) {
		return "is there for too many addresses and transports";
	}
	turn->anycasts[turn->anycast_count++] = anycast;
	return NULL;
}

static const char *take(struct tp_turn_options *turn, const struct tp_listener_config *listener,
			const struct unicast *unicast)
{
	const char *fault = NULL;

	for (size_t i = 0; i < listener->address_count; i++) {
		for (int t = 0; fault == NULL && t < TP_TRANSPORT_COUNT; t++) {
			if (listener->transports[t]) {
				fault = add(turn, listener, i, (enum tp_transport)t, unicast);
			}
		}
	}
	return fault;
}

static int take_listener(struct tp_config *config, const struct tp_listener_config *listener,
			 char problem[TP_PROBLEM_SIZE])
{
	const struct tp_value *value = tp_config_value(&listener->values, KEY);
	struct unicast unicast = {.v4.family = TP_FAMILY_NONE};
	const char *fault = NULL;

	for (size_t i = 0; i < value->word_count; i++) {
		fault = take_word(value->words[i], &unicast);
		if (fault != NULL) {
			return tp_config_problem(config, listener->section, KEY, problem, TP_EINVAL,
						 "\"%.80s\" %s", value->words[i], fault);
		}
	}
	if (value->word_count != 0) {
		fault = take(&config->turn, listener, &unicast);
	}
	return fault == NULL ? 0
			     : tp_config_problem(config, listener->section, KEY, problem, TP_EINVAL,
						 "%s", fault);
}

/* Whoever is sent to an address must be served there. */
static int check_ends(const struct tp_config *config, const struct tp_listener_config *last,
		      char problem[TP_PROBLEM_SIZE])
{
	const struct tp_turn_options *turn = &config->turn;

	for (size_t i = 0; i < turn->anycast_count; i++) {
		for (size_t j = 0; j < turn->anycast_count; j++) {
			const struct tp_addr *unicast = &turn->anycasts[i].unicast_addr;
			const struct tp_addr *anycast = &turn->anycasts[j].addr;
			char text[TP_ADDR_STRING];

			if (turn->anycasts[i].transport == turn->anycasts[j].transport &&
			    tp_addr_equal_ip(unicast, anycast) &&
			    (anycast->port == 0 || anycast->port == unicast->port)) {
				return tp_config_problem(config, last->section, KEY, problem,
							 TP_EINVAL, "%s is redirected itself",
							 tp_addr_format(unicast, text));
			}
		}
	}
	return 0;
}

int tp_config_take_anycasts(struct tp_config *config, char problem[TP_PROBLEM_SIZE])
{
	int err = 0;

	for (size_t i = 0; err == 0 && i < config->listener_count; i++) {
		err = take_listener(config, &config->listeners[i], problem);
		if (err == 0) {
			err = check_ends(config, &config->listeners[i], problem);
		}
	}
	return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/relay_search.h"

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/rand.h"
#include "host/request.h"
#include "turn/live_ports.h"
#include "turn/relay_socket.h"
#include "turn/server.h"

/* Ports that somebody else has, before the range counts as full. */
#define STRANGERS_MAX 512

static bool is_live(const struct tp_relay_search *search, size_t address, uint16_t port)
{
	return tp_live_ports_test(search->live, address, port) ||
	       (search->pair && tp_live_ports_test(search->live, address, (uint16_t)(port + 1)));
}

/*
 * Walk through the range from a random port. Those of our own allocations are known; of others
 * only a port in use is worth another try.
 */
static bool try_range(struct tp_server *server, size_t address,
		      const struct tp_relay_search *search, const struct tp_relay_choice *choice)
{
	uint16_t step = search->even ? 2 : 1;
	uint32_t first = choice->port_min;
	uint32_t last = choice->port_max;
	int strangers = 0;
	uint32_t count;
	uint32_t at;

	if (search->even) {
		first += first % 2;
		last -= search->pair ? 1 : 0;
	}
	if (first > last) {
		return false;
	}
	count = (last - first) / step + 1;
	at = tp_rand_below(count);
	for (uint32_t i = 0; i < count && strangers < STRANGERS_MAX; i++) {
		uint16_t port = (uint16_t)(first + (at + i) % count * step);
		int err;

		if (is_live(search, address, port)) {
			continue;
		}
		err = search->open(server, address, port, search->owner);
		if (err != TP_EADDRINUSE) {
			return err == 0;
		}
		strangers++;
	}
	return false;
}

bool tp_relay_choice_ports(const struct tp_turn_options *options, struct tp_relay_choice *choice)
{
	if (choice->port_min == 0 && choice->port_max == 0) {
		choice->port_min = options->port_min;
		choice->port_max = options->port_max;
	}
	return choice->port_min >= options->port_min && choice->port_max <= options->port_max;
}

uint16_t tp_relay_search(struct tp_server *server, const struct tp_relay_search *search)
{
	const struct tp_turn_options *options = server->options;
	struct tp_relay_choice choice = {.port_min = 0};
	uint16_t code = 440;

	if (search->choice != NULL) {
		choice = *search->choice;
	}
	if (!tp_relay_choice_ports(options, &choice)) {
		return 508;
	}
	for (size_t i = 0; i < options->relay_count; i++) {
		size_t address = server->next_relay_address++ % options->relay_count;

		if (tp_addr_family(&options->relay[address].bind_addr) != search->family) {
			continue;
		}
		code = 508;
		if (tp_relay_choice_is_for(&choice, &options->relay[address]) &&
		    try_range(server, address, search, &choice)) {
			return 0;
		}
	}
	if (code == 508) {
		tp_counter_add(server->counters.relayed_ports_exhausted, 1);
	}
	return code;
}

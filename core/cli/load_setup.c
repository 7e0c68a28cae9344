/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_setup.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "cli/load_payload.h"
#include "cli/load_session.h"
#include "stun/channel_data.h"
#include "stun/codes.h"

#define FLIGHT 128
#define PRIMES 3
#define PRIME_PAUSE_MS 50
#define CHANNELS (TP_CHANNEL_NUMBER_MAX - TP_CHANNEL_NUMBER_MIN + 1)

struct setup {
	struct tp_load_fleet *fleet;
	struct tp_load_result *result;
	uint32_t next; /* client to begin with */
	uint32_t made;
};

static void note_failure(struct setup *setup, struct tp_load_client *client, const char *reason)
{
	struct tp_load_result *result = setup->result;

	client->failed = true;
	result->failed++;
	if (result->reason[0] == 0) {
		snprintf(result->reason, sizeof(result->reason), "%s", reason);
	}
}

/* When none of the first lot succeeds, the others need not try. */
static struct tp_load_client *next_client(void *owner)
{
	struct setup *setup = owner;
	struct tp_load_fleet *fleet = setup->fleet;

	if (setup->made == 0 && setup->result->failed != 0) {
		return NULL;
	}
	while (setup->next < fleet->client_count && fleet->clients[setup->next].failed) {
		setup->next++;
	}
	return setup->next == fleet->client_count ? NULL : &fleet->clients[setup->next++];
}

static void client_done(void *owner, struct tp_load_client *client, const char *reason,
			uint64_t took_ns)
{
	struct setup *setup = owner;

	(void)took_ns;
	if (reason == NULL) {
		setup->made++;
	} else {
		note_failure(setup, client, reason);
	}
}

static int run_phase(struct tp_load_fleet *fleet, uint16_t method, const char *user,
		     const char *password, struct tp_load_result *result)
{
	struct setup setup = {.fleet = fleet, .result = result};
	struct tp_load_sessions_options options = {
		.fleet = fleet,
		.methods = &method,
		.method_count = 1,
		.user = user,
		.password = password,
		.flight = FLIGHT,
		.wait_ms = 1,
		.owner = &setup,
		.next = next_client,
		.done = client_done,
	};
	struct tp_load_sessions *sessions = NULL;
	int err = tp_load_sessions_create(&options, &sessions);

	if (err != 0) {
		return err;
	}
	do {
		tp_load_sessions_run(sessions);
	} while (tp_load_sessions_busy(sessions) != 0);
	tp_load_sessions_free(&sessions);
	if (setup.made == 0) {
		result->failed = fleet->client_count;
		return TP_EIO;
	}
	return 0;
}

/* A pair works together or not at all. */
static void pair_up(struct tp_load_fleet *fleet, struct tp_load_result *result)
{
	for (uint32_t i = 0; i < fleet->client_count; i++) {
		struct tp_load_client *client = &fleet->clients[i];
		const struct tp_load_client *other = &fleet->clients[i ^ 1];

		client->peer_addr = other->relayed_addr;
		if (other->failed && !client->failed) {
			client->failed = true;
			result->failed++;
		}
	}
}

static void choose_peers(struct tp_load_fleet *fleet)
{
	for (uint32_t i = 0; i < fleet->client_count; i++) {
		fleet->clients[i].peer_addr = fleet->peer_addrs[tp_load_peer_of(i)];
	}
}

static int setup_turn(struct tp_load_fleet *fleet, const char *user, const char *password,
		      struct tp_load_result *result)
{
	enum tp_load_mode mode = fleet->options->mode;
	int err = run_phase(fleet, TP_STUN_ALLOCATE, user, password, result);

	if (err != 0) {
		return err;
	}
	if (mode == TP_LOAD_HAIRPIN) {
		pair_up(fleet, result);
	} else {
		choose_peers(fleet);
	}
	for (uint32_t i = 0; i < fleet->client_count; i++) {
		fleet->clients[i].channel = (uint16_t)(TP_CHANNEL_NUMBER_MIN + i % CHANNELS);
	}
	err = run_phase(fleet,
			mode == TP_LOAD_SEND ? TP_STUN_CREATE_PERMISSION : TP_STUN_CHANNEL_BIND,
			user, password, result);
	if (mode == TP_LOAD_HAIRPIN) {
		pair_up(fleet, result);
	}
	return err;
}

void tp_load_release(struct tp_load_fleet *fleet, const char *user, const char *password)
{
	struct tp_load_result ignored = {0};

	if (fleet->options->target == TP_LOAD_TARGET_TURN) {
		(void)run_phase(fleet, TP_STUN_REFRESH, user, password, &ignored);
	}
}

/* --- without a protocol ---------------------------------------------------- */

static void prime(const struct tp_load_fleet *fleet, const struct tp_load_client *client)
{
	struct tp_load_packet packet = {.index = client->index, .kind = TP_LOAD_PRIME};
	uint8_t bytes[TP_LOAD_PAYLOAD_MIN];
	struct sockaddr_storage sa;
	socklen_t sa_len = tp_addr_to_sockaddr(&client->relayed_addr, &sa);

	tp_load_payload_write(bytes, sizeof(bytes), &packet);
	(void)send(client->fd, bytes, sizeof(bytes), 0);
	(void)sendto(fleet->peer_fds[tp_load_peer_of(client->index)], bytes, sizeof(bytes), 0,
		     (struct sockaddr *)&sa, sa_len);
}

static void setup_forwarder(struct tp_load_fleet *fleet)
{
	choose_peers(fleet);
	for (uint32_t i = 0; i < fleet->client_count; i++) {
		fleet->clients[i].relayed_addr = tp_addr_with_port(
			&fleet->server_addr, (uint16_t)(fleet->server_addr.port + 1 + i));
	}
	for (int round = 0; round < PRIMES; round++) {
		for (uint32_t i = 0; i < fleet->client_count; i++) {
			prime(fleet, &fleet->clients[i]);
			if (i % FLIGHT == 0) {
				(void)poll(NULL, 0, 1); /* not more than its buffer takes */
			}
		}
		(void)poll(NULL, 0, PRIME_PAUSE_MS);
	}
}

int tp_load_setup(struct tp_load_fleet *fleet, const char *user, const char *password,
		  struct tp_load_result *result)
{
	switch (fleet->options->target) {
	case TP_LOAD_TARGET_TURN:
		return setup_turn(fleet, user, password, result);
	case TP_LOAD_TARGET_FORWARDER:
		setup_forwarder(fleet);
		return 0;
	default:
		return 0;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "support/bare_server.h"

#include <string.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "host/request.h"
#include "host/ticket.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "turn/channel.h"
#include "turn/peer_policy.h"
#include "turn/shared_relay.h"
#include "turn/tcp_relay.h"

#define CLIENT_BYTES_MAX 2048

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	tp_assert(tp_addr_parse(text, &addr) == 0);
	return addr;
}

static void open_worker(struct bare_server *bare, const struct tp_datagram_backend *backend,
			const char *plugin_dir)
{
	const struct tp_instance_config hooks = {
		.name = "hooks",
		.file = "hooks",
		.config_file = "bench",
	};
	char problem[TP_PROBLEM_SIZE];

	tp_assert(tp_generation_create(&hooks, plugin_dir != NULL ? 1 : 0,
				       plugin_dir != NULL ? plugin_dir : "/", 1, problem,
				       &bare->generation) == 0);
	bare->worker = (struct tp_worker){.count = 1, .park_deadline_ms = 1000};
	tp_assert(tp_loop_create(&bare->clock.clock, backend, &bare->worker.loop) == 0);
	tp_assert(tp_mailbox_create(bare->worker.loop, &bare->worker.mailbox) == 0);
	tp_assert(tp_ticket_table_create(&bare->worker, 16, &bare->worker.tickets) == 0);
	tp_worker_enter(&bare->worker);
	tp_assert(tp_generation_worker_start(bare->generation, &bare->worker, problem) == 0);
}

void bare_server_open(struct bare_server *bare, const struct tp_datagram_backend *backend,
		      const char *plugin_dir)
{
	struct tp_turn_options options;

	*bare = (struct bare_server){
		.five_tuple =
			{
				.client_addr = addr_of("192.0.2.10:4000"),
				.server_addr = addr_of("198.51.100.1:3478"),
				.transport = TP_TRANSPORT_UDP,
			},
		.peer_addr = addr_of("192.0.2.200:9000"),
	};
	fake_net_reset();
	fake_clock_init(&bare->clock);
	fake_endpoint_init(&bare->endpoint, TP_TRANSPORT_UDP);
	open_worker(bare, backend, plugin_dir);
	tp_turn_options_init(&options);
	options.realm = "example.org";
	options.port_min = 1024;
	options.relay_count = 1;
	options.relay[0].bind_addr = addr_of("203.0.113.7");
	options.relay[0].advertised_addr = options.relay[0].bind_addr;
	tp_assert(tp_peer_policy_create(&options.peer_policy) == 0);
	tp_assert(tp_peer_policy_allow(options.peer_policy, "192.0.2.0/24") == 0);
	tp_assert(tp_shared_create(&options, 1, 1, &bare->shared) == 0);
	tp_assert(tp_server_create(bare->shared, &bare->worker, bare->generation, &bare->server) ==
		  0);
}

void bare_server_share_ports(struct bare_server *bare, uint32_t count)
{
	struct tp_turn_options *options = (struct tp_turn_options *)bare->server->options;
	struct tp_addr refused;

	options->shared_ports = count;
	tp_assert(tp_shared_relays_open(bare->server, &refused) == 0);
}

void bare_server_offer_all(struct bare_server *bare)
{
	struct tp_turn_options *options = (struct tp_turn_options *)bare->server->options;

	options->relay_tcp = true;
	options->mobility = true;
	options->relay[0].bind_addr = addr_of("127.0.0.1");
	bare->shared->options.relay[0].bind_addr = options->relay[0].bind_addr;
	tp_assert(tp_peer_policy_relayed(options->peer_policy,
					 &options->relay[0].advertised_addr) == 0);
}

void bare_server_close(struct bare_server *bare)
{
	tp_server_free(&bare->server);
	tp_generation_worker_stop(bare->generation, &bare->worker);
	tp_ticket_table_free(&bare->worker.tickets);
	tp_worker_enter(NULL);
	tp_mailbox_free(&bare->worker.mailbox);
	tp_loop_free(&bare->worker.loop);
	tp_generation_unref(&bare->generation);
	tp_generation_reap();
	tp_shared_free(&bare->shared);
	tp_assert(fake_net_open_sockets() == 0);
}

static struct tp_allocation *allocate(struct bare_server *bare,
				      const struct tp_five_tuple *five_tuple,
				      struct tp_relay_socket *relay, struct tp_tcp_relay **tcp)
{
	bool mobile = bare->server->options->mobility && *tcp == NULL;
	struct tp_quota_user *quota = NULL;
	struct tp_allocation *allocation;
	struct tp_key key;
	const struct tp_allocation_params params = {
		.id = mobile ? tp_allocation_mint_id(bare->server) : 0,
		.mobile = mobile,
		.five_tuple = five_tuple,
		.endpoint = &bare->endpoint.endpoint,
		.user = "alice",
		.relay = relay,
		.tcp = tcp,
		.quota = &quota,
		.key = &key,
		.algorithm = TP_PASSWORD_MD5,
		.key_valid_s = UINT32_MAX,
		.lifetime_s = 3600,
	};

	tp_assert(tp_key_long_term(&key, TP_PASSWORD_MD5, "alice", "example.org", "secret") == 0);
	tp_assert(tp_quota_take(bare->shared->quotas[0], "alice", "example.org", 0, 0, &quota) ==
		  0);
	tp_assert(tp_allocation_create(bare->server, &params, &allocation) == 0);
	bare->five_tuple.client_addr.port++;
	return allocation;
}

struct tp_allocation *bare_server_allocate(struct bare_server *bare)
{
	struct tp_relay_socket relay = {.datagram = NULL};
	struct tp_tcp_relay *tcp = NULL;
	struct tp_allocation *allocation;

	tp_assert(tp_relay_socket_open(bare->server, TP_FAMILY_IPV4, false, NULL, &relay, NULL) ==
		  0);
	allocation = allocate(bare, &bare->five_tuple, &relay, &tcp);
	tp_assert(tp_channel_bind(allocation, 0x4000, &bare->peer_addr, false) == 0);
	return allocation;
}

struct tp_allocation *bare_server_allocate_tcp(struct bare_server *bare)
{
	const struct tp_relay_choice any = {.port_min = 0};
	struct tp_five_tuple five_tuple = bare->five_tuple;
	struct tp_relay_socket relay = {.datagram = NULL};
	struct tp_tcp_relay *tcp = NULL;

	if (tp_tcp_relay_open(bare->server, TP_FAMILY_IPV4, &any, &tcp) != 0) {
		return NULL;
	}
	relay.advertised_addr = tcp->advertised_addr;
	relay.address = tcp->address;
	five_tuple.transport = TP_TRANSPORT_TCP;
	return allocate(bare, &five_tuple, &relay, &tcp);
}

void bare_server_client_sends(struct bare_server *bare, const struct tp_five_tuple *five_tuple,
			      const uint8_t *bytes, size_t len)
{
	uint8_t room[TP_PACKET_HEADROOM + CLIENT_BYTES_MAX + TP_PACKET_TAILROOM];
	struct tp_packet packet = {
		.data = room + TP_PACKET_HEADROOM,
		.len = len,
		.remote_addr = five_tuple->client_addr,
		.local_addr = five_tuple->server_addr,
		.ttl = -1,
		.tos = -1,
	};
	const struct tp_endpoint_handler *handler = tp_server_handler(bare->server);

	tp_assert(len <= CLIENT_BYTES_MAX);
	memcpy(packet.data, bytes, len);
	handler->message(handler->owner, &bare->endpoint.endpoint, five_tuple, &packet);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/err.h"
#include "host/ticket.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "support/fake_clock.h"
#include "support/fake_net.h"
#include "support/turn_client.h"
#include "turn/allocation.h"
#include "turn/channel.h"
#include "turn/peer_policy.h"
#include "turn/server.h"

/*
 * A whole server with one allocation, fed a conversation: each step is a byte
 * that says what, a byte of length and that many bytes.
 */

enum step {
	CLIENT_BYTES,   /* as they are */
	CLIENT_REQUEST, /* attributes of a request that is given good credentials */
	CLIENT_STREAM,  /* as they are, over another transport */
	PEER_BYTES,
	TIME, /* seconds */
	STEPS,
};

static struct fake_clock clock_;
static struct tp_worker worker;
static struct tp_generation *generation;
static struct tp_shared *shared;
static struct tp_server *server;
static struct fake_endpoint endpoint;
static struct tp_five_tuple five_tuple;
static struct tp_addr peer_addr;
static struct tp_addr relayed_addr;
static struct turn_client client;

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	tp_assert(tp_addr_parse(text, &addr) == 0);
	return addr;
}

static void open_server(void)
{
	struct tp_turn_options options;
	char problem[TP_PROBLEM_SIZE];

	fake_net_reset();
	fake_clock_init(&clock_);
	fake_endpoint_init(&endpoint, TP_TRANSPORT_UDP);
	tp_assert(tp_generation_create(NULL, 0, "/", 1, problem, &generation) == 0);
	worker = (struct tp_worker){.count = 1, .park_deadline_ms = 1000};
	tp_assert(tp_loop_create(&clock_.clock, &fake_net_backend, &worker.loop) == 0);
	tp_assert(tp_mailbox_create(worker.loop, &worker.mailbox) == 0);
	tp_assert(tp_ticket_table_create(&worker, 16, &worker.tickets) == 0);
	tp_turn_options_init(&options);
	options.realm = "example.org";
	options.relay_count = 1;
	options.relay[0].bind_addr = addr_of("203.0.113.7");
	options.relay[0].advertised_addr = options.relay[0].bind_addr;
	tp_assert(tp_peer_policy_create(&options.peer_policy) == 0);
	tp_assert(tp_peer_policy_allow(options.peer_policy, "192.0.2.0/24") == 0);
	tp_assert(tp_shared_create(&options, 1, &shared) == 0);
	tp_assert(tp_server_create(shared, &worker, generation, &server) == 0);
}

static void open_allocation(void)
{
	struct tp_relay_socket relay = {.datagram = NULL};
	struct tp_quota_user *quota = NULL;
	struct tp_key key;
	struct tp_allocation_params params = {
		.five_tuple = &five_tuple,
		.endpoint = &endpoint.endpoint,
		.user = "alice",
		.relay = &relay,
		.quota = &quota,
		.key = &key,
		.algorithm = TP_PASSWORD_MD5,
		.key_valid_s = UINT32_MAX,
		.lifetime_s = 3600,
	};
	struct tp_allocation *allocation;

	five_tuple.client_addr = addr_of("192.0.2.10:4000");
	five_tuple.server_addr = addr_of("198.51.100.1:3478");
	five_tuple.transport = TP_TRANSPORT_UDP;
	peer_addr = addr_of("192.0.2.200:9000");
	turn_client_init(&client, "alice", "secret");
	strcpy(client.realm, "example.org");
	key = turn_client_key(&client);
	tp_assert(tp_relay_socket_open(server, TP_FAMILY_IPV4, false, &relay, NULL) == 0);
	relayed_addr = relay.advertised_addr;
	tp_assert(tp_quota_take(shared->quota, "alice", "example.org", 0, 0, &quota) == 0);
	tp_assert(tp_allocation_create(server, &params, &allocation) == 0);
	tp_assert(tp_channel_bind(allocation, 0x4000, &peer_addr, false) == 0);
}

static void close_server(void)
{
	tp_server_free(&server);
	tp_ticket_table_free(&worker.tickets);
	tp_mailbox_free(&worker.mailbox);
	tp_loop_free(&worker.loop);
	tp_generation_unref(&generation);
	tp_generation_reap();
	tp_shared_free(&shared);
	tp_assert(fake_net_open_sockets() == 0);
}

static void client_sends(const uint8_t *bytes, size_t len)
{
	uint8_t room[TP_PACKET_HEADROOM + sizeof(client.bytes) + TP_PACKET_TAILROOM];
	struct tp_packet packet = {
		.data = room + TP_PACKET_HEADROOM,
		.len = len,
		.remote_addr = five_tuple.client_addr,
		.local_addr = five_tuple.server_addr,
		.ttl = -1,
		.tos = -1,
	};
	const struct tp_endpoint_handler *handler = tp_server_handler(server);

	memcpy(packet.data, bytes, len);
	handler->message(handler->owner, &endpoint.endpoint, &five_tuple, &packet);
}

/* The first byte is the method, the rest attributes as they are. */
static void client_requests(const uint8_t *bytes, size_t len)
{
	struct tp_build *build;

	if (len == 0) {
		return;
	}
	client.nonce[0] = '\0';
	turn_client_begin(&client, TP_STUN_REFRESH);
	turn_client_finish(&client);
	client_sends(client.bytes, client.len);
	if (fake_endpoint_last(&endpoint) != NULL) {
		const struct fake_message *last = fake_endpoint_last(&endpoint);
		struct tp_stun_msg msg;
		const char *reason;

		if (tp_stun_msg_parse(&msg, last->bytes, last->len, &reason) == 0) {
			turn_client_learn(&client, &msg);
		}
	}
	build = turn_client_begin(&client, bytes[0] % 16);
	memcpy(build->bytes + build->len, bytes + 1, len - 1);
	build->len += (len - 1) / 4 * 4;
	turn_client_sign(&client);
	client_sends(client.bytes, client.len);
}

static void take_step(enum step step, const uint8_t *bytes, size_t len)
{
	switch (step) {
	case CLIENT_BYTES:
		client_sends(bytes, len);
		break;
	case CLIENT_REQUEST:
		client_requests(bytes, len);
		break;
	case CLIENT_STREAM:
		endpoint.endpoint.stream = !endpoint.endpoint.stream;
		client_sends(bytes, len);
		break;
	case PEER_BYTES:
		fake_net_deliver(&peer_addr, &relayed_addr, bytes, len);
		break;
	default:
		fake_clock_advance_s(&clock_, len);
		break;
	}
	tp_loop_turn(worker.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	open_server();
	open_allocation();
	while (size >= 2) {
		size_t len = data[1];
		enum step step = (enum step)(data[0] % STEPS);

		data += 2;
		size -= 2;
		if (len > size) {
			len = size;
		}
		take_step(step, data, len);
		data += len;
		size -= len;
	}
	close_server();
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/hairpin.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/bytes.h"
#include "base/err.h"
#include "host/ticket.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "stun/build.h"
#include "stun/channel_data.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/channel.h"
#include "turn/live_ports.h"
#include "turn/peer_policy.h"
#include "turn/permission.h"

/*
 * Two workers with a server each and two clients: A on the first worker, B on the
 * same or on the other. Each names the other's relayed address as its peer.
 */

#define WORKERS 2
#define CHANNEL 0x4001
#define CLIENT_BYTES_MAX (65535 + 64)

struct client {
	struct tp_server *server;
	struct fake_endpoint endpoint;
	struct tp_five_tuple five_tuple;
	struct tp_allocation *allocation;
	struct tp_addr addr; /* relayed, as advertised */
};

static struct fake_clock clock_;
static struct tp_generation *generation;
static struct tp_shared *shared;
static struct tp_worker workers[WORKERS];
static struct tp_server *servers[WORKERS];
static struct client a;
static struct client b;

/* --- what is told ---------------------------------------------------------------- */

static unsigned discards;
static enum tp_discard_reason reason;
static enum tp_direction direction;
static const struct tp_allocation_view *loser;

static void note_discard(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_turn_message_discarded) {
		const struct tp_message_discarded *discarded = payload;

		reason = discarded->reason;
		direction = discarded->direction;
		loser = discarded->allocation;
		discards++;
	} else if (event == TP_EVENT_on_turn_channel_data_discarded) {
		const struct tp_channel_data_discarded *discarded = payload;

		reason = discarded->reason;
		direction = discarded->direction;
		loser = discarded->allocation;
		discards++;
	}
}

static void expect_discard(const struct client *of, enum tp_direction way,
			   enum tp_discard_reason why)
{
	CU_ASSERT_EQUAL(discards, 1);
	CU_ASSERT_EQUAL(reason, why);
	CU_ASSERT_EQUAL(direction, way);
	CU_ASSERT_PTR_EQUAL(loser, &of->allocation->view);
	discards = 0;
}

/* --- open and close -------------------------------------------------------------- */

static void open_worker(unsigned index)
{
	struct tp_worker *worker = &workers[index];
	char problem[TP_PROBLEM_SIZE];

	*worker = (struct tp_worker){.index = index, .count = WORKERS, .park_deadline_ms = 1000};
	tp_assert(tp_loop_create(&clock_.clock, &fake_net_backend, &worker->loop) == 0);
	tp_assert(tp_mailbox_create(worker->loop, &worker->mailbox) == 0);
	tp_assert(tp_ticket_table_create(worker, 4, &worker->tickets) == 0);
	tp_worker_enter(worker);
	tp_assert(tp_generation_worker_start(generation, worker, problem) == 0);
	tp_assert(tp_server_create(shared, worker, generation, &servers[index]) == 0);
}

static void open_shared(const char *advertised)
{
	struct tp_turn_options options;

	tp_turn_options_init(&options);
	options.realm = "example.org";
	options.relay_count = 1;
	options.relay[0].bind_addr = turn_fixture_addr("203.0.113.7");
	options.relay[0].advertised_addr = turn_fixture_addr(advertised);
	tp_assert(tp_peer_policy_create(&options.peer_policy) == 0);
	tp_assert(tp_shared_create(&options, 1, WORKERS, &shared) == 0);
}

/* @relay: taken over */
static void allocate_on(struct client *client, struct tp_server *server, const char *addr,
			struct tp_relay_socket *relay)
{
	struct tp_quota_user *quota = NULL;
	struct tp_key key = {0};
	const struct tp_allocation_params params = {
		.five_tuple = &client->five_tuple,
		.endpoint = &client->endpoint.endpoint,
		.user = "alice",
		.relay = relay,
		.quota = &quota,
		.key = &key,
		.algorithm = TP_PASSWORD_MD5,
		.lifetime_s = 3600,
	};

	client->server = server;
	client->five_tuple = (struct tp_five_tuple){
		.client_addr = turn_fixture_addr(addr),
		.server_addr = turn_fixture_addr("198.51.100.1:3478"),
	};
	fake_endpoint_init(&client->endpoint, TP_TRANSPORT_UDP);
	tp_assert(tp_quota_take(shared->quotas[0], "alice", "example.org", 0, 0, &quota) == 0);
	tp_assert(tp_allocation_create(server, &params, &client->allocation) == 0);
	client->addr = client->allocation->view.relayed_addr;
}

static void allocate(struct client *client, struct tp_server *server, const char *addr)
{
	struct tp_relay_socket relay = {.datagram = NULL};

	tp_assert(tp_relay_socket_open(server, TP_FAMILY_IPV4, false, NULL, &relay, NULL) == 0);
	allocate_on(client, server, addr, &relay);
}

static void open_as(bool apart, const char *advertised, bool plugin)
{
	const struct tp_instance_config hooks = {
		.name = "hooks",
		.file = "hooks",
		.config_file = "test",
	};
	char problem[TP_PROBLEM_SIZE];

	fake_net_reset();
	fake_clock_init(&clock_);
	test_hooks = (struct test_hooks){.tell = note_discard};
	discards = 0;
	tp_assert(tp_generation_create(&hooks, plugin ? 1 : 0, TEST_PLUGIN_DIR, WORKERS, problem,
				       &generation) == 0);
	open_shared(advertised);
	for (unsigned i = 0; i < WORKERS; i++) {
		open_worker(i);
	}
	allocate(&a, servers[0], "192.0.2.10:4000");
	allocate(&b, servers[apart ? 1 : 0], "192.0.2.20:4000");
}

static void open_pair(bool apart)
{
	open_as(apart, "203.0.113.7", true);
}

static void close_pair(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		tp_worker_enter(&workers[i]);
		tp_mailbox_close(workers[i].mailbox);
		tp_server_free(&servers[i]);
		tp_generation_worker_stop(generation, &workers[i]);
		tp_ticket_table_free(&workers[i].tickets);
		tp_mailbox_free(&workers[i].mailbox);
		tp_loop_free(&workers[i].loop);
	}
	tp_worker_enter(NULL);
	tp_shared_free(&shared);
	tp_generation_unref(&generation);
	tp_generation_reap();
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
}

/* What has left by the end of a turn is there after the other's. */
static void turn(void)
{
	for (unsigned i = 0; i < 2 * WORKERS; i++) {
		tp_loop_turn(workers[i % WORKERS].loop);
	}
}

/* --- clients --------------------------------------------------------------------- */

/* As policy rules for addresses of ours: relayed ports only. */
static void permit(struct client *client, const struct client *peer)
{
	struct tp_permission *permission;

	CU_ASSERT_EQUAL(tp_permission_install(client->allocation, &peer->addr, true, &permission),
			0);
}

static void bind_channel(struct client *client, const struct client *peer)
{
	CU_ASSERT_EQUAL(tp_channel_bind(client->allocation, CHANNEL, &peer->addr, true), 0);
}

static int client_ttl = -1;
static int client_tos = -1;

static void client_sends(struct client *client, const uint8_t *bytes, size_t len)
{
	/* exactly the room that a packet has, so that a sanitizer sees more */
	uint8_t *room = malloc(TP_PACKET_HEADROOM + len + TP_PACKET_TAILROOM);
	struct tp_packet packet = {
		.data = room + TP_PACKET_HEADROOM,
		.len = len,
		.remote_addr = client->five_tuple.client_addr,
		.local_addr = client->five_tuple.server_addr,
		.ttl = client_ttl,
		.tos = client_tos,
	};
	const struct tp_endpoint_handler *handler = tp_server_handler(client->server);

	tp_assert(room != NULL);
	memcpy(packet.data, bytes, len);
	handler->message(handler->owner, &client->endpoint.endpoint, &client->five_tuple, &packet);
	free(room);
}

static void send_channel_data(struct client *client, const void *payload, size_t len)
{
	static uint8_t bytes[CLIENT_BYTES_MAX];

	tp_channel_data_write_header(bytes, CHANNEL, len);
	memcpy(bytes + TP_CHANNEL_DATA_HEADER_SIZE, payload, len);
	client_sends(client, bytes, TP_CHANNEL_DATA_HEADER_SIZE + len);
}

static void send_indication(struct client *client, const struct tp_addr *peer_addr,
			    const void *payload, size_t len)
{
	static uint8_t bytes[CLIENT_BYTES_MAX];
	const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = {1};
	struct tp_build build;

	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_SEND, TP_STUN_INDICATION,
		      transaction_id);
	tp_build_xor_addr(&build, TP_ATTR_XOR_PEER_ADDRESS, peer_addr);
	tp_build_bytes(&build, TP_ATTR_DONT_FRAGMENT, NULL, 0);
	tp_build_bytes(&build, TP_ATTR_DATA, payload, len);
	client_sends(client, bytes, tp_build_finish(&build));
}

static const struct fake_message *last_for(const struct client *client)
{
	const struct fake_message *last = fake_endpoint_last(&client->endpoint);

	return last != NULL && memcmp(&last->five_tuple, &client->five_tuple,
				      sizeof(last->five_tuple)) == 0
		       ? last
		       : NULL;
}

static bool got_channel_data(const struct client *client, const void *payload, size_t len)
{
	const struct fake_message *last = last_for(client);
	struct tp_channel_data message;

	return last != NULL && last->forwarded &&
	       tp_channel_data_parse(&message, last->bytes, last->len) == 0 &&
	       message.number == CHANNEL && message.payload_len == len &&
	       memcmp(message.payload, payload, len) == 0;
}

static bool got_data(const struct client *client, const struct tp_addr *from, const void *payload,
		     size_t len)
{
	const struct fake_message *last = last_for(client);
	const struct tp_stun_attr *peer;
	const struct tp_stun_attr *data;
	struct tp_stun_msg msg;
	struct tp_addr addr;
	const char *problem;

	if (last == NULL || tp_stun_msg_parse(&msg, last->bytes, last->len, &problem) != 0 ||
	    msg.method != TP_STUN_DATA || msg.message_class != TP_STUN_INDICATION) {
		return false;
	}
	peer = tp_stun_msg_find(&msg, TP_ATTR_XOR_PEER_ADDRESS);
	data = tp_stun_msg_find(&msg, TP_ATTR_DATA);
	return peer != NULL && data != NULL && tp_attr_read_xor_addr(peer, &msg, &addr) == 0 &&
	       tp_addr_equal(&addr, from) && data->len == len &&
	       memcmp(data->value, payload, len) == 0;
}

/* So many packets and bytes from A to B, and none by the kernel. */
static void expect_relayed(uint64_t packets, uint64_t bytes)
{
	CU_ASSERT_EQUAL(a.allocation->client_to_peer.packets, packets);
	CU_ASSERT_EQUAL(a.allocation->client_to_peer.bytes, bytes);
	CU_ASSERT_EQUAL(b.allocation->peer_to_client.packets, packets);
	CU_ASSERT_EQUAL(b.allocation->peer_to_client.bytes, bytes);
	CU_ASSERT_EQUAL(fake_net_sent_count(), 0);
}

/* --- cases for both: B on the same worker, and on another -------------------------- */

static void each(void (*run)(void))
{
	for (unsigned apart = 0; apart < 2; apart++) {
		open_pair(apart == 1);
		run();
		close_pair();
	}
}

static const char *const payloads[] = {"", "1", "12", "123", "1234", "12345"};
#define PAYLOADS (sizeof(payloads) / sizeof(payloads[0]))

static void run_all_kinds(void)
{
	uint64_t packets = 0;
	uint64_t bytes = 0;

	bind_channel(&a, &b);
	permit(&b, &a);
	for (unsigned kind = 0; kind < 4; kind++) {
		if (kind == 2) {
			bind_channel(&b, &a);
		}
		for (size_t i = 0; i < PAYLOADS; i++) {
			size_t len = strlen(payloads[i]);

			if (kind % 2 == 0) {
				send_channel_data(&a, payloads[i], len);
			} else {
				send_indication(&a, &b.addr, payloads[i], len);
			}
			turn();
			CU_ASSERT_TRUE(kind < 2 ? got_data(&b, &a.addr, payloads[i], len)
						: got_channel_data(&b, payloads[i], len));
			packets++;
			bytes += len;
			expect_relayed(packets, bytes);
		}
	}
	CU_ASSERT_EQUAL(a.allocation->peer_to_client.packets, 0);
	CU_ASSERT_EQUAL(b.allocation->client_to_peer.packets, 0);
	CU_ASSERT_EQUAL(discards, 0);
}

/* RFC 8656 sections 11 and 12, as if the peer were anywhere */
static void channel_data_and_indications_go_from_client_to_client(void)
{
	each(run_all_kinds);
}

static void run_both_directions(void)
{
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	for (unsigned i = 0; i < 50; i++) {
		send_channel_data(&a, "ping", 4);
		turn();
		CU_ASSERT_TRUE(got_channel_data(&b, "ping", 4));
		send_channel_data(&b, "pong!", 5);
		turn();
		CU_ASSERT_TRUE(got_channel_data(&a, "pong!", 5));
	}
	CU_ASSERT_EQUAL(b.allocation->client_to_peer.bytes, 250);
	CU_ASSERT_EQUAL(a.allocation->peer_to_client.bytes, 250);
	/* what reaches a client goes no further */
	CU_ASSERT_EQUAL(a.endpoint.message_count, 50);
	CU_ASSERT_EQUAL(b.endpoint.message_count, 50);
}

static void there_and_back_and_never_in_circles(void)
{
	each(run_both_directions);
}

static bool got_with(const struct client *client, int ttl, int tos)
{
	const struct fake_message *last = last_for(client);

	return last != NULL && last->ttl == ttl && last->tos == tos;
}

/* As on the wire: a hop at each of the two relayed addresses. */
static void run_marks(void)
{
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	client_ttl = 57;
	client_tos = 0xb9;
	send_channel_data(&a, "123", 3);
	turn();
	CU_ASSERT_TRUE(got_with(&b, 55, 0xb9));
	client_ttl = 3;
	send_indication(&a, &b.addr, "123", 3);
	turn();
	CU_ASSERT_TRUE(got_with(&b, 1, 0xb9));
	client_ttl = 2;
	send_channel_data(&a, "123", 3);
	turn();
	expect_discard(&b, TP_PEER_TO_CLIENT, TP_DISCARD_HOP_LIMIT);
	client_ttl = -1;
	client_tos = -1;
	send_channel_data(&a, "123", 3);
	turn();
	CU_ASSERT_TRUE(got_with(&b, -1, -1));
}

static void marks_go_from_client_to_client(void)
{
	each(run_marks);
}

static void run_without_permission(void)
{
	bind_channel(&a, &b);
	send_channel_data(&a, "123", 3);
	turn();
	expect_discard(&b, TP_PEER_TO_CLIENT, TP_DISCARD_NO_PERMISSION);
	/* the sender has sent it; RFC 8656 section 11.3 drops it at the other side */
	CU_ASSERT_EQUAL(a.allocation->client_to_peer.packets, 1);
	CU_ASSERT_EQUAL(b.allocation->peer_to_client.packets, 0);
	CU_ASSERT_EQUAL(b.endpoint.message_count, 0);

	send_channel_data(&b, "123", 3);
	expect_discard(&b, TP_CLIENT_TO_PEER, TP_DISCARD_CHANNEL_UNBOUND);
	send_indication(&b, &a.addr, "123", 3);
	expect_discard(&b, TP_CLIENT_TO_PEER, TP_DISCARD_NO_PERMISSION);
	turn();
	CU_ASSERT_EQUAL(a.endpoint.message_count, 0);
	CU_ASSERT_EQUAL(fake_net_sent_count(), 0);
}

static void both_sides_need_their_permission(void)
{
	each(run_without_permission);
}

static enum tp_direction vetoed;

static enum tp_verdict veto(enum tp_event event, const void *payload)
{
	enum tp_direction way =
		event == TP_EVENT_on_turn_before_relay_channel_data
			? ((const struct tp_before_relay_channel_data *)payload)->direction
			: ((const struct tp_before_relay_indication *)payload)->direction;

	return way == vetoed ? TP_DENY : TP_ALLOW;
}

static void run_vetoes(void)
{
	test_hooks.packet = veto;
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	vetoed = TP_CLIENT_TO_PEER;
	send_channel_data(&a, "x", 1);
	turn();
	expect_discard(&a, TP_CLIENT_TO_PEER, TP_DISCARD_VETO);
	send_indication(&a, &b.addr, "x", 1);
	turn();
	expect_discard(&a, TP_CLIENT_TO_PEER, TP_DISCARD_VETO);
	CU_ASSERT_EQUAL(a.allocation->client_to_peer.packets, 0);

	vetoed = TP_PEER_TO_CLIENT;
	send_channel_data(&a, "x", 1);
	turn();
	expect_discard(&b, TP_PEER_TO_CLIENT, TP_DISCARD_VETO);
	CU_ASSERT_EQUAL(a.allocation->client_to_peer.packets, 1);
	CU_ASSERT_EQUAL(b.allocation->peer_to_client.packets, 0);
	CU_ASSERT_EQUAL(b.endpoint.message_count, 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_before_relay_channel_data], 3);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_before_relay_indication], 1);
}

static void handlers_of_both_sides_are_asked(void)
{
	each(run_vetoes);
}

static void run_slow_client(void)
{
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	b.endpoint.result = TP_EFULL;
	send_channel_data(&a, "x", 1);
	turn();
	expect_discard(&b, TP_PEER_TO_CLIENT, TP_DISCARD_QUEUE_FULL);
	CU_ASSERT_EQUAL(a.allocation->client_to_peer.packets, 1);
	CU_ASSERT_EQUAL(b.allocation->peer_to_client.packets, 0);
}

static void a_client_too_slow_loses_it_on_its_own_side(void)
{
	each(run_slow_client);
}

static void run_streams(void)
{
	a.endpoint.endpoint.stream = true;
	b.endpoint.endpoint.stream = true;
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	for (size_t i = 0; i < PAYLOADS; i++) {
		size_t len = strlen(payloads[i]);

		send_channel_data(&a, payloads[i], len);
		turn();
		CU_ASSERT_TRUE(got_channel_data(&b, payloads[i], len));
		/* RFC 8656 section 12.5 */
		CU_ASSERT_EQUAL(fake_endpoint_last(&b.endpoint)->len, 4 + (len + 3) / 4 * 4);
	}
}

static void channel_data_for_a_stream_is_padded(void)
{
	each(run_streams);
}

static void run_sizes(void)
{
	static uint8_t payload[65531];
	const size_t datagram_max = TP_HAIRPIN_PAYLOAD_MAX;

	bind_channel(&a, &b);
	bind_channel(&b, &a);
	send_channel_data(&a, payload, datagram_max);
	turn();
	CU_ASSERT_EQUAL(b.endpoint.message_count, 1);
	CU_ASSERT_EQUAL(fake_endpoint_last(&b.endpoint)->len, 4 + datagram_max);
	expect_relayed(1, datagram_max);
	send_channel_data(&a, payload, datagram_max + 1); /* the kernel's to refuse */
	turn();
	CU_ASSERT_EQUAL(fake_net_sent_count(), 1);
	CU_ASSERT_EQUAL(b.endpoint.message_count, 1);
}

static void what_no_datagram_can_carry_is_left_to_the_kernel(void)
{
	each(run_sizes);
}

static void run_freed_port(void)
{
	bind_channel(&a, &b);
	tp_allocation_delete(b.allocation, TP_DELETE_REFRESH);
	send_channel_data(&a, "x", 1);
	expect_discard(&a, TP_CLIENT_TO_PEER, TP_DISCARD_NO_PERMISSION); /* relayed ports only */
	/* an address of ours that policy allows: whoever has the port now */
	CU_ASSERT_EQUAL(tp_channel_bind(a.allocation, CHANNEL, &b.addr, false), 0);
	send_channel_data(&a, "x", 1);
	CU_ASSERT_EQUAL(fake_net_sent_count(), 1);
	CU_ASSERT_TRUE(tp_addr_equal(&fake_net_last_sent()->to, &b.addr));
	turn();
	CU_ASSERT_EQUAL(b.endpoint.message_count, 0);
}

static void a_freed_port_is_none_of_ours(void)
{
	each(run_freed_port);
}

static void run_reserved(void)
{
	struct tp_relay_socket reserved = {.datagram = NULL};
	struct client nobody;

	CU_ASSERT_EQUAL(
		tp_relay_socket_open(b.server, TP_FAMILY_IPV4, false, NULL, &reserved, NULL), 0);
	nobody.addr = reserved.advertised_addr;
	bind_channel(&a, &nobody);
	send_channel_data(&a, "x", 1);
	turn();
	CU_ASSERT_EQUAL(discards, 0); /* sent; nobody reads it */
	CU_ASSERT_EQUAL(a.allocation->client_to_peer.packets, 1);
	CU_ASSERT_EQUAL(fake_net_sent_count(), 0);
	tp_relay_socket_close(b.server, &reserved);
}

static void a_reserved_port_swallows_it(void)
{
	each(run_reserved);
}

static void by_advertised_and_by_bound_address_alike(void)
{
	for (unsigned apart = 0; apart < 2; apart++) {
		struct tp_permission *permission;
		struct tp_addr bound;

		open_as(apart == 1, "203.0.113.99", true);
		permit(&a, &b);
		permit(&b, &a);
		send_indication(&a, &b.addr, "advertised", 10);
		turn();
		CU_ASSERT_TRUE(got_data(&b, &a.addr, "advertised", 10));
		bound = turn_fixture_addr("203.0.113.7");
		bound.port = b.addr.port;
		CU_ASSERT_EQUAL(tp_permission_install(a.allocation, &bound, true, &permission), 0);
		send_indication(&a, &bound, "bound", 5);
		turn();
		CU_ASSERT_TRUE(got_data(&b, &a.addr, "bound", 5));
		expect_relayed(2, 15);
		close_pair();
	}
}

static void a_client_may_send_to_itself(void)
{
	open_pair(false);
	bind_channel(&a, &a);
	send_channel_data(&a, "echo", 4);
	CU_ASSERT_TRUE(got_channel_data(&a, "echo", 4));
	CU_ASSERT_EQUAL(a.allocation->client_to_peer.packets, 1);
	CU_ASSERT_EQUAL(a.allocation->peer_to_client.packets, 1);
	close_pair();
}

static void other_peers_go_by_the_kernel_as_ever(void)
{
	struct tp_addr peer = turn_fixture_addr("192.0.2.200:9000");

	open_pair(false);
	peer.port = b.addr.port;
	CU_ASSERT_EQUAL(tp_channel_bind(a.allocation, CHANNEL, &peer, false), 0);
	send_channel_data(&a, "x", 1);
	send_indication(&a, &peer, "y", 1);
	CU_ASSERT_EQUAL(fake_net_sent_count(), 2);
	CU_ASSERT_TRUE(tp_addr_equal(&fake_net_last_sent()->to, &peer));
	CU_ASSERT_EQUAL(b.endpoint.message_count, 0);
	close_pair();
}

/* --- cases between workers --------------------------------------------------------- */

static unsigned live_worker(const struct client *client)
{
	unsigned worker = UINT32_MAX;

	CU_ASSERT_TRUE(tp_live_ports_worker(shared->live_ports, 0, client->addr.port, &worker));
	return worker;
}

static void a_port_is_known_by_its_worker(void)
{
	open_pair(true);
	CU_ASSERT_EQUAL(live_worker(&a), 0);
	CU_ASSERT_EQUAL(live_worker(&b), 1);
	tp_allocation_delete(b.allocation, TP_DELETE_REFRESH);
	CU_ASSERT_FALSE(tp_live_ports_test(shared->live_ports, 0, b.addr.port));
	close_pair();
}

/* A reserved port is claimed by a client of another worker (RFC 8656 section 7.2). */
static void a_port_that_moves_takes_its_traffic_along(void)
{
	struct tp_relay_socket relay = {.datagram = NULL};
	struct client c = {.server = NULL};
	int fd;

	open_pair(true);
	CU_ASSERT_EQUAL_FATAL(
		tp_relay_socket_open(servers[0], TP_FAMILY_IPV4, false, NULL, &relay, NULL), 0);
	c.addr = relay.advertised_addr;
	bind_channel(&a, &c);
	fd = tp_relay_socket_release(servers[0], &relay);
	CU_ASSERT_NOT_EQUAL_FATAL(fd, -1);
	CU_ASSERT_EQUAL(live_worker(&c), 0);
	send_channel_data(&a, "between", 7); /* to nobody */
	tp_relay_socket_adopt(servers[1], &relay, fd);
	CU_ASSERT_EQUAL(live_worker(&c), 1);
	allocate_on(&c, servers[1], "192.0.2.30:4000", &relay);
	permit(&c, &a);
	send_channel_data(&a, "arrived", 7);
	turn();
	CU_ASSERT_TRUE(got_data(&c, &a.addr, "arrived", 7));
	CU_ASSERT_EQUAL(c.endpoint.message_count, 1);
	tp_allocation_delete(c.allocation, TP_DELETE_EXPIRED);
	CU_ASSERT_FALSE(tp_live_ports_test(shared->live_ports, 0, c.addr.port));
	close_pair();
}

static void what_cannot_be_adopted_frees_its_port(void)
{
	struct tp_relay_socket relay = {.datagram = NULL};
	struct client c;
	int fd;

	open_pair(true);
	CU_ASSERT_EQUAL_FATAL(
		tp_relay_socket_open(servers[0], TP_FAMILY_IPV4, false, NULL, &relay, NULL), 0);
	c.addr = relay.advertised_addr;
	CU_ASSERT_EQUAL(live_worker(&c), 0);
	fd = tp_relay_socket_release(servers[0], &relay);
	tp_socket_close(&fd);
	CU_ASSERT_TRUE(tp_live_ports_test(shared->live_ports, 0, c.addr.port));
	tp_relay_socket_adopt(servers[1], &relay, fd);
	CU_ASSERT_PTR_NULL(relay.datagram);
	CU_ASSERT_FALSE(tp_live_ports_test(shared->live_ports, 0, c.addr.port));
	close_pair();
}

/* Send until the other worker takes no more. */
static uint64_t fill(void)
{
	static const uint8_t payload[1200];
	uint64_t before = a.allocation->client_to_peer.packets;

	discards = 0;
	while (discards == 0) {
		send_channel_data(&a, payload, sizeof(payload));
		CU_ASSERT_FATAL(a.allocation->client_to_peer.packets - before <
				TP_LANE_BYTES / sizeof(payload));
	}
	return a.allocation->client_to_peer.packets - before;
}

static void a_worker_too_slow_loses_what_is_beyond_the_ceiling(void)
{
	uint64_t sent;

	open_pair(true);
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	for (unsigned i = 0; i < 3; i++) {
		sent = fill();
		CU_ASSERT(sent > 100);
		expect_discard(&a, TP_CLIENT_TO_PEER, TP_DISCARD_QUEUE_FULL);
		b.endpoint.message_count = 0;
		turn();
		CU_ASSERT_EQUAL(b.endpoint.message_count, sent); /* all that was not refused */
	}
	send_channel_data(&a, "after", 5);
	turn();
	CU_ASSERT_TRUE(got_channel_data(&b, "after", 5));
	close_pair();
}

/* An endpoint that sends at the end of the turn what it was given in it. */
static struct {
	struct tp_endpoint endpoint;
	struct tp_turn_hook hook;
	const uint8_t *bytes;
	size_t len;
	unsigned sent;
} holding;

static int hold(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
		struct tp_packet *packet)
{
	(void)endpoint;
	(void)five_tuple;
	holding.bytes = packet->data;
	holding.len = packet->len;
	tp_loop_request_hook(workers[1].loop, &holding.hook);
	return 0;
}

static void let_go(struct tp_turn_hook *hook)
{
	(void)hook;
	fill(); /* the sender goes on meanwhile */
	CU_ASSERT_EQUAL(holding.len, 4 + 6);
	CU_ASSERT_EQUAL(memcmp(holding.bytes + 4, "stable", 6), 0);
	holding.sent++;
}

static void what_is_delivered_stays_until_the_end_of_the_turn(void)
{
	static const struct tp_endpoint_ops ops = {.forward = hold};

	open_pair(true);
	holding.endpoint.ops = &ops;
	holding.sent = 0;
	tp_turn_hook_init(&holding.hook, let_go);
	b.allocation->endpoint = &holding.endpoint;
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	for (unsigned early = 0; early < 2; early++) {
		send_channel_data(&a, "stable", 6);
		tp_loop_turn(workers[0].loop);
		if (early == 1) { /* the hook may be ahead of all others */
			tp_loop_request_hook(workers[1].loop, &holding.hook);
		}
		tp_loop_turn(workers[1].loop);
		CU_ASSERT_EQUAL(holding.sent, early + 1);
		b.allocation->endpoint = &b.endpoint.endpoint;
		turn();
		b.allocation->endpoint = &holding.endpoint;
	}
	close_pair();
}

static void many_packets_call_the_other_worker_once(void)
{
	open_pair(true);
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	for (unsigned i = 0; i < 20; i++) {
		send_channel_data(&a, &i, sizeof(i));
	}
	CU_ASSERT_EQUAL(b.endpoint.message_count, 0); /* not before the end of the turn */
	tp_mailbox_deliver(workers[1].mailbox);
	CU_ASSERT_EQUAL(b.endpoint.message_count, 0);
	tp_loop_turn(workers[0].loop);
	tp_mailbox_deliver(workers[1].mailbox);
	CU_ASSERT_EQUAL_FATAL(b.endpoint.message_count, 20);
	for (unsigned i = 0; i < 20; i++) {
		CU_ASSERT_EQUAL(memcmp(b.endpoint.messages[i].bytes + 4, &i, sizeof(i)), 0);
	}
	turn();
	close_pair();
}

static void what_is_under_way_to_a_port_that_closes_is_dropped(void)
{
	open_pair(true);
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	send_channel_data(&a, "x", 1);
	tp_loop_turn(workers[0].loop);
	tp_allocation_delete(b.allocation, TP_DELETE_EXPIRED);
	turn();
	CU_ASSERT_EQUAL(b.endpoint.message_count, 0);
	CU_ASSERT_EQUAL(discards, 0);
	close_pair();
}

static void a_sender_gone_meanwhile_is_a_peer_no_more(void)
{
	open_pair(true);
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	send_channel_data(&a, "x", 1);
	tp_loop_turn(workers[0].loop);
	tp_allocation_delete(a.allocation, TP_DELETE_EXPIRED);
	tp_loop_turn(workers[1].loop);
	expect_discard(&b, TP_PEER_TO_CLIENT, TP_DISCARD_NO_PERMISSION); /* relayed ports only */
	close_pair();
}

static void a_worker_that_stops_ends_the_traffic_to_it(void)
{
	open_pair(true);
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	send_channel_data(&a, "on its way", 10);
	tp_loop_turn(workers[0].loop);
	send_channel_data(&a, "in the batch", 12);
	tp_server_stop(servers[1]);
	turn();
	CU_ASSERT_EQUAL(b.endpoint.message_count, 0);
	send_channel_data(&a, "too late", 8);
	expect_discard(&a, TP_CLIENT_TO_PEER, TP_DISCARD_NO_PERMISSION);
	turn();
	close_pair();
}

static void a_closed_mailbox_ends_it_likewise(void)
{
	open_pair(true);
	bind_channel(&a, &b);
	tp_mailbox_close(workers[1].mailbox);
	for (unsigned i = 0; i < 3; i++) {
		send_channel_data(&a, "x", 1);
		turn();
	}
	CU_ASSERT_EQUAL(a.allocation->client_to_peer.packets, 3);
	CU_ASSERT_EQUAL(b.endpoint.message_count, 0);
	close_pair();
}

static void a_sender_that_stops_leaves_nothing_behind(void)
{
	open_pair(true);
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	send_channel_data(&a, "x", 1);
	tp_server_free(&servers[0]);
	tp_loop_turn(workers[1].loop); /* the lane outlives its sender */
	expect_discard(&b, TP_PEER_TO_CLIENT, TP_DISCARD_NO_PERMISSION);
	close_pair();
}

/* --- in threads ---------------------------------------------------------------------- */

#define MANY 20000

static atomic_uint in_order;

static void check_order(struct fake_endpoint *endpoint, const struct fake_message *message)
{
	uint32_t number;

	(void)endpoint;
	memcpy(&number, message->bytes + 4, sizeof(number));
	if (number == atomic_load(&in_order)) {
		atomic_store(&in_order, number + 1);
	}
}

static void stop(struct tp_message *message)
{
	(void)message;
	tp_loop_stop(workers[1].loop);
}

static void *run_worker(void *arg)
{
	tp_worker_enter(arg);
	tp_loop_run(workers[1].loop);
	tp_worker_enter(NULL);
	return NULL;
}

static void workers_in_threads_lose_nothing_and_keep_the_order(void)
{
	struct tp_message stopping = {.deliver = stop};
	pthread_t thread;

	open_as(true, "203.0.113.7", false);
	bind_channel(&a, &b);
	bind_channel(&b, &a);
	b.endpoint.sent = check_order;
	atomic_store(&in_order, 0);
	tp_assert(pthread_create(&thread, NULL, run_worker, &workers[1]) == 0);
	while (a.allocation->client_to_peer.packets < MANY) {
		uint32_t payload[43] = {(uint32_t)a.allocation->client_to_peer.packets};

		send_channel_data(&a, payload, sizeof(payload));
		if (a.allocation->client_to_peer.packets == payload[0]) { /* full: again */
			sched_yield();
			tp_loop_turn(workers[0].loop);
		} else if (payload[0] % 16 == 15) {
			tp_loop_turn(workers[0].loop);
		}
	}
	tp_loop_turn(workers[0].loop);
	CU_ASSERT_EQUAL(tp_mailbox_post(workers[1].mailbox, &stopping), 0);
	pthread_join(thread, NULL);
	CU_ASSERT_EQUAL(atomic_load(&in_order), MANY);
	expect_relayed(MANY, MANY * UINT64_C(172));
	close_pair();
}

TEST_SUITE("hairpin", TEST(channel_data_and_indications_go_from_client_to_client),
	   TEST(there_and_back_and_never_in_circles), TEST(marks_go_from_client_to_client),
	   TEST(both_sides_need_their_permission), TEST(handlers_of_both_sides_are_asked),
	   TEST(a_client_too_slow_loses_it_on_its_own_side),
	   TEST(channel_data_for_a_stream_is_padded),
	   TEST(what_no_datagram_can_carry_is_left_to_the_kernel),
	   TEST(a_freed_port_is_none_of_ours), TEST(a_reserved_port_swallows_it),
	   TEST(by_advertised_and_by_bound_address_alike), TEST(a_client_may_send_to_itself),
	   TEST(other_peers_go_by_the_kernel_as_ever), TEST(a_port_is_known_by_its_worker),
	   TEST(a_port_that_moves_takes_its_traffic_along),
	   TEST(what_cannot_be_adopted_frees_its_port),
	   TEST(a_worker_too_slow_loses_what_is_beyond_the_ceiling),
	   TEST(what_is_delivered_stays_until_the_end_of_the_turn),
	   TEST(many_packets_call_the_other_worker_once),
	   TEST(what_is_under_way_to_a_port_that_closes_is_dropped),
	   TEST(a_sender_gone_meanwhile_is_a_peer_no_more),
	   TEST(a_worker_that_stops_ends_the_traffic_to_it),
	   TEST(a_closed_mailbox_ends_it_likewise), TEST(a_sender_that_stops_leaves_nothing_behind),
	   TEST(workers_in_threads_lose_nothing_and_keep_the_order));

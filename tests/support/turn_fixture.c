/* SPDX-License-Identifier: Apache-2.0 */
#include "support/turn_fixture.h"

#include <string.h>

#include <CUnit/CUnit.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/err.h"
#include "host/ticket.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "stun/channel_data.h"
#include "turn/peer_policy.h"
#include "turn/shared_relay.h"

#define PARK_DEADLINE_MS 5000
#define KEY_VALID_S 100

struct tp_addr turn_fixture_addr(const char *text)
{
	struct tp_addr addr;

	tp_assert(tp_addr_parse(text, &addr) == 0);
	return addr;
}

/* --- the provider -------------------------------------------------------------- */

static bool is_alice(const struct tp_request_authorization *event)
{
	uint8_t hash[TP_USERHASH_SIZE];

	if (event->username != NULL) {
		return strcmp(event->username, "alice") == 0;
	}
	tp_assert(tp_userhash(hash, "alice", event->realm) == 0);
	return memcmp(hash, event->userhash, sizeof(hash)) == 0;
}

enum tp_verdict turn_fixture_authorize(struct tp_request *request,
				       const struct tp_request_authorization *event)
{
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = "secret",
		.user = event->username == NULL ? "alice" : NULL,
		.valid_for_s = KEY_VALID_S,
	};

	if (is_alice(event) || (event->username != NULL && strcmp(event->username, "bob") == 0)) {
		return tp_request_provide(request, &credentials);
	}
	return TP_PASS;
}

static enum tp_verdict default_ask(enum tp_event event, struct tp_request *request,
				   const void *payload)
{
	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request, payload);
	}
	return TP_PASS;
}

/* --- open and close ------------------------------------------------------------ */

static void open_generation(struct turn_fixture *f)
{
	const struct tp_instance_config config = {
		.name = "hooks",
		.file = "hooks",
		.config_file = "test",
	};
	char problem[TP_PROBLEM_SIZE];

	if (tp_generation_create(&config, 1, TEST_PLUGIN_DIR, 2, problem, &f->generation) != 0) {
		CU_FAIL_FATAL(problem);
	}
}

static void open_worker(struct turn_fixture *f)
{
	char problem[TP_PROBLEM_SIZE];

	tp_assert(tp_loop_create(&f->clock.clock, &fake_net_backend, &f->loop) == 0);
	tp_assert(tp_mailbox_create(f->loop, &f->mailbox) == 0);
	f->worker = (struct tp_worker){
		.index = 0,
		.count = 1,
		.loop = f->loop,
		.mailbox = f->mailbox,
		.park_deadline_ms = PARK_DEADLINE_MS,
	};
	tp_assert(tp_ticket_table_create(&f->worker, 64, &f->worker.tickets) == 0);
	tp_worker_enter(&f->worker);
	tp_assert(tp_generation_worker_start(f->generation, &f->worker, problem) == 0);
}

static struct tp_peer_policy *make_policy(void)
{
	struct tp_addr relayed = turn_fixture_addr("203.0.113.7");
	struct tp_peer_policy *policy;

	tp_assert(tp_peer_policy_create(&policy) == 0);
	tp_assert(tp_peer_policy_allow(policy, "192.0.2.0/24") == 0);
	tp_assert(tp_peer_policy_allow(policy, "2001:db8:1::/48") == 0);
	tp_assert(tp_peer_policy_relayed(policy, &relayed) == 0);
	relayed = turn_fixture_addr("203.0.113.99");
	tp_assert(tp_peer_policy_relayed(policy, &relayed) == 0);
	return policy;
}

static void init_options(struct tp_turn_options *options)
{
	tp_turn_options_init(options);
	options->realm = "example.org";
	options->relay_count = 2;
	options->relay[0].bind_addr = turn_fixture_addr("203.0.113.7");
	options->relay[0].advertised_addr = options->relay[0].bind_addr;
	options->relay[1].bind_addr = turn_fixture_addr("2001:db8::7");
	options->relay[1].advertised_addr = options->relay[1].bind_addr;
}

static void open_server(struct turn_fixture *f, const struct tp_turn_options *options,
			size_t realms)
{
	struct tp_addr refused;

	tp_assert(tp_shared_create(options, realms, 2, &f->shared) == 0);
	tp_assert(tp_server_create(f->shared, &f->worker, f->generation, &f->server) == 0);
	tp_assert(tp_shared_relays_open(f->server, &refused) == 0);
}

static void open_client(struct turn_fixture *f)
{
	*f = (struct turn_fixture){
		.five_tuple =
			{
				.client_addr = turn_fixture_addr("192.0.2.10:4000"),
				.server_addr = turn_fixture_addr("198.51.100.1:3478"),
				.transport = TP_TRANSPORT_UDP,
			},
		.peer_addr = turn_fixture_addr("192.0.2.200:9000"),
		.ttl = -1,
		.tos = -1,
	};
	test_hooks = (struct test_hooks){.ask = default_ask};
	fake_net_reset();
	fake_clock_init(&f->clock);
	fake_endpoint_init(&f->endpoint, TP_TRANSPORT_UDP);
	turn_client_init(&f->client, "alice", "secret");
	open_generation(f);
	open_worker(f);
}

void turn_fixture_open_with(struct turn_fixture *f, void (*adjust)(struct tp_turn_options *options))
{
	struct tp_turn_options options;

	open_client(f);
	init_options(&options);
	options.peer_policy = make_policy();
	if (adjust != NULL) {
		adjust(&options);
	}
	open_server(f, &options, 1);
}

void turn_fixture_open_realms(struct turn_fixture *f,
			      void (*adjust)(struct tp_turn_options *options), bool plugins)
{
	static const char *const hooks[] = {"hooks"};
	const struct tp_realm_plugins realms[] = {{hooks, 1}, {hooks, plugins ? 1 : 0}};
	char problem[TP_PROBLEM_SIZE];
	struct tp_turn_options options[2];

	open_client(f);
	tp_assert(tp_generation_set_realms(f->generation, realms, 2, problem) == 0);
	init_options(&options[0]);
	options[1] = options[0];
	options[0].peer_policy = make_policy();
	options[1].realm = "example.net";
	if (adjust != NULL) {
		adjust(&options[1]);
	}
	open_server(f, options, 2);
}

void turn_fixture_open(struct turn_fixture *f)
{
	turn_fixture_open_with(f, NULL);
}

void turn_fixture_close(struct turn_fixture *f)
{
	tp_server_free(&f->server);
	tp_generation_worker_stop(f->generation, &f->worker);
	CU_ASSERT_EQUAL(tp_ticket_table_parked(f->worker.tickets), 0);
	tp_ticket_table_free(&f->worker.tickets);
	tp_worker_enter(NULL);
	tp_generation_unref(&f->generation);
	tp_generation_reap();
	tp_shared_free(&f->shared); /* asserts that all quota is given back */
	tp_mailbox_free(&f->mailbox);
	tp_loop_free(&f->loop);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
}

/* --- time ---------------------------------------------------------------------- */

void turn_fixture_turn(struct turn_fixture *f)
{
	tp_mailbox_deliver(f->mailbox);
	tp_loop_turn(f->loop);
}

void turn_fixture_advance_s(struct turn_fixture *f, uint32_t seconds)
{
	while (seconds-- > 0) {
		fake_clock_advance_s(&f->clock, 1);
		turn_fixture_turn(f);
	}
}

/* --- requests ------------------------------------------------------------------ */

static void deliver(struct turn_fixture *f, const uint8_t *bytes, size_t len)
{
	uint8_t room[TP_PACKET_HEADROOM + 4096 + TP_PACKET_TAILROOM];
	struct tp_packet packet = {
		.data = room + TP_PACKET_HEADROOM,
		.len = len,
		.remote_addr = f->five_tuple.client_addr,
		.local_addr = f->five_tuple.server_addr,
		.ttl = f->ttl,
		.tos = f->tos,
	};
	const struct tp_endpoint_handler *handler = tp_server_handler(f->server);

	tp_assert(len <= 4096);
	memcpy(packet.data, bytes, len);
	handler->message(handler->owner, &f->endpoint.endpoint, &f->five_tuple, &packet);
	turn_fixture_turn(f);
}

bool turn_fixture_take_response(struct turn_fixture *f)
{
	const char *reason;

	const struct fake_message *last = fake_endpoint_last(&f->endpoint);

	if (f->endpoint.message_count == f->response_count) {
		return false;
	}
	f->response_count = f->endpoint.message_count;
	memcpy(f->response_bytes, last->bytes, last->len);
	return tp_stun_msg_parse(&f->response, f->response_bytes, last->len, &reason) == 0;
}

bool turn_fixture_send_bytes(struct turn_fixture *f, const uint8_t *bytes, size_t len)
{
	deliver(f, bytes, len);
	return turn_fixture_take_response(f);
}

int turn_fixture_exchange(struct turn_fixture *f)
{
	if (!turn_fixture_send_bytes(f, f->client.bytes, f->client.len)) {
		return -1;
	}
	return turn_client_code(&f->response);
}

int turn_fixture_request(struct turn_fixture *f)
{
	turn_client_sign(&f->client);
	return turn_fixture_exchange(f);
}

struct tp_build *turn_fixture_begin_allocate(struct turn_fixture *f)
{
	struct tp_build *build = turn_client_begin(&f->client, TP_STUN_ALLOCATE);

	tp_build_requested_transport(build, TP_PROTOCOL_UDP);
	return build;
}

void turn_fixture_challenge(struct turn_fixture *f)
{
	turn_fixture_begin_allocate(f);
	turn_client_finish(&f->client);
	CU_ASSERT_EQUAL_FATAL(turn_fixture_exchange(f), 401);
	turn_client_learn(&f->client, &f->response);
}

struct tp_allocation *turn_fixture_allocate(struct turn_fixture *f)
{
	const struct tp_stun_attr *attr;

	turn_fixture_challenge(f);
	turn_fixture_begin_allocate(f);
	CU_ASSERT_EQUAL_FATAL(turn_fixture_request(f), 0);
	attr = tp_stun_msg_find(&f->response, TP_ATTR_XOR_RELAYED_ADDRESS);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(tp_attr_read_xor_addr(attr, &f->response, &f->relayed_addr), 0);
	return tp_allocation_find(f->server, &f->five_tuple);
}

int turn_fixture_permit(struct turn_fixture *f, const struct tp_addr *peer_addr)
{
	tp_build_xor_addr(turn_client_begin(&f->client, TP_STUN_CREATE_PERMISSION),
			  TP_ATTR_XOR_PEER_ADDRESS, peer_addr);
	return turn_fixture_request(f);
}

int turn_fixture_bind(struct turn_fixture *f, uint16_t number, const struct tp_addr *peer_addr)
{
	struct tp_build *build = turn_client_begin(&f->client, TP_STUN_CHANNEL_BIND);

	tp_build_channel_number(build, number);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, peer_addr);
	return turn_fixture_request(f);
}

int turn_fixture_refresh(struct turn_fixture *f, uint32_t lifetime_s)
{
	tp_build_u32(turn_client_begin(&f->client, TP_STUN_REFRESH), TP_ATTR_LIFETIME, lifetime_s);
	return turn_fixture_request(f);
}

/* --- media --------------------------------------------------------------------- */

void turn_fixture_send_indication(struct turn_fixture *f, const struct tp_addr *peer_addr,
				  const char *payload)
{
	struct tp_build *build = turn_client_begin_indication(&f->client, TP_STUN_SEND);

	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, peer_addr);
	tp_build_bytes(build, TP_ATTR_DATA, payload, strlen(payload));
	turn_client_finish(&f->client);
	deliver(f, f->client.bytes, f->client.len);
}

void turn_fixture_send_channel_data(struct turn_fixture *f, uint16_t number, const char *payload)
{
	uint8_t bytes[2048];
	size_t len = strlen(payload);

	tp_channel_data_write_header(bytes, number, len);
	memcpy(bytes + TP_CHANNEL_DATA_HEADER_SIZE, payload, len);
	deliver(f, bytes, TP_CHANNEL_DATA_HEADER_SIZE + len);
}

void turn_fixture_peer_sends(struct turn_fixture *f, const struct tp_addr *peer_addr,
			     const char *payload)
{
	CU_ASSERT_TRUE(fake_net_deliver_marked(peer_addr, &f->relayed_addr, payload,
					       strlen(payload), f->ttl, f->tos));
	turn_fixture_turn(f);
}

size_t turn_fixture_peer_count(struct turn_fixture *f)
{
	(void)f;
	return fake_net_sent_count();
}

bool turn_fixture_peer_got(struct turn_fixture *f, const struct tp_addr *peer_addr,
			   const char *payload)
{
	const struct fake_net_datagram *last = fake_net_last_sent();

	(void)f;
	return last != NULL && tp_addr_equal(&last->to, peer_addr) &&
	       last->len == strlen(payload) && memcmp(last->bytes, payload, last->len) == 0;
}

bool turn_fixture_client_got_channel_data(struct turn_fixture *f, uint16_t number,
					  const char *payload)
{
	const struct fake_message *last = fake_endpoint_last(&f->endpoint);
	struct tp_channel_data message;

	return last != NULL && tp_channel_data_parse(&message, last->bytes, last->len) == 0 &&
	       message.number == number && message.payload_len == strlen(payload) &&
	       memcmp(message.payload, payload, message.payload_len) == 0;
}

bool turn_fixture_client_got_data(struct turn_fixture *f, const struct tp_addr *peer_addr,
				  const char *payload)
{
	const struct fake_message *last = fake_endpoint_last(&f->endpoint);
	const struct tp_stun_attr *peer;
	const struct tp_stun_attr *data;
	struct tp_stun_msg msg;
	struct tp_addr addr;
	const char *reason;

	if (last == NULL || tp_stun_msg_parse(&msg, last->bytes, last->len, &reason) != 0 ||
	    msg.method != TP_STUN_DATA || msg.message_class != TP_STUN_INDICATION) {
		return false;
	}
	peer = tp_stun_msg_find(&msg, TP_ATTR_XOR_PEER_ADDRESS);
	data = tp_stun_msg_find(&msg, TP_ATTR_DATA);
	return peer != NULL && data != NULL && tp_attr_read_xor_addr(peer, &msg, &addr) == 0 &&
	       tp_addr_equal(&addr, peer_addr) && data->len == strlen(payload) &&
	       memcmp(data->value, payload, data->len) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/shared_relay.h"

#include <stdio.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/err.h"
#include "host/ticket.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/channel.h"
#include "turn/permission.h"

/*
 * Several clients of the fixture's server, each on a port of its own, one at a
 * time being the fixture's. On two shared ports clients 0 and 2 meet on the first, 1
 * and 3 on the second.
 */

#define CLIENTS 4
#define CHANNEL 0x4001
#define FIRST_PORT 50000

struct client {
	struct turn_client login;
	struct tp_five_tuple five_tuple;
	struct tp_addr relayed_addr;
	struct tp_allocation *allocation;
};

static struct turn_fixture f;
static struct client clients[CLIENTS];
static size_t current;
static struct tp_addr peer; /* 192.0.2.200:9000 */
static struct tp_addr other_port;

/* --- what is told ------------------------------------------------------------------ */

static unsigned discards;
static enum tp_discard_reason reason;
static enum tp_direction direction;
static const struct tp_allocation_view *loser;
static struct tp_five_tuple where;

static void note_discard(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_turn_message_discarded) {
		const struct tp_message_discarded *discarded = payload;

		reason = discarded->reason;
		direction = discarded->direction;
		loser = discarded->allocation;
		where = *discarded->five_tuple;
		discards++;
	}
}

static bool was_discarded(enum tp_direction way, enum tp_discard_reason why)
{
	bool so = discards == 1 && direction == way && reason == why;

	discards = 0;
	return so;
}

/* --- clients ----------------------------------------------------------------------- */

static void become(size_t client)
{
	clients[current].login = f.client;
	clients[current].five_tuple = f.five_tuple;
	clients[current].relayed_addr = f.relayed_addr;
	current = client;
	f.client = clients[current].login;
	f.five_tuple = clients[current].five_tuple;
	f.relayed_addr = clients[current].relayed_addr;
}

static void share_two(struct tp_turn_options *options)
{
	options->shared_ports = 2;
	options->port_min = FIRST_PORT;
	options->port_max = FIRST_PORT + 99;
	options->permission_lifetime_s = 300;
}

static void share_one(struct tp_turn_options *options)
{
	share_two(options);
	options->shared_ports = 1;
}

static void open_with(void (*adjust)(struct tp_turn_options *options))
{
	turn_fixture_open_with(&f, adjust);
	test_hooks.tell = note_discard;
	discards = 0;
	current = 0;
	peer = f.peer_addr;
	other_port = tp_addr_with_port(&peer, 9001);
	for (size_t i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){.five_tuple = f.five_tuple};
		clients[i].five_tuple.client_addr.port += (uint16_t)i;
		turn_client_init(&clients[i].login, "alice", "secret");
	}
}

static void allocate(size_t client)
{
	become(client);
	clients[client].allocation = turn_fixture_allocate(&f);
}

/* Two clients on one port, both with permission for the peer. */
static void open_rivals(void)
{
	open_with(share_one);
	for (size_t i = 0; i < 2; i++) {
		allocate(i);
		CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer), 0);
	}
	become(0);
}

static int bind_as(size_t client, uint16_t number, const struct tp_addr *peer_addr)
{
	become(client);
	return turn_fixture_bind(&f, number, peer_addr);
}

static void send_as(size_t client, const struct tp_addr *peer_addr, const char *payload)
{
	become(client);
	turn_fixture_send_indication(&f, peer_addr, payload);
}

/* The last thing that any client was sent was for this one. */
static bool was_sent_to(size_t client)
{
	return fake_endpoint_last(&f.endpoint)->five_tuple.client_addr.port ==
	       4000 + (uint16_t)client;
}

static bool got_data(size_t client, const struct tp_addr *from, const char *payload)
{
	return was_sent_to(client) && turn_fixture_client_got_data(&f, from, payload);
}

static bool got_channel_data(size_t client, const char *payload)
{
	return was_sent_to(client) && turn_fixture_client_got_channel_data(&f, CHANNEL, payload);
}

static bool reason_is(const char *expected)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, TP_ATTR_ERROR_CODE);

	return attr != NULL && attr->len == 4 + strlen(expected) &&
	       memcmp(attr->value + 4, expected, strlen(expected)) == 0;
}

/* --- ports ------------------------------------------------------------------------- */

static void allocations_share_the_lowest_ports_of_the_range(void)
{
	open_with(share_two);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 4); /* on each of two addresses */
	for (size_t i = 0; i < CLIENTS; i++) {
		allocate(i);
		CU_ASSERT_EQUAL(f.relayed_addr.port, FIRST_PORT + i % 2);
		CU_ASSERT_TRUE(
			tp_addr_equal(&clients[i].allocation->view.relayed_addr, &f.relayed_addr));
	}
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 4);
	turn_fixture_close(&f);
}

static void what_one_has_left_the_next_gets(void)
{
	open_with(share_two);
	for (size_t i = 0; i < 3; i++) {
		allocate(i);
	}
	become(1);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 4);
	allocate(3);
	CU_ASSERT_EQUAL(f.relayed_addr.port, FIRST_PORT + 1);
	turn_fixture_close(&f);
}

static void a_dual_allocation_shares_one_of_each_family(void)
{
	struct tp_allocation *allocation;

	open_with(share_two);
	turn_fixture_challenge(&f);
	tp_build_address_family(turn_fixture_begin_allocate(&f), TP_ATTR_ADDITIONAL_ADDRESS_FAMILY,
				TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	allocation = tp_allocation_find(f.server, &f.five_tuple);
	CU_ASSERT_EQUAL(allocation->view.relayed_addr.family, TP_FAMILY_IPV4);
	CU_ASSERT_EQUAL(allocation->view.relayed_addr_more.family, TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 4);
	tp_allocation_end_family(allocation, TP_FAMILY_IPV4);
	CU_ASSERT_EQUAL(allocation->view.relayed_addr.family, TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 4);
	turn_fixture_close(&f);
}

struct second {
	struct tp_worker worker;
	struct tp_server *server;
	struct tp_addr refused;
};

static int open_second(struct second *second)
{
	*second = (struct second){.worker = {.index = 1, .count = 2, .park_deadline_ms = 5000}};
	tp_assert(tp_loop_create(&f.clock.clock, &fake_net_backend, &second->worker.loop) == 0);
	tp_assert(tp_mailbox_create(second->worker.loop, &second->worker.mailbox) == 0);
	tp_assert(tp_ticket_table_create(&second->worker, 4, &second->worker.tickets) == 0);
	tp_assert(tp_server_create(f.shared, &second->worker, f.generation, &second->server) == 0);
	return tp_shared_relays_open(second->server, &second->refused);
}

static void close_second(struct second *second)
{
	tp_server_free(&second->server);
	tp_ticket_table_free(&second->worker.tickets);
	tp_mailbox_free(&second->worker.mailbox);
	tp_loop_free(&second->worker.loop);
	turn_fixture_close(&f);
}

static void the_next_worker_has_the_next_ports(void)
{
	struct second second;

	open_with(share_two);
	CU_ASSERT_EQUAL(open_second(&second), 0);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 8);
	for (uint16_t i = 0; i < 4; i++) {
		struct tp_addr addr = turn_fixture_addr("203.0.113.7");

		addr.port = FIRST_PORT + i;
		CU_ASSERT_TRUE(fake_net_is_bound(&addr));
	}
	close_second(&second);
}

static void a_port_that_another_program_has_is_named(void)
{
	struct tp_addr expected = turn_fixture_addr("203.0.113.7:50003");
	struct second second;

	open_with(share_two);
	fake_net_fail_port(FIRST_PORT + 3, TP_EADDRINUSE);
	CU_ASSERT_EQUAL(open_second(&second), TP_EADDRINUSE);
	CU_ASSERT_TRUE(tp_addr_equal(&second.refused, &expected));
	CU_ASSERT_PTR_NULL(second.server->shared_relays);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 4);
	fake_net_fail_port(FIRST_PORT + 3, 0);
	close_second(&second);
}

static void a_range_too_small_for_all_workers_is_refused(void)
{
	struct second second;

	open_with(share_two);
	f.shared->options.port_max = FIRST_PORT + 2;
	((struct tp_turn_options *)f.server->options)->port_max = FIRST_PORT + 2;
	CU_ASSERT_EQUAL(open_second(&second), TP_ERANGE);
	CU_ASSERT_EQUAL(second.refused.family, TP_FAMILY_NONE);
	close_second(&second);
}

static uint16_t wanted_port;

static enum tp_verdict choose(enum tp_event event, struct tp_request *request, const void *payload)
{
	if (event == TP_EVENT_on_turn_choose_relay) {
		return tp_request_choose_relay(request, NULL, wanted_port, wanted_port);
	}
	return event == TP_EVENT_on_stun_request_authorization
		       ? turn_fixture_authorize(request, payload)
		       : TP_PASS;
}

static void a_plugin_chooses_among_them(void)
{
	open_with(share_two);
	test_hooks.ask = choose;
	wanted_port = FIRST_PORT + 1;
	allocate(0);
	CU_ASSERT_EQUAL(f.relayed_addr.port, FIRST_PORT + 1);
	allocate(1);
	CU_ASSERT_EQUAL(f.relayed_addr.port, FIRST_PORT + 1);
	become(2);
	turn_fixture_challenge(&f);
	wanted_port = FIRST_PORT + 2; /* in the range, and not this worker's */
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 508);
	turn_fixture_close(&f);
}

/* RFC 8656 section 7.2: what cannot be had is refused, not passed over. */
static void pairs_of_ports_are_refused(void)
{
	static const uint8_t token[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	open_with(share_two);
	turn_fixture_challenge(&f);
	tp_build_even_port(turn_fixture_begin_allocate(&f), true);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 508);
	CU_ASSERT_TRUE(reason_is("Relayed Ports Are Shared Here"));
	tp_build_bytes(turn_fixture_begin_allocate(&f), TP_ATTR_RESERVATION_TOKEN, token,
		       sizeof(token));
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 508);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	turn_fixture_close(&f);
}

static void allocate_even(size_t client)
{
	become(client);
	turn_fixture_challenge(&f);
	tp_build_even_port(turn_fixture_begin_allocate(&f), false);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	clients[client].allocation = tp_allocation_find(f.server, &f.five_tuple);
}

/* Nothing is reserved without the R bit. */
static void an_even_port_can_be_had(void)
{
	open_with(share_two);
	for (size_t i = 0; i < 3; i++) {
		allocate_even(i);
		CU_ASSERT_EQUAL(clients[i].allocation->view.relayed_addr.port, FIRST_PORT);
	}
	turn_fixture_close(&f);
}

static void share_an_odd_one(struct tp_turn_options *options)
{
	share_one(options);
	options->port_min = FIRST_PORT + 1;
}

static void without_an_even_port_it_is_refused(void)
{
	open_with(share_an_odd_one);
	turn_fixture_challenge(&f);
	tp_build_even_port(turn_fixture_begin_allocate(&f), false);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 508);
	turn_fixture_close(&f);
}

static void a_socket_for_many_is_not_handed_over(void)
{
	struct tp_relay_socket socket = {.datagram = NULL};

	open_with(share_two);
	CU_ASSERT_EQUAL(tp_relay_socket_open(f.server, TP_FAMILY_IPV4, false, NULL, &socket, NULL),
			0);
	CU_ASSERT_EQUAL(tp_relay_socket_release(f.server, &socket), -1);
	CU_ASSERT_PTR_NULL(socket.datagram);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 4);
	turn_fixture_close(&f);
}

/* --- from the peer ------------------------------------------------------------------ */

static void a_peer_with_a_channel_reaches_whose_channel_it_is(void)
{
	open_rivals();
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &peer), 0);
	turn_fixture_peer_sends(&f, &peer, "for the second");
	CU_ASSERT_TRUE(got_channel_data(1, "for the second"));
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &other_port), 0);
	turn_fixture_peer_sends(&f, &other_port, "for the first");
	CU_ASSERT_TRUE(got_channel_data(0, "for the first"));
	turn_fixture_close(&f);
}

static void a_peer_reaches_who_has_sent_to_it(void)
{
	open_rivals();
	send_as(1, &peer, "hello");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &peer, "hello"));
	turn_fixture_peer_sends(&f, &peer, "answer");
	CU_ASSERT_TRUE(got_data(1, &peer, "answer"));
	turn_fixture_close(&f);
}

static void an_unclaimed_peer_reaches_the_only_one_with_a_permission(void)
{
	open_with(share_one);
	allocate(0);
	allocate(1);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer), 0);
	turn_fixture_peer_sends(&f, &other_port, "unasked");
	CU_ASSERT_TRUE(got_data(1, &other_port, "unasked"));
	become(0); /* and it has claimed nothing by that */
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, CHANNEL, &other_port), 0);
	turn_fixture_close(&f);
}

static void what_could_be_for_several_is_for_nobody(void)
{
	struct tp_addr stranger = turn_fixture_addr("192.0.2.77:9000");
	uint64_t before;
	size_t sent;

	open_rivals();
	before = tp_counter_read(f.server->counters.discarded[TP_DISCARD_PEER_UNCLAIMED]);
	sent = f.endpoint.message_count;
	turn_fixture_peer_sends(&f, &peer, "for whom?");
	CU_ASSERT_TRUE(was_discarded(TP_PEER_TO_CLIENT, TP_DISCARD_PEER_UNCLAIMED));
	CU_ASSERT_PTR_NULL(loser);
	CU_ASSERT_EQUAL(where.client_addr.family, TP_FAMILY_NONE);
	CU_ASSERT_TRUE(tp_addr_equal(&where.server_addr, &f.relayed_addr));
	turn_fixture_peer_sends(&f, &stranger, "permitted by nobody");
	CU_ASSERT_TRUE(was_discarded(TP_PEER_TO_CLIENT, TP_DISCARD_PEER_UNCLAIMED));
	CU_ASSERT_EQUAL(tp_counter_read(f.server->counters.discarded[TP_DISCARD_PEER_UNCLAIMED]) -
				before,
			2);
	CU_ASSERT_EQUAL(f.endpoint.message_count, sent);
	turn_fixture_close(&f);
}

static void with_one_permission_less_it_can_be_told_again(void)
{
	open_rivals();
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	become(1);
	turn_fixture_peer_sends(&f, &peer, "now it is clear");
	CU_ASSERT_TRUE(got_data(1, &peer, "now it is clear"));
	turn_fixture_close(&f);
}

static void live_longer(struct tp_turn_options *options)
{
	share_one(options);
	options->permission_lifetime_s = 30;
	options->channel_lifetime_s = 100;
}

/* The claim is the channel's; what lets the peer through is the permission alone. */
static void a_claim_lets_nobody_through_without_permission(void)
{
	open_with(live_longer);
	allocate(0);
	allocate(1);
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &peer), 0);
	turn_fixture_advance_s(&f, 31);
	become(1);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer), 0);
	turn_fixture_peer_sends(&f, &peer, "too late");
	CU_ASSERT_TRUE(was_discarded(TP_PEER_TO_CLIENT, TP_DISCARD_NO_PERMISSION));
	CU_ASSERT_PTR_EQUAL(loser, &clients[0].allocation->view);
	turn_fixture_close(&f);
}

/* --- conflicts ---------------------------------------------------------------------- */

static void a_channel_to_a_peer_of_another_is_refused(void)
{
	open_rivals();
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &peer), 0);
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &peer), 508);
	CU_ASSERT_TRUE(reason_is("Peer Taken On This Shared Port"));
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &peer), 0); /* its own may be refreshed */
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &other_port), 0);
	become(1);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer), 0);
	turn_fixture_close(&f);
}

static void on_another_port_the_same_peer_is_free(void)
{
	open_with(share_two);
	allocate(0);
	allocate(1);
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &peer), 0);
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &peer), 0);
	turn_fixture_peer_sends(&f, &peer, "to the second port");
	CU_ASSERT_TRUE(got_channel_data(1, "to the second port"));
	turn_fixture_close(&f);
}

static void what_is_sent_to_a_peer_of_another_is_dropped(void)
{
	size_t sent;

	open_rivals();
	send_as(0, &peer, "mine");
	sent = fake_net_sent_count();
	send_as(1, &peer, "mine, too");
	CU_ASSERT_TRUE(was_discarded(TP_CLIENT_TO_PEER, TP_DISCARD_PEER_TAKEN));
	CU_ASSERT_PTR_EQUAL(loser, &clients[1].allocation->view);
	CU_ASSERT_EQUAL(fake_net_sent_count(), sent);
	turn_fixture_peer_sends(&f, &peer, "still the first one's");
	CU_ASSERT_TRUE(got_data(0, &peer, "still the first one's"));
	turn_fixture_close(&f);
}

static enum tp_verdict deny(enum tp_event event, const void *payload)
{
	(void)event;
	(void)payload;
	return TP_DENY;
}

static void what_a_plugin_drops_claims_nothing(void)
{
	open_rivals();
	test_hooks.packet = deny;
	send_as(0, &peer, "vetoed");
	test_hooks.packet = NULL;
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &peer), 0);
	turn_fixture_close(&f);
}

static struct tp_ticket ticket;

static enum tp_verdict park_channel(enum tp_event event, struct tp_request *request,
				    const void *payload)
{
	if (event == TP_EVENT_on_turn_before_channel) {
		return tp_request_park(request, &ticket);
	}
	return event == TP_EVENT_on_stun_request_authorization
		       ? turn_fixture_authorize(request, payload)
		       : TP_PASS;
}

static void who_is_faster_while_a_plugin_thinks_has_the_peer(void)
{
	open_rivals();
	test_hooks.ask = park_channel;
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &peer), -1);
	send_as(1, &peer, "faster");
	become(0);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_ALLOW, 0), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(turn_client_code(&f.response), 508);
	CU_ASSERT_EQUAL(clients[0].allocation->channel_count, 0);
	turn_fixture_close(&f);
}

/* --- how long ----------------------------------------------------------------------- */

static void a_claim_by_a_channel_ends_with_it(void)
{
	open_with(live_longer);
	allocate(0);
	allocate(1);
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &peer), 0);
	turn_fixture_advance_s(&f, 99);
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &peer), 508);
	turn_fixture_advance_s(&f, 2);
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, CHANNEL, &peer), 0);
	CU_ASSERT_EQUAL(clients[0].allocation->peer_claim_count, 0);
	turn_fixture_close(&f);
}

static void a_claim_by_sending_ends_with_the_permission(void)
{
	open_with(live_longer);
	allocate(0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer), 0);
	allocate(1);
	send_as(0, &peer, "hello");
	turn_fixture_advance_s(&f, 29);
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &peer), 508);
	turn_fixture_advance_s(&f, 2);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, CHANNEL, &peer), 0);
	turn_fixture_close(&f);
}

static void a_channel_keeps_what_was_claimed_by_sending_first(void)
{
	open_with(live_longer);
	allocate(0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer), 0);
	send_as(0, &peer, "hello");
	send_as(0, &other_port, "hello");
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, CHANNEL, &peer), 0);
	CU_ASSERT_EQUAL(clients[0].allocation->peer_claim_count, 2);
	turn_fixture_advance_s(&f, 31);
	CU_ASSERT_EQUAL(clients[0].allocation->peer_claim_count, 1);
	allocate(1);
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &peer), 508);
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &other_port), 0);
	turn_fixture_close(&f);
}

static void claims_end_with_the_allocation(void)
{
	open_rivals();
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &peer), 0);
	send_as(0, &other_port, "hello");
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &peer), 0);
	send_as(1, &other_port, "hello");
	CU_ASSERT_EQUAL(discards, 0);
	CU_ASSERT_EQUAL(clients[1].allocation->peer_claim_count, 2);
	turn_fixture_close(&f);
}

/* --- between clients of ours -------------------------------------------------------- */

static void two_clients_on_two_ports_reach_each_other(void)
{
	open_with(share_two);
	allocate(0);
	allocate(1);
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &clients[1].allocation->view.relayed_addr), 0);
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &clients[0].allocation->view.relayed_addr), 0);
	turn_fixture_send_channel_data(&f, CHANNEL, "to the first");
	CU_ASSERT_TRUE(got_channel_data(0, "to the first"));
	become(0);
	turn_fixture_send_channel_data(&f, CHANNEL, "to the second");
	CU_ASSERT_TRUE(got_channel_data(1, "to the second"));
	CU_ASSERT_EQUAL(fake_net_sent_count(), 0);
	turn_fixture_close(&f);
}

/* Each address of a peer is one allocation's, the shared one itself included. */
static void two_clients_on_one_port_do_not(void)
{
	struct tp_addr itself;

	open_with(share_one);
	allocate(0);
	allocate(1);
	itself = f.relayed_addr;
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &itself), 0);
	CU_ASSERT_EQUAL(bind_as(1, CHANNEL, &itself), 508);
	become(0);
	turn_fixture_send_channel_data(&f, CHANNEL, "an echo");
	CU_ASSERT_TRUE(got_channel_data(0, "an echo"));
	turn_fixture_close(&f);
}

static void a_third_client_cannot_pass_for_the_peer_of_a_second(void)
{
	open_with(share_two);
	for (size_t i = 0; i < 3; i++) {
		allocate(i);
	}
	CU_ASSERT_EQUAL(bind_as(0, CHANNEL, &clients[1].allocation->view.relayed_addr), 0);
	CU_ASSERT_EQUAL(bind_as(2, CHANNEL, &clients[1].allocation->view.relayed_addr), 508);
	turn_fixture_close(&f);
}

/* --- errors of the network ----------------------------------------------------------- */

static void told_of_errors(struct tp_turn_options *options)
{
	share_one(options);
	options->relay_icmp = true;
}

static void what_icmp_tells_is_told_to_whose_peer_it_is(void)
{
	struct tp_datagram_error error = {.type = 3, .code = 3};
	size_t sent;

	open_with(told_of_errors);
	allocate(1);
	allocate(0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer), 0);
	send_as(0, &peer, "to nowhere");
	sent = f.endpoint.message_count;
	error.remote_addr = peer;
	CU_ASSERT_TRUE(fake_net_tell_error(&f.relayed_addr, &error));
	CU_ASSERT_EQUAL(f.endpoint.message_count, sent + 1);
	CU_ASSERT_TRUE(was_sent_to(0));
	error.remote_addr = other_port; /* nobody's */
	CU_ASSERT_TRUE(fake_net_tell_error(&f.relayed_addr, &error));
	CU_ASSERT_EQUAL(f.endpoint.message_count, sent + 1);
	turn_fixture_close(&f);
}

TEST_SUITE("shared_relay", TEST(allocations_share_the_lowest_ports_of_the_range),
	   TEST(what_one_has_left_the_next_gets), TEST(a_dual_allocation_shares_one_of_each_family),
	   TEST(the_next_worker_has_the_next_ports), TEST(a_port_that_another_program_has_is_named),
	   TEST(a_range_too_small_for_all_workers_is_refused), TEST(a_plugin_chooses_among_them),
	   TEST(pairs_of_ports_are_refused), TEST(an_even_port_can_be_had),
	   TEST(without_an_even_port_it_is_refused), TEST(a_socket_for_many_is_not_handed_over),
	   TEST(a_peer_with_a_channel_reaches_whose_channel_it_is),
	   TEST(a_peer_reaches_who_has_sent_to_it),
	   TEST(an_unclaimed_peer_reaches_the_only_one_with_a_permission),
	   TEST(what_could_be_for_several_is_for_nobody),
	   TEST(with_one_permission_less_it_can_be_told_again),
	   TEST(a_claim_lets_nobody_through_without_permission),
	   TEST(a_channel_to_a_peer_of_another_is_refused),
	   TEST(on_another_port_the_same_peer_is_free),
	   TEST(what_is_sent_to_a_peer_of_another_is_dropped),
	   TEST(what_a_plugin_drops_claims_nothing),
	   TEST(who_is_faster_while_a_plugin_thinks_has_the_peer),
	   TEST(a_claim_by_a_channel_ends_with_it),
	   TEST(a_claim_by_sending_ends_with_the_permission),
	   TEST(a_channel_keeps_what_was_claimed_by_sending_first),
	   TEST(claims_end_with_the_allocation), TEST(two_clients_on_two_ports_reach_each_other),
	   TEST(two_clients_on_one_port_do_not),
	   TEST(a_third_client_cannot_pass_for_the_peer_of_a_second),
	   TEST(what_icmp_tells_is_told_to_whose_peer_it_is));

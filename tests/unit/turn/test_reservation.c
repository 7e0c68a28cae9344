/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/reservation.h"

#include <string.h>

#include "base/err.h"
#include "host/ticket.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/live_ports.h"

/*
 * The fixture's worker keeps the port; the client of the second Allocate
 * arrives at another worker, which has the socket handed over.
 */

static struct turn_fixture f;
static struct tp_worker other;
static struct tp_server *other_server;
static struct fake_endpoint other_endpoint;
static struct tp_five_tuple other_client;
static uint8_t token[TP_RESERVATION_TOKEN_SIZE];

static void open_two(void)
{
	turn_fixture_open(&f);
	other = (struct tp_worker){.index = 1, .count = 2, .park_deadline_ms = 5000};
	tp_assert(tp_loop_create(&f.clock.clock, &fake_net_backend, &other.loop) == 0);
	tp_assert(tp_mailbox_create(other.loop, &other.mailbox) == 0);
	tp_assert(tp_ticket_table_create(&other, 4, &other.tickets) == 0);
	tp_assert(tp_server_create(f.shared, &other, f.generation, &other_server) == 0);
	fake_endpoint_init(&other_endpoint, TP_TRANSPORT_UDP);
	other_client = f.five_tuple;
	other_client.client_addr.port++;
}

static void close_two(void)
{
	tp_server_free(&other_server);
	tp_ticket_table_free(&other.tickets);
	tp_mailbox_free(&other.mailbox);
	tp_loop_free(&other.loop);
	turn_fixture_close(&f);
}

/* The keeper answers, then the worker that asked hears it. */
static void exchange_messages(void)
{
	tp_mailbox_deliver(f.mailbox);
	tp_mailbox_deliver(other.mailbox);
}

static void send_to_other(void)
{
	uint8_t room[TP_PACKET_HEADROOM + sizeof(f.client.bytes) + TP_PACKET_TAILROOM];
	struct tp_packet packet = {
		.data = room + TP_PACKET_HEADROOM,
		.len = f.client.len,
		.remote_addr = other_client.client_addr,
		.local_addr = other_client.server_addr,
	};
	const struct tp_endpoint_handler *handler = tp_server_handler(other_server);

	memcpy(packet.data, f.client.bytes, f.client.len);
	handler->message(handler->owner, &other_endpoint.endpoint, &other_client, &packet);
}

static void read_response(struct tp_stun_msg *msg)
{
	const struct fake_message *last = fake_endpoint_last(&other_endpoint);
	const char *reason;

	CU_ASSERT_PTR_NOT_NULL_FATAL(last);
	CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(msg, last->bytes, last->len, &reason), 0);
}

/* An even port at the first worker, its neighbour kept there. */
static void reserve(void)
{
	const struct tp_stun_attr *attr;

	turn_fixture_challenge(&f);
	tp_build_even_port(turn_fixture_begin_allocate(&f), true);
	CU_ASSERT_EQUAL_FATAL(turn_fixture_request(&f), 0);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_XOR_RELAYED_ADDRESS);
	CU_ASSERT_EQUAL_FATAL(tp_attr_read_xor_addr(attr, &f.response, &f.relayed_addr), 0);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_RESERVATION_TOKEN);
	CU_ASSERT_EQUAL_FATAL(tp_attr_read_reservation_token(attr, token), 0);
}

/* Ask the other worker for it. */
static void claim(void)
{
	struct tp_stun_msg challenge;

	turn_fixture_begin_allocate(&f);
	turn_client_finish(&f.client);
	send_to_other();
	read_response(&challenge);
	turn_client_learn(&f.client, &challenge);
	tp_build_bytes(turn_fixture_begin_allocate(&f), TP_ATTR_RESERVATION_TOKEN, token,
		       sizeof(token));
	turn_client_sign(&f.client);
	send_to_other();
}

/* Whose socket the reserved port is, as clients of all workers find it. */
static unsigned keeper(void)
{
	unsigned worker = UINT32_MAX;

	CU_ASSERT_TRUE(tp_live_ports_worker(f.shared->live_ports, 0,
					    (uint16_t)(f.relayed_addr.port + 1), &worker));
	return worker;
}

static void a_port_kept_by_another_worker_is_handed_over(void)
{
	const struct tp_allocation *allocation;
	struct tp_stun_msg response;

	open_two();
	reserve();
	claim();
	CU_ASSERT_EQUAL(keeper(), 0);
	CU_ASSERT_EQUAL(other_server->transactions.count, 1);
	send_to_other(); /* a retransmission meanwhile is absorbed */
	exchange_messages();
	read_response(&response);
	CU_ASSERT_EQUAL(turn_client_code(&response), 0);
	allocation = tp_allocation_find(other_server, &other_client);
	CU_ASSERT_PTR_NOT_NULL_FATAL(allocation);
	CU_ASSERT_EQUAL(allocation->view.relayed_addr.port, f.relayed_addr.port + 1);
	CU_ASSERT_EQUAL(f.server->reservations.count, 0);
	CU_ASSERT_EQUAL(keeper(), 1);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 2);
	/* the socket belongs to the other worker's allocation now */
	CU_ASSERT_TRUE(fake_net_deliver(&f.peer_addr, &allocation->view.relayed_addr, "x", 1));
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_message_discarded], 2);
	close_two();
}

static void a_token_the_other_worker_does_not_know_is_508(void)
{
	struct tp_stun_msg response;

	open_two();
	memset(token, 0x55, sizeof(token));
	token[0] = 0;
	claim();
	exchange_messages();
	read_response(&response);
	CU_ASSERT_EQUAL(turn_client_code(&response), 508);
	CU_ASSERT_EQUAL(other_server->transactions.count, 0);
	close_two();
}

static void a_port_whose_client_went_away_meanwhile_is_closed(void)
{
	uint16_t port;

	open_two();
	reserve();
	claim();
	tp_mailbox_deliver(f.mailbox);
	other_server->handler.closed(other_server, &other_endpoint.endpoint, &other_client);
	tp_mailbox_deliver(other.mailbox);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 1);
	port = (uint16_t)(f.relayed_addr.port + 1);
	CU_ASSERT_FALSE(tp_live_ports_test(f.shared->live_ports, 0, port));
	close_two();
}

static void a_worker_that_has_stopped_is_asked_in_vain(void)
{
	struct tp_stun_msg response;

	open_two();
	reserve();
	tp_server_stop(f.server);
	claim();
	read_response(&response);
	CU_ASSERT_EQUAL(turn_client_code(&response), 508);
	close_two();
}

static void a_claim_in_flight_ends_with_its_server(void)
{
	open_two();
	reserve();
	claim();
	tp_server_stop(other_server);
	exchange_messages();
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 1);
	close_two();
}

TEST_SUITE("reservation", TEST(a_port_kept_by_another_worker_is_handed_over),
	   TEST(a_token_the_other_worker_does_not_know_is_508),
	   TEST(a_port_whose_client_went_away_meanwhile_is_closed),
	   TEST(a_worker_that_has_stopped_is_asked_in_vain),
	   TEST(a_claim_in_flight_ends_with_its_server));

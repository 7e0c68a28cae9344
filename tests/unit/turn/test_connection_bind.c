/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "io/splice.h"
#include "support/suite.h"
#include "support/tcp_fixture.h"
#include "turn/data_connection.h"
#include "turn/tcp_relay.h"

/* ConnectionBind, and what is relayed then: RFC 6062 sections 5.4 and 5.5. */

static struct tcp_fixture f;
static struct tcp_peer peer;

/* An allocation with a connection to the peer that is pending. */
static void open_pending(void)
{
	tcp_fixture_open(&f, NULL);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	tcp_peer_open(&peer, "127.0.0.1");
	CU_ASSERT_EQUAL_FATAL(
		tcp_fixture_connect(&f, &peer.addr) == -1 ? tcp_fixture_answer(&f) : 0, 0);
	CU_ASSERT_TRUE_FATAL(tcp_peer_accept(&peer));
}

static void close_all(void)
{
	tcp_peer_close(&peer);
	tcp_fixture_close(&f);
}

/* Worker B has the client's connection, and A answers and B hears it. */
static int bind_at_other(void)
{
	f.data_server = f.other_server;
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), -1);
	CU_ASSERT_TRUE(f.data_endpoint.paused);
	tp_mailbox_deliver(f.turn.mailbox);
	tp_mailbox_deliver(f.other.mailbox);
	return tcp_fixture_bind_answer(&f);
}

static void bytes_go_both_ways(void)
{
	open_pending();
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
	CU_ASSERT_TRUE(f.data_endpoint.paused);
	tcp_fixture_hand_over(&f, NULL);
	tcp_fixture_say(&f, f.data_fd, "to the peer");
	CU_ASSERT_TRUE(tcp_fixture_got(&f, peer.fd, "to the peer"));
	tcp_fixture_say(&f, peer.fd, "to the client");
	CU_ASSERT_TRUE(tcp_fixture_got(&f, f.data_fd, "to the client"));
	CU_ASSERT_EQUAL(f.allocation->client_to_peer.bytes, 11);
	CU_ASSERT_EQUAL(f.allocation->peer_to_client.bytes, 13);
	CU_ASSERT_EQUAL(f.allocation->client_to_peer.packets, 1);
	close_all();
}

/* Section 5.4: what came before is not lost, on either side. */
static void what_came_early_is_relayed(void)
{
	open_pending();
	tcp_fixture_say(&f, peer.fd, "early");
	tcp_fixture_settle(&f);
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
	tcp_fixture_hand_over(&f, "\x01\x02 is no STUN");
	CU_ASSERT_TRUE(tcp_fixture_got(&f, peer.fd, "\x01\x02 is no STUN"));
	CU_ASSERT_TRUE(tcp_fixture_got(&f, f.data_fd, "early"));
	close_all();
}

static void a_peer_that_connected_is_bound_the_same(void)
{
	tcp_fixture_open(&f, NULL);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV6);
	tcp_peer_open(&peer, "::1");
	CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &peer.addr), 0);
	tcp_peer_connect(&peer, &f.turn.relayed_addr);
	CU_ASSERT_TRUE(tcp_fixture_was_told(&f, &peer.addr));
	tcp_fixture_say(&f, peer.fd, "hello");
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
	tcp_fixture_hand_over(&f, NULL);
	CU_ASSERT_TRUE(tcp_fixture_got(&f, f.data_fd, "hello"));
	close_all();
}

static void another_worker_has_the_client(void)
{
	open_pending();
	CU_ASSERT_EQUAL(bind_at_other(), 0);
	CU_ASSERT_PTR_NOT_NULL(f.data_endpoint.taken);
	tcp_fixture_hand_over(&f, "abc");
	CU_ASSERT_TRUE(tcp_fixture_got(&f, peer.fd, "abc"));
	tcp_fixture_say(&f, peer.fd, "def");
	CU_ASSERT_TRUE(tcp_fixture_got(&f, f.data_fd, "def"));
	CU_ASSERT_EQUAL(f.allocation->client_to_peer.bytes, 3); /* counted where it is */
	close_all();
}

/* --- refusals ------------------------------------------------------------------------------ */

static void without_or_with_an_unknown_id_it_is_400(void)
{
	open_pending();
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id ^ 0x100), 400);
	CU_ASSERT_FALSE(f.data_endpoint.paused);
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id | 0xff), 400); /* no such worker */
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, (f.connection_id & ~0xffU) | 1), -1);
	tcp_fixture_settle(&f); /* the other worker says no */
	CU_ASSERT_EQUAL(tcp_fixture_bind_answer(&f), 400);
	turn_client_begin(&f.turn.client, TP_STUN_CONNECTION_BIND);
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 400);
	CU_ASSERT_PTR_NULL(f.data_endpoint.taken);
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0); /* it is still there */
	close_all();
}

static void a_client_over_datagrams_is_400(void)
{
	open_pending();
	fake_endpoint_init(&f.data_endpoint, TP_TRANSPORT_DTLS);
	f.data_five_tuple.transport = TP_TRANSPORT_DTLS;
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 400);
	close_all();
}

static void a_control_connection_stays_one(void)
{
	open_pending();
	tp_build_u32(turn_client_begin(&f.turn.client, TP_STUN_CONNECTION_BIND),
		     TP_ATTR_CONNECTION_ID, f.connection_id);
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 437);
	CU_ASSERT_PTR_NULL(f.turn.endpoint.taken);
	close_all();
}

/* Section 4.3: the same credentials; and it does not tell that the id is good. */
static void another_user_is_refused_like_a_wrong_id(void)
{
	open_pending();
	turn_client_init(&f.data_client, "bob", "secret");
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 400);
	CU_ASSERT_PTR_NULL(f.data_endpoint.taken);
	turn_client_init(&f.data_client, "alice", "secret");
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
	close_all();
}

static void a_second_client_is_400(void)
{
	struct fake_endpoint first;

	open_pending();
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
	first = f.data_endpoint; /* not handed over yet */
	fake_endpoint_init(&f.data_endpoint, TP_TRANSPORT_TCP);
	f.data_five_tuple.client_addr.port++;
	turn_client_init(&f.data_client, "alice", "secret");
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 400);
	f.data_endpoint = first;
	tcp_fixture_hand_over(&f, "mine");
	CU_ASSERT_TRUE(tcp_fixture_got(&f, peer.fd, "mine"));
	close_all();
}

static bool vetoes;

static enum tp_verdict veto(enum tp_event event, struct tp_request *request, const void *payload)
{
	if (event == TP_EVENT_on_stun_request_success && vetoes) {
		return TP_DENY;
	}
	return event == TP_EVENT_on_stun_request_authorization
		       ? turn_fixture_authorize(request, payload)
		       : TP_PASS;
}

static void a_vetoed_response_leaves_it_pending(void)
{
	for (int other = 0; other < 2; other++) {
		open_pending();
		test_hooks.ask = veto;
		vetoes = true;
		if (other) {
			CU_ASSERT_EQUAL(bind_at_other(), -1);
		} else {
			CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), -1);
		}
		CU_ASSERT_PTR_NULL(f.data_endpoint.taken);
		CU_ASSERT_FALSE(f.data_endpoint.paused);
		tcp_fixture_settle(&f);
		vetoes = false;
		f.data_server = f.turn.server;
		turn_client_init(&f.data_client, "alice", "secret");
		CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
		close_all();
	}
}

static void fail_from_now_on(struct fake_endpoint *endpoint, const struct fake_message *message)
{
	(void)message;
	endpoint->result = -1;
}

static void a_response_that_cannot_leave_binds_nothing(void)
{
	open_pending();
	f.data_endpoint.sent = fail_from_now_on; /* with the 401 */
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), -1);
	CU_ASSERT_PTR_NULL(f.data_endpoint.taken);
	CU_ASSERT_EQUAL(tp_data_connection_find(f.turn.server, f.connection_id)->state,
			TP_DATA_PENDING);
	close_all();
}

/* --- ends ------------------------------------------------------------------------------------ */

static void an_end_is_passed_on(void)
{
	open_pending();
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
	tcp_fixture_hand_over(&f, NULL);
	tcp_fixture_say(&f, f.data_fd, "bye");
	tp_socket_close(&f.data_fd);
	CU_ASSERT_EQUAL(recv(peer.fd, (char[10]){0}, 10, MSG_DONTWAIT), 3);
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
	tp_socket_close(&peer.fd);
	tcp_fixture_settle(&f);
	CU_ASSERT_EQUAL(f.turn.server->data_connections.count, 0);
	CU_ASSERT_EQUAL(f.allocation->tcp->connection_count, 0);
	close_all();
}

static void a_client_that_goes_before_it_is_bound_ends_it(void)
{
	struct tp_stream_remains nothing = {.fd = -1};

	for (int other = 0; other < 2; other++) {
		open_pending();
		CU_ASSERT_EQUAL(other ? bind_at_other() : tcp_fixture_bind(&f, f.connection_id), 0);
		f.data_endpoint.taken(f.data_endpoint.taker, &nothing);
		f.data_endpoint.taken = NULL;
		CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
		CU_ASSERT_EQUAL(f.turn.server->data_connections.count, 0);
		close_all();
	}
}

static void the_allocation_takes_them_with_it(void)
{
	open_pending();
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
	tcp_fixture_hand_over(&f, NULL);
	tcp_fixture_say(&f, f.data_fd, "x");
	CU_ASSERT_TRUE(tcp_fixture_got(&f, peer.fd, "x"));
	tcp_fixture_advance_s(&f, 600); /* it expires */
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.turn.server), 0);
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, f.data_fd));
	CU_ASSERT_EQUAL(f.turn.server->data_connections.count, 0);
	close_all();
}

static void an_allocation_that_ends_while_the_client_moves_closes_it(void)
{
	open_pending();
	CU_ASSERT_EQUAL(bind_at_other(), 0);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f.turn, 0), 0);
	tcp_fixture_hand_over(&f, "late");
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, f.data_fd));
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
	close_all();
}

static void a_worker_that_stops_closes_what_comes(void)
{
	open_pending();
	CU_ASSERT_EQUAL(bind_at_other(), 0);
	tp_server_stop(f.turn.server);
	tcp_fixture_hand_over(&f, "late");
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, f.data_fd));
	close_all();
}

/* The claim is granted, but the client has gone meanwhile. */
static void a_cancelled_request_gives_the_claim_back(void)
{
	const struct tp_endpoint_handler *handler;

	open_pending();
	f.data_server = f.other_server;
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), -1);
	handler = tp_server_handler(f.other_server);
	handler->closed(handler->owner, &f.data_endpoint.endpoint, &f.data_five_tuple);
	CU_ASSERT_EQUAL(f.other_server->transactions.count, 0);
	tcp_fixture_settle(&f);
	CU_ASSERT_EQUAL(tp_data_connection_find(f.turn.server, f.connection_id)->state,
			TP_DATA_PENDING);
	close_all();
}

/* --- limits ---------------------------------------------------------------------------------- */

static size_t received;

static void receive(void)
{
	char bytes[65536];
	ssize_t len;

	tcp_fixture_settle(&f);
	while ((len = recv(peer.fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		received += (size_t)len;
	}
}

static void limits_of_the_allocation_hold(void)
{
	const struct tp_limits limits = {.size = sizeof(limits), .bits_per_s = 80000};
	static char bytes[100000];

	open_pending();
	CU_ASSERT_EQUAL(tp_allocation_set_limits(f.allocation, &limits), 0);
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
	tcp_fixture_hand_over(&f, NULL);
	CU_ASSERT_EQUAL(send(f.data_fd, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
	received = 0;
	receive();
	CU_ASSERT_EQUAL(received, 10000); /* a second's worth */
	for (int i = 1; i <= 5; i++) {
		tcp_fixture_advance_s(&f, 1);
		receive();
		CU_ASSERT_TRUE(received >= 10000 + (size_t)i * 9000);
		CU_ASSERT_TRUE(received <= 10000 + (size_t)i * 10000);
	}
	CU_ASSERT_EQUAL(f.allocation->client_to_peer.bytes, received);
	CU_ASSERT_EQUAL(f.allocation->limit->over.packets, 0); /* it waits, nothing is lost */
	close_all();
}

static struct tp_usage usage;

static void note_usage(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_turn_usage) {
		usage = *(const struct tp_usage *)payload;
	}
}

static void usage_is_reported(void)
{
	open_pending();
	test_hooks.tell = note_usage;
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
	tcp_fixture_hand_over(&f, "four");
	CU_ASSERT_TRUE(tcp_fixture_got(&f, peer.fd, "four"));
	tcp_fixture_say(&f, peer.fd, "sixsix");
	CU_ASSERT_TRUE(tcp_fixture_got(&f, f.data_fd, "sixsix"));
	tcp_fixture_advance_s(&f, 61);
	CU_ASSERT_EQUAL(usage.client_to_peer.bytes, 4);
	CU_ASSERT_EQUAL(usage.peer_to_client.bytes, 6);
	CU_ASSERT_FALSE(usage.final);
	tcp_fixture_say(&f, f.data_fd, "1");
	CU_ASSERT_TRUE(tcp_fixture_got(&f, peer.fd, "1"));
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f.turn, 0), 0);
	CU_ASSERT_TRUE(usage.final);
	CU_ASSERT_EQUAL(usage.client_to_peer.bytes, 1);
	close_all();
}

TEST_SUITE("connection_bind", TEST(bytes_go_both_ways), TEST(what_came_early_is_relayed),
	   TEST(a_peer_that_connected_is_bound_the_same), TEST(another_worker_has_the_client),
	   TEST(without_or_with_an_unknown_id_it_is_400), TEST(a_client_over_datagrams_is_400),
	   TEST(a_control_connection_stays_one), TEST(another_user_is_refused_like_a_wrong_id),
	   TEST(a_second_client_is_400), TEST(a_vetoed_response_leaves_it_pending),
	   TEST(a_response_that_cannot_leave_binds_nothing), TEST(an_end_is_passed_on),
	   TEST(a_client_that_goes_before_it_is_bound_ends_it),
	   TEST(the_allocation_takes_them_with_it),
	   TEST(an_allocation_that_ends_while_the_client_moves_closes_it),
	   TEST(a_worker_that_stops_closes_what_comes),
	   TEST(a_cancelled_request_gives_the_claim_back), TEST(limits_of_the_allocation_hold),
	   TEST(usage_is_reported));

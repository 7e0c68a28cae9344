/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/addr.h"
#include "support/suite.h"
#include "support/tcp_fixture.h"
#include "turn/data_connection.h"
#include "turn/tcp_relay.h"

/* Connect: RFC 6062 section 5.2. */

static struct tcp_fixture f;
static struct tcp_peer peer;

static void open_with(void (*adjust)(struct tp_turn_options *options))
{
	tcp_fixture_open(&f, adjust);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	tcp_peer_open(&peer, "127.0.0.1");
}

static void close_all(void)
{
	tcp_peer_close(&peer);
	tcp_fixture_close(&f);
}

/* Connect, and wait for the answer. */
static int connect_to(const struct tp_addr *addr)
{
	int code = tcp_fixture_connect(&f, addr);

	return code == -1 ? tcp_fixture_answer(&f) : code;
}

static void connects_from_the_relayed_address(void)
{
	open_with(NULL);
	CU_ASSERT_EQUAL(connect_to(&peer.addr), 0);
	CU_ASSERT_TRUE_FATAL(tcp_peer_accept(&peer));
	CU_ASSERT_TRUE(tp_addr_equal(&peer.from, &f.turn.relayed_addr));
	CU_ASSERT_PTR_NOT_NULL(tp_data_connection_find(f.turn.server, f.connection_id));
	CU_ASSERT_TRUE(tcp_fixture_got(&f, peer.fd, ""));
	close_all();
}

static void ids_are_unlike(void)
{
	struct tcp_peer other;
	uint32_t first;

	open_with(NULL);
	tcp_peer_open(&other, "127.0.0.1");
	CU_ASSERT_EQUAL(connect_to(&peer.addr), 0);
	first = f.connection_id;
	CU_ASSERT_EQUAL(connect_to(&other.addr), 0);
	CU_ASSERT_NOT_EQUAL(f.connection_id, first);
	CU_ASSERT_TRUE((f.connection_id >> 8) != (first >> 8) + 1);
	tcp_peer_close(&other);
	close_all();
}

static void without_a_tcp_allocation_it_is_437(void)
{
	const struct tp_addr addr = turn_fixture_addr("127.0.0.1:9");

	tcp_fixture_open(&f, NULL);
	turn_fixture_challenge(&f.turn);
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &addr), 437);
	turn_fixture_begin_allocate(&f.turn); /* of UDP */
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 0);
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &addr), 437);
	tcp_fixture_close(&f);
}

static void without_a_peer_address_it_is_400(void)
{
	open_with(NULL);
	turn_client_begin(&f.turn.client, TP_STUN_CONNECT);
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 400);
	tp_build_bytes(turn_client_begin(&f.turn.client, TP_STUN_CONNECT), TP_ATTR_XOR_PEER_ADDRESS,
		       "\0\1", 2);
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 400);
	close_all();
}

static void policy_is_the_same_as_for_permissions(void)
{
	static const struct {
		const char *addr;
		int code;
	} cases[] = {
		{"10.0.0.1:80", 403},      {"169.254.169.254:80", 403}, {"0.0.0.0:80", 403},
		{"224.0.0.1:80", 403},     {"127.0.0.1:0", 403},        {"203.0.113.99:80", 403},
		{"[2001:db8::1]:80", 443},
	};
	struct tp_addr own;

	open_with(NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tp_addr addr = turn_fixture_addr(cases[i].addr);

		CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &addr), cases[i].code);
	}
	own = f.turn.relayed_addr;
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &own), 403);
	CU_ASSERT_EQUAL(f.allocation->tcp->connection_count, 0);
	close_all();
}

static void the_same_peer_twice_is_446(void)
{
	open_with(NULL);
	CU_ASSERT_EQUAL(connect_to(&peer.addr), 0); /* pending */
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &peer.addr), 446);
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 0);
	tcp_fixture_hand_over(&f, NULL); /* active */
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &peer.addr), 446);
	close_all();
}

static void a_peer_that_has_connected_is_446(void)
{
	open_with(NULL);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &peer.addr), 0);
	tcp_peer_connect(&peer, &f.turn.relayed_addr);
	CU_ASSERT_TRUE(tcp_fixture_was_told(&f, &peer.addr));
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &peer.addr), 446);
	close_all();
}

static void nobody_there_is_447(void)
{
	open_with(NULL);
	tcp_peer_close(&peer);
	CU_ASSERT_EQUAL(connect_to(&peer.addr), 447);
	CU_ASSERT_EQUAL(f.allocation->tcp->connection_count, 0);
	CU_ASSERT_EQUAL(connect_to(&peer.addr), 447); /* not 446 */
	close_all();
}

/* A peer whose queue is full answers no SYN. */
static void fill_queue(int fds[], size_t count)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&peer.addr, &sa);

	CU_ASSERT_EQUAL_FATAL(listen(peer.listener, 0), 0);
	for (size_t i = 0; i < count; i++) {
		fds[i] = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(fds[i], (struct sockaddr *)&sa, len);
	}
}

static void no_answer_for_30_s_is_447(void)
{
	int fds[4];

	open_with(NULL);
	fill_queue(fds, 4);
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &peer.addr), -1);
	tcp_fixture_advance_s(&f, 29);
	CU_ASSERT_FALSE(turn_fixture_take_response(&f.turn));
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &peer.addr), 446); /* in progress */
	tcp_fixture_advance_s(&f, 1);
	CU_ASSERT_EQUAL(tcp_fixture_answer(&f), 447);
	CU_ASSERT_EQUAL(f.allocation->tcp->connection_count, 0);
	for (size_t i = 0; i < 4; i++) {
		tp_socket_close(&fds[i]);
	}
	close_all();
}

static void an_allocation_that_ends_gives_up(void)
{
	int fds[4];

	open_with(NULL);
	fill_queue(fds, 4);
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &peer.addr), -1);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f.turn, 0), 0);
	CU_ASSERT_EQUAL(f.turn.server->data_connections.count, 0);
	CU_ASSERT_EQUAL(f.turn.server->transactions.count, 0);
	tcp_fixture_advance_s(&f, 31);
	CU_ASSERT_FALSE(turn_fixture_take_response(&f.turn));
	for (size_t i = 0; i < 4; i++) {
		tp_socket_close(&fds[i]);
	}
	close_all();
}

static void one_connection(struct tp_turn_options *options)
{
	options->max_data_connections = 1;
}

static void beyond_the_ceiling_it_is_508(void)
{
	struct tcp_peer other;

	open_with(one_connection);
	tcp_peer_open(&other, "127.0.0.1");
	CU_ASSERT_EQUAL(connect_to(&peer.addr), 0);
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &other.addr), 508);
	tcp_fixture_advance_s(&f, 30); /* nobody has bound the first */
	CU_ASSERT_TRUE(tcp_peer_accept(&peer));
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
	CU_ASSERT_EQUAL(connect_to(&other.addr), 0);
	tcp_peer_close(&other);
	close_all();
}

/* --- plugins ---------------------------------------------------------------------------- */

static enum tp_event denied;
static struct tp_addr asked_peer;
static uint16_t asked_method;

static enum tp_verdict deny(enum tp_event event, struct tp_request *request, const void *payload)
{
	if (event == TP_EVENT_on_turn_before_permission) {
		asked_method = ((const struct tp_before_permission *)payload)->method;
	}
	if (event == TP_EVENT_on_turn_before_connect) {
		asked_peer = *((const struct tp_before_connect *)payload)->peer_addr;
	}
	if (event == denied) {
		return TP_DENY;
	}
	return event == TP_EVENT_on_stun_request_authorization
		       ? turn_fixture_authorize(request, payload)
		       : TP_PASS;
}

static void a_veto_is_403_and_nobody_is_called(void)
{
	static const enum tp_event events[] = {TP_EVENT_on_turn_before_connect,
					       TP_EVENT_on_turn_before_permission};

	for (size_t i = 0; i < 2; i++) {
		open_with(NULL);
		denied = events[i];
		test_hooks.ask = deny;
		CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &peer.addr), 403);
		CU_ASSERT_EQUAL(asked_method, TP_STUN_CONNECT);
		tcp_fixture_settle(&f);
		CU_ASSERT_FALSE(tcp_peer_accept(&peer));
		CU_ASSERT_EQUAL(f.allocation->tcp->connection_count, 0);
		close_all();
	}
}

static void plugins_see_the_peer(void)
{
	open_with(NULL);
	denied = TP_EVENT_COUNT;
	test_hooks.ask = deny;
	CU_ASSERT_EQUAL(connect_to(&peer.addr), 0);
	CU_ASSERT_TRUE(tp_addr_equal(&asked_peer, &peer.addr));
	close_all();
}

/* What the request created is undone. */
static void a_vetoed_response_leaves_no_connection(void)
{
	open_with(NULL);
	denied = TP_EVENT_on_stun_request_success;
	test_hooks.ask = deny;
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &peer.addr), -1);
	tcp_fixture_settle(&f);
	CU_ASSERT_FALSE(turn_fixture_take_response(&f.turn));
	CU_ASSERT_EQUAL(f.allocation->tcp->connection_count, 0);
	CU_ASSERT_TRUE(tcp_peer_accept(&peer));
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
	close_all();
}

/* --- two clients of one server ----------------------------------------------------------- */

static void behind_a_nat(struct tp_turn_options *options)
{
	options->relay[0].advertised_addr = turn_fixture_addr("203.0.113.7");
}

/* The other's address as it was told, which nobody has bound. */
static void a_client_of_ours_is_reached_by_its_advertised_address(void)
{
	struct tp_addr first;
	struct tp_addr second;

	tcp_fixture_open(&f, behind_a_nat);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	first = f.turn.relayed_addr;
	f.turn.five_tuple.client_addr.port += 1;
	turn_client_init(&f.turn.client, "bob", "secret");
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	second = f.turn.relayed_addr;
	CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &first), 0);
	f.turn.five_tuple.client_addr.port -= 1;
	turn_client_init(&f.turn.client, "alice", "secret");
	turn_fixture_begin_allocate(&f.turn);
	turn_client_finish(&f.turn.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f.turn), 401);
	turn_client_learn(&f.turn.client, &f.turn.response);
	(void)tcp_fixture_connect(&f, &second); /* both are told over the same endpoint */
	tcp_fixture_settle(&f);
	CU_ASSERT_EQUAL(f.turn.server->data_connections.count, 2);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_connection_attempt], 1);
	CU_ASSERT_PTR_NOT_NULL(tp_data_connection_find_peer(f.allocation->tcp, &first));
	second = tp_addr_with_port(&second, (uint16_t)(tp_addr_port(&second) ^ 1));
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &second), 403); /* nobody's */
	tcp_fixture_close(&f);
}

TEST_SUITE("connect", TEST(connects_from_the_relayed_address), TEST(ids_are_unlike),
	   TEST(without_a_tcp_allocation_it_is_437), TEST(without_a_peer_address_it_is_400),
	   TEST(policy_is_the_same_as_for_permissions), TEST(the_same_peer_twice_is_446),
	   TEST(a_peer_that_has_connected_is_446), TEST(nobody_there_is_447),
	   TEST(no_answer_for_30_s_is_447), TEST(an_allocation_that_ends_gives_up),
	   TEST(beyond_the_ceiling_it_is_508), TEST(a_veto_is_403_and_nobody_is_called),
	   TEST(plugins_see_the_peer), TEST(a_vetoed_response_leaves_no_connection),
	   TEST(a_client_of_ours_is_reached_by_its_advertised_address));

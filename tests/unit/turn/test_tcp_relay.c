/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/tcp_relay.h"

#include "base/addr.h"
#include "io/loop.h"
#include "support/suite.h"
#include "support/tcp_fixture.h"
#include "turn/data_connection.h"
#include "turn/permission.h"

/* TCP allocations and connections of peers: RFC 6062 sections 5.1 and 5.3. */

static struct tcp_fixture f;
static struct tcp_peer peer;

/* --- Allocate -------------------------------------------------------------------------- */

static struct tp_build *begin_allocate(void)
{
	struct tp_build *build = turn_client_begin(&f.turn.client, TP_STUN_ALLOCATE);

	tp_build_requested_transport(build, TP_PROTOCOL_TCP);
	return build;
}

static void relayed_address_is_of_tcp(void)
{
	tcp_fixture_open(&f, NULL);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	CU_ASSERT_PTR_NULL(tp_stun_msg_find(&f.turn.response, TP_ATTR_RESERVATION_TOKEN));
	CU_ASSERT_PTR_NOT_NULL_FATAL(f.allocation->tcp);
	CU_ASSERT_PTR_NULL(f.allocation->relay.datagram);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	CU_ASSERT_TRUE(tp_addr_equal(&f.allocation->view.relayed_addr, &f.turn.relayed_addr));
	CU_ASSERT_TRUE(tp_tcp_relay_is_live(f.turn.shared, &f.turn.relayed_addr));
	CU_ASSERT_FALSE(tp_relay_socket_is_live(f.turn.shared, &f.turn.relayed_addr));
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f.turn, 700), 0);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f.turn, 0), 0);
	CU_ASSERT_FALSE(tp_tcp_relay_is_live(f.turn.shared, &f.turn.relayed_addr));
	tcp_fixture_close(&f);
}

static void not_asked_for_not_served(struct tp_turn_options *options)
{
	options->relay_tcp = false;
}

static void is_off_by_default(void)
{
	struct tp_turn_options options;

	tp_turn_options_init(&options);
	CU_ASSERT_FALSE(options.relay_tcp);
	tcp_fixture_open(&f, not_asked_for_not_served);
	turn_fixture_challenge(&f.turn);
	begin_allocate();
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 442);
	tcp_fixture_close(&f);
}

/* Section 5.1, item 2. */
static void a_client_over_datagrams_is_400(void)
{
	static const enum tp_transport transports[] = {TP_TRANSPORT_UDP, TP_TRANSPORT_DTLS};

	for (size_t i = 0; i < 2; i++) {
		tcp_fixture_open(&f, NULL);
		fake_endpoint_init(&f.turn.endpoint, transports[i]);
		f.turn.five_tuple.transport = (uint8_t)transports[i];
		turn_fixture_challenge(&f.turn);
		begin_allocate();
		CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 400);
		tcp_fixture_close(&f);
	}
}

/* Section 5.1, item 3. */
static void what_only_udp_has_is_400(void)
{
	static const uint8_t token[8] = {1};

	tcp_fixture_open(&f, NULL);
	turn_fixture_challenge(&f.turn);
	tp_build_bytes(begin_allocate(), TP_ATTR_DONT_FRAGMENT, NULL, 0);
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 400);
	tp_build_even_port(begin_allocate(), false);
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 400);
	tp_build_bytes(begin_allocate(), TP_ATTR_RESERVATION_TOKEN, token, sizeof(token));
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 400);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.turn.server), 0);
	tcp_fixture_close(&f);
}

/* RFC 8656 section 7.2: the family that is not there is told. */
static void of_two_families_one_is_refused(void)
{
	const struct tp_stun_attr *attr;

	tcp_fixture_open(&f, NULL);
	turn_fixture_challenge(&f.turn);
	tp_build_address_family(begin_allocate(), TP_ATTR_ADDITIONAL_ADDRESS_FAMILY,
				TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 0);
	attr = tp_stun_msg_find(&f.turn.response, TP_ATTR_ADDRESS_ERROR_CODE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(attr->value[0], TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(attr->value[2] * 100 + attr->value[3], 440);
	tcp_fixture_close(&f);
}

static uint8_t asked_transport;

static enum tp_verdict deny_allocate(enum tp_event event, struct tp_request *request,
				     const void *payload)
{
	if (event == TP_EVENT_on_turn_before_allocate) {
		const struct tp_before_allocate *before = payload;

		asked_transport = before->requested_transport;
		return TP_DENY;
	}
	return event == TP_EVENT_on_stun_request_authorization
		       ? turn_fixture_authorize(request, payload)
		       : TP_PASS;
}

static void a_veto_frees_the_port(void)
{
	tcp_fixture_open(&f, NULL);
	turn_fixture_challenge(&f.turn);
	test_hooks.ask = deny_allocate;
	begin_allocate();
	CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 486);
	CU_ASSERT_EQUAL(asked_transport, TP_PROTOCOL_TCP);
	for (uint32_t port = 49152; port <= 65535; port++) {
		struct tp_addr addr = turn_fixture_addr("127.0.0.1");

		addr = tp_addr_with_port(&addr, (uint16_t)port);
		CU_ASSERT_FALSE(tp_tcp_relay_is_live(f.turn.shared, &addr));
	}
	tcp_fixture_close(&f);
}

static void one_port(struct tp_turn_options *options)
{
	options->port_min = 61234;
	options->port_max = 61234;
}

/* A UDP port is not the TCP port of the same number. */
static void no_port_left_is_508(void)
{
	struct tp_addr addr;

	tcp_fixture_open(&f, one_port);
	addr = tp_addr_with_port(&f.turn.server->options->relay[0].bind_addr, 61234);
	turn_fixture_challenge(&f.turn);
	begin_allocate();
	if (turn_fixture_request(&f.turn) == 0) { /* unless somebody on this host has it */
		CU_ASSERT_TRUE(tp_tcp_relay_is_live(f.turn.shared, &addr));
		f.turn.five_tuple.client_addr.port++;
		begin_allocate();
		CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 438); /* the nonce is another's */
		turn_client_learn(&f.turn.client, &f.turn.response);
		begin_allocate();
		CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 508);
		turn_fixture_begin_allocate(&f.turn); /* of UDP */
		CU_ASSERT_EQUAL(turn_fixture_request(&f.turn), 0);
	}
	tcp_fixture_close(&f);
}

static void shared_ports(struct tp_turn_options *options)
{
	options->shared_ports = 2;
}

/* Ports that UDP allocations share are not TCP's. */
static void beside_shared_ports_each_has_its_own(void)
{
	struct tp_addr first;

	tcp_fixture_open(&f, shared_ports);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	first = f.turn.relayed_addr;
	tcp_peer_open(&peer, "127.0.0.1");
	CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &peer.addr), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f.turn, 0x4001, &peer.addr), 403);
	turn_fixture_send_indication(&f.turn, &peer.addr, "x");
	tcp_peer_connect(&peer, &f.turn.relayed_addr);
	CU_ASSERT_TRUE(tcp_fixture_was_told(&f, &peer.addr));
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f.turn, 0), 0);
	CU_ASSERT_FALSE(tp_tcp_relay_is_live(f.turn.shared, &first));
	tcp_peer_close(&peer);
	tcp_fixture_close(&f);
}

static void no_datagrams_and_no_channels(void)
{
	tcp_fixture_open(&f, NULL);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	tcp_peer_open(&peer, "127.0.0.1");
	CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &peer.addr), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f.turn, 0x4001, &peer.addr), 403);
	turn_fixture_send_indication(&f.turn, &peer.addr, "x");
	turn_fixture_send_channel_data(&f.turn, 0x4001, "x");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f.turn), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_message_discarded], 1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_channel_data_discarded], 1);
	tcp_peer_close(&peer);
	tcp_fixture_close(&f);
}

/* --- peers that connect -------------------------------------------------------------------- */

static uint32_t observed_id;
static struct tp_addr observed_peer;

static void observe(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_turn_connection_attempt) {
		const struct tp_connection_attempt *attempt = payload;

		observed_id = attempt->connection_id;
		observed_peer = *attempt->peer_addr;
	}
}

static void client_is_told_of_a_permitted_peer(void)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	for (size_t i = 0; i < 2; i++) {
		tcp_fixture_open(&f, NULL);
		test_hooks.tell = observe;
		tcp_fixture_allocate(&f, i == 0 ? TP_FAMILY_IPV4 : TP_FAMILY_IPV6);
		tcp_peer_open(&peer, addresses[i]);
		CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &peer.addr), 0);
		tcp_peer_connect(&peer, &f.turn.relayed_addr);
		CU_ASSERT_TRUE(tcp_fixture_was_told(&f, &peer.addr));
		CU_ASSERT_EQUAL(tp_data_connection_worker(f.connection_id), 0);
		CU_ASSERT_EQUAL(observed_id, f.connection_id);
		CU_ASSERT_TRUE(tp_addr_equal(&observed_peer, &peer.addr));
		CU_ASSERT_TRUE(tcp_fixture_got(&f, peer.fd, ""));
		tcp_peer_close(&peer);
		tcp_fixture_close(&f);
	}
}

static void a_peer_without_permission_is_closed(void)
{
	tcp_fixture_open(&f, NULL);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	tcp_peer_open(&peer, "127.0.0.1");
	tcp_peer_connect(&peer, &f.turn.relayed_addr);
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
	CU_ASSERT_FALSE(tcp_fixture_was_told(&f, &peer.addr));
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_connection_attempt], 0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &peer.addr), 0);
	tcp_fixture_advance_s(&f, 299);
	tcp_peer_connect(&peer, &f.turn.relayed_addr);
	CU_ASSERT_TRUE(tcp_fixture_was_told(&f, &peer.addr));
	tcp_peer_close(&peer);
	tcp_fixture_advance_s(&f, 1); /* RFC 8656 section 9 */
	tcp_peer_open(&peer, "127.0.0.1");
	tcp_peer_connect(&peer, &f.turn.relayed_addr);
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
	CU_ASSERT_FALSE(tcp_fixture_was_told(&f, &peer.addr));
	tcp_peer_close(&peer);
	tcp_fixture_close(&f);
}

static void two_connections(struct tp_turn_options *options)
{
	options->max_data_connections = 2;
}

static void beyond_the_ceiling_peers_are_closed(void)
{
	struct tcp_peer peers[3];

	tcp_fixture_open(&f, two_connections);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	for (size_t i = 0; i < 3; i++) {
		tcp_peer_open(&peers[i], "127.0.0.1");
		CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &peers[i].addr), 0);
		tcp_peer_connect(&peers[i], &f.turn.relayed_addr);
		CU_ASSERT_EQUAL(tcp_fixture_was_told(&f, &peers[i].addr), i < 2);
	}
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peers[2].fd));
	CU_ASSERT_EQUAL(f.turn.server->data_connections.count, 2);
	for (size_t i = 0; i < 3; i++) {
		tcp_peer_close(&peers[i]);
	}
	tcp_fixture_close(&f);
}

/* Section 5.3: the timeout is 30 s. */
static void a_connection_nobody_binds_is_closed(void)
{
	tcp_fixture_open(&f, NULL);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	tcp_peer_open(&peer, "127.0.0.1");
	CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &peer.addr), 0);
	tcp_peer_connect(&peer, &f.turn.relayed_addr);
	CU_ASSERT_TRUE(tcp_fixture_was_told(&f, &peer.addr));
	tcp_fixture_advance_s(&f, 29);
	CU_ASSERT_TRUE(tcp_fixture_got(&f, peer.fd, ""));
	tcp_fixture_advance_s(&f, 1);
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
	CU_ASSERT_EQUAL(f.turn.server->data_connections.count, 0);
	CU_ASSERT_EQUAL(f.allocation->tcp->connection_count, 0);
	CU_ASSERT_EQUAL(tcp_fixture_bind(&f, f.connection_id), 400);
	tcp_peer_close(&peer);
	tcp_fixture_close(&f);
}

/* Section 5.5. */
static void with_the_allocation_they_are_closed(void)
{
	tcp_fixture_open(&f, NULL);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	tcp_peer_open(&peer, "127.0.0.1");
	CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &peer.addr), 0);
	tcp_peer_connect(&peer, &f.turn.relayed_addr);
	CU_ASSERT_TRUE(tcp_fixture_was_told(&f, &peer.addr));
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f.turn, 0), 0);
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
	CU_ASSERT_EQUAL(f.turn.server->data_connections.count, 0);
	tcp_peer_close(&peer);
	tcp_fixture_close(&f);
}

static void a_client_that_takes_nothing_is_told_nothing(void)
{
	tcp_fixture_open(&f, NULL);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	tcp_peer_open(&peer, "127.0.0.1");
	CU_ASSERT_EQUAL(turn_fixture_permit(&f.turn, &peer.addr), 0);
	f.turn.endpoint.result = -1;
	tcp_peer_connect(&peer, &f.turn.relayed_addr);
	CU_ASSERT_TRUE(tcp_fixture_ended(&f, peer.fd));
	CU_ASSERT_EQUAL(f.turn.server->data_connections.count, 0);
	tcp_peer_close(&peer);
	tcp_fixture_close(&f);
}

TEST_SUITE("tcp_relay", TEST(relayed_address_is_of_tcp), TEST(is_off_by_default),
	   TEST(a_client_over_datagrams_is_400), TEST(what_only_udp_has_is_400),
	   TEST(of_two_families_one_is_refused), TEST(a_veto_frees_the_port),
	   TEST(no_port_left_is_508), TEST(beside_shared_ports_each_has_its_own),
	   TEST(no_datagrams_and_no_channels), TEST(client_is_told_of_a_permitted_peer),
	   TEST(a_peer_without_permission_is_closed), TEST(beyond_the_ceiling_peers_are_closed),
	   TEST(a_connection_nobody_binds_is_closed), TEST(with_the_allocation_they_are_closed),
	   TEST(a_client_that_takes_nothing_is_told_nothing));

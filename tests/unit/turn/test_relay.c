/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/relay.h"

#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"
#include "support/turn_fixture.h"

static struct turn_fixture f;

static enum tp_discard_reason last_reason;
static unsigned discarded;

static void note_discard(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_turn_message_discarded) {
		last_reason = ((const struct tp_message_discarded *)payload)->reason;
		discarded++;
	} else if (event == TP_EVENT_on_turn_channel_data_discarded) {
		last_reason = ((const struct tp_channel_data_discarded *)payload)->reason;
		discarded++;
	}
}

static void open_noting(void)
{
	turn_fixture_open(&f);
	discarded = 0;
	test_hooks.tell = note_discard;
}

static void send_and_data_indications(void)
{
	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_send_indication(&f, &f.peer_addr, "to the peer");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &f.peer_addr, "to the peer"));
	CU_ASSERT_TRUE(tp_addr_equal(&fake_net_last_sent()->from, &f.relayed_addr));
	turn_fixture_peer_sends(&f, &f.peer_addr, "to the client");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &f.peer_addr, "to the client"));
	CU_ASSERT_EQUAL(discarded, 0);
	turn_fixture_close(&f);
}

static void payloads_of_every_padding_and_none_arrive_unchanged(void)
{
	static const char *const payloads[] = {"", "1", "12", "123", "1234", "12345"};

	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		turn_fixture_send_indication(&f, &f.peer_addr, payloads[i]);
		CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &f.peer_addr, payloads[i]));
		turn_fixture_peer_sends(&f, &f.peer_addr, payloads[i]);
		CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &f.peer_addr, payloads[i]));
	}
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4001, &f.peer_addr), 0);
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		turn_fixture_send_channel_data(&f, 0x4001, payloads[i]);
		CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &f.peer_addr, payloads[i]));
		turn_fixture_peer_sends(&f, &f.peer_addr, payloads[i]);
		CU_ASSERT_TRUE(turn_fixture_client_got_channel_data(&f, 0x4001, payloads[i]));
	}
	turn_fixture_close(&f);
}

static void over_ipv6_too(void)
{
	struct tp_addr peer = turn_fixture_addr("[2001:db8:1::9]:9000");
	const struct tp_stun_attr *attr;

	open_noting();
	turn_fixture_challenge(&f);
	tp_build_address_family(turn_fixture_begin_allocate(&f), TP_ATTR_REQUESTED_ADDRESS_FAMILY,
				TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL_FATAL(turn_fixture_request(&f), 0);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_XOR_RELAYED_ADDRESS);
	CU_ASSERT_EQUAL(tp_attr_read_xor_addr(attr, &f.response, &f.relayed_addr), 0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer), 0);
	turn_fixture_send_indication(&f, &peer, "six");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &peer, "six"));
	turn_fixture_peer_sends(&f, &peer, "back");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &peer, "back"));
	turn_fixture_close(&f);
}

static void channel_data_over_a_stream_is_padded(void)
{
	open_noting();
	f.endpoint.endpoint.transport = TP_TRANSPORT_TCP;
	f.endpoint.endpoint.stream = true;
	f.five_tuple.transport = TP_TRANSPORT_TCP;
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4001, &f.peer_addr), 0);
	turn_fixture_peer_sends(&f, &f.peer_addr, "12345"); /* RFC 8656 section 12.5 */
	CU_ASSERT_EQUAL(fake_endpoint_last(&f.endpoint)->len, 4 + 8);
	CU_ASSERT_TRUE(turn_fixture_client_got_channel_data(&f, 0x4001, "12345"));
	turn_fixture_close(&f);
}

static void channel_data_over_udp_is_not_padded(void)
{
	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4001, &f.peer_addr), 0);
	turn_fixture_peer_sends(&f, &f.peer_addr, "12345");
	CU_ASSERT_EQUAL(fake_endpoint_last(&f.endpoint)->len, 4 + 5);
	turn_fixture_close(&f);
}

static void another_port_of_the_peer_comes_as_indication(void)
{
	struct tp_addr other;

	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4001, &f.peer_addr), 0);
	other = f.peer_addr;
	other.port++;
	turn_fixture_peer_sends(&f, &other, "x");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &other, "x"));
	turn_fixture_close(&f);
}

static void expect_discard(enum tp_discard_reason reason)
{
	CU_ASSERT_EQUAL(discarded, 1);
	CU_ASSERT_EQUAL(last_reason, reason);
	discarded = 0;
}

static void what_a_client_may_not_send_is_dropped_with_its_reason(void)
{
	struct tp_addr unpermitted = turn_fixture_addr("192.0.2.77:9");
	struct tp_addr ipv6 = turn_fixture_addr("[2001:db8:1::1]:9");
	struct tp_addr port_0;

	open_noting();
	turn_fixture_send_indication(&f, &f.peer_addr, "x");
	expect_discard(TP_DISCARD_NO_ALLOCATION);
	turn_fixture_send_channel_data(&f, 0x4000, "x");
	expect_discard(TP_DISCARD_NO_ALLOCATION);

	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_send_indication(&f, &unpermitted, "x");
	expect_discard(TP_DISCARD_NO_PERMISSION);
	turn_fixture_send_indication(&f, &ipv6, "x");
	expect_discard(TP_DISCARD_FAMILY);
	port_0 = f.peer_addr;
	port_0.port = 0;
	turn_fixture_send_indication(&f, &port_0, "x");
	expect_discard(TP_DISCARD_PEER_REFUSED);
	turn_fixture_send_channel_data(&f, 0x4000, "x");
	expect_discard(TP_DISCARD_CHANNEL_UNBOUND);
	turn_fixture_send_channel_data(&f, 0x4fff, "x");
	expect_discard(TP_DISCARD_CHANNEL_UNBOUND);

	tp_build_xor_addr(turn_client_begin_indication(&f.client, TP_STUN_SEND),
			  TP_ATTR_XOR_PEER_ADDRESS, &f.peer_addr);
	turn_client_finish(&f.client);
	CU_ASSERT_FALSE(turn_fixture_send_bytes(&f, f.client.bytes, f.client.len));
	expect_discard(TP_DISCARD_MALFORMED); /* no DATA */

	turn_client_begin_indication(&f.client, TP_STUN_SEND);
	tp_build_xor_addr(&f.client.build, TP_ATTR_XOR_PEER_ADDRESS, &f.peer_addr);
	tp_build_bytes(&f.client.build, TP_ATTR_DATA, "x", 1);
	tp_build_u32(&f.client.build, 0x7f00, 1);
	turn_client_finish(&f.client);
	CU_ASSERT_FALSE(turn_fixture_send_bytes(&f, f.client.bytes, f.client.len));
	expect_discard(TP_DISCARD_UNKNOWN_ATTRIBUTE);
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 0);
	turn_fixture_close(&f);
}

static void channel_data_cut_short_or_out_of_range_is_dropped(void)
{
	static const uint8_t cut[] = {0x40, 0x00, 0x00, 0x05, 1, 2, 3, 4};
	static const uint8_t header_only[] = {0x40, 0x00, 0x00};
	static const uint8_t out_of_range[] = {0x4f + 0x01, 0x00, 0x00, 0x00};

	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	CU_ASSERT_FALSE(turn_fixture_send_bytes(&f, cut, sizeof(cut)));
	expect_discard(TP_DISCARD_SHORT);
	CU_ASSERT_FALSE(turn_fixture_send_bytes(&f, header_only, sizeof(header_only)));
	expect_discard(TP_DISCARD_SHORT);
	CU_ASSERT_FALSE(turn_fixture_send_bytes(&f, out_of_range, sizeof(out_of_range)));
	expect_discard(TP_DISCARD_MALFORMED); /* 0x50: no first byte of ours */
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 0);
	turn_fixture_close(&f);
}

static void an_expired_channel_is_told_from_an_unbound_one(void)
{
	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 3600), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 300);
	turn_fixture_send_channel_data(&f, 0x4000, "x");
	expect_discard(TP_DISCARD_NO_PERMISSION);
	turn_fixture_advance_s(&f, 300);
	turn_fixture_send_channel_data(&f, 0x4000, "x");
	expect_discard(TP_DISCARD_CHANNEL_EXPIRED);
	turn_fixture_close(&f);
}

static void what_a_peer_without_permission_sends_is_dropped(void)
{
	struct tp_addr stranger = turn_fixture_addr("192.0.2.66:9");

	open_noting();
	turn_fixture_allocate(&f);
	turn_fixture_peer_sends(&f, &stranger, "x");
	expect_discard(TP_DISCARD_NO_PERMISSION);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_peer_sends(&f, &stranger, "x");
	expect_discard(TP_DISCARD_NO_PERMISSION);
	turn_fixture_peer_sends(&f, &f.peer_addr, "x");
	CU_ASSERT_EQUAL(discarded, 0);
	turn_fixture_close(&f);
}

/* Send it; was the datagram sent with DF? */
static bool sends_whole(const struct tp_addr *peer_addr)
{
	turn_client_begin_indication(&f.client, TP_STUN_SEND);
	tp_build_xor_addr(&f.client.build, TP_ATTR_XOR_PEER_ADDRESS, peer_addr);
	tp_build_bytes(&f.client.build, TP_ATTR_DONT_FRAGMENT, NULL, 0);
	tp_build_bytes(&f.client.build, TP_ATTR_DATA, "x", 1);
	turn_client_finish(&f.client);
	CU_ASSERT_FALSE(turn_fixture_send_bytes(&f, f.client.bytes, f.client.len));
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, peer_addr, "x"));
	return fake_net_last_sent()->dont_fragment;
}

static void dont_fragment_is_asked_of_the_socket_for_that_datagram_only(void)
{
	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	CU_ASSERT_TRUE(sends_whole(&f.peer_addr));
	turn_fixture_send_indication(&f, &f.peer_addr, "y");
	CU_ASSERT_FALSE(fake_net_last_sent()->dont_fragment);
	turn_fixture_close(&f);
}

static const struct {
	const char *client;
	const char *peer;
	bool stream;
	bool whole;
} ways[] = {
	{"192.0.2.10:4000", "192.0.2.200:9000", false, true},
	{"192.0.2.10:4000", "[2001:db8:1::9]:9000", false, false},
	{"[2001:db8:2::1]:4000", "192.0.2.200:9000", false, false},
	{"[2001:db8:2::1]:4000", "[2001:db8:1::9]:9000", false, false},
	{"192.0.2.10:4000", "192.0.2.200:9000", true, true},
	{"[2001:db8:2::1]:4000", "[2001:db8:1::9]:9000", true, true},
};

static void allocate_for(const struct tp_addr *peer_addr)
{
	turn_fixture_challenge(&f);
	tp_build_address_family(turn_fixture_begin_allocate(&f), TP_ATTR_REQUESTED_ADDRESS_FAMILY,
				peer_addr->family);
	CU_ASSERT_EQUAL_FATAL(turn_fixture_request(&f), 0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, peer_addr), 0);
}

/* RFC 8656 sections 13.1 to 13.3: a MUST; section 15 */
static void dont_fragment_is_ignored_where_datagrams_are_translated(void)
{
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct tp_addr peer_addr = turn_fixture_addr(ways[i].peer);

		open_noting();
		f.five_tuple.client_addr = turn_fixture_addr(ways[i].client);
		if (ways[i].stream) {
			f.endpoint.endpoint.transport = TP_TRANSPORT_TCP;
			f.endpoint.endpoint.stream = true;
			f.five_tuple.transport = TP_TRANSPORT_TCP;
		}
		allocate_for(&peer_addr);
		CU_ASSERT_EQUAL(sends_whole(&peer_addr), ways[i].whole);
		turn_fixture_close(&f);
	}
}

/* --- marks ------------------------------------------------------------------------- */

static bool sent_with(int ttl, int tos)
{
	const struct fake_net_datagram *sent = fake_net_last_sent();

	return sent->ttl == ttl && sent->tos == tos;
}

static bool client_got_with(int ttl, int tos)
{
	const struct fake_message *got = fake_endpoint_last(&f.endpoint);

	return got->forwarded && got->ttl == ttl && got->tos == tos;
}

static void arrives_with(int ttl, int tos)
{
	f.ttl = ttl;
	f.tos = tos;
}

/* RFC 8656 sections 13 and 14: DSCP and ECN as they came, one hop less */
static void marks_go_through_both_ways(void)
{
	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	arrives_with(57, 0xb8 | 1);
	turn_fixture_send_indication(&f, &f.peer_addr, "x");
	CU_ASSERT_TRUE(sent_with(56, 0xb8 | 1));
	arrives_with(2, 3);
	turn_fixture_peer_sends(&f, &f.peer_addr, "x");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &f.peer_addr, "x"));
	CU_ASSERT_TRUE(client_got_with(1, 3));
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	CU_ASSERT_FALSE(fake_endpoint_last(&f.endpoint)->forwarded); /* a response */
	arrives_with(255, 0);
	turn_fixture_send_channel_data(&f, 0x4000, "x");
	CU_ASSERT_TRUE(sent_with(254, 0));
	arrives_with(64, 2);
	turn_fixture_peer_sends(&f, &f.peer_addr, "x");
	CU_ASSERT_TRUE(turn_fixture_client_got_channel_data(&f, 0x4000, "x"));
	CU_ASSERT_TRUE(client_got_with(63, 2));
	turn_fixture_close(&f);
}

static void marks_that_are_not_known_are_the_systems(void)
{
	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	turn_fixture_send_channel_data(&f, 0x4000, "x");
	CU_ASSERT_TRUE(sent_with(-1, -1));
	turn_fixture_peer_sends(&f, &f.peer_addr, "x");
	CU_ASSERT_TRUE(client_got_with(-1, -1));
	turn_fixture_close(&f);
}

/* RFC 8656 section 13.2: as at any router */
static void what_has_no_hop_left_is_dropped_and_counted(void)
{
	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	for (int ttl = 0; ttl < 2; ttl++) {
		size_t messages = f.endpoint.message_count;

		arrives_with(ttl, 0);
		turn_fixture_send_indication(&f, &f.peer_addr, "x");
		expect_discard(TP_DISCARD_HOP_LIMIT);
		turn_fixture_peer_sends(&f, &f.peer_addr, "x");
		expect_discard(TP_DISCARD_HOP_LIMIT);
		CU_ASSERT_EQUAL(f.endpoint.message_count, messages);
	}
	arrives_with(-1, -1);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	arrives_with(1, 0);
	turn_fixture_send_channel_data(&f, 0x4000, "x");
	expect_discard(TP_DISCARD_HOP_LIMIT);
	turn_fixture_peer_sends(&f, &f.peer_addr, "x");
	expect_discard(TP_DISCARD_HOP_LIMIT);
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 0);
	CU_ASSERT_TRUE(tp_counter_read(f.server->counters.discarded[TP_DISCARD_HOP_LIMIT]) >= 6);
	turn_fixture_close(&f);
}

/* RFC 8656 section 16: nothing is translated for each packet then */
static void hops_do_not_count_towards_a_stream(void)
{
	open_noting();
	f.endpoint.endpoint.transport = TP_TRANSPORT_TCP;
	f.endpoint.endpoint.stream = true;
	f.five_tuple.transport = TP_TRANSPORT_TCP;
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	arrives_with(1, 0);
	turn_fixture_peer_sends(&f, &f.peer_addr, "x");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &f.peer_addr, "x"));
	turn_fixture_close(&f);
}

static void carry_marks(struct tp_turn_options *options)
{
	options->carry_marks = true;
}

static void relayed_sockets_hear_marks_only_when_they_are_carried(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_FALSE(fake_net_wants_marks(&f.relayed_addr));
	turn_fixture_close(&f);
	turn_fixture_open_with(&f, carry_marks);
	turn_fixture_allocate(&f);
	CU_ASSERT_TRUE(fake_net_wants_marks(&f.relayed_addr));
	turn_fixture_close(&f);
}

static void a_client_too_slow_loses_media_and_it_is_counted(void)
{
	open_noting();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	f.endpoint.result = TP_EFULL;
	turn_fixture_peer_sends(&f, &f.peer_addr, "x");
	expect_discard(TP_DISCARD_QUEUE_FULL);
	f.endpoint.result = 0;
	turn_fixture_peer_sends(&f, &f.peer_addr, "x");
	CU_ASSERT_EQUAL(tp_allocation_find(f.server, &f.five_tuple)->peer_to_client.packets, 1);
	turn_fixture_close(&f);
}

static void behind_nat(struct tp_turn_options *options)
{
	options->relay[0].advertised_addr = turn_fixture_addr("203.0.113.99");
}

/* Two clients of ours name each other by the advertised addresses. */
static void hairpin_goes_through_the_advertised_address(void)
{
	struct tp_five_tuple first_client;
	struct tp_addr first;
	struct tp_addr second;
	struct tp_addr second_bound;

	turn_fixture_open_with(&f, behind_nat);
	turn_fixture_allocate(&f);
	first = f.relayed_addr;
	first_client = f.five_tuple;
	f.five_tuple.client_addr.port++;
	turn_fixture_allocate(&f);
	second = f.relayed_addr;
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &first), 0);
	f.five_tuple.client_addr.port--;
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &second), 0);

	f.five_tuple.client_addr.port++;
	turn_fixture_send_indication(&f, &first, "hairpin");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &second, "hairpin"));
	CU_ASSERT_EQUAL(memcmp(&fake_endpoint_last(&f.endpoint)->five_tuple, &first_client,
			       sizeof(first_client)),
			0);
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 0);

	/* what comes by the kernel all the same is from the advertised address, too */
	second_bound = turn_fixture_addr("203.0.113.7");
	second_bound.port = second.port;
	f.relayed_addr = turn_fixture_addr("203.0.113.7");
	f.relayed_addr.port = first.port;
	turn_fixture_peer_sends(&f, &second_bound, "x");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &second, "x"));
	turn_fixture_close(&f);
}

static struct tp_delete_allocation deleted;

static void note_deleted(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_turn_delete_allocation) {
		deleted = *(const struct tp_delete_allocation *)payload;
	}
}

static void totals_are_told_at_the_end(void)
{
	turn_fixture_open(&f);
	test_hooks.tell = note_deleted;
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	turn_fixture_send_channel_data(&f, 0x4000, "12345");
	turn_fixture_send_indication(&f, &f.peer_addr, "123");
	turn_fixture_peer_sends(&f, &f.peer_addr, "1234567");
	turn_fixture_advance_s(&f, 3);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(deleted.cause, TP_DELETE_REFRESH);
	CU_ASSERT_EQUAL(deleted.duration_ms, 3000);
	CU_ASSERT_EQUAL(deleted.client_to_peer.packets, 2);
	CU_ASSERT_EQUAL(deleted.client_to_peer.bytes, 8);
	CU_ASSERT_EQUAL(deleted.peer_to_client.packets, 1);
	CU_ASSERT_EQUAL(deleted.peer_to_client.bytes, 7);
	turn_fixture_close(&f);
}

TEST_SUITE("relay", TEST(send_and_data_indications),
	   TEST(payloads_of_every_padding_and_none_arrive_unchanged), TEST(over_ipv6_too),
	   TEST(channel_data_over_a_stream_is_padded), TEST(channel_data_over_udp_is_not_padded),
	   TEST(another_port_of_the_peer_comes_as_indication),
	   TEST(what_a_client_may_not_send_is_dropped_with_its_reason),
	   TEST(channel_data_cut_short_or_out_of_range_is_dropped),
	   TEST(an_expired_channel_is_told_from_an_unbound_one),
	   TEST(what_a_peer_without_permission_sends_is_dropped),
	   TEST(dont_fragment_is_asked_of_the_socket_for_that_datagram_only),
	   TEST(dont_fragment_is_ignored_where_datagrams_are_translated),
	   TEST(marks_go_through_both_ways), TEST(marks_that_are_not_known_are_the_systems),
	   TEST(what_has_no_hop_left_is_dropped_and_counted),
	   TEST(hops_do_not_count_towards_a_stream),
	   TEST(relayed_sockets_hear_marks_only_when_they_are_carried),
	   TEST(a_client_too_slow_loses_media_and_it_is_counted),
	   TEST(hairpin_goes_through_the_advertised_address), TEST(totals_are_told_at_the_end));

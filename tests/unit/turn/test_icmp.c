/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/icmp.h"

#include <string.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "support/suite.h"
#include "support/turn_fixture.h"

static struct turn_fixture f;
static struct tp_allocation *allocation;

/* What ICMP tells of what was sent from the relayed address to @about. */
static void icmp_tells(const struct tp_addr *about, uint8_t type, uint8_t code, uint32_t mtu)
{
	const struct tp_datagram_error error = {
		.remote_addr = *about,
		.type = type,
		.code = code,
		.mtu = mtu,
	};

	CU_ASSERT_TRUE(fake_net_tell_error(&allocation->relay.datagram->local_addr, &error));
	turn_fixture_turn(&f);
}

static void told_to_clients(struct tp_turn_options *options)
{
	options->relay_icmp = true;
}

static void open_with(void (*adjust)(struct tp_turn_options *options))
{
	turn_fixture_open_with(&f, adjust);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
}

/* The last message to the client: a Data indication with ICMP about @peer_addr. */
static bool client_got(const struct tp_addr *peer_addr, uint8_t type, uint8_t code, uint32_t mtu)
{
	const struct tp_stun_attr *icmp;
	const struct tp_stun_attr *peer;
	struct tp_addr about;

	if (!turn_fixture_take_response(&f)) {
		return false;
	}
	icmp = tp_stun_msg_find(&f.response, TP_ATTR_ICMP);
	peer = tp_stun_msg_find(&f.response, TP_ATTR_XOR_PEER_ADDRESS);
	return f.response.method == TP_STUN_DATA &&
	       f.response.message_class == TP_STUN_INDICATION && icmp != NULL && icmp->len == 8 &&
	       tp_get_u16(icmp->value) == 0 && icmp->value[2] == type && icmp->value[3] == code &&
	       tp_get_u32(icmp->value + 4) == mtu && peer != NULL &&
	       tp_attr_read_xor_addr(peer, &f.response, &about) == 0 &&
	       tp_addr_equal(&about, peer_addr) &&
	       tp_stun_msg_find(&f.response, TP_ATTR_DATA) == NULL;
}

/* RFC 8656 section 11.5 */
static void the_client_gets_a_data_indication_with_peer_and_icmp(void)
{
	open_with(told_to_clients);
	icmp_tells(&f.peer_addr, 3, 3, 0);
	CU_ASSERT_TRUE(client_got(&f.peer_addr, 3, 3, 0));
	CU_ASSERT_TRUE(fake_endpoint_last(&f.endpoint)->forwarded);
	turn_fixture_close(&f);
}

/* RFC 8656 section 18.13 */
static void too_big_tells_the_mtu(void)
{
	open_with(told_to_clients);
	icmp_tells(&f.peer_addr, 3, 4, 1400);
	CU_ASSERT_TRUE(client_got(&f.peer_addr, 3, 4, 1400));
	turn_fixture_close(&f);
}

static void ports_are_not_considered(void)
{
	struct tp_addr other_port;

	open_with(told_to_clients);
	other_port = tp_addr_with_port(&f.peer_addr, 1);
	icmp_tells(&other_port, 3, 3, 0);
	CU_ASSERT_TRUE(client_got(&other_port, 3, 3, 0));
	turn_fixture_close(&f);
}

static void a_peer_without_permission_is_not_told_of(void)
{
	struct tp_addr stranger = turn_fixture_addr("192.0.2.201:9000");

	open_with(told_to_clients);
	icmp_tells(&stranger, 3, 3, 0);
	CU_ASSERT_FALSE(turn_fixture_take_response(&f));
	turn_fixture_advance_s(&f, 300); /* the permission has expired */
	icmp_tells(&f.peer_addr, 3, 3, 0);
	CU_ASSERT_FALSE(turn_fixture_take_response(&f));
	turn_fixture_close(&f);
}

static const struct {
	const char *peer;
	uint8_t type;
	bool relayed;
} types[] = {
	{"192.0.2.200:9000", 0, false},       {"192.0.2.200:9000", 3, true},
	{"192.0.2.200:9000", 4, false},       {"192.0.2.200:9000", 11, true},
	{"192.0.2.200:9000", 12, false},      {"[2001:db8:1::1]:9000", 0, false},
	{"[2001:db8:1::1]:9000", 1, true},    {"[2001:db8:1::1]:9000", 2, true},
	{"[2001:db8:1::1]:9000", 3, true},    {"[2001:db8:1::1]:9000", 4, false},
	{"[2001:db8:1::1]:9000", 128, false},
};

static void allocate_dual(void)
{
	turn_fixture_open_with(&f, told_to_clients);
	turn_fixture_challenge(&f);
	tp_build_address_family(turn_fixture_begin_allocate(&f), TP_ATTR_ADDITIONAL_ADDRESS_FAMILY,
				TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL_FATAL(turn_fixture_request(&f), 0);
	allocation = tp_allocation_find(f.server, &f.five_tuple);
}

/* RFC 8656 section 11.5: 3 and 11 of ICMPv4, 1 to 3 of ICMPv6 */
static void other_types_are_dropped(void)
{
	allocate_dual();
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct tp_addr peer_addr = turn_fixture_addr(types[i].peer);

		CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer_addr), 0);
		icmp_tells(&peer_addr, types[i].type, 1, 0);
		CU_ASSERT_EQUAL(client_got(&peer_addr, types[i].type, 1, 0), types[i].relayed);
	}
	turn_fixture_close(&f);
}

static void more_in_one_turn_than_there_is_room_for_are_dropped(void)
{
	const struct tp_datagram_error error = {.type = 3, .code = 3};
	struct tp_datagram_error about = error;
	size_t before;

	open_with(told_to_clients);
	before = f.endpoint.forward_count;
	about.remote_addr = f.peer_addr;
	for (unsigned i = 0; i < TP_ICMP_PER_TURN_MAX + 10; i++) {
		(void)fake_net_tell_error(&allocation->relay.datagram->local_addr, &about);
	}
	CU_ASSERT_EQUAL(f.endpoint.forward_count - before, TP_ICMP_PER_TURN_MAX);
	turn_fixture_turn(&f);
	icmp_tells(&f.peer_addr, 3, 3, 0);
	CU_ASSERT_EQUAL(f.endpoint.forward_count - before, TP_ICMP_PER_TURN_MAX + 1);
	turn_fixture_close(&f);
}

static void without_the_option_only_plugins_are_told(void)
{
	open_with(NULL);
	icmp_tells(&f.peer_addr, 3, 3, 0);
	CU_ASSERT_FALSE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_peer_error], 1);
	turn_fixture_close(&f);
}

TEST_SUITE("icmp", TEST(the_client_gets_a_data_indication_with_peer_and_icmp),
	   TEST(too_big_tells_the_mtu), TEST(ports_are_not_considered),
	   TEST(a_peer_without_permission_is_not_told_of), TEST(other_types_are_dropped),
	   TEST(more_in_one_turn_than_there_is_room_for_are_dropped),
	   TEST(without_the_option_only_plugins_are_told));

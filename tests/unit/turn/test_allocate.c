/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "io/loop.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/live_ports.h"

static struct turn_fixture f;

static uint32_t u32_of(uint16_t type)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, type);
	uint32_t value = UINT32_MAX;

	if (attr != NULL) {
		(void)tp_attr_read_u32(attr, &value);
	}
	return value;
}

static struct tp_addr xor_addr_of(uint16_t type)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, type);
	struct tp_addr addr = {.family = TP_FAMILY_NONE};

	if (attr != NULL) {
		(void)tp_attr_read_xor_addr(attr, &f.response, &addr);
	}
	return addr;
}

/* RFC 8656 section 7.2 */
static void gives_a_relayed_address_lifetime_and_mapped_address(void)
{
	struct tp_addr relayed;
	struct tp_addr mapped;

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	relayed = xor_addr_of(TP_ATTR_XOR_RELAYED_ADDRESS);
	mapped = xor_addr_of(TP_ATTR_XOR_MAPPED_ADDRESS);
	CU_ASSERT_TRUE(tp_addr_equal(&mapped, &f.five_tuple.client_addr));
	CU_ASSERT_EQUAL(relayed.family, TP_FAMILY_IPV4);
	CU_ASSERT_TRUE(tp_addr_port(&relayed) >= 49152);
	CU_ASSERT_EQUAL(u32_of(TP_ATTR_LIFETIME), 600);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_close(&f);
}

static void response_carries_integrity_the_client_can_check(void)
{
	struct tp_key key;

	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	key = turn_client_key(&f.client);
	CU_ASSERT_EQUAL(tp_integrity_check(&f.response, &key, false), 0);
	turn_fixture_close(&f);
}

static const struct {
	uint32_t requested_s;
	uint32_t granted_s;
} lifetimes[] = {{0, 600}, {1, 600}, {600, 600}, {601, 601}, {3600, 3600}, {4000000000, 3600}};

static void lifetime_is_between_default_and_longest(void)
{
	for (size_t i = 0; i < sizeof(lifetimes) / sizeof(lifetimes[0]); i++) {
		turn_fixture_open(&f);
		turn_fixture_challenge(&f);
		tp_build_u32(turn_fixture_begin_allocate(&f), TP_ATTR_LIFETIME,
			     lifetimes[i].requested_s);
		CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
		CU_ASSERT_EQUAL(u32_of(TP_ATTR_LIFETIME), lifetimes[i].granted_s);
		turn_fixture_close(&f);
	}
}

static void ends_when_its_lifetime_has_run_out(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	turn_fixture_advance_s(&f, 599);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static void a_second_one_on_the_five_tuple_is_437(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 437);
	turn_fixture_close(&f);
}

/* RFC 8489 section 6.3.1: the same bytes, and not carried out twice */
static void a_retransmission_is_answered_the_same(void)
{
	uint8_t first[4096];
	size_t first_len;

	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	first_len = f.response.len;
	memcpy(first, f.response.bytes, first_len);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), 0);
	CU_ASSERT_EQUAL(f.response.len, first_len);
	CU_ASSERT_EQUAL(memcmp(f.response.bytes, first, first_len), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_create_allocation], 1);
	turn_fixture_close(&f);
}

static void requested_transport_is_needed_and_must_be_udp(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	turn_client_begin(&f.client, TP_STUN_ALLOCATE);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	tp_build_requested_transport(turn_client_begin(&f.client, TP_STUN_ALLOCATE), 6);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 442);
	turn_fixture_close(&f);
}

static void ipv6_on_request_and_440_for_other_families(void)
{
	struct tp_addr relayed;

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	tp_build_address_family(turn_fixture_begin_allocate(&f), TP_ATTR_REQUESTED_ADDRESS_FAMILY,
				3);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 440);
	tp_build_address_family(turn_fixture_begin_allocate(&f), TP_ATTR_REQUESTED_ADDRESS_FAMILY,
				TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	relayed = xor_addr_of(TP_ATTR_XOR_RELAYED_ADDRESS);
	CU_ASSERT_EQUAL(relayed.family, TP_FAMILY_IPV6);
	turn_fixture_close(&f);
}

static void ipv4_only(struct tp_turn_options *options)
{
	options->relay_count = 1;
}

static void a_family_without_relay_address_is_440(void)
{
	turn_fixture_open_with(&f, ipv4_only);
	turn_fixture_challenge(&f);
	tp_build_address_family(turn_fixture_begin_allocate(&f), TP_ATTR_REQUESTED_ADDRESS_FAMILY,
				TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 440);
	turn_fixture_close(&f);
}

static void both_address_family_attributes_are_400(void)
{
	struct tp_build *build;

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	build = turn_fixture_begin_allocate(&f);
	tp_build_address_family(build, TP_ATTR_REQUESTED_ADDRESS_FAMILY, TP_FAMILY_IPV4);
	tp_build_address_family(build, TP_ATTR_ADDITIONAL_ADDRESS_FAMILY, TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_close(&f);
}

static void even_port_is_even_and_the_next_is_kept_for_its_token(void)
{
	const struct tp_stun_attr *attr;
	uint8_t token[8];
	struct tp_addr relayed;
	struct tp_addr second;

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	tp_build_even_port(turn_fixture_begin_allocate(&f), true);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	relayed = xor_addr_of(TP_ATTR_XOR_RELAYED_ADDRESS);
	CU_ASSERT_EQUAL(tp_addr_port(&relayed) % 2, 0);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 2);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_RESERVATION_TOKEN);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL_FATAL(tp_attr_read_reservation_token(attr, token), 0);

	f.five_tuple.client_addr.port = 4001;
	turn_fixture_challenge(&f);
	tp_build_bytes(turn_fixture_begin_allocate(&f), TP_ATTR_RESERVATION_TOKEN, token, 8);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	second = xor_addr_of(TP_ATTR_XOR_RELAYED_ADDRESS);
	CU_ASSERT_EQUAL(tp_addr_port(&second), tp_addr_port(&relayed) + 1);

	f.five_tuple.client_addr.port = 4002;
	turn_fixture_challenge(&f);
	tp_build_bytes(turn_fixture_begin_allocate(&f), TP_ATTR_RESERVATION_TOKEN, token, 8);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 508);
	turn_fixture_close(&f);
}

static void a_reservation_lasts_30_s(void)
{
	const struct tp_stun_attr *attr;
	uint8_t token[8];

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	tp_build_even_port(turn_fixture_begin_allocate(&f), true);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_RESERVATION_TOKEN);
	CU_ASSERT_EQUAL_FATAL(tp_attr_read_reservation_token(attr, token), 0);
	turn_fixture_advance_s(&f, 29);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 2);
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 1);
	turn_fixture_close(&f);
}

static void even_port_without_r_bit_reserves_nothing(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	tp_build_even_port(turn_fixture_begin_allocate(&f), false);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_PTR_NULL(tp_stun_msg_find(&f.response, TP_ATTR_RESERVATION_TOKEN));
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 1);
	turn_fixture_close(&f);
}

static void reservation_token_excludes_even_port_and_family(void)
{
	struct tp_build *build;

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	build = turn_fixture_begin_allocate(&f);
	tp_build_bytes(build, TP_ATTR_RESERVATION_TOKEN, "\0tokens.", 8);
	tp_build_even_port(build, false);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	build = turn_fixture_begin_allocate(&f);
	tp_build_bytes(build, TP_ATTR_RESERVATION_TOKEN, "\0tokens.", 8);
	tp_build_address_family(build, TP_ATTR_REQUESTED_ADDRESS_FAMILY, TP_FAMILY_IPV4);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	build = turn_fixture_begin_allocate(&f);
	tp_build_bytes(build, TP_ATTR_RESERVATION_TOKEN, "short", 5);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_close(&f);
}

static void a_token_of_no_worker_is_508(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	tp_build_bytes(turn_fixture_begin_allocate(&f), TP_ATTR_RESERVATION_TOKEN, "\xfftokens.",
		       8);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 508);
	turn_fixture_close(&f);
}

static void ten_ports(struct tp_turn_options *options)
{
	options->relay_count = 1;
	options->port_min = 50001;
	options->port_max = 50010;
}

static void allocate_from(uint16_t client_port, int expected)
{
	f.five_tuple.client_addr.port = client_port;
	turn_fixture_challenge(&f);
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), expected);
}

static void every_port_of_the_range_is_used_then_508(void)
{
	turn_fixture_open_with(&f, ten_ports);
	for (uint16_t i = 0; i < 10; i++) {
		allocate_from((uint16_t)(5000 + i), 0);
	}
	allocate_from(5010, 508);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 10);
	for (uint16_t port = 50001; port <= 50010; port++) {
		CU_ASSERT_TRUE(tp_live_ports_test(f.shared->live_ports, 0, port));
	}
	turn_fixture_close(&f);
}

static void all_ports(struct tp_turn_options *options)
{
	options->relay_count = 1;
	options->port_min = 1024;
	options->port_max = 65535;
}

/* Of 64512: however far the walk has to go. */
static void the_last_free_port_is_found(void)
{
	turn_fixture_open_with(&f, all_ports);
	for (uint32_t port = 1024; port <= 65535; port++) {
		if (port != 40000) {
			tp_live_ports_set(f.shared->live_ports, 0, (uint16_t)port, 0);
		}
	}
	allocate_from(5000, 0);
	CU_ASSERT_EQUAL(xor_addr_of(TP_ATTR_XOR_RELAYED_ADDRESS).port, 40000);
	for (uint32_t port = 1024; port <= 65535; port++) {
		if (port != 40000) {
			tp_live_ports_clear(f.shared->live_ports, 0, (uint16_t)port);
		}
	}
	turn_fixture_close(&f);
}

static void ports_differ_from_run_to_run(void)
{
	uint16_t seen[8];
	size_t different = 0;

	for (size_t i = 0; i < 8; i++) {
		turn_fixture_open(&f);
		turn_fixture_allocate(&f);
		seen[i] = tp_addr_port(&f.relayed_addr);
		different += i > 0 && seen[i] != seen[i - 1];
		turn_fixture_close(&f);
	}
	CU_ASSERT_TRUE(different >= 5);
}

static void two_per_user(struct tp_turn_options *options)
{
	options->max_allocations_per_user = 2;
}

static void more_than_the_user_may_have_is_486(void)
{
	turn_fixture_open_with(&f, two_per_user);
	allocate_from(5000, 0);
	allocate_from(5001, 0);
	allocate_from(5002, 486);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 2);
	turn_fixture_close(&f);
}

static void two_in_all(struct tp_turn_options *options)
{
	options->max_allocations = 2;
}

static void more_than_there_may_be_in_all_is_508(void)
{
	turn_fixture_open_with(&f, two_in_all);
	allocate_from(5000, 0);
	allocate_from(5001, 0);
	allocate_from(5002, 508);
	turn_fixture_close(&f);
}

static void a_draining_server_answers_508(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	tp_server_drain(f.server);
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 508);
	turn_fixture_close(&f);
}

static void elsewhere(struct tp_turn_options *options)
{
	options->alternate_server_count = 2;
	options->alternate_servers[0] = turn_fixture_addr("[2001:db8::99]:3478");
	options->alternate_servers[1] = turn_fixture_addr("192.0.2.99:3478");
	options->alternate_domain = "turn.example.org";
}

/* RFC 8489 section 10 */
/* RFC 8656 section 21.4 */
static void a_client_behind_6to4_or_teredo_is_403(void)
{
	static const char *const addrs[] = {"[2002:808:808::1]:4000",
					    "[2001:0:808:808::f7f7:f7f7]:4000"};

	for (size_t i = 0; i < 2; i++) {
		turn_fixture_open(&f);
		f.five_tuple.client_addr = turn_fixture_addr(addrs[i]);
		f.five_tuple.server_addr = turn_fixture_addr("[2001:db8::1]:3478");
		turn_fixture_challenge(&f);
		turn_fixture_begin_allocate(&f);
		CU_ASSERT_EQUAL(turn_fixture_request(&f), 403);
		turn_fixture_close(&f);
	}
}

static void an_alternate_server_is_named_with_300(void)
{
	const struct tp_stun_attr *attr;
	struct tp_addr addr;

	turn_fixture_open_with(&f, elsewhere);
	turn_fixture_challenge(&f);
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 300);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_ALTERNATE_SERVER);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(tp_attr_read_addr(attr, &addr), 0);
	CU_ASSERT_TRUE(tp_addr_equal(&addr, &(struct tp_addr){.family = TP_FAMILY_IPV4,
							      .port = 3478,
							      .bytes = {192, 0, 2, 99}}));
	CU_ASSERT_PTR_NULL(tp_stun_msg_find(&f.response, TP_ATTR_ALTERNATE_DOMAIN));

	f.endpoint.endpoint.transport = TP_TRANSPORT_TLS;
	f.five_tuple.transport = TP_TRANSPORT_TLS;
	turn_fixture_begin_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 300);
	CU_ASSERT_PTR_NOT_NULL(tp_stun_msg_find(&f.response, TP_ATTR_ALTERNATE_DOMAIN));
	turn_fixture_close(&f);
}

static void behind_nat(struct tp_turn_options *options)
{
	options->relay[0].advertised_addr = turn_fixture_addr("203.0.113.99");
}

static void the_advertised_address_is_told_behind_a_nat(void)
{
	turn_fixture_open_with(&f, behind_nat);
	turn_fixture_allocate(&f);
	CU_ASSERT_TRUE(
		tp_addr_equal_ip(&f.relayed_addr, &(struct tp_addr){.family = TP_FAMILY_IPV4,
								    .bytes = {203, 0, 113, 99}}));
	turn_fixture_close(&f);
}

static void closes_with_its_connection(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	f.server->handler.closed(f.server->handler.owner, &f.endpoint.endpoint, &f.five_tuple);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

TEST_SUITE("allocate", TEST(gives_a_relayed_address_lifetime_and_mapped_address),
	   TEST(response_carries_integrity_the_client_can_check),
	   TEST(lifetime_is_between_default_and_longest), TEST(ends_when_its_lifetime_has_run_out),
	   TEST(a_second_one_on_the_five_tuple_is_437), TEST(a_retransmission_is_answered_the_same),
	   TEST(requested_transport_is_needed_and_must_be_udp),
	   TEST(ipv6_on_request_and_440_for_other_families),
	   TEST(a_family_without_relay_address_is_440),
	   TEST(both_address_family_attributes_are_400),
	   TEST(even_port_is_even_and_the_next_is_kept_for_its_token),
	   TEST(a_reservation_lasts_30_s), TEST(even_port_without_r_bit_reserves_nothing),
	   TEST(reservation_token_excludes_even_port_and_family), TEST(a_token_of_no_worker_is_508),
	   TEST(every_port_of_the_range_is_used_then_508), TEST(the_last_free_port_is_found),
	   TEST(ports_differ_from_run_to_run), TEST(more_than_the_user_may_have_is_486),
	   TEST(more_than_there_may_be_in_all_is_508), TEST(a_draining_server_answers_508),
	   TEST(a_client_behind_6to4_or_teredo_is_403), TEST(an_alternate_server_is_named_with_300),
	   TEST(the_advertised_address_is_told_behind_a_nat), TEST(closes_with_its_connection));

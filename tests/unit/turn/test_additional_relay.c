/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/additional_relay.h"

#include <string.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "host/ticket.h"
#include "io/loop.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/peer_policy.h"

/* Dual allocations: an IPv4 and an IPv6 relayed address by one Allocate. */

static struct turn_fixture f;
static struct tp_addr peer_v4;
static struct tp_addr peer_v6;
static struct tp_addr relayed_v4;
static struct tp_addr relayed_v6;

/* --- steps -------------------------------------------------------------------- */

static struct tp_build *begin_dual(void)
{
	struct tp_build *build = turn_fixture_begin_allocate(&f);

	tp_build_address_family(build, TP_ATTR_ADDITIONAL_ADDRESS_FAMILY, TP_FAMILY_IPV6);
	return build;
}

static struct tp_addr relayed_addr(size_t nth)
{
	const struct tp_stun_attr *attr =
		tp_stun_msg_find_nth(&f.response, TP_ATTR_XOR_RELAYED_ADDRESS, nth);
	struct tp_addr addr = {.family = TP_FAMILY_NONE};

	if (attr != NULL) {
		(void)tp_attr_read_xor_addr(attr, &f.response, &addr);
	}
	return addr;
}

static void open_with(void (*adjust)(struct tp_turn_options *options))
{
	turn_fixture_open_with(&f, adjust);
	turn_fixture_challenge(&f);
	peer_v4 = f.peer_addr;
	peer_v6 = turn_fixture_addr("[2001:db8:1::200]:9000");
}

static struct tp_allocation *allocate_dual(void)
{
	begin_dual();
	CU_ASSERT_EQUAL_FATAL(turn_fixture_request(&f), 0);
	relayed_v4 = relayed_addr(0);
	relayed_v6 = relayed_addr(1);
	return tp_allocation_find(f.server, &f.five_tuple);
}

static struct tp_allocation *open_dual(void)
{
	open_with(NULL);
	return allocate_dual();
}

static int refresh_family(uint8_t family, uint32_t lifetime_s)
{
	struct tp_build *build = turn_client_begin(&f.client, TP_STUN_REFRESH);

	tp_build_u32(build, TP_ATTR_LIFETIME, lifetime_s);
	tp_build_address_family(build, TP_ATTR_REQUESTED_ADDRESS_FAMILY, family);
	return turn_fixture_request(&f);
}

static bool sent_from(const struct tp_addr *from)
{
	const struct fake_net_datagram *sent = fake_net_last_sent();

	return sent != NULL && tp_addr_equal(&sent->from, from);
}

static void peer_sends(const struct tp_addr *from, const struct tp_addr *to, const char *payload)
{
	CU_ASSERT_TRUE(fake_net_deliver(from, to, payload, strlen(payload)));
	turn_fixture_turn(&f);
}

/* What was refused is in ADDRESS-ERROR-CODE. */
static bool is_refused(uint8_t family, uint16_t code)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, TP_ATTR_ADDRESS_ERROR_CODE);

	return attr != NULL && attr->len > 4 && attr->value[0] == family && attr->value[1] == 0 &&
	       attr->value[2] == code / 100 && attr->value[3] == code % 100 &&
	       memcmp(attr->value + 4, tp_stun_reason(code), attr->len - 4) == 0;
}

/* --- Allocate: RFC 8656 section 7.2 ------------------------------------------- */

static void both_families_are_given_in_two_attributes(void)
{
	struct tp_allocation *allocation = open_dual();
	struct tp_addr none = relayed_addr(2);

	CU_ASSERT_EQUAL(relayed_v4.family, TP_FAMILY_IPV4);
	CU_ASSERT_EQUAL(relayed_v6.family, TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(none.family, TP_FAMILY_NONE);
	CU_ASSERT_PTR_NULL(tp_stun_msg_find(&f.response, TP_ATTR_ADDRESS_ERROR_CODE));
	CU_ASSERT_TRUE(tp_addr_equal(&allocation->view.relayed_addr, &relayed_v4));
	CU_ASSERT_TRUE(tp_addr_equal(&allocation->view.relayed_addr_more, &relayed_v6));
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_create_allocation], 1);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 2);
	turn_fixture_close(&f);
}

static void one_relayed_address_has_no_other(void)
{
	turn_fixture_open(&f);
	CU_ASSERT_EQUAL(turn_fixture_allocate(&f)->view.relayed_addr_more.family, TP_FAMILY_NONE);
	turn_fixture_close(&f);
}

static void any_family_but_ipv6_is_400(void)
{
	static const uint8_t others[] = {0, TP_FAMILY_IPV4, 3, 255};

	open_with(NULL);
	for (size_t i = 0; i < sizeof(others); i++) {
		tp_build_address_family(turn_fixture_begin_allocate(&f),
					TP_ATTR_ADDITIONAL_ADDRESS_FAMILY, others[i]);
		CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	}
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static void an_attribute_of_another_length_is_400(void)
{
	open_with(NULL);
	tp_build_bytes(turn_fixture_begin_allocate(&f), TP_ATTR_ADDITIONAL_ADDRESS_FAMILY, "\x02",
		       1);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_close(&f);
}

static void a_reserved_port_goes_with_one_family_only(void)
{
	open_with(NULL);
	tp_build_even_port(begin_dual(), true);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	tp_build_bytes(begin_dual(), TP_ATTR_RESERVATION_TOKEN, "12345678", 8);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_close(&f);
}

static void an_even_port_is_for_both(void)
{
	struct tp_addr v4;
	struct tp_addr v6;

	open_with(NULL);
	tp_build_even_port(begin_dual(), false);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	v4 = relayed_addr(0);
	v6 = relayed_addr(1);
	CU_ASSERT_EQUAL(v6.family, TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(tp_addr_port(&v4) % 2, 0);
	CU_ASSERT_EQUAL(tp_addr_port(&v6) % 2, 0);
	turn_fixture_close(&f);
}

static void ipv4_only(struct tp_turn_options *options)
{
	options->relay_count = 1;
}

static void ipv6_only(struct tp_turn_options *options)
{
	options->relay[0] = options->relay[1];
	options->relay_count = 1;
}

static void a_family_not_supported_is_told_beside_the_other(void)
{
	struct tp_addr given;

	open_with(ipv4_only);
	begin_dual();
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	given = relayed_addr(0);
	CU_ASSERT_EQUAL(given.family, TP_FAMILY_IPV4);
	given = relayed_addr(1);
	CU_ASSERT_EQUAL(given.family, TP_FAMILY_NONE);
	CU_ASSERT_TRUE(is_refused(TP_FAMILY_IPV6, 440));
	turn_fixture_close(&f);

	open_with(ipv6_only);
	begin_dual();
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	given = relayed_addr(0);
	CU_ASSERT_EQUAL(given.family, TP_FAMILY_IPV6);
	CU_ASSERT_TRUE(is_refused(TP_FAMILY_IPV4, 440));
	CU_ASSERT_EQUAL(tp_allocation_find(f.server, &f.five_tuple)->view.relayed_addr_more.family,
			TP_FAMILY_NONE);
	turn_fixture_close(&f);
}

static void a_family_without_free_port_is_508_beside_the_other(void)
{
	struct tp_addr given;

	open_with(NULL);
	fake_net_fail_opens(1, TP_ENOMEM);
	begin_dual();
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	given = relayed_addr(0);
	CU_ASSERT_EQUAL(given.family, TP_FAMILY_IPV6);
	CU_ASSERT_TRUE(is_refused(TP_FAMILY_IPV4, 508));
	turn_fixture_close(&f);
}

static void neither_family_is_508(void)
{
	open_with(NULL);
	fake_net_fail_opens(2, TP_ENOMEM);
	begin_dual();
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 508);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static enum tp_verdict refuse_allocation(enum tp_event event, struct tp_request *request,
					 const void *payload)
{
	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request, payload);
	}
	return event == TP_EVENT_on_turn_before_allocate ? TP_DENY : TP_PASS;
}

static void a_veto_closes_both(void)
{
	open_with(NULL);
	test_hooks.ask = refuse_allocation;
	begin_dual();
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 486);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static enum tp_family chosen_for[3];

static enum tp_verdict note_choice(enum tp_event event, struct tp_request *request,
				   const void *payload)
{
	const struct tp_choose_relay *choose_relay = payload;
	uint16_t port;

	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request, payload);
	}
	if (event != TP_EVENT_on_turn_choose_relay) {
		return TP_PASS;
	}
	port = choose_relay->family == TP_FAMILY_IPV4 ? 50000 : 60000;
	chosen_for[chosen_for[0] == TP_FAMILY_NONE ? 0 : 1] = choose_relay->family;
	return tp_request_choose_relay(request, NULL, port, port);
}

static void a_plugin_chooses_for_each_family(void)
{
	memset(chosen_for, 0, sizeof(chosen_for));
	open_with(NULL);
	test_hooks.ask = note_choice;
	(void)allocate_dual();
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_choose_relay], 2);
	CU_ASSERT_EQUAL(chosen_for[0], TP_FAMILY_IPV4);
	CU_ASSERT_EQUAL(chosen_for[1], TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(tp_addr_port(&relayed_v4), 50000);
	CU_ASSERT_EQUAL(tp_addr_port(&relayed_v6), 60000);
	turn_fixture_close(&f);
}

/* --- media -------------------------------------------------------------------- */

static void peers_of_both_families_are_permitted_by_one_request(void)
{
	struct tp_build *build;

	(void)open_dual();
	build = turn_client_begin(&f.client, TP_STUN_CREATE_PERMISSION);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &peer_v4);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &peer_v6);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	turn_fixture_close(&f);
}

static void send_leaves_from_the_relayed_address_of_the_peer_s_family(void)
{
	(void)open_dual();
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer_v4), 0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer_v6), 0);
	turn_fixture_send_indication(&f, &peer_v4, "four");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &peer_v4, "four"));
	CU_ASSERT_TRUE(sent_from(&relayed_v4));
	turn_fixture_send_indication(&f, &peer_v6, "six");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &peer_v6, "six"));
	CU_ASSERT_TRUE(sent_from(&relayed_v6));
	turn_fixture_close(&f);
}

static void channels_go_to_peers_of_both_families(void)
{
	(void)open_dual();
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &peer_v4), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4001, &peer_v6), 0);
	turn_fixture_send_channel_data(&f, 0x4000, "four");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &peer_v4, "four"));
	CU_ASSERT_TRUE(sent_from(&relayed_v4));
	turn_fixture_send_channel_data(&f, 0x4001, "six");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &peer_v6, "six"));
	CU_ASSERT_TRUE(sent_from(&relayed_v6));
	peer_sends(&peer_v4, &relayed_v4, "from four");
	CU_ASSERT_TRUE(turn_fixture_client_got_channel_data(&f, 0x4000, "from four"));
	peer_sends(&peer_v6, &relayed_v6, "from six");
	CU_ASSERT_TRUE(turn_fixture_client_got_channel_data(&f, 0x4001, "from six"));
	turn_fixture_close(&f);
}

static void data_comes_from_peers_of_both_families(void)
{
	struct tp_allocation *allocation = open_dual();

	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer_v4), 0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer_v6), 0);
	peer_sends(&peer_v4, &relayed_v4, "from four");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &peer_v4, "from four"));
	peer_sends(&peer_v6, &relayed_v6, "from six");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &peer_v6, "from six"));
	CU_ASSERT_EQUAL(allocation->peer_to_client.packets, 2);
	turn_fixture_close(&f);
}

static void own_ipv6_relayed(struct tp_turn_options *options)
{
	tp_assert(tp_peer_policy_relayed(options->peer_policy, &options->relay[1].bind_addr) == 0);
}

/* To its own relayed addresses: the sender is the one of the same family. */
static void hairpin_has_the_sender_s_relayed_address_of_the_family(void)
{
	open_with(own_ipv6_relayed);
	(void)allocate_dual();
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &relayed_v4), 0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &relayed_v6), 0);
	turn_fixture_send_indication(&f, &relayed_v6, "six");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &relayed_v6, "six"));
	turn_fixture_send_indication(&f, &relayed_v4, "four");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &relayed_v4, "four"));
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 0);
	turn_fixture_close(&f);
}

/* --- Refresh: RFC 8656 sections 8.1 and 8.2 ----------------------------------- */

static uint64_t lives_s(const struct tp_allocation *allocation)
{
	return (allocation->view.expires_ms - tp_loop_now_ms(f.loop)) / 1000;
}

static void refresh_without_family_is_for_all(void)
{
	(void)open_dual();
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 700), 0);
	turn_fixture_advance_s(&f, 699);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 2);
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_delete_allocation], 1);
	turn_fixture_close(&f);

	(void)open_dual();
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static void each_family_has_a_lifetime_of_its_own(void)
{
	struct tp_allocation *allocation = open_dual();

	CU_ASSERT_EQUAL(refresh_family(TP_FAMILY_IPV6, 1200), 0);
	CU_ASSERT_EQUAL(lives_s(allocation), 1200);
	turn_fixture_advance_s(&f, 600);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	CU_ASSERT_FALSE(fake_net_is_bound(&relayed_v4));
	CU_ASSERT_TRUE(fake_net_is_bound(&relayed_v6));
	CU_ASSERT_TRUE(tp_addr_equal(&allocation->view.relayed_addr, &relayed_v6));
	CU_ASSERT_EQUAL(allocation->view.relayed_addr_more.family, TP_FAMILY_NONE);
	CU_ASSERT_EQUAL(lives_s(allocation), 600);
	turn_fixture_advance_s(&f, 599);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	turn_fixture_close(&f);
}

static void the_additional_one_may_expire_first(void)
{
	struct tp_allocation *allocation = open_dual();

	CU_ASSERT_EQUAL(refresh_family(TP_FAMILY_IPV4, 1200), 0);
	turn_fixture_advance_s(&f, 600);
	CU_ASSERT_TRUE(fake_net_is_bound(&relayed_v4));
	CU_ASSERT_FALSE(fake_net_is_bound(&relayed_v6));
	CU_ASSERT_TRUE(tp_addr_equal(&allocation->view.relayed_addr, &relayed_v4));
	CU_ASSERT_EQUAL(allocation->view.relayed_addr_more.family, TP_FAMILY_NONE);
	turn_fixture_advance_s(&f, 600);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	turn_fixture_close(&f);
}

/* Permissions and channels of the other family are not affected (section 8.1). */
static void lifetime_0_ends_one_family_and_nothing_of_the_other(void)
{
	struct tp_allocation *allocation = open_dual();

	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &peer_v4), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4001, &peer_v6), 0);
	CU_ASSERT_EQUAL(refresh_family(TP_FAMILY_IPV4, 0), 0);
	CU_ASSERT_EQUAL(allocation->permission_count, 1);
	CU_ASSERT_EQUAL(allocation->channel_count, 1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_delete_channel], 1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_delete_permission], 1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_delete_allocation], 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_refresh_allocation], 1);
	CU_ASSERT_FALSE(fake_net_is_bound(&relayed_v4));
	turn_fixture_send_channel_data(&f, 0x4001, "six");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &peer_v6, "six"));
	peer_sends(&peer_v6, &relayed_v6, "from six");
	CU_ASSERT_TRUE(turn_fixture_client_got_channel_data(&f, 0x4001, "from six"));

	CU_ASSERT_EQUAL(refresh_family(TP_FAMILY_IPV6, 0), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_delete_allocation], 1);
	turn_fixture_close(&f);
}

static void the_additional_family_can_be_ended_alone(void)
{
	struct tp_allocation *allocation = open_dual();

	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer_v4), 0);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer_v6), 0);
	CU_ASSERT_EQUAL(refresh_family(TP_FAMILY_IPV6, 0), 0);
	CU_ASSERT_EQUAL(allocation->permission_count, 1);
	CU_ASSERT_FALSE(fake_net_is_bound(&relayed_v6));
	turn_fixture_send_indication(&f, &peer_v4, "four");
	CU_ASSERT_TRUE(turn_fixture_peer_got(&f, &peer_v4, "four"));
	turn_fixture_close(&f);
}

static void a_family_that_has_ended_is_443(void)
{
	(void)open_dual();
	CU_ASSERT_EQUAL(refresh_family(TP_FAMILY_IPV4, 0), 0);
	CU_ASSERT_EQUAL(refresh_family(TP_FAMILY_IPV4, 600), 443);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer_v4), 443);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &peer_v4), 443);
	CU_ASSERT_EQUAL(refresh_family(3, 600), 443);
	CU_ASSERT_EQUAL(refresh_family(TP_FAMILY_IPV6, 600), 0);
	turn_fixture_close(&f);
}

/* --- while a plugin thinks ---------------------------------------------------- */

static struct tp_ticket ticket;
static enum tp_event parked;

static enum tp_verdict park(enum tp_event event, struct tp_request *request, const void *payload)
{
	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request, payload);
	}
	return event == parked ? tp_request_park(request, &ticket) : TP_PASS;
}

static int answer_after_the_end_of_ipv6(void)
{
	test_hooks.ask = NULL;
	CU_ASSERT_EQUAL(refresh_family(TP_FAMILY_IPV6, 0), 0);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_ALLOW, 0), 0);
	turn_fixture_turn(&f);
	return turn_fixture_take_response(&f) ? (int)turn_client_code(&f.response) : -1;
}

static void what_waits_for_a_family_that_ends_is_443(void)
{
	(void)open_dual();
	parked = TP_EVENT_on_turn_before_permission;
	test_hooks.ask = park;
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &peer_v6), -1);
	CU_ASSERT_EQUAL(answer_after_the_end_of_ipv6(), 443);
	turn_fixture_close(&f);

	(void)open_dual();
	parked = TP_EVENT_on_turn_before_channel;
	test_hooks.ask = park;
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &peer_v6), -1);
	CU_ASSERT_EQUAL(answer_after_the_end_of_ipv6(), 443);
	turn_fixture_close(&f);

	(void)open_dual();
	parked = TP_EVENT_on_turn_before_refresh;
	test_hooks.ask = park;
	CU_ASSERT_EQUAL(refresh_family(TP_FAMILY_IPV6, 600), -1);
	CU_ASSERT_EQUAL(answer_after_the_end_of_ipv6(), 443);
	turn_fixture_close(&f);
}

TEST_SUITE("additional_relay", TEST(both_families_are_given_in_two_attributes),
	   TEST(one_relayed_address_has_no_other), TEST(any_family_but_ipv6_is_400),
	   TEST(an_attribute_of_another_length_is_400),
	   TEST(a_reserved_port_goes_with_one_family_only), TEST(an_even_port_is_for_both),
	   TEST(a_family_not_supported_is_told_beside_the_other),
	   TEST(a_family_without_free_port_is_508_beside_the_other), TEST(neither_family_is_508),
	   TEST(a_veto_closes_both), TEST(a_plugin_chooses_for_each_family),
	   TEST(peers_of_both_families_are_permitted_by_one_request),
	   TEST(send_leaves_from_the_relayed_address_of_the_peer_s_family),
	   TEST(channels_go_to_peers_of_both_families),
	   TEST(data_comes_from_peers_of_both_families),
	   TEST(hairpin_has_the_sender_s_relayed_address_of_the_family),
	   TEST(refresh_without_family_is_for_all), TEST(each_family_has_a_lifetime_of_its_own),
	   TEST(the_additional_one_may_expire_first),
	   TEST(lifetime_0_ends_one_family_and_nothing_of_the_other),
	   TEST(the_additional_family_can_be_ended_alone), TEST(a_family_that_has_ended_is_443),
	   TEST(what_waits_for_a_family_that_ends_is_443));

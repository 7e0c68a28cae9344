/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/move.h"

#include <string.h>

#include "base/err.h"
#include "support/move_fixture.h"
#include "support/suite.h"
#include "turn/peer_policy.h"
#include "turn/settings.h"

static struct move_fixture m;

/* Each case with the new path on the same worker, and on another. */
static void each(void (*run)(void), enum tp_transport from, enum tp_transport to)
{
	for (unsigned apart = 0; apart < 2; apart++) {
		move_fixture_open(&m, apart == 1, from, to);
		run();
		move_fixture_close(&m);
	}
}

/* As a reload does. */
static void forbid(void)
{
	struct tp_turn_options options = *m.turn.server->options;
	struct tp_turn_settings *settings;

	options.mobility = false;
	tp_assert(tp_peer_policy_create(&options.peer_policy) == 0);
	tp_assert(tp_turn_settings_create(&options, 1, &settings) == 0);
	tp_server_reload(m.turn.server, m.turn.generation, settings);
	tp_server_reload(m.other_server, m.turn.generation, settings);
	tp_turn_settings_unref(&settings);
}

/* --- Allocate: RFC 8016 section 3.1.2 ------------------------------------------------ */

static void allocates(void)
{
	CU_ASSERT_EQUAL(move_fixture_allocate_as(&m, 0, "", 0), 0);
	CU_ASSERT_TRUE(move_fixture_take_ticket(&m));
	move_fixture_challenge(&m, 1);
	turn_fixture_begin_allocate(&m.turn);
	CU_ASSERT_EQUAL(move_fixture_request(&m, 1), 0);
	CU_ASSERT_PTR_NULL(tp_stun_msg_find(&m.turn.response, TP_ATTR_MOBILITY_TICKET));
}

static void an_allocate_with_an_empty_ticket_gets_one(void)
{
	each(allocates, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void an_allocate_with_a_ticket_is_400(void)
{
	move_fixture_open(&m, false, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
	CU_ASSERT_EQUAL(move_fixture_allocate_as(&m, 0, "x", 1), 400);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 0);
	move_fixture_close(&m);
}

static void without_mobility_an_empty_ticket_is_405(void)
{
	move_fixture_open(&m, false, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
	forbid();
	CU_ASSERT_EQUAL(move_fixture_allocate_as(&m, 0, "", 0), 405);
	CU_ASSERT_EQUAL(move_fixture_allocate_as(&m, 0, "x", 1), 400);
	turn_fixture_begin_allocate(&m.turn);
	CU_ASSERT_EQUAL(move_fixture_request(&m, 0), 0);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, "x", 1), 438);
	turn_client_learn(&m.turn.client, &m.turn.response);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, "x", 1), 405);
	move_fixture_close(&m);
}

/* --- Refresh: RFC 8016 section 3.2.2 ------------------------------------------------- */

static void carries_on(void)
{
	const struct tp_allocation *allocation = move_fixture_allocate(&m);

	move_fixture_go(&m, 1);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 0));
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 1));
	CU_ASSERT_EQUAL(memcmp(&allocation->view.five_tuple, &m.paths[1].five_tuple,
			       sizeof(m.paths[1].five_tuple)),
			0);
	CU_ASSERT_FALSE(move_fixture_reaches_peer(&m, 0));
	move_fixture_challenge(&m, 0);
	CU_ASSERT_EQUAL(move_fixture_refresh(&m, 0), 437);
	move_fixture_challenge(&m, 1);
	CU_ASSERT_EQUAL(move_fixture_refresh(&m, 1), 0);
	CU_ASSERT_EQUAL(allocation->client_to_peer.packets, 2);
	CU_ASSERT_EQUAL(allocation->peer_to_client.packets, 2);
}

static void the_old_path_carries_media_until_the_new_one_has(void)
{
	each(carries_on, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
	each(carries_on, TP_TRANSPORT_UDP, TP_TRANSPORT_TCP);
	each(carries_on, TP_TRANSPORT_TCP, TP_TRANSPORT_UDP);
}

static void arrives_by_indication(void)
{
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	move_fixture_send_indication(&m, 1, "plain", true);
	CU_ASSERT_TRUE(turn_fixture_peer_got(&m.turn, &m.turn.peer_addr, "plain"));
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 1));
	move_fixture_go(&m, 2);
	move_fixture_send_indication(&m, 2, "other", false);
	CU_ASSERT_TRUE(turn_fixture_peer_got(&m.turn, &m.turn.peer_addr, "other"));
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 2));
}

static void a_send_indication_is_media_too(void)
{
	each(arrives_by_indication, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void takes_requests(void)
{
	struct tp_addr peer = turn_fixture_addr("192.0.2.201");

	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	turn_client_begin(&m.turn.client, TP_STUN_BINDING);
	turn_client_finish(&m.turn.client);
	CU_ASSERT_EQUAL(move_fixture_exchange(&m, 1), 0); /* anybody's */
	turn_fixture_begin_allocate(&m.turn);
	CU_ASSERT_EQUAL(move_fixture_request(&m, 1), 437);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
	tp_build_xor_addr(turn_client_begin(&m.turn.client, TP_STUN_CREATE_PERMISSION),
			  TP_ATTR_XOR_PEER_ADDRESS, &peer);
	CU_ASSERT_EQUAL(move_fixture_request(&m, 1), 0);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 1));
	CU_ASSERT_EQUAL(move_fixture_refresh(&m, 1), 0);
	CU_ASSERT_PTR_NULL(tp_stun_msg_find(&m.turn.response, TP_ATTR_MOBILITY_TICKET));
}

static void a_request_on_the_new_path_is_as_good_as_media(void)
{
	each(takes_requests, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void goes_over_in_time(void)
{
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	move_fixture_advance_s(&m, TP_MOVE_S - 1);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
	move_fixture_advance_s(&m, 1);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 1));
	CU_ASSERT_FALSE(move_fixture_reaches_peer(&m, 0));
}

static void the_old_path_ends_after_30_s(void)
{
	each(goes_over_in_time, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void goes_over_when_closed(void)
{
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	move_fixture_close_path(&m, 0);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 1));
}

static void the_old_path_ends_when_it_closes(void)
{
	each(goes_over_when_closed, TP_TRANSPORT_TCP, TP_TRANSPORT_TCP);
	each(goes_over_when_closed, TP_TRANSPORT_TCP, TP_TRANSPORT_UDP);
}

static void turns_back(void)
{
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	move_fixture_close_path(&m, 1);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
	move_fixture_advance_s(&m, TP_MOVE_S);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
	move_fixture_go(&m, 2);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 2));
	move_fixture_close_path(&m, 0);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 2));
}

static void a_new_path_that_closes_at_once_is_forgotten(void)
{
	each(turns_back, TP_TRANSPORT_TCP, TP_TRANSPORT_TCP);
}

static void moves_on(void)
{
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	move_fixture_go(&m, 2);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 0));
	CU_ASSERT_FALSE(move_fixture_reaches_peer(&m, 1));
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 2));
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 2));
	move_fixture_go(&m, 0);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 0));
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
}

static void the_client_may_move_on_and_return(void)
{
	each(moves_on, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
	each(moves_on, TP_TRANSPORT_UDP, TP_TRANSPORT_TCP);
}

/* --- refused -------------------------------------------------------------------- */

static void refuses_used(void)
{
	uint8_t used[sizeof(m.ticket)];

	move_fixture_allocate(&m);
	memcpy(used, m.ticket, sizeof(used));
	move_fixture_go(&m, 1);
	move_fixture_challenge(&m, 2);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 2, used, sizeof(used)), 400);
	CU_ASSERT_PTR_NULL(tp_stun_msg_find(&m.turn.response, TP_ATTR_MOBILITY_TICKET));
	CU_ASSERT_FALSE(move_fixture_reaches_peer(&m, 2));
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	CU_ASSERT_EQUAL(move_fixture_show(&m, 2, used, sizeof(used)), 400);
}

static void a_used_ticket_is_400(void)
{
	each(refuses_used, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void refuses_forged(void)
{
	uint8_t forged[sizeof(m.ticket)];

	move_fixture_allocate(&m);
	memcpy(forged, m.ticket, sizeof(forged));
	forged[3] = forged[3] == 'A' ? 'B' : 'A';
	move_fixture_challenge(&m, 1);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, forged, sizeof(forged)), 400);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket) - 1), 400);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, "", 0), 400);
	CU_ASSERT_FALSE(move_fixture_reaches_peer(&m, 1));
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), 0);
}

static void a_forged_ticket_is_400(void)
{
	each(refuses_forged, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void refuses_same_place(void)
{
	move_fixture_allocate(&m);
	move_fixture_challenge(&m, 0);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 0, m.ticket, sizeof(m.ticket)), 400);
	move_fixture_go(&m, 1);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), 400);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
}

static void a_ticket_from_where_the_client_is_is_400(void)
{
	each(refuses_same_place, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void refuses_ended(void)
{
	move_fixture_allocate(&m);
	turn_client_begin(&m.turn.client, TP_STUN_REFRESH);
	tp_build_u32(&m.turn.client.build, TP_ATTR_LIFETIME, 0);
	CU_ASSERT_EQUAL(move_fixture_request(&m, 0), 0);
	CU_ASSERT_EQUAL(move_fixture_try(&m, 1), 437);
	turn_fixture_begin_allocate(&m.turn); /* nothing is left in the way */
	CU_ASSERT_EQUAL(move_fixture_request(&m, 1), 0);
}

static void the_ticket_of_an_ended_allocation_is_437(void)
{
	each(refuses_ended, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void refuses_other_allocation(void)
{
	move_fixture_allocate(&m);
	move_fixture_challenge(&m, 1);
	turn_fixture_begin_allocate(&m.turn);
	CU_ASSERT_EQUAL(move_fixture_request(&m, 1), 0);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), 437);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
}

static void a_path_with_an_allocation_of_its_own_is_437(void)
{
	each(refuses_other_allocation, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void refuses_strangers(void)
{
	move_fixture_allocate(&m);
	m.turn.client.user = "bob";
	move_fixture_challenge(&m, 1);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), 441);
	m.turn.client.user = "mallory";
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), 401);
	m.turn.client.user = "alice";
	m.turn.client.password = "guess";
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), 401);
	move_fixture_begin_refresh(&m, 600, m.ticket, sizeof(m.ticket));
	turn_client_finish(&m.turn.client); /* not signed */
	CU_ASSERT_EQUAL(move_fixture_exchange(&m, 1), 401);
	CU_ASSERT_FALSE(move_fixture_reaches_peer(&m, 1));
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
	m.turn.client.password = "secret"; /* the ticket is as good as before */
	move_fixture_go(&m, 1);
}

static void a_stolen_ticket_is_worth_nothing(void)
{
	each(refuses_strangers, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void runs_out_of_tickets(void)
{
	struct tp_allocation *allocation = move_fixture_allocate(&m);
	const struct tp_mobility_ticket last = {
		.allocation_id = allocation->view.id,
		.number = UINT16_MAX,
	};

	allocation->move->ticket = UINT16_MAX;
	CU_ASSERT_EQUAL(tp_mobility_seal(m.turn.shared->mobility_key, &last, m.ticket), 0);
	CU_ASSERT_EQUAL(move_fixture_try(&m, 1), 405);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
}

static void after_65535_tickets_it_is_405(void)
{
	each(runs_out_of_tickets, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void is_forbidden(void)
{
	move_fixture_allocate(&m);
	forbid();
	CU_ASSERT_EQUAL(move_fixture_try(&m, 1), 405);
	move_fixture_close_path(&m, 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 0);
}

static void forbidden_by_a_reload_it_is_405(void)
{
	each(is_forbidden, TP_TRANSPORT_TCP, TP_TRANSPORT_UDP);
}

static enum tp_verdict deny_refresh(enum tp_event event, struct tp_request *request_,
				    const void *payload)
{
	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request_, payload);
	}
	return event == TP_EVENT_on_turn_before_refresh ? TP_DENY : TP_PASS;
}

static enum tp_verdict veto_refresh(enum tp_event event, struct tp_request *request_,
				    const void *payload)
{
	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request_, payload);
	}
	if (event == TP_EVENT_on_stun_request_success) {
		const struct tp_request_success *success = payload;

		return success->method == TP_STUN_REFRESH ? TP_DENY : TP_PASS;
	}
	return TP_PASS;
}

static void is_denied(void)
{
	enum tp_verdict (*pass)(enum tp_event, struct tp_request *, const void *) = test_hooks.ask;

	move_fixture_allocate(&m);
	move_fixture_challenge(&m, 1);
	test_hooks.ask = deny_refresh;
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), 403);
	test_hooks.ask = veto_refresh;
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), -1);
	test_hooks.ask = pass;
	CU_ASSERT_FALSE(move_fixture_reaches_peer(&m, 1));
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), 0);
}

static void a_plugin_that_says_no_leaves_the_ticket_good(void)
{
	each(is_denied, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

/* --- again ---------------------------------------------------------------------- */

static void answers_alike(void)
{
	uint8_t first[1024];
	size_t len;

	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	len = m.turn.response.len;
	memcpy(first, m.turn.response_bytes, len);
	CU_ASSERT_EQUAL(move_fixture_exchange(&m, 1), 0);
	CU_ASSERT_EQUAL(m.turn.response.len, len);
	CU_ASSERT_EQUAL(memcmp(first, m.turn.response_bytes, len), 0);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	CU_ASSERT_EQUAL(move_fixture_exchange(&m, 1), 0);
	CU_ASSERT_EQUAL(memcmp(first, m.turn.response_bytes, len), 0);
}

static void a_retransmission_is_answered_alike(void)
{
	each(answers_alike, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
	each(answers_alike, TP_TRANSPORT_TCP, TP_TRANSPORT_TCP);
}

static void ends_with_ticket(void)
{
	move_fixture_allocate(&m);
	move_fixture_challenge(&m, 1);
	move_fixture_begin_refresh(&m, 0, m.ticket, sizeof(m.ticket));
	CU_ASSERT_EQUAL(move_fixture_request(&m, 1), 0);
	CU_ASSERT_PTR_NULL(tp_stun_msg_find(&m.turn.response, TP_ATTR_MOBILITY_TICKET));
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 0);
	CU_ASSERT_EQUAL(m.cause, TP_DELETE_REFRESH);
	turn_fixture_begin_allocate(&m.turn);
	CU_ASSERT_EQUAL(move_fixture_request(&m, 1), 0);
}

static void lifetime_0_with_a_ticket_ends_the_allocation(void)
{
	each(ends_with_ticket, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static struct tp_ticket parked[2];
static unsigned parked_count;

static enum tp_verdict park_refresh(enum tp_event event, struct tp_request *request_,
				    const void *payload)
{
	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request_, payload);
	}
	if (event == TP_EVENT_on_turn_before_refresh) {
		return tp_request_park(request_, &parked[parked_count++]);
	}
	return TP_PASS;
}

static void races(void)
{
	move_fixture_allocate(&m);
	parked_count = 0;
	move_fixture_challenge(&m, 1);
	test_hooks.ask = park_refresh;
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), -1);
	test_hooks.ask = veto_refresh;
	move_fixture_challenge(&m, 2);
	test_hooks.ask = park_refresh;
	CU_ASSERT_EQUAL(move_fixture_show(&m, 2, m.ticket, sizeof(m.ticket)), -1);
	CU_ASSERT_EQUAL_FATAL(parked_count, 2);
	CU_ASSERT_EQUAL(tp_ticket_answer(parked[1], TP_ALLOW, 0), 0);
	CU_ASSERT_EQUAL(tp_ticket_answer(parked[0], TP_ALLOW, 0), 0);
	move_fixture_turns(&m);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 2));
	CU_ASSERT_FALSE(move_fixture_reaches_peer(&m, 1));
	CU_ASSERT_EQUAL(m.paths[1].endpoint.send_count, 2);
	CU_ASSERT_EQUAL(m.paths[2].endpoint.send_count, 2);
}

static void of_two_requests_with_one_ticket_one_is_served(void)
{
	each(races, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

/* --- lost ----------------------------------------------------------------------- */

static void is_found_again(void)
{
	const struct tp_allocation *allocation = move_fixture_allocate(&m);

	move_fixture_close_path(&m, 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 1);
	CU_ASSERT_TRUE(fake_net_deliver(&m.turn.peer_addr, &m.turn.relayed_addr, "lost", 4));
	move_fixture_advance_s(&m, TP_MOVE_LOST_S - 1);
	move_fixture_go(&m, 1);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 1)); /* there is no old path to wait for */
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	move_fixture_advance_s(&m, TP_MOVE_LOST_S);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 1));
	CU_ASSERT_EQUAL(allocation->peer_to_client.packets, 2);
}

static void a_client_that_lost_its_connection_comes_back(void)
{
	each(is_found_again, TP_TRANSPORT_TCP, TP_TRANSPORT_TCP);
	each(is_found_again, TP_TRANSPORT_TCP, TP_TRANSPORT_UDP);
}

static void loses_twice(void)
{
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	move_fixture_close_path(&m, 1);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 1);
	move_fixture_go(&m, 2);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 2));
}

static void the_new_connection_may_be_lost_as_well(void)
{
	each(loses_twice, TP_TRANSPORT_UDP, TP_TRANSPORT_TCP);
}

static void one_that_does_not_come_back_in_60_s_has_closed(void)
{
	move_fixture_open(&m, false, TP_TRANSPORT_TCP, TP_TRANSPORT_TCP);
	move_fixture_allocate(&m);
	move_fixture_close_path(&m, 0);
	move_fixture_advance_s(&m, TP_MOVE_LOST_S - 1);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 1);
	move_fixture_advance_s(&m, 1);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 0);
	CU_ASSERT_EQUAL(m.cause, TP_DELETE_CLOSED);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	move_fixture_close(&m);
}

static void the_lifetime_of_a_lost_one_runs_on(void)
{
	move_fixture_open(&m, false, TP_TRANSPORT_TCP, TP_TRANSPORT_TCP);
	move_fixture_allocate(&m);
	move_fixture_advance_s(&m, 580);
	move_fixture_close_path(&m, 0);
	move_fixture_advance_s(&m, 20);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 0);
	CU_ASSERT_EQUAL(m.cause, TP_DELETE_EXPIRED);
	move_fixture_close(&m);
}

/* The port of a client may be another client's a moment later. */
static void the_five_tuple_of_a_lost_one_is_anybodys(void)
{
	move_fixture_open(&m, false, TP_TRANSPORT_TCP, TP_TRANSPORT_TCP);
	move_fixture_allocate(&m);
	move_fixture_close_path(&m, 0);
	move_fixture_challenge(&m, 0);
	CU_ASSERT_EQUAL(move_fixture_refresh(&m, 0), 437);
	turn_fixture_begin_allocate(&m.turn);
	CU_ASSERT_EQUAL(move_fixture_request(&m, 0), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 2);
	move_fixture_advance_s(&m, TP_MOVE_LOST_S);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 1);
	CU_ASSERT_EQUAL(move_fixture_refresh(&m, 0), 0);
	move_fixture_close(&m);
}

TEST_SUITE("move", TEST(an_allocate_with_an_empty_ticket_gets_one),
	   TEST(an_allocate_with_a_ticket_is_400), TEST(without_mobility_an_empty_ticket_is_405),
	   TEST(the_old_path_carries_media_until_the_new_one_has),
	   TEST(a_send_indication_is_media_too),
	   TEST(a_request_on_the_new_path_is_as_good_as_media), TEST(the_old_path_ends_after_30_s),
	   TEST(the_old_path_ends_when_it_closes),
	   TEST(a_new_path_that_closes_at_once_is_forgotten),
	   TEST(the_client_may_move_on_and_return), TEST(a_used_ticket_is_400),
	   TEST(a_forged_ticket_is_400), TEST(a_ticket_from_where_the_client_is_is_400),
	   TEST(the_ticket_of_an_ended_allocation_is_437),
	   TEST(a_path_with_an_allocation_of_its_own_is_437),
	   TEST(a_stolen_ticket_is_worth_nothing), TEST(after_65535_tickets_it_is_405),
	   TEST(forbidden_by_a_reload_it_is_405),
	   TEST(a_plugin_that_says_no_leaves_the_ticket_good),
	   TEST(a_retransmission_is_answered_alike),
	   TEST(lifetime_0_with_a_ticket_ends_the_allocation),
	   TEST(of_two_requests_with_one_ticket_one_is_served),
	   TEST(a_client_that_lost_its_connection_comes_back),
	   TEST(the_new_connection_may_be_lost_as_well),
	   TEST(one_that_does_not_come_back_in_60_s_has_closed),
	   TEST(the_lifetime_of_a_lost_one_runs_on),
	   TEST(the_five_tuple_of_a_lost_one_is_anybodys));

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "io/mailbox.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/live_ports.h"

static struct turn_fixture f;

/* --- a handler with an opinion on one event ------------------------------------ */

static enum tp_event concerned;
static uint16_t deny_code;
static const char *deny_reason;
static bool parks;
static struct tp_ticket ticket;
static unsigned gone;

static enum tp_verdict ask(enum tp_event event, struct tp_request *request, const void *payload)
{
	if (event == concerned) {
		return parks ? tp_request_park(request, &ticket)
			     : tp_request_deny(request, deny_code, deny_reason);
	}
	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request, payload);
	}
	return TP_PASS;
}

static enum tp_verdict deny_packet(enum tp_event event, const void *payload)
{
	(void)payload;
	return event == concerned ? TP_DENY : TP_PASS;
}

static void note_gone(struct tp_ticket given)
{
	gone += given.id == ticket.id;
}

static void open_with(enum tp_event event, bool park, uint16_t code, const char *reason)
{
	turn_fixture_open(&f);
	concerned = event;
	parks = park;
	deny_code = code;
	deny_reason = reason;
	ticket.id = 0;
	gone = 0;
}

static void take_effect(void)
{
	test_hooks.ask = ask;
	test_hooks.packet = deny_packet;
	test_hooks.request_gone = note_gone;
}

static bool reason_is(const char *expected)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, TP_ATTR_ERROR_CODE);
	struct tp_view reason;
	uint16_t code;

	return attr != NULL && tp_attr_read_error_code(attr, &code, &reason) == 0 &&
	       reason.len == strlen(expected) && memcmp(reason.data, expected, reason.len) == 0;
}

static int allocate(void)
{
	turn_fixture_begin_allocate(&f);
	return turn_fixture_request(&f);
}

/* --- vetoes --------------------------------------------------------------------- */

static void a_denied_login_gets_the_providers_code(void)
{
	open_with(TP_EVENT_on_stun_request_authorization, false, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), 401);
	deny_code = 403;
	deny_reason = "go away";
	CU_ASSERT_EQUAL(allocate(), 403);
	CU_ASSERT_TRUE(reason_is("go away"));
	turn_fixture_close(&f);
}

static void a_refused_allocate_frees_its_port(void)
{
	open_with(TP_EVENT_on_turn_before_allocate, false, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), 486);
	deny_code = 403;
	deny_reason = "privileged client port";
	CU_ASSERT_EQUAL(allocate(), 403);
	CU_ASSERT_TRUE(reason_is("privileged client port"));
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_create_allocation], 0);
	turn_fixture_close(&f);
}

static void a_vetoed_success_of_allocate_leaves_no_allocation(void)
{
	open_with(TP_EVENT_on_stun_request_success, false, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_create_allocation], 0);
	for (size_t port = 0; port < 65536; port++) {
		if (tp_live_ports_test(f.shared->live_ports, 0, (uint16_t)port)) {
			CU_FAIL("port still taken");
		}
	}
	turn_fixture_close(&f);
}

static void a_vetoed_success_undoes_permission_channel_and_refresh(void)
{
	struct tp_allocation *allocation;

	open_with(TP_EVENT_on_stun_request_success, false, 0, NULL);
	allocation = turn_fixture_allocate(&f);
	take_effect();
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), -1);
	CU_ASSERT_EQUAL(allocation->permission_count, 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), -1);
	CU_ASSERT_EQUAL(allocation->channel_count, 0);
	CU_ASSERT_EQUAL(allocation->permission_count, 0);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), -1);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_close(&f);
}

static void a_vetoed_binding_is_not_answered(void)
{
	open_with(TP_EVENT_on_stun_request_success, false, 0, NULL);
	take_effect();
	turn_client_begin(&f.client, TP_STUN_BINDING);
	turn_client_finish(&f.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), -1);
	concerned = TP_EVENT_COUNT;
	turn_client_begin(&f.client, TP_STUN_BINDING);
	turn_client_finish(&f.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), 0);
	turn_fixture_close(&f);
}

static void a_suppressed_error_is_not_sent(void)
{
	open_with(TP_EVENT_on_stun_request_error, false, 0, NULL);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	turn_fixture_close(&f);
}

static void a_refused_peer_is_403_unless_another_code_is_given(void)
{
	open_with(TP_EVENT_on_turn_before_permission, false, 0, NULL);
	turn_fixture_allocate(&f);
	take_effect();
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 403);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 403);
	deny_code = 508;
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 508);
	deny_code = 300; /* with no server to go to: RFC 8489 section 14.8 */
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 403);
	deny_code = 508;
	concerned = TP_EVENT_on_turn_before_channel;
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 508);
	turn_fixture_close(&f);
}

static void vetoed_packets_are_dropped_both_ways(void)
{
	open_with(TP_EVENT_on_turn_before_relay_indication, false, 0, NULL);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	take_effect();
	turn_fixture_send_indication(&f, &f.peer_addr, "x");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 0);
	turn_fixture_send_channel_data(&f, 0x4000, "x");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 1);

	concerned = TP_EVENT_on_turn_before_relay_channel_data;
	turn_fixture_send_channel_data(&f, 0x4000, "x");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 1);
	f.response_count = f.endpoint.message_count;
	turn_fixture_peer_sends(&f, &f.peer_addr, "x");
	CU_ASSERT_EQUAL(f.endpoint.message_count, f.response_count);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_channel_data_discarded], 2);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_message_discarded], 1);
	turn_fixture_close(&f);
}

/* --- what a handler can set ------------------------------------------------------ */

static enum tp_verdict shorten(enum tp_event event, struct tp_request *request, const void *payload)
{
	if (event == TP_EVENT_on_turn_before_allocate) {
		tp_request_shorten_lifetime(request, 120);
		tp_request_shorten_lifetime(request, 3000);
	}
	if (event == TP_EVENT_on_stun_request_success) {
		CU_ASSERT_EQUAL(tp_request_add_attribute(request, 0xc001, "hello", 5), 0);
		CU_ASSERT_NOT_EQUAL(tp_request_add_attribute(request, 0x4001, "x", 1), 0);
		CU_ASSERT_NOT_EQUAL(
			tp_request_add_attribute(request, TP_ATTR_FINGERPRINT, "xxxx", 4), 0);
	}
	if (event == TP_EVENT_on_stun_request_authorization) {
		return turn_fixture_authorize(request, payload);
	}
	return TP_PASS;
}

static void a_gate_may_shorten_the_lifetime_and_add_attributes(void)
{
	const struct tp_stun_attr *attr;
	struct tp_key key;
	uint32_t lifetime_s = 0;

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	test_hooks.ask = shorten;
	f.client.fingerprint = true;
	CU_ASSERT_EQUAL(allocate(), 0);
	attr = tp_stun_msg_find(&f.response, TP_ATTR_LIFETIME);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(tp_attr_read_u32(attr, &lifetime_s), 0);
	CU_ASSERT_EQUAL(lifetime_s, 120);
	attr = tp_stun_msg_find(&f.response, 0xc001);
	CU_ASSERT_PTR_NOT_NULL_FATAL(attr);
	CU_ASSERT_EQUAL(memcmp(attr->value, "hello", 5), 0);
	key = turn_client_key(&f.client);
	CU_ASSERT_EQUAL(tp_integrity_check(&f.response, &key, false), 0);
	turn_fixture_advance_s(&f, 120);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	turn_fixture_close(&f);
}

/* --- parking ---------------------------------------------------------------------- */

static void a_parked_allocate_is_answered_later(void)
{
	open_with(TP_EVENT_on_turn_before_allocate, true, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 1);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_ALLOW, 0), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(turn_client_code(&f.response), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_close(&f);
}

/* Nothing is kept for the client before, and all of it goes with the allocation. */
static void the_way_back_is_held_for_what_comes_later(void)
{
	open_with(TP_EVENT_on_turn_before_allocate, true, 0, NULL);
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(f.endpoint.held, 0);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	CU_ASSERT_EQUAL(f.endpoint.held, 1); /* by the request */
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_ALLOW, 0), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(turn_client_code(&f.response), 0);
	CU_ASSERT_EQUAL(f.endpoint.held, 1); /* by the allocation */
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(f.endpoint.held, 0);
	turn_fixture_close(&f);
}

/* RFC 8656 section 7.2: out of what an allocation needs. */
static void without_a_way_back_there_is_no_allocation(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	f.endpoint.hold_result = TP_EFULL;
	CU_ASSERT_EQUAL(allocate(), 508);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static void a_parked_login_is_provided_later(void)
{
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = "secret",
	};

	open_with(TP_EVENT_on_stun_request_authorization, true, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	CU_ASSERT_EQUAL(tp_ticket_provide(ticket, &credentials), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(turn_client_code(&f.response), 0);
	turn_fixture_close(&f);
}

static void retransmissions_of_a_parked_request_are_absorbed(void)
{
	open_with(TP_EVENT_on_turn_before_allocate, true, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), -1);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), -1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_before_allocate], 1);
	CU_ASSERT_EQUAL(f.server->transactions.count, 1);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_DENY, 403), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(turn_client_code(&f.response), 403);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	turn_fixture_close(&f);
}

static void silence_ends_at_the_deadline_with_500(void)
{
	open_with(TP_EVENT_on_turn_before_allocate, true, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	turn_fixture_advance_s(&f, 6);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(turn_client_code(&f.response), 500);
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);

	concerned = TP_EVENT_on_stun_request_authorization;
	CU_ASSERT_EQUAL(allocate(), -1);
	turn_fixture_advance_s(&f, 6);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(turn_client_code(&f.response), 500);
	turn_fixture_close(&f);
}

static void a_late_or_second_answer_changes_nothing(void)
{
	open_with(TP_EVENT_on_turn_before_allocate, true, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_ALLOW, 0), 0);
	(void)tp_ticket_answer(ticket, TP_DENY, 403);
	turn_fixture_turn(&f);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(turn_client_code(&f.response), 0);
	(void)tp_ticket_answer(ticket, TP_DENY, 403);
	turn_fixture_turn(&f);
	CU_ASSERT_FALSE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_close(&f);
}

static void a_client_that_goes_away_cancels_what_is_parked(void)
{
	open_with(TP_EVENT_on_turn_before_allocate, true, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	f.server->handler.closed(f.server->handler.owner, &f.endpoint.endpoint, &f.five_tuple);
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_EQUAL(f.server->transactions.count, 0);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	(void)tp_ticket_answer(ticket, TP_ALLOW, 0);
	turn_fixture_turn(&f);
	CU_ASSERT_FALSE(turn_fixture_take_response(&f));
	turn_fixture_close(&f);
}

static void a_parked_request_goes_with_its_allocation(void)
{
	open_with(TP_EVENT_on_turn_before_permission, true, 0, NULL);
	turn_fixture_allocate(&f);
	take_effect();
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), -1);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(gone, 1);
	CU_ASSERT_EQUAL(f.server->transactions.count, 0);
	(void)tp_ticket_answer(ticket, TP_ALLOW, 0);
	turn_fixture_turn(&f);
	turn_fixture_close(&f);
}

static void two_parked_allocates_of_one_client_make_one_allocation(void)
{
	struct tp_ticket first;

	open_with(TP_EVENT_on_turn_before_allocate, true, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	first = ticket;
	CU_ASSERT_EQUAL(allocate(), -1);
	CU_ASSERT_EQUAL(tp_ticket_answer(first, TP_ALLOW, 0), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(turn_client_code(&f.response), 0);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_ALLOW, 0), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(turn_client_code(&f.response), 437);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 1);
	turn_fixture_close(&f);
}

static void parked_responses_are_committed_when_they_leave(void)
{
	open_with(TP_EVENT_on_stun_request_success, true, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_PASS, 0), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_TRUE(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_close(&f);
}

static void the_server_stops_while_requests_are_parked(void)
{
	open_with(TP_EVENT_on_turn_before_allocate, true, 0, NULL);
	turn_fixture_challenge(&f);
	take_effect();
	CU_ASSERT_EQUAL(allocate(), -1);
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(gone, 1);
}

/* --- observers --------------------------------------------------------------------- */

static enum tp_exception_stage stage;

static void note_exception(enum tp_event event, const void *payload)
{
	if (event == TP_EVENT_on_stun_exception) {
		stage = ((const struct tp_exception *)payload)->stage;
	}
}

static void bytes_that_are_no_message_are_told_and_never_answered(void)
{
	static const char *const garbage[] = {
		"\x00",
		"\x00\x01\x00\x00",
		"\xff\xff\xff\xff",
		"\x16\x03\x01\x02",
		"\x80\x60\x12\x34",
	};

	turn_fixture_open(&f);
	test_hooks.tell = note_exception;
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		size_t len = strlen(garbage[i]);

		stage = TP_STAGE_WRITE;
		CU_ASSERT_FALSE(turn_fixture_send_bytes(&f, (const uint8_t *)garbage[i],
							len == 0 ? 1 : len));
		CU_ASSERT_EQUAL(stage, TP_STAGE_PARSE);
	}
	CU_ASSERT_EQUAL(f.endpoint.message_count, 0);
	turn_fixture_close(&f);
}

static void unknown_methods_and_responses_are_dropped(void)
{
	turn_fixture_open(&f);
	turn_client_begin(&f.client, 0x0ff);
	turn_client_finish(&f.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), -1);
	turn_client_begin_indication(&f.client, TP_STUN_ALLOCATE);
	turn_client_finish(&f.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), -1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_message_discarded], 2);
	turn_client_begin_indication(&f.client, TP_STUN_BINDING); /* a keep-alive */
	turn_client_finish(&f.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), -1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_message_discarded], 2);
	turn_fixture_close(&f);
}

static void each_allocation_is_told_once_at_its_begin_and_its_end(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_create_allocation], 1);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_delete_allocation], 0);
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_delete_allocation], 1);
}

TEST_SUITE("events", TEST(a_denied_login_gets_the_providers_code),
	   TEST(a_refused_allocate_frees_its_port),
	   TEST(a_vetoed_success_of_allocate_leaves_no_allocation),
	   TEST(a_vetoed_success_undoes_permission_channel_and_refresh),
	   TEST(a_vetoed_binding_is_not_answered), TEST(a_suppressed_error_is_not_sent),
	   TEST(a_refused_peer_is_403_unless_another_code_is_given),
	   TEST(vetoed_packets_are_dropped_both_ways),
	   TEST(a_gate_may_shorten_the_lifetime_and_add_attributes),
	   TEST(a_parked_allocate_is_answered_later), TEST(a_parked_login_is_provided_later),
	   TEST(the_way_back_is_held_for_what_comes_later),
	   TEST(without_a_way_back_there_is_no_allocation),
	   TEST(retransmissions_of_a_parked_request_are_absorbed),
	   TEST(silence_ends_at_the_deadline_with_500),
	   TEST(a_late_or_second_answer_changes_nothing),
	   TEST(a_client_that_goes_away_cancels_what_is_parked),
	   TEST(a_parked_request_goes_with_its_allocation),
	   TEST(two_parked_allocates_of_one_client_make_one_allocation),
	   TEST(parked_responses_are_committed_when_they_leave),
	   TEST(the_server_stops_while_requests_are_parked),
	   TEST(bytes_that_are_no_message_are_told_and_never_answered),
	   TEST(unknown_methods_and_responses_are_dropped),
	   TEST(each_allocation_is_told_once_at_its_begin_and_its_end));

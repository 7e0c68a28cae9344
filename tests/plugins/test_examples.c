/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include <turnpike/test.h>

#include "stun/codes.h"
#include "support/suite.h"

static const struct tp_test_asked *ask_before_allocate(struct tp_test_host *host,
						       const char *client)
{
	static struct tp_before_allocate event;
	static struct tp_addr client_addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(client, &client_addr), 0);
	event = (struct tp_before_allocate){
		.five_tuple = &tp_test_allocation(host)->five_tuple,
		.client_addr = &client_addr,
		.user = "alice",
		.realm = "example.org",
		.relayed_addr = &tp_test_allocation(host)->relayed_addr,
		.lifetime_s = 600,
		.requested_transport = 17,
	};
	return tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &event);
}

/* --- hello ---------------------------------------------------------------------------- */

static void hello_refuses_low_ports(void)
{
	struct tp_test_host *host = tp_test_host_create("hello", "");
	const struct tp_test_asked *asked = ask_before_allocate(host, "192.0.2.10:1023");

	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 403);
	CU_ASSERT_STRING_EQUAL(asked->reason, "privileged client port");
	CU_ASSERT_EQUAL(ask_before_allocate(host, "192.0.2.10:1024")->verdict, TP_PASS);
	tp_test_host_free(&host);
}

/* --- slow_answer ------------------------------------------------------------------------ */

static void slow_answer_parks_and_allows(void)
{
	struct tp_test_host *host = tp_test_host_create("slow_answer", "delay = 1ms");
	const struct tp_test_asked *asked = ask_before_allocate(host, "192.0.2.10:4000");

	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	CU_ASSERT_EQUAL(tp_test_parked(host), 1);
	tp_test_wait(host, asked);
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(tp_test_parked(host), 0);
	tp_test_host_free(&host);
}

/* Sanitizers look for what is left behind. */
static void slow_answer_may_be_too_late(void)
{
	struct tp_test_host *host = tp_test_host_create("slow_answer", "");
	const struct tp_test_asked *asked = ask_before_allocate(host, "192.0.2.10:4000");

	tp_test_cancel(host, asked);
	CU_ASSERT_EQUAL(tp_test_parked(host), 0);
	tp_test_finish_jobs(host);
	ask_before_allocate(host, "192.0.2.10:4000");
	tp_test_host_free(&host);
}

/* --- observe ---------------------------------------------------------------------------- */

static struct tp_addr peer_addr;
static struct tp_request_authorization authorization;
static struct tp_request_success success;
static struct tp_request_error error;
static struct tp_exception exception;
static struct tp_before_allocate before_allocate;
static struct tp_create_allocation create_allocation;
static struct tp_delete_allocation delete_allocation;
static struct tp_before_relay_indication indication;
static struct tp_before_relay_channel_data channel_data;
static struct tp_channel_data_discarded channel_data_discarded;
static struct tp_message_discarded message_discarded;
static struct tp_before_permission permission;
static struct tp_before_channel channel;
static struct tp_redirect redirect;
static struct tp_choose_relay choose_relay;
static struct tp_before_refresh before_refresh;
static struct tp_refresh_allocation refresh_allocation;
static struct tp_create_permission create_permission;
static struct tp_delete_permission delete_permission;
static struct tp_create_channel create_channel;
static struct tp_delete_channel delete_channel;
static struct tp_usage usage;
static struct tp_peer_error peer_error;
static struct tp_before_connect before_connect;
static struct tp_connection_attempt connection_attempt;
static struct tp_client_view client;
static struct tp_client_connected client_connected;
static struct tp_client_closed client_closed;
static struct tp_server_drain server_drain;
static struct tp_server_reload server_reload;
static struct tp_server_tick server_tick;

static const void *const payloads[TP_EVENT_COUNT] = {
	[TP_EVENT_on_stun_request_authorization] = &authorization,
	[TP_EVENT_on_stun_request_success] = &success,
	[TP_EVENT_on_stun_request_error] = &error,
	[TP_EVENT_on_stun_exception] = &exception,
	[TP_EVENT_on_turn_before_allocate] = &before_allocate,
	[TP_EVENT_on_turn_create_allocation] = &create_allocation,
	[TP_EVENT_on_turn_delete_allocation] = &delete_allocation,
	[TP_EVENT_on_turn_before_relay_indication] = &indication,
	[TP_EVENT_on_turn_before_relay_channel_data] = &channel_data,
	[TP_EVENT_on_turn_channel_data_discarded] = &channel_data_discarded,
	[TP_EVENT_on_turn_message_discarded] = &message_discarded,
	[TP_EVENT_on_turn_before_permission] = &permission,
	[TP_EVENT_on_turn_before_channel] = &channel,
	[TP_EVENT_on_turn_redirect] = &redirect,
	[TP_EVENT_on_turn_choose_relay] = &choose_relay,
	[TP_EVENT_on_turn_before_refresh] = &before_refresh,
	[TP_EVENT_on_turn_refresh_allocation] = &refresh_allocation,
	[TP_EVENT_on_turn_create_permission] = &create_permission,
	[TP_EVENT_on_turn_delete_permission] = &delete_permission,
	[TP_EVENT_on_turn_create_channel] = &create_channel,
	[TP_EVENT_on_turn_delete_channel] = &delete_channel,
	[TP_EVENT_on_turn_usage] = &usage,
	[TP_EVENT_on_turn_peer_error] = &peer_error,
	[TP_EVENT_on_turn_before_connect] = &before_connect,
	[TP_EVENT_on_turn_connection_attempt] = &connection_attempt,
	[TP_EVENT_on_client_connected] = &client_connected,
	[TP_EVENT_on_client_closed] = &client_closed,
	[TP_EVENT_on_server_drain] = &server_drain,
	[TP_EVENT_on_server_reload] = &server_reload,
	[TP_EVENT_on_server_tick] = &server_tick,
};

/* With whatever the header allows to be missing. */
static void fill_payloads(struct tp_test_host *host)
{
	const struct tp_allocation_view *allocation = tp_test_allocation(host);
	const struct tp_five_tuple *five_tuple = &allocation->five_tuple;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse("192.0.2.200:9000", &peer_addr), 0);
	authorization.five_tuple = five_tuple;
	authorization.realm = "example.org";
	success.five_tuple = five_tuple;
	error.five_tuple = five_tuple;
	error.reason = "Bad Request";
	exception.five_tuple = five_tuple;
	exception.reason = "short";
	before_allocate.five_tuple = five_tuple;
	before_allocate.client_addr = &five_tuple->client_addr;
	before_allocate.user = "alice";
	before_allocate.realm = "example.org";
	before_allocate.relayed_addr = &allocation->relayed_addr;
	create_allocation.allocation = allocation;
	delete_allocation.allocation = allocation;
	indication.allocation = allocation;
	indication.peer_addr = &peer_addr;
	channel_data.allocation = allocation;
	channel_data.peer_addr = &peer_addr;
	permission.allocation = allocation;
	permission.peer_addr = &peer_addr;
	channel.allocation = allocation;
	channel.peer_addr = &peer_addr;
	redirect.five_tuple = five_tuple;
	redirect.user = "alice";
	redirect.realm = "example.org";
	choose_relay.five_tuple = five_tuple;
	choose_relay.user = "alice";
	choose_relay.realm = "example.org";
	before_refresh.allocation = allocation;
	refresh_allocation.allocation = allocation;
	create_permission.allocation = allocation;
	create_permission.peer_addr = &peer_addr;
	delete_permission.allocation = allocation;
	delete_permission.peer_addr = &peer_addr;
	create_channel.allocation = allocation;
	create_channel.peer_addr = &peer_addr;
	delete_channel.allocation = allocation;
	delete_channel.peer_addr = &peer_addr;
	usage.allocation = allocation;
	peer_error.allocation = allocation;
	peer_error.peer_addr = &peer_addr;
	before_connect.allocation = allocation;
	before_connect.peer_addr = &peer_addr;
	connection_attempt.allocation = allocation;
	connection_attempt.peer_addr = &peer_addr;
	client.five_tuple = *five_tuple;
	client_connected.client = &client;
	client_closed.client = &client;
	client_closed.reason = "closed by the client";
}

#define TOLD_PROVIDER false
#define TOLD_GATE false
#define TOLD_PACKET false
#define TOLD_INLINE false
#define TOLD_OBSERVER true
#define IS_TOLD(family, member, payload) [TP_EVENT_##member] = TOLD_##family,

static const bool is_told[TP_EVENT_COUNT] = {TP_EVENT_LIST(IS_TOLD)};

static enum tp_verdict raise_event(struct tp_test_host *host, enum tp_event event)
{
	return tp_test_fire(host, event, payloads[event])->verdict;
}

static void observe_logs_every_event(void)
{
	struct tp_test_host *host = tp_test_host_create("observe", "");

	fill_payloads(host);
	for (int event = 0; event < TP_EVENT_COUNT; event++) {
		char text[80];

		CU_ASSERT_EQUAL(raise_event(host, (enum tp_event)event), TP_PASS);
		snprintf(text, sizeof(text), "event=%s ", tp_event_name((enum tp_event)event));
		CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), text));
	}
	CU_ASSERT_EQUAL(tp_test_counter(host, "seen"), TP_EVENT_COUNT);
	CU_ASSERT_EQUAL(tp_test_counter(host, "vetoed"), 0);
	tp_test_host_free(&host);
}

static void observe_denies_where_it_is_told_to(void)
{
	for (int vetoed = 0; vetoed < TP_EVENT_COUNT; vetoed++) {
		struct tp_test_host *host;
		char section[80];

		if (is_told[vetoed]) {
			continue;
		}
		snprintf(section, sizeof(section), "veto = %s",
			 tp_event_name((enum tp_event)vetoed));
		host = tp_test_host_create("observe", section);
		fill_payloads(host);
		for (int event = 0; event < TP_EVENT_COUNT; event++) {
			CU_ASSERT_EQUAL(raise_event(host, (enum tp_event)event),
					event == vetoed ? TP_DENY : TP_PASS);
		}
		CU_ASSERT_EQUAL(tp_test_counter(host, "vetoed"), 1);
		tp_test_host_free(&host);
	}
}

static void observe_knows_what_it_can_veto(void)
{
	static const char *const sections[] = {
		"veto = on_nothing",
		"veto = on_turn_before_allocate, on_turn_create_allocation",
	};
	char problem[TP_TEST_PROBLEM_SIZE] = "";

	for (size_t i = 0; i < 2; i++) {
		CU_ASSERT_PTR_NULL(tp_test_host_try("observe", sections[i], problem));
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, "veto: "));
	}
}

TEST_SUITE("examples", TEST(hello_refuses_low_ports), TEST(slow_answer_parks_and_allows),
	   TEST(slow_answer_may_be_too_late), TEST(observe_logs_every_event),
	   TEST(observe_denies_where_it_is_told_to), TEST(observe_knows_what_it_can_veto));

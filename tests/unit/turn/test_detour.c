/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/detour.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "base/err.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "stun/channel_data.h"
#include "support/move_fixture.h"
#include "support/suite.h"
#include "turn/crossing.h"
#include "turn/move.h"

/*
 * The client allocates at the first worker, its home, and comes back at the other, the
 * door. What it sees of that is in test_move.c.
 */

static struct move_fixture m;

static void open_udp(void)
{
	move_fixture_open(&m, true, TP_TRANSPORT_UDP, TP_TRANSPORT_UDP);
}

static void open_tcp(void)
{
	move_fixture_open(&m, true, TP_TRANSPORT_TCP, TP_TRANSPORT_TCP);
}

/* As many at either side. */
static void expect_detours(size_t count)
{
	CU_ASSERT_EQUAL(m.other_server->detours.count, count);
	CU_ASSERT_EQUAL(m.other_server->detours_by_number.count, count);
	CU_ASSERT_EQUAL(m.turn.server->visitors.count, count);
}

/* --- as long as home needs it ------------------------------------------------------- */

static void lasts_as_long_as_the_path(void)
{
	open_udp();
	move_fixture_allocate(&m);
	expect_detours(0);
	move_fixture_go(&m, 1);
	expect_detours(1);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	expect_detours(1);
	move_fixture_go(&m, 2);
	expect_detours(2);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 2));
	expect_detours(1);
	move_fixture_close(&m);
}

static void ends_with_the_allocation(void)
{
	open_udp();
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	turn_client_begin(&m.turn.client, TP_STUN_REFRESH);
	tp_build_u32(&m.turn.client.build, TP_ATTR_LIFETIME, 0);
	CU_ASSERT_EQUAL(move_fixture_request(&m, 1), 0); /* the answer still gets there */
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 0);
	expect_detours(0);
	move_fixture_close(&m);
}

static void ends_when_the_lifetime_does(void)
{
	open_udp();
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	move_fixture_advance_s(&m, 600);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 0);
	expect_detours(0);
	move_fixture_close(&m);
}

/* RFC 8016 section 3.2.2: nothing has changed, here neither. */
static void ends_with_a_refusal(void)
{
	uint8_t used[TP_MOBILITY_TICKET_SIZE];

	open_udp();
	move_fixture_allocate(&m);
	memcpy(used, m.ticket, sizeof(used));
	move_fixture_go(&m, 1);
	move_fixture_challenge(&m, 2);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 2, used, sizeof(used)), 400);
	expect_detours(1);
	m.turn.client.user = "bob";
	CU_ASSERT_EQUAL(move_fixture_show(&m, 2, m.ticket, sizeof(m.ticket)), 441);
	expect_detours(1);
	move_fixture_close(&m);
}

static void begins_only_after_authentication(void)
{
	open_udp();
	move_fixture_allocate(&m);
	m.turn.client.password = "guess";
	CU_ASSERT_EQUAL(move_fixture_try(&m, 1), 401);
	CU_ASSERT_EQUAL(m.other_server->detour_number, 0);
	move_fixture_close(&m);
}

static void ends_with_the_connection(void)
{
	open_tcp();
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	move_fixture_close_path(&m, 1);
	expect_detours(0);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
	move_fixture_go(&m, 2);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 2));
	move_fixture_close_path(&m, 2);
	expect_detours(0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 1);
	move_fixture_close(&m);
}

/* --- requests that wait ------------------------------------------------------------- */

static struct tp_ticket parked[2];
static unsigned parked_count;
static enum tp_event parked_event;

static enum tp_verdict park(enum tp_event event, struct tp_request *request, const void *payload)
{
	if (event == parked_event &&
	    tp_worker_current() ==
		    (event == TP_EVENT_on_turn_before_refresh ? &m.turn.worker : &m.other)) {
		return tp_request_park(request, &parked[parked_count++]);
	}
	return event == TP_EVENT_on_stun_request_authorization
		       ? turn_fixture_authorize(request, payload)
		       : TP_PASS;
}

static void begin_parking(enum tp_event event)
{
	parked_count = 0;
	parked_event = event;
	test_hooks.ask = park;
}

static void stays_while_a_plugin_at_home_thinks(void)
{
	open_tcp();
	move_fixture_allocate(&m);
	move_fixture_challenge(&m, 1);
	begin_parking(TP_EVENT_on_turn_before_refresh);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), -1);
	CU_ASSERT_EQUAL_FATAL(parked_count, 1);
	expect_detours(1);
	CU_ASSERT_EQUAL(move_fixture_exchange(&m, 1), -1); /* absorbed */
	CU_ASSERT_EQUAL(parked_count, 1);
	CU_ASSERT_EQUAL(tp_ticket_answer(parked[0], TP_ALLOW, 0), 0);
	move_fixture_turns(&m);
	CU_ASSERT_PTR_NOT_NULL(move_fixture_next(&m, 1));
	expect_detours(1);
	move_fixture_close(&m);
}

static void a_connection_that_closes_meanwhile_ends_the_request(void)
{
	open_tcp();
	move_fixture_allocate(&m);
	move_fixture_challenge(&m, 1);
	begin_parking(TP_EVENT_on_turn_before_refresh);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), -1);
	CU_ASSERT_EQUAL_FATAL(parked_count, 1);
	move_fixture_close_path(&m, 1);
	expect_detours(0);
	CU_ASSERT_EQUAL(m.turn.server->transactions.count, 0);
	(void)tp_ticket_answer(parked[0], TP_ALLOW, 0);
	move_fixture_turns(&m);
	CU_ASSERT_TRUE(move_fixture_hears_peer(&m, 0));
	move_fixture_close(&m);
}

static void two_requests_that_waited_at_the_door_make_one(void)
{
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = "secret",
		.valid_for_s = 100,
	};

	open_udp();
	move_fixture_allocate(&m);
	move_fixture_challenge(&m, 1);
	begin_parking(TP_EVENT_on_stun_request_authorization);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), -1);
	CU_ASSERT_EQUAL(move_fixture_show(&m, 1, m.ticket, sizeof(m.ticket)), -1);
	CU_ASSERT_EQUAL_FATAL(parked_count, 2);
	for (unsigned i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(tp_ticket_provide(parked[i], &credentials), 0);
	}
	move_fixture_turns(&m);
	expect_detours(1);
	CU_ASSERT_EQUAL(m.paths[1].endpoint.send_count, 3); /* both are answered, one with 400 */
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	move_fixture_close(&m);
}

/* --- ceilings ----------------------------------------------------------------------- */

static void beyond_the_ceiling_it_is_508(void)
{
	open_udp();
	move_fixture_allocate(&m);
	m.other_server->detours.ceiling = 1;
	move_fixture_go(&m, 1);
	CU_ASSERT_EQUAL(move_fixture_try(&m, 2), 508);
	expect_detours(1);
	CU_ASSERT_EQUAL(m.turn.server->moves.count, 1);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	move_fixture_close(&m);
}

/* Media without a turn in between, until there is no room. */
static void media_beyond_the_lane_is_dropped_and_counted(void)
{
	static uint8_t bytes[2048 + TP_CHANNEL_DATA_HEADER_SIZE];
	const struct tp_endpoint_handler *handler;
	size_t sent = 0;
	size_t before;

	open_udp();
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	handler = tp_server_handler(m.other_server);
	before = fake_net_sent_count();
	tp_channel_data_write_header(bytes, MOVE_CHANNEL, 2048);
	while (sent < 1000) {
		struct tp_packet packet = {
			.data = bytes,
			.len = sizeof(bytes),
			.ttl = -1,
			.tos = -1,
		};

		handler->message(handler->owner, &m.paths[1].endpoint.endpoint,
				 &m.paths[1].five_tuple, &packet);
		sent++;
	}
	move_fixture_turns(&m);
	CU_ASSERT_TRUE(fake_net_sent_count() > before + 100);
	CU_ASSERT_TRUE(fake_net_sent_count() < before + 500);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	move_fixture_close(&m);
}

/* --- the end of a server --------------------------------------------------------------- */

static void home_may_stop_first(void)
{
	open_udp();
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	tp_server_stop(m.turn.server);
	move_fixture_turns(&m);
	expect_detours(0);
	CU_ASSERT_FALSE(move_fixture_reaches_peer(&m, 1));
	move_fixture_close(&m);
}

static void a_request_may_be_under_way_when_home_stops(void)
{
	open_udp();
	move_fixture_allocate(&m);
	move_fixture_challenge(&m, 1);
	move_fixture_begin_refresh(&m, 600, m.ticket, sizeof(m.ticket));
	turn_client_sign(&m.turn.client);
	tp_server_stop(m.turn.server);
	CU_ASSERT_EQUAL(move_fixture_exchange(&m, 1), -1);
	CU_ASSERT_EQUAL(m.other_server->detours.count, 1); /* all ends with the door */
	move_fixture_close(&m);
}

static void the_door_may_stop_first(void)
{
	open_udp();
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	CU_ASSERT_TRUE(move_fixture_reaches_peer(&m, 1));
	tp_server_stop(m.other_server);
	move_fixture_turns(&m);
	expect_detours(0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(m.turn.server), 1);
	move_fixture_close(&m);
}

static void both_may_stop_at_once(void)
{
	open_udp();
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	tp_server_stop(m.other_server);
	tp_server_stop(m.turn.server);
	move_fixture_turns(&m);
	move_fixture_close(&m);
}

/* --- threads ------------------------------------------------------------------------- */

#define MANY 1500 /* what one source is answered in a second, which never passes here */
#define PATIENCE 20000000

static atomic_uint arrived;

static void *run_home(void *arg)
{
	(void)arg;
	tp_worker_enter(&m.turn.worker);
	tp_loop_run(m.turn.loop);
	return NULL;
}

static void stop_home(struct tp_message *message)
{
	(void)message;
	tp_loop_stop(m.turn.loop);
}

static struct tp_message stopping = {.deliver = stop_home};

static void count_arrival(struct fake_endpoint *endpoint, const struct fake_message *message)
{
	(void)endpoint;
	(void)message;
	atomic_fetch_add(&arrived, 1);
}

/* So many answers, or give up. */
static void await(unsigned count)
{
	for (unsigned i = 0; i < PATIENCE && atomic_load(&arrived) < count; i++) {
		tp_loop_turn(m.other.loop);
		tp_mailbox_deliver(m.other.mailbox);
		sched_yield();
	}
	CU_ASSERT_TRUE(atomic_load(&arrived) >= count);
}

/* The client asks what home answers, over and over, and closes in the end. */
static void workers_in_threads_answer_every_request(void)
{
	const struct tp_endpoint_handler *handler;
	pthread_t thread;
	unsigned sent = 0;

	open_tcp();
	move_fixture_allocate(&m);
	move_fixture_go(&m, 1);
	m.paths[1].endpoint.sent = count_arrival;
	atomic_store(&arrived, 0);
	handler = tp_server_handler(m.other_server);
	tp_assert(pthread_create(&thread, NULL, run_home, NULL) == 0);
	tp_worker_enter(&m.other);
	while (sent < MANY) {
		struct tp_packet packet;

		turn_client_begin(&m.turn.client, TP_STUN_BINDING);
		turn_client_finish(&m.turn.client);
		packet = (struct tp_packet){
			.data = m.turn.client.bytes,
			.len = m.turn.client.len,
			.ttl = -1,
			.tos = -1,
		};
		handler->message(handler->owner, &m.paths[1].endpoint.endpoint,
				 &m.paths[1].five_tuple, &packet);
		sent++;
		await(sent < 100 ? 0 : sent - 100);
	}
	await(MANY);
	handler->closed(handler->owner, &m.paths[1].endpoint.endpoint, &m.paths[1].five_tuple);
	tp_loop_turn(m.other.loop);
	CU_ASSERT_EQUAL(tp_mailbox_post(m.turn.mailbox, &stopping), 0);
	pthread_join(thread, NULL);
	tp_worker_enter(&m.turn.worker);
	m.paths[1].seen = m.paths[1].endpoint.message_count;
	move_fixture_turns(&m);
	expect_detours(0);
	move_fixture_close(&m);
}

TEST_SUITE("detour", TEST(lasts_as_long_as_the_path), TEST(ends_with_the_allocation),
	   TEST(ends_when_the_lifetime_does), TEST(ends_with_a_refusal),
	   TEST(begins_only_after_authentication), TEST(ends_with_the_connection),
	   TEST(stays_while_a_plugin_at_home_thinks),
	   TEST(a_connection_that_closes_meanwhile_ends_the_request),
	   TEST(two_requests_that_waited_at_the_door_make_one), TEST(beyond_the_ceiling_it_is_508),
	   TEST(media_beyond_the_lane_is_dropped_and_counted), TEST(home_may_stop_first),
	   TEST(a_request_may_be_under_way_when_home_stops), TEST(the_door_may_stop_first),
	   TEST(both_may_stop_at_once), TEST(workers_in_threads_answer_every_request));

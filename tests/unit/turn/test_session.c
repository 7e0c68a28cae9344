/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/session.h"

#include <string.h>

#include "support/bare_server.h"
#include "support/fake_net.h"
#include "support/suite.h"
#include "support/tcp_fixture.h"
#include "turn/allocation.h"

static struct bare_server bare;

static void open_with(unsigned allocations)
{
	bare_server_open(&bare, &fake_net_backend, NULL);
	for (unsigned i = 0; i < allocations; i++) {
		(void)bare_server_allocate(&bare);
	}
}

/* Returns in how many portions. */
static unsigned collect(struct tp_session_list *list, const char *user, size_t portion)
{
	unsigned portions = 1;

	while (tp_session_list_collect(list, bare.server, user, portion)) {
		portions++;
	}
	return portions;
}

static void lists_every_allocation_once(void)
{
	struct tp_session_list list = {0};
	uint64_t sum = 0;
	uint64_t ids = 0;

	open_with(300);
	CU_ASSERT_EQUAL(collect(&list, NULL, 100), 4);
	CU_ASSERT_EQUAL_FATAL(list.count, 300);
	CU_ASSERT_FALSE(list.cut);
	for (size_t i = 0; i < list.count; i++) {
		CU_ASSERT_TRUE(list.sessions[i].id != 0);
		ids |= list.sessions[i].id;
		sum += list.sessions[i].five_tuple.client_addr.port;
	}
	CU_ASSERT_NOT_EQUAL(ids, 0);
	CU_ASSERT_EQUAL(sum, 300 * 4000 + 299 * 300 / 2);
	tp_session_list_fini(&list);
	bare_server_close(&bare);
}

static void tells_what_an_operator_wants_to_know(void)
{
	struct tp_session_list list = {0};
	const struct tp_session *session;
	struct tp_allocation *allocation;

	open_with(0);
	allocation = bare_server_allocate(&bare);
	allocation->client_to_peer = (struct tp_traffic){.packets = 3, .bytes = 300};
	fake_clock_advance_s(&bare.clock, 100);
	collect(&list, "alice", 10);
	CU_ASSERT_EQUAL_FATAL(list.count, 1);
	session = &list.sessions[0];
	CU_ASSERT_EQUAL(session->id, allocation->view.id);
	CU_ASSERT_STRING_EQUAL(session->user, "alice");
	CU_ASSERT_STRING_EQUAL(session->realm, "example.org");
	CU_ASSERT_EQUAL(session->age_ms, 100000);
	CU_ASSERT_EQUAL(session->expires_in_ms, 3500000);
	CU_ASSERT_EQUAL(session->channel_count, 1);
	CU_ASSERT_EQUAL(session->permission_count, 1);
	CU_ASSERT_FALSE(session->relays_tcp);
	CU_ASSERT_EQUAL(session->data_connection_count, 0);
	CU_ASSERT_EQUAL(session->client_to_peer.packets, 3);
	CU_ASSERT_EQUAL(session->client_to_peer.bytes, 300);
	CU_ASSERT_EQUAL(session->peer_to_client.packets, 0);
	tp_session_list_fini(&list);
	collect(&list, "bob", 10);
	CU_ASSERT_EQUAL(list.count, 0);
	tp_session_list_fini(&list);
	bare_server_close(&bare);
}

/* RFC 6062: one connection in progress, then none. */
static void tells_the_data_connections_of_tcp(void)
{
	static struct tcp_fixture f;
	struct tp_session_list list = {0};
	struct tcp_peer peer;

	tcp_fixture_open(&f, NULL);
	tcp_fixture_allocate(&f, TP_FAMILY_IPV4);
	tcp_peer_open(&peer, "127.0.0.1");
	CU_ASSERT_EQUAL(tcp_fixture_connect(&f, &peer.addr), 0);
	CU_ASSERT_FALSE(tp_session_list_collect(&list, f.turn.server, NULL, 10));
	CU_ASSERT_EQUAL_FATAL(list.count, 1);
	CU_ASSERT_TRUE(list.sessions[0].relays_tcp);
	CU_ASSERT_EQUAL(list.sessions[0].data_connection_count, 1);
	tp_session_list_fini(&list);

	tcp_fixture_advance_s(&f, 31); /* no ConnectionBind: section 5.2 */
	CU_ASSERT_FALSE(tp_session_list_collect(&list, f.turn.server, NULL, 10));
	CU_ASSERT_EQUAL_FATAL(list.count, 1);
	CU_ASSERT_TRUE(list.sessions[0].relays_tcp);
	CU_ASSERT_EQUAL(list.sessions[0].data_connection_count, 0);
	tp_session_list_fini(&list);
	tcp_peer_close(&peer);
	tcp_fixture_close(&f);
}

/* The table grows while the list is half done: nobody is in it twice. */
static void begins_anew_when_the_table_grows(void)
{
	struct tp_session_list list = {0};

	open_with(100);
	CU_ASSERT_TRUE(tp_session_list_collect(&list, bare.server, NULL, 50));
	CU_ASSERT_EQUAL(list.count, 50);
	for (unsigned i = 0; i < 900; i++) {
		(void)bare_server_allocate(&bare);
	}
	collect(&list, NULL, 50);
	CU_ASSERT_EQUAL(list.count, 1000);
	tp_session_list_fini(&list);
	bare_server_close(&bare);
}

static void ends_one_by_its_id(void)
{
	uint64_t id;

	open_with(2);
	id = bare_server_allocate(&bare)->view.id;
	CU_ASSERT_TRUE(tp_session_kill(bare.server, id));
	CU_ASSERT_FALSE(tp_session_kill(bare.server, id));
	CU_ASSERT_FALSE(tp_session_kill(bare.server, 0));
	CU_ASSERT_FALSE(tp_session_kill(bare.server, UINT64_MAX));
	CU_ASSERT_EQUAL(tp_server_allocation_count(bare.server), 2);
	bare_server_close(&bare);
}

static void ends_all_of_a_user(void)
{
	open_with(200);
	CU_ASSERT_EQUAL(tp_session_kill_user(bare.server, "bob", NULL), 0);
	CU_ASSERT_EQUAL(tp_session_kill_user(bare.server, "alice", "other.example.org"), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(bare.server), 200);
	CU_ASSERT_EQUAL(tp_session_kill_user(bare.server, "alice", "example.org"), 200);
	CU_ASSERT_EQUAL(tp_server_allocation_count(bare.server), 0);
	bare_server_close(&bare);
}

TEST_SUITE("session", TEST(lists_every_allocation_once), TEST(tells_what_an_operator_wants_to_know),
	   TEST(tells_the_data_connections_of_tcp), TEST(begins_anew_when_the_table_grows),
	   TEST(ends_one_by_its_id), TEST(ends_all_of_a_user));

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/service.h"

#include <pthread.h>

#include <turnpike/error.h>

#include "io/mailbox.h"
#include "support/suite.h"
#include "support/turn_fixture.h"

static struct turn_fixture f;

/* --- what is told ------------------------------------------------------------------ */

static unsigned killed;
static unsigned released;

static void tell(enum tp_event event, const void *payload)
{
	const struct tp_delete_allocation *told = payload;

	if (event == TP_EVENT_on_turn_delete_allocation && told->cause == TP_DELETE_KILLED) {
		CU_ASSERT_EQUAL(released, 0); /* the observer can still look at it */
		killed++;
	}
}

static void release(void *state)
{
	CU_ASSERT_PTR_EQUAL(state, &released);
	released++;
}

static struct tp_allocation *open_fixture(void)
{
	struct tp_allocation *allocation;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	test_hooks.tell = tell;
	killed = 0;
	released = 0;
	return allocation;
}

static struct tp_allocation *allocate_for(const char *user)
{
	f.five_tuple.client_addr.port++;
	turn_client_init(&f.client, user, "secret");
	return turn_fixture_allocate(&f);
}

/* --- on another thread ---------------------------------------------------------------- */

struct call {
	uint64_t id;
	const struct tp_limits *limits; /* NULL: kill */
	int err;
};

static void *call_run(void *arg)
{
	struct call *call = arg;

	call->err = call->limits != NULL ? tp_allocation_limit(call->id, call->limits)
					 : tp_allocation_kill(call->id);
	return NULL;
}

static int call_elsewhere(uint64_t id, const struct tp_limits *limits)
{
	struct call call = {id, limits, TP_EIO};
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, call_run, &call), 0);
	pthread_join(thread, NULL);
	return call.err;
}

/* --- by id --------------------------------------------------------------------------- */

static void an_id_tells_its_worker(void)
{
	struct tp_allocation *allocation = open_fixture();
	uint64_t first = allocation->view.id;

	CU_ASSERT_EQUAL(tp_allocation_id_worker(first), 0);
	CU_ASSERT_PTR_EQUAL(tp_allocation_find_id(f.server, first), allocation);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_PTR_NULL(tp_allocation_find_id(f.server, first));
	CU_ASSERT_NOT_EQUAL(turn_fixture_allocate(&f)->view.id, first);
	turn_fixture_close(&f);
}

static void a_killed_allocation_ends_in_the_next_turn(void)
{
	struct tp_allocation *allocation = open_fixture();
	uint64_t id = allocation->view.id;

	CU_ASSERT_EQUAL(tp_allocation_set_state(f.generation->instances[0], &allocation->view,
						&released, release),
			0);
	CU_ASSERT_EQUAL(tp_allocation_kill(id), 0);
	CU_ASSERT_EQUAL(tp_allocation_kill(id), 0); /* twice does no harm */
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_turn(&f);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(killed, 1);
	CU_ASSERT_EQUAL(released, 1);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 437); /* RFC 8656 section 4 */
	turn_fixture_close(&f);
}

static void any_thread_may_kill(void)
{
	uint64_t id = open_fixture()->view.id;

	CU_ASSERT_EQUAL(call_elsewhere(id, NULL), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_turn(&f);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	turn_fixture_close(&f);
}

static void an_id_of_nobody_is_no_error(void)
{
	uint64_t id = open_fixture()->view.id;
	const struct tp_limits limits = {.size = sizeof(limits), .packets_per_s = 1};

	CU_ASSERT_EQUAL(tp_allocation_kill(id + TP_WORKERS_MAX), 0);
	CU_ASSERT_EQUAL(tp_allocation_kill(id + 77), 0); /* no such worker */
	CU_ASSERT_EQUAL(tp_allocation_limit(id + TP_WORKERS_MAX, &limits), 0);
	CU_ASSERT_EQUAL(tp_allocation_limit(id + 77, &limits), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	CU_ASSERT_EQUAL(killed, 0);
	turn_fixture_close(&f);
}

static void limits_are_set_at_once_here_and_in_the_next_turn_from_elsewhere(void)
{
	struct tp_allocation *allocation = open_fixture();
	const struct tp_limits two = {.size = sizeof(two), .packets_per_s = 2};
	const struct tp_limits none = {.size = sizeof(none)};

	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	CU_ASSERT_EQUAL(tp_allocation_limit(allocation->view.id, &two), 0);
	for (int i = 0; i < 4; i++) {
		turn_fixture_send_indication(&f, &f.peer_addr, "x");
	}
	CU_ASSERT_EQUAL(allocation->client_to_peer.packets, 2);

	CU_ASSERT_EQUAL(call_elsewhere(allocation->view.id, &none), 0);
	turn_fixture_turn(&f);
	for (int i = 0; i < 4; i++) {
		turn_fixture_send_indication(&f, &f.peer_addr, "x");
	}
	CU_ASSERT_EQUAL(allocation->client_to_peer.packets, 6);
	turn_fixture_close(&f);
}

/* --- by user -------------------------------------------------------------------------- */

static void all_of_a_user_end_and_nobody_elses(void)
{
	struct tp_allocation *of_bob;

	open_fixture();
	for (int i = 0; i < 150; i++) {
		allocate_for("alice");
	}
	of_bob = allocate_for("bob");
	CU_ASSERT_EQUAL(tp_user_kill("alice", NULL), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 152);
	turn_fixture_turn(&f);
	CU_ASSERT_EQUAL(killed, 151);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	CU_ASSERT_PTR_EQUAL(tp_allocation_find(f.server, &f.five_tuple), of_bob);
	turn_fixture_close(&f);
}

static void a_realm_narrows_it(void)
{
	open_fixture();
	CU_ASSERT_EQUAL(tp_user_kill("alice", "example.net"), 0);
	CU_ASSERT_EQUAL(tp_user_kill("carol", "example.org"), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_EQUAL(killed, 0);
	CU_ASSERT_EQUAL(tp_user_kill("alice", "example.org"), 0);
	turn_fixture_turn(&f);
	CU_ASSERT_EQUAL(killed, 1);
	turn_fixture_close(&f);
}

/* --- ceilings and the end ---------------------------------------------------------------- */

static void so_many_orders_wait_and_no_more(void)
{
	uint64_t id = open_fixture()->view.id;

	for (unsigned i = 0; i < TP_ORDERS_MAX; i++) {
		CU_ASSERT_EQUAL_FATAL(tp_allocation_kill(id), 0);
	}
	CU_ASSERT_EQUAL(tp_allocation_kill(id), TP_ENOMEM);
	CU_ASSERT_EQUAL(tp_user_kill("alice", NULL), TP_ENOMEM);
	turn_fixture_turn(&f);
	CU_ASSERT_EQUAL(tp_allocation_kill(id), 0);
	turn_fixture_turn(&f);
	turn_fixture_close(&f);
}

static void nothing_is_taken_after_the_end(void)
{
	uint64_t id = open_fixture()->view.id;

	CU_ASSERT_EQUAL(tp_allocation_kill(id), 0);
	tp_server_stop(f.server);
	turn_fixture_turn(&f);
	CU_ASSERT_EQUAL(killed, 0); /* it has ended for another cause before */
	CU_ASSERT_EQUAL(tp_allocation_kill(id), TP_ESHUTDOWN);
	CU_ASSERT_EQUAL(tp_user_kill("alice", NULL), TP_ESHUTDOWN);
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(tp_allocation_kill(id), TP_ESHUTDOWN);
}

TEST_SUITE("service", TEST(an_id_tells_its_worker), TEST(a_killed_allocation_ends_in_the_next_turn),
	   TEST(any_thread_may_kill), TEST(an_id_of_nobody_is_no_error),
	   TEST(limits_are_set_at_once_here_and_in_the_next_turn_from_elsewhere),
	   TEST(all_of_a_user_end_and_nobody_elses), TEST(a_realm_narrows_it),
	   TEST(so_many_orders_wait_and_no_more), TEST(nothing_is_taken_after_the_end));

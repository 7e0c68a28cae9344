/* SPDX-License-Identifier: Apache-2.0 */
#include "host/ticket.h"

#include <pthread.h>
#include <stdatomic.h>

#include <turnpike/error.h>
#include <turnpike/test.h>

#include "base/counter.h"
#include "host/worker.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "support/hooks.h"
#include "support/suite.h"

/* The table never looks into a request, so any address will do. */
static char requests[4];

static struct tp_request *request(size_t at)
{
	return (struct tp_request *)(void *)&requests[at];
}

static struct tp_worker worker;

static void table_open(unsigned index, size_t ceiling)
{
	worker = (struct tp_worker){.index = index, .count = 256};
	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, NULL, &worker.loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_mailbox_create(worker.loop, &worker.mailbox), 0);
	CU_ASSERT_EQUAL_FATAL(tp_ticket_table_create(&worker, ceiling, &worker.tickets), 0);
}

static void table_close(void)
{
	tp_mailbox_free(&worker.mailbox);
	tp_ticket_table_free(&worker.tickets);
	tp_ticket_table_free(&worker.tickets);
	tp_loop_free(&worker.loop);
}

static void a_ticket_finds_its_request_until_released(void)
{
	struct tp_ticket first;
	struct tp_ticket second;

	table_open(255, 4);
	CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(0), &first), 0);
	CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(1), &second), 0);
	CU_ASSERT_NOT_EQUAL(first.id, 0);
	CU_ASSERT_EQUAL(tp_ticket_table_parked(worker.tickets), 2);
	CU_ASSERT_PTR_EQUAL(tp_ticket_find(first), request(0));
	CU_ASSERT_PTR_EQUAL(tp_ticket_find(second), request(1));
	tp_ticket_release(worker.tickets, first);
	CU_ASSERT_PTR_NULL(tp_ticket_find(first));
	CU_ASSERT_PTR_EQUAL(tp_ticket_find(second), request(1));
	tp_ticket_release(worker.tickets, second);
	CU_ASSERT_EQUAL(tp_ticket_table_parked(worker.tickets), 0);
	table_close();
}

static void a_slot_used_again_has_another_ticket(void)
{
	struct tp_ticket before;
	struct tp_ticket ticket;

	table_open(0, 1);
	CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(0), &before), 0);
	for (int i = 0; i < 100; i++) {
		tp_ticket_release(worker.tickets, before);
		CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(1), &ticket), 0);
		CU_ASSERT_NOT_EQUAL(ticket.id, before.id);
		CU_ASSERT_PTR_NULL(tp_ticket_find(before));
		CU_ASSERT_PTR_EQUAL(tp_ticket_find(ticket), request(1));
		before = ticket;
	}
	tp_ticket_release(worker.tickets, before);
	table_close();
}

static void the_table_has_a_ceiling(void)
{
	struct tp_ticket tickets[3];
	struct tp_ticket_table *none = NULL;

	table_open(1, 2);
	CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(0), &tickets[0]), 0);
	CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(1), &tickets[1]), 0);
	CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(2), &tickets[2]), TP_EFULL);
	tp_ticket_release(worker.tickets, tickets[0]);
	CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(2), &tickets[2]), 0);
	tp_ticket_release(worker.tickets, tickets[1]);
	tp_ticket_release(worker.tickets, tickets[2]);
	table_close();
	worker.index = 0;
	CU_ASSERT_EQUAL(tp_ticket_table_create(&worker, TP_TICKET_CEILING + 1, &none), TP_EINVAL);
}

static void an_index_is_taken_once(void)
{
	struct tp_worker other = {.index = 7};
	struct tp_ticket_table *table = NULL;

	table_open(7, 1);
	CU_ASSERT_EQUAL(tp_ticket_table_create(&other, 1, &table), TP_EEXIST);
	CU_ASSERT_PTR_NULL(table);
	other.index = 256;
	CU_ASSERT_EQUAL(tp_ticket_table_create(&other, 1, &table), TP_EINVAL);
	table_close();
}

static void nonsense_is_answered_with_an_error(void)
{
	const struct tp_credentials good = {.size = sizeof(good), .password = "x"};
	const struct tp_credentials empty = {.size = sizeof(empty)};
	const struct tp_credentials short_table = {.size = 8, .password = "x"};
	struct tp_ticket ticket;

	table_open(0, 1);
	CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(0), &ticket), 0);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_PARK, 0), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, (enum tp_verdict)17, 0), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_DENY, 299), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_DENY, 700), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_PASS, 403), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_answer((struct tp_ticket){0}, TP_PASS, 0), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_answer((struct tp_ticket){UINT64_MAX}, TP_PASS, 0), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_deny(ticket, 299, NULL), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_deny(ticket, 700, "no"), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_deny((struct tp_ticket){0}, 403, "no"), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_provide(ticket, NULL), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_provide(ticket, &empty), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_ticket_provide(ticket, &short_table), TP_EINVAL);
	tp_ticket_release(worker.tickets, ticket);
	table_close();
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_PASS, 0), TP_ESHUTDOWN);
	CU_ASSERT_EQUAL(tp_ticket_deny(ticket, 403, "no"), TP_ESHUTDOWN);
	CU_ASSERT_EQUAL(tp_ticket_provide(ticket, &good), TP_ESHUTDOWN);
}

static void answers_that_nobody_takes_up_have_a_ceiling(void)
{
	struct tp_ticket ticket;

	table_open(0, 2);
	CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(0), &ticket), 0);
	tp_ticket_release(worker.tickets, ticket);
	for (int i = 0; i < 4; i++) {
		CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_PASS, 0), 0);
	}
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_PASS, 0), TP_EFULL);
	tp_loop_turn(worker.loop);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_PASS, 0), 0);
	table_close();
}

/* --- with plugins that answer too often, too late, never ------------------------------ */

static uint64_t stale(void)
{
	return tp_counter_read(tp_counter_named("host.ticket.stale", ""));
}

static void the_first_answer_counts(void)
{
	struct tp_test_host *host = tp_test_host_create("answers_twice", "");
	const struct tp_test_asked *asked = tp_test_authorize(host, "alice", "example.org", 1);

	/* The answers were given before the handler had returned. */
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	tp_test_turn(host);
	CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->password, "secret");
	CU_ASSERT_EQUAL(stale(), 1);
	tp_test_host_free(&host);
}

static void an_answer_after_the_deadline_is_stale(void)
{
	struct tp_test_host *host = tp_test_host_create("answers_late", "");
	const struct tp_test_asked *asked = tp_test_authorize(host, "alice", "example.org", 1);

	tp_test_advance_ms(host, TP_TEST_DEADLINE_MS - 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	tp_test_advance_ms(host, 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 500);
	tp_test_turn(host);
	CU_ASSERT_EQUAL(stale(), 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	tp_test_host_free(&host);
}

static void one_that_never_answers_is_told_gone(void)
{
	struct tp_test_host *host = tp_test_host_create("parks_for_ever", "");
	const struct tp_test_asked *asked = tp_test_authorize(host, "alice", "example.org", 1);

	(void)tp_test_authorize(host, "bob", "example.org", 1);
	CU_ASSERT_EQUAL(tp_test_parked(host), 2);
	tp_test_cancel(host, asked);
	CU_ASSERT_EQUAL(tp_test_counter(host, "gone"), 1);
	tp_test_advance_ms(host, TP_TEST_DEADLINE_MS);
	CU_ASSERT_EQUAL(tp_test_counter(host, "gone"), 2);
	CU_ASSERT_EQUAL(tp_test_parked(host), 0);
	tp_test_host_free(&host);
}

/* --- from other threads ---------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS 200

static struct tp_ticket parked;
static _Atomic unsigned taken; /* answers that were accepted for delivery */

static enum tp_verdict park(enum tp_event event, struct tp_request *asked, const void *payload)
{
	(void)event;
	(void)payload;
	return tp_request_park(asked, &parked);
}

static void *answer(void *arg)
{
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = "secret",
	};

	(void)arg;
	if (tp_ticket_provide(parked, &credentials) == 0) {
		atomic_fetch_add(&taken, 1);
	}
	return NULL;
}

static void many_threads_answer_and_one_counts(void)
{
	struct tp_test_host *host = tp_test_host_create("hooks", "");

	test_hooks = (struct test_hooks){.ask = park};
	atomic_store(&taken, 0);
	for (int round = 0; round < ROUNDS; round++) {
		const struct tp_test_asked *asked =
			tp_test_authorize(host, "alice", "example.org", 1);
		pthread_t threads[THREADS];

		for (size_t i = 0; i < THREADS; i++) {
			CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, answer, NULL), 0);
		}
		tp_test_wait(host, asked);
		CU_ASSERT_EQUAL(asked->verdict, TP_ALLOW);
		for (size_t i = 0; i < THREADS; i++) {
			pthread_join(threads[i], NULL);
		}
		tp_test_cancel(host, asked);
	}
	tp_test_turn(host);
	CU_ASSERT_EQUAL(atomic_load(&taken), THREADS * ROUNDS);
	CU_ASSERT_EQUAL(stale(), (THREADS - 1) * ROUNDS);
	tp_test_host_free(&host);
}

static _Atomic bool stop_answering;

static void *answer_on(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop_answering)) {
		(void)tp_ticket_answer(parked, TP_DENY, 0);
	}
	return NULL;
}

static void a_worker_may_end_while_threads_answer(void)
{
	pthread_t thread;

	table_open(0, 16);
	CU_ASSERT_EQUAL(tp_ticket_take(worker.tickets, request(0), &parked), 0);
	tp_ticket_release(worker.tickets, parked);
	atomic_store(&stop_answering, false);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, answer_on, NULL), 0);
	for (int i = 0; i < 100; i++) {
		tp_loop_turn(worker.loop);
	}
	tp_ticket_table_free(&worker.tickets);
	tp_mailbox_free(&worker.mailbox);
	atomic_store(&stop_answering, true);
	pthread_join(thread, NULL);
	tp_loop_free(&worker.loop);
}

TEST_SUITE("ticket", TEST(a_ticket_finds_its_request_until_released),
	   TEST(a_slot_used_again_has_another_ticket), TEST(the_table_has_a_ceiling),
	   TEST(an_index_is_taken_once), TEST(nonsense_is_answered_with_an_error),
	   TEST(answers_that_nobody_takes_up_have_a_ceiling), TEST(the_first_answer_counts),
	   TEST(an_answer_after_the_deadline_is_stale), TEST(one_that_never_answers_is_told_gone),
	   TEST(many_threads_answer_and_one_counts), TEST(a_worker_may_end_while_threads_answer));

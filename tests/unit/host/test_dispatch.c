/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch.h"

#include <stdio.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/counter.h"
#include "base/log.h"
#include "host/instance.h"
#include "host/request.h"
#include "host/ticket.h"
#include "host/worker.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "support/fake_clock.h"
#include "support/hooks.h"
#include "support/suite.h"

#define DEADLINE_MS 5000
#define PARKED_MAX 4

/* A generation of several instances, one request, and what is asked of it. */
struct fixture {
	struct fake_clock clock;
	struct tp_worker worker;
	struct tp_generation *generation;
	struct tp_request request;
	struct tp_request_authorization authorization;
	struct tp_before_allocate allocate;
	unsigned answers; /* calls of the answered function */
	enum tp_verdict verdict;
	/* What the handlers of the "hooks" instances do, one after another. */
	enum tp_verdict (*script[4])(struct tp_request *request);
	size_t asked;
	struct tp_ticket ticket; /* taken last */
	struct tp_ticket gone;   /* told gone last */
	char log[4096];
};

static struct fixture *f;

static enum tp_verdict run_script(enum tp_event event, struct tp_request *request,
				  const void *payload)
{
	(void)event;
	(void)payload;
	CU_ASSERT_FATAL(f->asked < 4 && f->script[f->asked] != NULL);
	return f->script[f->asked++](request);
}

static void keep_gone(struct tp_ticket ticket)
{
	f->gone = ticket;
}

static void keep_log(const char *line, size_t len, void *arg)
{
	struct fixture *fixture = arg;
	size_t used = strlen(fixture->log);

	if (len < sizeof(fixture->log) - used) {
		memcpy(fixture->log + used, line, len);
		fixture->log[used + len] = '\0';
	}
}

static void answered(struct tp_request *request, enum tp_verdict verdict)
{
	CU_ASSERT_PTR_EQUAL(request, &f->request);
	f->answers++;
	f->verdict = verdict;
}

static uint64_t counter(const char *name)
{
	return tp_counter_read(tp_counter_named(name, ""));
}

static void open_generation(const char *const *plugins)
{
	struct tp_instance_config configs[4];
	char names[4][16];
	char problem[TP_PROBLEM_SIZE] = "";
	size_t count = 0;

	for (; plugins[count] != NULL; count++) {
		snprintf(names[count], sizeof(names[count]), "p%zu", count);
		configs[count] = (struct tp_instance_config){
			.name = names[count],
			.file = plugins[count],
			.config_file = "test",
		};
	}
	if (tp_generation_create(configs, count, TEST_PLUGIN_DIR, 1, problem, &f->generation) !=
	    0) {
		CU_FAIL_FATAL(problem);
	}
}

static void fixture_open(struct fixture *fixture, const char *const *plugins)
{
	char problem[TP_PROBLEM_SIZE];

	f = fixture;
	memset(f, 0, sizeof(*f));
	tp_counter_reset_all();
	tp_log_set_sink(keep_log, f);
	test_hooks = (struct test_hooks){.ask = run_script, .request_gone = keep_gone};
	fake_clock_init(&f->clock);
	f->worker.count = 1;
	f->worker.park_deadline_ms = DEADLINE_MS;
	CU_ASSERT_EQUAL_FATAL(tp_loop_create(&f->clock.clock, NULL, &f->worker.loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_mailbox_create(f->worker.loop, &f->worker.mailbox), 0);
	CU_ASSERT_EQUAL_FATAL(tp_ticket_table_create(&f->worker, PARKED_MAX, &f->worker.tickets),
			      0);
	tp_worker_enter(&f->worker);
	open_generation(plugins);
	CU_ASSERT_EQUAL_FATAL(tp_generation_worker_start(f->generation, &f->worker, problem), 0);
	f->request.worker = &f->worker;
	f->request.generation = tp_generation_ref(f->generation);
	f->request.chains = &f->generation->all;
	tp_arena_init(&f->request.arena, NULL, 0);
	f->authorization.algorithm = TP_PASSWORD_MD5;
	f->authorization.username = "alice";
}

static void fixture_close(void)
{
	tp_request_fini(&f->request);
	CU_ASSERT_EQUAL(tp_ticket_table_parked(f->worker.tickets), 0);
	CU_ASSERT_EQUAL(tp_generation_busy(f->generation, &f->worker), 0);
	tp_generation_worker_stop(f->generation, &f->worker);
	tp_generation_unref(&f->generation);
	tp_generation_reap();
	tp_mailbox_free(&f->worker.mailbox);
	tp_ticket_table_free(&f->worker.tickets);
	tp_loop_free(&f->worker.loop);
	tp_worker_enter(NULL);
	tp_log_set_sink(NULL, NULL);
}

static enum tp_verdict ask_provider(void)
{
	return tp_dispatch_ask(&f->request, TP_EVENT_on_stun_request_authorization,
			       &f->authorization, answered);
}

static enum tp_verdict ask_gate(void)
{
	return tp_dispatch_ask(&f->request, TP_EVENT_on_turn_before_allocate, &f->allocate,
			       answered);
}

static void turn(uint64_t ms)
{
	fake_clock_advance_ms(&f->clock, ms);
	tp_loop_turn(f->worker.loop);
}

/* --- what a handler may do ---------------------------------------------------------- */

static enum tp_verdict pass(struct tp_request *request)
{
	(void)request;
	return TP_PASS;
}

static enum tp_verdict allow(struct tp_request *request)
{
	(void)request;
	return TP_ALLOW;
}

static enum tp_verdict deny(struct tp_request *request)
{
	return tp_request_deny(request, 403, "no");
}

static enum tp_verdict deny_and_pass(struct tp_request *request)
{
	(void)tp_request_deny(request, 403, "no");
	return TP_PASS;
}

static enum tp_verdict deny_bare(struct tp_request *request)
{
	(void)request;
	return TP_DENY;
}

static enum tp_verdict provide(struct tp_request *request)
{
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = "secret",
	};

	return tp_request_provide(request, &credentials);
}

static enum tp_verdict provide_and_pass(struct tp_request *request)
{
	CU_ASSERT_EQUAL(provide(request), TP_ALLOW);
	return TP_PASS;
}

static enum tp_verdict park(struct tp_request *request)
{
	return tp_request_park(request, &f->ticket);
}

static enum tp_verdict park_without_ticket(struct tp_request *request)
{
	(void)request;
	return TP_PARK;
}

static enum tp_verdict ticket_and_allow(struct tp_request *request)
{
	CU_ASSERT_EQUAL(park(request), TP_PARK);
	return TP_ALLOW;
}

static enum tp_verdict ticket_and_deny(struct tp_request *request)
{
	CU_ASSERT_EQUAL(park(request), TP_PARK);
	return deny(request);
}

static enum tp_verdict park_twice(struct tp_request *request)
{
	CU_ASSERT_EQUAL(park(request), TP_PARK);
	return park(request);
}

static enum tp_verdict nonsense(struct tp_request *request)
{
	(void)request;
	return (enum tp_verdict)17;
}

static const char *const one[] = {"hooks", NULL};
static const char *const two[] = {"hooks", "hooks", NULL};
static const char *const three[] = {"hooks", "hooks", "hooks", NULL};

/* --- chains ------------------------------------------------------------------------- */

typedef enum tp_verdict (*handler_fn)(struct tp_request *request);

static void chains_end_as_their_family_says(void)
{
	static const struct {
		bool provider;
		handler_fn script[3];
		size_t asked;
		enum tp_verdict verdict;
		uint16_t code;
	} cases[] = {
		/* The first answer of a provider ends it. */
		{true, {pass, pass, pass}, 3, TP_PASS, 0},
		{true, {provide, pass, pass}, 1, TP_ALLOW, 0},
		{true, {pass, provide, deny}, 2, TP_ALLOW, 0},
		{true, {pass, deny, provide}, 2, TP_DENY, 403},
		{true, {deny_bare, provide, pass}, 1, TP_DENY, 0},
		{true, {deny_and_pass, provide, pass}, 2, TP_ALLOW, 0},
		{true, {deny_and_pass, deny_bare, pass}, 2, TP_DENY, 0},
		{true, {provide_and_pass, pass, pass}, 3, TP_PASS, 0},
		{true, {provide_and_pass, allow, pass}, 2, TP_DENY, 0},
		/* Gates are all asked: one no is enough, a yes stops nobody. */
		{false, {pass, pass, pass}, 3, TP_PASS, 0},
		{false, {allow, pass, pass}, 3, TP_ALLOW, 0},
		{false, {allow, deny, pass}, 2, TP_DENY, 403},
		{false, {pass, allow, deny_bare}, 3, TP_DENY, 0},
		/* Whatever breaks the rules is a no. */
		{true, {allow, provide, pass}, 1, TP_DENY, 0},
		{true, {park_without_ticket, provide, pass}, 1, TP_DENY, 0},
		{true, {ticket_and_allow, provide, pass}, 1, TP_DENY, 0},
		{true, {ticket_and_deny, provide, pass}, 1, TP_DENY, 403},
		{true, {park_twice, provide, pass}, 1, TP_DENY, 0},
		{true, {nonsense, provide, pass}, 1, TP_DENY, 0},
		{false, {park_without_ticket, pass, pass}, 1, TP_DENY, 0},
		{false, {ticket_and_allow, pass, pass}, 1, TP_DENY, 0},
		{false, {nonsense, pass, pass}, 1, TP_DENY, 0},
		{false, {provide, pass, pass}, 1, TP_DENY, 0},
	};
	struct fixture fixture;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_open(&fixture, three);
		memcpy(f->script, cases[i].script, sizeof(cases[i].script));
		CU_ASSERT_EQUAL(cases[i].provider ? ask_provider() : ask_gate(), cases[i].verdict);
		CU_ASSERT_EQUAL(f->asked, cases[i].asked);
		CU_ASSERT_EQUAL(f->request.deny_code, cases[i].code);
		CU_ASSERT_EQUAL(f->answers, 0);
		CU_ASSERT_FALSE(tp_dispatch_parked(&f->request));
		fixture_close();
	}
}

static void the_configured_order_counts(void)
{
	static const char *const hooks_first[] = {"hooks", "denies_all", NULL};
	static const char *const hooks_last[] = {"denies_all", "hooks", NULL};
	struct fixture fixture;

	fixture_open(&fixture, hooks_first);
	f->script[0] = provide;
	CU_ASSERT_EQUAL(ask_provider(), TP_ALLOW);
	fixture_close();
	fixture_open(&fixture, hooks_last);
	CU_ASSERT_EQUAL(ask_provider(), TP_DENY);
	CU_ASSERT_EQUAL(f->asked, 0);
	fixture_close();
}

static void nobody_asked_is_a_pass(void)
{
	static const char *const empty[] = {"empty", NULL};
	struct fixture fixture;

	fixture_open(&fixture, empty);
	CU_ASSERT_FALSE(tp_generation_wants(f->generation, TP_EVENT_on_stun_request_authorization));
	CU_ASSERT_EQUAL(ask_provider(), TP_PASS);
	fixture_close();
}

static void a_broken_rule_is_logged_with_names_and_counted(void)
{
	struct fixture fixture;

	fixture_open(&fixture, one);
	f->script[0] = nonsense;
	CU_ASSERT_EQUAL(ask_provider(), TP_DENY);
	CU_ASSERT_EQUAL(counter("host.verdict.wrong"), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(f->log, "plugin p0"));
	CU_ASSERT_PTR_NOT_NULL(strstr(f->log, "on_stun_request_authorization"));
	fixture_close();
}

/* --- parking ------------------------------------------------------------------------ */

static void an_answer_goes_on_with_the_next_handler(void)
{
	static const struct {
		bool provider;
		handler_fn rest;
		enum tp_verdict answer;
		uint16_t code;
		size_t asked;
		enum tp_verdict verdict;
		uint16_t sent;
	} cases[] = {
		{true, provide, TP_PASS, 0, 2, TP_ALLOW, 0},
		{true, pass, TP_PASS, 0, 2, TP_PASS, 0},
		{true, provide, TP_DENY, 403, 1, TP_DENY, 403},
		{true, provide, TP_DENY, 0, 1, TP_DENY, 0},
		{true, provide, TP_ALLOW, 0, 1, TP_DENY, 0}, /* without credentials */
		{false, pass, TP_ALLOW, 0, 2, TP_ALLOW, 0},
		{false, pass, TP_PASS, 0, 2, TP_PASS, 0},
		{false, deny, TP_ALLOW, 0, 2, TP_DENY, 403},
		{false, pass, TP_DENY, 508, 1, TP_DENY, 508},
	};
	struct fixture fixture;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_open(&fixture, two);
		f->script[0] = park;
		f->script[1] = cases[i].rest;
		CU_ASSERT_EQUAL(cases[i].provider ? ask_provider() : ask_gate(), TP_PARK);
		CU_ASSERT_TRUE(tp_dispatch_parked(&f->request));
		CU_ASSERT_EQUAL(tp_ticket_answer(f->ticket, cases[i].answer, cases[i].code), 0);
		CU_ASSERT_EQUAL(f->answers, 0); /* in the next turn, not before */
		turn(0);
		CU_ASSERT_EQUAL(f->answers, 1);
		CU_ASSERT_EQUAL(f->verdict, cases[i].verdict);
		CU_ASSERT_EQUAL(f->asked, cases[i].asked);
		CU_ASSERT_EQUAL(f->request.deny_code, cases[i].sent);
		CU_ASSERT_EQUAL(f->gone.id, 0);
		turn(2 * DEADLINE_MS);
		CU_ASSERT_EQUAL(f->answers, 1);
		fixture_close();
	}
}

static void credentials_arrive_as_copies(void)
{
	char password[] = "secret";
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = password,
		.valid_for_s = 60,
	};
	struct fixture fixture;

	fixture_open(&fixture, two);
	f->script[0] = park;
	CU_ASSERT_EQUAL(ask_provider(), TP_PARK);
	CU_ASSERT_EQUAL(tp_ticket_provide(f->ticket, &credentials), 0);
	memset(password, 'x', sizeof(password) - 1);
	turn(0);
	CU_ASSERT_EQUAL(f->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(f->asked, 1);
	CU_ASSERT_STRING_EQUAL(f->request.provided.password, "secret");
	CU_ASSERT_EQUAL(f->request.provided.valid_for_s, 60);
	fixture_close();
}

static void the_key_of_a_token_arrives_as_a_copy(void)
{
	uint8_t key[TP_MAC_KEY_MAX] = {1, 2, 3};
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.mac_key = key,
		.mac_key_len = sizeof(key),
	};
	struct fixture fixture;

	fixture_open(&fixture, two);
	f->script[0] = park;
	CU_ASSERT_EQUAL(ask_provider(), TP_PARK);
	CU_ASSERT_EQUAL(tp_ticket_provide(f->ticket, &credentials), 0);
	key[0] = 0;
	turn(0);
	CU_ASSERT_EQUAL(f->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(f->request.provided.mac_key.len, sizeof(key));
	CU_ASSERT_EQUAL(f->request.provided.mac_key.bytes[0], 1);
	CU_ASSERT_TRUE(f->request.provided.mac_key.of_token);
	fixture_close();
}

static void a_denial_comes_with_its_words(void)
{
	static const struct {
		uint16_t code;
		const char *reason;
		const char *sent;
	} cases[] = {
		{403, "Account closed", "Account closed"},
		{0, "Not today", "Not today"},
		{403, NULL, ""},
	};
	struct fixture fixture;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char reason[32] = "";

		fixture_open(&fixture, two);
		f->script[0] = park;
		CU_ASSERT_EQUAL(ask_provider(), TP_PARK);
		if (cases[i].reason != NULL) {
			strcpy(reason, cases[i].reason);
		}
		CU_ASSERT_EQUAL(tp_ticket_deny(f->ticket, cases[i].code,
					       cases[i].reason != NULL ? reason : NULL),
				0);
		memset(reason, 'x', sizeof(reason) - 1);
		turn(0);
		CU_ASSERT_EQUAL(f->verdict, TP_DENY);
		CU_ASSERT_EQUAL(f->request.deny_code, cases[i].code);
		CU_ASSERT_STRING_EQUAL(f->request.deny_reason, cases[i].sent);
		fixture_close();
	}
}

static void later_questions_leave_the_credentials(void)
{
	static const enum tp_event events[] = {
		TP_EVENT_on_turn_redirect,
		TP_EVENT_on_turn_choose_relay,
		TP_EVENT_on_turn_before_allocate,
	};
	struct fixture fixture;

	fixture_open(&fixture, one);
	f->script[0] = provide;
	f->script[1] = f->script[2] = f->script[3] = pass;
	CU_ASSERT_EQUAL(ask_provider(), TP_ALLOW);
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		CU_ASSERT_EQUAL(tp_dispatch_ask(&f->request, events[i], &f->allocate, answered),
				TP_PASS);
		CU_ASSERT_STRING_EQUAL_FATAL(f->request.provided.password, "secret");
	}
	fixture_close();
}

static void credentials_nobody_asked_for_are_a_no(void)
{
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = "secret",
	};
	struct fixture fixture;

	fixture_open(&fixture, one);
	f->script[0] = park;
	CU_ASSERT_EQUAL(ask_gate(), TP_PARK);
	CU_ASSERT_EQUAL(tp_ticket_provide(f->ticket, &credentials), 0);
	turn(0);
	CU_ASSERT_EQUAL(f->verdict, TP_DENY);
	CU_ASSERT_EQUAL(counter("host.verdict.wrong"), 1);
	fixture_close();
}

/* The key is of MD5; the request uses SHA-256 (RFC 8489 section 18.5). */
static void a_key_of_another_algorithm_is_a_no(void)
{
	static const uint8_t key[TP_KEY_MD5_SIZE] = {1};
	const struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.key_md5 = key,
	};
	struct fixture fixture;

	fixture_open(&fixture, one);
	f->authorization.algorithm = TP_PASSWORD_SHA256;
	f->script[0] = park;
	CU_ASSERT_EQUAL(ask_provider(), TP_PARK);
	CU_ASSERT_EQUAL(tp_ticket_provide(f->ticket, &credentials), 0);
	turn(0);
	CU_ASSERT_EQUAL(f->verdict, TP_DENY);
	fixture_close();
}

static void each_handler_may_park(void)
{
	struct fixture fixture;
	struct tp_ticket first;

	fixture_open(&fixture, three);
	f->script[0] = park;
	f->script[1] = park;
	f->script[2] = allow;
	CU_ASSERT_EQUAL(ask_gate(), TP_PARK);
	first = f->ticket;
	CU_ASSERT_EQUAL(tp_ticket_answer(first, TP_PASS, 0), 0);
	turn(DEADLINE_MS - 1);
	CU_ASSERT_EQUAL(f->answers, 0);
	CU_ASSERT_NOT_EQUAL(f->ticket.id, first.id);
	turn(DEADLINE_MS - 1); /* each has a deadline of its own */
	CU_ASSERT_EQUAL(f->answers, 0);
	CU_ASSERT_EQUAL(tp_ticket_answer(first, TP_DENY, 0), 0); /* not its turn any more */
	CU_ASSERT_EQUAL(tp_ticket_answer(f->ticket, TP_PASS, 0), 0);
	turn(0);
	CU_ASSERT_EQUAL(f->verdict, TP_ALLOW);
	CU_ASSERT_EQUAL(counter("host.ticket.stale"), 1);
	fixture_close();
}

static void silence_fails_closed(void)
{
	struct fixture fixture;

	fixture_open(&fixture, two);
	f->script[0] = park;
	f->request.deny_code = 403;
	CU_ASSERT_EQUAL(ask_gate(), TP_PARK);
	turn(DEADLINE_MS - 1);
	CU_ASSERT_EQUAL(f->answers, 0);
	turn(1);
	CU_ASSERT_EQUAL(f->answers, 1);
	CU_ASSERT_EQUAL(f->verdict, TP_DENY);
	CU_ASSERT_EQUAL(f->request.deny_code, 500);
	CU_ASSERT_EQUAL(f->asked, 1);
	CU_ASSERT_EQUAL(f->gone.id, f->ticket.id);
	CU_ASSERT_EQUAL(counter("host.ticket.silent"), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(f->log, "warn"));
	CU_ASSERT_PTR_NOT_NULL(strstr(f->log, "plugin p0"));
	CU_ASSERT_PTR_NOT_NULL(strstr(f->log, "on_turn_before_allocate"));
	CU_ASSERT_EQUAL(tp_ticket_answer(f->ticket, TP_ALLOW, 0), 0);
	turn(0);
	CU_ASSERT_EQUAL(f->answers, 1);
	CU_ASSERT_EQUAL(counter("host.ticket.stale"), 1);
	fixture_close();
}

static void a_client_that_goes_cancels(void)
{
	struct fixture fixture;

	fixture_open(&fixture, one);
	f->script[0] = park;
	CU_ASSERT_EQUAL(ask_provider(), TP_PARK);
	tp_dispatch_cancel(&f->request);
	CU_ASSERT_FALSE(tp_dispatch_parked(&f->request));
	CU_ASSERT_EQUAL(f->gone.id, f->ticket.id);
	f->gone.id = 0;
	tp_dispatch_cancel(&f->request); /* nothing is parked any more */
	CU_ASSERT_EQUAL(f->gone.id, 0);
	turn(2 * DEADLINE_MS);
	CU_ASSERT_EQUAL(f->answers, 0);
	fixture_close();
}

static void the_end_of_a_request_cancels(void)
{
	struct fixture fixture;

	fixture_open(&fixture, one);
	f->script[0] = park;
	CU_ASSERT_EQUAL(ask_provider(), TP_PARK);
	fixture_close();
	CU_ASSERT_EQUAL(fixture.gone.id, fixture.ticket.id);
}

static void only_a_handler_may_park(void)
{
	struct fixture fixture;
	struct tp_ticket ticket = {1};

	fixture_open(&fixture, one);
	CU_ASSERT_EQUAL(tp_request_park(&f->request, &ticket), TP_DENY);
	CU_ASSERT_EQUAL(ticket.id, 0);
	fixture_close();
}

static enum tp_verdict take_all_tickets(struct tp_request *request)
{
	struct tp_ticket tickets[PARKED_MAX];
	enum tp_verdict verdict;

	for (size_t i = 0; i < PARKED_MAX; i++) {
		CU_ASSERT_EQUAL(tp_ticket_take(f->worker.tickets, request, &tickets[i]), 0);
	}
	verdict = park(request);
	for (size_t i = 0; i < PARKED_MAX; i++) {
		tp_ticket_release(f->worker.tickets, tickets[i]);
	}
	return verdict;
}

static void no_more_park_than_the_table_holds(void)
{
	struct fixture fixture;

	fixture_open(&fixture, one);
	f->script[0] = take_all_tickets;
	CU_ASSERT_EQUAL(ask_gate(), TP_DENY);
	CU_ASSERT_EQUAL(f->ticket.id, 0);
	CU_ASSERT_EQUAL(counter("host.ticket.full"), 1);
	CU_ASSERT_EQUAL(counter("host.verdict.wrong"), 0); /* the handler did what it should */
	fixture_close();
}

/* What the authorization provided is still there when a gate is asked. */
static void gates_leave_credentials_alone(void)
{
	struct fixture fixture;

	fixture_open(&fixture, one);
	f->script[0] = provide;
	f->script[1] = pass;
	CU_ASSERT_EQUAL(ask_provider(), TP_ALLOW);
	CU_ASSERT_EQUAL(ask_gate(), TP_PASS);
	CU_ASSERT_STRING_EQUAL(f->request.provided.password, "secret");
	fixture_close();
}

/* --- events without a request ------------------------------------------------------- */

static enum tp_verdict packet_verdict;

static enum tp_verdict packet(enum tp_event event, const void *payload)
{
	(void)event;
	(void)payload;
	return packet_verdict;
}

static void packets_pass_unless_denied(void)
{
	static const struct {
		enum tp_verdict said;
		enum tp_verdict verdict;
		unsigned asked;
		uint64_t wrong;
	} cases[] = {
		{TP_PASS, TP_PASS, 2, 0},
		{TP_ALLOW, TP_PASS, 2, 0},
		{TP_DENY, TP_DENY, 1, 0},
		{TP_PARK, TP_DENY, 1, 1}, /* no packet can wait */
		{(enum tp_verdict)17, TP_DENY, 1, 1},
	};
	const struct tp_before_relay_indication event = {.direction = TP_CLIENT_TO_PEER};
	struct fixture fixture;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_open(&fixture, two);
		packet_verdict = cases[i].said;
		test_hooks.packet = packet;
		CU_ASSERT_EQUAL(tp_dispatch_packet(&f->generation->all,
						   TP_EVENT_on_turn_before_relay_indication,
						   &event),
				cases[i].verdict);
		CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_before_relay_indication],
				cases[i].asked);
		CU_ASSERT_EQUAL(counter("host.verdict.wrong"), cases[i].wrong);
		fixture_close();
	}
}

/* "hooks" is there as several instances; a realm that has fewer asks and tells fewer. */
static void a_request_asks_the_plugins_of_its_realm(void)
{
	const struct tp_exception event = {.reason = "test"};
	struct tp_realm_plugins realms[2] = {{.count = 0}, {.count = 1}};
	char problem[TP_PROBLEM_SIZE];
	struct fixture fixture;
	const char *last;

	fixture_open(&fixture, three);
	test_hooks.ask = NULL;
	last = tp_instance_name(f->generation->instances[2]);
	realms[1].names = &last;
	CU_ASSERT_EQUAL_FATAL(tp_generation_set_realms(f->generation, realms, 2, problem), 0);
	f->request.chains = &f->generation->realms[0];
	CU_ASSERT_EQUAL(ask_gate(), TP_PASS);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_before_allocate], 0);
	f->request.chains = &f->generation->realms[1];
	CU_ASSERT_EQUAL(ask_gate(), TP_PASS);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_turn_before_allocate], 1);
	tp_dispatch_tell(&f->generation->realms[0], TP_EVENT_on_stun_exception, &event);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_exception], 0);
	tp_dispatch_tell(&f->generation->realms[1], TP_EVENT_on_stun_exception, &event);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_exception], 1);
	fixture_close();
}

static void every_observer_is_told(void)
{
	const struct tp_exception event = {.reason = "test"};
	struct fixture fixture;

	fixture_open(&fixture, three);
	tp_dispatch_tell(&f->generation->all, TP_EVENT_on_stun_exception, &event);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_exception], 3);
	fixture_close();
}

TEST_SUITE("dispatch", TEST(chains_end_as_their_family_says), TEST(the_configured_order_counts),
	   TEST(nobody_asked_is_a_pass), TEST(a_broken_rule_is_logged_with_names_and_counted),
	   TEST(an_answer_goes_on_with_the_next_handler), TEST(credentials_arrive_as_copies),
	   TEST(the_key_of_a_token_arrives_as_a_copy), TEST(a_denial_comes_with_its_words),
	   TEST(later_questions_leave_the_credentials), TEST(credentials_nobody_asked_for_are_a_no),
	   TEST(a_key_of_another_algorithm_is_a_no), TEST(each_handler_may_park),
	   TEST(silence_fails_closed), TEST(a_client_that_goes_cancels),
	   TEST(the_end_of_a_request_cancels), TEST(only_a_handler_may_park),
	   TEST(no_more_park_than_the_table_holds), TEST(gates_leave_credentials_alone),
	   TEST(packets_pass_unless_denied), TEST(a_request_asks_the_plugins_of_its_realm),
	   TEST(every_observer_is_told));

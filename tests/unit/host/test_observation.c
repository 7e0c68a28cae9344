/* SPDX-License-Identifier: Apache-2.0 */
#include "host/observation.h"

#include <stdio.h>
#include <string.h>

#include <turnpike/test.h>

#include "base/counter.h"
#include "host/instance.h"
#include "host/observation_row.h"
#include "support/hooks.h"
#include "support/suite.h"

/* Time passes only inside handlers, as much as the case says. */
static uint64_t clock_ns;
static uint64_t takes_ns;
static enum tp_verdict verdict;
static struct tp_ticket ticket;
static char seen[64];

static uint64_t now_ns(void)
{
	return clock_ns;
}

static void look_around(void)
{
	const char *instance = "";
	const char *event = "";

	clock_ns += takes_ns;
	CU_ASSERT_TRUE(tp_observation_current(&instance, &event));
	snprintf(seen, sizeof(seen), "%s %s", instance, event);
}

static enum tp_verdict ask(enum tp_event event, struct tp_request *request, const void *payload)
{
	(void)event;
	(void)payload;
	look_around();
	return verdict == TP_PARK ? tp_request_park(request, &ticket) : verdict;
}

static enum tp_verdict packet(enum tp_event event, const void *payload)
{
	(void)event;
	(void)payload;
	look_around();
	return verdict;
}

static void tell(enum tp_event event, const void *payload)
{
	(void)event;
	(void)payload;
	look_around();
}

static struct tp_test_host *open_host(const char *section)
{
	struct tp_test_host *host = tp_test_host_create("hooks", section);

	test_hooks = (struct test_hooks){.ask = ask, .packet = packet, .tell = tell};
	clock_ns = 1000000;
	takes_ns = 0;
	verdict = TP_PASS;
	seen[0] = '\0';
	tp_observation_set_clock(now_ns);
	tp_observation_set_bound(50);
	return host;
}

static void close_host(struct tp_test_host *host)
{
	tp_test_host_free(&host);
	tp_observation_set_clock(NULL);
	tp_observation_set_bound(0);
}

static struct tp_observed observe(struct tp_test_host *host, enum tp_event event)
{
	struct tp_observed observed;

	tp_instance_observed(tp_test_instance(host), event, &observed);
	return observed;
}

static const struct tp_before_allocate allocate = {.lifetime_s = 600};

static enum tp_verdict ask_with(struct tp_test_host *host, enum tp_verdict wanted)
{
	verdict = wanted;
	return tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &allocate)->verdict;
}

static struct tp_before_relay_channel_data channel_data;

static enum tp_verdict relay_with(struct tp_test_host *host, enum tp_verdict wanted)
{
	channel_data.allocation = tp_test_allocation(host);
	verdict = wanted;
	return tp_test_fire(host, TP_EVENT_on_turn_before_relay_channel_data, &channel_data)
		->verdict;
}

/* --- counting ---------------------------------------------------------------------------- */

static void calls_and_verdicts_are_counted_per_event(void)
{
	struct tp_test_host *host = open_host("");
	struct tp_observed observed;

	ask_with(host, TP_PASS);
	ask_with(host, TP_ALLOW);
	ask_with(host, TP_ALLOW);
	ask_with(host, TP_DENY);
	ask_with(host, (enum tp_verdict)17);
	observed = observe(host, TP_EVENT_on_turn_before_allocate);
	CU_ASSERT_EQUAL(observed.calls, 5);
	CU_ASSERT_EQUAL(observed.verdicts[TP_PASS], 1);
	CU_ASSERT_EQUAL(observed.verdicts[TP_ALLOW], 2);
	CU_ASSERT_EQUAL(observed.verdicts[TP_DENY], 1);
	CU_ASSERT_EQUAL(observed.verdicts[TP_PARK], 0);
	CU_ASSERT_EQUAL(observed.wrong, 1);
	CU_ASSERT_EQUAL(observed.timed, 5);
	observed = observe(host, TP_EVENT_on_turn_before_channel);
	CU_ASSERT_EQUAL(observed.calls, 0);
	close_host(host);
}

static void verdicts_on_packets_add_up(void)
{
	struct tp_test_host *host = open_host("");
	struct tp_observed observed;

	for (size_t i = 0; i < 10; i++) {
		CU_ASSERT_EQUAL(relay_with(host, TP_PASS), TP_PASS);
	}
	CU_ASSERT_EQUAL(relay_with(host, TP_ALLOW), TP_PASS);
	CU_ASSERT_EQUAL(relay_with(host, TP_DENY), TP_DENY);
	CU_ASSERT_EQUAL(relay_with(host, TP_PARK), TP_DENY);
	observed = observe(host, TP_EVENT_on_turn_before_relay_channel_data);
	CU_ASSERT_EQUAL(observed.calls, 13);
	CU_ASSERT_EQUAL(observed.verdicts[TP_PASS], 10);
	CU_ASSERT_EQUAL(observed.verdicts[TP_ALLOW], 1);
	CU_ASSERT_EQUAL(observed.verdicts[TP_DENY], 1);
	CU_ASSERT_EQUAL(observed.wrong, 1);
	close_host(host);
}

static void what_is_parked_missed_and_stale_is_counted(void)
{
	struct tp_test_host *host = open_host("");
	struct tp_observed observed;

	CU_ASSERT_EQUAL(ask_with(host, TP_PARK), TP_PARK);
	observed = observe(host, TP_EVENT_on_turn_before_allocate);
	CU_ASSERT_EQUAL(observed.verdicts[TP_PARK], 1);
	CU_ASSERT_EQUAL(observed.parked_now, 1);

	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_ALLOW, 0), 0);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_ALLOW, 0), 0);
	tp_test_turn(host);
	observed = observe(host, TP_EVENT_on_turn_before_allocate);
	CU_ASSERT_EQUAL(observed.parked_now, 0);
	CU_ASSERT_EQUAL(observed.verdicts[TP_ALLOW], 1);
	CU_ASSERT_EQUAL(observed.stale, 1);
	CU_ASSERT_EQUAL(observed.missed, 0);

	CU_ASSERT_EQUAL(ask_with(host, TP_PARK), TP_PARK);
	tp_test_advance_ms(host, TP_TEST_DEADLINE_MS);
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_ALLOW, 0), 0);
	tp_test_turn(host);
	observed = observe(host, TP_EVENT_on_turn_before_allocate);
	CU_ASSERT_EQUAL(observed.parked_now, 0);
	CU_ASSERT_EQUAL(observed.missed, 1);
	CU_ASSERT_EQUAL(observed.stale, 2);
	close_host(host);
}

static void a_stale_answer_after_a_reload_blames_nobody(void)
{
	struct tp_test_host *host = open_host("");
	char problem[TP_TEST_PROBLEM_SIZE];
	const struct tp_test_asked *asked;

	verdict = TP_PARK;
	asked = tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &allocate);
	tp_test_cancel(host, asked);
	CU_ASSERT_TRUE(tp_test_host_reload(host, "", problem));
	CU_ASSERT_EQUAL(tp_ticket_answer(ticket, TP_ALLOW, 0), 0);
	tp_test_turn(host);
	CU_ASSERT_EQUAL(observe(host, TP_EVENT_on_turn_before_allocate).stale, 0);
	CU_ASSERT_EQUAL(tp_counter_read(tp_counter_named("host.ticket.stale", "")), 1);
	close_host(host);
}

/* --- time -------------------------------------------------------------------------------- */

static void time_falls_into_buckets(void)
{
	static const struct {
		uint64_t takes_ns;
		size_t bucket;
	} cases[] = {
		{0, 0},         {127, 0},
		{128, 1},       {255, 1},
		{256, 2},       {1000000, 13},
		{49999999, 19}, {UINT64_C(3600000000000), TP_OBSERVED_TIMES - 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = open_host("");
		struct tp_observed observed;

		takes_ns = cases[i].takes_ns;
		ask_with(host, TP_PASS);
		observed = observe(host, TP_EVENT_on_turn_before_allocate);
		CU_ASSERT_EQUAL(observed.times[cases[i].bucket], 1);
		CU_ASSERT_EQUAL(observed.time_ns, cases[i].takes_ns);
		CU_ASSERT_EQUAL(observed.max_ns, cases[i].takes_ns);
		close_host(host);
	}
}

static void of_packets_one_in_256_is_timed(void)
{
	struct tp_test_host *host = open_host("");
	const struct tp_message_discarded discarded = {.len = 1};
	struct tp_observed observed;

	takes_ns = 10;
	for (size_t i = 0; i < 1024; i++) {
		relay_with(host, TP_PASS);
		tp_test_fire(host, TP_EVENT_on_turn_message_discarded, &discarded);
	}
	observed = observe(host, TP_EVENT_on_turn_before_relay_channel_data);
	CU_ASSERT_EQUAL(observed.calls, 1024);
	CU_ASSERT_EQUAL(observed.timed, 4);
	CU_ASSERT_EQUAL(observed.time_ns, 40);
	observed = observe(host, TP_EVENT_on_turn_message_discarded);
	CU_ASSERT_EQUAL(observed.calls, 1024);
	CU_ASSERT_EQUAL(observed.timed, 4);
	close_host(host);
}

static void one_that_blocks_is_named_and_counted(void)
{
	struct tp_test_host *host = open_host("");

	takes_ns = 50000000;
	ask_with(host, TP_PASS);
	CU_ASSERT_PTR_NULL(strstr(tp_test_log(host), "held up"));
	takes_ns = 50000001;
	ask_with(host, TP_PASS);
	takes_ns = 120000000;
	ask_with(host, TP_PASS);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host),
				      "plugin hooks held up its worker for 120 ms in "
				      "on_turn_before_allocate"));
	CU_ASSERT_EQUAL(observe(host, TP_EVENT_on_turn_before_allocate).slow, 2);
	CU_ASSERT_EQUAL(tp_counter_read(tp_counter_named("host.handler.slow", "")), 2);
	tp_observation_set_bound(0);
	ask_with(host, TP_PASS);
	CU_ASSERT_EQUAL(observe(host, TP_EVENT_on_turn_before_allocate).slow, 2);
	close_host(host);
}

/* --- who is running ------------------------------------------------------------------------ */

static void the_running_handler_is_known(void)
{
	static const struct tp_request_error error = {.code = 400, .reason = "Bad Request"};
	struct tp_test_host *host = open_host("");
	const char *instance;
	const char *event;

	CU_ASSERT_FALSE(tp_observation_current(&instance, &event));
	ask_with(host, TP_PASS);
	CU_ASSERT_STRING_EQUAL(seen, "hooks on_turn_before_allocate");
	for (size_t i = 0; i < 256; i++) { /* timed or not */
		relay_with(host, TP_PASS);
		CU_ASSERT_STRING_EQUAL(seen, "hooks on_turn_before_relay_channel_data");
	}
	tp_test_fire(host, TP_EVENT_on_stun_request_error, &error);
	CU_ASSERT_STRING_EQUAL(seen, "hooks on_stun_request_error");
	CU_ASSERT_FALSE(tp_observation_current(&instance, &event));
	close_host(host);
}

TEST_SUITE("observation", TEST(calls_and_verdicts_are_counted_per_event),
	   TEST(verdicts_on_packets_add_up), TEST(what_is_parked_missed_and_stale_is_counted),
	   TEST(a_stale_answer_after_a_reload_blames_nobody), TEST(time_falls_into_buckets),
	   TEST(of_packets_one_in_256_is_timed), TEST(one_that_blocks_is_named_and_counted),
	   TEST(the_running_handler_is_known));

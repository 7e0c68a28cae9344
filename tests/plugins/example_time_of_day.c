/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <turnpike/test.h>

#include "support/suite.h"

/* The host's clock stands at 22:13:20 UTC. */

static struct tp_test_host *open_at_utc(const char *section)
{
	setenv("TZ", "UTC0", 1);
	return tp_test_host_create("time_of_day", section);
}

static const struct tp_test_asked *ask(struct tp_test_host *host)
{
	static struct tp_before_allocate event;

	event = (struct tp_before_allocate){
		.five_tuple = &tp_test_allocation(host)->five_tuple,
		.client_addr = &tp_test_allocation(host)->five_tuple.client_addr,
		.user = "alice",
		.realm = "example.org",
		.relayed_addr = &tp_test_allocation(host)->relayed_addr,
		.lifetime_s = 600,
	};
	return tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &event);
}

static enum tp_verdict ask_refresh(struct tp_test_host *host, uint32_t lifetime_s)
{
	static struct tp_before_refresh event;

	event = (struct tp_before_refresh){
		.allocation = tp_test_allocation(host),
		.lifetime_s = lifetime_s,
	};
	return tp_test_fire(host, TP_EVENT_on_turn_before_refresh, &event)->verdict;
}

static void the_door_opens_and_closes(void)
{
	static const struct {
		const char *section;
		enum tp_verdict verdict;
		uint32_t lifetime_s;
	} cases[] = {
		{"", TP_DENY, 0},
		{"from = 22:00\nto = 23:00", TP_PASS, 600},
		{"from = 22:13\nto = 22:14", TP_PASS, 40}, /* no longer than the door is open */
		{"from = 22:14\nto = 23:00", TP_DENY, 0},
		{"from = 22:00\nto = 22:13", TP_DENY, 0},
		{"from = 22:00\nto = 06:00", TP_PASS, 600}, /* over midnight */
		{"from = 23:00\nto = 22:14", TP_PASS, 40},
		{"from = 22:13\nto = 22:13", TP_DENY, 0},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_test_host *host = open_at_utc(cases[i].section);
		const struct tp_test_asked *asked = ask(host);

		CU_ASSERT_EQUAL(asked->verdict, cases[i].verdict);
		if (asked->verdict == TP_DENY) {
			CU_ASSERT_EQUAL(asked->code, 403);
			CU_ASSERT_STRING_EQUAL(asked->reason, "outside working hours");
		} else {
			CU_ASSERT_EQUAL(asked->lifetime_s, cases[i].lifetime_s);
		}
		tp_test_host_free(&host);
	}
}

static void nobody_stays_after_hours(void)
{
	struct tp_test_host *host = open_at_utc("from = 22:00\nto = 22:14");

	CU_ASSERT_EQUAL(ask_refresh(host, 600), TP_PASS);
	tp_test_advance_ms(host, 41000);
	CU_ASSERT_EQUAL(ask_refresh(host, 600), TP_DENY);
	CU_ASSERT_EQUAL(ask_refresh(host, 0), TP_PASS);
	tp_test_host_free(&host);
}

static void what_is_no_time_is_refused(void)
{
	static const char *const cases[] = {"from = 24:00", "from = 8", "from = 08:60",
					    "from = 08:000", "from = morning"};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_PTR_NULL(tp_test_host_try("time_of_day", cases[i], problem));
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, "is no time such as 17:30"));
	}
}

TEST_SUITE("time_of_day", TEST(the_door_opens_and_closes), TEST(nobody_stays_after_hours),
	   TEST(what_is_no_time_is_refused));

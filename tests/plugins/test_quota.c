/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <turnpike/test.h>

#include "support/scratch.h"
#include "support/suite.h"

#define HOUR_S 3600

static const struct tp_test_asked *ask_in(struct tp_test_host *host, const char *user,
					  const char *realm)
{
	static struct tp_before_allocate event;

	event = (struct tp_before_allocate){
		.five_tuple = &tp_test_allocation(host)->five_tuple,
		.client_addr = &tp_test_allocation(host)->five_tuple.client_addr,
		.user = user,
		.realm = realm,
		.relayed_addr = &tp_test_allocation(host)->relayed_addr,
		.lifetime_s = 600,
	};
	return tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &event);
}

static const struct tp_test_asked *ask(struct tp_test_host *host, const char *user)
{
	return ask_in(host, user, "example.org");
}

static const struct tp_allocation_view *create(struct tp_test_host *host, const char *user)
{
	return tp_test_allocation_create(host, user, "192.0.2.10:4000", "203.0.113.7:50000");
}

static const struct tp_allocation_view *admit(struct tp_test_host *host, const char *user)
{
	CU_ASSERT_EQUAL(ask(host, user)->verdict, TP_PASS);
	return create(host, user);
}

static void end(struct tp_test_host *host, const struct tp_allocation_view *allocation)
{
	tp_test_allocation_end(host, allocation, TP_DELETE_REFRESH);
}

/* Client to peer @bytes in a second, and half of it the other way. */
static void report(struct tp_test_host *host, const struct tp_allocation_view *allocation,
		   uint64_t bytes)
{
	tp_test_fire(host, TP_EVENT_on_turn_usage,
		     &(struct tp_usage){
			     .allocation = allocation,
			     .interval_ms = 1000,
			     .client_to_peer = {.packets = 1, .bytes = bytes},
			     .peer_to_client = {.packets = 1, .bytes = bytes / 2},
		     });
}

static bool denied(const struct tp_test_asked *asked, const char *reason)
{
	bool right = asked->verdict == TP_DENY && asked->code == 486 &&
		     strcmp(asked->reason, reason) == 0;

	if (!right) {
		printf("wanted \"%s\", got %d %u \"%s\"\n", reason, (int)asked->verdict,
		       asked->code, asked->reason == NULL ? "" : asked->reason);
	}
	return right;
}

/* --- allocations ------------------------------------------------------------------------ */

static void without_limits_all_pass(void)
{
	struct tp_test_host *host = tp_test_host_create("quota", "");

	for (int i = 0; i < 100; i++) {
		const struct tp_allocation_view *allocation = admit(host, "alice");

		report(host, allocation, UINT64_C(1) << 40);
		CU_ASSERT_EQUAL(tp_test_allocation_limits(host, allocation).size, 0);
	}
	CU_ASSERT_EQUAL(tp_test_counter(host, "refused"), 0);
	tp_test_host_free(&host);
}

/* RFC 8656 section 7.2: 486 (Allocation Quota Reached). */
static void a_user_has_so_many_allocations(void)
{
	struct tp_test_host *host = tp_test_host_create("quota", "allocations = 2");
	const struct tp_allocation_view *first = admit(host, "bob");

	admit(host, "bob");
	CU_ASSERT_TRUE(denied(ask(host, "bob"), "too many allocations of the user"));
	CU_ASSERT_EQUAL(tp_test_counter(host, "refused"), 1);
	CU_ASSERT_EQUAL(ask(host, "carol")->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask_in(host, "bob", "example.net")->verdict, TP_PASS);
	end(host, first);
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
	tp_test_host_free(&host);
}

static void a_realm_has_so_many_allocations(void)
{
	struct tp_test_host *host = tp_test_host_create("quota", "realm_allocations = 2");

	admit(host, "bob");
	admit(host, "carol");
	CU_ASSERT_TRUE(denied(ask(host, "dave"), "too many allocations of the realm"));
	CU_ASSERT_EQUAL(ask_in(host, "dave", "example.net")->verdict, TP_PASS);
	tp_test_host_free(&host);
}

/* Workers ask side by side: whoever comes too late is ended. */
static void one_too_many_is_ended(void)
{
	struct tp_test_host *host = tp_test_host_create("quota", "allocations = 1");
	uint64_t first_id;
	uint64_t second_id;

	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
	first_id = create(host, "bob")->id;
	second_id = create(host, "bob")->id;
	tp_test_turn(host);
	CU_ASSERT_TRUE(tp_test_allocation_exists(host, first_id));
	CU_ASSERT_FALSE(tp_test_allocation_exists(host, second_id));
	CU_ASSERT_EQUAL(tp_test_counter(host, "ended"), 1);
	tp_test_host_free(&host);
}

static void new_ones_come_at_a_rate(void)
{
	struct tp_test_host *host = tp_test_host_create("quota", "new_per_minute = 4");

	for (int i = 0; i < 4; i++) { /* a minute's worth at once */
		CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
	}
	CU_ASSERT_TRUE(denied(ask(host, "bob"), "too many new allocations of the user"));
	CU_ASSERT_EQUAL(ask(host, "carol")->verdict, TP_PASS);
	tp_test_advance_ms(host, 14999);
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_DENY);
	tp_test_advance_ms(host, 1);
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_DENY);
	tp_test_host_free(&host);
}

static void a_realm_has_a_rate_too(void)
{
	struct tp_test_host *host = tp_test_host_create("quota", "realm_new_per_minute = 2");

	ask(host, "bob");
	ask(host, "carol");
	CU_ASSERT_TRUE(denied(ask(host, "dave"), "too many new allocations of the realm"));
	tp_test_host_free(&host);
}

/* --- rates ------------------------------------------------------------------------------- */

static void the_daemon_limits_each_allocation(void)
{
	struct tp_test_host *host =
		tp_test_host_create("quota", "bits_per_s = 2M\npackets_per_s = 500\n");
	const struct tp_test_asked *asked = ask(host, "bob");

	CU_ASSERT_EQUAL(asked->limits.bits_per_s, 2000000);
	CU_ASSERT_EQUAL(asked->limits.packets_per_s, 500);
	tp_test_host_free(&host);
}

static uint64_t bits_of(struct tp_test_host *host, const struct tp_allocation_view *allocation)
{
	return tp_test_allocation_limits(host, allocation).bits_per_s;
}

static void allocations_of_a_user_share(void)
{
	struct tp_test_host *host = tp_test_host_create("quota", "user_bits_per_s = 8M");
	const struct tp_allocation_view *first;
	const struct tp_allocation_view *second;

	CU_ASSERT_EQUAL(ask(host, "bob")->limits.bits_per_s, 8000000);
	first = create(host, "bob");
	CU_ASSERT_EQUAL(ask(host, "bob")->limits.bits_per_s, 4000000);
	second = create(host, "bob");
	/* The first takes half of it: the second may have the rest, but no less than half. */
	report(host, first, 500000);
	CU_ASSERT_EQUAL(bits_of(host, first), 0); /* all, as the second uses nothing yet */
	report(host, second, 0);
	CU_ASSERT_EQUAL(bits_of(host, second), 0); /* as it was admitted */
	report(host, first, 125000);
	report(host, second, 500000);
	CU_ASSERT_EQUAL(bits_of(host, second), 7000000);
	report(host, first, 1000000);
	CU_ASSERT_EQUAL(bits_of(host, first), 4000000);
	end(host, second);
	report(host, first, 500000);
	CU_ASSERT_EQUAL(bits_of(host, first), 8000000);
	tp_test_host_free(&host);
}

/* --- traffic ------------------------------------------------------------------------------- */

static void traffic_of_a_day_is_used_up(void)
{
	struct tp_test_host *host = tp_test_host_create("quota", "bytes_per_day = 3000");
	const struct tp_allocation_view *allocation = admit(host, "bob");
	uint64_t id = allocation->id;

	report(host, allocation, 1999);
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
	report(host, allocation, 2);
	CU_ASSERT_TRUE(denied(ask(host, "bob"), "the user's traffic of the day is used up"));
	CU_ASSERT_EQUAL(ask(host, "carol")->verdict, TP_PASS);
	tp_test_turn(host);
	CU_ASSERT_TRUE(tp_test_allocation_exists(host, id)); /* enforce = deny */
	tp_test_advance_ms(host, 6399000); /* the host's clock stands at 22:13:20 UTC */
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_DENY);
	tp_test_advance_ms(host, 1000);
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
	tp_test_host_free(&host);
}

/* 14 November 2023: a day later it is still the month, 17 days later not. */
static void traffic_of_a_month_is_used_up(void)
{
	static const struct {
		const char *section;
		const char *reason;
	} cases[] = {
		{"bytes_per_month = 3000", "the user's traffic of the month is used up"},
		{"realm_bytes_per_month = 3000", "the realm's traffic of the month is used up"},
	};

	for (size_t i = 0; i < 2; i++) {
		struct tp_test_host *host = tp_test_host_create("quota", cases[i].section);

		report(host, admit(host, "bob"), 2000);
		tp_test_advance_ms(host, 24 * HOUR_S * UINT64_C(1000));
		CU_ASSERT_TRUE(denied(ask(host, "bob"), cases[i].reason));
		tp_test_advance_ms(host, 16 * 24 * HOUR_S * UINT64_C(1000));
		CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
		tp_test_host_free(&host);
	}
}

static void a_realm_shares_its_day(void)
{
	struct tp_test_host *host = tp_test_host_create("quota", "realm_bytes_per_day = 3000");

	report(host, admit(host, "bob"), 1000);
	report(host, admit(host, "carol"), 1000);
	CU_ASSERT_TRUE(denied(ask(host, "dave"), "the realm's traffic of the day is used up"));
	CU_ASSERT_EQUAL(ask_in(host, "dave", "example.net")->verdict, TP_PASS);
	tp_test_host_free(&host);
}

static void the_running_are_ended_when_told_to(void)
{
	struct tp_test_host *host =
		tp_test_host_create("quota", "bytes_per_day = 3000\nenforce = kill");
	const struct tp_allocation_view *first = admit(host, "bob");
	const struct tp_allocation_view *second = admit(host, "bob");
	const struct tp_allocation_view *other = admit(host, "carol");
	uint64_t first_id = first->id;
	uint64_t second_id = second->id;

	report(host, first, 4000);
	report(host, first, 1); /* asks to end it once */
	report(host, second, 0);
	report(host, other, 10);
	CU_ASSERT_EQUAL(tp_test_counter(host, "ended"), 2);
	tp_test_turn(host);
	CU_ASSERT_FALSE(tp_test_allocation_exists(host, first_id));
	CU_ASSERT_FALSE(tp_test_allocation_exists(host, second_id));
	CU_ASSERT_TRUE(tp_test_allocation_exists(host, other->id));
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "allocation ended"));
	tp_test_host_free(&host);
}

static void the_last_report_counts(void)
{
	struct tp_test_host *host =
		tp_test_host_create("quota", "bytes_per_day = 1000\nenforce = kill");
	const struct tp_allocation_view *allocation = admit(host, "bob");

	tp_test_fire(host, TP_EVENT_on_turn_usage,
		     &(struct tp_usage){.allocation = allocation,
					.client_to_peer = {.bytes = 1000},
					.final = true});
	CU_ASSERT_EQUAL(tp_test_counter(host, "ended"), 0);
	end(host, allocation);
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_DENY);
	tp_test_host_free(&host);
}

/* --- whose ----------------------------------------------------------------------------------- */

static void a_part_of_the_name_tells_whose(void)
{
	static const struct {
		const char *part;
		const char *first;
		const char *second;
		enum tp_verdict verdict;
	} cases[] = {
		{"whole", "1700000100:bob", "1700000200:bob", TP_PASS},
		{"after_colon", "1700000100:bob", "1700000200:bob", TP_DENY},
		{"after_colon", "1700000100:bob", "1700000100:carol", TP_PASS},
		{"after_colon", "bob", "1700000100:bob", TP_DENY},
		{"before_colon", "bob:1700000100", "bob:1700000200", TP_DENY},
		{"before_colon", "bob:1700000100", "carol:1700000100", TP_PASS},
		{"before_colon", "bob:1", "bobby:1", TP_PASS},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char section[80];
		struct tp_test_host *host;

		snprintf(section, sizeof(section), "allocations = 1\nuser_part = %s",
			 cases[i].part);
		host = tp_test_host_create("quota", section);
		admit(host, cases[i].first);
		CU_ASSERT_EQUAL(ask(host, cases[i].second)->verdict, cases[i].verdict);
		tp_test_host_free(&host);
	}
}

static const char *section_with(struct scratch *scratch, const char *more, const char *users)
{
	static char section[PATH_MAX + 256];

	snprintf(section, sizeof(section), "users = %s\n%s",
		 scratch_write(scratch, "quota", 0644, users), more);
	return section;
}

static void named_users_have_limits_of_their_own(void)
{
	struct scratch scratch;
	struct tp_test_host *host;
	const struct tp_test_asked *asked;

	scratch_open(&scratch);
	host = tp_test_host_create("quota",
				   section_with(&scratch, "allocations = 1\nbits_per_s = 1M\n",
						"# who pays\n\n"
						"carol allocations=none bits_per_s=4M\r\n"
						"  bob   allocations=2\n"
						"bo allocations=1 bytes_per_day=1k\n"));
	admit(host, "alice2");
	CU_ASSERT_EQUAL(ask(host, "alice2")->verdict, TP_DENY);
	asked = ask(host, "bob");
	CU_ASSERT_EQUAL(asked->limits.bits_per_s, 1000000); /* as everybody */
	create(host, "bob");
	admit(host, "bob");
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_DENY);
	for (int i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(ask(host, "carol")->limits.bits_per_s, 4000000);
		admit(host, "carol");
	}
	report(host, admit(host, "bo"), 1023);
	CU_ASSERT_EQUAL(ask(host, "bo")->verdict, TP_DENY);
	tp_test_host_free(&host);
	scratch_close(&scratch);
}

static void broken_files_are_named_with_their_line(void)
{
	static const struct {
		const char *text;
		const char *problem;
	} cases[] = {
		{"bob allocations=2\ncarol allocation=2\n", "quota:2: no limit such as"},
		{"bob allocations\n", "quota:1: no limit such as"},
		{"bob allocations=-1\n", "quota:1: no limit such as"},
		{"bob allocations=0\n", "quota:1: no limit such as"},
		{"bob allocations=2q\n", "quota:1: no limit such as"},
		{"bob allocations=2kk\n", "quota:1: no limit such as"},
		{"bob bytes_per_day=99999999999999999999\n", "quota:1: no limit such as"},
		{"bob bytes_per_day=99999999T\n", "quota:1: no limit such as"},
		{"\nbob allocations=2\nbob allocations=3\n", "quota:3: the user is in line 2"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_TEST_PROBLEM_SIZE] = "";
		struct scratch scratch;

		scratch_open(&scratch);
		CU_ASSERT_PTR_NULL(tp_test_host_try(
			"quota", section_with(&scratch, "", cases[i].text), problem));
		if (strstr(problem, cases[i].problem) == NULL) {
			printf("wanted \"%s\", got \"%s\"\n", cases[i].problem, problem);
		}
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].problem));
		scratch_close(&scratch);
	}
}

/* --- reload and room ---------------------------------------------------------------------------
 */

static void a_reload_keeps_what_was_counted(void)
{
	char problem[TP_TEST_PROBLEM_SIZE];
	struct tp_test_host *host =
		tp_test_host_create("quota", "allocations = 1\nbytes_per_day = 3000");
	const struct tp_allocation_view *allocation = admit(host, "bob");

	report(host, allocation, 1000);
	CU_ASSERT_TRUE_FATAL(tp_test_host_reload(
		host, "allocations = 2\nbytes_per_day = 3000\nbits_per_s = 1M", problem));
	admit(host, "bob");
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_DENY);
	report(host, allocation, 1000);
	CU_ASSERT_EQUAL(bits_of(host, allocation), 1000000); /* new limits reach the old one */
	CU_ASSERT_TRUE(tp_test_host_reload(host, "bytes_per_day = 3000", problem));
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_DENY);
	end(host, allocation);
	CU_ASSERT_TRUE(tp_test_host_reload(host, "allocations = 2", problem));
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
	tp_test_host_free(&host);
}

static void the_table_forgets_who_is_gone(void)
{
	struct tp_test_host *host =
		tp_test_host_create("quota", "max_users = 3\nallocations = 1\nbytes_per_day = 10");
	const struct tp_allocation_view *bob = admit(host, "bob"); /* with the realm two */
	const struct tp_allocation_view *carol = admit(host, "carol");

	CU_ASSERT_TRUE(denied(ask(host, "dave"), "too many users"));
	report(host, carol, 100);
	end(host, carol);
	CU_ASSERT_EQUAL(ask(host, "carol")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(tp_test_counter(host, "forgotten"), 0);
	CU_ASSERT_EQUAL(ask(host, "dave")->verdict, TP_PASS); /* in carol's place */
	CU_ASSERT_EQUAL(tp_test_counter(host, "forgotten"), 1);
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_DENY);
	end(host, bob);
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
	tp_test_host_free(&host);
}

static void what_finds_no_room_goes_uncounted(void)
{
	struct tp_test_host *host = tp_test_host_create("quota", "max_users = 2");
	const struct tp_allocation_view *allocation;

	admit(host, "bob");
	allocation = create(host, "carol"); /* admitted before the table was full */
	CU_ASSERT_EQUAL(tp_test_counter(host, "uncounted"), 1);
	end(host, allocation);
	tp_test_host_free(&host);
}

/* Loaded into a daemon that relays already. */
static void an_older_allocation_is_counted_from_its_report_on(void)
{
	struct tp_test_host *host = tp_test_host_create(
		"quota", "allocations = 1\nbits_per_s = 1M\nbytes_per_day = 1M");
	const struct tp_allocation_view *allocation = tp_test_allocation(host);

	CU_ASSERT_EQUAL(ask(host, "alice")->verdict, TP_PASS);
	report(host, allocation, 10);
	CU_ASSERT_EQUAL(bits_of(host, allocation), 1000000);
	CU_ASSERT_EQUAL(ask(host, "alice")->verdict, TP_DENY);
	tp_test_host_free(&host);
}

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *problem;
	} cases[] = {
		{"allocations = 0", "allocations"},
		{"allocations = many", "allocations"},
		{"bits_per_s = 1", "bits_per_s"},
		{"enforce = maybe", "enforce"},
		{"user_part = all", "user_part"},
		{"users = quota", "users"},
		{"users = /nonexistent/q", "users: /nonexistent/q cannot be read"},
		{"max_users = 1", "max_users"},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try("quota", cases[i].section, problem));
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].problem));
	}
}

TEST_SUITE("quota", TEST(without_limits_all_pass), TEST(a_user_has_so_many_allocations),
	   TEST(a_realm_has_so_many_allocations), TEST(one_too_many_is_ended),
	   TEST(new_ones_come_at_a_rate), TEST(a_realm_has_a_rate_too),
	   TEST(the_daemon_limits_each_allocation), TEST(allocations_of_a_user_share),
	   TEST(traffic_of_a_day_is_used_up), TEST(traffic_of_a_month_is_used_up),
	   TEST(a_realm_shares_its_day), TEST(the_running_are_ended_when_told_to),
	   TEST(the_last_report_counts), TEST(a_part_of_the_name_tells_whose),
	   TEST(named_users_have_limits_of_their_own), TEST(broken_files_are_named_with_their_line),
	   TEST(a_reload_keeps_what_was_counted), TEST(the_table_forgets_who_is_gone),
	   TEST(what_finds_no_room_goes_uncounted),
	   TEST(an_older_allocation_is_counted_from_its_report_on), TEST(options_are_checked));

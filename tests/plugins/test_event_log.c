/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <turnpike/test.h>

#include "stun/attr.h"
#include "stun/build.h"
#include "support/scratch.h"
#include "support/suite.h"

#define ALL_EVENTS                                                                                 \
	"events = on_turn_create_allocation on_turn_delete_allocation on_turn_before_permission "  \
	"on_turn_before_channel on_stun_request_error on_stun_exception\n"

/* The host's clock stands at 1700000000. */
#define TIME "\"time\":\"2023-11-14T22:13:20Z\""
#define FIVE_TUPLE                                                                                 \
	"\"transport\":\"udp\",\"client\":\"192.0.2.10:4000\",\"server\":\"198.51.100.1:3478\""
#define ALLOCATION "\"id\":1,\"user\":\"alice\",\"realm\":\"example.org\"," FIVE_TUPLE
#define BEGIN(event) "{" TIME ",\"event\":\"" event "\",\"worker\":0,"

struct fixture {
	struct scratch scratch;
	char section[PATH_MAX + 512];
	struct tp_test_host *host;
};

static void open_log(struct fixture *f, const char *more)
{
	scratch_open(&f->scratch);
	snprintf(f->section, sizeof(f->section), "log_file = %s\n%s",
		 scratch_path(&f->scratch, "events"), more);
	f->host = tp_test_host_create("event_log", f->section);
}

static void close_log(struct fixture *f)
{
	tp_test_host_free(&f->host);
	scratch_close(&f->scratch);
}

static const char *written(struct fixture *f)
{
	tp_test_finish_jobs(f->host);
	return scratch_read(&f->scratch, "events");
}

static void tell_create(struct fixture *f)
{
	tp_test_fire(f->host, TP_EVENT_on_turn_create_allocation,
		     &(struct tp_create_allocation){
			     .allocation = tp_test_allocation(f->host),
			     .lifetime_s = 600,
		     });
}

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return addr;
}

/* --- lines ----------------------------------------------------------------------------- */

static void an_allocation_begins(void)
{
	struct fixture f;

	open_log(&f, "");
	tell_create(&f);
	CU_ASSERT_STRING_EQUAL(written(&f), BEGIN("on_turn_create_allocation") ALLOCATION
			       ",\"relayed\":\"203.0.113.7:50000\",\"lifetime_s\":600}\n");
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "written"), 1);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "dropped"), 0);
	close_log(&f);
}

static void both_relayed_addresses_are_told(void)
{
	struct tp_allocation_view allocation;
	struct fixture f;

	open_log(&f, "");
	allocation = *tp_test_allocation(f.host);
	allocation.relayed_addr_more = addr_of("[2001:db8::7]:50001");
	tp_test_fire(f.host, TP_EVENT_on_turn_create_allocation,
		     &(struct tp_create_allocation){.allocation = &allocation, .lifetime_s = 1});
	CU_ASSERT_PTR_NOT_NULL(
		strstr(written(&f), "\"relayed_more\":\"[2001:db8::7]:50001\",\"lifetime_s\":1}"));
	close_log(&f);
}

static void an_allocation_ends_with_its_totals(void)
{
	struct fixture f;

	open_log(&f, "");
	tp_test_fire(f.host, TP_EVENT_on_turn_delete_allocation,
		     &(struct tp_delete_allocation){
			     .allocation = tp_test_allocation(f.host),
			     .cause = TP_DELETE_EXPIRED,
			     .duration_ms = 600123,
			     .client_to_peer = {.packets = 1, .bytes = 200},
			     .peer_to_client = {.packets = 3, .bytes = UINT64_C(1) << 60},
		     });
	CU_ASSERT_STRING_EQUAL(
		written(&f), BEGIN("on_turn_delete_allocation") ALLOCATION
		",\"relayed\":\"203.0.113.7:50000\",\"cause\":\"expired\",\"duration_ms\":600123,"
		"\"client_to_peer_packets\":1,\"client_to_peer_bytes\":200,"
		"\"peer_to_client_packets\":3,\"peer_to_client_bytes\":1152921504606846976}\n");
	close_log(&f);
}

static void permissions_and_channels_are_told_when_asked_for(void)
{
	struct tp_addr peer_addr = addr_of("192.0.2.200:9000");
	struct tp_before_permission permission;
	struct tp_before_channel channel;
	struct fixture f;

	open_log(&f, ALL_EVENTS);
	permission = (struct tp_before_permission){
		.allocation = tp_test_allocation(f.host),
		.peer_addr = &peer_addr,
		.method = TP_STUN_CREATE_PERMISSION,
	};
	channel = (struct tp_before_channel){
		.allocation = tp_test_allocation(f.host),
		.peer_addr = &peer_addr,
		.channel = 0x4001,
	};
	CU_ASSERT_EQUAL(
		tp_test_fire(f.host, TP_EVENT_on_turn_before_permission, &permission)->verdict,
		TP_PASS);
	CU_ASSERT_EQUAL(tp_test_fire(f.host, TP_EVENT_on_turn_before_channel, &channel)->verdict,
			TP_PASS);
	CU_ASSERT_STRING_EQUAL(
		written(&f), BEGIN("on_turn_before_permission") ALLOCATION
		",\"method\":\"CreatePermission\",\"peer\":\"192.0.2.200:9000\"}\n" BEGIN(
			"on_turn_before_channel") ALLOCATION
		",\"channel\":16385,\"peer\":\"192.0.2.200:9000\"}\n");
	close_log(&f);

	open_log(&f, "");
	tp_test_fire(f.host, TP_EVENT_on_turn_before_permission, &permission);
	tp_test_fire(f.host, TP_EVENT_on_turn_before_channel, &channel);
	CU_ASSERT_STRING_EQUAL(written(&f), "");
	close_log(&f);
}

static void exceptions_are_told_when_asked_for(void)
{
	struct tp_exception exception = {.stage = TP_STAGE_VERIFY, .reason = "no match"};
	struct fixture f;

	open_log(&f, ALL_EVENTS);
	exception.five_tuple = &tp_test_allocation(f.host)->five_tuple;
	exception.bytes.len = 20;
	tp_test_fire(f.host, TP_EVENT_on_stun_exception, &exception);
	exception.five_tuple = NULL;
	exception.stage = (enum tp_exception_stage)99;
	tp_test_fire(f.host, TP_EVENT_on_stun_exception, &exception);
	CU_ASSERT_STRING_EQUAL(
		written(&f), BEGIN("on_stun_exception") FIVE_TUPLE
		",\"stage\":\"verify\",\"reason\":\"no match\",\"bytes\":20}\n" BEGIN(
			"on_stun_exception") "\"stage\":\"other\",\"reason\":\"no "
					     "match\",\"bytes\":20}\n");
	close_log(&f);
}

/* --- errors ----------------------------------------------------------------------------- */

static void set_request(struct fixture *f, const char *username)
{
	static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = "event-log";
	struct tp_build build;
	uint8_t bytes[1024];

	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_ALLOCATE, TP_STUN_REQUEST,
		      transaction_id);
	if (username != NULL) {
		tp_build_bytes(&build, TP_ATTR_USERNAME, username, strlen(username));
	}
	tp_test_set_request(f->host, bytes, tp_build_finish(&build));
}

static void ask_error(struct fixture *f, uint16_t code, const char *reason)
{
	static struct tp_request_error event;

	event = (struct tp_request_error){
		.five_tuple = &tp_test_allocation(f->host)->five_tuple,
		.method = TP_STUN_ALLOCATE,
		.code = code,
		.reason = reason,
	};
	CU_ASSERT_EQUAL(tp_test_fire(f->host, TP_EVENT_on_stun_request_error, &event)->verdict,
			TP_PASS);
}

static void a_refused_user_is_told(void)
{
	struct fixture f;

	open_log(&f, "");
	set_request(&f, "alice");
	ask_error(&f, 486, "Allocation Quota Reached");
	CU_ASSERT_STRING_EQUAL(written(&f), BEGIN("on_stun_request_error") FIVE_TUPLE
			       ",\"method\":\"Allocate\",\"user\":\"alice\",\"code\":486,"
			       "\"reason\":\"Allocation Quota Reached\"}\n");
	close_log(&f);
}

static void a_wrong_password_is_told_with_the_name_claimed(void)
{
	struct fixture f;

	open_log(&f, "");
	set_request(&f, "mallory");
	tp_test_set_user(f.host, NULL);
	ask_error(&f, 401, "Unauthorized");
	CU_ASSERT_PTR_NOT_NULL(strstr(written(&f), "\"claimed_user\":\"mallory\",\"code\":401"));
	CU_ASSERT_PTR_NULL(strstr(written(&f), "\"user\""));
	close_log(&f);
}

/* RFC 8489 section 9.2.4: the first request of every client ends so. */
static void the_challenge_is_no_error(void)
{
	struct fixture f;

	open_log(&f, "");
	tp_test_set_user(f.host, NULL);
	set_request(&f, NULL);
	ask_error(&f, 401, "Unauthorized");
	set_request(&f, "alice");
	ask_error(&f, 438, "Stale Nonce");
	CU_ASSERT_STRING_EQUAL(written(&f), "");
	set_request(&f, NULL);
	ask_error(&f, 400, "Bad Request");
	CU_ASSERT_PTR_NOT_NULL(strstr(written(&f), "\"code\":400"));
	close_log(&f);
}

/* --- hostile text ------------------------------------------------------------------------- */

static void text_cannot_break_out(void)
{
	static const struct {
		const char *name;
		const char *json;
	} cases[] = {
		{"a\"b", "\"a\\\"b\""},
		{"a\\", "\"a\\\\\""},
		{"a\nb\t\x01\x7f", "\"a\xef\xbf\xbd\x62\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"</script>", "\"</script>\""},
		{"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
		 "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
		{"\xff", "\"\xef\xbf\xbd\""},
		{"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                 /* overlong */
		{"\xe0\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* overlong */
		{"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* surrogate */
		{"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
		{"\xc2\x85", "\"\xef\xbf\xbd\xef\xbf\xbd\""},   /* U+0085, a newline to some */
		{"x\xe2\x82", "\"x\xef\xbf\xbd\xef\xbf\xbd\""}, /* cut short */
	};
	struct fixture f;

	open_log(&f, "");
	tp_test_set_user(f.host, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *line;

		set_request(&f, cases[i].name);
		ask_error(&f, 401, "Unauthorized");
		line = written(&f);
		if (strstr(line, cases[i].json) == NULL) {
			printf("case %zu: %s", i, line);
		}
		CU_ASSERT_PTR_NOT_NULL(strstr(line, cases[i].json));
		CU_ASSERT_PTR_EQUAL(strchr(line, '\n'), line + strlen(line) - 1);
		CU_ASSERT_EQUAL(truncate(scratch_path(&f.scratch, "events"), 0), 0);
	}
	close_log(&f);
}

static void the_longest_names_fit_a_line(void)
{
	char name[509];
	struct fixture f;

	memset(name, '\x01', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	open_log(&f, "");
	tp_test_set_user(f.host, NULL);
	set_request(&f, name);
	ask_error(&f, 401, "Unauthorized");
	CU_ASSERT_TRUE(strlen(written(&f)) > 3 * 508);
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "dropped"), 0);
	close_log(&f);
}

static void a_line_that_is_too_long_is_counted(void)
{
	struct tp_allocation_view allocation;
	char realm[5000];
	struct fixture f;

	memset(realm, 'r', sizeof(realm) - 1);
	realm[sizeof(realm) - 1] = '\0';
	open_log(&f, "");
	allocation = *tp_test_allocation(f.host);
	allocation.realm = realm;
	tp_test_fire(f.host, TP_EVENT_on_turn_create_allocation,
		     &(struct tp_create_allocation){.allocation = &allocation});
	CU_ASSERT_STRING_EQUAL(written(&f), "");
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "dropped"), 1);
	close_log(&f);
}

/* --- the file ------------------------------------------------------------------------------- */

static size_t count_lines(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++) {
		count += *text == '\n';
	}
	return count;
}

static void lines_are_appended_and_nobody_else_reads_them(void)
{
	struct stat status;
	struct fixture f;

	open_log(&f, "");
	tell_create(&f);
	tp_test_host_free(&f.host);
	f.host = tp_test_host_create("event_log", f.section);
	tell_create(&f);
	CU_ASSERT_EQUAL(count_lines(written(&f)), 2);
	CU_ASSERT_EQUAL(stat(scratch_path(&f.scratch, "events"), &status), 0);
	CU_ASSERT_EQUAL(status.st_mode & 0007, 0);
	close_log(&f);
}

static void a_moved_file_is_opened_anew(void)
{
	char moved[PATH_MAX];
	struct fixture f;

	open_log(&f, "");
	tell_create(&f);
	CU_ASSERT_EQUAL(count_lines(written(&f)), 1);
	strcpy(moved, scratch_path(&f.scratch, "events.1"));
	CU_ASSERT_EQUAL(rename(scratch_path(&f.scratch, "events"), moved), 0);
	tell_create(&f);
	tell_create(&f);
	CU_ASSERT_EQUAL(count_lines(written(&f)), 2);
	CU_ASSERT_EQUAL(count_lines(scratch_read(&f.scratch, "events.1")), 1);

	/* One that another made in its place, as log rotators do. */
	CU_ASSERT_EQUAL(rename(scratch_path(&f.scratch, "events"), moved), 0);
	scratch_write(&f.scratch, "events", 0600, "");
	tell_create(&f);
	CU_ASSERT_EQUAL(count_lines(written(&f)), 1);
	CU_ASSERT_EQUAL(count_lines(scratch_read(&f.scratch, "events.1")), 2);
	close_log(&f);
}

static void the_end_writes_what_waits(void)
{
	struct fixture f;

	open_log(&f, "");
	for (int i = 0; i < 100; i++) {
		tell_create(&f);
	}
	tp_test_host_free(&f.host);
	CU_ASSERT_EQUAL(count_lines(scratch_read(&f.scratch, "events")), 100);
	scratch_close(&f.scratch);
}

/* A pipe that nobody reads holds one line up; what does not fit the queue is gone. */
static void a_slow_reader_costs_lines_and_no_time(void)
{
	struct fixture f;
	uint64_t dropped;
	size_t lines = 0;
	char text[4096];
	ssize_t got;
	int reader;

	scratch_open(&f.scratch);
	snprintf(f.section, sizeof(f.section), "queue = 4\nlog_file = %s\n",
		 scratch_path(&f.scratch, "pipe"));
	CU_ASSERT_EQUAL_FATAL(mkfifo(scratch_path(&f.scratch, "pipe"), 0600), 0);
	reader = open(scratch_path(&f.scratch, "pipe"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	CU_ASSERT_NOT_EQUAL_FATAL(reader, -1);
	CU_ASSERT_TRUE(fcntl(reader, F_SETPIPE_SZ, 4096) >= 4096);
	f.host = tp_test_host_create("event_log", f.section);
	for (int i = 0; i < 1000; i++) {
		tell_create(&f);
	}
	dropped = tp_test_counter(f.host, "dropped");
	CU_ASSERT_TRUE(dropped > 0);
	tp_test_finish_jobs(f.host);
	while ((got = read(reader, text, sizeof(text) - 1)) > 0) {
		text[got] = '\0';
		lines += count_lines(text);
	}
	CU_ASSERT_TRUE(lines > 0);
	CU_ASSERT_EQUAL(lines, tp_test_counter(f.host, "written"));
	CU_ASSERT_EQUAL(tp_test_counter(f.host, "written") + tp_test_counter(f.host, "dropped"),
			1000);
	tp_test_host_free(&f.host);
	close(reader);
	scratch_close(&f.scratch);
}

static void a_full_disk_is_said_once(void)
{
	char problem[TP_TEST_PROBLEM_SIZE];
	struct tp_test_host *host = tp_test_host_try("event_log", "log_file = /dev/full", problem);
	struct fixture f = {.host = host};
	const char *said;

	CU_ASSERT_PTR_NOT_NULL_FATAL(host);
	for (int i = 0; i < 3; i++) {
		tell_create(&f);
		tp_test_finish_jobs(host);
	}
	CU_ASSERT_EQUAL(tp_test_counter(host, "dropped"), 3);
	said = strstr(tp_test_log(host), "cannot write to /dev/full");
	CU_ASSERT_PTR_NOT_NULL_FATAL(said);
	CU_ASSERT_PTR_NULL(strstr(said + 1, "cannot write to"));
	tp_test_host_free(&host);
}

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *problem;
	} cases[] = {
		{"events = on_turn_create", "events: on_turn_create is none"},
		{"events = on_turn_before_allocate", "events: on_turn_before_allocate is none"},
		{"queue = 0", "queue"},
		{"queue = 1000001", "queue"},
		{"log_file = events.json", "log_file"},
		{"log_file = /nonexistent/events",
		 "log_file: /nonexistent/events cannot be written: No"},
		{"log_file = /tmp", "log_file: /tmp cannot be written"},
		{"file = /tmp/x", "file: unknown key"},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try("event_log", cases[i].section, problem));
		if (strstr(problem, cases[i].problem) == NULL) {
			printf("%s: %s\n", cases[i].section, problem);
		}
		CU_ASSERT_PTR_NOT_NULL(strstr(problem, cases[i].problem));
	}
}

TEST_SUITE("event_log", TEST(an_allocation_begins), TEST(both_relayed_addresses_are_told),
	   TEST(an_allocation_ends_with_its_totals),
	   TEST(permissions_and_channels_are_told_when_asked_for),
	   TEST(exceptions_are_told_when_asked_for), TEST(a_refused_user_is_told),
	   TEST(a_wrong_password_is_told_with_the_name_claimed), TEST(the_challenge_is_no_error),
	   TEST(text_cannot_break_out), TEST(the_longest_names_fit_a_line),
	   TEST(a_line_that_is_too_long_is_counted),
	   TEST(lines_are_appended_and_nobody_else_reads_them), TEST(a_moved_file_is_opened_anew),
	   TEST(the_end_writes_what_waits), TEST(a_slow_reader_costs_lines_and_no_time),
	   TEST(a_full_disk_is_said_once), TEST(options_are_checked));

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_report.h"

#include <string.h>
#include <unistd.h>

#include "cli/load_process.h"
#include "support/suite.h"

static struct tp_load_options options;
static struct tp_load_result result;
static char text[2048];

/* Ten allocations, one failed; 2000 packets sent in two seconds, all but one arrived. */
static void begin(void)
{
	memset(&options, 0, sizeof(options));
	memset(&result, 0, sizeof(result));
	options.mode = TP_LOAD_SEND;
	options.allocations = 10;
	options.size = 172;
	options.train = 1;
	result.failed = 1;
	result.sent = 2000;
	result.received = 1999;
	result.lost = 1;
	result.arrivals = 1998;
	result.measured_ns = 2000000000;
	tp_load_histogram_add(&result.latency, 50000);
}

static void write_report(void)
{
	FILE *out = fmemopen(text, sizeof(text), "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	tp_load_report(out, &options, &result);
	fclose(out);
}

static void json_says_what_was_counted(void)
{
	begin();
	options.json = true;
	write_report();
	CU_ASSERT_STRING_EQUAL(
		text, "{\"mode\": \"send\", \"allocations\": 10, \"failed\": 1, \"size\": 172, "
		      "\"rate\": 0, \"seconds\": 2.000, \"train\": 1, \"sent\": 2000, "
		      "\"received\": 1999, \"lost\": 1, \"reordered\": 0, \"duplicated\": 0, "
		      "\"corrupt\": 0, \"per_second\": 999.0, \"p50_us\": 50.0, \"p99_us\": 50.0, "
		      "\"p999_us\": 50.0, \"max_us\": 50.0}\n");
}

static void costs_are_shared_among_arrivals_and_allocations_made(void)
{
	begin();
	options.json = true;
	options.server_pid = 1;
	result.server_cpu_ns = 1998 * 2500;
	result.server_rss_before = 10000;
	result.server_rss_after = 19000;
	write_report();
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"server_cpu_ns_per_packet\": 2500.0, "
					    "\"server_rss_before\": 10000, "
					    "\"server_rss_after\": 19000, "
					    "\"server_rss_per_allocation\": 1000.0}"));
	result.server_rss_after = 9000;
	write_report();
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"server_rss_per_allocation\": 0.0}"));
}

static void lines_name_the_first_failure(void)
{
	begin();
	snprintf(result.reason, sizeof(result.reason), "Allocate: 486 Allocation Quota Reached");
	write_report();
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "1 failed: Allocate: 486 Allocation Quota Reached\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "999 packets a second: 2000 sent, 1999 received"));
}

static void nothing_measured_divides_by_nothing(void)
{
	begin();
	memset(&result, 0, sizeof(result));
	result.failed = 10;
	options.server_pid = 1;
	options.json = true;
	write_report();
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"per_second\": 0.0"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"server_rss_per_allocation\": 0.0"));
}

static void passes_only_when_all_was_made_and_undamaged(void)
{
	begin();
	CU_ASSERT_FALSE(tp_load_passed(&options, &result));
	result.failed = 0;
	CU_ASSERT_TRUE(tp_load_passed(&options, &result));
	result.corrupt = 1;
	CU_ASSERT_FALSE(tp_load_passed(&options, &result));
	result.corrupt = 0;
	result.received = 0;
	CU_ASSERT_FALSE(tp_load_passed(&options, &result));
	options.target = TP_LOAD_TARGET_SINK;
	CU_ASSERT_TRUE(tp_load_passed(&options, &result));
}

static void a_process_is_read_from_proc(void)
{
	CU_ASSERT_NOT_EQUAL(tp_load_process_rss(getpid()), 0);
	CU_ASSERT_NOT_EQUAL(tp_load_process_cpu_ns(getpid()), 0);
	CU_ASSERT_EQUAL(tp_load_process_rss(0), 0);
	CU_ASSERT_EQUAL(tp_load_process_cpu_ns(0), 0);
}

TEST_SUITE("load_report", TEST(json_says_what_was_counted),
	   TEST(costs_are_shared_among_arrivals_and_allocations_made),
	   TEST(lines_name_the_first_failure), TEST(nothing_measured_divides_by_nothing),
	   TEST(passes_only_when_all_was_made_and_undamaged), TEST(a_process_is_read_from_proc));

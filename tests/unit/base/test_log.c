/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <string.h>

#include "support/suite.h"

static char lines[64 * 1024];
static size_t lines_len;
static unsigned line_count;

static void keep(const char *line, size_t len, void *arg)
{
	(void)arg;
	if (lines_len + len < sizeof(lines)) {
		memcpy(lines + lines_len, line, len);
		lines_len += len;
		lines[lines_len] = '\0';
	}
	line_count++;
}

static void begin(enum tp_log_format format)
{
	lines_len = 0;
	lines[0] = '\0';
	line_count = 0;
	tp_log_set_format(format);
	tp_log_set_level(TP_LOG_INFO);
	tp_log_set_sink(keep, NULL);
}

static void end(void)
{
	tp_log_set_sink(NULL, NULL);
	tp_log_set_format(TP_LOG_TEXT);
}

static void a_line_has_time_level_component_and_sentence(void)
{
	begin(TP_LOG_TEXT);
	tp_log_at(NULL, TP_LOG_WARN, "turn", "sentence key=%d", 7);
	CU_ASSERT_PTR_NOT_NULL(strstr(lines, "Z warn turn: sentence key=7\n"));
	CU_ASSERT_EQUAL(lines[4], '-');
	CU_ASSERT_EQUAL(lines[10], 'T');
	end();
}

static void json_is_one_object_a_line(void)
{
	begin(TP_LOG_JSON);
	tp_log_at(NULL, TP_LOG_ERROR, "turn", "a \"quoted\" \\ word");
	CU_ASSERT_PTR_NOT_NULL(strstr(lines,
				      "\"level\":\"error\",\"component\":\"turn\",\"message\":"
				      "\"a \\\"quoted\\\" \\\\ word\"}\n"));
	CU_ASSERT_EQUAL(lines[0], '{');
	end();
}

static void control_bytes_and_broken_utf8_are_escaped(void)
{
	begin(TP_LOG_TEXT);
	tp_log_at(NULL, TP_LOG_INFO, "turn", "%s",
		  "a\nb\x1b[31m\x7f\xff\xc2\x9b\xed\xa0\x80\xc3\xa4");
	CU_ASSERT_PTR_NOT_NULL(
		strstr(lines, ": a\\x0ab\\x1b[31m\\x7f\\xff\\x9b\\xed\\xa0\\x80\xc3\xa4\n"));
	CU_ASSERT_EQUAL(line_count, 1);
	CU_ASSERT_PTR_EQUAL(strchr(lines, '\n'), lines + lines_len - 1);
	end();
}

static void long_lines_are_cut(void)
{
	static char text[5000];

	memset(text, 'x', sizeof(text) - 1);
	begin(TP_LOG_TEXT);
	tp_log_at(NULL, TP_LOG_INFO, "turn", "%s", text);
	CU_ASSERT_TRUE(lines_len <= TP_LOG_LINE_MAX + 64);
	CU_ASSERT_TRUE(lines_len >= TP_LOG_LINE_MAX);
	end();
}

static void lines_below_the_level_are_not_made(void)
{
	begin(TP_LOG_TEXT);
	TP_LOG(TP_LOG_DEBUG, "turn", "no");
	CU_ASSERT_EQUAL(line_count, 0);
	tp_log_set_level(TP_LOG_DEBUG);
	TP_LOG(TP_LOG_DEBUG, "turn", "yes");
	CU_ASSERT_EQUAL(line_count, 1);
	end();
}

static void a_call_site_writes_20_lines_then_is_quiet(void)
{
	struct tp_log_site site = {0};

	begin(TP_LOG_TEXT);
	for (int i = 0; i < 100; i++) {
		tp_log_at(&site, TP_LOG_INFO, "turn", "again");
	}
	/* a window may end meanwhile, once */
	CU_ASSERT_TRUE(line_count == TP_LOG_SITE_BURST || line_count == 2 * TP_LOG_SITE_BURST);
	end();
}

static void errors_are_never_suppressed(void)
{
	struct tp_log_site site = {0};

	begin(TP_LOG_TEXT);
	for (int i = 0; i < 100; i++) {
		tp_log_at(&site, TP_LOG_ERROR, "turn", "again");
	}
	CU_ASSERT_EQUAL(line_count, 100);
	end();
}

static void what_was_suppressed_is_told(void)
{
	struct tp_log_site site = {.suppressed = 7};

	begin(TP_LOG_TEXT);
	tp_log_at(&site, TP_LOG_INFO, "turn", "again");
	CU_ASSERT_PTR_NOT_NULL(strstr(lines, "again suppressed=7\n"));
	end();
}

TEST_SUITE("log", TEST(a_line_has_time_level_component_and_sentence),
	   TEST(json_is_one_object_a_line), TEST(control_bytes_and_broken_utf8_are_escaped),
	   TEST(long_lines_are_cut), TEST(lines_below_the_level_are_not_made),
	   TEST(a_call_site_writes_20_lines_then_is_quiet), TEST(errors_are_never_suppressed),
	   TEST(what_was_suppressed_is_told));

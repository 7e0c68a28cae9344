/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/source_limit.h"

#include <stdlib.h>

#include "support/suite.h"

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return addr;
}

static unsigned passed(struct tp_source_limit *limit, const char *source, unsigned tries,
		       uint64_t now_ms)
{
	struct tp_addr addr = addr_of(source);
	unsigned count = 0;

	while (tries-- > 0) {
		count += tp_source_limit_pass(limit, &addr, now_ms);
	}
	return count;
}

static void a_source_gets_its_rate_in_each_second(void)
{
	struct tp_source_limit *limit = calloc(1, sizeof(*limit));

	CU_ASSERT_PTR_NOT_NULL_FATAL(limit);
	limit->rate = 10;
	CU_ASSERT_EQUAL(passed(limit, "192.0.2.1:1", 20, 5000), 10);
	CU_ASSERT_EQUAL(passed(limit, "192.0.2.1:2", 20, 5999), 0);
	CU_ASSERT_EQUAL(passed(limit, "192.0.2.1:1", 20, 6000), 10);
	free(limit);
}

static void ipv6_sources_of_one_64_share_the_rate(void)
{
	struct tp_source_limit *limit = calloc(1, sizeof(*limit));

	CU_ASSERT_PTR_NOT_NULL_FATAL(limit);
	limit->rate = 10;
	CU_ASSERT_EQUAL(passed(limit, "[2001:db8::1]:1", 20, 5000), 10);
	CU_ASSERT_EQUAL(passed(limit, "[2001:db8::2]:1", 20, 5000), 0);
	free(limit);
}

static void rate_0_limits_nothing(void)
{
	struct tp_source_limit *limit = calloc(1, sizeof(*limit));

	CU_ASSERT_PTR_NOT_NULL_FATAL(limit);
	CU_ASSERT_EQUAL(passed(limit, "192.0.2.1:1", 2000, 5000), 2000);
	free(limit);
}

TEST_SUITE("source_limit", TEST(a_source_gets_its_rate_in_each_second),
	   TEST(ipv6_sources_of_one_64_share_the_rate), TEST(rate_0_limits_nothing));

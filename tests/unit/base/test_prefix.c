/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/prefix.h>

#include <stdio.h>

#include <turnpike/error.h>

#include "support/suite.h"

static unsigned find(const struct tp_prefix_set *set, const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return tp_prefix_set_find(set, &addr);
}

static void the_longest_network_wins(void)
{
	struct tp_prefix_set *set = tp_prefix_set_create();

	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "0.0.0.0/0", 1), 0);
	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "192.0.2.0/24", 2), 0);
	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "192.0.2.128/25", 3), 0);
	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "192.0.2.200", 4), 0);
	CU_ASSERT_EQUAL(find(set, "198.51.100.1"), 1);
	CU_ASSERT_EQUAL(find(set, "192.0.2.127"), 2);
	CU_ASSERT_EQUAL(find(set, "192.0.2.199"), 3);
	CU_ASSERT_EQUAL(find(set, "192.0.2.200:5"), 4);
	CU_ASSERT_EQUAL(find(set, "::1"), 0);
	CU_ASSERT_EQUAL(tp_prefix_set_count(set), 4);
	tp_prefix_set_free(&set);
	CU_ASSERT_PTR_NULL(set);
}

static void the_families_are_apart(void)
{
	struct tp_prefix_set *set = tp_prefix_set_create();

	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "::/0", 1), 0);
	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "2001:db8::/32", 2), 0);
	CU_ASSERT_EQUAL(find(set, "192.0.2.1"), 0);
	CU_ASSERT_EQUAL(find(set, "2001:db8:ffff::1"), 2);
	CU_ASSERT_EQUAL(find(set, "::ffff:192.0.2.1"), 1);
	tp_prefix_set_free(&set);
}

static void the_greater_mark_stays(void)
{
	struct tp_prefix_set *set = tp_prefix_set_create();

	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "192.0.2.0/24", 2), 0);
	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "192.0.2.0/24", 1), 0);
	CU_ASSERT_EQUAL(find(set, "192.0.2.1"), 2);
	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "192.0.2.0/24", 255), 0);
	CU_ASSERT_EQUAL(find(set, "192.0.2.1"), 255);
	CU_ASSERT_EQUAL(tp_prefix_set_count(set), 1);
	tp_prefix_set_free(&set);
}

static const char *const malformed[] = {
	"",
	"/",
	"192.0.2.0/",
	"192.0.2.0/33",
	"192.0.2.1/24",
	"192.0.2.0/-1",
	"192.0.2.0/24x",
	"192.0.2.0/0x18",
	"192.0.2.0:80/24",
	"192.0.2.1:80",
	"2001:db8::/129",
	"2001:db8::1/32",
	"[2001:db8::]/32",
	"example.org/24",
	"192.0.2/24",
	"192.0.2.0/024 ",
	"192.0.2.0 /24",
	"192.0.2.0/1000",
};

static void refuses_what_is_no_network(void)
{
	struct tp_prefix_set *set = tp_prefix_set_create();

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		if (tp_prefix_set_add(set, malformed[i], 1) != TP_EINVAL) {
			CU_FAIL(malformed[i]);
		}
	}
	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "192.0.2.0/24", 0), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_prefix_set_add(set, "192.0.2.0/24", 256), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_prefix_set_count(set), 0);
	tp_prefix_set_free(&set);
}

static void holds_thousands(void)
{
	struct tp_prefix_set *set = tp_prefix_set_create();
	char text[64];

	for (unsigned i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "%u.%u.%u.0/24", 1 + i / 65536, i / 256 % 256,
			 i % 256);
		CU_ASSERT_EQUAL(tp_prefix_set_add(set, text, 1 + i % 255), 0);
	}
	for (unsigned i = 0; i < 20000; i += 37) {
		snprintf(text, sizeof(text), "%u.%u.%u.77", 1 + i / 65536, i / 256 % 256, i % 256);
		CU_ASSERT_EQUAL(find(set, text), 1 + i % 255);
	}
	CU_ASSERT_EQUAL(tp_prefix_set_count(set), 20000);
	tp_prefix_set_free(&set);
}

TEST_SUITE("prefix", TEST(the_longest_network_wins), TEST(the_families_are_apart),
	   TEST(the_greater_mark_stays), TEST(refuses_what_is_no_network), TEST(holds_thousands));

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/quota.h"

#include "support/suite.h"

static void counts_each_user_apart(void)
{
	struct tp_quota *quota = tp_quota_create();
	struct tp_quota_user *a[2] = {NULL};
	struct tp_quota_user *b = NULL;
	struct tp_quota_user *none = NULL;

	CU_ASSERT_PTR_NOT_NULL_FATAL(quota);
	CU_ASSERT_EQUAL(tp_quota_take(quota, "alice", "example.org", 2, 0, &a[0]), 0);
	CU_ASSERT_EQUAL(tp_quota_take(quota, "alice", "example.org", 2, 0, &a[1]), 0);
	CU_ASSERT_EQUAL(tp_quota_take(quota, "alice", "example.org", 2, 0, &none), 486);
	CU_ASSERT_PTR_NULL(none);
	CU_ASSERT_EQUAL(tp_quota_take(quota, "bob", "example.org", 2, 0, &b), 0);

	tp_quota_give(quota, &a[0]);
	CU_ASSERT_PTR_NULL(a[0]);
	CU_ASSERT_EQUAL(tp_quota_take(quota, "alice", "example.org", 2, 0, &a[0]), 0);

	tp_quota_give(quota, &a[0]);
	tp_quota_give(quota, &a[1]);
	tp_quota_give(quota, &b);
	tp_quota_give(quota, &none);
	tp_quota_free(&quota);
	CU_ASSERT_PTR_NULL(quota);
}

static void the_same_name_in_another_realm_is_another_user(void)
{
	struct tp_quota *quota = tp_quota_create();
	struct tp_quota_user *a = NULL;
	struct tp_quota_user *b = NULL;

	CU_ASSERT_EQUAL(tp_quota_take(quota, "alice", "example.org", 1, 0, &a), 0);
	CU_ASSERT_EQUAL(tp_quota_take(quota, "alice", "example.net", 1, 0, &b), 0);
	tp_quota_give(quota, &a);
	tp_quota_give(quota, &b);
	tp_quota_free(&quota);
}

static void refuses_beyond_the_limit_in_all(void)
{
	struct tp_quota *quota = tp_quota_create();
	struct tp_quota_user *a = NULL;
	struct tp_quota_user *b = NULL;

	CU_ASSERT_EQUAL(tp_quota_take(quota, "alice", "example.org", 0, 1, &a), 0);
	CU_ASSERT_EQUAL(tp_quota_take(quota, "bob", "example.org", 0, 1, &b), 508);
	tp_quota_give(quota, &a);
	CU_ASSERT_EQUAL(tp_quota_take(quota, "bob", "example.org", 0, 1, &b), 0);
	tp_quota_give(quota, &b);
	tp_quota_free(&quota);
}

TEST_SUITE("quota", TEST(counts_each_user_apart),
	   TEST(the_same_name_in_another_realm_is_another_user),
	   TEST(refuses_beyond_the_limit_in_all));

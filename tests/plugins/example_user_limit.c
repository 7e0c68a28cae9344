/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <turnpike/test.h>

#include "support/suite.h"

static const struct tp_test_asked *ask(struct tp_test_host *host, const char *user)
{
	static struct tp_before_allocate event;

	event = (struct tp_before_allocate){
		.five_tuple = &tp_test_allocation(host)->five_tuple,
		.client_addr = &tp_test_allocation(host)->five_tuple.client_addr,
		.user = user,
		.realm = "example.org",
		.relayed_addr = &tp_test_allocation(host)->relayed_addr,
		.lifetime_s = 600,
	};
	return tp_test_fire(host, TP_EVENT_on_turn_before_allocate, &event);
}

static void tell_created(struct tp_test_host *host, const char *user)
{
	struct tp_allocation_view allocation = *tp_test_allocation(host);

	allocation.user = user;
	tp_test_fire(host, TP_EVENT_on_turn_create_allocation,
		     &(struct tp_create_allocation){.allocation = &allocation});
}

static void tell_deleted(struct tp_test_host *host, const char *user)
{
	struct tp_allocation_view allocation = *tp_test_allocation(host);

	allocation.user = user;
	tp_test_fire(host, TP_EVENT_on_turn_delete_allocation,
		     &(struct tp_delete_allocation){.allocation = &allocation});
}

static void a_user_has_so_many_and_no_more(void)
{
	struct tp_test_host *host = tp_test_host_create("user_limit", "allocations = 2");

	CU_ASSERT_EQUAL(ask(host, "alice")->verdict, TP_PASS);
	tell_created(host, "alice");
	CU_ASSERT_EQUAL(ask(host, "alice")->verdict, TP_PASS);
	tell_created(host, "alice");
	CU_ASSERT_EQUAL(ask(host, "alice")->verdict, TP_DENY);
	CU_ASSERT_EQUAL(ask(host, "alice")->code, 486); /* RFC 8656 section 7.2 */
	CU_ASSERT_EQUAL(ask(host, "bob")->verdict, TP_PASS);
	tell_deleted(host, "alice");
	CU_ASSERT_EQUAL(ask(host, "alice")->verdict, TP_PASS);
	tp_test_host_free(&host);
}

static void what_was_not_counted_cannot_end(void)
{
	struct tp_test_host *host = tp_test_host_create("user_limit", "allocations = 1");

	tell_deleted(host, "alice");
	tell_created(host, "alice");
	CU_ASSERT_EQUAL(ask(host, "alice")->verdict, TP_DENY);
	tp_test_host_free(&host);
}

static void the_table_has_an_end(void)
{
	struct tp_test_host *host = tp_test_host_create("user_limit", "");
	char user[16];

	for (int i = 0; i < 1024; i++) {
		snprintf(user, sizeof(user), "user%d", i);
		tell_created(host, user);
	}
	CU_ASSERT_EQUAL(ask(host, "alice")->verdict, TP_DENY);
	tell_deleted(host, "user500");
	CU_ASSERT_EQUAL(ask(host, "alice")->verdict, TP_PASS);
	tp_test_host_free(&host);
}

TEST_SUITE("user_limit", TEST(a_user_has_so_many_and_no_more),
	   TEST(what_was_not_counted_cannot_end), TEST(the_table_has_an_end));

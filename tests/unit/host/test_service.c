/* SPDX-License-Identifier: Apache-2.0 */
#include "host/service.h"

#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

static char said[256];
static struct tp_limits limits_given;
static const struct tp_client_view client = {.id = 7};

static int limit(void *owner, uint64_t id, const struct tp_limits *limits)
{
	limits_given = *limits;
	strcat(said, owner);
	strcat(said, id == 1 ? " limit" : " limit?");
	return 0;
}

static int end(void *owner, uint64_t id)
{
	strcat(said, owner);
	strcat(said, id == 2 ? " kill" : " kill?");
	return TP_ENOMEM;
}

static int end_user(void *owner, const char *user, const char *realm)
{
	strcat(said, owner);
	strcat(said, strcmp(user, "alice") == 0 && realm == NULL ? " user" : " user?");
	return 0;
}

static const struct tp_client_view *client_of(void *owner, const struct tp_five_tuple *five_tuple)
{
	(void)owner;
	return five_tuple->transport == TP_TRANSPORT_UDP ? NULL : &client;
}

static const struct tp_five_tuple over_tls = {.transport = TP_TRANSPORT_TLS};

static void calls_go_to_who_offers_the_service(void)
{
	char owner[] = " server";
	const struct tp_allocation_service service = {owner, limit, end, end_user, client_of};
	struct {
		struct tp_limits limits;
		uint64_t later;
	} longer = {.limits = {.size = sizeof(longer), .bits_per_s = 8, .packets_per_s = 9}};
	const struct tp_five_tuple over_udp = {.transport = TP_TRANSPORT_UDP};

	said[0] = '\0';
	tp_allocation_service_set(&service);
	CU_ASSERT_EQUAL(tp_allocation_limit(1, &longer.limits), 0);
	CU_ASSERT_EQUAL(limits_given.size, sizeof(struct tp_limits));
	CU_ASSERT_EQUAL(limits_given.bits_per_s, 8);
	CU_ASSERT_EQUAL(limits_given.packets_per_s, 9);
	CU_ASSERT_EQUAL(tp_allocation_kill(2), TP_ENOMEM);
	CU_ASSERT_EQUAL(tp_user_kill("alice", NULL), 0);
	CU_ASSERT_STRING_EQUAL(said, " server limit server kill server user");
	CU_ASSERT_PTR_EQUAL(tp_client_of(&over_tls), &client);
	CU_ASSERT_PTR_NULL(tp_client_of(&over_udp));
	tp_allocation_service_set(NULL);
}

static void without_a_service_it_is_shut_down(void)
{
	const struct tp_limits limits = {.size = sizeof(limits)};

	tp_allocation_service_set(NULL);
	CU_ASSERT_EQUAL(tp_allocation_limit(1, &limits), TP_ESHUTDOWN);
	CU_ASSERT_EQUAL(tp_allocation_kill(1), TP_ESHUTDOWN);
	CU_ASSERT_EQUAL(tp_user_kill("alice", "example.org"), TP_ESHUTDOWN);
	CU_ASSERT_PTR_NULL(tp_client_of(&over_tls));
}

static void nonsense_is_answered_with_an_error(void)
{
	const struct tp_limits shorter = {.size = sizeof(shorter) - 1};

	CU_ASSERT_EQUAL(tp_allocation_limit(1, NULL), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_allocation_limit(1, &shorter), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_user_kill(NULL, "example.org"), TP_EINVAL);
}

TEST_SUITE("service", TEST(calls_go_to_who_offers_the_service),
	   TEST(without_a_service_it_is_shut_down), TEST(nonsense_is_answered_with_an_error));

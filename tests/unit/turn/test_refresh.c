/* SPDX-License-Identifier: Apache-2.0 */
#include "support/suite.h"
#include "support/turn_fixture.h"

static struct turn_fixture f;

static uint32_t granted_s(void)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, TP_ATTR_LIFETIME);
	uint32_t value = UINT32_MAX;

	if (attr != NULL) {
		(void)tp_attr_read_u32(attr, &value);
	}
	return value;
}

/* RFC 8656 section 8.2 */
static void extends_the_lifetime(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	turn_fixture_advance_s(&f, 500);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 700), 0);
	CU_ASSERT_EQUAL(granted_s(), 700);
	turn_fixture_advance_s(&f, 699);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	turn_fixture_close(&f);
}

static void without_lifetime_gives_the_default(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	turn_client_begin(&f.client, TP_STUN_REFRESH);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_EQUAL(granted_s(), 600);
	turn_fixture_close(&f);
}

static void is_capped_at_the_longest(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, UINT32_MAX), 0);
	CU_ASSERT_EQUAL(granted_s(), 3600);
	turn_fixture_close(&f);
}

static void lifetime_0_ends_the_allocation_at_once(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(granted_s(), 0);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 0);
	CU_ASSERT_EQUAL(fake_net_open_sockets(), 0);
	/* retransmitted: the same answer, not 437 */
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), 0);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 437);
	turn_fixture_close(&f);
}

static void another_address_family_is_443(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	tp_build_address_family(turn_client_begin(&f.client, TP_STUN_REFRESH),
				TP_ATTR_REQUESTED_ADDRESS_FAMILY, TP_FAMILY_IPV6);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 443);
	tp_build_address_family(turn_client_begin(&f.client, TP_STUN_REFRESH),
				TP_ATTR_REQUESTED_ADDRESS_FAMILY, TP_FAMILY_IPV4);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	turn_fixture_close(&f);
}

static void a_lifetime_of_another_length_is_400(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	tp_build_bytes(turn_client_begin(&f.client, TP_STUN_REFRESH), TP_ATTR_LIFETIME, "12345", 5);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_close(&f);
}

TEST_SUITE("refresh", TEST(extends_the_lifetime), TEST(without_lifetime_gives_the_default),
	   TEST(is_capped_at_the_longest), TEST(lifetime_0_ends_the_allocation_at_once),
	   TEST(another_address_family_is_443), TEST(a_lifetime_of_another_length_is_400));

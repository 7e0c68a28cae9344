/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/channel.h"

#include "support/suite.h"
#include "support/turn_fixture.h"

static struct turn_fixture f;

static int bind_text(uint16_t number, const char *peer)
{
	struct tp_addr addr = turn_fixture_addr(peer);

	return turn_fixture_bind(&f, number, &addr);
}

static void numbers_outside_0x4000_to_0x4fff_are_400(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x3fff, &f.peer_addr), 400);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x5000, &f.peer_addr), 400);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x7fff, &f.peer_addr), 400);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4fff, &f.peer_addr), 0);
	turn_fixture_close(&f);
}

/* RFC 8656 section 12.2 */
static void a_number_has_one_peer_and_a_peer_one_number(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(bind_text(0x4000, "192.0.2.1:1"), 0);
	CU_ASSERT_EQUAL(bind_text(0x4000, "192.0.2.2:1"), 400);
	CU_ASSERT_EQUAL(bind_text(0x4001, "192.0.2.1:1"), 400);
	CU_ASSERT_EQUAL(bind_text(0x4001, "192.0.2.1:2"), 0);
	CU_ASSERT_EQUAL(bind_text(0x4000, "192.0.2.1:1"), 0);
	turn_fixture_close(&f);
}

static void missing_attributes_are_400(void)
{
	struct tp_build *build;

	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	build = turn_client_begin(&f.client, TP_STUN_CHANNEL_BIND);
	tp_build_channel_number(build, 0x4000);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	build = turn_client_begin(&f.client, TP_STUN_CHANNEL_BIND);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &f.peer_addr);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 400);
	turn_fixture_close(&f);
}

static void refused_peers_are_403_other_families_443(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(bind_text(0x4000, "127.0.0.1:1"), 403);
	CU_ASSERT_EQUAL(bind_text(0x4000, "192.0.2.1:0"), 403);
	CU_ASSERT_EQUAL(bind_text(0x4000, "[2001:db8:1::1]:1"), 443);
	turn_fixture_close(&f);
}

static void lasts_600_s_and_its_permission_300(void)
{
	struct tp_allocation *allocation;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 3600), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 299);
	turn_fixture_send_channel_data(&f, 0x4000, "a");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 1);
	turn_fixture_advance_s(&f, 1); /* the permission has run out */
	turn_fixture_send_channel_data(&f, 0x4000, "b");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 1);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_send_channel_data(&f, 0x4000, "c");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 2);
	turn_fixture_advance_s(&f, 299);
	CU_ASSERT_TRUE(tp_channel_find(allocation, 0x4000)->live);
	turn_fixture_advance_s(&f, 1); /* 600: the channel has run out */
	CU_ASSERT_FALSE(tp_channel_find(allocation, 0x4000)->live);
	turn_fixture_close(&f);
}

/* RFC 8656 section 9: a permission is of an IP address, whichever channel or request renews it. */
static void a_permission_opens_all_channels_of_its_address(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 3600), 0);
	CU_ASSERT_EQUAL(bind_text(0x4000, "192.0.2.1:1"), 0);
	CU_ASSERT_EQUAL(bind_text(0x4001, "192.0.2.1:2"), 0);
	CU_ASSERT_EQUAL(bind_text(0x4002, "192.0.2.2:1"), 0);
	turn_fixture_advance_s(&f, 300);
	for (uint16_t number = 0x4000; number <= 0x4002; number++) {
		turn_fixture_send_channel_data(&f, number, "x");
	}
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 0);
	CU_ASSERT_EQUAL(bind_text(0x4001, "192.0.2.1:2"), 0);
	for (uint16_t number = 0x4000; number <= 0x4002; number++) {
		turn_fixture_send_channel_data(&f, number, "x");
	}
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 2);
	turn_fixture_close(&f);
}

static void an_expired_one_is_remembered_then_forgotten(void)
{
	struct tp_allocation *allocation;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 3600), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 899);
	CU_ASSERT_PTR_NOT_NULL(tp_channel_find(allocation, 0x4000));
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_PTR_NULL(tp_channel_find(allocation, 0x4000));
	CU_ASSERT_EQUAL(allocation->permission_count, 0);
	turn_fixture_close(&f);
}

static void an_expired_number_may_be_bound_to_another_peer(void)
{
	struct tp_allocation *allocation;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 3600), 0);
	CU_ASSERT_EQUAL(bind_text(0x4000, "192.0.2.1:1"), 0);
	CU_ASSERT_EQUAL(bind_text(0x4001, "192.0.2.2:1"), 0);
	turn_fixture_advance_s(&f, 600);
	CU_ASSERT_EQUAL(bind_text(0x4000, "192.0.2.2:1"), 0);
	CU_ASSERT_EQUAL(allocation->channel_count, 1);
	turn_fixture_send_channel_data(&f, 0x4000, "x");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 1);
	turn_fixture_close(&f);
}

static void two_channels(struct tp_turn_options *options)
{
	options->max_channels = 2;
}

static void more_than_the_ceiling_is_508(void)
{
	struct tp_allocation *allocation;

	turn_fixture_open_with(&f, two_channels);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(bind_text(0x4000, "192.0.2.1:1"), 0);
	CU_ASSERT_EQUAL(bind_text(0x4001, "192.0.2.2:1"), 0);
	CU_ASSERT_EQUAL(bind_text(0x4002, "192.0.2.3:1"), 508);
	CU_ASSERT_EQUAL(bind_text(0x4001, "192.0.2.2:1"), 0);
	CU_ASSERT_EQUAL(allocation->channel_count, 2);
	turn_fixture_close(&f);
}

#define MANY 9 /* more than an allocation holds in itself */

static struct tp_addr nth_peer(uint16_t n)
{
	struct tp_addr addr = turn_fixture_addr("192.0.2.1:1");

	addr.bytes[3] = (uint8_t)(1 + n);
	return addr;
}

static void bind_many(void)
{
	for (uint16_t i = 0; i < MANY; i++) {
		struct tp_addr peer_addr = nth_peer(i);

		CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000 + i, &peer_addr), 0);
	}
}

static bool is_bound(const struct tp_allocation *allocation, uint16_t n)
{
	struct tp_addr peer_addr = nth_peer(n);
	struct tp_channel *channel = tp_channel_find(allocation, 0x4000 + n);

	CU_ASSERT_PTR_EQUAL(channel, tp_channel_find_peer(allocation, &peer_addr));
	return channel != NULL && channel->by_number.number == 0x4000U + n &&
	       channel->permission == tp_permission_find(allocation, &peer_addr);
}

static void many_are_found(void)
{
	struct tp_allocation *allocation;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	bind_many();
	for (uint16_t i = 0; i < MANY; i++) {
		CU_ASSERT_TRUE(is_bound(allocation, i));
	}
	CU_ASSERT_FALSE(is_bound(allocation, MANY));
	turn_fixture_close(&f);
}

static void each_is_found_when_all_others_have_gone(void)
{
	for (uint16_t kept = 0; kept < MANY; kept++) {
		struct tp_addr peer_addr = nth_peer(kept);
		struct tp_allocation *allocation;

		turn_fixture_open(&f);
		allocation = turn_fixture_allocate(&f);
		CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 3600), 0);
		bind_many();
		turn_fixture_advance_s(&f, 599);
		CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000 + kept, &peer_addr), 0);
		turn_fixture_advance_s(&f, 400);
		CU_ASSERT_EQUAL(allocation->channel_count, 1);
		for (uint16_t i = 0; i < MANY; i++) {
			CU_ASSERT_EQUAL(is_bound(allocation, i), i == kept);
		}
		bind_many();
		for (uint16_t i = 0; i < MANY; i++) {
			CU_ASSERT_TRUE(is_bound(allocation, i));
		}
		turn_fixture_close(&f);
	}
}

static void goes_with_the_allocation(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	bind_many();
	CU_ASSERT_NOT_EQUAL(f.server->channels_by_number.count, 0);
	CU_ASSERT_NOT_EQUAL(f.server->permissions.count, 0);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	CU_ASSERT_EQUAL(f.server->channels_by_number.count, 0);
	CU_ASSERT_EQUAL(f.server->channels_by_peer.count, 0);
	CU_ASSERT_EQUAL(f.server->permissions.count, 0);
	turn_fixture_close(&f);
}

TEST_SUITE("channel", TEST(numbers_outside_0x4000_to_0x4fff_are_400),
	   TEST(a_number_has_one_peer_and_a_peer_one_number), TEST(missing_attributes_are_400),
	   TEST(refused_peers_are_403_other_families_443), TEST(lasts_600_s_and_its_permission_300),
	   TEST(a_permission_opens_all_channels_of_its_address),
	   TEST(an_expired_one_is_remembered_then_forgotten),
	   TEST(an_expired_number_may_be_bound_to_another_peer), TEST(more_than_the_ceiling_is_508),
	   TEST(many_are_found), TEST(each_is_found_when_all_others_have_gone),
	   TEST(goes_with_the_allocation));

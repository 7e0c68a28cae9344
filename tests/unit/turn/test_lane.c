/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/lane.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "io/endpoint.h"
#include "support/suite.h"

static struct tp_lane *lane;

static void open_lane(void)
{
	lane = tp_lane_create();
	tp_assert(lane != NULL);
}

static int put(const void *bytes, size_t len, uint32_t tag)
{
	const struct tp_packet packet = {
		.data = (uint8_t *)(uintptr_t)bytes,
		.len = len,
		.remote_addr = {.family = TP_FAMILY_IPV4, .port = (uint16_t)(tag + 1)},
		.ttl = (int)(tag % 257) - 1,
		.tos = (int)((tag + 7) % 257) - 1,
	};

	return tp_lane_put(lane, &packet, tag);
}

/* The next packet is exactly this, with its room around it, which may be written. */
static bool takes(const void *bytes, size_t len, uint32_t tag)
{
	struct tp_packet packet;
	uint32_t got;

	if (!tp_lane_take(lane, &packet, &got) || got != tag || packet.len != len ||
	    packet.remote_addr.port != (uint16_t)(tag + 1) || packet.ttl != (int)(tag % 257) - 1 ||
	    packet.tos != (int)((tag + 7) % 257) - 1 || memcmp(packet.data, bytes, len) != 0) {
		return false;
	}
	memset(packet.data - TP_PACKET_HEADROOM, 0xee, TP_PACKET_HEADROOM);
	memset(packet.data + len, 0xee, TP_PACKET_TAILROOM);
	return true;
}

static bool takes_nothing(void)
{
	struct tp_packet packet;
	uint32_t tag;

	return !tp_lane_take(lane, &packet, &tag);
}

static void packets_come_out_in_order_and_unchanged(void)
{
	open_lane();
	CU_ASSERT_EQUAL(put("one", 3, 1), 0);
	CU_ASSERT_EQUAL(put("", 0, 2), 0);
	CU_ASSERT_EQUAL(put("three", 5, 3), 0);
	CU_ASSERT_TRUE(tp_lane_publish(lane));
	tp_lane_open(lane);
	CU_ASSERT_TRUE(takes("one", 3, 1));
	CU_ASSERT_TRUE(takes("", 0, 2));
	CU_ASSERT_TRUE(takes("three", 5, 3));
	CU_ASSERT_TRUE(takes_nothing());
	tp_lane_free(&lane);
}

static void what_is_not_published_is_not_seen(void)
{
	open_lane();
	CU_ASSERT_EQUAL(put("a", 1, 1), 0);
	tp_lane_publish(lane);
	CU_ASSERT_EQUAL(put("b", 1, 2), 0);
	tp_lane_open(lane);
	CU_ASSERT_TRUE(takes("a", 1, 1));
	CU_ASSERT_TRUE(takes_nothing());
	tp_lane_free(&lane);
}

static void the_receiver_is_called_once_until_it_has_looked(void)
{
	open_lane();
	CU_ASSERT_TRUE(tp_lane_publish(lane));
	CU_ASSERT_FALSE(tp_lane_publish(lane));
	tp_lane_open(lane);
	CU_ASSERT_TRUE(tp_lane_publish(lane));
	tp_lane_unpublish(lane);
	CU_ASSERT_TRUE(tp_lane_publish(lane));
	tp_lane_free(&lane);
}

static void a_payload_larger_than_udp_can_carry_is_refused(void)
{
	uint8_t *bytes = calloc(1, TP_LANE_PAYLOAD_MAX + 1);

	tp_assert(bytes != NULL);
	open_lane();
	CU_ASSERT_EQUAL(put(bytes, TP_LANE_PAYLOAD_MAX + 1, 1), TP_EFULL);
	CU_ASSERT_EQUAL(put(bytes, TP_LANE_PAYLOAD_MAX, 1), 0);
	tp_lane_publish(lane);
	tp_lane_open(lane);
	CU_ASSERT_TRUE(takes(bytes, TP_LANE_PAYLOAD_MAX, 1));
	tp_lane_free(&lane);
	free(bytes);
}

static void a_full_lane_refuses_until_places_are_released(void)
{
	uint8_t bytes[1200] = {1, 2, 3};
	uint32_t count = 0;

	open_lane();
	while (put(bytes, sizeof(bytes), count) == 0) {
		count++;
		CU_ASSERT_FATAL(count < TP_LANE_BYTES / sizeof(bytes));
	}
	CU_ASSERT(count > TP_LANE_BYTES / (sizeof(bytes) + 256));
	tp_lane_publish(lane);
	tp_lane_open(lane);
	for (uint32_t i = 0; i < count; i++) {
		CU_ASSERT_TRUE(takes(bytes, sizeof(bytes), i));
	}
	CU_ASSERT_EQUAL(put(bytes, sizeof(bytes), 0), TP_EFULL); /* taken is not released */
	tp_lane_release(lane);
	CU_ASSERT_EQUAL(put(bytes, sizeof(bytes), 7), 0);
	tp_lane_publish(lane);
	tp_lane_open(lane);
	CU_ASSERT_TRUE(takes(bytes, sizeof(bytes), 7));
	tp_lane_free(&lane);
}

/* All sizes across many laps, with more or less under way. */
static void laps_lose_and_change_nothing(void)
{
	static const size_t sizes[] = {0, 1, 172, 1200, 9000, TP_LANE_PAYLOAD_MAX, 64, 40000};
	uint8_t *bytes = malloc(TP_LANE_PAYLOAD_MAX);
	uint32_t written = 0;
	uint32_t taken = 0;

	tp_assert(bytes != NULL);
	open_lane();
	while (taken < 2000) {
		uint32_t lag = taken % 7; /* stay behind */

		memset(bytes, (int)written, TP_LANE_PAYLOAD_MAX);
		while (put(bytes, sizes[written % 8], written) == 0) {
			written++;
			memset(bytes, (int)written, TP_LANE_PAYLOAD_MAX);
			if (written % 5 == 0) {
				break;
			}
		}
		tp_lane_publish(lane);
		tp_lane_open(lane);
		while (taken + lag < written) {
			memset(bytes, (int)taken, TP_LANE_PAYLOAD_MAX);
			CU_ASSERT_TRUE_FATAL(takes(bytes, sizes[taken % 8], taken));
			taken++;
		}
		tp_lane_release(lane);
	}
	tp_lane_free(&lane);
	free(bytes);
}

static void an_empty_lane_begins_anew(void)
{
	struct tp_packet first;
	struct tp_packet packet;
	uint32_t tag;

	open_lane();
	for (uint32_t i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(put("again", 5, i), 0);
		tp_lane_publish(lane);
		tp_lane_open(lane);
		CU_ASSERT_TRUE_FATAL(tp_lane_take(lane, &packet, &tag));
		first = i == 0 ? packet : first;
		CU_ASSERT_PTR_EQUAL(packet.data, first.data);
		CU_ASSERT_EQUAL(tag, i);
		tp_lane_release(lane);
	}
	tp_lane_free(&lane);
}

#define MANY 50000

static atomic_bool called;

static void *send_many(void *arg)
{
	for (uint32_t i = 0; i < MANY;) {
		const uint32_t payload[50] = {i, ~i};

		if (put(payload, sizeof(payload) - i % 32, i) == 0) {
			i++;
		} else {
			sched_yield();
		}
		if ((i % 8 == 0 || i >= MANY) && tp_lane_publish(lane)) {
			atomic_store(&called, true);
		}
	}
	return arg;
}

static void two_threads_share_it_without_a_lock(void)
{
	struct tp_packet packet;
	pthread_t sender;
	uint32_t expected = 0;
	uint32_t tag;

	open_lane();
	atomic_store(&called, false);
	tp_assert(pthread_create(&sender, NULL, send_many, NULL) == 0);
	while (expected < MANY) {
		if (!atomic_exchange(&called, false)) {
			sched_yield();
			continue;
		}
		tp_lane_open(lane);
		while (tp_lane_take(lane, &packet, &tag)) {
			uint32_t payload[2];

			memcpy(payload, packet.data, sizeof(payload));
			CU_ASSERT_EQUAL_FATAL(tag, expected);
			CU_ASSERT_EQUAL_FATAL(payload[0], expected);
			CU_ASSERT_EQUAL_FATAL(payload[1], ~expected);
			memset(packet.data - TP_PACKET_HEADROOM, 0, TP_PACKET_HEADROOM);
			expected++;
		}
		tp_lane_release(lane);
	}
	pthread_join(sender, NULL);
	tp_lane_free(&lane);
}

TEST_SUITE("lane", TEST(packets_come_out_in_order_and_unchanged),
	   TEST(what_is_not_published_is_not_seen),
	   TEST(the_receiver_is_called_once_until_it_has_looked),
	   TEST(a_payload_larger_than_udp_can_carry_is_refused),
	   TEST(a_full_lane_refuses_until_places_are_released), TEST(laps_lose_and_change_nothing),
	   TEST(an_empty_lane_begins_anew), TEST(two_threads_share_it_without_a_lock));

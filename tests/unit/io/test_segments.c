/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram_segments.h"

#include <string.h>

#include "support/suite.h"

#define COUNT_MAX 200

struct taken {
	size_t count;
	size_t stop_after; /* 0: never */
	struct tp_packet packets[COUNT_MAX];
};

/* Keeps them, and writes all the room around each as a header would. */
static bool take(void *context, struct tp_packet *packet)
{
	struct taken *taken = context;

	memset(packet->data - TP_PACKET_HEADROOM, 0xee, TP_PACKET_HEADROOM);
	memset(packet->data + packet->len, 0xee, TP_PACKET_TAILROOM);
	if (taken->count < COUNT_MAX) {
		taken->packets[taken->count] = *packet;
	}
	taken->count++;
	return taken->count != taken->stop_after;
}

static uint8_t bytes[65535];

static struct tp_packet whole(size_t len)
{
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	}
	return (struct tp_packet){.data = bytes, .len = len, .ttl = 9, .tos = 3};
}

static void every_datagram_has_its_bytes_and_room_of_its_own(void)
{
	static const struct {
		size_t len;
		size_t segment_size;
		size_t count;
	} cases[] = {
		{12000, 1200, 10}, {12001, 1200, 11}, {1201, 1200, 2},   {1200, 1200, 1},
		{100, 4, 25},      {3, 1, 3},         {64000, 500, 128},
	};

	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct tp_packet packet = whole(cases[c].len);
		struct taken taken = {.count = 0};
		struct tp_segments segments;
		size_t at = 0;

		CU_ASSERT_EQUAL_FATAL(tp_segments_init(&segments), 0);
		CU_ASSERT_TRUE(
			tp_segments_have_room(&segments, cases[c].len, cases[c].segment_size));
		tp_segments_deliver(&segments, &packet, cases[c].segment_size, take, &taken);
		CU_ASSERT_EQUAL(taken.count, cases[c].count);
		for (size_t i = 0; i < taken.count; i++) {
			CU_ASSERT_EQUAL(
				memcmp(taken.packets[i].data, bytes + at, taken.packets[i].len), 0);
			CU_ASSERT_EQUAL(taken.packets[i].ttl, 9);
			CU_ASSERT_EQUAL(taken.packets[i].tos, 3);
			at += taken.packets[i].len;
		}
		CU_ASSERT_EQUAL(at, cases[c].len);
		tp_segments_fini(&segments);
	}
}

static void who_says_stop_gets_no_more(void)
{
	struct tp_packet packet = whole(1000);
	struct taken taken = {.stop_after = 3};
	struct tp_segments segments;

	CU_ASSERT_EQUAL_FATAL(tp_segments_init(&segments), 0);
	tp_segments_deliver(&segments, &packet, 100, take, &taken);
	CU_ASSERT_EQUAL(taken.count, 3);
	tp_segments_fini(&segments);
}

static void room_ends_and_comes_back(void)
{
	struct tp_packet packet = whole(64000);
	struct tp_segments segments;
	size_t rounds = 0;

	CU_ASSERT_EQUAL_FATAL(tp_segments_init(&segments), 0);
	while (tp_segments_have_room(&segments, packet.len, 1000) && rounds < 1000) {
		struct taken taken = {.count = 0};

		tp_segments_deliver(&segments, &packet, 1000, take, &taken);
		rounds++;
	}
	CU_ASSERT_TRUE(rounds >= 8 && rounds < 1000);
	/* what no kernel makes is refused, not written beyond the end */
	tp_segments_clear(&segments);
	CU_ASSERT_TRUE(tp_segments_have_room(&segments, packet.len, 1000));
	CU_ASSERT_FALSE(tp_segments_have_room(&segments, 65535, 1));
	tp_segments_fini(&segments);
}

TEST_SUITE("segments", TEST(every_datagram_has_its_bytes_and_room_of_its_own),
	   TEST(who_says_stop_gets_no_more), TEST(room_ends_and_comes_back));

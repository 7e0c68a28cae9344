/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/test.h>

#include "support/suite.h"

static enum tp_verdict relay(struct tp_test_host *host, enum tp_event event, struct tp_view payload)
{
	const struct tp_allocation_view *allocation = tp_test_allocation(host);

	if (event == TP_EVENT_on_turn_before_relay_indication) {
		return tp_test_fire(host, event,
				    &(struct tp_before_relay_indication){
					    .allocation = allocation,
					    .peer_addr = &allocation->five_tuple.client_addr,
					    .payload = payload,
				    })
			->verdict;
	}
	return tp_test_fire(host, event,
			    &(struct tp_before_relay_channel_data){
				    .allocation = allocation,
				    .channel = 0x4000,
				    .peer_addr = &allocation->five_tuple.client_addr,
				    .payload = payload,
			    })
		->verdict;
}

/* RFC 7983 section 7, with both ends of each range. */
static void the_first_byte_tells(void)
{
	static const struct {
		const char *counter;
		uint8_t first;
	} cases[] = {
		{"stun", 0},          {"stun", 3},   {"other", 4},   {"other", 15},
		{"zrtp", 16},         {"zrtp", 19},  {"dtls", 20},   {"dtls", 63},
		{"channel_data", 64}, {"other", 80}, {"other", 127}, {"rtp", 128},
		{"channel_data", 79}, {"rtp", 191},  {"other", 192}, {"other", 255},
	};
	static const enum tp_event packet_events[] = {TP_EVENT_on_turn_before_relay_indication,
						      TP_EVENT_on_turn_before_relay_channel_data};
	struct tp_test_host *host = tp_test_host_create("payload_watcher", "");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t before = tp_test_counter(host, cases[i].counter);

		for (size_t event = 0; event < 2; event++) {
			CU_ASSERT_EQUAL(relay(host, packet_events[event],
					      (struct tp_view){&cases[i].first, 1}),
					TP_PASS);
		}
		CU_ASSERT_EQUAL(tp_test_counter(host, cases[i].counter), before + 2);
	}
	tp_test_host_free(&host);
}

static void nothing_is_other(void)
{
	struct tp_test_host *host = tp_test_host_create("payload_watcher", "");

	relay(host, TP_EVENT_on_turn_before_relay_channel_data, (struct tp_view){NULL, 0});
	CU_ASSERT_EQUAL(tp_test_counter(host, "other"), 1);
	tp_test_host_free(&host);
}

TEST_SUITE("payload_watcher", TEST(the_first_byte_tells), TEST(nothing_is_other));

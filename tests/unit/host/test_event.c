/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/event.h>

#include <string.h>

#include "host/event_table.h"
#include "support/suite.h"

static void every_event_has_its_name(void)
{
#define CHECK(family, member, payload)                                                             \
	CU_ASSERT_STRING_EQUAL(tp_event_name(TP_EVENT_##member), #member);
	TP_EVENT_LIST(CHECK)
#undef CHECK
	CU_ASSERT_PTR_NULL(tp_event_name(TP_EVENT_COUNT));
	CU_ASSERT_PTR_NULL(tp_event_name((enum tp_event)(-1)));
}

static void every_event_is_called_one_way(void)
{
	for (size_t i = 0; i < TP_EVENT_COUNT; i++) {
		const struct tp_event_row *row = &tp_event_table[i];
		bool asked = row->family == TP_EVENT_FAMILY_PROVIDER ||
			     row->family == TP_EVENT_FAMILY_GATE;

		CU_ASSERT_EQUAL(row->ask != NULL, asked);
		CU_ASSERT_EQUAL(row->packet != NULL, row->family == TP_EVENT_FAMILY_PACKET ||
							     row->family == TP_EVENT_FAMILY_INLINE);
		CU_ASSERT_EQUAL(row->tell != NULL, row->family == TP_EVENT_FAMILY_OBSERVER);
		CU_ASSERT_TRUE(asked || row->own_code == 0);
	}
}

static void reasons_and_causes_have_names(void)
{
	for (int i = 0; i <= TP_DISCARD_CLAIMS_FULL; i++) {
		CU_ASSERT_STRING_NOT_EQUAL(tp_discard_reason_name((enum tp_discard_reason)i),
					   "unknown");
	}
	CU_ASSERT_STRING_EQUAL(tp_discard_reason_name(TP_DISCARD_NO_PERMISSION), "no permission");
	CU_ASSERT_STRING_EQUAL(
		tp_discard_reason_name((enum tp_discard_reason)(TP_DISCARD_CLAIMS_FULL + 1)),
		"unknown");
	CU_ASSERT_STRING_EQUAL(tp_delete_cause_name(TP_DELETE_REFRESH), "refresh");
	CU_ASSERT_STRING_EQUAL(tp_delete_cause_name(TP_DELETE_SHUTDOWN), "shutdown");
	CU_ASSERT_STRING_EQUAL(tp_delete_cause_name((enum tp_delete_cause)99), "unknown");
	CU_ASSERT_STRING_EQUAL(tp_method_name(0x003), "Allocate");
	CU_ASSERT_PTR_NULL(tp_method_name(0xfff));
}

TEST_SUITE("event", TEST(every_event_has_its_name), TEST(every_event_is_called_one_way),
	   TEST(reasons_and_causes_have_names));

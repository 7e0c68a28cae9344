/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/mobility.h"

#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

static const uint8_t key[TP_MOBILITY_KEY_SIZE] = {1, 2, 3};
static const struct tp_mobility_ticket ticket = {
	.allocation_id = UINT64_C(0x123456789a07),
	.number = 0xbeef,
};

static struct tp_view view_of(const uint8_t *bytes)
{
	return (struct tp_view){bytes, TP_MOBILITY_TICKET_SIZE};
}

static void what_is_sealed_opens(void)
{
	struct tp_mobility_ticket opened = {0};
	uint8_t sealed[TP_MOBILITY_TICKET_SIZE];

	CU_ASSERT_EQUAL_FATAL(tp_mobility_seal(key, &ticket, sealed), 0);
	CU_ASSERT_EQUAL(tp_mobility_open(key, view_of(sealed), &opened), 0);
	CU_ASSERT_EQUAL(opened.allocation_id, ticket.allocation_id);
	CU_ASSERT_EQUAL(opened.number, ticket.number);
}

/* Short and without NUL: clients keep it as a string. */
static void a_ticket_is_text(void)
{
	uint8_t sealed[TP_MOBILITY_TICKET_SIZE];

	CU_ASSERT_EQUAL_FATAL(tp_mobility_seal(key, &ticket, sealed), 0);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		CU_ASSERT_TRUE(sealed[i] > ' ' && sealed[i] < 0x7f);
	}
}

/* RFC 8016 section 3.2.2: the new one is another than the old. Nothing in them is alike. */
static void neighbours_have_nothing_in_common(void)
{
	struct tp_mobility_ticket next = ticket;
	uint8_t sealed[TP_MOBILITY_TICKET_SIZE];
	uint8_t other[TP_MOBILITY_TICKET_SIZE];
	unsigned alike = 0;

	next.number++;
	CU_ASSERT_EQUAL_FATAL(tp_mobility_seal(key, &ticket, sealed), 0);
	CU_ASSERT_EQUAL_FATAL(tp_mobility_seal(key, &next, other), 0);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		alike += sealed[i] == other[i];
	}
	CU_ASSERT_TRUE(alike < sizeof(sealed) / 2);
}

static void an_altered_ticket_does_not_open(void)
{
	struct tp_mobility_ticket opened;
	uint8_t sealed[TP_MOBILITY_TICKET_SIZE];

	CU_ASSERT_EQUAL_FATAL(tp_mobility_seal(key, &ticket, sealed), 0);
	for (size_t i = 0; i < sizeof(sealed); i++) {
		uint8_t was = sealed[i];

		sealed[i] = was == 'A' ? 'B' : 'A';
		CU_ASSERT_EQUAL(tp_mobility_open(key, view_of(sealed), &opened), TP_EINVAL);
		sealed[i] = was;
	}
}

static void a_ticket_of_another_process_does_not_open(void)
{
	const uint8_t other_key[TP_MOBILITY_KEY_SIZE] = {3, 2, 1};
	struct tp_mobility_ticket opened;
	uint8_t sealed[TP_MOBILITY_TICKET_SIZE];

	CU_ASSERT_EQUAL_FATAL(tp_mobility_seal(other_key, &ticket, sealed), 0);
	CU_ASSERT_EQUAL(tp_mobility_open(key, view_of(sealed), &opened), TP_EINVAL);
}

static void what_is_no_text_of_that_length_does_not_open(void)
{
	struct tp_mobility_ticket opened;
	uint8_t sealed[TP_MOBILITY_TICKET_SIZE + 1] = {0};

	CU_ASSERT_EQUAL_FATAL(tp_mobility_seal(key, &ticket, sealed), 0);
	for (size_t len = 0; len <= sizeof(sealed); len++) {
		const struct tp_view view = {sealed, len};

		CU_ASSERT_EQUAL(tp_mobility_open(key, view, &opened),
				len == TP_MOBILITY_TICKET_SIZE ? 0 : TP_EINVAL);
	}
	for (unsigned byte = 0; byte < 256; byte++) {
		if (memchr("-_", (int)byte, 2) == NULL && (byte < '0' || byte > 'z')) {
			sealed[7] = (uint8_t)byte;
			CU_ASSERT_EQUAL(tp_mobility_open(key, view_of(sealed), &opened), TP_EINVAL);
		}
	}
}

static void an_id_that_is_too_large_is_not_sealed(void)
{
	const struct tp_mobility_ticket largest = {.allocation_id = (UINT64_C(1) << 48) - 1};
	const struct tp_mobility_ticket larger = {.allocation_id = UINT64_C(1) << 48};
	uint8_t sealed[TP_MOBILITY_TICKET_SIZE];

	CU_ASSERT_EQUAL(tp_mobility_seal(key, &largest, sealed), 0);
	CU_ASSERT_EQUAL(tp_mobility_seal(key, &larger, sealed), TP_ERANGE);
}

TEST_SUITE("mobility", TEST(what_is_sealed_opens), TEST(a_ticket_is_text),
	   TEST(neighbours_have_nothing_in_common), TEST(an_altered_ticket_does_not_open),
	   TEST(a_ticket_of_another_process_does_not_open),
	   TEST(what_is_no_text_of_that_length_does_not_open),
	   TEST(an_id_that_is_too_large_is_not_sealed));

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/moderation.h"

#include "support/suite.h"

#define REST_US 200
#define LONG_ENOUGH 1000 /* turns */

/* Turns with so many messages each; how many of them are followed by a rest? */
static unsigned rests(struct tp_moderation *moderation, unsigned messages, unsigned turns)
{
	unsigned count = 0;

	for (unsigned i = 0; i < turns; i++) {
		count += tp_moderation_rest_us(moderation, messages, false) == REST_US;
	}
	return count;
}

static void messages_that_gather_are_waited_for(void)
{
	struct tp_moderation moderation = {.rest_us = REST_US};

	(void)rests(&moderation, 1, LONG_ENOUGH); /* woken for each, until a trial */
	CU_ASSERT_TRUE(rests(&moderation, 5, LONG_ENOUGH) > LONG_ENOUGH * 9 / 10);
}

static void lone_messages_are_hardly_ever_waited_for(void)
{
	struct tp_moderation moderation = {.rest_us = REST_US};
	unsigned count = rests(&moderation, 1, LONG_ENOUGH);

	CU_ASSERT_TRUE(count > 0);
	CU_ASSERT_TRUE(count < LONG_ENOUGH / 16);
}

static void a_rest_that_gathers_nothing_is_the_last_for_a_while(void)
{
	struct tp_moderation moderation = {.rest_us = REST_US, .pays = true};

	CU_ASSERT_EQUAL(tp_moderation_rest_us(&moderation, 5, false), REST_US);
	CU_ASSERT_EQUAL(tp_moderation_rest_us(&moderation, 1, false), 0);
	CU_ASSERT_EQUAL(rests(&moderation, 1, 16), 0);
}

static void who_has_enough_to_do_never_rests(void)
{
	struct tp_moderation moderation = {.rest_us = REST_US, .pays = true};

	CU_ASSERT_EQUAL(rests(&moderation, 100, LONG_ENOUGH), 0);
	/* and rests again when it is less, the rests having paid */
	CU_ASSERT_EQUAL(tp_moderation_rest_us(&moderation, 5, false), REST_US);
}

static void nobody_rests_while_more_is_there(void)
{
	struct tp_moderation moderation = {.rest_us = REST_US, .pays = true};

	CU_ASSERT_EQUAL(tp_moderation_rest_us(&moderation, 5, true), 0);
	/* and as there was no rest, it has not gathered too little */
	CU_ASSERT_EQUAL(tp_moderation_rest_us(&moderation, 1, false), REST_US);
}

static void turns_without_messages_do_not_count(void)
{
	struct tp_moderation moderation = {.rest_us = REST_US, .pays = true};

	CU_ASSERT_EQUAL(tp_moderation_rest_us(&moderation, 5, false), REST_US);
	CU_ASSERT_EQUAL(tp_moderation_rest_us(&moderation, 0, false), 0);
	CU_ASSERT_EQUAL(tp_moderation_rest_us(&moderation, 5, false), REST_US);
}

static void zero_is_never(void)
{
	struct tp_moderation moderation = {.rest_us = 0, .pays = true};

	CU_ASSERT_EQUAL(rests(&moderation, 5, LONG_ENOUGH), 0);
	CU_ASSERT_EQUAL(tp_moderation_rest_us(&moderation, 5, false), 0);
}

TEST_SUITE("moderation", TEST(messages_that_gather_are_waited_for),
	   TEST(lone_messages_are_hardly_ever_waited_for),
	   TEST(a_rest_that_gathers_nothing_is_the_last_for_a_while),
	   TEST(who_has_enough_to_do_never_rests), TEST(nobody_rests_while_more_is_there),
	   TEST(turns_without_messages_do_not_count), TEST(zero_is_never));

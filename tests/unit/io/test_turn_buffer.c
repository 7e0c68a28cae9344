/* SPDX-License-Identifier: Apache-2.0 */
#include "io/turn_buffer.h"

#include <string.h>

#include "support/fake_net.h"
#include "support/suite.h"

static void each_message_has_its_room_until_the_end_of_the_turn(void)
{
	struct tp_turn_buffer *buffer = NULL;
	struct tp_loop *loop = NULL;
	uint8_t *first;
	uint8_t *second;

	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, &fake_net_backend, &loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_turn_buffer_create(loop, 2 * TP_TURN_BUFFER_COST(100), &buffer),
			      0);
	first = tp_turn_buffer_take(buffer, 100);
	second = tp_turn_buffer_take(buffer, 100);
	CU_ASSERT_PTR_NOT_NULL_FATAL(first);
	CU_ASSERT_PTR_NOT_NULL_FATAL(second);
	CU_ASSERT_TRUE(first + 100 + TP_PACKET_TAILROOM <= second - TP_PACKET_HEADROOM);
	memset(first - TP_PACKET_HEADROOM, 1, TP_PACKET_HEADROOM + 100 + TP_PACKET_TAILROOM);
	memset(second - TP_PACKET_HEADROOM, 2, TP_PACKET_HEADROOM + 100 + TP_PACKET_TAILROOM);
	CU_ASSERT_EQUAL(first[100 + TP_PACKET_TAILROOM - 1], 1);

	CU_ASSERT_EQUAL(tp_turn_buffer_left(buffer), 0);
	CU_ASSERT_PTR_NULL(tp_turn_buffer_take(buffer, 0));
	CU_ASSERT_PTR_NULL(tp_turn_buffer_take(buffer, SIZE_MAX - 100));
	tp_loop_turn(loop);
	CU_ASSERT_PTR_NOT_NULL(tp_turn_buffer_take(buffer, 100));
	tp_turn_buffer_free(&buffer);
	tp_loop_free(&loop);
}

static void trimmed_message_gives_back_the_rest(void)
{
	struct tp_turn_buffer *buffer = NULL;
	struct tp_loop *loop = NULL;
	uint8_t *message;

	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, &fake_net_backend, &loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_turn_buffer_create(loop, 4096, &buffer), 0);
	message = tp_turn_buffer_take(buffer, 3000);
	CU_ASSERT_PTR_NULL(tp_turn_buffer_take(buffer, 3000));
	tp_turn_buffer_trim(buffer, message, 10);
	CU_ASSERT_EQUAL(tp_turn_buffer_left(buffer), 4096 - TP_TURN_BUFFER_COST(10));
	CU_ASSERT_PTR_NOT_NULL(tp_turn_buffer_take(buffer, 3000));
	tp_turn_buffer_free(&buffer);
	tp_loop_free(&loop);
}

TEST_SUITE("turn_buffer", TEST(each_message_has_its_room_until_the_end_of_the_turn),
	   TEST(trimmed_message_gives_back_the_rest));

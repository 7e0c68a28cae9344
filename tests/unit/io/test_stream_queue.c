/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_queue.h"

#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

#define LIMIT 4000
#define PIECES 64

static uint8_t message[1000];

static size_t push(struct tp_stream_queue *queue, uint8_t mark, bool media)
{
	size_t dropped = 99;

	memset(message, mark, sizeof(message));
	CU_ASSERT_EQUAL(tp_stream_queue_push(queue, message, sizeof(message), media, &dropped), 0);
	return dropped;
}

/* The first byte of what waits, piece by piece. */
static void expect(const struct tp_stream_queue *queue, const char *marks)
{
	struct iovec pieces[PIECES];
	int count = tp_stream_queue_peek(queue, pieces, PIECES);

	CU_ASSERT_EQUAL_FATAL(count, (int)strlen(marks));
	for (int i = 0; i < count; i++) {
		CU_ASSERT_EQUAL(*(const char *)pieces[i].iov_base, marks[i]);
	}
}

static void messages_leave_in_order(void)
{
	struct tp_stream_queue queue;

	tp_stream_queue_init(&queue, LIMIT);
	CU_ASSERT_TRUE(tp_stream_queue_empty(&queue));
	push(&queue, 'a', true);
	push(&queue, 'B', false);
	push(&queue, 'c', true);
	expect(&queue, "aBc");
	tp_stream_queue_consume(&queue, 1500);
	expect(&queue, "Bc");
	tp_stream_queue_consume(&queue, 1500);
	CU_ASSERT_TRUE(tp_stream_queue_empty(&queue));
	CU_ASSERT_EQUAL(queue.bytes, 0);
	tp_stream_queue_fini(&queue);
}

static void oldest_media_goes_first(void)
{
	struct tp_stream_queue queue;

	tp_stream_queue_init(&queue, LIMIT);
	CU_ASSERT_EQUAL(push(&queue, 'A', false), 0);
	CU_ASSERT_EQUAL(push(&queue, 'b', true), 0);
	CU_ASSERT_EQUAL(push(&queue, 'c', true), 0);
	CU_ASSERT_EQUAL(push(&queue, 'd', true), 1);
	expect(&queue, "Acd");
	CU_ASSERT_EQUAL(push(&queue, 'E', false), 1);
	expect(&queue, "AdE");
	CU_ASSERT_TRUE(queue.bytes <= LIMIT);
	tp_stream_queue_fini(&queue);
}

static void message_begun_is_not_dropped(void)
{
	struct tp_stream_queue queue;

	tp_stream_queue_init(&queue, LIMIT);
	push(&queue, 'a', true);
	push(&queue, 'b', true);
	push(&queue, 'c', true);
	tp_stream_queue_consume(&queue, 1);
	CU_ASSERT_EQUAL(push(&queue, 'd', true), 1);
	expect(&queue, "acd");
	tp_stream_queue_fini(&queue);
}

static void what_is_begun_always_has_room(void)
{
	struct tp_stream_queue queue;
	size_t dropped;

	tp_stream_queue_init(&queue, 500);
	CU_ASSERT_EQUAL(tp_stream_queue_push_begun(&queue, message, sizeof(message)), 0);
	CU_ASSERT_EQUAL(tp_stream_queue_push(&queue, message, 10, true, &dropped), TP_EFULL);
	CU_ASSERT_EQUAL(dropped, 0);
	tp_stream_queue_consume(&queue, sizeof(message));
	CU_ASSERT_EQUAL(tp_stream_queue_push(&queue, message, 10, true, &dropped), 0);
	tp_stream_queue_fini(&queue);
}

static void responses_are_never_dropped(void)
{
	struct tp_stream_queue queue;
	size_t dropped;

	tp_stream_queue_init(&queue, LIMIT);
	push(&queue, 'A', false);
	push(&queue, 'B', false);
	push(&queue, 'C', false);
	for (int media = 0; media < 2; media++) {
		CU_ASSERT_EQUAL(tp_stream_queue_push(&queue, message, sizeof(message), media != 0,
						     &dropped),
				TP_EFULL);
		CU_ASSERT_EQUAL(dropped, 0);
	}
	expect(&queue, "ABC");
	tp_stream_queue_fini(&queue);
}

static void message_beyond_the_limit_is_refused(void)
{
	struct tp_stream_queue queue;
	size_t dropped;

	tp_stream_queue_init(&queue, 500);
	CU_ASSERT_TRUE(tp_stream_queue_tight(&queue, sizeof(message)));
	CU_ASSERT_EQUAL(tp_stream_queue_push(&queue, message, sizeof(message), true, &dropped),
			TP_EFULL);
	CU_ASSERT_TRUE(tp_stream_queue_tight(&queue, SIZE_MAX - 1000));
	CU_ASSERT_TRUE(tp_stream_queue_empty(&queue));
	tp_stream_queue_fini(&queue);
}

TEST_SUITE("stream_queue", TEST(messages_leave_in_order), TEST(oldest_media_goes_first),
	   TEST(message_begun_is_not_dropped), TEST(what_is_begun_always_has_room),
	   TEST(responses_are_never_dropped), TEST(message_beyond_the_limit_is_refused));

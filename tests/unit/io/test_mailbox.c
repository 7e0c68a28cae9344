/* SPDX-License-Identifier: Apache-2.0 */
#include "io/mailbox.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/list.h"
#include "io/loop.h"
#include "support/fake_net.h"
#include "support/suite.h"

#define SENDERS 4
#define MESSAGES_EACH 2000

struct numbered {
	struct tp_message message;
	unsigned sender;
	unsigned number;
	struct mailbox_test *test;
};

struct mailbox_test {
	struct tp_loop *loop;
	struct tp_mailbox *mailbox;
	unsigned next[SENDERS];
	bool in_order;
	unsigned delivered;
};

static void deliver(struct tp_message *message)
{
	struct numbered *numbered = tp_container_of(message, struct numbered, message);
	struct mailbox_test *test = numbered->test;

	test->in_order = test->in_order && numbered->number == test->next[numbered->sender];
	test->next[numbered->sender] = numbered->number + 1;
	test->delivered++;
	if (test->delivered == SENDERS * MESSAGES_EACH) {
		tp_loop_stop(test->loop);
	}
	free(numbered);
}

static struct numbered *numbered_new(struct mailbox_test *test, unsigned sender, unsigned number)
{
	struct numbered *numbered = calloc(1, sizeof(*numbered));

	if (numbered == NULL) {
		abort();
	}
	numbered->message.deliver = deliver;
	numbered->sender = sender;
	numbered->number = number;
	numbered->test = test;
	return numbered;
}

static void test_open(struct mailbox_test *test)
{
	*test = (struct mailbox_test){.in_order = true};
	CU_ASSERT_EQUAL_FATAL(tp_loop_create(NULL, &fake_net_backend, &test->loop), 0);
	CU_ASSERT_EQUAL_FATAL(tp_mailbox_create(test->loop, &test->mailbox), 0);
}

static void test_close(struct mailbox_test *test)
{
	tp_mailbox_free(&test->mailbox);
	CU_ASSERT_PTR_NULL(test->mailbox);
	tp_loop_free(&test->loop);
}

static void message_is_delivered_by_the_loop(void)
{
	struct mailbox_test test;

	test_open(&test);
	CU_ASSERT_EQUAL(tp_mailbox_post(test.mailbox, &numbered_new(&test, 0, 0)->message), 0);
	CU_ASSERT_EQUAL(test.delivered, 0);
	tp_loop_turn(test.loop);
	CU_ASSERT_EQUAL(test.delivered, 1);
	test_close(&test);
}

static void messages_may_be_delivered_by_hand(void)
{
	struct mailbox_test test;

	test_open(&test);
	for (unsigned i = 0; i < 3; i++) {
		tp_mailbox_post(test.mailbox, &numbered_new(&test, 1, i)->message);
	}
	tp_mailbox_deliver(test.mailbox);
	CU_ASSERT_EQUAL(test.delivered, 3);
	CU_ASSERT_TRUE(test.in_order);
	test_close(&test);
}

static void closing_delivers_what_is_there_and_refuses_more(void)
{
	struct mailbox_test test;
	struct numbered *late;

	test_open(&test);
	late = numbered_new(&test, 0, 1);
	tp_mailbox_post(test.mailbox, &numbered_new(&test, 0, 0)->message);
	tp_mailbox_close(test.mailbox);
	CU_ASSERT_EQUAL(test.delivered, 1);
	CU_ASSERT_EQUAL(tp_mailbox_post(test.mailbox, &late->message), TP_ESHUTDOWN);
	free(late); /* still ours */
	test_close(&test);
	CU_ASSERT_EQUAL(test.delivered, 1);
}

struct reposting {
	struct tp_message message;
	struct tp_mailbox *mailbox;
	unsigned left;
	unsigned delivered;
};

static void deliver_again(struct tp_message *message)
{
	struct reposting *reposting = tp_container_of(message, struct reposting, message);

	reposting->delivered++;
	if (reposting->left > 0) {
		reposting->left--;
		tp_mailbox_post(reposting->mailbox, &reposting->message);
	}
}

/* Else two that answer each other would keep the loop for themselves. */
static void message_posted_by_a_delivery_waits_for_the_next_turn(void)
{
	struct mailbox_test test;
	struct reposting reposting;

	test_open(&test);
	reposting = (struct reposting){.mailbox = test.mailbox, .left = 1};
	reposting.message.deliver = deliver_again;
	tp_mailbox_post(test.mailbox, &reposting.message);
	tp_loop_turn(test.loop);
	CU_ASSERT_EQUAL(reposting.delivered, 1);
	tp_loop_turn(test.loop);
	CU_ASSERT_EQUAL(reposting.delivered, 2);
	test_close(&test);
}

struct sender {
	struct mailbox_test *test;
	unsigned index;
};

static void *send_all(void *arg)
{
	struct sender *sender = arg;

	for (unsigned i = 0; i < MESSAGES_EACH; i++) {
		struct numbered *numbered = numbered_new(sender->test, sender->index, i);

		if (tp_mailbox_post(sender->test->mailbox, &numbered->message) != 0) {
			free(numbered);
		}
	}
	return NULL;
}

static void senders_on_other_threads_keep_their_order(void)
{
	struct mailbox_test test;
	struct sender senders[SENDERS];
	pthread_t threads[SENDERS];

	test_open(&test);
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i] = (struct sender){&test, i};
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
	}
	tp_loop_run(test.loop);
	for (unsigned i = 0; i < SENDERS; i++) {
		pthread_join(threads[i], NULL);
	}
	CU_ASSERT_EQUAL(test.delivered, SENDERS * MESSAGES_EACH);
	CU_ASSERT_TRUE(test.in_order);
	test_close(&test);
}

static void closing_races_with_no_sender(void)
{
	for (int i = 0; i < 50; i++) {
		struct mailbox_test test;
		struct sender sender = {&test, 0};
		pthread_t thread;

		test_open(&test);
		CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, send_all, &sender), 0);
		tp_loop_turn(test.loop);
		tp_mailbox_close(test.mailbox);
		pthread_join(thread, NULL);
		CU_ASSERT_TRUE(test.in_order);
		test_close(&test);
	}
}

TEST_SUITE("mailbox", TEST(message_is_delivered_by_the_loop),
	   TEST(messages_may_be_delivered_by_hand),
	   TEST(closing_delivers_what_is_there_and_refuses_more),
	   TEST(message_posted_by_a_delivery_waits_for_the_next_turn),
	   TEST(senders_on_other_threads_keep_their_order), TEST(closing_races_with_no_sender));

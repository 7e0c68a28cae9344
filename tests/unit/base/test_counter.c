/* SPDX-License-Identifier: Apache-2.0 */
#include "base/counter.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "support/suite.h"

#define THREADS 4
#define ADDITIONS 100000

static struct tp_counter *counter;

static void *count(void *arg)
{
	tp_counter_use_row(*(unsigned *)arg);
	for (int i = 0; i < ADDITIONS; i++) {
		tp_counter_add(counter, 1);
	}
	tp_counter_use_row(0);
	return NULL;
}

static uint64_t count_in_rows(const unsigned rows[THREADS])
{
	pthread_t threads[THREADS];
	unsigned given[THREADS];

	for (int i = 0; i < THREADS; i++) {
		given[i] = rows[i];
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, count, &given[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	return tp_counter_read(counter);
}

static void sums_over_rows_of_threads(void)
{
	tp_counter_reset_all();
	counter = tp_counter_named("test.a", "help");
	CU_ASSERT_EQUAL(count_in_rows((const unsigned[]){1, 2, 3, 256}), THREADS * ADDITIONS);
	tp_counter_reset_all();
}

static void threads_without_a_row_lose_nothing(void)
{
	tp_counter_reset_all();
	counter = tp_counter_named("test.a", "help");
	CU_ASSERT_EQUAL(count_in_rows((const unsigned[]){0, 0, 0, 0}), THREADS * ADDITIONS);
	tp_counter_reset_all();
}

static void the_same_name_is_the_same_counter(void)
{
	tp_counter_reset_all();
	CU_ASSERT_PTR_EQUAL(tp_counter_named("test.a", "x"), tp_counter_named("test.a", "y"));
	CU_ASSERT_PTR_NOT_EQUAL(tp_counter_named("test.a", "x"), tp_counter_named("test.b", "x"));
	CU_ASSERT_PTR_NULL(tp_counter_named("Test", "x"));
	CU_ASSERT_PTR_NULL(tp_counter_named("", "x"));
	CU_ASSERT_PTR_NULL(tp_counter_named("a b", "x"));
	tp_counter_reset_all();
}

static void counting_on_nothing_does_nothing(void)
{
	tp_counter_add(NULL, 1);
	CU_ASSERT_EQUAL(tp_counter_read(NULL), 0);
}

static void the_ceiling_gives_no_counter(void)
{
	char name[32];

	tp_counter_reset_all();
	for (unsigned i = 0; i < TP_COUNTER_MAX; i++) {
		snprintf(name, sizeof(name), "test.%u", i);
		CU_ASSERT_PTR_NOT_NULL(tp_counter_named(name, "x"));
	}
	CU_ASSERT_PTR_NULL(tp_counter_named("test.more", "x"));
	CU_ASSERT_PTR_NOT_NULL(tp_counter_named("test.0", "x"));
	tp_counter_reset_all();
}

static void note(const char *name, const char *help, uint64_t value, void *arg)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s=%lu %s;", name, (unsigned long)value, help);
}

static void each_is_visited_with_its_sum(void)
{
	char text[128] = "";

	tp_counter_reset_all();
	tp_counter_add(tp_counter_named("test.a", "first"), 3);
	tp_counter_add(tp_counter_named("test.b", "second"), 4);
	tp_counter_each(note, text);
	CU_ASSERT_STRING_EQUAL(text, "test.a=3 first;test.b=4 second;");
	tp_counter_reset_all();
}

TEST_SUITE("counter", TEST(sums_over_rows_of_threads), TEST(threads_without_a_row_lose_nothing),
	   TEST(the_same_name_is_the_same_counter), TEST(counting_on_nothing_does_nothing),
	   TEST(the_ceiling_gives_no_counter), TEST(each_is_visited_with_its_sum));

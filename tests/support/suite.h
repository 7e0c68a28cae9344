/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <CUnit/CUnit.h>

/*
 * One suite per test file. It registers itself, so that adding a file is all
 * it takes:
 *
 *	TEST_SUITE("addr", TEST(parses_ipv4), TEST(refuses_garbage));
 */
struct test_case {
	const char *name;
	void (*run)(void);
};

struct test_suite {
	const char *name;
	const struct test_case *cases; /* ends with a NULL name */
	struct test_suite *next;
};

void test_suite_register(struct test_suite *suite);

#define TEST(function)                                                                             \
	{                                                                                          \
		#function, function                                                                \
	}

#define TEST_SUITE(suite_name, ...)                                                                \
	static const struct test_case suite_cases_[] = {__VA_ARGS__, {NULL, NULL}};                \
	static struct test_suite suite_ = {suite_name, suite_cases_, NULL};                        \
	__attribute__((constructor)) static void suite_register_(void)                             \
	{                                                                                          \
		test_suite_register(&suite_);                                                      \
	}

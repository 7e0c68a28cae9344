/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <CUnit/TestRun.h>

#include "support/suite.h"

/*
 * Runs the suites that are linked in.
 *
 *	-l        list them
 *	-s SUITE  one of them
 *	-r SEED   in an order of chance; 0 draws a seed
 *	-v        name each case
 *
 * Prints what failed and a closing line; status 1 when anything failed or
 * nothing ran.
 */

#define SUITES_MAX 256

static struct test_suite *suites[SUITES_MAX];
static size_t suite_count;
static bool verbose;
static unsigned passed;
static unsigned failed;
static char running[128]; /* the case under way, as a line */

void test_suite_register(struct test_suite *suite)
{
	if (suite_count == SUITES_MAX) {
		fprintf(stderr, "too many suites\n");
		exit(2);
	}
	suites[suite_count++] = suite;
}

static int by_name(const void *a, const void *b)
{
	const struct test_suite *const *left = a;
	const struct test_suite *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

static void shuffle(unsigned seed)
{
	if (seed == 0) {
		seed = (unsigned)time(NULL);
	}
	printf("order of seed %u\n", seed);
	for (size_t i = suite_count; i > 1; i--) {
		size_t other = (size_t)rand_r(&seed) % i;
		struct test_suite *kept = suites[i - 1];

		suites[i - 1] = suites[other];
		suites[other] = kept;
	}
}

static void show_failures(const CU_pTest test, const CU_pSuite suite)
{
	for (CU_pFailureRecord at = CU_get_failure_list(); at != NULL; at = at->pNext) {
		if (at->pTest == test) {
			printf("%s:%u: %s/%s: %s\n", at->strFileName, at->uiLineNumber,
			       suite->pName, test->pName, at->strCondition);
		}
	}
}

static void on_test_start(const CU_pTest test, const CU_pSuite suite)
{
	snprintf(running, sizeof(running), "FAILED  %s/%s ended the run\n", suite->pName,
		 test->pName);
}

static void on_abort(int signal)
{
	ssize_t written = write(STDOUT_FILENO, running, strlen(running));

	(void)written;
	(void)raise(signal); /* the handler was for once: now it ends the program */
}

static void watch_aborts(void)
{
	const struct sigaction action = {.sa_handler = on_abort,
					 .sa_flags = (int)SA_RESETHAND | SA_NODEFER};

	sigaction(SIGABRT, &action, NULL);
}

static void on_test_complete(const CU_pTest test, const CU_pSuite suite,
			     const CU_pFailureRecord failure)
{
	if (failure == NULL) {
		passed++;
	} else {
		failed++;
		show_failures(test, suite);
	}
	if (verbose) {
		printf("%s %s/%s\n", failure == NULL ? "pass" : "FAIL", suite->pName, test->pName);
	}
}

static void add(const struct test_suite *suite)
{
	CU_pSuite added = CU_add_suite(suite->name, NULL, NULL);

	for (const struct test_case *at = suite->cases; added != NULL && at->name != NULL; at++) {
		if (CU_add_test(added, at->name, at->run) == NULL) {
			added = NULL;
		}
	}
	if (added == NULL) {
		fprintf(stderr, "suite %s: %s\n", suite->name, CU_get_error_msg());
		exit(2);
	}
}

static void list(void)
{
	for (size_t i = 0; i < suite_count; i++) {
		printf("%s\n", suites[i]->name);
	}
	exit(0);
}

int main(int argc, char **argv)
{
	const char *only = NULL;
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	qsort(suites, suite_count, sizeof(suites[0]), by_name);
	while ((option = getopt(argc, argv, "ls:r:v")) != -1) {
		switch (option) {
		case 'l':
			list();
			break;
		case 's':
			only = optarg;
			break;
		case 'r':
			shuffle((unsigned)strtoul(optarg, NULL, 10));
			break;
		case 'v':
			verbose = true;
			break;
		default:
			return 2;
		}
	}
	if (CU_initialize_registry() != CUE_SUCCESS) {
		return 2;
	}
	for (size_t i = 0; i < suite_count; i++) {
		if (only == NULL || strcmp(only, suites[i]->name) == 0) {
			add(suites[i]);
		}
	}
	watch_aborts();
	CU_set_test_start_handler(on_test_start);
	CU_set_test_complete_handler(on_test_complete);
	CU_run_all_tests();
	CU_cleanup_registry();
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0 || passed == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/crash.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/place.h"
#include "support/suite.h"

static const struct tp_place place = {"demo", "on_turn_before_allocate"};

static void fault_in_plugin(void)
{
	(void)tp_place_enter(&place);
	(void)raise(SIGSEGV);
}

static void fault_after_plugin(void)
{
	tp_place_leave(tp_place_enter(&place));
	(void)raise(SIGBUS);
}

static void give_up_in_plugin(void)
{
	(void)tp_place_enter(&place);
	abort();
}

static void divide_in_plugin(void)
{
	(void)tp_place_enter(&place);
	(void)raise(SIGFPE);
}

/* In a process of its own; its status, and what it wrote to stderr. */
static int run(void (*crash)(void), char said[2048])
{
	int ends[2];
	size_t len = 0;
	ssize_t got;
	int status = 0;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	fflush(NULL);
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		for (int i = 1; i < SIGRTMIN; i++) {
			signal(i, SIG_DFL); /* a sanitizer's, too */
		}
		dup2(ends[1], STDERR_FILENO);
		tp_crash_watch();
		tp_crash_stack_open();
		tp_crash_stack_open();
		crash();
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], said + len, 2047 - len)) > 0) {
		len += (size_t)got;
	}
	said[len] = '\0';
	close(ends[0]);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	return status;
}

static void a_crash_is_named_and_ends_the_process_as_ever(void)
{
	static const struct {
		void (*crash)(void);
		int number;
		const char *said;
	} cases[] = {
		{fault_in_plugin, SIGSEGV,
		 "turnpike: crashed in plugin demo (on_turn_before_allocate)\n"},
		{fault_after_plugin, SIGBUS, "turnpike: crashed\n"},
		{give_up_in_plugin, SIGABRT,
		 "turnpike: crashed in plugin demo (on_turn_before_allocate)\n"},
		{divide_in_plugin, SIGFPE,
		 "turnpike: crashed in plugin demo (on_turn_before_allocate)\n"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char said[2048];
		int status = run(cases[i].crash, said);

		CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == cases[i].number);
		CU_ASSERT_STRING_EQUAL(said, cases[i].said);
	}
}

static void a_stack_is_given_back(void)
{
	stack_t before;
	stack_t after;

	CU_ASSERT_EQUAL(sigaltstack(NULL, &before), 0);
	tp_crash_stack_open();
	tp_crash_stack_close();
	tp_crash_stack_close();
	CU_ASSERT_EQUAL(sigaltstack(NULL, &after), 0);
	CU_ASSERT_EQUAL(before.ss_flags, after.ss_flags);
}

TEST_SUITE("crash", TEST(a_crash_is_named_and_ends_the_process_as_ever),
	   TEST(a_stack_is_given_back));

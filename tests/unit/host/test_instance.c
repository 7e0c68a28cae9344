/* SPDX-License-Identifier: Apache-2.0 */
#include "host/instance.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <turnpike/test.h>

#include "base/counter.h"
#include "support/suite.h"

static bool has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL) {
		fprintf(stderr, "no \"%s\" in: %s\n", part, text);
		return false;
	}
	return true;
}

static void options_come_as_written_or_by_default(void)
{
	struct tp_test_host *host = tp_test_host_create("options", "limit = 20\n"
								   "# a comment\n"
								   "title = a = b\n"
								   "words = a b c\n"
								   "networks = 192.0.2.0/24\n"
								   "server = 192.0.2.1:389\n");
	const struct tp_instance *self = tp_test_instance(host);
	size_t count = 0;

	CU_ASSERT_STRING_EQUAL(tp_instance_name(self), "options");
	CU_ASSERT_TRUE(tp_option_bool(self, "enabled"));
	CU_ASSERT_EQUAL(tp_option_integer(self, "limit"), 20);
	CU_ASSERT_EQUAL(tp_option_integer(self, "timeout"), 2000);
	CU_ASSERT_EQUAL(tp_option_integer(self, "cache"), 65536);
	CU_ASSERT_EQUAL(tp_option_integer(self, "rate"), 2000000);
	CU_ASSERT_STRING_EQUAL(tp_option_string(self, "title"), "a = b");
	CU_ASSERT_STRING_EQUAL(tp_option_string(self, "secret"), "hush");
	CU_ASSERT_STRING_EQUAL(tp_option_string(self, "colour"), "green");
	CU_ASSERT_FALSE(tp_option_is_set(self, "file"));
	CU_ASSERT_PTR_NULL(tp_option_string(self, "file"));
	CU_ASSERT_STRING_EQUAL(tp_option_list(self, "words", &count)[2], "c");
	CU_ASSERT_EQUAL(count, 3);
	CU_ASSERT_STRING_EQUAL(tp_option_list(self, "networks", &count)[0], "192.0.2.0/24");
	CU_ASSERT_EQUAL(count, 1);
	CU_ASSERT_EQUAL(tp_option_address(self, "server")->port, 389);
	tp_test_host_free(&host);
}

static void options_not_set_are_nothing(void)
{
	struct tp_test_host *host = tp_test_host_create("options", "");
	const struct tp_instance *self = tp_test_instance(host);
	size_t count = 1;

	CU_ASSERT_PTR_NULL(tp_option_list(self, "words", &count));
	CU_ASSERT_EQUAL(count, 0);
	CU_ASSERT_PTR_NULL(tp_option_address(self, "server"));
	tp_test_host_free(&host);
}

static void what_does_not_start_says_why(void)
{
	static const struct {
		const char *plugin;
		const char *section;
		const char *said;
	} cases[] = {
		{"options", "limit = 200\n",
		 "section:2: [plugin.options] limit: 200 is not within"},
		{"options", "\nlimits = 2\n", "section:3: [plugin.options] limits: unknown key"},
		{"create_fails", "", "no users in /nonexistent"},
		{"worker_start_fails", "", "no directory server"},
		{"twice_declared", "", "option \"limit\" is declared twice"},
		{"wrong_major", "", "section: [plugin.wrong_major]"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_TEST_PROBLEM_SIZE] = "";

		CU_ASSERT_PTR_NULL(tp_test_host_try(cases[i].plugin, cases[i].section, problem));
		CU_ASSERT_TRUE(has(problem, cases[i].said));
	}
}

static uint64_t counted(const char *instance, const char *name)
{
	char full[128];

	snprintf(full, sizeof(full), "plugin.%s.%s", instance, name);
	return tp_counter_read(tp_counter_named(full, ""));
}

static void destroy_follows_a_create_that_failed(void)
{
	char problem[TP_TEST_PROBLEM_SIZE];

	CU_ASSERT_PTR_NULL(tp_test_host_try("create_fails", "", problem));
	CU_ASSERT_EQUAL(counted("create_fails", "destroyed"), 1);
}

static void a_worker_that_did_not_start_is_not_stopped(void)
{
	char problem[TP_TEST_PROBLEM_SIZE];

	CU_ASSERT_PTR_NULL(tp_test_host_try("worker_start_fails", "", problem));
	CU_ASSERT_EQUAL(counted("worker_start_fails", "stopped"), 0);
	CU_ASSERT_EQUAL(counted("worker_start_fails", "fired"), 0);
}

/* --- plugins whose mistakes end the process ---------------------------------------- */

/* Open the plugin in a process of its own; its status, and what it wrote to stderr. */
static int open_in_child(const char *plugin, const char *section, char said[1024])
{
	struct tp_test_host *host;
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
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		host = tp_test_host_create(plugin, section);
		tp_test_host_free(&host);
		_exit(0);
	}
	close(ends[1]);
	while ((got = read(ends[0], said + len, 1023 - len)) > 0) {
		len += (size_t)got;
	}
	said[len] = '\0';
	close(ends[0]);
	CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
	return status;
}

static void asking_for_what_is_not_declared_ends_the_process(void)
{
	static const struct {
		const char *section;
		const char *said;
	} cases[] = {
		{"mistake = unknown_name\n",
		 "plugin options asks for option \"limits\", which it does not declare"},
		{"mistake = wrong_type\n",
		 "asks for option \"enabled\", which it does not declare as an integer"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char said[1024];
		int status = open_in_child("options", cases[i].section, said);

		CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
		CU_ASSERT_TRUE(has(said, cases[i].said));
	}
}

static void a_crash_in_create_ends_the_process(void)
{
	char said[1024];
	int status = open_in_child("create_crashes", "", said);

	CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* --- names -------------------------------------------------------------------------- */

static void counters_and_lines_carry_the_name(void)
{
	struct tp_test_host *host = tp_test_host_create("empty", "");
	struct tp_instance *self = tp_test_instance(host);
	struct tp_counter *counter = tp_counter_create(self, "served", "requests served");

	CU_ASSERT_PTR_NOT_NULL_FATAL(counter);
	CU_ASSERT_PTR_EQUAL(tp_counter_create(self, "served", ""), counter);
	tp_counter_add(counter, 3);
	CU_ASSERT_EQUAL(tp_test_counter(host, "served"), 3);
	CU_ASSERT_EQUAL(counted("empty", "served"), 3);
	CU_ASSERT_PTR_NULL(tp_counter_create(self, "Served", ""));
	CU_ASSERT_PTR_NULL(tp_counter_create(self, "a.b", ""));
	CU_ASSERT_PTR_NULL(tp_counter_create(self, "", ""));

	tp_log(self, TP_LOG_INFO, "hello from %s", "192.0.2.1\nforged line");
	CU_ASSERT_TRUE(has(tp_test_log(host), "empty: hello from 192.0.2.1"));
	CU_ASSERT_PTR_NULL(strstr(tp_test_log(host), "\nforged"));
	tp_test_host_free(&host);
}

static void a_flood_of_lines_is_held_back(void)
{
	struct tp_test_host *host = tp_test_host_create("empty", "");
	size_t lines = 0;

	for (int i = 0; i < 1000; i++) {
		tp_log(tp_test_instance(host), TP_LOG_WARN, "again");
	}
	for (const char *at = tp_test_log(host); (at = strstr(at, "again")) != NULL; at++) {
		lines++;
	}
	CU_ASSERT_TRUE(lines >= 1 && lines < 100);
	tp_test_host_free(&host);
}

/* Each use is two formats of its own: one that chatters, one that comes after it. */
#define CHATTER_THEN_SPEAK(name)                                                                   \
	do {                                                                                       \
		for (int i = 0; i < 100; i++) {                                                    \
			tp_log(self, TP_LOG_DEBUG, "chatter " name);                               \
		}                                                                                  \
		tp_log(self, TP_LOG_WARN, "spoken " name);                                         \
		CU_ASSERT_TRUE(has(tp_test_log(host), "spoken " name));                            \
	} while (0)

static void a_flood_of_lines_silences_no_other(void)
{
	struct tp_test_host *host = tp_test_host_create("empty", "");
	struct tp_instance *self = tp_test_instance(host);

	CHATTER_THEN_SPEAK("one");
	CHATTER_THEN_SPEAK("two");
	CHATTER_THEN_SPEAK("three");
	CHATTER_THEN_SPEAK("four");
	CHATTER_THEN_SPEAK("five");
	CHATTER_THEN_SPEAK("six");
	CHATTER_THEN_SPEAK("seven");
	CHATTER_THEN_SPEAK("eight");
	CHATTER_THEN_SPEAK("nine");
	CHATTER_THEN_SPEAK("ten");
	CHATTER_THEN_SPEAK("eleven");
	CHATTER_THEN_SPEAK("twelve");
	CHATTER_THEN_SPEAK("thirteen");
	CHATTER_THEN_SPEAK("fourteen");
	CHATTER_THEN_SPEAK("fifteen");
	CHATTER_THEN_SPEAK("sixteen");
	tp_test_host_free(&host);
}

TEST_SUITE("instance", TEST(options_come_as_written_or_by_default),
	   TEST(options_not_set_are_nothing), TEST(what_does_not_start_says_why),
	   TEST(destroy_follows_a_create_that_failed),
	   TEST(a_worker_that_did_not_start_is_not_stopped),
	   TEST(asking_for_what_is_not_declared_ends_the_process),
	   TEST(a_crash_in_create_ends_the_process), TEST(counters_and_lines_carry_the_name),
	   TEST(a_flood_of_lines_is_held_back), TEST(a_flood_of_lines_silences_no_other));

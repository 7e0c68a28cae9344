/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/test.h>

#include "support/suite.h"

/* A real server is for tests/system/redis.sh; this one says what no server should. */

struct liar {
	int listener;
	uint16_t port;
	const char *answer; /* to whatever is asked first */
	pthread_t thread;
};

static void *lie(void *arg)
{
	struct liar *liar = arg;
	char bytes[4096];
	int fd;

	while ((fd = accept(liar->listener, NULL, NULL)) >= 0) {
		if (recv(fd, bytes, sizeof(bytes), 0) > 0) {
			send(fd, liar->answer, strlen(liar->answer), MSG_NOSIGNAL);
			while (recv(fd, bytes, sizeof(bytes), 0) > 0) {
			}
		}
		close(fd);
	}
	return NULL;
}

static void start_liar(struct liar *liar, const char *answer)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);

	liar->answer = answer;
	liar->listener = socket(AF_INET, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL_FATAL(bind(liar->listener, (struct sockaddr *)&addr, len), 0);
	CU_ASSERT_EQUAL_FATAL(listen(liar->listener, 16), 0);
	getsockname(liar->listener, (struct sockaddr *)&addr, &len);
	liar->port = ntohs(addr.sin_port);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&liar->thread, NULL, lie, liar), 0);
}

static void end_liar(struct liar *liar)
{
	shutdown(liar->listener, SHUT_RDWR);
	pthread_join(liar->thread, NULL);
	close(liar->listener);
}

static bool has_complained(void *arg)
{
	return strstr(tp_test_log(arg), "no connection to redis") != NULL;
}

static void lies_are_survived_and_users_get_500(void)
{
	static char endless[5 << 20] = "$100000000\r\n";
	const struct {
		const char *answer;
		const char *sentence;
	} cases[] = {
		{"HTTP/1.1 200 OK\r\n\r\n", "Protocol error"},
		{"+OK\r\n+OK\r\n", "answer of another kind"}, /* two answers to one question */
		/* SELECT, three sets, three numbers, and one too many */
		{"+OK\r\n*0\r\n*0\r\n*0\r\n$-1\r\n$-1\r\n$-1\r\n+OK\r\n", "nobody asked for"},
		{"*1000000000\r\n", "too many elements"},
		{"*600000\r\n*600000\r\n", "too many elements"},
		{endless, "too long"},
		{"-ERR max number of clients reached\r\n", "max number of clients"},
		{"$-5\r\n", "no connection to redis"},
		{"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
		 "no connection to redis"},
	};

	memset(endless + strlen(endless), 'x', sizeof(endless) - strlen(endless) - 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct tp_test_asked *asked;
		struct tp_test_host *host;
		char section[128];
		struct liar liar;

		start_liar(&liar, cases[i].answer);
		snprintf(section, sizeof(section),
			 "port = %u\nrealms = example.org\ndeadline = 500ms\n", liar.port);
		host = tp_test_host_create("redis", section);
		tp_test_wait_until(host, has_complained, host);
		if (strstr(tp_test_log(host), cases[i].sentence) == NULL) {
			printf("no \"%s\" in:\n%s\n", cases[i].sentence, tp_test_log(host));
			CU_FAIL("another sentence");
		}
		asked = tp_test_authorize(host, "alice", "example.org", 1);
		CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
		CU_ASSERT_EQUAL(asked->code, 500);
		tp_test_host_free(&host);
		end_liar(&liar);
	}
}

/* Fail closed: what is not known is not taken for allowed. */
static void without_a_server_nothing_is_allowed(void)
{
	struct tp_test_host *host = tp_test_host_create(
		"redis", "host = /nonexistent/redis.sock\nrealms = example.org\n");
	struct tp_addr addr;
	struct tp_before_permission event;
	const struct tp_test_asked *asked;

	tp_test_wait_until(host, has_complained, host);
	CU_ASSERT_EQUAL(tp_addr_parse("198.51.100.1", &addr), 0);
	event = (struct tp_before_permission){
		.allocation = tp_test_allocation(host), .peer_addr = &addr, .method = 0x008};
	asked = tp_test_on_turn_before_permission(host, &event);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 500);
	asked = tp_test_authorize(host, "1700000100:alice", "example.org", 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 500);
	tp_test_host_free(&host);
}

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *sentence;
	} wrong[] = {
		{"", "realms"},
		{"realms = example.org\nuser = turnpike\n", "needs password_file"},
		{"realms = example.org\nport = 0\n", "port"},
		{"realms = example.org\ntls = verify\nca_file = /nonexistent\n", "certificates"},
		{"realms = example.org\nseparator = x\n", "separator"},
		{"realms = example.org\npassword_file = /nonexistent\n", "password_file"},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct tp_test_host *host = tp_test_host_try("redis", wrong[i].section, problem);

		CU_ASSERT_PTR_NULL(host);
		if (strstr(problem, wrong[i].sentence) == NULL) {
			printf("\"%s\" in place of \"%s\"\n", problem, wrong[i].sentence);
			CU_FAIL("another sentence");
		}
		tp_test_host_free(&host);
	}
}

TEST_SUITE("redis", TEST(lies_are_survived_and_users_get_500),
	   TEST(without_a_server_nothing_is_allowed), TEST(options_are_checked));

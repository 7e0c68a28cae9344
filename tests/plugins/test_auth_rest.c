/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/test.h>

#include "stun/build.h"
#include "stun/codes.h"
#include "support/scratch.h"
#include "support/suite.h"

/*
 * A service of one connection after another, in a thread of its own, which answers each
 * request with the same bytes and keeps the last one.
 */
struct service {
	int fd;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock; /* for the last */
	const char *answer;   /* whole, with its head; ends the connection */
	char request[4096];
};

static void *serve(void *arg)
{
	struct service *service = arg;
	char request[sizeof(service->request)];

	for (;;) {
		int fd = accept(service->fd, NULL, NULL);
		size_t len = 0;
		ssize_t got = 1;

		if (fd == -1) {
			return NULL;
		}
		/* A GET ends with an empty line, the only POST here with a brace. */
		while (got > 0 && len < sizeof(request) - 1 &&
		       !(len > 4 && (request[len - 1] == '}' ||
				     (memcmp(request, "GET", 3) == 0 &&
				      memcmp(request + len - 4, "\r\n\r\n", 4) == 0)))) {
			got = read(fd, request + len, sizeof(request) - 1 - len);
			len += got > 0 ? (size_t)got : 0;
		}
		request[len] = '\0';
		pthread_mutex_lock(&service->lock);
		memcpy(service->request, request, len + 1);
		pthread_mutex_unlock(&service->lock);
		(void)!send(fd, service->answer, strlen(service->answer), MSG_NOSIGNAL);
		close(fd);
	}
}

static void service_start(struct service *service, const char *answer)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);

	service->answer = answer;
	service->request[0] = '\0';
	pthread_mutex_init(&service->lock, NULL);
	service->fd = socket(AF_INET, SOCK_STREAM, 0);
	CU_ASSERT_EQUAL_FATAL(bind(service->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(service->fd, 8), 0);
	getsockname(service->fd, (struct sockaddr *)&addr, &len);
	service->port = ntohs(addr.sin_port);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&service->thread, NULL, serve, service), 0);
}

static void service_stop(struct service *service)
{
	shutdown(service->fd, SHUT_RDWR);
	pthread_join(service->thread, NULL);
	pthread_mutex_destroy(&service->lock);
	close(service->fd);
}

/* The last request; "" since it was forgotten. Owner: static storage. */
static const char *last_request(struct service *service)
{
	static char request[sizeof(service->request)];

	pthread_mutex_lock(&service->lock);
	memcpy(request, service->request, sizeof(request));
	pthread_mutex_unlock(&service->lock);
	return request;
}

static void forget(struct service *service)
{
	pthread_mutex_lock(&service->lock);
	service->request[0] = '\0';
	pthread_mutex_unlock(&service->lock);
}

#define ANSWER(status, headers, body)                                                              \
	"HTTP/1.1 " status " x\r\nConnection: close\r\n" headers "\r\n" body

struct rest {
	struct service service;
	struct tp_test_host *host;
};

static void rest_open(struct rest *rest, const char *answer, const char *query, const char *more)
{
	char section[2 * PATH_MAX];

	service_start(&rest->service, answer);
	snprintf(section, sizeof(section), "url = http://127.0.0.1:%u/turn%s\n%s",
		 rest->service.port, query, more);
	rest->host = tp_test_host_create("auth_rest", section);
}

static void rest_close(struct rest *rest)
{
	tp_test_host_free(&rest->host);
	service_stop(&rest->service);
}

static const struct tp_test_asked *ask_as(struct rest *rest, const char *user)
{
	const struct tp_test_asked *asked = tp_test_authorize(rest->host, user, "example.org", 1);

	tp_test_wait(rest->host, asked);
	return asked;
}

/* --- answers ------------------------------------------------------------------------------ */

static void all_members_are_provided(void)
{
	const struct tp_test_asked *asked;
	struct rest rest;

	rest_open(&rest,
		  ANSWER("200", "",
			 "{\"password\":\"wonderland\",\"key_md5\":"
			 "\"000102030405060708090a0b0c0d0e0F\","
			 "\"max_allocations\":3,\"max_lifetime_s\":400,\"valid_for_s\":50,"
			 "\"max_bits_per_s\":6000000000,\"max_packets_per_s\":70,\"more\":[]}"),
		  "", "");
	asked = ask_as(&rest, "alice");
	CU_ASSERT_EQUAL_FATAL(asked->verdict, TP_ALLOW);
	CU_ASSERT_STRING_EQUAL(asked->password, "wonderland");
	CU_ASSERT_EQUAL(asked->key_md5[0], 0);
	CU_ASSERT_EQUAL(asked->key_md5[15], 15);
	CU_ASSERT_EQUAL(asked->max_allocations, 3);
	CU_ASSERT_EQUAL(asked->max_lifetime_s, 400);
	CU_ASSERT_EQUAL(asked->valid_for_s, 50);
	CU_ASSERT_EQUAL(asked->max_bits_per_s, 6000000000);
	CU_ASSERT_EQUAL(asked->max_packets_per_s, 70);
	rest_close(&rest);
}

static void answers_are_judged(void)
{
	static const struct {
		const char *answer;
		enum tp_verdict verdict;
		uint16_t code;
		const char *reason;
	} cases[] = {
		{ANSWER("404", "", ""), TP_PASS, 0, ""},
		{ANSWER("404", "", "{\"password\":\"x\"}"), TP_PASS, 0, ""},
		{ANSWER("403", "", "{\"reason\":\"Account closed\"}"), TP_DENY, 403,
		 "Account closed"},
		{ANSWER("403", "", "{\"reason\":\"a\\nb\"}"), TP_DENY, 403, ""},
		{ANSWER("403", "", "{\"reason\":7}"), TP_DENY, 403, ""},
		{ANSWER("403", "", "go away"), TP_DENY, 403, ""},
		{ANSWER("200", "", ""), TP_DENY, 500, ""},
		{ANSWER("200", "", "[]"), TP_DENY, 500, ""},
		{ANSWER("200", "", "{}"), TP_DENY, 500, ""},
		{ANSWER("200", "", "{\"password\":7}"), TP_DENY, 500, ""},
		{ANSWER("200", "", "{\"password\":\"\"}"), TP_DENY, 500, ""},
		{ANSWER("200", "", "{\"password\":\"a\\u0000b\"}"), TP_DENY, 500, ""},
		{ANSWER("200", "", "{\"password\":\"a\",\"password\":\"b\"}"), TP_DENY, 500, ""},
		{ANSWER("200", "", "{\"password\":\"a\"} and more"), TP_DENY, 500, ""},
		{ANSWER("200", "", "{\"key_md5\":\"00\"}"), TP_DENY, 500, ""},
		{ANSWER("200", "", "{\"key_md5\":\"000102030405060708090a0b0c0d0e0g\"}"), TP_DENY,
		 500, ""},
		{ANSWER("200", "", "{\"password\":\"a\",\"key_sha256\":\"00\"}"), TP_DENY, 500, ""},
		{ANSWER("200", "", "{\"password\":\"a\",\"valid_for_s\":-1}"), TP_DENY, 500, ""},
		{ANSWER("200", "", "{\"password\":\"a\",\"max_allocations\":4294967296}"), TP_DENY,
		 500, ""},
		{ANSWER("200", "", "{\"password\":\"a\",\"max_allocations\":1.5}"), TP_DENY, 500,
		 ""},
		{ANSWER("200", "Content-Length: 99\r\n", "{\"password\":\"a\"}"), TP_DENY, 500, ""},
		{ANSWER("401", "", "{\"password\":\"a\"}"), TP_DENY, 500, ""},
		{ANSWER("302", "Location: /\r\n", ""), TP_DENY, 500, ""},
		{ANSWER("204", "", ""), TP_DENY, 500, ""},
		{ANSWER("500", "", ""), TP_DENY, 500, ""},
		{"", TP_DENY, 500, ""},
		{"{\"password\":\"a\"}", TP_DENY, 500, ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tp_test_asked *asked;
		struct rest rest;

		rest_open(&rest, cases[i].answer, "", "");
		asked = ask_as(&rest, "alice");
		CU_ASSERT_EQUAL(asked->verdict, cases[i].verdict);
		if (asked->verdict == TP_DENY) {
			CU_ASSERT_EQUAL(asked->code, cases[i].code);
			CU_ASSERT_STRING_EQUAL(asked->reason, cases[i].reason);
		}
		CU_ASSERT_PTR_NULL(strstr(tp_test_log(rest.host), "wonderland"));
		rest_close(&rest);
	}
}

static void long_reasons_are_cut_between_characters(void)
{
	static char answer[1024];
	const struct tp_test_asked *asked;
	char text[403];
	struct rest rest;

	for (size_t i = 0; i < 400; i += 2) { /* U+00E9 */
		memcpy(text + i, "\xc3\xa9", 3);
	}
	snprintf(answer, sizeof(answer), ANSWER("403", "", "{\"reason\":\"%s\"}"), text);
	rest_open(&rest, answer, "", "");
	asked = ask_as(&rest, "alice");
	CU_ASSERT_EQUAL(asked->code, 403);
	CU_ASSERT_EQUAL(strlen(asked->reason), 126);
	rest_close(&rest);
}

static void a_body_of_16_kib_is_the_longest(void)
{
	static char answer[20000];
	struct rest rest;
	int head;

	for (int i = 0; i < 2; i++) {
		head = snprintf(answer, sizeof(answer),
				ANSWER("200", "", "{\"password\":\"wonderland\"}"));
		memset(answer + head, ' ', sizeof(answer) - (size_t)head);
		answer[(size_t)head + 16384 - strlen("{\"password\":\"wonderland\"}") + (size_t)i] =
			'\0';
		rest_open(&rest, answer, "", "");
		CU_ASSERT_EQUAL(ask_as(&rest, "alice")->verdict, i == 0 ? TP_ALLOW : TP_DENY);
		if (i == 1) {
			CU_ASSERT_PTR_NOT_NULL(
				strstr(tp_test_log(rest.host), "the answer is too long"));
		}
		rest_close(&rest);
	}
}

/* RFC 9111 section 5.2.2 */
static void cache_control_is_honoured(void)
{
	static const struct {
		const char *header;
		unsigned kept_s; /* at least; one more is too long */
	} cases[] = {
		{"", 60},
		{"Cache-Control: no-store\r\n", 0},
		{"Cache-Control: private, no-cache\r\n", 0},
		{"cache-control: max-age=10\r\n", 10},
		{"Cache-Control: private , MAX-AGE=\"10\"\r\n", 10},
		{"Cache-Control: max-age=300, max-age=20\r\n", 20},
		{"Cache-Control: max-age=30\r\nAge: 20\r\n", 10},
		{"Cache-Control: max-age=30\r\nAge: 40\r\n", 0},
		{"Cache-Control: max-age=soon\r\n", 0},
		{"Cache-Control: max-age=300\r\nCache-Control: no-store\r\n", 0},
		{"Cache-Control: s-maxage=5\r\n", 60},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char answer[512];
		struct rest rest;

		snprintf(answer, sizeof(answer), ANSWER("200", "%s", "{\"password\":\"a\"}"),
			 cases[i].header);
		rest_open(&rest, answer, "", "grace = 0");
		CU_ASSERT_EQUAL(ask_as(&rest, "alice")->verdict, TP_ALLOW);
		forget(&rest.service);
		if (cases[i].kept_s != 0) {
			tp_test_advance_ms(rest.host, (cases[i].kept_s - 1) * UINT64_C(1000));
			CU_ASSERT_EQUAL(ask_as(&rest, "alice")->verdict, TP_ALLOW);
			CU_ASSERT_EQUAL(last_request(&rest.service)[0], '\0');
			tp_test_advance_ms(rest.host, 2 * UINT64_C(1000));
		}
		CU_ASSERT_EQUAL(ask_as(&rest, "alice")->verdict, TP_ALLOW);
		CU_ASSERT_NOT_EQUAL(last_request(&rest.service)[0], '\0');
		rest_close(&rest);
	}
}

/* --- questions ---------------------------------------------------------------------------- */

static bool was_asked(struct rest *rest, const char *text)
{
	const char *request = last_request(&rest->service);

	if (strstr(request, text) == NULL) {
		printf("%s\nlacks %s\n", request, text);
		return false;
	}
	return true;
}

static void the_service_is_told_of_the_client(void)
{
	const struct tp_client_view *client;
	const struct tp_test_asked *asked;
	struct rest rest;
	static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = "id";
	struct tp_build build;
	uint8_t bytes[128];

	rest_open(&rest, ANSWER("404", "", ""), "", "");
	client = tp_test_client_create(rest.host, TP_TRANSPORT_TLS, "192.0.2.1:4000",
				       "198.51.100.1:5349");
	tp_test_on_client_connected(rest.host,
				    &(struct tp_client_connected){.client = client,
								  .server_name = "a.example.org",
								  .security = "TLS1.3"});
	tp_test_set_five_tuple(rest.host, TP_TRANSPORT_TLS, "192.0.2.1:4000", "198.51.100.1:5349");
	tp_build_init(&build, bytes, sizeof(bytes), TP_STUN_ALLOCATE, TP_STUN_REQUEST,
		      transaction_id);
	tp_build_string(&build, TP_ATTR_SOFTWARE, "some \"client\"");
	tp_test_set_request(rest.host, bytes, tp_build_finish(&build));
	asked = ask_as(&rest, "\"al\\ice\xc3\xa9");
	CU_ASSERT_EQUAL(asked->verdict, TP_PASS);
	CU_ASSERT_TRUE(was_asked(&rest, "POST /turn HTTP/1.1\r\n"));
	CU_ASSERT_TRUE(was_asked(&rest, "\r\nContent-Type: application/json\r\n"));
	CU_ASSERT_TRUE(was_asked(&rest,
				 "{\"user\":\"\\\"al\\\\ice\xc3\xa9\",\"realm\":\"example.org\","
				 "\"client\":\"192.0.2.1:4000\",\"transport\":\"tls\","
				 "\"server\":\"198.51.100.1:5349\",\"sni\":\"a.example.org\","
				 "\"software\":\"some \\\"client\\\"\"}"));
	CU_ASSERT_PTR_NULL(strstr(last_request(&rest.service), "Authorization"));
	tp_test_client_end(rest.host, client, "closed");
	rest_close(&rest);
}

static void fields_of_the_url_are_escaped(void)
{
	struct rest rest;

	rest_open(&rest, ANSWER("404", "", ""),
		  "/{user}?r={realm}&c={client}&t={transport}&s={sni}{software}&h={userhash}", "");
	ask_as(&rest, "a/../b?c=d&e#f%00{user} \xc3\xa9'\"*()\\");
	CU_ASSERT_TRUE(was_asked(&rest,
				 "GET /turn/a%2F..%2Fb%3Fc%3Dd%26e%23f%2500%7Buser%7D%20%C3%A9"
				 "%27%22%2A%28%29%5C?r=example.org&c=192.0.2.10%3A4000&t=udp&s="
				 "&h= HTTP/1.1\r\n"));
	rest_close(&rest);
}

static void a_hash_is_asked_for_and_named(void)
{
	static const struct {
		const char *answer;
		enum tp_verdict verdict;
	} cases[] = {
		{ANSWER("200", "", "{\"password\":\"a\",\"user\":\"alice\"}"), TP_ALLOW},
		{ANSWER("200", "", "{\"password\":\"a\"}"), TP_DENY},
		{ANSWER("200", "", "{\"password\":\"a\",\"user\":7}"), TP_DENY},
	};
	uint8_t hash[32];

	memset(hash, 0xa5, sizeof(hash));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct tp_test_asked *asked;
		struct rest rest;

		rest_open(&rest, cases[i].answer, "", "");
		asked = tp_test_authorize_userhash(rest.host, hash, "example.org", 2);
		tp_test_wait(rest.host, asked);
		CU_ASSERT_EQUAL_FATAL(asked->verdict, cases[i].verdict);
		if (asked->verdict == TP_ALLOW) {
			CU_ASSERT_STRING_EQUAL(asked->user, "alice");
		}
		CU_ASSERT_TRUE(was_asked(&rest, "{\"userhash\":\"a5a5a5a5a5a5a5a5"));
		rest_close(&rest);
	}
}

static void a_name_that_is_no_utf_8_is_nobodys(void)
{
	struct rest rest;

	rest_open(&rest, ANSWER("200", "", "{\"password\":\"a\"}"), "", "");
	CU_ASSERT_EQUAL(ask_as(&rest, "al\xffice")->verdict, TP_PASS);
	CU_ASSERT_EQUAL(last_request(&rest.service)[0], '\0');
	rest_close(&rest);
}

static void the_token_is_sent(void)
{
	struct scratch scratch;
	struct rest rest;
	char more[PATH_MAX + 32];

	scratch_open(&scratch);
	scratch_write(&scratch, "token", 0600, "# ours\nab-C.d~9\n");
	snprintf(more, sizeof(more), "token_file = %s", scratch.file);
	rest_open(&rest, ANSWER("404", "", ""), "", more);
	ask_as(&rest, "alice");
	CU_ASSERT_TRUE(was_asked(&rest, "\r\nAuthorization: Bearer ab-C.d~9\r\n"));
	rest_close(&rest);
	scratch_close(&scratch);
}

static void answers_may_depend_on_the_address(void)
{
	struct rest rest;

	rest_open(&rest, ANSWER("200", "", "{\"password\":\"a\"}"), "", "depends = client sni");
	ask_as(&rest, "alice");
	tp_test_set_five_tuple(rest.host, TP_TRANSPORT_UDP, "192.0.2.10:5000", "198.51.100.1:3478");
	forget(&rest.service);
	ask_as(&rest, "alice");
	CU_ASSERT_EQUAL(last_request(&rest.service)[0], '\0');
	tp_test_set_five_tuple(rest.host, TP_TRANSPORT_UDP, "192.0.2.11:5000", "198.51.100.1:3478");
	ask_as(&rest, "alice");
	CU_ASSERT_TRUE(was_asked(&rest, "192.0.2.11:5000"));
	rest_close(&rest);
}

static void who_goes_away_is_forgotten(void)
{
	const struct tp_test_asked *asked;
	struct rest rest;

	rest_open(&rest, ANSWER("200", "", "{\"password\":\"a\"}"), "", "");
	asked = tp_test_authorize(rest.host, "alice", "example.org", 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	tp_test_cancel(rest.host, asked);
	CU_ASSERT_EQUAL(ask_as(&rest, "alice")->verdict, TP_ALLOW);
	asked = tp_test_authorize(rest.host, "bob", "example.org", 1);
	CU_ASSERT_EQUAL(asked->verdict, TP_PARK);
	rest_close(&rest); /* with a request under way */
}

/* --- options
 * -------------------------------------------------------------------------------------- */

static void options_are_checked(void)
{
	static const struct {
		const char *section;
		const char *problem;
	} cases[] = {
		{"", "url"},
		{"url = ftp://a.example.org/", "neither with https:// nor with http://"},
		{"url = https:///turn", "there must be a host"},
		{"url = https://{user}.example.org/", "there must be a host"},
		{"url = https://a:b@a.example.org/", "there must be a host"},
		{"url = https://a.example.org/{name}", "there is no field {name}"},
		{"url = https://a.example.org/{user", "there is no field {user}"},
		{"url = https://a.example.org/{}", "there is no field {}"},
		{"url = \"https://a.example.org/a b\"", "a URL has no blanks"},
		{"url = https://a.example.org/\ndepends = user", "depends: \"user\" is none of"},
		{"url = https://a.example.org/\nca_file = /nonexistent/ca",
		 "/nonexistent/ca: No such"},
		{"url = https://a.example.org/\nkey_file = /dev/null", "wants a certificate_file"},
		{"url = https://a.example.org/\ntoken_file = /nonexistent/t", "/nonexistent/t"},
		{"url = https://a.example.org/\nmax_requests = 0", "max_requests"},
	};
	char problem[TP_TEST_PROBLEM_SIZE];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		problem[0] = '\0';
		CU_ASSERT_PTR_NULL(tp_test_host_try("auth_rest", cases[i].section, problem));
		if (strstr(problem, cases[i].problem) == NULL) {
			printf("%s\n", problem);
			CU_FAIL("another problem");
		}
	}
}

static void a_token_is_a_line_of_a_header(void)
{
	char problem[TP_TEST_PROBLEM_SIZE] = "";
	char section[PATH_MAX + 64];
	struct scratch scratch;

	scratch_open(&scratch);
	scratch_write(&scratch, "token", 0600, "two words\n");
	snprintf(section, sizeof(section), "url = http://a.example.org\ntoken_file = %s",
		 scratch.file);
	CU_ASSERT_PTR_NULL(tp_test_host_try("auth_rest", section, problem));
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "a token has neither blanks nor"));
	scratch_close(&scratch);
}

TEST_SUITE("auth_rest", TEST(all_members_are_provided), TEST(answers_are_judged),
	   TEST(long_reasons_are_cut_between_characters), TEST(a_body_of_16_kib_is_the_longest),
	   TEST(cache_control_is_honoured), TEST(the_service_is_told_of_the_client),
	   TEST(fields_of_the_url_are_escaped), TEST(a_hash_is_asked_for_and_named),
	   TEST(a_name_that_is_no_utf_8_is_nobodys), TEST(the_token_is_sent),
	   TEST(answers_may_depend_on_the_address), TEST(who_goes_away_is_forgotten),
	   TEST(options_are_checked), TEST(a_token_is_a_line_of_a_header));

/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/test.h>

#include "support/scratch.h"
#include "support/suite.h"

#define CLIENTS 6000
#define SECTION_SIZE 1024

static struct tp_five_tuple five_tuple;
static struct tp_redirect event;

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return addr;
}

/* A client asks, over a transport, at 198.51.100.1:3478 or [2001:db8::1]:3478. */
static const struct tp_test_asked *ask_over(struct tp_test_host *host, const char *client,
					    enum tp_transport transport)
{
	bool v6 = client[0] == '[';
	const char *server = v6 ? "[2001:db8::1]:3478" : "198.51.100.1:3478";

	five_tuple = (struct tp_five_tuple){
		.client_addr = addr_of(client),
		.server_addr = addr_of(server),
		.transport = transport,
	};
	event.five_tuple = &five_tuple;
	event.user = "alice";
	event.realm = "example.org";
	event.family = TP_FAMILY_IPV4;
	tp_test_set_five_tuple(host, transport, client, server);
	return tp_test_fire(host, TP_EVENT_on_turn_redirect, &event);
}

static const struct tp_test_asked *ask(struct tp_test_host *host, const char *client)
{
	return ask_over(host, client, TP_TRANSPORT_UDP);
}

static bool goes_to(const struct tp_test_asked *asked, const char *expected)
{
	struct tp_addr want = addr_of(expected);
	char text[TP_ADDR_STRING];

	if (asked->verdict == TP_ALLOW && tp_addr_equal(&asked->alternate, &want)) {
		return true;
	}
	printf("wanted %s, got verdict %d %s\n", expected, (int)asked->verdict,
	       asked->verdict == TP_ALLOW ? tp_addr_format(&asked->alternate, text) : "");
	return false;
}

/* The last byte of the alternate server that a client gets, by number. */
static unsigned choice_of(struct tp_test_host *host, unsigned client)
{
	const struct tp_test_asked *asked;
	char text[TP_ADDR_STRING];

	snprintf(text, sizeof(text), "10.%u.%u.%u:4000", client >> 16, client >> 8 & 255,
		 client & 255);
	asked = ask(host, text);
	return asked->verdict == TP_ALLOW ? asked->alternate.bytes[3] : 0;
}

/* --- targets ---------------------------------------------------------------------------- */

static void targets_are_checked_when_read(void)
{
	static const struct {
		const char *section;
		const char *sentence;
	} cases[] = {
		{"", "targets or targets_file must name one"},
		{"targets = 192.0.2.1:0x", "has no port"},
		{"targets = turn.example.org:0", "has no port from 1 to 65535"},
		{"targets = turn.example.org:65536", "has no port from 1 to 65535"},
		{"targets = turn.example.org*0", "has no weight from 1 to 1000"},
		{"targets = turn.example.org*1001", "has no weight from 1 to 1000"},
		{"targets = turn.example.org*", "has no weight"},
		{"targets = sctp://turn.example.org", "begins with something else than udp"},
		{"targets = udp+udp://turn.example.org", "each once"},
		{"targets = udp+://turn.example.org", "begins with something else"},
		{"targets = udp://", "has neither the name nor the address"},
		{"targets = turn_.example.org", "has neither the name nor the address"},
		{"targets = -turn.example.org", "has neither the name nor the address"},
		{"targets = turn..example.org", "has neither the name nor the address"},
		{"targets = 192.0.2.300", "has neither the name nor the address"},
		{"targets = 0.0.0.0:3478", "is no single address"},
		{"targets = [::]:3478", "is no single address"},
		{"targets = 192.0.2.1 192.0.2.1*3", "is there twice"},
		{"targets = 192.0.2.1\nself = here", "\"here\" is no IP address"},
		{"targets = 192.0.2.1\nwhen = above", "need each other"},
		{"targets = 192.0.2.1\nabove = 10", "need each other"},
		{"targets = 192.0.2.1\nca_file = /nowhere\ncheck = tls", "cannot be read"},
		{"targets_file = /nowhere", "cannot be read"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[TP_TEST_PROBLEM_SIZE] = "";
		struct tp_test_host *host = tp_test_host_try("redirect", cases[i].section, problem);

		CU_ASSERT_PTR_NULL(host);
		if (strstr(problem, cases[i].sentence) == NULL) {
			printf("%s: %s\n", cases[i].section, problem);
			CU_FAIL("another sentence");
		}
		tp_test_host_free(&host);
	}
}

static void a_transport_has_its_port_and_its_targets(void)
{
	static const struct {
		const char *target;
		enum tp_transport transport;
		const char *goes_to; /* NULL: nowhere */
	} cases[] = {
		{"192.0.2.1", TP_TRANSPORT_UDP, "192.0.2.1:3478"},
		{"192.0.2.1", TP_TRANSPORT_TCP, "192.0.2.1:3478"},
		{"192.0.2.1", TP_TRANSPORT_TLS, "192.0.2.1:5349"},
		{"192.0.2.1", TP_TRANSPORT_DTLS, "192.0.2.1:5349"},
		{"192.0.2.1:3479", TP_TRANSPORT_TCP, "192.0.2.1:3479"},
		{"192.0.2.1:3479", TP_TRANSPORT_TLS, NULL},
		{"TLS://192.0.2.1:443", TP_TRANSPORT_TLS, "192.0.2.1:443"},
		{"tls://192.0.2.1:443", TP_TRANSPORT_DTLS, NULL},
		{"tls+udp://192.0.2.1", TP_TRANSPORT_UDP, "192.0.2.1:3478"},
		{"tls+udp://192.0.2.1", TP_TRANSPORT_TCP, NULL},
		{"[2001:db8::2]", TP_TRANSPORT_UDP, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char section[SECTION_SIZE];
		struct tp_test_host *host;
		const struct tp_test_asked *asked;

		snprintf(section, sizeof(section), "check = none\ntargets = %s", cases[i].target);
		host = tp_test_host_create("redirect", section);
		asked = ask_over(host, "192.0.2.99:4000", cases[i].transport);
		if (cases[i].goes_to == NULL) {
			CU_ASSERT_EQUAL(asked->verdict, TP_PASS);
		} else {
			CU_ASSERT_TRUE(goes_to(asked, cases[i].goes_to));
		}
		tp_test_host_free(&host);
	}
}

/* RFC 8489 section 10: of the address family of the request's source. */
static void a_client_goes_to_its_own_family(void)
{
	struct tp_test_host *host = tp_test_host_create(
		"redirect", "check = none\ntargets = 192.0.2.1 [2001:db8::2]:3480 2001:db8::2");

	for (int i = 1; i < 100; i++) {
		char client[TP_ADDR_STRING];

		snprintf(client, sizeof(client), "192.0.2.%d:4000", i);
		CU_ASSERT_TRUE(goes_to(ask(host, client), "192.0.2.1:3478"));
		snprintf(client, sizeof(client), "[2001:db8::%d]:4000", i + 10);
		CU_ASSERT_EQUAL(ask(host, client)->alternate.family, TP_FAMILY_IPV6);
	}
	tp_test_host_free(&host);
}

static bool localhost_is_known(void *arg)
{
	return ask(arg, "192.0.2.99:4000")->verdict == TP_ALLOW;
}

static void a_name_is_resolved_and_is_the_domain(void)
{
	struct tp_test_host *host =
		tp_test_host_create("redirect", "check = none\ntargets = localhost");
	char problem[TP_TEST_PROBLEM_SIZE];
	const struct tp_test_asked *asked;

	tp_test_wait_until(host, localhost_is_known, host);
	asked = ask_over(host, "192.0.2.99:4000", TP_TRANSPORT_TLS);
	CU_ASSERT_TRUE(goes_to(asked, "127.0.0.1:5349"));
	CU_ASSERT_STRING_EQUAL(asked->alternate_domain, "localhost");
	CU_ASSERT_TRUE_FATAL(tp_test_host_reload(host,
						 "check = none\ntargets = localhost\n"
						 "domain = turn.example.org",
						 problem));
	asked = ask_over(host, "192.0.2.99:4000", TP_TRANSPORT_TLS); /* adopted, no need to wait */
	CU_ASSERT_STRING_EQUAL(asked->alternate_domain, "turn.example.org");
	tp_test_finish_jobs(host);
	tp_test_host_free(&host);
}

static void an_unknown_name_gets_nobody(void)
{
	struct tp_test_host *host = tp_test_host_create(
		"redirect", "check = none\ntargets = nowhere.invalid 192.0.2.7");
	const char *printed;

	tp_test_finish_jobs(host);
	for (unsigned i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(choice_of(host, i), 7);
	}
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "no address of nowhere.invalid is known"));
	CU_ASSERT_EQUAL(tp_test_command(host, "list", &printed), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(printed, "nowhere.invalid weight=1 no address is known\n"));
	tp_test_host_free(&host);
}

static void a_file_names_more(void)
{
	struct scratch scratch;
	char section[SECTION_SIZE];
	char problem[TP_TEST_PROBLEM_SIZE];
	char many[32 * 200] = "";
	struct tp_test_host *host;

	scratch_open(&scratch);
	scratch_write(&scratch, "targets", 0600, "# both\n\n  192.0.2.1*2  # big\n192.0.2.2");
	snprintf(section, sizeof(section), "check = none\ntargets_file = %s",
		 scratch_path(&scratch, "targets"));
	host = tp_test_host_create("redirect", section);
	CU_ASSERT_NOT_EQUAL(choice_of(host, 1), 0);
	scratch_write(&scratch, "targets", 0600, "192.0.2.1\nnonsense!\n");
	CU_ASSERT_FALSE(tp_test_host_reload(host, section, problem));
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "targets:2: \"nonsense!\" has neither"));
	for (int i = 0; i <= 128; i++) {
		snprintf(many + strlen(many), sizeof(many) - strlen(many), "192.0.2.1:%d\n",
			 1000 + i);
	}
	scratch_write(&scratch, "targets", 0600, many);
	CU_ASSERT_FALSE(tp_test_host_reload(host, section, problem));
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "targets:129: more than 128 targets"));
	memset(many, 'a', 600);
	many[600] = '\0';
	scratch_write(&scratch, "targets", 0600, many);
	CU_ASSERT_FALSE(tp_test_host_reload(host, section, problem));
	CU_ASSERT_PTR_NOT_NULL(strstr(problem, "targets:1: the line is too long"));
	tp_test_host_free(&host);
	scratch_close(&scratch);
}

/* --- the choice --------------------------------------------------------------------------- */

static void clients_are_spread_by_weight(void)
{
	struct tp_test_host *host = tp_test_host_create(
		"redirect", "check = none\ntargets = 192.0.2.1 192.0.2.2*2 192.0.2.3*7");
	unsigned counts[4] = {0};

	for (unsigned i = 0; i < CLIENTS; i++) {
		counts[choice_of(host, i)]++;
	}
	CU_ASSERT_EQUAL(counts[0], 0);
	for (unsigned i = 1; i <= 3; i++) {
		static const unsigned weights[] = {0, 1, 2, 7};
		unsigned want = CLIENTS * weights[i] / 10;

		CU_ASSERT_TRUE(counts[i] > want * 9 / 10 && counts[i] < want * 11 / 10);
	}
	CU_ASSERT_EQUAL(tp_test_counter(host, "sent"), CLIENTS);
	tp_test_host_free(&host);
}

static void the_choice_is_by_address_and_outlives_a_reload(void)
{
	struct tp_test_host *host = tp_test_host_create(
		"redirect", "check = none\ntargets = 192.0.2.1 192.0.2.2 192.0.2.3");
	char problem[TP_TEST_PROBLEM_SIZE];
	unsigned before[300];

	for (unsigned i = 0; i < 300; i++) {
		before[i] = choice_of(host, i);
		CU_ASSERT_EQUAL(choice_of(host, i), before[i]);
	}
	CU_ASSERT_EQUAL(ask(host, "10.0.0.9:1")->alternate.bytes[3], before[9]);
	CU_ASSERT_TRUE_FATAL(tp_test_host_reload(
		host, "check = none\ntargets = 192.0.2.3 192.0.2.1 192.0.2.2", problem));
	for (unsigned i = 0; i < 300; i++) {
		CU_ASSERT_EQUAL(choice_of(host, i), before[i]);
	}
	/* who goes takes his own clients along and no others */
	CU_ASSERT_TRUE_FATAL(
		tp_test_host_reload(host, "check = none\ntargets = 192.0.2.1 192.0.2.2", problem));
	for (unsigned i = 0; i < 300; i++) {
		CU_ASSERT_TRUE(choice_of(host, i) == before[i] || before[i] == 3);
	}
	tp_test_host_free(&host);
}

static void a_share_of_the_clients_goes(void)
{
	struct tp_test_host *host =
		tp_test_host_create("redirect", "check = none\ntargets = 192.0.2.1\nshare = 25");
	unsigned sent = 0;

	for (unsigned i = 0; i < CLIENTS; i++) {
		sent += choice_of(host, i);
	}
	CU_ASSERT_TRUE(sent > CLIENTS * 22 / 100 && sent < CLIENTS * 28 / 100);
	event.draining = true;
	for (unsigned i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(choice_of(host, i), 1);
	}
	event.draining = false;
	tp_test_host_free(&host);
}

/* In a cluster whose servers have the same list each has its own clients. */
static void the_clients_own_server_serves(void)
{
	static const char *const sections[] = {
		"check = none\ntargets = 198.51.100.1 192.0.2.2",
		"check = none\nself = 192.0.2.1\ntargets = 192.0.2.1:3490 192.0.2.2",
		"check = none\nself = 192.0.2.1:3490\ntargets = 192.0.2.1:3490 192.0.2.2",
	};

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		struct tp_test_host *host = tp_test_host_create("redirect", sections[i]);
		unsigned here = 0;

		for (unsigned client = 0; client < 300; client++) {
			here += choice_of(host, client) == 0;
		}
		CU_ASSERT_TRUE(here > 100 && here < 200);
		CU_ASSERT_EQUAL(tp_test_counter(host, "own"), here);
		CU_ASSERT_EQUAL(tp_test_counter(host, "none_up"), 0);
		event.draining = true; /* then it is no choice */
		for (unsigned client = 0; client < 300; client++) {
			CU_ASSERT_EQUAL(choice_of(host, client), 2);
		}
		event.draining = false;
		tp_test_host_free(&host);
	}
}

/* --- when ---------------------------------------------------------------------------------- */

static void tick(struct tp_test_host *host, uint64_t allocations)
{
	tp_test_fire(host, TP_EVENT_on_server_tick,
		     &(struct tp_server_tick){.allocations = allocations});
}

static void above_a_number_of_allocations(void)
{
	static const char section[] = "check = none\ntargets = 192.0.2.1 198.51.100.1\n"
				      "when = above\nabove = 3";
	struct tp_test_host *host = tp_test_host_create("redirect", section);
	const struct tp_allocation_view *allocation;
	char problem[TP_TEST_PROBLEM_SIZE];

	tick(host, 2);
	CU_ASSERT_EQUAL(choice_of(host, 1), 0);
	allocation =
		tp_test_allocation_create(host, "alice", "192.0.2.10:4001", "203.0.113.7:50001");
	for (unsigned i = 0; i < 100; i++) {
		CU_ASSERT_EQUAL(choice_of(host, i), 1); /* never to itself */
	}
	CU_ASSERT_TRUE_FATAL(tp_test_host_reload(host, section, problem));
	CU_ASSERT_EQUAL(choice_of(host, 1), 1);
	tp_test_allocation_end(host, allocation, TP_DELETE_REFRESH);
	CU_ASSERT_EQUAL(choice_of(host, 1), 0);
	tick(host, 1000);
	CU_ASSERT_EQUAL(choice_of(host, 1), 1);
	tp_test_host_free(&host);
}

static void only_while_it_drains(void)
{
	struct tp_test_host *host = tp_test_host_create(
		"redirect", "check = none\ntargets = 192.0.2.1\nwhen = draining");

	CU_ASSERT_EQUAL(choice_of(host, 1), 0);
	event.draining = true;
	CU_ASSERT_EQUAL(choice_of(host, 1), 1);
	event.draining = false;
	tp_test_host_free(&host);
}

/* RFC 8656 section 7.2: the token is of this server. */
static void who_claims_a_reserved_port_stays(void)
{
	static const uint8_t request[] = {
		0x00, 0x03, 0x00, 0x0c, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8,
		9,    10,   11,   12,   0x00, 0x22, 0x00, 0x08, 1, 2, 3, 4, 5, 6, 7, 8};
	struct tp_test_host *host =
		tp_test_host_create("redirect", "check = none\ntargets = 192.0.2.1");

	tp_test_set_request(host, request, sizeof(request));
	CU_ASSERT_EQUAL(choice_of(host, 1), 0);
	tp_test_host_free(&host);
}

/* --- health -------------------------------------------------------------------------------- */

/* Answers Binding requests when it likes. */
struct stun_server {
	struct tp_test_host *host;
	int fd;
	int connection; /* TCP; -1 for none */
	bool silent;
	bool forged; /* another transaction id */
	const char *counter;
	uint64_t wanted;
};

static unsigned server_open(struct stun_server *server, int type)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);

	*server = (struct stun_server){.connection = -1};
	server->fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CU_ASSERT_TRUE_FATAL(server->fd >= 0);
	CU_ASSERT_EQUAL_FATAL(bind(server->fd, (struct sockaddr *)&addr, len), 0);
	CU_ASSERT_EQUAL_FATAL(getsockname(server->fd, (struct sockaddr *)&addr, &len), 0);
	if (type == SOCK_STREAM) {
		CU_ASSERT_EQUAL_FATAL(listen(server->fd, 5), 0);
	}
	return ntohs(addr.sin_port);
}

static void server_close(struct stun_server *server)
{
	if (server->connection >= 0) {
		close(server->connection);
	}
	close(server->fd);
}

static void server_respond(struct stun_server *server, uint8_t request[20])
{
	request[0] = 0x01;
	request[1] = 0x01;
	request[19] ^= server->forged;
}

static void serve_datagram(struct stun_server *server)
{
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	uint8_t bytes[20];

	if (recvfrom(server->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len) == 20 &&
	    !server->silent) {
		server_respond(server, bytes);
		(void)sendto(server->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, len);
	}
}

/* The answer comes in two pieces. */
static void serve_stream(struct stun_server *server)
{
	uint8_t bytes[20];

	if (server->connection < 0) {
		server->connection = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	}
	if (server->connection >= 0 && recv(server->connection, bytes, 20, 0) == 20) {
		server_respond(server, bytes);
		(void)send(server->connection, bytes, 7, MSG_NOSIGNAL);
		(void)send(server->connection, bytes + 7, 13, MSG_NOSIGNAL);
		close(server->connection);
		server->connection = -1;
	}
}

static bool counted(void *arg)
{
	struct stun_server *server = arg;
	int type = 0;
	socklen_t len = sizeof(type);

	getsockopt(server->fd, SOL_SOCKET, SO_TYPE, &type, &len);
	if (type == SOCK_DGRAM) {
		serve_datagram(server);
	} else {
		serve_stream(server);
	}
	return tp_test_counter(server->host, server->counter) >= server->wanted;
}

/* Serve until a counter has got so far. */
static void wait_counter(struct stun_server *server, const char *counter, uint64_t wanted)
{
	server->counter = counter;
	server->wanted = wanted;
	tp_test_wait_until(server->host, counted, server);
}

static struct tp_test_host *open_checked(struct stun_server *server, int type, const char *more)
{
	unsigned port = server_open(server, type);
	char section[SECTION_SIZE];

	snprintf(section, sizeof(section),
		 "targets = 127.0.0.1:%u\ninterval = 1s\ntimeout = 500ms\nrise = 2\nfall = 3\n%s",
		 port, more);
	server->host = tp_test_host_create("redirect", section);
	return server->host;
}

static void close_checked(struct stun_server *server)
{
	tp_test_host_free(&server->host);
	server_close(server);
}

/* Let checks fail by silence, one after the other. */
static void fail_checks(struct stun_server *server, unsigned count)
{
	server->silent = true;
	for (unsigned i = 0; i < count; i++) {
		uint64_t failed = tp_test_counter(server->host, "checks_failed");

		tp_test_advance_ms(server->host, 1000); /* the interval */
		tp_test_advance_ms(server->host, 500);  /* the timeout */
		CU_ASSERT_EQUAL(tp_test_counter(server->host, "checks_failed"), failed + 1);
		(void)counted(server); /* what was not answered is read */
		tp_test_advance_ms(server->host, 0);
	}
	server->silent = false;
}

static void pass_check(struct stun_server *server)
{
	uint64_t checks = tp_test_counter(server->host, "checks");

	tp_test_advance_ms(server->host, 1000);
	wait_counter(server, "checks", checks + 1);
}

static void a_target_is_up_when_it_answers_and_down_when_it_does_not(void)
{
	struct stun_server server;
	struct tp_test_host *host = open_checked(&server, SOCK_DGRAM, "");

	CU_ASSERT_EQUAL(choice_of(host, 1), 0); /* not known yet */
	CU_ASSERT_EQUAL(tp_test_counter(host, "none_up"), 1);
	wait_counter(&server, "checks", 1);
	CU_ASSERT_EQUAL(choice_of(host, 1), 1);
	fail_checks(&server, 2);
	CU_ASSERT_EQUAL(choice_of(host, 1), 1);
	fail_checks(&server, 1);
	CU_ASSERT_EQUAL(choice_of(host, 1), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "target is down"));
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "no answer in time"));
	pass_check(&server);
	CU_ASSERT_EQUAL(choice_of(host, 1), 0);
	pass_check(&server);
	CU_ASSERT_EQUAL(choice_of(host, 1), 1);
	CU_ASSERT_EQUAL(tp_test_counter(host, "changes"), 3);
	close_checked(&server);
}

static void what_is_no_answer_to_the_request_does_not_count(void)
{
	struct stun_server server;
	struct tp_test_host *host = open_checked(&server, SOCK_DGRAM, "");

	server.forged = true;
	tp_test_turn(host);
	for (int i = 0; i < 20; i++) {
		server.counter = "checks";
		server.wanted = 1;
		CU_ASSERT_FALSE(counted(&server));
		tp_test_turn(host);
	}
	tp_test_advance_ms(host, 500);
	CU_ASSERT_EQUAL(tp_test_counter(host, "checks_failed"), 1);
	CU_ASSERT_EQUAL(choice_of(host, 1), 0);
	close_checked(&server);
}

static void a_closed_port_is_known_at_once(void)
{
	struct stun_server server;
	struct tp_test_host *host = open_checked(&server, SOCK_DGRAM, "");

	wait_counter(&server, "checks", 1);
	close(server.fd);
	server.fd = -1;
	for (unsigned i = 1; i <= 3; i++) {
		tp_test_advance_ms(host, 1000);
		wait_counter(&server, "checks_failed", i);
	}
	CU_ASSERT_EQUAL(choice_of(host, 1), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "Connection refused"));
	tp_test_host_free(&server.host);
}

static void a_target_may_be_checked_over_tcp(void)
{
	struct stun_server server;
	struct tp_test_host *host = open_checked(&server, SOCK_STREAM, "check = tcp");

	wait_counter(&server, "checks", 1);
	CU_ASSERT_EQUAL(choice_of(host, 1), 1);
	server.forged = true;
	for (unsigned i = 1; i <= 3; i++) {
		tp_test_advance_ms(host, 1000);
		wait_counter(&server, "checks_failed", i);
	}
	CU_ASSERT_EQUAL(choice_of(host, 1), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(tp_test_log(host), "the answer is no STUN response"));
	close_checked(&server);
}

static void when_none_is_up_clients_may_be_refused(void)
{
	struct stun_server server;
	struct tp_test_host *host = open_checked(&server, SOCK_DGRAM, "none_up = refuse");
	const struct tp_test_asked *asked = ask(host, "192.0.2.99:4000");

	CU_ASSERT_EQUAL(asked->verdict, TP_DENY);
	CU_ASSERT_EQUAL(asked->code, 508);
	wait_counter(&server, "checks", 1);
	CU_ASSERT_EQUAL(choice_of(host, 1), 1);
	close_checked(&server);
}

static void a_reload_keeps_what_is_known(void)
{
	struct stun_server server;
	unsigned port = server_open(&server, SOCK_DGRAM);
	char problem[TP_TEST_PROBLEM_SIZE];
	char section[SECTION_SIZE];
	const char *printed;

	snprintf(section, sizeof(section), "targets = 127.0.0.1:%u*2", port);
	server.host = tp_test_host_create("redirect", section);
	wait_counter(&server, "checks", 1);
	snprintf(section, sizeof(section), "off 127.0.0.1:%u", port);
	CU_ASSERT_EQUAL(tp_test_command(server.host, section, &printed), 0);
	snprintf(section, sizeof(section), "targets = 127.0.0.1:%u*9\nfall = 1", port);
	CU_ASSERT_TRUE_FATAL(tp_test_host_reload(server.host, section, problem));
	CU_ASSERT_EQUAL(choice_of(server.host, 1), 0);
	snprintf(section, sizeof(section), "on 127.0.0.1:%u", port);
	CU_ASSERT_EQUAL(tp_test_command(server.host, section, &printed), 0);
	CU_ASSERT_EQUAL(choice_of(server.host, 1), 1);
	close_checked(&server);
}

/* --- the operator --------------------------------------------------------------------------- */

static void an_operator_sees_and_switches(void)
{
	struct tp_test_host *host = tp_test_host_create(
		"redirect", "check = none\ntargets = udp://192.0.2.1*3 [2001:db8::2]:99");
	const char *printed;

	CU_ASSERT_EQUAL(choice_of(host, 1), 1);
	CU_ASSERT_EQUAL(tp_test_command(host, "list", &printed), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(printed, "udp://192.0.2.1 weight=3\n"
					       "    192.0.2.1 up sent=1 for="));
	CU_ASSERT_PTR_NOT_NULL(strstr(printed, "[2001:db8::2]:99 weight=1\n"
					       "    2001:db8::2 up sent=0 for="));
	CU_ASSERT_EQUAL(tp_test_command(host, "off udp://192.0.2.1", &printed), 0);
	CU_ASSERT_EQUAL(choice_of(host, 1), 0);
	CU_ASSERT_EQUAL(tp_test_command(host, "list", &printed), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(printed, "udp://192.0.2.1 weight=3 off\n"));
	CU_ASSERT_EQUAL(tp_test_command(host, "on udp://192.0.2.1", &printed), 0);
	CU_ASSERT_EQUAL(choice_of(host, 1), 1);
	CU_ASSERT_EQUAL(tp_test_command(host, "on 192.0.2.1", &printed), TP_ENOENT);
	CU_ASSERT_EQUAL(tp_test_command(host, "up udp://192.0.2.1", &printed), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_test_command(host, "list all", &printed), TP_EINVAL);
	tp_test_host_free(&host);
}

TEST_SUITE("redirect", TEST(targets_are_checked_when_read),
	   TEST(a_transport_has_its_port_and_its_targets), TEST(a_client_goes_to_its_own_family),
	   TEST(a_name_is_resolved_and_is_the_domain), TEST(an_unknown_name_gets_nobody),
	   TEST(a_file_names_more), TEST(clients_are_spread_by_weight),
	   TEST(the_choice_is_by_address_and_outlives_a_reload), TEST(a_share_of_the_clients_goes),
	   TEST(the_clients_own_server_serves), TEST(above_a_number_of_allocations),
	   TEST(only_while_it_drains), TEST(who_claims_a_reserved_port_stays),
	   TEST(a_target_is_up_when_it_answers_and_down_when_it_does_not),
	   TEST(what_is_no_answer_to_the_request_does_not_count),
	   TEST(a_closed_port_is_known_at_once), TEST(a_target_may_be_checked_over_tcp),
	   TEST(when_none_is_up_clients_may_be_refused), TEST(a_reload_keeps_what_is_known),
	   TEST(an_operator_sees_and_switches))

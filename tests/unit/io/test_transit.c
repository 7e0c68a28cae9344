/* SPDX-License-Identifier: Apache-2.0 */
#include "io/transit.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <turnpike/prefix.h>

#include "base/addr.h"
#include "base/counter.h"
#include "base/log.h"
#include "io/pipes.h"
#include "io/socket.h"
#include "io/stream.h"
#include "support/hello.h"
#include "support/io_fixture.h"
#include "support/scratch.h"
#include "support/suite.h"

#define HANDSHAKE_MS 5000
#define IDLE_MS 60000
#define WEB_REQUEST "GET / HTTP/1.1\r\n\r\n"
#define WEB_REQUEST_LEN (sizeof(WEB_REQUEST) - 1)
#define BYTES_MAX (64 << 20)

static const char *const our_names[] = {"turn.example.org", "stun.example.org"};

/* A listener of ours, another server behind it, a client in front. */
struct fixture {
	struct io_fixture io;
	struct tp_certs *certs;
	struct tp_prefix_set *proxies;
	struct tp_back_end back_end;
	struct tp_stream_listener *listener;
	struct tp_addr addr;
	struct io_peer server;
	int listening; /* of the back end */
	int back;      /* its connection */
	int fd;        /* the client's */
};

enum kind { TCP, TLS, BOTH };

static void nonblocking(int fd)
{
	CU_ASSERT_EQUAL(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

static void open_back_end(struct fixture *f)
{
	const struct tp_socket_options options = {.bind_addr = io_addr("127.0.0.1")};

	CU_ASSERT_EQUAL_FATAL(tp_socket_open_listener(&options, &f->listening), 0);
	CU_ASSERT_EQUAL(tp_socket_local_addr(f->listening, &f->back_end.addr), 0);
}

static struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		abort();
	}
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	tp_counter_reset_all();
	io_fixture_open(&f->io, NULL);
	f->fd = -1;
	f->back = -1;
	f->listening = -1;
	open_back_end(f);
	return f;
}

static void listen_as(struct fixture *f, enum kind kind)
{
	struct tp_endpoint_handler handler = io_peer_handler(&f->server);
	const struct tp_stream_options options = {
		.socket.bind_addr = io_addr("127.0.0.1"),
		.certs = kind == TCP ? NULL : (f->certs = io_server_certs()),
		.queue_bytes = 20000,
		.max_connections = 2,
		.handshake_timeout_ms = HANDSHAKE_MS,
		.idle_timeout_ms = IDLE_MS,
		.plain_too = kind == BOTH,
		.proxies = f->proxies,
		.back_end = &f->back_end,
	};

	CU_ASSERT_EQUAL_FATAL(tp_stream_listener_open(f->io.loop, &options, &handler, &f->listener),
			      0);
	f->addr = *tp_stream_listener_addr(f->listener);
}

static struct fixture *fixture_open(enum kind kind)
{
	struct fixture *f = fixture_new();

	listen_as(f, kind);
	return f;
}

static void drop(int *fd)
{
	if (*fd != -1) {
		close(*fd);
		*fd = -1;
	}
}

static void fixture_close(struct fixture *f)
{
	drop(&f->fd);
	drop(&f->back);
	drop(&f->listening);
	tp_stream_listener_close(&f->listener);
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(f->server.opened_count, f->server.closed_count);
	tp_certs_unref(&f->certs);
	tp_prefix_set_free(&f->proxies);
	io_fixture_close(&f->io);
	free(f);
}

static int connect_to(const struct tp_addr *addr)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(addr, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	CU_ASSERT_EQUAL(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static void say(int fd, const void *bytes, size_t len)
{
	CU_ASSERT_EQUAL(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static bool accept_back(struct fixture *f)
{
	for (int i = 0; i < 50 && f->back == -1; i++) {
		io_fixture_settle(&f->io);
		f->back = accept(f->listening, NULL, NULL);
	}
	io_fixture_settle(&f->io);
	return f->back != -1;
}

static void connect_client(struct fixture *f, const void *bytes, size_t len)
{
	f->fd = connect_to(&f->addr);
	say(f->fd, bytes, len);
	io_fixture_settle(&f->io);
}

/* Has exactly this come? */
static bool hears(struct fixture *f, int fd, const void *bytes, size_t len)
{
	uint8_t *heard = calloc(1, len + 1);
	size_t at = 0;
	bool same;

	if (heard == NULL) {
		abort();
	}
	for (int i = 0; i < 50 && at < len; i++) {
		ssize_t more;

		io_fixture_settle(&f->io);
		more = recv(fd, heard + at, len + 1 - at, MSG_DONTWAIT);
		at += more > 0 ? (size_t)more : 0;
	}
	same = at == len && memcmp(heard, bytes, len) == 0;
	free(heard);
	return same;
}

static bool has_ended(struct fixture *f, int fd)
{
	uint8_t byte;

	for (int i = 0; i < 50; i++) {
		ssize_t len;

		io_fixture_settle(&f->io);
		len = recv(fd, &byte, 1, MSG_DONTWAIT);
		if (len == 0 || (len < 0 && errno == ECONNRESET)) {
			return true;
		}
	}
	return false;
}

/* --- for whom ------------------------------------------------------------- */

static void what_is_no_message_goes_to_the_back_end(void)
{
	static const enum kind kinds[] = {TCP, TLS, BOTH};

	for (size_t i = 0; i < 3; i++) {
		struct fixture *f = fixture_open(kinds[i]);

		connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
		CU_ASSERT_TRUE_FATAL(accept_back(f));
		CU_ASSERT_TRUE(hears(f, f->back, WEB_REQUEST, WEB_REQUEST_LEN));
		say(f->back, "answer", 6);
		CU_ASSERT_TRUE(hears(f, f->fd, "answer", 6));
		say(f->fd, "more", 4);
		CU_ASSERT_TRUE(hears(f, f->back, "more", 4));
		CU_ASSERT_EQUAL(f->server.opened_count, 0);
		CU_ASSERT_EQUAL(f->server.exception_count, 0);
		CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 1);
		fixture_close(f);
	}
}

static void messages_stay_where_tcp_is_heard(void)
{
	static const struct {
		enum kind kind;
		bool ours;
	} cases[] = {{TCP, true}, {BOTH, true}, {TLS, false}};

	for (size_t i = 0; i < 3; i++) {
		struct fixture *f = fixture_open(cases[i].kind);
		uint8_t message[20];

		io_message(message, sizeof(message), 7);
		connect_client(f, message, sizeof(message));
		CU_ASSERT_EQUAL(accept_back(f), !cases[i].ours);
		CU_ASSERT_EQUAL(f->server.message_count, cases[i].ours ? 1 : 0);
		if (cases[i].ours) {
			CU_ASSERT_EQUAL(f->server.five_tuple.transport, TP_TRANSPORT_TCP);
		}
		fixture_close(f);
	}
}

struct hello_case {
	const char *name;
	const char *alpn;
	bool named; /* our names are configured */
	bool ours;
};

static void check_hello(const struct hello_case *at)
{
	struct fixture *f = fixture_new();
	struct hello hello;

	if (at->named) {
		f->back_end.server_names = our_names;
		f->back_end.server_name_count = 2;
	}
	listen_as(f, TLS);
	hello_begin(&hello);
	if (at->name != NULL) {
		hello_add_name(&hello, at->name);
	}
	if (at->alpn != NULL) {
		hello_add_alpn(&hello, at->alpn);
	}
	hello_set_lengths(&hello);
	connect_client(f, hello.bytes, hello.len);
	CU_ASSERT_EQUAL(accept_back(f), !at->ours);
	CU_ASSERT_TRUE(at->ours || hears(f, f->back, hello.bytes, hello.len));
	fixture_close(f);
}

/* RFC 7443: who offers only other protocols is no client of ours. */
static void client_hello_tells_for_whom_it_is(void)
{
	static const struct hello_case cases[] = {
		{NULL, "\x09stun.turn", false, true},
		{"www.example.org", "\x09stun.turn", true, true},
		{"www.example.org", "\x02h2\x12stun.nat-discovery", true, true},
		{"turn.example.org", "\x02h2\x08http/1.1", true, false},
		{"turn.example.org",
		 "\x0a"
		 "acme-tls/1",
		 true, false},
		{"turn.example.org", NULL, true, true},
		{"Stun.Example.ORG", NULL, true, true},
		{"www.example.org", NULL, true, false},
		{"www.example.org", NULL, false, true},
		{NULL, NULL, true, true},
		{NULL, NULL, false, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_hello(&cases[i]);
	}
}

static void client_hello_may_come_in_parts(void)
{
	struct hello hello;

	hello_begin(&hello);
	hello_add_alpn(&hello, "\x02h2");
	for (size_t cut = 1; cut < hello.len; cut += 3) {
		struct fixture *f = fixture_open(TLS);
		size_t first = cut < 4 ? cut : 4;

		connect_client(f, hello.bytes, first);
		say(f->fd, hello.bytes + first, cut - first);
		io_fixture_settle(&f->io);
		CU_ASSERT_EQUAL(accept(f->listening, NULL, NULL), -1);
		say(f->fd, hello.bytes + cut, hello.len - cut);
		CU_ASSERT_TRUE_FATAL(accept_back(f));
		CU_ASSERT_TRUE(hears(f, f->back, hello.bytes, hello.len));
		say(f->fd, "x", 1); /* one byte wakes again */
		CU_ASSERT_TRUE(hears(f, f->back, "x", 1));
		fixture_close(f);
	}
}

/* It would be ready for ever: a look costs, and their number has an end. */
static void client_hello_that_ends_early_is_given_up(void)
{
	struct fixture *f = fixture_open(TLS);
	struct hello hello;

	hello_begin(&hello);
	hello_add_alpn(&hello, "\x02h2");
	connect_client(f, hello.bytes, hello.len - 1);
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 1);
	shutdown(f->fd, SHUT_WR);
	CU_ASSERT_TRUE(has_ended(f, f->fd));
	CU_ASSERT_STRING_EQUAL(f->server.reason, "no whole ClientHello");
	fixture_close(f);
}

static void client_hello_must_come_in_time(void)
{
	struct fixture *f = fixture_open(TLS);

	connect_client(f, "\x16\x03\x01", 3);
	io_fixture_advance_ms(&f->io, HANDSHAKE_MS);
	CU_ASSERT_TRUE(has_ended(f, f->fd));
	CU_ASSERT_STRING_EQUAL(f->server.reason, "no message in time");
	fixture_close(f);
}

/* --- PROXY headers -------------------------------------------------------- */

static void back_end_is_told_the_client(void)
{
	struct fixture *f = fixture_new();
	uint8_t wanted[28] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\x7f\0\0\x01\x0f\xa0";
	static const char header[] = "PROXY TCP4 192.0.2.1 198.51.100.2 4000 443\r\n";

	f->back_end.proxy_header = true;
	f->proxies = tp_prefix_set_create();
	CU_ASSERT_EQUAL_FATAL(tp_prefix_set_add(f->proxies, "127.0.0.1/32", 1), 0);
	listen_as(f, BOTH);
	wanted[26] = (uint8_t)(f->addr.port >> 8);
	wanted[27] = (uint8_t)f->addr.port;
	connect_client(f, header, sizeof(header) - 1);
	say(f->fd, WEB_REQUEST, WEB_REQUEST_LEN);
	CU_ASSERT_TRUE_FATAL(accept_back(f));
	{
		uint8_t both[28 + WEB_REQUEST_LEN];

		memcpy(both, wanted, 28);
		memcpy(both + 28, WEB_REQUEST, WEB_REQUEST_LEN);
		CU_ASSERT_TRUE(hears(f, f->back, both, sizeof(both)));
	}
	fixture_close(f);
}

/* --- both ways ------------------------------------------------------------ */

static void passed_bytes_stay_in_the_kernel(void)
{
	struct fixture *f = fixture_open(BOTH);
	size_t kept;

	connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
	CU_ASSERT_TRUE_FATAL(accept_back(f));
	CU_ASSERT_TRUE(hears(f, f->back, WEB_REQUEST, WEB_REQUEST_LEN));
	say(f->back, "answer", 6);
	CU_ASSERT_TRUE(hears(f, f->fd, "answer", 6));
	io_fixture_settle(&f->io);
	kept = tp_pipes_kept(tp_loop_pipes(f->io.loop)); /* what they went through */
	CU_ASSERT_TRUE(kept == 1 || kept == 2);
	fixture_close(f);
}

static void half_may_be_silent_as_long_as_both(void)
{
	struct fixture *f = fixture_open(BOTH);

	connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
	CU_ASSERT_TRUE_FATAL(accept_back(f));
	CU_ASSERT_TRUE(hears(f, f->back, WEB_REQUEST, WEB_REQUEST_LEN));
	shutdown(f->fd, SHUT_WR);
	CU_ASSERT_TRUE(has_ended(f, f->back));
	io_fixture_advance_ms(&f->io, IDLE_MS - 1);
	say(f->back, "late", 4);
	CU_ASSERT_TRUE(hears(f, f->fd, "late", 4));
	io_fixture_advance_ms(&f->io, IDLE_MS - 1);
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 1);
	io_fixture_advance_ms(&f->io, 1);
	CU_ASSERT_TRUE(has_ended(f, f->fd));
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 0);
	fixture_close(f);
}

static void each_side_may_end_first(void)
{
	for (int i = 0; i < 2; i++) {
		struct fixture *f = fixture_open(BOTH);
		int first;
		int second;

		connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
		CU_ASSERT_TRUE_FATAL(accept_back(f));
		CU_ASSERT_TRUE(hears(f, f->back, WEB_REQUEST, WEB_REQUEST_LEN));
		first = i == 0 ? f->fd : f->back;
		second = i == 0 ? f->back : f->fd;
		say(first, "last", 4);
		shutdown(first, SHUT_WR);
		CU_ASSERT_TRUE(hears(f, second, "last", 4));
		CU_ASSERT_TRUE(has_ended(f, second));
		CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 1);
		say(second, "answer", 6);
		CU_ASSERT_TRUE(hears(f, first, "answer", 6));
		shutdown(second, SHUT_WR);
		CU_ASSERT_TRUE(has_ended(f, first));
		CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 0);
		fixture_close(f);
	}
}

static void side_that_breaks_off_takes_the_other_with_it(void)
{
	const struct linger now = {.l_onoff = 1};

	for (int i = 0; i < 2; i++) {
		struct fixture *f = fixture_open(BOTH);

		connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
		CU_ASSERT_TRUE_FATAL(accept_back(f));
		CU_ASSERT_EQUAL(setsockopt(i == 0 ? f->fd : f->back, SOL_SOCKET, SO_LINGER, &now,
					   sizeof(now)),
				0);
		drop(i == 0 ? &f->fd : &f->back);
		if (i == 0) {
			CU_ASSERT_TRUE(hears(f, f->back, WEB_REQUEST, WEB_REQUEST_LEN));
		}
		CU_ASSERT_TRUE(has_ended(f, i == 0 ? f->back : f->fd));
		CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 0);
		fixture_close(f);
	}
}

/* Write numbers till nobody takes any more. Returns the bytes. */
static size_t fill(struct fixture *f, int fd)
{
	uint32_t piece[1024];
	size_t len = 0;
	int refused = 0;

	nonblocking(fd);
	while (refused < 20 && len < BYTES_MAX) {
		ssize_t taken;

		for (size_t i = 0; i < 1024; i++) {
			piece[i] = (uint32_t)((len & ~(size_t)3) / 4 + i);
		}
		taken = send(fd, (uint8_t *)piece + len % 4, sizeof(piece) - len % 4, MSG_NOSIGNAL);
		refused = taken < 0 ? refused + 1 : 0;
		len += taken < 0 ? 0 : (size_t)taken;
		io_fixture_settle(&f->io);
	}
	return len;
}

/* Read all of it. Returns the bytes that were as written. */
static size_t drain(struct fixture *f, int fd, size_t wanted)
{
	size_t len = 0;
	int nothing = 0;

	while (nothing < 50 && len < wanted) {
		uint8_t bytes[65536];
		ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

		nothing = got <= 0 ? nothing + 1 : 0;
		for (ssize_t i = 0; i < got; i++, len++) {
			uint32_t number = (uint32_t)(len / 4);

			if (bytes[i] != ((uint8_t *)&number)[len % 4]) {
				return len;
			}
		}
		io_fixture_settle(&f->io);
	}
	return len;
}

static void slow_side_holds_the_fast_one_back(void)
{
	for (int i = 0; i < 2; i++) {
		struct fixture *f = fixture_open(BOTH);
		size_t len;

		connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
		CU_ASSERT_TRUE_FATAL(accept_back(f));
		CU_ASSERT_TRUE(hears(f, f->back, WEB_REQUEST, WEB_REQUEST_LEN));
		len = fill(f, i == 0 ? f->back : f->fd);
		CU_ASSERT_TRUE(len < BYTES_MAX);
		shutdown(i == 0 ? f->back : f->fd, SHUT_WR);
		io_fixture_settle(&f->io);
		CU_ASSERT_EQUAL(drain(f, i == 0 ? f->fd : f->back, len), len);
		CU_ASSERT_TRUE(has_ended(f, i == 0 ? f->fd : f->back));
		fixture_close(f);
	}
}

/* --- ceilings and failures ------------------------------------------------ */

struct search {
	const char *name;
	uint64_t value;
};

static void compare(const char *name, const char *help, uint64_t value, void *arg)
{
	struct search *search = arg;

	(void)help;
	if (strcmp(name, search->name) == 0) {
		search->value = value;
	}
}

static uint64_t counted(const char *name)
{
	struct search search = {.name = name};

	tp_counter_each(compare, &search);
	return search.value;
}

static void count_line(const char *line, size_t len, void *arg)
{
	(void)line;
	(void)len;
	++*(size_t *)arg;
}

static void expect_failure(struct fixture *f)
{
	size_t lines = 0;

	tp_log_set_sink(count_line, &lines);
	connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
	CU_ASSERT_TRUE(has_ended(f, f->fd));
	tp_log_set_sink(NULL, NULL);
	CU_ASSERT_EQUAL(lines, 1);
	CU_ASSERT_EQUAL(counted("io.connections_passed_on"), 1);
	CU_ASSERT_EQUAL(counted("io.back_end_failures"), 1);
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 0);
}

static void back_end_that_is_down_is_counted(void)
{
	struct fixture *f = fixture_new();

	drop(&f->listening); /* nobody has the port now */
	listen_as(f, BOTH);
	expect_failure(f);
	fixture_close(f);
}

static void unix_socket_may_be_the_back_end(void)
{
	struct scratch scratch;
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	struct fixture *f = fixture_new();

	scratch_open(&scratch);
	f->back_end.path = scratch_path(&scratch, "web");
	memcpy(local.sun_path, f->back_end.path, strlen(f->back_end.path));
	drop(&f->listening);
	f->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(bind(f->listening, (struct sockaddr *)&local, sizeof(local)), 0);
	listen_as(f, BOTH);
	expect_failure(f); /* nobody listens yet */
	drop(&f->fd);
	CU_ASSERT_EQUAL(listen(f->listening, 5), 0);
	connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
	CU_ASSERT_TRUE_FATAL(accept_back(f));
	CU_ASSERT_TRUE(hears(f, f->back, WEB_REQUEST, WEB_REQUEST_LEN));
	say(f->back, "answer", 6);
	CU_ASSERT_TRUE(hears(f, f->fd, "answer", 6));
	fixture_close(f);
	scratch_close(&scratch);
}

/* One whose queue is full answers nothing on loopback. */
static void back_end_that_is_silent_is_given_up(void)
{
	struct fixture *f = fixture_new();
	int waiting[8];
	size_t lines = 0;

	CU_ASSERT_EQUAL(listen(f->listening, 0), 0);
	for (int i = 0; i < 8; i++) {
		struct sockaddr_storage sa;
		socklen_t len = tp_addr_to_sockaddr(&f->back_end.addr, &sa);

		waiting[i] = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(waiting[i], (struct sockaddr *)&sa, len);
	}
	listen_as(f, BOTH);
	connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 1);
	tp_log_set_sink(count_line, &lines);
	io_fixture_advance_ms(&f->io, HANDSHAKE_MS);
	tp_log_set_sink(NULL, NULL);
	CU_ASSERT_TRUE(has_ended(f, f->fd));
	CU_ASSERT_EQUAL(counted("io.back_end_failures"), 1);
	for (int i = 0; i < 8; i++) {
		close(waiting[i]);
	}
	fixture_close(f);
}

static void silence_of_both_sides_ends_it(void)
{
	struct fixture *f = fixture_open(BOTH);

	connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
	CU_ASSERT_TRUE_FATAL(accept_back(f));
	CU_ASSERT_TRUE(hears(f, f->back, WEB_REQUEST, WEB_REQUEST_LEN));
	io_fixture_advance_ms(&f->io, IDLE_MS - 1);
	say(f->back, "x", 1);
	CU_ASSERT_TRUE(hears(f, f->fd, "x", 1));
	io_fixture_advance_ms(&f->io, IDLE_MS - 1);
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 1);
	io_fixture_advance_ms(&f->io, 1);
	CU_ASSERT_TRUE(has_ended(f, f->fd));
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 0);
	fixture_close(f);
}

static void they_count_as_connections(void)
{
	struct fixture *f = fixture_open(BOTH);
	int others[2];
	int backs[2];

	for (int i = 0; i < 2; i++) {
		others[i] = connect_to(&f->addr);
		say(others[i], WEB_REQUEST, WEB_REQUEST_LEN);
		CU_ASSERT_TRUE_FATAL(accept_back(f));
		backs[i] = f->back;
		f->back = -1;
	}
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 2);
	f->fd = connect_to(&f->addr);
	CU_ASSERT_TRUE(has_ended(f, f->fd));
	CU_ASSERT_EQUAL(counted("io.connections_refused"), 1);
	for (int i = 0; i < 2; i++) {
		close(others[i]);
		close(backs[i]);
	}
	fixture_close(f);
}

static void listener_that_closes_ends_them(void)
{
	struct fixture *f = fixture_open(BOTH);

	connect_client(f, WEB_REQUEST, WEB_REQUEST_LEN);
	CU_ASSERT_TRUE_FATAL(accept_back(f));
	tp_stream_listener_close(&f->listener);
	CU_ASSERT_TRUE(has_ended(f, f->fd));
	fixture_close(f);
}

TEST_SUITE("transit", TEST(what_is_no_message_goes_to_the_back_end),
	   TEST(messages_stay_where_tcp_is_heard), TEST(client_hello_tells_for_whom_it_is),
	   TEST(client_hello_may_come_in_parts), TEST(client_hello_that_ends_early_is_given_up),
	   TEST(client_hello_must_come_in_time), TEST(back_end_is_told_the_client),
	   TEST(passed_bytes_stay_in_the_kernel), TEST(each_side_may_end_first),
	   TEST(half_may_be_silent_as_long_as_both),
	   TEST(side_that_breaks_off_takes_the_other_with_it),
	   TEST(slow_side_holds_the_fast_one_back), TEST(back_end_that_is_down_is_counted),
	   TEST(unix_socket_may_be_the_back_end), TEST(back_end_that_is_silent_is_given_up),
	   TEST(silence_of_both_sides_ends_it), TEST(they_count_as_connections),
	   TEST(listener_that_closes_ends_them))

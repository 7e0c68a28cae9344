/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/prefix.h>

#include "base/addr.h"
#include "support/io_fixture.h"
#include "support/suite.h"

#define HANDSHAKE_MS 5000
#define HEADER "PROXY TCP4 192.0.2.1 198.51.100.2 4000 3478\r\n"
#define HEADER_LEN (sizeof(HEADER) - 1)
#define HEADER_V2                                                                                  \
	"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc6\x33\x64\x02\x0f\xa0\x0d\x96"
#define HEADER_V2_LEN (sizeof(HEADER_V2) - 1)

struct fixture {
	struct io_fixture io;
	struct tp_certs *certs;
	struct tp_certs *client_certs;
	struct tp_prefix_set *proxies;
	struct tp_stream_listener *listener;
	struct tp_addr addr;
	struct io_peer server;
	struct io_peer client;
	int fd;
};

enum kind { TCP, TLS, BOTH };

/* @proxies: one network. */
static struct fixture *fixture_open(const char *proxies, enum kind kind)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tp_stream_options options = {
		.socket.bind_addr = io_addr("127.0.0.1"),
		.queue_bytes = 20000,
		.max_connections = 3,
		.handshake_timeout_ms = HANDSHAKE_MS,
		.idle_timeout_ms = 60000,
	};
	struct tp_endpoint_handler handler;

	if (f == NULL) {
		abort();
	}
	io_fixture_open(&f->io, NULL);
	f->proxies = tp_prefix_set_create();
	CU_ASSERT_EQUAL_FATAL(tp_prefix_set_add(f->proxies, proxies, 1), 0);
	options.proxies = f->proxies;
	options.plain_too = kind == BOTH;
	if (kind != TCP) {
		options.certs = f->certs = io_server_certs();
		f->client_certs = io_client_certs();
	}
	handler = io_peer_handler(&f->server);
	CU_ASSERT_EQUAL_FATAL(tp_stream_listener_open(f->io.loop, &options, &handler, &f->listener),
			      0);
	f->addr = *tp_stream_listener_addr(f->listener);
	f->fd = -1;
	return f;
}

static void fixture_close(struct fixture *f)
{
	if (f->fd != -1) {
		close(f->fd);
	}
	tp_stream_listener_close(&f->listener);
	io_fixture_settle(&f->io);
	if (f->client.endpoint != NULL) {
		tp_endpoint_close(f->client.endpoint);
	}
	CU_ASSERT_EQUAL(f->server.opened_count, f->server.closed_count);
	tp_certs_unref(&f->certs);
	tp_certs_unref(&f->client_certs);
	tp_prefix_set_free(&f->proxies);
	io_fixture_close(&f->io);
	free(f);
}

static void connect_raw(struct fixture *f)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&f->addr, &sa);

	f->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(connect(f->fd, (struct sockaddr *)&sa, len), 0);
	io_fixture_settle(&f->io);
}

static void send_raw(int fd, const void *bytes, size_t len)
{
	CU_ASSERT_EQUAL(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

static bool is_closed(struct fixture *f)
{
	uint8_t byte;

	io_fixture_settle(&f->io);
	return recv(f->fd, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

static void expect_client(const struct fixture *f, const char *client)
{
	struct tp_addr wanted = io_addr(client);

	CU_ASSERT_EQUAL(f->server.opened_count, 1);
	CU_ASSERT_TRUE(tp_addr_equal(&f->server.five_tuple.client_addr, &wanted));
	CU_ASSERT_TRUE(tp_addr_equal(&f->server.five_tuple.server_addr, &f->addr));
}

static void header_names_the_client(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} headers[] = {{HEADER, HEADER_LEN}, {HEADER_V2, HEADER_V2_LEN}};

	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = fixture_open("127.0.0.0/8", TCP);
		uint8_t bytes[HEADER_LEN + HEADER_V2_LEN + 20];

		connect_raw(f);
		CU_ASSERT_EQUAL(f->server.opened_count, 0);
		memcpy(bytes, headers[i].bytes, headers[i].len);
		io_message(bytes + headers[i].len, 20, 7);
		send_raw(f->fd, bytes, headers[i].len + 20);
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 1));
		CU_ASSERT_EQUAL(io_message_number(f->server.bytes), 7);
		expect_client(f, "192.0.2.1:4000");
		fixture_close(f);
	}
}

static void header_may_come_byte_by_byte(void)
{
	struct fixture *f = fixture_open("127.0.0.1/32", TCP);
	uint8_t message[20];

	connect_raw(f);
	for (size_t i = 0; i < HEADER_V2_LEN; i++) {
		CU_ASSERT_EQUAL(f->server.opened_count, 0);
		send_raw(f->fd, &HEADER_V2[i], 1);
		io_fixture_settle(&f->io);
	}
	expect_client(f, "192.0.2.1:4000");
	io_message(message, sizeof(message), 8);
	send_raw(f->fd, message, sizeof(message));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 1));
	fixture_close(f);
}

static void proxy_may_speak_for_itself(void)
{
	struct fixture *f = fixture_open("127.0.0.1/32", TCP);

	connect_raw(f);
	send_raw(f->fd, "PROXY UNKNOWN\r\n", 15);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
	CU_ASSERT_EQUAL(f->server.five_tuple.client_addr.bytes[0], 127);
	CU_ASSERT_NOT_EQUAL(f->server.five_tuple.client_addr.port, 0);
	fixture_close(f);
}

static void trusted_proxy_without_header_is_refused(void)
{
	struct fixture *f = fixture_open("127.0.0.1/32", TCP);
	uint8_t message[20];

	connect_raw(f);
	io_message(message, sizeof(message), 1);
	send_raw(f->fd, message, sizeof(message));
	CU_ASSERT_TRUE(is_closed(f));
	CU_ASSERT_EQUAL(f->server.opened_count, 0);
	CU_ASSERT_EQUAL(f->server.message_count, 0);
	CU_ASSERT_STRING_EQUAL(f->server.reason, "no PROXY header of a trusted proxy");
	fixture_close(f);
}

static void header_of_others_is_refused(void)
{
	struct fixture *f = fixture_open("127.0.0.2/32", TCP);

	connect_raw(f);
	send_raw(f->fd, HEADER, HEADER_LEN);
	CU_ASSERT_TRUE(is_closed(f));
	CU_ASSERT_EQUAL(f->server.message_count, 0);
	CU_ASSERT_STRING_EQUAL(f->server.reason, "bytes that are no message");
	CU_ASSERT_EQUAL(f->server.five_tuple.client_addr.bytes[0], 127);
	fixture_close(f);
}

static void second_header_is_no_message(void)
{
	struct fixture *f = fixture_open("127.0.0.1/32", TCP);

	connect_raw(f);
	send_raw(f->fd, HEADER HEADER, 2 * HEADER_LEN);
	CU_ASSERT_TRUE(is_closed(f));
	CU_ASSERT_STRING_EQUAL(f->server.reason, "bytes that are no message");
	fixture_close(f);
}

static void header_must_come_in_time(void)
{
	struct fixture *f = fixture_open("127.0.0.1/32", TCP);

	connect_raw(f);
	send_raw(f->fd, HEADER, HEADER_LEN - 1);
	io_fixture_settle(&f->io);
	io_fixture_advance_ms(&f->io, HANDSHAKE_MS - 1);
	CU_ASSERT_FALSE(is_closed(f));
	io_fixture_advance_ms(&f->io, 1);
	CU_ASSERT_TRUE(is_closed(f));
	CU_ASSERT_STRING_EQUAL(f->server.reason, "no message in time");
	fixture_close(f);
}

static void proxy_may_go_inside_its_header(void)
{
	struct fixture *f = fixture_open("127.0.0.1/32", TCP);

	connect_raw(f);
	send_raw(f->fd, HEADER, 10);
	io_fixture_settle(&f->io);
	shutdown(f->fd, SHUT_WR);
	CU_ASSERT_TRUE(is_closed(f));
	CU_ASSERT_EQUAL(f->server.opened_count, 0);
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 0);
	fixture_close(f);
}

/* A client of ours, with a header before its first byte. */
static void connect_tls(struct fixture *f, const char *header)
{
	const struct tp_stream_options options = {
		.certs = f->client_certs,
		.queue_bytes = 20000,
		.handshake_timeout_ms = HANDSHAKE_MS,
		.idle_timeout_ms = 60000,
	};
	struct tp_endpoint_handler handler = io_peer_handler(&f->client);
	struct tp_endpoint *endpoint;

	CU_ASSERT_EQUAL_FATAL(
		tp_stream_connect(f->io.loop, &f->addr, &options, NULL, &handler, &endpoint), 0);
	send_raw(tp_container_of(endpoint, struct tp_connection, endpoint)->fd, header,
		 strlen(header));
}

static void header_stands_before_the_tls_handshake(void)
{
	struct fixture *f = fixture_open("127.0.0.1/32", TLS);
	uint8_t message[20];

	connect_tls(f, HEADER);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
	expect_client(f, "192.0.2.1:4000");
	CU_ASSERT_TRUE(f->server.security.told);
	io_message(message, sizeof(message), 9);
	CU_ASSERT_EQUAL(tp_endpoint_send(f->client.endpoint, &f->client.five_tuple, message,
					 sizeof(message)),
			0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 1));
	CU_ASSERT_EQUAL(io_message_number(f->server.bytes), 9);
	fixture_close(f);
}

static void tls_without_header_is_refused(void)
{
	struct fixture *f = fixture_open("127.0.0.1/32", TLS);

	connect_tls(f, "");
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.exception_count, 1));
	CU_ASSERT_EQUAL(f->server.opened_count, 0);
	CU_ASSERT_STRING_EQUAL(f->server.reason, "no PROXY header of a trusted proxy");
	fixture_close(f);
}

/* --- TCP and TLS on one port ---------------------------------------------- */

static void expect_tls(struct fixture *f)
{
	uint8_t message[20];

	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
	CU_ASSERT_TRUE(f->server.security.told);
	CU_ASSERT_EQUAL(f->server.five_tuple.transport, TP_TRANSPORT_TLS);
	CU_ASSERT_EQUAL(f->server.endpoint->transport, TP_TRANSPORT_TLS);
	io_message(message, sizeof(message), 9);
	CU_ASSERT_EQUAL(tp_endpoint_send(f->client.endpoint, &f->client.five_tuple, message,
					 sizeof(message)),
			0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 1));
	CU_ASSERT_EQUAL(io_message_number(f->server.bytes), 9);
}

static void expect_tcp(struct fixture *f)
{
	uint8_t message[20];

	io_message(message, sizeof(message), 10);
	send_raw(f->fd, message, 1);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
	CU_ASSERT_FALSE(f->server.security.told);
	CU_ASSERT_EQUAL(f->server.five_tuple.transport, TP_TRANSPORT_TCP);
	CU_ASSERT_EQUAL(f->server.endpoint->transport, TP_TRANSPORT_TCP);
	send_raw(f->fd, message + 1, sizeof(message) - 1);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 1));
	CU_ASSERT_EQUAL(io_message_number(f->server.bytes), 10);
}

static void first_byte_tells_tls(void)
{
	struct fixture *f = fixture_open("192.0.2.1/32", BOTH);

	connect_tls(f, "");
	expect_tls(f);
	fixture_close(f);
}

static void first_byte_tells_tcp(void)
{
	struct fixture *f = fixture_open("192.0.2.1/32", BOTH);

	connect_raw(f);
	CU_ASSERT_EQUAL(f->server.opened_count, 0);
	expect_tcp(f);
	fixture_close(f);
}

static void first_byte_behind_a_header_tells(void)
{
	struct fixture *tls = fixture_open("127.0.0.1/32", BOTH);
	struct fixture *tcp = fixture_open("127.0.0.1/32", BOTH);

	connect_tls(tls, HEADER);
	expect_tls(tls);
	expect_client(tls, "192.0.2.1:4000");
	connect_raw(tcp);
	send_raw(tcp->fd, HEADER, HEADER_LEN);
	io_fixture_settle(&tcp->io);
	CU_ASSERT_EQUAL(tcp->server.opened_count, 0);
	expect_tcp(tcp);
	expect_client(tcp, "192.0.2.1:4000");
	fixture_close(tls);
	fixture_close(tcp);
}

static void first_byte_of_neither_is_refused(void)
{
	struct fixture *f = fixture_open("192.0.2.1/32", BOTH);

	connect_raw(f);
	send_raw(f->fd, "SSH-2.0-client\r\n", 16);
	CU_ASSERT_TRUE(is_closed(f));
	CU_ASSERT_STRING_EQUAL(f->server.reason, "bytes that are no message");
	fixture_close(f);
}

static void first_byte_must_come_in_time(void)
{
	struct fixture *f = fixture_open("192.0.2.1/32", BOTH);

	connect_raw(f);
	io_fixture_advance_ms(&f->io, HANDSHAKE_MS);
	CU_ASSERT_TRUE(is_closed(f));
	CU_ASSERT_STRING_EQUAL(f->server.reason, "no message in time");
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 0);
	fixture_close(f);
}

TEST_SUITE("stream_greeting", TEST(header_names_the_client), TEST(header_may_come_byte_by_byte),
	   TEST(proxy_may_speak_for_itself), TEST(trusted_proxy_without_header_is_refused),
	   TEST(header_of_others_is_refused), TEST(second_header_is_no_message),
	   TEST(header_must_come_in_time), TEST(proxy_may_go_inside_its_header),
	   TEST(header_stands_before_the_tls_handshake), TEST(tls_without_header_is_refused),
	   TEST(first_byte_tells_tls), TEST(first_byte_tells_tcp),
	   TEST(first_byte_behind_a_header_tells), TEST(first_byte_of_neither_is_refused),
	   TEST(first_byte_must_come_in_time));

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream_connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "io/socket.h"
#include "io/splice.h"
#include "support/io_fixture.h"
#include "support/suite.h"

#define MESSAGE_LEN 20
#define MESSAGES_MAX 10000

struct fixture {
	struct io_fixture io;
	struct tp_certs *certs;
	struct tp_certs *client_certs;
	struct tp_stream_listener *listener;
	struct io_peer server;
	struct io_peer client;
	int fd; /* of a plain client */
	bool pauses;
	bool hands_over;
	size_t taken;
	struct tp_stream_remains remains;
	struct tp_splice *splice;
	int beyond; /* the far end of what it is spliced to */
};

static void on_taken(void *taker, struct tp_stream_remains *remains)
{
	struct fixture *f = taker;

	f->taken++;
	f->remains = *remains;
	*remains = (struct tp_stream_remains){.fd = -1};
}

static void on_message(struct io_peer *peer, struct tp_packet *packet)
{
	struct fixture *f = peer->arg;

	if (f->pauses) {
		tp_endpoint_pause(peer->endpoint, true);
	}
	if (f->hands_over) {
		(void)tp_endpoint_send(peer->endpoint, &peer->five_tuple, packet->data,
				       packet->len);
		tp_endpoint_hand_over(peer->endpoint, on_taken, f);
		CU_ASSERT_EQUAL(f->taken, 0);
	}
}

static struct fixture *fixture_open(bool tls)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tp_stream_options options = {
		.socket.bind_addr = io_addr("127.0.0.1"),
		.queue_bytes = 20000,
		.max_connections = 3,
		.handshake_timeout_ms = 5000,
		.idle_timeout_ms = 60000,
	};
	struct tp_endpoint_handler handler;

	if (f == NULL) {
		abort();
	}
	io_fixture_open(&f->io, NULL);
	if (tls) {
		options.certs = f->certs = io_server_certs();
		f->client_certs = io_client_certs();
	}
	f->server.on_message = on_message;
	f->server.arg = f;
	handler = io_peer_handler(&f->server);
	CU_ASSERT_EQUAL_FATAL(tp_stream_listener_open(f->io.loop, &options, &handler, &f->listener),
			      0);
	f->fd = -1;
	f->beyond = -1;
	f->remains.fd = -1;
	return f;
}

static void fixture_close(struct fixture *f)
{
	tp_splice_free(&f->splice);
	tp_stream_remains_fini(&f->remains);
	tp_socket_close(&f->fd);
	tp_socket_close(&f->beyond);
	tp_stream_listener_close(&f->listener);
	io_fixture_settle(&f->io);
	if (f->client.endpoint != NULL) {
		tp_endpoint_close(f->client.endpoint);
	}
	CU_ASSERT_EQUAL(f->server.opened_count, f->server.closed_count);
	tp_certs_unref(&f->certs);
	tp_certs_unref(&f->client_certs);
	io_fixture_close(&f->io);
	free(f);
}

static void connect_raw(struct fixture *f)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(tp_stream_listener_addr(f->listener), &sa);

	f->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(connect(f->fd, (struct sockaddr *)&sa, len), 0);
	io_fixture_settle(&f->io);
}

static void connect_tls(struct fixture *f)
{
	const struct tp_stream_options options = {
		.certs = f->client_certs,
		.queue_bytes = 100000,
		.handshake_timeout_ms = 5000,
		.idle_timeout_ms = 60000,
	};
	struct tp_endpoint_handler handler = io_peer_handler(&f->client);

	CU_ASSERT_EQUAL_FATAL(tp_stream_connect(f->io.loop, tp_stream_listener_addr(f->listener),
						&options, NULL, &handler, &f->client.endpoint),
			      0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
}

/* A message, and what comes after it in one piece. */
static void send_raw(struct fixture *f, const char *text)
{
	uint8_t bytes[100];

	io_message(bytes, MESSAGE_LEN, 1);
	memcpy(bytes + MESSAGE_LEN, text, strlen(text));
	CU_ASSERT_EQUAL(send(f->fd, bytes, MESSAGE_LEN + strlen(text), MSG_NOSIGNAL),
			(ssize_t)(MESSAGE_LEN + strlen(text)));
	io_fixture_settle(&f->io);
}

static long receive_raw(int fd, uint8_t *out, size_t size)
{
	return recv(fd, out, size, MSG_DONTWAIT);
}

static void paused_connection_delivers_nothing(void)
{
	struct fixture *f = fixture_open(false);
	uint8_t message[MESSAGE_LEN];

	f->pauses = true;
	connect_raw(f);
	send_raw(f, "");
	CU_ASSERT_EQUAL(f->server.message_count, 1);
	send_raw(f, "");
	send_raw(f, "");
	CU_ASSERT_EQUAL(f->server.message_count, 1);
	CU_ASSERT_EQUAL(tp_endpoint_send(f->server.endpoint, &f->server.five_tuple, f->server.bytes,
					 f->server.len),
			0);
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(receive_raw(f->fd, message, sizeof(message)), MESSAGE_LEN);
	f->pauses = false;
	tp_endpoint_pause(f->server.endpoint, false);
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(f->server.message_count, 3);
	fixture_close(f);
}

static void what_was_read_with_the_message_waits_too(void)
{
	struct fixture *f = fixture_open(false);
	uint8_t bytes[3 * MESSAGE_LEN];

	for (uint32_t i = 0; i < 3; i++) {
		io_message(bytes + i * MESSAGE_LEN, MESSAGE_LEN, i);
	}
	f->pauses = true;
	connect_raw(f);
	CU_ASSERT_EQUAL(send(f->fd, bytes, sizeof(bytes), MSG_NOSIGNAL), sizeof(bytes));
	io_fixture_settle(&f->io);
	for (size_t i = 1; i <= 3; i++) {
		CU_ASSERT_EQUAL(f->server.message_count, i);
		tp_endpoint_pause(f->server.endpoint, false);
		io_fixture_settle(&f->io);
	}
	CU_ASSERT_EQUAL(f->server.message_count, 3);
	CU_ASSERT_EQUAL(io_message_number(f->server.bytes), 2);
	fixture_close(f);
}

static void rest_of_the_stream_goes_to_the_taker(void)
{
	struct fixture *f = fixture_open(false);
	uint8_t answer[100];

	f->hands_over = true;
	connect_raw(f);
	send_raw(f, "no message");
	CU_ASSERT_EQUAL(f->taken, 1);
	CU_ASSERT_EQUAL(f->server.message_count, 1);
	CU_ASSERT_EQUAL(f->server.exception_count, 0);
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	CU_ASSERT_EQUAL(tp_stream_listener_count(f->listener), 0);
	CU_ASSERT_EQUAL(receive_raw(f->fd, answer, sizeof(answer)), MESSAGE_LEN);
	CU_ASSERT_NOT_EQUAL_FATAL(f->remains.fd, -1);
	CU_ASSERT_EQUAL(f->remains.rest.len - f->remains.rest.at, 10);
	CU_ASSERT_EQUAL(memcmp(f->remains.rest.bytes + f->remains.rest.at, "no message", 10), 0);
	CU_ASSERT_EQUAL(send(f->fd, "more", 4, MSG_NOSIGNAL), 4);
	CU_ASSERT_EQUAL(receive_raw(f->remains.fd, answer, sizeof(answer)), 4);
	fixture_close(f);
}

static bool is_blocked(const struct fixture *f)
{
	return tp_container_of(f->server.endpoint, struct tp_connection, endpoint)->blocked;
}

/* The answer has left when the stream changes hands, however slow the client. */
static void what_was_sent_leaves_first(void)
{
	static uint8_t message[16000];
	struct fixture *f = fixture_open(false);
	size_t sent = 0;
	size_t received = 0;
	uint8_t bytes[4096];

	connect_raw(f);
	send_raw(f, "");
	io_message(message, sizeof(message), 2);
	while (sent < MESSAGES_MAX * sizeof(message) && !is_blocked(f)) {
		CU_ASSERT_EQUAL_FATAL(tp_endpoint_send(f->server.endpoint, &f->server.five_tuple,
						       message, sizeof(message)),
				      0);
		tp_loop_turn(f->io.loop);
		sent += sizeof(message);
	}
	CU_ASSERT_TRUE(is_blocked(f));
	tp_endpoint_hand_over(f->server.endpoint, on_taken, f);
	for (int i = 0; i < 100000 && received < sent; i++) {
		long len = receive_raw(f->fd, bytes, sizeof(bytes));

		received += len > 0 ? (size_t)len : 0;
		tp_loop_turn(f->io.loop);
	}
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(received, sent);
	CU_ASSERT_EQUAL(f->taken, 1);
	CU_ASSERT_NOT_EQUAL(f->remains.fd, -1);
	fixture_close(f);
}

static void taker_hears_that_it_closed_first(void)
{
	struct fixture *f = fixture_open(false);

	connect_raw(f);
	send_raw(f, "");
	tp_endpoint_hand_over(f->server.endpoint, on_taken, f);
	CU_ASSERT_EQUAL(f->taken, 0);
	tp_endpoint_close(f->server.endpoint);
	CU_ASSERT_EQUAL(f->taken, 1);
	CU_ASSERT_EQUAL(f->remains.fd, -1);
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	fixture_close(f);
}

static void what_nobody_takes_is_closed(void)
{
	struct fixture *f = fixture_open(false);
	uint8_t bytes[100];

	f->hands_over = true;
	connect_raw(f);
	send_raw(f, "abc");
	tp_stream_remains_fini(&f->remains);
	while (receive_raw(f->fd, bytes, sizeof(bytes)) > 0) {
	}
	CU_ASSERT_TRUE(receive_raw(f->fd, bytes, sizeof(bytes)) == 0 || errno == ECONNRESET);
	fixture_close(f);
}

static void ended(void *owner)
{
	struct fixture *f = owner;

	tp_splice_free(&f->splice);
}

/* To a socket pair: the splice does not ask what it is. */
static void splice_remains(struct fixture *f)
{
	const struct tp_splice_handler handler = {.owner = f, .ended = ended};
	int fds[2];

	CU_ASSERT_EQUAL_FATAL(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	f->beyond = fds[0];
	CU_ASSERT_EQUAL_FATAL(
		tp_splice_create(f->io.loop, &f->remains, &fds[1], &handler, &f->splice), 0);
}

/* A session goes on where it was, with records of which some had been read. */
static void tls_goes_on_at_the_taker(void)
{
	struct fixture *f = fixture_open(true);
	uint8_t message[4000];
	static uint8_t bytes[100000];
	size_t received = 0;

	f->hands_over = true;
	connect_tls(f);
	for (uint32_t i = 0; i < 10; i++) {
		io_message(message, sizeof(message), i);
		CU_ASSERT_EQUAL(tp_endpoint_send(f->client.endpoint, &f->client.five_tuple, message,
						 sizeof(message)),
				0);
	}
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL_FATAL(f->taken, 1);
	CU_ASSERT_EQUAL(f->server.message_count, 1);
	CU_ASSERT_EQUAL(f->client.message_count, 1); /* the answer */
	splice_remains(f);
	for (int i = 0; i < 1000 && received < 9 * sizeof(message); i++) {
		long len;

		tp_loop_turn(f->io.loop);
		len = receive_raw(f->beyond, bytes + received, sizeof(bytes) - received);
		received += len > 0 ? (size_t)len : 0;
	}
	CU_ASSERT_EQUAL_FATAL(received, 9 * sizeof(message));
	for (uint32_t i = 0; i < 9; i++) {
		CU_ASSERT_EQUAL(io_message_number(bytes + i * sizeof(message)), i + 1);
	}
	CU_ASSERT_EQUAL(send(f->beyond, bytes, received, MSG_NOSIGNAL), (ssize_t)received);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.message_count, 10));
	CU_ASSERT_EQUAL(f->client.exception_count, 0);
	tp_socket_close(&f->beyond);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.closed_count, 1));
	CU_ASSERT_EQUAL(f->client.exception_count, 0);
	io_fixture_settle(&f->io);
	CU_ASSERT_PTR_NULL(f->splice);
	fixture_close(f);
}

TEST_SUITE("stream_hand_over", TEST(paused_connection_delivers_nothing),
	   TEST(what_was_read_with_the_message_waits_too),
	   TEST(rest_of_the_stream_goes_to_the_taker), TEST(what_was_sent_leaves_first),
	   TEST(taker_hears_that_it_closed_first), TEST(what_nobody_takes_is_closed),
	   TEST(tls_goes_on_at_the_taker));

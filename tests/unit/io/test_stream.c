/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/counter.h"
#include "support/io_fixture.h"
#include "support/suite.h"

#define HANDSHAKE_MS 5000
#define IDLE_MS 60000
#define QUEUE_BYTES 20000

struct fixture {
	struct io_fixture io;
	struct tp_certs *server_certs;
	struct tp_certs *client_certs;
	struct tp_stream_listener *listener;
	struct tp_addr addr;
	struct io_peer server;
	struct io_peer client;
};

static struct fixture *fixture_new(void)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		abort();
	}
	io_fixture_open(&f->io, NULL);
	return f;
}

static struct tp_stream_options options_of(struct tp_certs *certs)
{
	return (struct tp_stream_options){
		.socket.bind_addr = io_addr("127.0.0.1"),
		.certs = certs,
		.queue_bytes = QUEUE_BYTES,
		.max_connections = 3,
		.handshake_timeout_ms = HANDSHAKE_MS,
		.idle_timeout_ms = IDLE_MS,
	};
}

static void listen_with(struct fixture *f, const struct tp_stream_options *options)
{
	struct tp_endpoint_handler handler = io_peer_handler(&f->server);

	CU_ASSERT_EQUAL_FATAL(tp_stream_listener_open(f->io.loop, options, &handler, &f->listener),
			      0);
	f->addr = *tp_stream_listener_addr(f->listener);
}

static struct fixture *open_tcp(void)
{
	struct fixture *f = fixture_new();
	struct tp_stream_options options = options_of(NULL);

	listen_with(f, &options);
	return f;
}

static void close_all(struct fixture *f)
{
	tp_stream_listener_close(&f->listener);
	io_fixture_settle(&f->io);
	if (f->client.endpoint != NULL) {
		tp_endpoint_close(f->client.endpoint);
	}
	CU_ASSERT_EQUAL(f->server.opened_count, f->server.closed_count);
	CU_ASSERT_EQUAL(f->client.opened_count, f->client.closed_count);
	tp_certs_unref(&f->server_certs);
	tp_certs_unref(&f->client_certs);
	io_fixture_close(&f->io);
	free(f);
}

static void connect_client(struct fixture *f)
{
	struct tp_endpoint_handler handler = io_peer_handler(&f->client);
	struct tp_stream_options options = options_of(f->client_certs);
	struct tp_endpoint *endpoint;

	CU_ASSERT_EQUAL_FATAL(
		tp_stream_connect(f->io.loop, &f->addr, &options, NULL, &handler, &endpoint), 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
}

/* A client of which we hold the descriptor. */
static int connect_raw(struct fixture *f)
{
	size_t opened = f->server.opened_count;
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&f->addr, &sa);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&sa, len), 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.opened_count, opened + 1));
	return fd;
}

static void send_raw(int fd, const void *bytes, size_t len)
{
	CU_ASSERT_EQUAL(send(fd, bytes, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* --- framing -------------------------------------------------------------- */

static void message_arrives_whole(void)
{
	struct fixture *f = open_tcp();
	uint8_t message[100];

	io_message(message, sizeof(message), 7);
	connect_client(f);
	CU_ASSERT_EQUAL(tp_endpoint_send(f->client.endpoint, &f->client.five_tuple, message,
					 sizeof(message)),
			0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 1));
	CU_ASSERT_EQUAL(f->server.len, sizeof(message));
	CU_ASSERT_EQUAL(memcmp(f->server.bytes, message, sizeof(message)), 0);
	CU_ASSERT_TRUE(tp_addr_equal(&f->server.five_tuple.server_addr, &f->addr));
	CU_ASSERT_TRUE(tp_addr_equal(&f->server.five_tuple.client_addr,
				     &f->client.five_tuple.client_addr));
	CU_ASSERT_EQUAL(f->server.five_tuple.transport, TP_TRANSPORT_TCP);
	CU_ASSERT_TRUE(f->server.endpoint->stream);
	close_all(f);
}

static void answer_comes_back(void)
{
	struct fixture *f = open_tcp();
	uint8_t message[20];

	io_message(message, sizeof(message), 8);
	f->server.echo = true;
	connect_client(f);
	tp_endpoint_send(f->client.endpoint, &f->client.five_tuple, message, sizeof(message));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.message_count, 1));
	CU_ASSERT_EQUAL(io_message_number(f->client.bytes), 8);
	close_all(f);
}

/* RFC 8656 section 12.5: over TCP, ChannelData is padded to four bytes. */
static void messages_are_split_wherever_the_bytes_are_cut(void)
{
	struct fixture *f = open_tcp();
	uint8_t bytes[20 + 8 + 24];
	int fd = connect_raw(f);

	io_message(bytes, 20, 1);
	memcpy(bytes + 20, "\x40\x01\x00\x03xyz\0", 8);
	io_message(bytes + 28, 24, 3);
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		size_t before = f->server.message_count;

		if (cut > 0) {
			send_raw(fd, bytes, cut);
			io_fixture_settle(&f->io);
		}
		if (cut < sizeof(bytes)) {
			send_raw(fd, bytes + cut, sizeof(bytes) - cut);
		}
		CU_ASSERT_TRUE(
			io_fixture_until_count(&f->io, &f->server.message_count, before + 3));
		CU_ASSERT_EQUAL(f->server.len, 24);
		CU_ASSERT_EQUAL(io_message_number(f->server.bytes), 3);
	}
	CU_ASSERT_EQUAL(f->server.exception_count, 0);
	close(fd);
	close_all(f);
}

/*
 * Headers are written in the room around a message: that must not touch the
 * next one.
 */
static void room_around_a_message_is_its_own(void)
{
	struct fixture *f = open_tcp();
	uint8_t bytes[20 * 50];
	int fd = connect_raw(f);

	for (uint32_t i = 0; i < 50; i++) {
		io_message(bytes + i * 20, 20, i);
	}
	f->server.scribble = true;
	send_raw(fd, bytes, sizeof(bytes));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 50));
	CU_ASSERT_EQUAL(io_message_number(f->server.bytes), 49);
	CU_ASSERT_EQUAL(f->server.exception_count, 0);
	close(fd);
	close_all(f);
}

struct kept_messages {
	const uint8_t *data[50];
	size_t count;
};

static void keep_message(struct io_peer *peer, struct tp_packet *packet)
{
	struct kept_messages *kept = peer->arg;

	kept->data[kept->count++] = packet->data;
	for (size_t i = 0; i < kept->count; i++) { /* as media to forward at the turn's end */
		CU_ASSERT_EQUAL(io_message_number(kept->data[i]), i);
	}
}

static void messages_of_a_turn_stay_until_its_end(void)
{
	struct fixture *f = open_tcp();
	struct kept_messages kept = {.count = 0};
	uint8_t bytes[20 * 50];
	int fd = connect_raw(f);

	for (uint32_t i = 0; i < 50; i++) {
		io_message(bytes + i * 20, 20, i);
	}
	f->server.scribble = true;
	f->server.on_message = keep_message;
	f->server.arg = &kept;
	send_raw(fd, bytes, sizeof(bytes));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 50));
	close(fd);
	close_all(f);
}

static void longest_message_passes(void)
{
	struct fixture *f = open_tcp();
	uint8_t *message = calloc(1, 4 + 65536);

	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	tp_put_u16(message, 0x4000);
	tp_put_u16(message + 2, 65535);
	message[4 + 65534] = 0x5a;
	connect_client(f);
	f->server.forward = false;
	int fd = connect_raw(f);

	send_raw(fd, message, 4 + 65536);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 1));
	CU_ASSERT_EQUAL(f->server.len, 4 + 65536);
	CU_ASSERT_EQUAL(f->server.bytes[4 + 65534], 0x5a);
	close(fd);
	free(message);
	close_all(f);
}

static void shortest_messages_of_a_read_all_pass(void)
{
	struct fixture *f = open_tcp();
	size_t count = 10000;
	uint8_t *bytes = calloc(count, 4);
	int fd = connect_raw(f);

	CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
	for (size_t i = 0; i < count; i++) {
		bytes[i * 4] = 0x40;
	}
	send_raw(fd, bytes, count * 4);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, count));
	CU_ASSERT_EQUAL(f->server.len, 4);
	close(fd);
	free(bytes);
	close_all(f);
}

static void bytes_that_are_no_message_close(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{"POST / HTTP/1.1\r\n\r\n", 19},
		{"\x16\x03\x01\x00\x10", 5},             /* TLS on a TCP port */
		{"\x00\x01\x00\x03\x21\x12\xa4\x42", 8}, /* length no multiple of four */
		{"\x00\x01\x00\x00\x21\x12\xa4\x43", 8}, /* another magic cookie */
		{"\x80\x00\x00\x00", 4},                 /* a first byte nobody has */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = open_tcp();
		int fd = connect_raw(f);

		send_raw(fd, cases[i].bytes, cases[i].len);
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.closed_count, 1));
		CU_ASSERT_EQUAL(f->server.exception_count, 1);
		CU_ASSERT_STRING_EQUAL(f->server.reason, "bytes that are no message");
		CU_ASSERT_EQUAL(f->server.message_count, 0);
		close(fd);
		close_all(f);
	}
}

/* --- life ----------------------------------------------------------------- */

static void client_that_goes_is_told(void)
{
	struct fixture *f = open_tcp();
	int fd = connect_raw(f);

	close(fd);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.closed_count, 1));
	CU_ASSERT_EQUAL(f->server.exception_count, 0);
	close_all(f);
}

static void connection_may_close_inside_its_message(void)
{
	struct fixture *f = open_tcp();
	uint8_t bytes[40];
	int fd = connect_raw(f);

	io_message(bytes, 20, 1);
	io_message(bytes + 20, 20, 2);
	f->server.close_inside = true;
	f->server.echo = true;
	send_raw(fd, bytes, sizeof(bytes));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.closed_count, 1));
	CU_ASSERT_EQUAL(f->server.message_count, 1);
	/* What was to be sent has left before. */
	CU_ASSERT_EQUAL(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), 20);
	close(fd);
	close_all(f);
}

static void connection_may_close_inside_opened(void)
{
	struct fixture *f = open_tcp();
	int fd;

	f->server.close_opening = true;
	fd = connect_raw(f);
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	close(fd);
	close_all(f);
}

static void close_listener(struct io_peer *peer, struct tp_packet *packet)
{
	struct fixture *f = peer->arg;

	(void)packet;
	tp_stream_listener_close(&f->listener);
}

static void listener_may_close_inside_a_message(void)
{
	struct fixture *f = open_tcp();
	uint8_t bytes[40];
	int fd = connect_raw(f);
	int other = connect_raw(f);

	io_message(bytes, 20, 1);
	io_message(bytes + 20, 20, 2);
	f->server.on_message = close_listener;
	f->server.arg = f;
	send_raw(fd, bytes, sizeof(bytes));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.closed_count, 2));
	CU_ASSERT_EQUAL(f->server.message_count, 1);
	close(fd);
	close(other);
	close_all(f);
}

static void silent_connection_closes(void)
{
	struct fixture *f = open_tcp();
	int fd = connect_raw(f);

	io_fixture_advance_ms(&f->io, HANDSHAKE_MS - 1);
	CU_ASSERT_EQUAL(f->server.closed_count, 0);
	io_fixture_advance_ms(&f->io, 1);
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	CU_ASSERT_STRING_EQUAL(f->server.reason, "no message in time");
	close(fd);
	close_all(f);
}

static void dripping_connection_closes(void)
{
	struct fixture *f = open_tcp();
	uint8_t message[20];
	int fd = connect_raw(f);

	io_message(message, sizeof(message), 1);
	for (size_t i = 0; i < 5; i++) {
		CU_ASSERT_EQUAL(f->server.closed_count, 0);
		send_raw(fd, message + i, 1);
		io_fixture_advance_ms(&f->io, HANDSHAKE_MS / 5);
	}
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	close(fd);
	close_all(f);
}

static void idle_connection_closes(void)
{
	struct fixture *f = open_tcp();
	uint8_t message[20];
	int fd = connect_raw(f);

	io_message(message, sizeof(message), 1);
	for (size_t i = 1; i <= 3; i++) {
		send_raw(fd, message, sizeof(message));
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, i));
		io_fixture_advance_ms(&f->io, IDLE_MS - 1);
		CU_ASSERT_EQUAL(f->server.closed_count, 0);
	}
	io_fixture_advance_ms(&f->io, 1);
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	CU_ASSERT_STRING_EQUAL(f->server.reason, "idle for too long");
	close(fd);
	close_all(f);
}

static void connections_have_a_ceiling(void)
{
	struct fixture *f = open_tcp();
	struct tp_counter *refused = tp_counter_named("io.connections_refused", "");
	uint64_t before = tp_counter_read(refused);
	int fds[3];
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&f->addr, &sa);
	int one_more = socket(AF_INET, SOCK_STREAM, 0);

	for (size_t i = 0; i < 3; i++) {
		fds[i] = connect_raw(f);
	}
	CU_ASSERT_EQUAL(connect(one_more, (struct sockaddr *)&sa, len), 0);
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(tp_counter_read(refused), before + 1);
	CU_ASSERT_EQUAL(f->server.opened_count, 3);
	close(fds[0]);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.closed_count, 1));
	fds[0] = connect_raw(f);
	CU_ASSERT_EQUAL(f->server.opened_count, 4);
	for (size_t i = 0; i < 3; i++) {
		close(fds[i]);
	}
	close(one_more);
	close_all(f);
}

static void paused_listener_keeps_its_connections(void)
{
	struct fixture *f = open_tcp();
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&f->addr, &sa);
	int refused = socket(AF_INET, SOCK_STREAM, 0);
	uint8_t message[20];
	int fd = connect_raw(f);

	tp_stream_listener_pause(f->listener);
	CU_ASSERT_EQUAL(connect(refused, (struct sockaddr *)&sa, len), -1);
	io_message(message, sizeof(message), 1);
	send_raw(fd, message, sizeof(message));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 1));
	close(fd);
	close(refused);
	close_all(f);
}

/* The one waiting is ready all the time: it must not keep the loop busy. */
static void running_out_of_descriptors_pauses_accepting(void)
{
	struct fixture *f = open_tcp();
	struct tp_counter *failed = tp_counter_named("io.accept_failed", "");
	uint64_t before = tp_counter_read(failed);
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&f->addr, &sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct rlimit limit;
	struct rlimit none;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&sa, len), 0);
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(tp_counter_read(failed), before + 1);
	setrlimit(RLIMIT_NOFILE, &limit);
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(f->server.opened_count, 0);
	io_fixture_advance_ms(&f->io, 100);
	CU_ASSERT_EQUAL(f->server.opened_count, 1);
	close(fd);
	close_all(f);
}

static void refused_client_is_told(void)
{
	struct fixture *f = open_tcp();
	struct tp_endpoint_handler handler = io_peer_handler(&f->client);
	struct tp_stream_options options = options_of(NULL);
	struct tp_endpoint *endpoint;

	tp_stream_listener_pause(f->listener);
	CU_ASSERT_EQUAL(
		tp_stream_connect(f->io.loop, &f->addr, &options, NULL, &handler, &endpoint), 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.exception_count, 1));
	CU_ASSERT_STRING_EQUAL(f->client.reason, "Connection refused");
	CU_ASSERT_EQUAL(f->client.opened_count, 0);
	close_all(f);
}

/* --- back-pressure -------------------------------------------------------- */

/* Send media until the kernel takes no more and the queue is full. */
static uint32_t fill(struct fixture *f, struct tp_counter *dropped)
{
	uint64_t before = tp_counter_read(dropped);
	uint8_t message[1000];
	struct tp_packet packet = {.data = message, .len = sizeof(message)};
	uint32_t number = 0;

	while (tp_counter_read(dropped) < before + 10) {
		io_message(message, sizeof(message), number++);
		CU_ASSERT_EQUAL_FATAL(
			tp_endpoint_forward(f->server.endpoint, &f->server.five_tuple, &packet), 0);
	}
	return number;
}

/*
 * Read whole messages until the server is closed; returns the number of the
 * last.
 */
static uint32_t drain(struct fixture *f, int fd, size_t *count)
{
	static uint8_t bytes[1024];
	uint32_t number = 0;
	size_t len = 0;
	int idle = 0;

	*count = 0;
	while (idle < 1000) {
		ssize_t got = recv(fd, bytes + len, 1000 - len, MSG_DONTWAIT);

		tp_loop_turn(f->io.loop);
		idle = got > 0 ? 0 : idle + 1;
		len += got > 0 ? (size_t)got : 0;
		if (len == 1000) {
			CU_ASSERT_EQUAL(tp_get_u32(bytes + 4), 0x2112a442); /* nothing is cut */
			CU_ASSERT_TRUE(*count == 0 || io_message_number(bytes) > number);
			number = io_message_number(bytes);
			(*count)++;
			len = 0;
		}
	}
	CU_ASSERT_EQUAL(len, 0);
	return number;
}

static void slow_client_loses_the_oldest_media(void)
{
	struct fixture *f = open_tcp();
	struct tp_counter *dropped = tp_counter_named("io.stream_media_dropped", "");
	uint64_t before = tp_counter_read(dropped);
	int fd = connect_raw(f);
	uint32_t sent = fill(f, dropped);
	size_t count;

	CU_ASSERT_EQUAL(drain(f, fd, &count), sent - 1);
	CU_ASSERT_EQUAL(count + tp_counter_read(dropped) - before, sent);
	CU_ASSERT_EQUAL(f->server.closed_count, 0);
	close(fd);
	close_all(f);
}

static void response_displaces_media(void)
{
	struct fixture *f = open_tcp();
	struct tp_counter *dropped = tp_counter_named("io.stream_media_dropped", "");
	uint8_t response[1000];
	int fd = connect_raw(f);
	uint32_t sent = fill(f, dropped);
	size_t count;

	io_message(response, sizeof(response), sent);
	CU_ASSERT_EQUAL(tp_endpoint_send(f->server.endpoint, &f->server.five_tuple, response,
					 sizeof(response)),
			0);
	CU_ASSERT_EQUAL(drain(f, fd, &count), sent);
	CU_ASSERT_EQUAL(f->server.closed_count, 0);
	close(fd);
	close_all(f);
}

static void responses_without_room_close(void)
{
	struct fixture *f = open_tcp();
	uint8_t response[1000];
	int fd = connect_raw(f);
	int err = 0;

	io_message(response, sizeof(response), 1);
	for (int i = 0; i < 100000 && err == 0; i++) {
		err = tp_endpoint_send(f->server.endpoint, &f->server.five_tuple, response,
				       sizeof(response));
	}
	CU_ASSERT_EQUAL(err, TP_EFULL);
	CU_ASSERT_EQUAL(f->server.closed_count, 0); /* not inside the caller's call */
	CU_ASSERT_EQUAL(tp_endpoint_send(f->server.endpoint, &f->server.five_tuple, response,
					 sizeof(response)),
			TP_ESHUTDOWN);
	tp_loop_turn(f->io.loop);
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	CU_ASSERT_STRING_EQUAL(f->server.reason, "no room for a response");
	close(fd);
	close_all(f);
}

static void unusable_lengths_are_refused(void)
{
	struct fixture *f = open_tcp();
	int fd = connect_raw(f);

	CU_ASSERT_EQUAL(
		tp_endpoint_send(f->server.endpoint, &f->server.five_tuple, f->server.bytes, 0),
		TP_EINVAL);
	CU_ASSERT_EQUAL(tp_endpoint_send(f->server.endpoint, &f->server.five_tuple, f->server.bytes,
					 65535 + 20 + 4),
			TP_EINVAL);
	close(fd);
	close_all(f);
}

TEST_SUITE("stream", TEST(message_arrives_whole), TEST(answer_comes_back),
	   TEST(messages_are_split_wherever_the_bytes_are_cut),
	   TEST(room_around_a_message_is_its_own), TEST(messages_of_a_turn_stay_until_its_end),
	   TEST(longest_message_passes), TEST(shortest_messages_of_a_read_all_pass),
	   TEST(bytes_that_are_no_message_close), TEST(client_that_goes_is_told),
	   TEST(connection_may_close_inside_its_message), TEST(connection_may_close_inside_opened),
	   TEST(listener_may_close_inside_a_message), TEST(silent_connection_closes),
	   TEST(dripping_connection_closes), TEST(idle_connection_closes),
	   TEST(connections_have_a_ceiling), TEST(paused_listener_keeps_its_connections),
	   TEST(running_out_of_descriptors_pauses_accepting), TEST(refused_client_is_told),
	   TEST(slow_client_loses_the_oldest_media), TEST(response_displaces_media),
	   TEST(responses_without_room_close), TEST(unusable_lengths_are_refused));

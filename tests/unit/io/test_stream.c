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
#include "io/datagram.h"
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
	uint8_t bytes[20 * 30];
	int fd = connect_raw(f);

	for (uint32_t i = 0; i < 30; i++) {
		io_message(bytes + i * 20, 20, i);
	}
	f->server.scribble = true;
	f->server.on_message = keep_message;
	f->server.arg = &kept;
	send_raw(fd, bytes, sizeof(bytes));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 30));
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

/* --- a share of the turn -------------------------------------------------- */

#define SHARE 32

static void flood(int fd, size_t count)
{
	uint8_t *bytes = calloc(count, 20);

	CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
	for (size_t i = 0; i < count; i++) {
		io_message(bytes + i * 20, 20, (uint32_t)i);
	}
	send_raw(fd, bytes, count * 20);
	free(bytes);
}

struct floods {
	struct tp_addr quiet_addr;
	size_t quiet;
	size_t flooding;
	uint32_t next;
};

static void count_floods(struct io_peer *peer, struct tp_packet *packet)
{
	struct floods *floods = peer->arg;

	if (tp_addr_equal(&packet->remote_addr, &floods->quiet_addr)) {
		floods->quiet++;
		return;
	}
	CU_ASSERT_EQUAL(io_message_number(packet->data), floods->next++);
	floods->flooding++;
}

static void flooding_client_starves_nobody(void)
{
	struct fixture *f = open_tcp();
	int flooding = connect_raw(f);
	int quiet = connect_raw(f);
	struct floods floods = {.quiet_addr = f->server.five_tuple.client_addr};
	uint8_t message[20];

	f->server.on_message = count_floods;
	f->server.arg = &floods;
	flood(flooding, 2000);
	io_message(message, sizeof(message), 7);
	for (size_t turn = 1; turn <= 10; turn++) {
		send_raw(quiet, message, sizeof(message));
		tp_loop_turn(f->io.loop);
		CU_ASSERT_EQUAL(floods.quiet, turn);
		CU_ASSERT_EQUAL(floods.flooding, turn * SHARE);
	}
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &floods.flooding, 2000));
	close(flooding);
	close(quiet);
	close_all(f);
}

/* The kernel has nothing more of it and will not say that it is readable. */
static void rest_of_a_read_waits_for_nothing(void)
{
	struct fixture *f = open_tcp();
	struct floods floods = {.flooding = 0};
	int fd = connect_raw(f);

	f->server.on_message = count_floods;
	f->server.arg = &floods;
	flood(fd, 3 * SHARE + 1);
	for (size_t turn = 1; turn <= 3; turn++) {
		tp_loop_turn(f->io.loop);
		CU_ASSERT_EQUAL(floods.flooding, turn * SHARE);
	}
	tp_loop_turn(f->io.loop);
	CU_ASSERT_EQUAL(floods.flooding, 3 * SHARE + 1);
	close(fd);
	close_all(f);
}

static void stop_loop(struct io_peer *peer, struct tp_packet *packet)
{
	struct fixture *f = peer->arg;

	(void)packet;
	if (peer->message_count == 2 * SHARE) {
		tp_loop_stop(f->io.loop);
	}
}

/* With the loop's own waiting: it would not come back. */
static void rest_of_a_read_keeps_the_loop_awake(void)
{
	struct fixture *f = open_tcp();
	int fd = connect_raw(f);

	f->server.on_message = stop_loop;
	f->server.arg = f;
	flood(fd, 2 * SHARE);
	tp_loop_run(f->io.loop);
	CU_ASSERT_EQUAL(f->server.message_count, 2 * SHARE);
	close(fd);
	close_all(f);
}

static void end_of_the_stream_comes_after_its_messages(void)
{
	struct fixture *f = open_tcp();
	int fd = connect_raw(f);

	flood(fd, 10 * SHARE);
	close(fd);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.closed_count, 1));
	CU_ASSERT_EQUAL(f->server.message_count, 10 * SHARE);
	close_all(f);
}

static void connection_may_close_with_a_rest(void)
{
	struct fixture *f = open_tcp();
	int fd = connect_raw(f);

	flood(fd, 10 * SHARE);
	tp_loop_turn(f->io.loop);
	CU_ASSERT_EQUAL(f->server.message_count, SHARE);
	tp_endpoint_close(f->server.endpoint);
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(f->server.message_count, SHARE);
	close(fd);
	close_all(f);
}

static void connections_are_accepted_a_few_a_turn(void)
{
	struct fixture *f = fixture_new();
	struct tp_stream_options options = options_of(NULL);
	struct sockaddr_storage sa;
	socklen_t len;
	int fds[40];

	options.max_connections = 40;
	listen_with(f, &options);
	len = tp_addr_to_sockaddr(&f->addr, &sa);
	for (size_t i = 0; i < 40; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CU_ASSERT_EQUAL(connect(fds[i], (struct sockaddr *)&sa, len), 0);
	}
	tp_loop_turn(f->io.loop);
	CU_ASSERT_EQUAL(f->server.opened_count, 16);
	tp_loop_turn(f->io.loop);
	CU_ASSERT_EQUAL(f->server.opened_count, 32);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.opened_count, 40));
	for (size_t i = 0; i < 40; i++) {
		close(fds[i]);
	}
	close_all(f);
}

/* --- media of a turn ------------------------------------------------------ */

struct to_stream {
	struct fixture *f;
	size_t count;
};

static void forward_to_stream(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct to_stream *to = owner;

	(void)datagram;
	CU_ASSERT_EQUAL(
		tp_endpoint_forward(to->f->server.endpoint, &to->f->server.five_tuple, packet), 0);
	to->count++;
}

static void expect_numbers(int fd, uint32_t count)
{
	uint8_t message[20];

	for (uint32_t i = 0; i < count; i++) {
		CU_ASSERT_EQUAL_FATAL(recv(fd, message, sizeof(message), MSG_DONTWAIT), 20);
		CU_ASSERT_EQUAL(io_message_number(message), i);
	}
	CU_ASSERT_EQUAL(recv(fd, message, 1, MSG_DONTWAIT), -1);
}

#define SOCKETS 30
#define EACH 10

static void open_sockets(struct fixture *f, struct to_stream *to, struct tp_datagram **datagrams)
{
	const struct tp_datagram_options options = {
		.socket.bind_addr = io_addr("127.0.0.1"),
		.owner = to,
		.receive = forward_to_stream,
	};

	for (size_t i = 0; i < SOCKETS; i++) {
		CU_ASSERT_EQUAL_FATAL(tp_datagram_open(f->io.loop, &options, &datagrams[i]), 0);
	}
}

/* EACH to each, numbered. */
static void send_to_sockets(struct tp_datagram *const *datagrams)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	for (uint32_t i = 0; i < SOCKETS * EACH; i++) {
		struct sockaddr_storage sa;
		socklen_t len = tp_addr_to_sockaddr(&datagrams[i / EACH]->local_addr, &sa);
		uint8_t message[20];

		io_message(message, sizeof(message), i);
		CU_ASSERT_EQUAL(
			sendto(fd, message, sizeof(message), 0, (struct sockaddr *)&sa, len), 20);
	}
	close(fd);
}

/* Each socket's in order. */
static void expect_of_sockets(int fd)
{
	uint32_t next[SOCKETS] = {0};
	uint8_t message[20];

	for (size_t i = 0; i < SOCKETS * EACH; i++) {
		uint32_t number;

		CU_ASSERT_EQUAL_FATAL(recv(fd, message, sizeof(message), MSG_DONTWAIT), 20);
		number = io_message_number(message);
		CU_ASSERT_FATAL(number < SOCKETS * EACH);
		CU_ASSERT_EQUAL(number % EACH, next[number / EACH]++);
	}
}

/* More than a backend holds at once: it must use its memory again in time. */
static void datagrams_of_a_turn_arrive_as_they_were(void)
{
	for (size_t b = 0; tp_datagram_backends[b] != NULL; b++) {
		struct fixture *f = calloc(1, sizeof(*f));
		struct tp_stream_options options = options_of(NULL);
		struct to_stream to = {.f = f};
		struct tp_datagram *datagrams[SOCKETS];
		int fd;

		if (tp_datagram_backends[b]->usable != NULL && !tp_datagram_backends[b]->usable()) {
			free(f);
			continue;
		}
		CU_ASSERT_PTR_NOT_NULL_FATAL(f);
		io_fixture_open(&f->io, tp_datagram_backends[b]->name);
		listen_with(f, &options);
		fd = connect_raw(f);
		open_sockets(f, &to, datagrams);
		send_to_sockets(datagrams);
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &to.count, SOCKETS * EACH));
		io_fixture_settle(&f->io);
		expect_of_sockets(fd);
		for (size_t i = 0; i < SOCKETS; i++) {
			tp_datagram_close(&datagrams[i]);
		}
		close(fd);
		close_all(f);
	}
}

/* Responses and media of a turn leave in the order in which they were given. */
static void order_is_kept(void)
{
	struct fixture *f = open_tcp();
	uint8_t media[100][20];
	int fd = connect_raw(f);

	for (uint32_t i = 0; i < 100; i++) {
		struct tp_packet packet = {media[i], .len = 20};
		uint8_t response[20];

		io_message(media[i], 20, i);
		io_message(response, 20, i);
		if (i % 3 == 0) {
			tp_endpoint_send(f->server.endpoint, &f->server.five_tuple, response, 20);
			memset(response, 0, sizeof(response)); /* it is a copy that leaves */
		} else {
			tp_endpoint_forward(f->server.endpoint, &f->server.five_tuple, &packet);
		}
	}
	tp_loop_turn(f->io.loop);
	expect_numbers(fd, 100);
	close(fd);
	close_all(f);
}

/* --- back-pressure -------------------------------------------------------- */

#define TRAIN 10

/* Send media until the kernel takes no more and the queue is full. */
static uint32_t fill(struct fixture *f, struct tp_counter *dropped)
{
	uint64_t before = tp_counter_read(dropped);
	uint8_t messages[TRAIN][1000];
	uint32_t number = 0;

	while (tp_counter_read(dropped) < before + 10) {
		for (size_t i = 0; i < TRAIN; i++) {
			struct tp_packet packet = {messages[i], .len = sizeof(messages[i])};

			io_message(messages[i], sizeof(messages[i]), number++);
			CU_ASSERT_EQUAL_FATAL(tp_endpoint_forward(f->server.endpoint,
								  &f->server.five_tuple, &packet),
					      0);
		}
		tp_loop_flush(f->io.loop); /* messages stay as they are until then */
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
	   TEST(flooding_client_starves_nobody), TEST(rest_of_a_read_waits_for_nothing),
	   TEST(rest_of_a_read_keeps_the_loop_awake),
	   TEST(end_of_the_stream_comes_after_its_messages), TEST(connection_may_close_with_a_rest),
	   TEST(connections_are_accepted_a_few_a_turn),
	   TEST(datagrams_of_a_turn_arrive_as_they_were), TEST(order_is_kept),
	   TEST(slow_client_loses_the_oldest_media), TEST(response_displaces_media),
	   TEST(responses_without_room_close), TEST(unusable_lengths_are_refused));

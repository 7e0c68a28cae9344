/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/counter.h"
#include "support/io_fixture.h"
#include "support/suite.h"

/* The same cases for each backend. */
static const char *const backends[] = {"plain", "mmsg", "uring", NULL};
#define EACH_BACKEND(b) for (const char *const *b = backends; is_usable(*b); b++)

/* The last may be built in or not, allowed or not. */
static bool is_usable(const char *name)
{
	const struct tp_datagram_backend *backend =
		name != NULL ? tp_datagram_backend_named(name) : NULL;

	return backend != NULL && tp_datagram_backend_usable(backend);
}

#define RECEIVED_MAX 512

struct end {
	struct tp_datagram *datagram;
	size_t count;
	size_t close_after; /* close inside that callback; 0: never */
	uint32_t numbers[RECEIVED_MAX];
	size_t lengths[RECEIVED_MAX];
	struct tp_packet last;
	uint8_t bytes[66000];
	struct tp_datagram *forward_to; /* forward each to this address */
	struct tp_addr forward_addr;
	bool scribble; /* write the room around, and the packet itself after forwarding */
};

struct fixture {
	struct io_fixture io;
	struct end a;
	struct end b;
};

static void receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct end *end = owner;

	CU_ASSERT_PTR_EQUAL(datagram, end->datagram);
	if (end->count < RECEIVED_MAX && packet->len >= 4) {
		end->numbers[end->count] = tp_get_u32(packet->data);
	}
	if (end->count < RECEIVED_MAX) {
		end->lengths[end->count] = packet->len;
	}
	end->count++;
	end->last = *packet;
	if (packet->len > 0) {
		memcpy(end->bytes, packet->data, packet->len);
	}
	if (end->scribble) {
		memset(packet->data - TP_PACKET_HEADROOM, 0xee, TP_PACKET_HEADROOM);
		memset(packet->data + packet->len, 0xee, TP_PACKET_TAILROOM);
	}
	if (end->forward_to != NULL) {
		packet->remote_addr = end->forward_addr;
		packet->local_addr = (struct tp_addr){0};
		CU_ASSERT_EQUAL(tp_datagram_forward(end->forward_to, packet), 0);
	}
	if (end->count == end->close_after) {
		tp_datagram_close(&end->datagram);
	}
}

static void end_open(struct fixture *f, struct end *end, const struct tp_socket_options *socket)
{
	const struct tp_datagram_options options = {
		.socket = *socket,
		.owner = end,
		.receive = receive,
	};

	CU_ASSERT_EQUAL_FATAL(tp_datagram_open(f->io.loop, &options, &end->datagram), 0);
}

static struct fixture *open_pair(const char *backend, const char *address)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tp_socket_options socket = {.bind_addr = io_addr(address)};

	if (f == NULL) {
		abort();
	}
	io_fixture_open(&f->io, backend);
	end_open(f, &f->a, &socket);
	end_open(f, &f->b, &socket);
	return f;
}

static void close_pair(struct fixture *f)
{
	tp_datagram_close(&f->a.datagram);
	tp_datagram_close(&f->b.datagram);
	io_fixture_close(&f->io);
	free(f);
}

static struct tp_packet packet_to(const struct end *to, uint8_t *bytes, size_t len)
{
	return (struct tp_packet){
		.data = bytes,
		.len = len,
		.remote_addr = to->datagram->local_addr,
		.ttl = -1,
		.tos = -1,
	};
}

static int send_number(struct end *from, const struct end *to, uint32_t number)
{
	uint8_t bytes[4];
	struct tp_packet packet = packet_to(to, bytes, sizeof(bytes));

	tp_put_u32(bytes, number);
	return tp_datagram_send(from->datagram, &packet);
}

/* A little longer than the one before, so that they do not travel as segments of one. */
static void send_alone(struct end *from, const struct end *to, uint32_t number)
{
	uint8_t bytes[512] = {0};
	struct tp_packet packet = packet_to(to, bytes, 4 + number % 500);

	tp_put_u32(bytes, number);
	CU_ASSERT_EQUAL(tp_datagram_send(from->datagram, &packet), 0);
}

static void datagram_arrives_with_its_addresses(void)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	EACH_BACKEND(backend)
	{
		for (size_t i = 0; i < 2; i++) {
			struct fixture *f = open_pair(*backend, addresses[i]);

			CU_ASSERT_NOT_EQUAL(f->a.datagram->local_addr.port, 0);
			CU_ASSERT_EQUAL(send_number(&f->a, &f->b, 77), 0);
			CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->b.count, 1));
			CU_ASSERT_EQUAL(f->b.numbers[0], 77);
			CU_ASSERT_EQUAL(f->b.last.len, 4);
			CU_ASSERT_TRUE(
				tp_addr_equal(&f->b.last.remote_addr, &f->a.datagram->local_addr));
			CU_ASSERT_TRUE(
				tp_addr_equal(&f->b.last.local_addr, &f->b.datagram->local_addr));
			CU_ASSERT_EQUAL(f->b.last.ttl, -1);
			CU_ASSERT_EQUAL(f->b.last.tos, -1);
			close_pair(f);
		}
	}
}

static void sent_bytes_are_copied(void)
{
	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");

		for (uint32_t i = 0; i < 100; i++) {
			CU_ASSERT_EQUAL(send_number(&f->a, &f->b, i), 0);
		}
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->b.count, 100));
		for (uint32_t i = 0; i < 100; i++) { /* and keep their order */
			CU_ASSERT_EQUAL(f->b.numbers[i], i);
		}
		close_pair(f);
	}
}

static void what_finds_no_room_is_counted(void)
{
	static const struct tp_socket_options socket_options = {.receive_buffer_bytes = 4096};

	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		struct tp_counter *drops = tp_counter_named("test.drops", "");
		uint64_t before = tp_counter_read(drops);
		struct end small = {.count = 0};
		struct tp_datagram_options options = {
			.socket = socket_options,
			.drops = drops,
			.owner = &small,
			.receive = receive,
		};

		options.socket.bind_addr = io_addr("127.0.0.1");
		CU_ASSERT_EQUAL_FATAL(tp_datagram_open(f->io.loop, &options, &small.datagram), 0);
		for (uint32_t i = 0; i < 250; i++) {
			send_alone(&f->a, &small, i);
		}
		io_fixture_settle(&f->io);
		tp_datagram_count_drops(small.datagram);
		CU_ASSERT_TRUE(small.count < 250);
		CU_ASSERT_EQUAL(tp_counter_read(drops) - before, 250 - small.count);
		tp_datagram_close(&small.datagram); /* nothing twice */
		CU_ASSERT_EQUAL(tp_counter_read(drops) - before, 250 - small.count);
		close_pair(f);
	}
}

/* Whatever the kernel puts together on the way. */
static void trains_keep_sizes_and_order(void)
{
	static const size_t lengths[] = {300, 300, 300, 120, 300, 301, 301, 4, 4, 4, 0, 300, 300};
	const size_t count = sizeof(lengths) / sizeof(lengths[0]);

	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		uint8_t bytes[400];

		f->b.scribble = true;
		for (size_t i = 0; i < count; i++) {
			struct tp_packet packet = packet_to(&f->b, bytes, lengths[i]);

			memset(bytes, (int)i, sizeof(bytes));
			CU_ASSERT_EQUAL(tp_datagram_send(f->a.datagram, &packet), 0);
		}
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->b.count, count));
		for (size_t i = 0; i < count; i++) {
			CU_ASSERT_EQUAL(f->b.lengths[i], lengths[i]);
			CU_ASSERT_TRUE(lengths[i] < 4 || f->b.numbers[i] == i * 0x01010101U);
		}
		close_pair(f);
	}
}

static void every_length_passes(void)
{
	static const size_t lengths[] = {0, 1, 1500, 9000, 65507};

	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		uint8_t *bytes = calloc(1, 65507);

		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			struct tp_packet packet = packet_to(&f->b, bytes, lengths[i]);

			memset(bytes, (int)i + 1, lengths[i]);
			CU_ASSERT_EQUAL(tp_datagram_send(f->a.datagram, &packet), 0);
			CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->b.count, i + 1));
			CU_ASSERT_EQUAL(f->b.last.len, lengths[i]);
			CU_ASSERT_EQUAL(memcmp(f->b.bytes, bytes, lengths[i]), 0);
		}
		free(bytes);
		close_pair(f);
	}
}

/*
 * More than all buffers and the queue hold, so that they are used again within
 * a turn.
 */
static void forwarded_bytes_are_those_received(void)
{
	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		struct end sink = {.count = 0};
		struct tp_socket_options socket = {.bind_addr = io_addr("127.0.0.1")};
		const uint32_t total = 200; /* as many as the kernel keeps */

		end_open(f, &sink, &socket);
		f->b.scribble = true;
		f->b.forward_to = f->b.datagram;
		f->b.forward_addr = sink.datagram->local_addr;
		for (uint32_t i = 0; i < total; i++) {
			CU_ASSERT_EQUAL(send_number(&f->a, &f->b, i), 0);
		}
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &sink.count, total));
		for (uint32_t i = 0; i < total; i++) {
			CU_ASSERT_EQUAL(sink.numbers[i], i);
		}
		tp_datagram_close(&sink.datagram);
		close_pair(f);
	}
}

static void one_busy_socket_leaves_the_others_their_turn(void)
{
	const size_t burst = 2000;

	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		struct end busy = {.count = 0};
		struct tp_socket_options socket = {
			.bind_addr = io_addr("127.0.0.1"),
			.receive_buffer_bytes = 8 * 1024 * 1024, /* not granted to everybody */
		};
		size_t arrived;

		end_open(f, &busy, &socket);
		for (uint32_t i = 0; i < burst; i++) {
			send_alone(&f->a, &busy, i);
		}
		send_number(&f->b, &f->a, 1);
		while (f->a.count == 0) {
			tp_loop_turn(f->io.loop);
		}
		arrived = busy.count;
		io_fixture_settle(&f->io);
		CU_ASSERT_TRUE(busy.count > 200);
		if (busy.count == burst) {
			CU_ASSERT_TRUE(arrived <= 1000);
		}
		tp_datagram_close(&busy.datagram);
		close_pair(f);
	}
}

static void what_the_kernel_refuses_stops_nothing(void)
{
	struct tp_counter *failed = tp_counter_named("io.datagrams_send_failed", "");

	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		uint64_t before = tp_counter_read(failed);
		uint8_t *bytes = calloc(1, 65535);
		struct tp_packet packet = packet_to(&f->b, bytes, 65535); /* EMSGSIZE */
		struct tp_packet nowhere = packet_to(&f->b, bytes, 4);

		nowhere.remote_addr = io_addr("[::1]:9"); /* another family */
		send_number(&f->a, &f->b, 1);
		(void)tp_datagram_send(f->a.datagram, &packet);
		send_number(&f->a, &f->b, 2);
		(void)tp_datagram_send(f->a.datagram, &nowhere);
		send_number(&f->a, &f->b, 3);
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->b.count, 3));
		CU_ASSERT_EQUAL(f->b.numbers[0], 1);
		CU_ASSERT_EQUAL(f->b.numbers[1], 2);
		CU_ASSERT_EQUAL(f->b.numbers[2], 3);
		CU_ASSERT_EQUAL(tp_counter_read(failed), before + 2);
		free(bytes);
		close_pair(f);
	}
}

static void queued_datagrams_leave_before_the_socket_closes(void)
{
	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");

		send_number(&f->a, &f->b, 5);
		tp_datagram_close(&f->a.datagram);
		CU_ASSERT_PTR_NULL(f->a.datagram);
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->b.count, 1));
		CU_ASSERT_EQUAL(f->b.numbers[0], 5);
		close_pair(f);
	}
}

static void socket_may_close_inside_its_callback(void)
{
	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");

		f->b.close_after = 2;
		for (uint32_t i = 0; i < 5; i++) {
			send_number(&f->a, &f->b, i);
		}
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->b.count, 2));
		io_fixture_settle(&f->io);
		CU_ASSERT_EQUAL(f->b.count, 2);
		close_pair(f);
	}
}

static void released_descriptor_may_be_adopted(void)
{
	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		struct tp_addr bound = f->b.datagram->local_addr;
		const struct tp_datagram_options options = {.owner = &f->b, .receive = receive};
		int fd;

		send_number(&f->b, &f->a, 1); /* must not be lost */
		fd = tp_datagram_release(&f->b.datagram);
		CU_ASSERT_PTR_NULL(f->b.datagram);
		CU_ASSERT_NOT_EQUAL(fd, -1);
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->a.count, 1));
		CU_ASSERT_EQUAL(tp_datagram_adopt(f->io.loop, &options, fd, &f->b.datagram), 0);
		CU_ASSERT_TRUE(tp_addr_equal(&f->b.datagram->local_addr, &bound));
		send_number(&f->a, &f->b, 2);
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->b.count, 1));
		close_pair(f);
	}
}

static void descriptor_that_is_none_is_not_adopted(void)
{
	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		const struct tp_datagram_options options = {.owner = &f->b, .receive = receive};
		struct tp_datagram *adopted = NULL;
		int pipe_fds[2];

		CU_ASSERT_EQUAL(pipe(pipe_fds), 0);
		CU_ASSERT_EQUAL(tp_datagram_adopt(f->io.loop, &options, pipe_fds[0], &adopted),
				TP_EIO);
		CU_ASSERT_PTR_NULL(adopted);
		CU_ASSERT_EQUAL(close(pipe_fds[0]), -1); /* it was closed */
		close(pipe_fds[1]);
		CU_ASSERT_EQUAL(tp_datagram_adopt(f->io.loop, &options, -1, &adopted), TP_EINVAL);
		close_pair(f);
	}
}

static void address_in_use_is_told(void)
{
	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		struct tp_datagram_options options = {
			.socket.bind_addr = f->a.datagram->local_addr,
			.receive = receive,
		};
		struct tp_datagram *other = NULL;

		CU_ASSERT_EQUAL(tp_datagram_open(f->io.loop, &options, &other), TP_EADDRINUSE);
		CU_ASSERT_PTR_NULL(other);
		close_pair(f);
	}
}

/*
 * The whole of 127.0.0.0/8 is this host's: an answer must come from where it
 * was asked.
 */
static void wildcard_socket_answers_from_the_address_asked(void)
{
	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		struct end any = {.count = 0};
		struct tp_socket_options socket = {
			.bind_addr = io_addr("0.0.0.0"),
			.want_local_addr = true,
		};
		uint8_t bytes[4] = {0};
		struct tp_packet packet;

		end_open(f, &any, &socket);
		packet = packet_to(&any, bytes, sizeof(bytes));
		packet.remote_addr = tp_addr_with_port(
			&(struct tp_addr){.family = TP_FAMILY_IPV4, .bytes = {127, 9, 8, 7}},
			any.datagram->local_addr.port);
		CU_ASSERT_EQUAL(tp_datagram_send(f->a.datagram, &packet), 0);
		CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &any.count, 1));
		CU_ASSERT_TRUE(tp_addr_equal(&any.last.local_addr, &packet.remote_addr));

		packet.remote_addr = any.last.remote_addr;
		packet.local_addr = any.last.local_addr;
		CU_ASSERT_EQUAL(tp_datagram_send(any.datagram, &packet), 0);
		CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->a.count, 1));
		CU_ASSERT_TRUE(tp_addr_equal(&f->a.last.remote_addr, &any.last.local_addr));
		tp_datagram_close(&any.datagram);
		close_pair(f);
	}
}

/* RFC 8656 section 14: set per packet, nothing of it stays on the socket. */
static void marks_are_those_of_each_packet(void)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	EACH_BACKEND(backend)
	{
		for (size_t i = 0; i < 2; i++) {
			struct fixture *f = open_pair(*backend, addresses[i]);
			struct end marked = {.count = 0};
			struct tp_socket_options socket = {
				.bind_addr = io_addr(addresses[i]),
				.want_tos_ttl = true,
			};
			uint8_t bytes[4] = {0};
			struct tp_packet packet;

			end_open(f, &marked, &socket);
			packet = packet_to(&marked, bytes, sizeof(bytes));
			packet.ttl = 7;
			packet.tos = 0xb8 | 1;
			CU_ASSERT_EQUAL(tp_datagram_send(f->a.datagram, &packet), 0);
			CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &marked.count, 1));
			CU_ASSERT_EQUAL(marked.last.ttl, 7);
			CU_ASSERT_EQUAL(marked.last.tos, 0xb8 | 1);

			packet.ttl = -1;
			packet.tos = -1;
			CU_ASSERT_EQUAL(tp_datagram_send(f->a.datagram, &packet), 0);
			CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &marked.count, 2));
			CU_ASSERT_EQUAL(marked.last.ttl, 64);
			CU_ASSERT_EQUAL(marked.last.tos, 0);
			tp_datagram_close(&marked.datagram);
			close_pair(f);
		}
	}
}

/*
 * A copy of what arrives for that port, headers and all: loopback cuts nothing.
 * Other programs' packets stay outside, or many of them would push ours out.
 * -1: needs a privilege.
 */
static int open_tap(uint16_t port)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* length of the IP header */
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),  /* destination port */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};
	int tap = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
	uint8_t early[1];

	if (tap == -1) {
		return -1;
	}
	CU_ASSERT_EQUAL(setsockopt(tap, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)), 0);
	while (recv(tap, early, sizeof(early), MSG_DONTWAIT) >= 0) { /* before the filter */
	}
	return tap;
}

/*
 * All that the kernel can say of a datagram at once: what has no room is cut off, and a train
 * would come as one.
 */
static void trains_of_marked_datagrams_are_taken_apart(void)
{
	static const struct {
		const char *sender;
		const char *receiver;
	} pairs[] = {{"127.0.0.1", "0.0.0.0"}, {"::1", "::"}};
	static const int ttls[] = {7, 7, 7, 9, 9, 9};
	const size_t count = sizeof(ttls) / sizeof(ttls[0]);

	EACH_BACKEND(backend)
	{
		for (size_t i = 0; i < 2; i++) {
			struct fixture *f = open_pair(*backend, pairs[i].sender);
			struct end any = {.count = 0};
			struct tp_socket_options socket = {
				.bind_addr = io_addr(pairs[i].receiver),
				.want_local_addr = true,
				.want_tos_ttl = true,
			};
			uint8_t bytes[300] = {0};
			struct tp_packet packet;

			end_open(f, &any, &socket);
			packet = packet_to(&any, bytes, sizeof(bytes));
			packet.remote_addr = tp_addr_with_port(&f->a.datagram->local_addr,
							       any.datagram->local_addr.port);
			packet.tos = 0xb8 | 2;
			for (size_t n = 0; n < count; n++) {
				packet.ttl = ttls[n];
				CU_ASSERT_EQUAL(tp_datagram_send(f->a.datagram, &packet), 0);
			}
			CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &any.count, count));
			io_fixture_settle(&f->io);
			CU_ASSERT_EQUAL(any.count, count);
			CU_ASSERT_EQUAL(any.lengths[0], sizeof(bytes));
			CU_ASSERT_EQUAL(any.last.len, sizeof(bytes));
			CU_ASSERT_EQUAL(any.last.ttl, 9);
			CU_ASSERT_EQUAL(any.last.tos, 0xb8 | 2);
			CU_ASSERT_TRUE(tp_addr_equal(&any.last.local_addr, &packet.remote_addr));
			tp_datagram_close(&any.datagram);
			close_pair(f);
		}
	}
}

#define TAPPED_MAX 16

/*
 * DF of the datagrams with payloads of 0 to TAPPED_MAX - 1 bytes; -1: none. By length, not in
 * order: loopback has a queue on each CPU, and a sender that is moved may overtake itself.
 */
static void read_tap(int tap, int df[TAPPED_MAX])
{
	uint8_t packet[20 + 8 + TAPPED_MAX];
	ssize_t size;

	for (size_t i = 0; i < TAPPED_MAX; i++) {
		df[i] = -1;
	}
	while ((size = recv(tap, packet, sizeof(packet), MSG_DONTWAIT | MSG_TRUNC)) >= 0) {
		if (size >= 28 && size < 28 + TAPPED_MAX) {
			df[size - 28] = (packet[6] & 0x40) != 0;
		}
	}
}

/* RFC 8656 section 14: DF only where a Send indication asked for it. */
static void dont_fragment_is_set_on_packets_that_ask(void)
{
	static const bool wanted[] = {false, true, true, false, true};

	EACH_BACKEND(backend)
	{
		struct fixture *f = open_pair(*backend, "127.0.0.1");
		int tap = open_tap(f->b.datagram->local_addr.port);
		uint8_t bytes[4 + sizeof(wanted)] = {0};
		int df[TAPPED_MAX];

		for (size_t i = 0; i < sizeof(wanted); i++) {
			struct tp_packet packet = packet_to(&f->b, bytes, 4 + i);

			packet.dont_fragment = wanted[i];
			CU_ASSERT_EQUAL(tp_datagram_send(f->a.datagram, &packet), 0);
		}
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->b.count, sizeof(wanted)));
		read_tap(tap, df);
		for (size_t i = 0; i < sizeof(wanted) && tap != -1; i++) {
			CU_ASSERT_EQUAL(df[4 + i], wanted[i]);
		}
		tp_socket_close(&tap);
		close_pair(f);
	}
}

static void backends_have_names(void)
{
	CU_ASSERT_PTR_NOT_NULL(tp_datagram_backend_named("mmsg"));
	CU_ASSERT_PTR_NOT_NULL(tp_datagram_backend_named("plain"));
	CU_ASSERT_PTR_NULL(tp_datagram_backend_named("none"));
}

TEST_SUITE("datagram", TEST(datagram_arrives_with_its_addresses), TEST(sent_bytes_are_copied),
	   TEST(every_length_passes), TEST(trains_keep_sizes_and_order),
	   TEST(what_finds_no_room_is_counted), TEST(forwarded_bytes_are_those_received),
	   TEST(one_busy_socket_leaves_the_others_their_turn),
	   TEST(what_the_kernel_refuses_stops_nothing),
	   TEST(queued_datagrams_leave_before_the_socket_closes),
	   TEST(socket_may_close_inside_its_callback), TEST(released_descriptor_may_be_adopted),
	   TEST(descriptor_that_is_none_is_not_adopted), TEST(address_in_use_is_told),
	   TEST(wildcard_socket_answers_from_the_address_asked),
	   TEST(marks_are_those_of_each_packet), TEST(trains_of_marked_datagrams_are_taken_apart),
	   TEST(dont_fragment_is_set_on_packets_that_ask), TEST(backends_have_names));

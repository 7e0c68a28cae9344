/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram_outbox.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/addr.h"
#include "base/counter.h"
#include "io/loop.h"
#include "support/fake_clock.h"
#include "support/io_fixture.h"
#include "support/suite.h"

struct fixture {
	struct io_fixture io;
	struct tp_datagram_fd sender;
	struct tp_datagram_fd other;
	struct tp_outbox outbox;
};

static void ignore(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	(void)owner;
	(void)datagram;
	(void)packet;
}

static struct fixture *open_fixture(void)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tp_datagram_options options = {.receive = ignore};

	if (f == NULL) {
		abort();
	}
	options.socket.bind_addr = io_addr("127.0.0.1");
	io_fixture_open(&f->io, "plain");
	CU_ASSERT_EQUAL_FATAL(tp_datagram_fd_init(&f->sender, f->io.loop, &options, -1, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(tp_datagram_fd_init(&f->other, f->io.loop, &options, -1, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(tp_outbox_init(&f->outbox), 0);
	return f;
}

static void close_fixture(struct fixture *f)
{
	tp_outbox_fini(&f->outbox);
	tp_socket_close(&f->sender.fd);
	tp_socket_close(&f->other.fd);
	io_fixture_close(&f->io);
	free(f);
}

static uint8_t bytes[65536];

static struct tp_packet packet_of(const char *to, size_t len)
{
	return (struct tp_packet){
		.data = bytes,
		.len = len,
		.remote_addr = io_addr(to),
		.ttl = -1,
		.tos = -1,
	};
}

static void add(struct fixture *f, const char *to, size_t len)
{
	const struct tp_packet packet = packet_of(to, len);

	tp_outbox_add(&f->outbox, &f->sender, &packet, true);
}

static uint16_t segment_size_of(struct msghdr *header)
{
	uint16_t size = 0;

	for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at)) {
		if (at->cmsg_level == SOL_UDP && at->cmsg_type == UDP_SEGMENT) {
			memcpy(&size, CMSG_DATA(at), sizeof(size));
		}
	}
	return size;
}

static void run_to_one_destination_is_one_message(void)
{
	struct fixture *f = open_fixture();

	for (int i = 0; i < 10; i++) {
		add(f, "192.0.2.1:5000", 1200);
	}
	tp_outbox_seal(&f->outbox);
	CU_ASSERT_EQUAL(f->outbox.message_count, 1);
	CU_ASSERT_EQUAL(f->outbox.headers[0].msg_hdr.msg_iovlen, 10);
	CU_ASSERT_EQUAL(segment_size_of(&f->outbox.headers[0].msg_hdr), 1200);
	close_fixture(f);
}

static void one_datagram_is_not_segmented(void)
{
	struct fixture *f = open_fixture();

	add(f, "192.0.2.1:5000", 1200);
	tp_outbox_seal(&f->outbox);
	CU_ASSERT_PTR_NULL(f->outbox.headers[0].msg_hdr.msg_control);
	close_fixture(f);
}

/* The kernel cuts at one size: only the last may be shorter. */
static void shorter_datagram_ends_a_run(void)
{
	struct fixture *f = open_fixture();

	add(f, "192.0.2.1:5000", 1200);
	add(f, "192.0.2.1:5000", 800);
	add(f, "192.0.2.1:5000", 800);
	add(f, "192.0.2.1:5000", 801);
	add(f, "192.0.2.1:5000", 0);
	CU_ASSERT_EQUAL(f->outbox.message_count, 4);
	CU_ASSERT_EQUAL(f->outbox.messages[0].count, 2);
	CU_ASSERT_EQUAL(f->outbox.messages[1].count, 1);
	CU_ASSERT_EQUAL(f->outbox.messages[2].count, 1);
	close_fixture(f);
}

static void what_differs_travels_apart(void)
{
	struct fixture *f = open_fixture();
	struct tp_packet packet = packet_of("192.0.2.1:5000", 100);

	add(f, "192.0.2.1:5000", 100);
	add(f, "192.0.2.1:5001", 100);
	add(f, "192.0.2.2:5001", 100);
	tp_outbox_add(&f->outbox, &f->other, &packet, true);
	packet.tos = 0xb8;
	tp_outbox_add(&f->outbox, &f->other, &packet, true);
	packet.ttl = 7;
	tp_outbox_add(&f->outbox, &f->other, &packet, true);
	CU_ASSERT_EQUAL(f->outbox.message_count, 6);
	close_fixture(f);
}

/* A wildcard socket answers from the address that was asked. */
static void source_addresses_travel_apart(void)
{
	struct fixture *f = open_fixture();
	struct tp_packet packet = packet_of("192.0.2.1:5000", 100);

	f->sender.wildcard = true;
	packet.local_addr = io_addr("127.0.0.1");
	tp_outbox_add(&f->outbox, &f->sender, &packet, true);
	packet.local_addr = io_addr("127.0.0.2");
	tp_outbox_add(&f->outbox, &f->sender, &packet, true);
	CU_ASSERT_EQUAL(f->outbox.message_count, 2);
	close_fixture(f);
}

static void run_has_no_more_than_the_kernel_takes(void)
{
	struct fixture *f = open_fixture();

	for (int i = 0; i < 65; i++) {
		add(f, "192.0.2.1:5000", 100);
	}
	CU_ASSERT_EQUAL(f->outbox.message_count, 2);
	CU_ASSERT_EQUAL(f->outbox.messages[0].count, 64);
	tp_outbox_clear(&f->outbox);
	for (int i = 0; i < 8; i++) {
		add(f, "192.0.2.1:5000", 9000);
	}
	CU_ASSERT_EQUAL(f->outbox.message_count, 2);
	CU_ASSERT_TRUE(f->outbox.messages[0].len <= 65507);
	close_fixture(f);
}

static void ceiling_is_told(void)
{
	struct fixture *f = open_fixture();

	for (size_t i = 0; i < TP_OUTBOX_MESSAGES_MAX; i++) {
		CU_ASSERT_FALSE(tp_outbox_is_full(&f->outbox, 100));
		add(f, i % 2 == 0 ? "192.0.2.1:5000" : "192.0.2.2:5000", 100);
	}
	CU_ASSERT_TRUE(tp_outbox_is_full(&f->outbox, 100));
	tp_outbox_clear(&f->outbox);
	CU_ASSERT_FALSE(tp_outbox_is_full(&f->outbox, 100));
	for (size_t i = 0; i < TP_OUTBOX_DATAGRAMS_MAX; i++) {
		CU_ASSERT_FALSE(tp_outbox_is_full(&f->outbox, 100));
		add(f, "192.0.2.1:5000", 100);
	}
	CU_ASSERT_TRUE(tp_outbox_is_full(&f->outbox, 100));
	close_fixture(f);
}

static void copies_have_a_ceiling_too(void)
{
	struct fixture *f = open_fixture();
	const struct tp_packet packet = packet_of("192.0.2.1:5000", 60000);
	int count = 0;

	while (!tp_outbox_is_full(&f->outbox, packet.len) && count < 100) {
		tp_outbox_add(&f->outbox, &f->sender, &packet, false);
		count++;
	}
	CU_ASSERT_TRUE(count > 0 && count < 100);
	close_fixture(f);
}

/* --- refused -------------------------------------------------------------- */

/* Three datagrams for a socket of our own, as one message. */
static struct fixture *with_a_run_for_ourselves(void)
{
	struct fixture *f = open_fixture();
	struct tp_packet packet = packet_of("127.0.0.1:1", 0);

	packet.remote_addr = f->other.datagram.local_addr;
	for (size_t i = 0; i < 3; i++) {
		packet.len = i < 2 ? 100 : 50;
		packet.data = bytes + i;
		bytes[i] = (uint8_t)(i + 1);
		tp_outbox_add(&f->outbox, &f->sender, &packet, true);
	}
	tp_outbox_seal(&f->outbox);
	return f;
}

static void refused_run_goes_one_by_one(void)
{
	static const int errors[] = {EINVAL, EMSGSIZE, EIO};

	for (size_t e = 0; e < sizeof(errors) / sizeof(errors[0]); e++) {
		struct fixture *f = with_a_run_for_ourselves();
		uint8_t in[200];

		tp_outbox_refused(&f->outbox, 0, errors[e]);
		for (size_t i = 0; i < 3; i++) {
			CU_ASSERT_EQUAL(recv(f->other.fd, in, sizeof(in), MSG_DONTWAIT),
					i < 2 ? 100 : 50);
			CU_ASSERT_EQUAL(in[0], i + 1);
		}
		CU_ASSERT_EQUAL(recv(f->other.fd, in, sizeof(in), MSG_DONTWAIT), -1);
		close_fixture(f);
	}
}

static void size_that_was_refused_is_not_tried_for_a_second(void)
{
	struct fixture *f = with_a_run_for_ourselves();

	tp_outbox_refused(&f->outbox, 0, EINVAL);
	tp_outbox_clear(&f->outbox);
	add(f, "192.0.2.1:5000", 100);
	add(f, "192.0.2.1:5000", 100);
	CU_ASSERT_EQUAL(f->outbox.message_count, 2);
	add(f, "192.0.2.1:5000", 99);
	add(f, "192.0.2.1:5000", 99);
	CU_ASSERT_EQUAL(f->outbox.message_count, 3);
	tp_outbox_clear(&f->outbox);
	io_fixture_advance_ms(&f->io, 1000);
	add(f, "192.0.2.1:5000", 100);
	add(f, "192.0.2.1:5000", 100);
	CU_ASSERT_EQUAL(f->outbox.message_count, 1);
	close_fixture(f);
}

static void full_send_buffer_is_counted_per_datagram(void)
{
	struct tp_counter *failed = tp_counter_named("io.datagrams_send_failed", "");
	struct fixture *f = with_a_run_for_ourselves();
	uint64_t before = tp_counter_read(failed);
	uint8_t in[200];

	tp_outbox_refused(&f->outbox, 0, EAGAIN);
	CU_ASSERT_EQUAL(tp_counter_read(failed), before + 3);
	CU_ASSERT_EQUAL(recv(f->other.fd, in, sizeof(in), MSG_DONTWAIT), -1);
	close_fixture(f);
}

TEST_SUITE("outbox", TEST(run_to_one_destination_is_one_message),
	   TEST(one_datagram_is_not_segmented), TEST(shorter_datagram_ends_a_run),
	   TEST(what_differs_travels_apart), TEST(source_addresses_travel_apart),
	   TEST(run_has_no_more_than_the_kernel_takes), TEST(ceiling_is_told),
	   TEST(copies_have_a_ceiling_too), TEST(refused_run_goes_one_by_one),
	   TEST(size_that_was_refused_is_not_tried_for_a_second),
	   TEST(full_send_buffer_is_counted_per_datagram));

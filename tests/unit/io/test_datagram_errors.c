/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#include "base/addr.h"
#include "base/counter.h"
#include "io/datagram.h"
#include "io/socket.h"
#include "support/io_fixture.h"
#include "support/small_net.h"
#include "support/suite.h"

/* Real sockets: a closed port of this host answers with ICMP. The same cases for each backend. */
static const char *const backends[] = {"plain", "mmsg", "uring"};
static const char *const addresses[] = {"127.0.0.1", "::1"};

#define BURST 50

struct fixture {
	struct io_fixture io;
	struct tp_datagram *sender;
	struct tp_datagram *open;
	struct tp_addr closed; /* nobody is there */
	size_t told;
	struct tp_datagram_error last;
	size_t received;
};

static void on_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct fixture *f = owner;

	(void)packet;
	CU_ASSERT_PTR_EQUAL(datagram, f->open);
	f->received++;
}

static void on_error(void *owner, struct tp_datagram *datagram,
		     const struct tp_datagram_error *error)
{
	struct fixture *f = owner;

	CU_ASSERT_PTR_EQUAL(datagram, f->sender);
	f->last = *error;
	f->told++;
}

static struct tp_datagram_options options_of(struct fixture *f, const char *address, bool asks)
{
	return (struct tp_datagram_options){
		.socket.bind_addr = io_addr(address),
		.owner = f,
		.receive = on_receive,
		.error = asks ? on_error : NULL,
	};
}

static struct tp_addr free_addr(const char *address)
{
	const struct tp_socket_options options = {.bind_addr = io_addr(address)};
	struct tp_addr addr = {.family = TP_FAMILY_NONE};
	int fd = -1;

	CU_ASSERT_EQUAL(tp_socket_open_udp(&options, &fd), 0);
	CU_ASSERT_EQUAL(tp_socket_local_addr(fd, &addr), 0);
	tp_socket_close(&fd);
	return addr;
}

static struct fixture *open_fixture(const char *backend, const char *address, bool asks)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tp_datagram_options options;

	if (f == NULL) {
		abort();
	}
	io_fixture_open(&f->io, backend);
	options = options_of(f, address, false);
	CU_ASSERT_EQUAL_FATAL(tp_datagram_open(f->io.loop, &options, &f->open), 0);
	options = options_of(f, address, asks);
	CU_ASSERT_EQUAL_FATAL(tp_datagram_open(f->io.loop, &options, &f->sender), 0);
	f->closed = free_addr(address);
	return f;
}

static void close_fixture(struct fixture *f)
{
	tp_datagram_close(&f->sender);
	tp_datagram_close(&f->open);
	io_fixture_close(&f->io);
	free(f);
}

static void send_to(struct fixture *f, const struct tp_addr *addr)
{
	uint8_t bytes[] = "payload";
	const struct tp_packet packet = {
		.data = bytes,
		.len = sizeof(bytes),
		.remote_addr = *addr,
		.ttl = -1,
		.tos = -1,
	};

	CU_ASSERT_EQUAL(tp_datagram_send(f->sender, &packet), 0);
}

static bool is_usable(const char *name)
{
	const struct tp_datagram_backend *backend = tp_datagram_backend_named(name);

	return backend != NULL && tp_datagram_backend_usable(backend);
}

static void each_backend(void (*check)(const char *backend, const char *address))
{
	for (size_t i = 0; i < 6; i++) {
		if (is_usable(backends[i / 2])) {
			check(backends[i / 2], addresses[i % 2]);
		}
	}
}

/* --- cases ---------------------------------------------------------------------------- */

static void check_closed_port(const char *backend, const char *address)
{
	struct fixture *f = open_fixture(backend, address, true);
	bool ipv6 = f->closed.family == TP_FAMILY_IPV6;

	send_to(f, &f->closed);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->told, 1));
	CU_ASSERT_TRUE(tp_addr_equal(&f->last.remote_addr, &f->closed));
	CU_ASSERT_EQUAL(f->last.type, ipv6 ? ICMP6_DST_UNREACH : ICMP_DEST_UNREACH);
	CU_ASSERT_EQUAL(f->last.code, ipv6 ? ICMP6_DST_UNREACH_NOPORT : ICMP_PORT_UNREACH);
	CU_ASSERT_EQUAL(f->last.mtu, 0);
	send_to(f, &f->closed);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->told, 2));
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(f->told, 2);
	close_fixture(f);
}

static void a_closed_port_is_told(void)
{
	each_backend(check_closed_port);
}

/* The kernel fails a later call for it: that datagram is not to blame. */
static void check_nothing_lost(const char *backend, const char *address)
{
	struct fixture *f = open_fixture(backend, address, true);

	for (int i = 0; i < BURST; i++) {
		send_to(f, &f->closed);
		send_to(f, &f->open->local_addr);
		if (i % 10 == 9) {
			tp_loop_turn(f->io.loop);
		}
	}
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->received, BURST));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->told, 1));
	send_to(f, &f->open->local_addr);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->received, BURST + 1));
	close_fixture(f);
}

static void others_do_not_lose_by_it(void)
{
	each_backend(check_nothing_lost);
}

static void check_not_asked(const char *backend, const char *address)
{
	struct fixture *f = open_fixture(backend, address, false);

	send_to(f, &f->closed);
	io_fixture_settle(&f->io);
	send_to(f, &f->open->local_addr);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->received, 1));
	CU_ASSERT_EQUAL(f->told, 0);
	close_fixture(f);
}

static void a_socket_that_does_not_ask_is_not_told(void)
{
	each_backend(check_not_asked);
}

static void check_next_owner(const char *backend, const char *address)
{
	struct fixture *f = open_fixture(backend, address, true);
	struct tp_datagram_options options = options_of(f, address, false);
	int fd = tp_datagram_release(&f->sender);

	CU_ASSERT_EQUAL_FATAL(tp_datagram_adopt(f->io.loop, &options, fd, &f->sender), 0);
	send_to(f, &f->closed);
	io_fixture_settle(&f->io);
	send_to(f, &f->open->local_addr);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->received, 1));
	CU_ASSERT_EQUAL(f->told, 0);

	fd = tp_datagram_release(&f->sender);
	options = options_of(f, address, true);
	CU_ASSERT_EQUAL_FATAL(tp_datagram_adopt(f->io.loop, &options, fd, &f->sender), 0);
	send_to(f, &f->closed);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->told, 1));
	close_fixture(f);
}

static void the_next_owner_decides_anew(void)
{
	each_backend(check_next_owner);
}

/* --- too big for the link of this host ------------------------------------------------- */

#define LINK_MTU 1500
#define BIG 2000

static uint8_t big[BIG];

static void send_big(struct fixture *f, size_t len, bool dont_fragment)
{
	const struct tp_packet packet = {
		.data = big,
		.len = len,
		.remote_addr = f->open->local_addr,
		.ttl = -1,
		.tos = -1,
		.dont_fragment = dont_fragment,
	};

	(void)tp_datagram_send(f->sender, &packet); /* told now or later */
}

/* The same for each backend in a network of its own; nothing without the privilege. */
static void each_backend_on_a_small_link(void (*check)(const char *backend, const char *address))
{
	struct small_net net;

	if (small_net_enter(&net, LINK_MTU)) {
		each_backend(check);
		small_net_leave(&net);
	}
}

/* RFC 8656 sections 11.5 and 18.13: as a router would tell it. */
static void check_too_big(const char *backend, const char *address)
{
	struct fixture *f = open_fixture(backend, address, true);
	bool ipv6 = f->closed.family == TP_FAMILY_IPV6;

	send_big(f, BIG, true);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->told, 1));
	CU_ASSERT_TRUE(tp_addr_equal(&f->last.remote_addr, &f->open->local_addr));
	CU_ASSERT_EQUAL(f->last.type, ipv6 ? ICMP6_PACKET_TOO_BIG : ICMP_DEST_UNREACH);
	CU_ASSERT_EQUAL(f->last.code, ipv6 ? 0 : ICMP_FRAG_NEEDED);
	CU_ASSERT_EQUAL(f->last.mtu, LINK_MTU);
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(f->told, 1);
	CU_ASSERT_EQUAL(f->received, 0);
	send_big(f, BIG, true);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->told, 2));
	close_fixture(f);
}

static void too_big_for_this_hosts_link_is_told(void)
{
	each_backend_on_a_small_link(check_too_big);
}

/* Nothing of it stays on the socket. */
static void check_others_pass(const char *backend, const char *address)
{
	struct tp_counter *too_big = tp_counter_named("io.datagrams_too_big", "");
	struct tp_counter *failed = tp_counter_named("io.datagrams_send_failed", "");
	uint64_t too_big_before = tp_counter_read(too_big);
	uint64_t failed_before = tp_counter_read(failed);

	for (int asks = 0; asks < 2; asks++) {
		struct fixture *f = open_fixture(backend, address, asks != 0);

		for (size_t i = 0; i < 10; i++) {
			send_big(f, BIG, true);
			send_big(f, BIG, true);
			send_big(f, 100, true);
			send_big(f, BIG, false);
			send_big(f, 100, false);
		}
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->received, 30));
		io_fixture_settle(&f->io);
		CU_ASSERT_EQUAL(f->received, 30);
		CU_ASSERT_EQUAL(f->told > 0, asks != 0);
		close_fixture(f);
	}
	CU_ASSERT_EQUAL(tp_counter_read(too_big) - too_big_before, 40);
	CU_ASSERT_EQUAL(tp_counter_read(failed) - failed_before, 0);
}

static void what_is_too_big_does_not_harm_others(void)
{
	each_backend_on_a_small_link(check_others_pass);
}

/* Which port it was is not known then (RFC 8656 section 11.5: zero). */
static void check_several_ports(const char *backend, const char *address)
{
	struct fixture *f = open_fixture(backend, address, true);
	struct tp_packet packet = {
		.data = big,
		.len = BIG,
		.remote_addr = f->closed,
		.ttl = -1,
		.tos = -1,
		.dont_fragment = true,
	};

	(void)tp_datagram_send(f->sender, &packet);
	send_big(f, BIG, true);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->told, 1));
	CU_ASSERT_TRUE(tp_addr_equal_ip(&f->last.remote_addr, &f->closed));
	CU_ASSERT_EQUAL(f->last.remote_addr.port,
			f->closed.family == TP_FAMILY_IPV6 ? f->open->local_addr.port : 0);
	io_fixture_settle(&f->io);
	send_big(f, BIG, true);
	f->told = 0;
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->told, 1));
	CU_ASSERT_TRUE(tp_addr_equal(&f->last.remote_addr, &f->open->local_addr));
	close_fixture(f);
}

static void no_port_is_told_that_may_be_another(void)
{
	each_backend_on_a_small_link(check_several_ports);
}

static void check_adopted(const char *backend, const char *address)
{
	struct fixture *f = open_fixture(backend, address, true);
	struct tp_datagram_options options = options_of(f, address, true);
	int fd;

	send_big(f, 100, true);
	fd = tp_datagram_release(&f->sender);
	CU_ASSERT_EQUAL_FATAL(tp_datagram_adopt(f->io.loop, &options, fd, &f->sender), 0);
	send_big(f, BIG, false);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->received, 2));
	CU_ASSERT_EQUAL(f->told, 0);
	close_fixture(f);
}

static void the_next_owner_may_fragment(void)
{
	each_backend_on_a_small_link(check_adopted);
}

TEST_SUITE("datagram_errors", TEST(a_closed_port_is_told), TEST(others_do_not_lose_by_it),
	   TEST(a_socket_that_does_not_ask_is_not_told), TEST(the_next_owner_decides_anew),
	   TEST(too_big_for_this_hosts_link_is_told), TEST(what_is_too_big_does_not_harm_others),
	   TEST(no_port_is_told_that_may_be_another), TEST(the_next_owner_may_fragment));

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "support/io_fixture.h"
#include "support/suite.h"

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	CU_ASSERT_EQUAL(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

static void descriptor_does_not_block_and_is_not_inherited(void)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	for (size_t i = 0; i < 4; i++) {
		struct tp_socket_options options = {.bind_addr = io_addr(addresses[i / 2])};
		struct tp_addr bound;
		int fd = -1;
		int err = i % 2 == 0 ? tp_socket_open_udp(&options, &fd)
				     : tp_socket_open_listener(&options, &fd);

		CU_ASSERT_EQUAL_FATAL(err, 0);
		CU_ASSERT_TRUE((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
		CU_ASSERT_TRUE((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
		CU_ASSERT_EQUAL(tp_socket_local_addr(fd, &bound), 0);
		CU_ASSERT_TRUE(tp_addr_equal_ip(&bound, &options.bind_addr));
		CU_ASSERT_NOT_EQUAL(bound.port, 0);
		tp_socket_close(&fd);
		CU_ASSERT_EQUAL(fd, -1);
		tp_socket_close(&fd); /* -1 is fine */
	}
}

/* Else [::]:3478 would take what 0.0.0.0:3478 is for, with mapped addresses. */
static void ipv6_socket_is_ipv6_only(void)
{
	struct tp_socket_options options = {.bind_addr = io_addr("::")};
	int fd = -1;

	CU_ASSERT_EQUAL_FATAL(tp_socket_open_udp(&options, &fd), 0);
	CU_ASSERT_EQUAL(option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	tp_socket_close(&fd);
}

/* RFC 8656 section 14: DF is for those that ask. */
static void udp_sockets_may_fragment(void)
{
	struct tp_socket_options options = {.bind_addr = io_addr("127.0.0.1")};
	int fd = -1;

	CU_ASSERT_EQUAL_FATAL(tp_socket_open_udp(&options, &fd), 0);
	CU_ASSERT_EQUAL(option_of(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_OMIT);
	tp_socket_close(&fd);
}

static void address_is_shared_only_where_asked(void)
{
	struct tp_socket_options options = {.bind_addr = io_addr("127.0.0.1"), .reuse_port = true};
	int first = -1;
	int second = -1;
	int third = -1;

	CU_ASSERT_EQUAL_FATAL(tp_socket_open_udp(&options, &first), 0);
	CU_ASSERT_EQUAL(tp_socket_local_addr(first, &options.bind_addr), 0);
	CU_ASSERT_EQUAL(tp_socket_open_udp(&options, &second), 0);
	options.reuse_port = false;
	CU_ASSERT_EQUAL(tp_socket_open_udp(&options, &third), TP_EADDRINUSE);
	CU_ASSERT_EQUAL(third, -1);
	tp_socket_close(&first);
	tp_socket_close(&second);
}

static void address_that_is_not_there_may_be_bound_freely(void)
{
	struct tp_socket_options options = {.bind_addr = io_addr("203.0.113.7")};
	int fd = -1;

	CU_ASSERT_EQUAL(tp_socket_open_udp(&options, &fd), TP_EIO);
	options.free_bind = true;
	CU_ASSERT_EQUAL(tp_socket_open_udp(&options, &fd), 0);
	tp_socket_close(&fd);
}

static void buffers_have_the_size_asked_for(void)
{
	struct tp_socket_options options = {
		.bind_addr = io_addr("127.0.0.1"),
		.receive_buffer_bytes = 65536,
		.send_buffer_bytes = 32768,
	};
	int fd = -1;

	CU_ASSERT_EQUAL_FATAL(tp_socket_open_udp(&options, &fd), 0);
	CU_ASSERT_EQUAL(option_of(fd, SOL_SOCKET, SO_RCVBUF), 2 * 65536); /* socket(7) */
	CU_ASSERT_EQUAL(option_of(fd, SOL_SOCKET, SO_SNDBUF), 2 * 32768);
	tp_socket_close(&fd);
}

static void running_out_of_descriptors_is_told(void)
{
	struct tp_socket_options options = {.bind_addr = io_addr("127.0.0.1")};
	struct rlimit limit;
	struct rlimit none;
	int fd = -1;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	CU_ASSERT_EQUAL(tp_socket_open_udp(&options, &fd), TP_EFULL);
	CU_ASSERT_EQUAL(tp_socket_open_listener(&options, &fd), TP_EFULL);
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void address_of_no_family_is_refused(void)
{
	struct tp_socket_options options = {.bind_addr = {.family = TP_FAMILY_NONE}};
	int fd = -1;

	CU_ASSERT_EQUAL(tp_socket_open_udp(&options, &fd), TP_EINVAL);
	CU_ASSERT_EQUAL(fd, -1);
}

#define DATAGRAMS 1000

/* On loopback a datagram is in the buffer, or dropped, when it has been sent. */
static void drops_of_the_kernel_are_told(void)
{
	const struct tp_socket_options options = {
		.bind_addr = io_addr("127.0.0.1"),
		.receive_buffer_bytes = 4096,
	};
	const struct tp_socket_options sender = {.bind_addr = io_addr("127.0.0.1")};
	struct sockaddr_storage sa;
	struct tp_addr bound;
	uint8_t datagram[500] = {0};
	uint32_t received = 0;
	uint32_t drops = 99;
	socklen_t len;
	int from = -1;
	int fd = -1;

	CU_ASSERT_EQUAL_FATAL(tp_socket_open_udp(&options, &fd), 0);
	CU_ASSERT_EQUAL_FATAL(tp_socket_open_udp(&sender, &from), 0);
	CU_ASSERT_EQUAL(tp_socket_drops(fd, &drops), 0);
	CU_ASSERT_EQUAL(drops, 0);
	CU_ASSERT_EQUAL(tp_socket_local_addr(fd, &bound), 0);
	len = tp_addr_to_sockaddr(&bound, &sa);
	for (int i = 0; i < DATAGRAMS; i++) {
		CU_ASSERT_EQUAL(sendto(from, datagram, sizeof(datagram), 0,
				       (const struct sockaddr *)&sa, len),
				(ssize_t)sizeof(datagram));
	}
	while (recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT) >= 0) {
		received++;
	}
	CU_ASSERT_TRUE(received > 0);
	CU_ASSERT_EQUAL(tp_socket_drops(fd, &drops), 0);
	CU_ASSERT_TRUE(drops > 0);
	CU_ASSERT_EQUAL(drops, DATAGRAMS - received);
	tp_socket_close(&from);
	tp_socket_close(&fd);
	CU_ASSERT_EQUAL(tp_socket_drops(fd, &drops), TP_EIO);
}

TEST_SUITE("socket", TEST(descriptor_does_not_block_and_is_not_inherited),
	   TEST(ipv6_socket_is_ipv6_only), TEST(udp_sockets_may_fragment),
	   TEST(address_is_shared_only_where_asked),
	   TEST(address_that_is_not_there_may_be_bound_freely),
	   TEST(buffers_have_the_size_asked_for), TEST(running_out_of_descriptors_is_told),
	   TEST(address_of_no_family_is_refused), TEST(drops_of_the_kernel_are_told));

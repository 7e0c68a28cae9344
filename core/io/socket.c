/* SPDX-License-Identifier: Apache-2.0 */
#include "io/socket.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/addr.h"

#define LISTEN_BACKLOG 1024

static int error_of(int code)
{
	switch (code) {
	case EADDRINUSE:
		return TP_EADDRINUSE;
	case EACCES:
	case EPERM:
		return TP_EPERM;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return TP_EFULL;
	default:
		return TP_EIO;
	}
}

static bool set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/*
 * Without these the socket would work less well, not wrongly: failure is no
 * error.
 */
static void set_buffers(int fd, const struct tp_socket_options *options)
{
	if (options->receive_buffer_bytes > 0 &&
	    !set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, options->receive_buffer_bytes)) {
		set_int(fd, SOL_SOCKET, SO_RCVBUF, options->receive_buffer_bytes);
	}
	if (options->send_buffer_bytes > 0 &&
	    !set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, options->send_buffer_bytes)) {
		set_int(fd, SOL_SOCKET, SO_SNDBUF, options->send_buffer_bytes);
	}
}

static bool set_common(int fd, const struct tp_socket_options *options)
{
	bool ipv6 = options->bind_addr.family == TP_FAMILY_IPV6;

	if (ipv6 && !set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
		return false;
	}
	if (options->reuse_port && !set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
		return false;
	}
	if (options->free_bind && !set_int(fd, IPPROTO_IP, IP_FREEBIND, 1)) {
		return false;
	}
	set_buffers(fd, options);
	return true;
}

static bool set_received_marks(int fd, bool ipv6)
{
	if (ipv6) {
		return set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
		       set_int(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	}
	return set_int(fd, IPPROTO_IP, IP_RECVTOS, 1) && set_int(fd, IPPROTO_IP, IP_RECVTTL, 1);
}

static bool set_udp(int fd, const struct tp_socket_options *options)
{
	bool ipv6 = options->bind_addr.family == TP_FAMILY_IPV6;

	if (tp_socket_set_dont_fragment(fd, ipv6, false) != 0) {
		return false;
	}
	if (options->want_local_addr && !(ipv6 ? set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
					       : set_int(fd, IPPROTO_IP, IP_PKTINFO, 1))) {
		return false;
	}
	return !options->want_tos_ttl || set_received_marks(fd, ipv6);
}

static int open_bound(const struct tp_socket_options *options, int type, int *fd)
{
	int family = options->bind_addr.family == TP_FAMILY_IPV6 ? AF_INET6 : AF_INET;
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&options->bind_addr, &sa);
	int saved;

	if (len == 0) {
		return TP_EINVAL;
	}
	*fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd == -1) {
		return error_of(errno);
	}
	if (set_common(*fd, options) &&
	    (type == SOCK_DGRAM ? set_udp(*fd, options)
				: set_int(*fd, SOL_SOCKET, SO_REUSEADDR, 1)) &&
	    bind(*fd, (const struct sockaddr *)&sa, len) == 0) {
		return 0;
	}
	saved = errno;
	tp_socket_close(fd);
	return error_of(saved);
}

int tp_socket_open_udp(const struct tp_socket_options *options, int *fd)
{
	return open_bound(options, SOCK_DGRAM, fd);
}

int tp_socket_open_listener(const struct tp_socket_options *options, int *fd)
{
	int err = open_bound(options, SOCK_STREAM, fd);

	if (err != 0) {
		return err;
	}
	/* Lent only when it is had: two that want to share could have been bound both. */
	if (listen(*fd, LISTEN_BACKLOG) != 0 ||
	    (options->lends_port && !set_int(*fd, SOL_SOCKET, SO_REUSEPORT, 1))) {
		err = error_of(errno);
		tp_socket_close(fd);
	}
	return err;
}

/*
 * IP_PMTUDISC_DONT will not do for IPv4: the kernel would drop what a router tells of a datagram
 * with DF when one without it has left before the answer comes.
 */
int tp_socket_set_dont_fragment(int fd, bool ipv6, bool wanted)
{
	bool set;

	if (ipv6) {
		set = set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
			      wanted ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_DONT);
	} else {
		set = set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER,
			      wanted ? IP_PMTUDISC_PROBE : IP_PMTUDISC_OMIT);
	}
	return set ? 0 : TP_EIO;
}

int tp_socket_local_addr(int fd, struct tp_addr *out)
{
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0) {
		return TP_EIO;
	}
	tp_addr_from_sockaddr(out, (const struct sockaddr *)&sa);
	return 0;
}

int tp_socket_drops(int fd, uint32_t *out)
{
	uint32_t values[SK_MEMINFO_VARS];
	socklen_t size = sizeof(values);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values, &size) != 0 ||
	    size <= SK_MEMINFO_DROPS * sizeof(values[0])) {
		return TP_EIO;
	}
	*out = values[SK_MEMINFO_DROPS];
	return 0;
}

void tp_socket_close(int *fd)
{
	if (*fd != -1) {
		close(*fd);
		*fd = -1;
	}
}

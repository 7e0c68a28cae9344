/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nat_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "cli/nat_message.h"
#include "cli/nat_socket.h"
#include "io/socket.h"
#include "stun/msg.h"

#define HEADER_SIZE 20
#define MESSAGE_MAX 2048

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool await(int fd, short events, uint64_t end_ms)
{
	struct pollfd ready = {.fd = fd, .events = events};
	uint64_t now = now_ms();

	return now < end_ms && poll(&ready, 1, (int)(end_ms - now)) > 0;
}

/* --- connecting -------------------------------------------------------------------- */

/* A port may be listened on and connected from at once. */
static int bind_shared(const struct tp_addr *addr, int *fd)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(addr, &sa);
	const int on = 1;

	*fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    setsockopt(*fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0 ||
	    bind(*fd, (struct sockaddr *)&sa, len) != 0) {
		tp_socket_close(fd);
		return TP_EIO;
	}
	return 0;
}

static bool is_connected(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
}

/* Kept by @streams; -1 when nobody takes it. */
static int connect_from(struct tp_nat_streams *streams, enum tp_nat_socket from,
			const struct tp_addr *to, uint64_t end_ms)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(to, &sa);
	int fd = -1;

	if (streams->connection_count == TP_NAT_CONNECTIONS_MAX ||
	    bind_shared(&streams->network.local_addrs[from], &fd) != 0) {
		return -1;
	}
	streams->connections[streams->connection_count++] = fd;
	if (connect(fd, (struct sockaddr *)&sa, len) != 0 &&
	    (errno != EINPROGRESS || !await(fd, POLLOUT, end_ms) || !is_connected(fd))) {
		return -1;
	}
	return fd;
}

/* --- one request -------------------------------------------------------------------- */

static bool read_bytes(int fd, uint8_t *bytes, size_t len, uint64_t end_ms)
{
	size_t have = 0;

	while (have < len) {
		ssize_t got = recv(fd, bytes + have, len - have, 0);

		if (got > 0) {
			have += (size_t)got;
		} else if (got == 0 || (errno != EAGAIN && errno != EINTR) ||
			   !await(fd, POLLIN, end_ms)) {
			return false;
		}
	}
	return true;
}

static bool read_message(int fd, uint8_t bytes[MESSAGE_MAX], struct tp_stun_msg *msg,
			 uint64_t end_ms)
{
	const char *reason;
	size_t len;

	if (!read_bytes(fd, bytes, HEADER_SIZE, end_ms)) {
		return false;
	}
	len = (size_t)bytes[2] << 8 | bytes[3];
	return len <= MESSAGE_MAX - HEADER_SIZE &&
	       read_bytes(fd, bytes + HEADER_SIZE, len, end_ms) &&
	       tp_stun_msg_parse(msg, bytes, HEADER_SIZE + len, &reason) == 0;
}

static bool send_request(int fd, const struct tp_nat_request *request)
{
	return send(fd, request->bytes, request->len, MSG_NOSIGNAL) == (ssize_t)request->len;
}

/* There is no CHANGE-REQUEST on a connection; nobody asks for it. */
static void ask(void *owner, enum tp_nat_socket from, const struct tp_addr *to, uint32_t change,
		struct tp_nat_answer *out)
{
	struct tp_nat_streams *streams = owner;
	uint64_t end_ms = now_ms() + streams->timeout_ms;
	struct tp_nat_request request;
	uint8_t bytes[MESSAGE_MAX];
	struct tp_stun_msg msg;
	int fd = connect_from(streams, from, to, end_ms);

	tp_nat_request_make(&request, change);
	if (fd >= 0 && send_request(fd, &request) && read_message(fd, bytes, &msg, end_ms) &&
	    tp_nat_request_is_of(&request, &msg)) {
		(void)tp_nat_answer_take(&msg, to, out);
	}
}

/* Whoever connects to the port is not us before our own request has come. */
static bool returns(void *owner, const struct tp_addr *to, enum tp_nat_socket at)
{
	struct tp_nat_streams *streams = owner;
	uint64_t end_ms = now_ms() + streams->timeout_ms;
	struct tp_nat_request request;
	uint8_t bytes[MESSAGE_MAX];
	struct tp_stun_msg msg;
	bool same;
	int out = connect_from(streams, TP_NAT_HAIRPIN, to, end_ms);
	int in;

	tp_nat_request_make(&request, 0);
	if (out < 0 || !send_request(out, &request) ||
	    !await(streams->listeners[at], POLLIN, end_ms)) {
		return false;
	}
	in = accept4(streams->listeners[at], NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	same = in >= 0 && read_message(in, bytes, &msg, end_ms) &&
	       tp_nat_request_is_of(&request, &msg);
	tp_socket_close(&in);
	return same;
}

/* --- life ------------------------------------------------------------------------------ */

static int take_port(struct tp_nat_streams *streams, const struct tp_addr *addr, size_t at)
{
	int err = bind_shared(addr, &streams->listeners[at]);

	if (err == 0 && listen(streams->listeners[at], 1) != 0) {
		err = TP_EIO;
	}
	return err == 0 ? tp_socket_local_addr(streams->listeners[at],
					       &streams->network.local_addrs[at])
			: err;
}

int tp_nat_streams_open(struct tp_nat_streams *streams, const struct tp_addr *server_addr,
			uint32_t timeout_ms)
{
	struct tp_addr local_addr;
	int err;

	*streams = (struct tp_nat_streams){
		.listeners = {-1, -1, -1},
		.timeout_ms = timeout_ms,
		.network = {.owner = streams, .ask = ask, .returns = returns, .stream = true},
	};
	err = tp_nat_local_addr(server_addr, &local_addr);
	for (size_t i = 0; err == 0 && i < TP_NAT_SOCKETS; i++) {
		err = take_port(streams, &local_addr, i);
	}
	return err;
}

void tp_nat_streams_close(struct tp_nat_streams *streams)
{
	for (size_t i = 0; i < streams->connection_count; i++) {
		tp_socket_close(&streams->connections[i]);
	}
	for (size_t i = 0; i < TP_NAT_SOCKETS; i++) {
		tp_socket_close(&streams->listeners[i]);
	}
}

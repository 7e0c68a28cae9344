/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nat_socket.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "cli/nat_message.h"
#include "io/socket.h"
#include "stun/msg.h"

#define RTO_MS 500 /* RFC 8489 section 6.2.1 */
#define MESSAGE_MAX 2048

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- one request ------------------------------------------------------------------ */

/* What waits for it; returns whether the message is the one. */
typedef bool (*match_fn)(const struct tp_nat_request *request, const struct tp_stun_msg *msg,
			 const struct tp_addr *from, void *arg);

static void request_send(int fd, const struct tp_nat_request *request, const struct tp_addr *to)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(to, &sa);

	/* what is lost here is sent again, or not answered */
	(void)!sendto(fd, request->bytes, request->len, 0, (struct sockaddr *)&sa, len);
}

/* Read what is there: up to the message that matches. */
static bool read_until(int fd, const struct tp_nat_request *request, match_fn match, void *arg)
{
	uint8_t bytes[MESSAGE_MAX];
	struct sockaddr_storage sa;
	socklen_t sa_len = sizeof(sa);
	ssize_t len;

	while ((len = recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&sa,
			       &sa_len)) >= 0) {
		struct tp_stun_msg msg;
		struct tp_addr from;
		const char *reason;

		tp_addr_from_sockaddr(&from, (struct sockaddr *)&sa);
		if (tp_stun_msg_parse(&msg, bytes, (size_t)len, &reason) == 0 &&
		    tp_nat_request_is_of(request, &msg) && match(request, &msg, &from, arg)) {
			return true;
		}
		sa_len = sizeof(sa);
	}
	return false;
}

/* Send, and again while nothing that matches comes in at @at. */
static bool send_until(const struct tp_nat_sockets *sockets, enum tp_nat_socket from,
		       const struct tp_addr *to, enum tp_nat_socket at,
		       const struct tp_nat_request *request, match_fn match, void *arg)
{
	struct pollfd ready = {.fd = sockets->fds[at], .events = POLLIN};
	uint64_t now = now_ms();
	uint64_t end = now + sockets->timeout_ms;
	uint64_t next = now;
	uint64_t wait = RTO_MS;

	for (; now < end; now = now_ms()) {
		uint64_t until;

		if (now >= next) {
			request_send(sockets->fds[from], request, to);
			next = now + wait;
			wait *= 2;
		}
		until = next < end ? next : end;
		if (poll(&ready, 1, (int)(until - now)) > 0 &&
		    read_until(ready.fd, request, match, arg)) {
			return true;
		}
	}
	return false;
}

/* --- the network ------------------------------------------------------------------- */

static bool take_answer(const struct tp_nat_request *request, const struct tp_stun_msg *msg,
			const struct tp_addr *from, void *arg)
{
	(void)request;
	return tp_nat_answer_take(msg, from, arg);
}

static bool take_request(const struct tp_nat_request *request, const struct tp_stun_msg *msg,
			 const struct tp_addr *from, void *arg)
{
	(void)request;
	(void)from;
	(void)arg;
	return msg->message_class == TP_STUN_REQUEST;
}

static void ask(void *owner, enum tp_nat_socket from, const struct tp_addr *to, uint32_t change,
		struct tp_nat_answer *out)
{
	struct tp_nat_request request;

	tp_nat_request_make(&request, change);
	(void)send_until(owner, from, to, from, &request, take_answer, out);
}

static bool returns(void *owner, const struct tp_addr *to, enum tp_nat_socket at)
{
	struct tp_nat_request request;

	tp_nat_request_make(&request, 0);
	return send_until(owner, TP_NAT_HAIRPIN, to, at, &request, take_request, NULL);
}

int tp_nat_local_addr(const struct tp_addr *server_addr, struct tp_addr *out)
{
	const struct tp_socket_options options = {
		.bind_addr.family = server_addr->family,
	};
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(server_addr, &sa);
	int fd = -1;
	int err = tp_socket_open_udp(&options, &fd);

	if (err == 0 && connect(fd, (struct sockaddr *)&sa, len) != 0) {
		err = TP_EIO;
	}
	if (err == 0) {
		err = tp_socket_local_addr(fd, out);
		out->port = 0;
	}
	tp_socket_close(&fd);
	return err;
}

int tp_nat_sockets_open(struct tp_nat_sockets *sockets, const struct tp_addr *server_addr,
			uint32_t timeout_ms)
{
	struct tp_socket_options options = {.bind_addr.family = server_addr->family};
	int err;

	*sockets = (struct tp_nat_sockets){
		.fds = {-1, -1, -1},
		.timeout_ms = timeout_ms,
		.network = {.owner = sockets, .ask = ask, .returns = returns},
	};
	err = tp_nat_local_addr(server_addr, &options.bind_addr);
	for (size_t i = 0; err == 0 && i < TP_NAT_SOCKETS; i++) {
		err = tp_socket_open_udp(&options, &sockets->fds[i]);
		if (err == 0) {
			err = tp_socket_local_addr(sockets->fds[i],
						   &sockets->network.local_addrs[i]);
		}
	}
	return err;
}

void tp_nat_sockets_close(struct tp_nat_sockets *sockets)
{
	for (size_t i = 0; i < TP_NAT_SOCKETS; i++) {
		tp_socket_close(&sockets->fds[i]);
	}
}

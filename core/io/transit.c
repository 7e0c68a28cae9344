/* SPDX-License-Identifier: Apache-2.0 */
#include "io/transit.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/counter.h"
#include "base/log.h"
#include "io/loop.h"
#include "io/proxy_header.h"
#include "io/socket.h"

#define READ_MAX 65536 /* a side's share of the turn, and the most that waits for it */

struct side {
	struct tp_transit *transit;
	struct side *other;
	int fd;
	bool ended; /* it has said that no more comes */
	struct event readable;
	struct event writable;
	uint8_t *waiting; /* bytes of the other side's; NULL: none */
	size_t waiting_at;
	size_t waiting_len;
};

struct tp_transit {
	struct tp_list link;
	struct tp_transits *transits;
	struct side client;
	struct side server;
	bool connected;
	struct tp_five_tuple five_tuple;
	struct tp_timer timer;
	uint64_t heard_ms;
};

/* --- end ------------------------------------------------------------------ */

static void side_close(struct side *side)
{
	event_del(&side->readable);
	event_del(&side->writable);
	tp_socket_close(&side->fd);
	free(side->waiting);
}

static void end(struct tp_transit *transit)
{
	tp_loop_cancel(transit->transits->loop, &transit->timer);
	side_close(&transit->client);
	side_close(&transit->server);
	tp_list_remove(&transit->link);
	transit->transits->count--;
	free(transit);
}

static void tell_failure(const struct tp_transits *transits, const char *problem)
{
	const struct tp_back_end *back_end = transits->back_end;
	char text[TP_ADDR_STRING];

	tp_counter_add(transits->failed, 1);
	TP_LOG(TP_LOG_WARN, "io", "back end cannot be reached address=%s problem=\"%s\"",
	       back_end->path != NULL ? back_end->path : tp_addr_format(&back_end->addr, text),
	       problem);
}

static void fail(struct tp_transit *transit, const char *problem)
{
	tell_failure(transit->transits, problem);
	end(transit);
}

/* --- time ----------------------------------------------------------------- */

static void arm_after(struct tp_transit *transit, uint64_t from_ms, uint32_t wait_ms)
{
	if (wait_ms != 0) {
		tp_loop_arm(transit->transits->loop, &transit->timer, from_ms + wait_ms);
	}
}

/* It is not moved with each read: it looks again when it fires. */
static void on_timer(struct tp_timer *timer)
{
	struct tp_transit *transit = tp_container_of(timer, struct tp_transit, timer);
	const struct tp_transits *transits = transit->transits;

	if (!transit->connected) {
		fail(transit, "no answer in time");
	} else if (tp_loop_now_ms(transits->loop) >=
		   transit->heard_ms + transits->idle_timeout_ms) {
		end(transit);
	} else {
		arm_after(transit, transit->heard_ms, transits->idle_timeout_ms);
	}
}

/* --- from one side to the other ------------------------------------------- */

static bool is_again(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/* Returns the bytes taken, perhaps none; TP_EIO when the side is gone. */
static long give(const struct side *side, const uint8_t *bytes, size_t len)
{
	ssize_t taken = send(side->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (taken >= 0) {
		return taken;
	}
	return is_again() ? 0 : TP_EIO;
}

/* Read no more of the other side's until this has left. */
static int hold_back(struct side *side, const uint8_t *bytes, size_t len)
{
	side->waiting = malloc(len);
	if (side->waiting == NULL) {
		return TP_ENOMEM;
	}
	memcpy(side->waiting, bytes, len);
	side->waiting_at = 0;
	side->waiting_len = len;
	event_del(&side->other->readable);
	return event_add(&side->writable, NULL) == 0 ? 0 : TP_ENOMEM;
}

static bool is_over(const struct tp_transit *transit)
{
	return transit->client.ended && transit->server.ended && transit->client.waiting == NULL &&
	       transit->server.waiting == NULL;
}

/* All that the other side has said has left. */
static int pass_end_on(struct side *side)
{
	return shutdown(side->fd, SHUT_WR) == 0 ? 0 : TP_EIO;
}

/* Errors: TP_ENOMEM, TP_EIO. */
static int take(struct side *from)
{
	uint8_t bytes[READ_MAX];
	ssize_t len = recv(from->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	struct side *to = from->other;
	long given;

	if (len < 0) {
		return is_again() ? 0 : TP_EIO;
	}
	if (len == 0) {
		from->ended = true;
		event_del(&from->readable);
		return pass_end_on(to);
	}
	from->transit->heard_ms = tp_loop_now_ms(from->transit->transits->loop);
	given = give(to, bytes, (size_t)len);
	if (given < 0) {
		return (int)given;
	}
	return given == len ? 0 : hold_back(to, bytes + given, (size_t)(len - given));
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct side *side = arg;
	struct tp_transit *transit = side->transit;

	(void)fd;
	(void)what;
	if (take(side) != 0 || is_over(transit)) {
		end(transit);
	}
}

/* Errors: TP_ENOMEM, TP_EIO. */
static int give_waiting(struct side *side)
{
	long given =
		give(side, side->waiting + side->waiting_at, side->waiting_len - side->waiting_at);

	if (given < 0) {
		return (int)given;
	}
	side->waiting_at += (size_t)given;
	if (side->waiting_at < side->waiting_len) {
		return event_add(&side->writable, NULL) == 0 ? 0 : TP_ENOMEM;
	}
	free(side->waiting);
	side->waiting = NULL;
	if (side->other->ended) {
		return pass_end_on(side);
	}
	return event_add(&side->other->readable, NULL) == 0 ? 0 : TP_ENOMEM;
}

/* --- connecting ----------------------------------------------------------- */

/* It fits: nothing was written before. */
static int give_header(struct tp_transit *transit)
{
	uint8_t header[TP_PROXY_HEADER_WRITTEN_MAX];
	size_t len;

	if (!transit->transits->back_end->proxy_header) {
		return 0;
	}
	len = tp_proxy_header_write(header, &transit->five_tuple.client_addr,
				    &transit->five_tuple.server_addr);
	return give(&transit->server, header, len) == (long)len ? 0 : TP_EIO;
}

static void on_connected(struct tp_transit *transit)
{
	socklen_t size = sizeof(int);
	int code = 0;

	if (getsockopt(transit->server.fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) {
		code = errno;
	}
	if (code == 0 && give_header(transit) != 0) {
		code = EIO;
	}
	if (code == 0 && (event_add(&transit->client.readable, NULL) != 0 ||
			  event_add(&transit->server.readable, NULL) != 0)) {
		code = ENOMEM;
	}
	if (code != 0) {
		fail(transit, strerrordesc_np(code));
		return;
	}
	transit->connected = true;
	transit->heard_ms = tp_loop_now_ms(transit->transits->loop);
	tp_loop_cancel(transit->transits->loop, &transit->timer);
	arm_after(transit, transit->heard_ms, transit->transits->idle_timeout_ms);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct side *side = arg;
	struct tp_transit *transit = side->transit;

	(void)fd;
	(void)what;
	if (!transit->connected) {
		on_connected(transit);
	} else if (give_waiting(side) != 0 || is_over(transit)) {
		end(transit);
	}
}

static socklen_t address_of(const struct tp_back_end *back_end, struct sockaddr_storage *out)
{
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	size_t len;

	if (back_end->path == NULL) {
		return tp_addr_to_sockaddr(&back_end->addr, out);
	}
	len = strnlen(back_end->path, sizeof(local.sun_path) - 1);
	memcpy(local.sun_path, back_end->path, len);
	memcpy(out, &local, sizeof(local));
	return sizeof(local);
}

/* Errors: TP_EFULL; TP_EIO, with errno. */
static int connect_to(const struct tp_back_end *back_end, int *out)
{
	struct sockaddr_storage sa;
	socklen_t len = address_of(back_end, &sa);
	int on = 1;

	*out = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*out == -1) {
		return errno == EMFILE || errno == ENFILE ? TP_EFULL : TP_EIO;
	}
	if (back_end->path == NULL) {
		(void)setsockopt(*out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	if (connect(*out, (const struct sockaddr *)&sa, len) == 0 || errno == EINPROGRESS) {
		return 0;
	}
	return TP_EIO;
}

/* --- life ----------------------------------------------------------------- */

static int side_init(struct side *side, struct tp_transit *transit, struct side *other, int fd)
{
	struct event_base *base = tp_loop_event_base(transit->transits->loop);

	side->transit = transit;
	side->other = other;
	side->fd = fd;
	return event_assign(&side->readable, base, fd, EV_READ | EV_PERSIST, on_readable, side) ==
				       0 &&
			       event_assign(&side->writable, base, fd, EV_WRITE, on_writable,
					    side) == 0
		       ? 0
		       : TP_EIO;
}

static int begin(struct tp_transits *transits, int client_fd, int server_fd,
		 const struct tp_five_tuple *five_tuple)
{
	struct tp_transit *transit = calloc(1, sizeof(*transit));
	int err;

	if (transit == NULL) {
		return TP_ENOMEM;
	}
	transit->transits = transits;
	transit->five_tuple = *five_tuple;
	tp_timer_init(&transit->timer, on_timer);
	err = side_init(&transit->client, transit, &transit->server, client_fd);
	if (err == 0) {
		err = side_init(&transit->server, transit, &transit->client, server_fd);
	}
	if (err == 0 && event_add(&transit->server.writable, NULL) != 0) {
		err = TP_ENOMEM;
	}
	if (err != 0) {
		free(transit);
		return err;
	}
	tp_list_append(&transits->all, &transit->link);
	transits->count++;
	arm_after(transit, tp_loop_now_ms(transits->loop), transits->connect_timeout_ms);
	return 0;
}

int tp_transits_add(struct tp_transits *transits, int fd, const struct tp_five_tuple *five_tuple)
{
	int server_fd;
	int err;

	tp_counter_add(transits->passed_on, 1);
	err = connect_to(transits->back_end, &server_fd);
	if (err != 0) {
		tell_failure(transits, strerrordesc_np(errno));
	} else {
		err = begin(transits, fd, server_fd, five_tuple);
	}
	if (err != 0) {
		tp_socket_close(&server_fd);
		tp_socket_close(&fd);
	}
	return err;
}

void tp_transits_init(struct tp_transits *transits, struct tp_loop *loop,
		      const struct tp_back_end *back_end, uint32_t connect_timeout_ms,
		      uint32_t idle_timeout_ms)
{
	*transits = (struct tp_transits){
		.loop = loop,
		.back_end = back_end,
		.connect_timeout_ms = connect_timeout_ms,
		.idle_timeout_ms = idle_timeout_ms,
	};
	tp_list_init(&transits->all);
	if (back_end != NULL) {
		transits->passed_on = tp_counter_named("io.connections_passed_on",
						       "connections passed on to a back end");
		transits->failed = tp_counter_named("io.back_end_failures",
						    "connections whose back end was not reached");
	}
}

void tp_transits_fini(struct tp_transits *transits)
{
	while (!tp_list_empty(&transits->all)) {
		end(tp_container_of(transits->all.next, struct tp_transit, link));
	}
}

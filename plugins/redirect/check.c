/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "binding.h"

#define DATAGRAM_MAX 1500

enum stage { CONNECTING, SENDING, RECEIVING };

struct check {
	struct check_settings settings;
	check_fn done;
	void *arg;
	struct binding binding;
	struct tp_worker_timer *timer;
	struct event *ready;

	int fd; /* UDP; else -1 */
	struct tcp_stream *stream;
	enum stage stage;
	size_t sent;
	uint8_t received[BINDING_REQUEST_SIZE];
	size_t received_len;
};

void check_cancel(struct check **where)
{
	struct check *check = *where;

	if (check != NULL) {
		tp_worker_timer_cancel(&check->timer);
		if (check->ready != NULL) {
			event_free(check->ready);
		}
		if (check->fd >= 0) {
			close(check->fd);
		}
		tcp_stream_close(&check->stream);
		free(check);
	}
	*where = NULL;
}

static void end(struct check *check, const char *problem)
{
	check_fn done = check->done;
	void *arg = check->arg;

	check_cancel(&check);
	done(arg, problem);
}

static void late(struct tp_instance *self, void *arg)
{
	struct check *check = arg;

	check->timer = NULL;
	end(check, "no answer in time");
}

/* Instead of what was watched for before. */
static bool watch(struct check *check, int fd, short what, event_callback_fn ready)
{
	if (check->ready != NULL) {
		event_free(check->ready);
	}
	check->ready =
		event_new(tp_worker_event_base(check->settings.worker), fd, what, ready, check);
	return check->ready != NULL && event_add(check->ready, NULL) == 0;
}

/* --- UDP ------------------------------------------------------------------------------- */

static socklen_t make_sockaddr(const struct tp_addr *addr, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (tp_addr_family(addr) == TP_FAMILY_IPV4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(addr->port);
		memcpy(&v4->sin_addr, addr->bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(addr->port);
	v6->sin6_scope_id = addr->scope_id;
	memcpy(&v6->sin6_addr, addr->bytes, 16);
	return sizeof(*v6);
}

/* Whatever else comes is read away: it was not sent to us, or too late. */
static void datagram_ready(evutil_socket_t fd, short what, void *arg)
{
	struct check *check = arg;
	uint8_t bytes[DATAGRAM_MAX];
	ssize_t len = recv(fd, bytes, sizeof(bytes), 0);

	if (len < 0 && errno != EAGAIN && errno != EINTR) {
		end(check, strerror(errno)); /* ICMP has told */
	} else if (len > 0 &&
		   binding_match(&check->binding, bytes, (size_t)len) == BINDING_ANSWER) {
		end(check, NULL);
	}
}

static bool start_datagram(struct check *check, char problem[TCP_STREAM_PROBLEM_SIZE])
{
	struct sockaddr_storage to;
	socklen_t len = make_sockaddr(&check->settings.addr, &to);

	check->fd = socket(to.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (check->fd < 0 || connect(check->fd, (struct sockaddr *)&to, len) != 0 ||
	    send(check->fd, check->binding.request, BINDING_REQUEST_SIZE, 0) < 0) {
		snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "%s", strerror(errno));
		return false;
	}
	return watch(check, check->fd, EV_READ | EV_PERSIST, datagram_ready);
}

/* --- TCP and TLS ----------------------------------------------------------------------- */

static ssize_t send_some(struct check *check)
{
	ssize_t sent = tcp_stream_send(check->stream, check->binding.request + check->sent,
				       BINDING_REQUEST_SIZE - check->sent);

	check->sent += sent > 0 ? (size_t)sent : 0;
	check->stage = check->sent == BINDING_REQUEST_SIZE ? RECEIVING : SENDING;
	return sent;
}

static ssize_t receive_some(struct check *check)
{
	ssize_t len = tcp_stream_receive(check->stream, check->received + check->received_len,
					 BINDING_REQUEST_SIZE - check->received_len);

	check->received_len += len > 0 ? (size_t)len : 0;
	return len;
}

/* One step; > 0 when it went on. */
static ssize_t step(struct check *check, char problem[TCP_STREAM_PROBLEM_SIZE])
{
	ssize_t done;

	switch (check->stage) {
	case CONNECTING:
		done = tcp_stream_connect(check->stream, problem);
		check->stage = done > 0 ? SENDING : CONNECTING;
		return done;
	case SENDING:
		return send_some(check);
	default:
		return receive_some(check);
	}
}

static void stream_ready(evutil_socket_t fd, short what, void *arg)
{
	struct check *check = arg;
	char problem[TCP_STREAM_PROBLEM_SIZE] = "connection closed";
	enum binding_match match = BINDING_MORE;
	ssize_t done = 1;

	while (done > 0 && match == BINDING_MORE) {
		done = step(check, problem);
		match = binding_match(&check->binding, check->received, check->received_len);
	}
	if (match != BINDING_MORE) {
		end(check, match == BINDING_ANSWER ? NULL : "the answer is no STUN response");
	} else if (done != TCP_STREAM_AGAIN) {
		end(check, problem);
	} else if (!watch(check, fd, tcp_stream_wants_write(check->stream) ? EV_WRITE : EV_READ,
			  stream_ready)) {
		end(check, "out of memory");
	}
}

static bool start_stream(struct check *check, char problem[TCP_STREAM_PROBLEM_SIZE])
{
	const struct check_settings *settings = &check->settings;
	struct tp_addr addr = settings->addr;
	char text[TP_ADDR_STRING];

	addr.port = 0;
	check->stream = tcp_stream_open(
		tp_addr_format(&addr, text), settings->addr.port, settings->host,
		settings->transport == TP_TRANSPORT_TLS ? settings->tls : NULL, problem);
	return check->stream != NULL &&
	       watch(check, tcp_stream_fd(check->stream), EV_WRITE, stream_ready);
}

/* --- for others ------------------------------------------------------------------------ */

struct check *check_start(const struct check_settings *settings, check_fn done, void *arg,
			  char problem[TCP_STREAM_PROBLEM_SIZE])
{
	struct check *check = calloc(1, sizeof(*check));
	bool started;

	snprintf(problem, TCP_STREAM_PROBLEM_SIZE, "out of memory");
	if (check == NULL) {
		return NULL;
	}
	check->settings = *settings;
	check->done = done;
	check->arg = arg;
	check->fd = -1;
	started = binding_init(&check->binding) &&
		  (settings->transport == TP_TRANSPORT_UDP ? start_datagram(check, problem)
							   : start_stream(check, problem));
	if (started) {
		check->timer = tp_worker_timer_start(settings->self, settings->worker,
						     settings->timeout_ms, late, check);
	}
	if (check->timer == NULL) {
		check_cancel(&check);
	}
	return check;
}

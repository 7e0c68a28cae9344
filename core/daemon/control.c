/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/list.h"
#include "base/wheel.h"
#include "daemon/control_socket.h"
#include "daemon/daemon.h"
#include "daemon/say.h"
#include "host/problem.h"
#include "io/loop.h"
#include "io/watch.h"

/* For the client to read the answer and close. */
#define LINGER_MS 1000

struct tp_control {
	struct tp_daemon *daemon;
	struct tp_control_socket socket;
	struct tp_watch *watch;
	struct tp_list calls;
	size_t call_count;
};

/*
 * One connection: its line is read, a verb works on it, its answer is written,
 * and of a line that was too long the rest is thrown away. While the verb works nothing is watched
 * and no time is measured.
 */
struct tp_control_call {
	struct tp_control *control;
	struct tp_list link;
	int fd;
	struct tp_watch *watch; /* NULL while a verb works */
	struct tp_timer timer;
	char line[TP_CONTROL_REQUEST_MAX + 1];
	size_t len;
	bool overlong; /* more of it may come */
	char *answer;
	size_t answer_len;
	size_t written;
};

static void end_call(struct tp_control_call *call)
{
	struct tp_control *control = call->control;

	tp_loop_cancel(control->daemon->main.loop, &call->timer);
	tp_watch_free(&call->watch);
	close(call->fd);
	tp_list_remove(&call->link);
	control->call_count--;
	free(call->answer);
	free(call);
}

static void arm(struct tp_control_call *call, uint64_t wait_ms)
{
	struct tp_loop *loop = call->control->daemon->main.loop;

	tp_loop_arm(loop, &call->timer, tp_loop_now_ms(loop) + wait_ms);
}

/* --- the answer ------------------------------------------------------------------- */

static void take_too_long(struct tp_timer *timer)
{
	end_call(tp_container_of(timer, struct tp_control_call, timer));
}

/* Closing with bytes unread would take the answer away from the client. */
static void throw_away_rest(int fd)
{
	char rest[TP_CONTROL_REQUEST_MAX];

	(void)recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
}

static void on_rest(void *owner)
{
	struct tp_control_call *call = owner;
	ssize_t got = recv(call->fd, call->line, sizeof(call->line), 0);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		end_call(call);
	}
}

static void linger(struct tp_control_call *call)
{
	struct tp_loop *loop = call->control->daemon->main.loop;

	tp_watch_free(&call->watch);
	if (shutdown(call->fd, SHUT_WR) != 0 ||
	    tp_watch_create(loop, call->fd, TP_WATCH_READABLE, on_rest, call, &call->watch) != 0) {
		end_call(call);
		return;
	}
	arm(call, LINGER_MS);
}

static void finish(struct tp_control_call *call)
{
	if (call->overlong) {
		linger(call);
		return;
	}
	throw_away_rest(call->fd);
	end_call(call);
}

static void on_writable(void *owner)
{
	struct tp_control_call *call = owner;
	ssize_t sent = send(call->fd, call->answer + call->written,
			    call->answer_len - call->written, MSG_NOSIGNAL);

	if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (sent < 0) {
		end_call(call);
		return;
	}
	call->written += (size_t)sent;
	if (call->written == call->answer_len) {
		finish(call);
		return;
	}
	arm(call, TP_CONTROL_ANSWER_MS);
}

/* @text: taken over, ends with a line feed; NULL: out of memory */
static void write_answer(struct tp_control_call *call, char *text)
{
	struct tp_loop *loop = call->control->daemon->main.loop;

	tp_watch_free(&call->watch);
	tp_loop_cancel(loop, &call->timer);
	call->answer = text;
	if (text == NULL || tp_watch_create(loop, call->fd, TP_WATCH_WRITABLE, on_writable, call,
					    &call->watch) != 0) {
		end_call(call);
		return;
	}
	call->answer_len = strlen(text);
	tp_timer_init(&call->timer, take_too_long);
	arm(call, TP_CONTROL_ANSWER_MS);
}

/* With a line feed; NULL: out of memory. */
static char *text_of(json_t *answer)
{
	size_t size = answer == NULL ? 0 : json_dumpb(answer, NULL, 0, JSON_COMPACT);
	char *text = size == 0 ? NULL : malloc(size + 2);

	if (text == NULL || json_dumpb(answer, text, size, JSON_COMPACT) != size) {
		free(text);
		return NULL;
	}
	memcpy(text + size, "\n", 2);
	return text;
}

void tp_control_answer(struct tp_control_call *call, json_t *answer)
{
	char *text = text_of(answer);

	json_decref(answer);
	write_answer(call, text != NULL ? text : strdup("{\"error\":\"out of memory\"}\n"));
}

void tp_control_fail(struct tp_control_call *call, const char *format, ...)
{
	char sentence[TP_PROBLEM_SIZE];
	json_t *answer = json_object();
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	if (json_object_set_new(answer, "error", tp_control_text(sentence)) != 0) {
		json_decref(answer);
		answer = NULL;
	}
	tp_control_answer(call, answer);
}

/* --- the request ------------------------------------------------------------------ */

struct tp_daemon *tp_control_daemon(const struct tp_control_call *call)
{
	return call->control->daemon;
}

static void run(struct tp_control_call *call)
{
	char *words[TP_CONTROL_WORDS_MAX];
	const struct tp_control_verb *verb;
	size_t count;
	size_t own;
	int err = tp_control_split(call->line, words, &count);

	if (err == TP_ERANGE) {
		tp_control_fail(call, "more than %d words", TP_CONTROL_WORDS_MAX);
		return;
	}
	if (err != 0 || count == 0) {
		tp_control_fail(call, err != 0 ? "quotes that do not close, or control bytes"
					       : "no request; try help");
		return;
	}
	verb = tp_control_find(words, count, &own);
	if (verb == NULL) {
		tp_control_fail(call, "unknown request \"%.64s\"; try help", words[0]);
		return;
	}
	verb->run(call, count - own, words + own);
}

static void no_request(struct tp_timer *timer)
{
	struct tp_control_call *call = tp_container_of(timer, struct tp_control_call, timer);

	tp_control_fail(call, "no request within %d ms", TP_CONTROL_REQUEST_MS);
}

/* @end: where the line feed is */
static void take_line(struct tp_control_call *call, char *end)
{
	struct tp_loop *loop = call->control->daemon->main.loop;

	if (memchr(call->line, '\0', (size_t)(end - call->line)) != NULL) {
		tp_control_fail(call, "quotes that do not close, or control bytes");
		return;
	}
	*end = '\0';
	if (end > call->line && end[-1] == '\r') {
		end[-1] = '\0';
	}
	tp_loop_cancel(loop, &call->timer);
	tp_watch_free(&call->watch);
	run(call);
}

static void on_readable(void *owner)
{
	struct tp_control_call *call = owner;
	ssize_t got = recv(call->fd, call->line + call->len, sizeof(call->line) - call->len, 0);
	char *end;

	if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
		return;
	}
	if (got <= 0) {
		end_call(call);
		return;
	}
	end = memchr(call->line + call->len, '\n', (size_t)got);
	call->len += (size_t)got;
	if (end != NULL) {
		take_line(call, end);
	} else if (call->len == sizeof(call->line)) {
		call->overlong = true;
		tp_control_fail(call, "the request is longer than %d bytes",
				TP_CONTROL_REQUEST_MAX);
	}
}

/* --- connections ------------------------------------------------------------------ */

/* As much of a sentence as goes out at once. */
static void turn_away(int fd, const char *answer)
{
	ssize_t sent = send(fd, answer, strlen(answer), MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)sent;
	throw_away_rest(fd);
	close(fd);
}

static void take_call(struct tp_control *control, int fd)
{
	struct tp_control_call *call = calloc(1, sizeof(*call));

	if (call == NULL) {
		turn_away(fd, "{\"error\":\"out of memory\"}\n");
		return;
	}
	call->control = control;
	call->fd = fd;
	tp_timer_init(&call->timer, no_request);
	tp_list_init(&call->link);
	tp_list_append(&control->calls, &call->link);
	control->call_count++;
	if (tp_watch_create(control->daemon->main.loop, fd, TP_WATCH_READABLE, on_readable, call,
			    &call->watch) != 0) {
		end_call(call);
		return;
	}
	arm(call, TP_CONTROL_REQUEST_MS);
}

static void on_acceptable(void *owner)
{
	struct tp_control *control = owner;
	int fd = accept4(control->socket.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1) {
		return;
	}
	if (!tp_control_socket_admits(&control->socket, fd)) {
		tp_say(TP_LOG_WARN, "a user who may not has tried the control socket");
		turn_away(fd, "{\"error\":\"not permitted\"}\n");
	} else if (control->call_count == TP_CONTROL_CONNECTIONS_MAX) {
		turn_away(fd, "{\"error\":\"too many requests at a time\"}\n");
	} else {
		take_call(control, fd);
	}
}

int tp_control_open(struct tp_daemon *daemon, const char *path, char problem[TP_PROBLEM_SIZE],
		    struct tp_control **out)
{
	struct tp_control *control = calloc(1, sizeof(*control));
	int err;

	if (control == NULL) {
		return tp_problem(problem, TP_ENOMEM, "out of memory");
	}
	control->daemon = daemon;
	control->socket.fd = -1;
	tp_list_init(&control->calls);
	err = tp_control_socket_open(&control->socket, path, &daemon->identity, problem);
	if (err == 0) {
		err = tp_watch_create(daemon->main.loop, control->socket.fd, TP_WATCH_READABLE,
				      on_acceptable, control, &control->watch);
		if (err != 0) {
			tp_problem(problem, err, "%s: %s", path, tp_error_string(err));
		}
	}
	if (err != 0) {
		tp_control_close(&control);
		return err;
	}
	*out = control;
	return 0;
}

void tp_control_close(struct tp_control **where)
{
	struct tp_control *control = *where;

	if (control == NULL) {
		return;
	}
	while (!tp_list_empty(&control->calls)) {
		end_call(tp_container_of(control->calls.next, struct tp_control_call, link));
	}
	tp_watch_free(&control->watch);
	tp_control_socket_close(&control->socket);
	free(control);
	*where = NULL;
}

/* --- text ------------------------------------------------------------------------- */

json_t *tp_control_text(const char *text)
{
	json_t *whole = json_string(text);
	char *copy;
	size_t len = 0;

	if (whole != NULL) {
		return whole;
	}
	copy = malloc(3 * strlen(text) + 1);
	for (; copy != NULL && *text != '\0'; text++) {
		if ((unsigned char)*text < 0x80) {
			copy[len++] = *text;
		} else {
			memcpy(copy + len, "\xef\xbf\xbd", 3);
			len += 3;
		}
	}
	whole = copy == NULL ? NULL : json_stringn(copy, len);
	free(copy);
	return whole;
}

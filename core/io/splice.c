/* SPDX-License-Identifier: Apache-2.0 */
#include "io/splice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include <turnpike/error.h>

#include "io/loop.h"
#include "io/pipes.h"
#include "io/splice_side.h"

#define PIECES_PER_TURN 4 /* before others have their turn */
#define BUFFER_SIZE 16384 /* the most a TLS record holds */

/* One direction. */
struct lane {
	struct tp_splice *splice;
	enum tp_splice_way way;
	struct tp_splice_side *from;
	struct tp_splice_side *to;
	struct tp_stream_rest buffer; /* has been read, must leave first */
	int pipe[2];
	size_t piped;
	bool in_kernel; /* by way of the pipe */
	bool ended;     /* the last byte has been read */
	bool shut;      /* and the other side told */
	struct event readable;
	struct event writable;
	bool wants_read; /* the event is added */
	bool wants_write;
	struct tp_timer pause; /* until more is allowed */
};

struct tp_splice {
	struct tp_loop *loop;
	struct tp_pipes *pipes;
	struct tp_splice_handler handler;
	struct tp_splice_side sides[2];
	struct lane lanes[2]; /* by way */
	struct tp_turn_hook resume;
	struct tp_timer linger;
	uint64_t moved_ms;
	bool failed; /* one side is to see that the other has */
	bool over;
};

/* --- readiness -------------------------------------------------------------- */

/* Never both: what has been read must leave before there is more. */
static void want(struct lane *lane, bool read, bool write)
{
	int err = 0;

	if (read != lane->wants_read) {
		err |= read ? event_add(&lane->readable, NULL) : event_del(&lane->readable);
		lane->wants_read = read;
	}
	if (write != lane->wants_write) {
		err |= write ? event_add(&lane->writable, NULL) : event_del(&lane->writable);
		lane->wants_write = write;
	}
	if (err != 0) {
		lane->splice->failed = true;
	}
}

static void moved(struct lane *lane, size_t len)
{
	struct tp_splice *splice = lane->splice;

	splice->moved_ms = tp_loop_now_ms(splice->loop);
	if (splice->handler.moved != NULL) {
		splice->handler.moved(splice->handler.owner, lane->way, len);
	}
}

/* --- out --------------------------------------------------------------------- */

/* Returns the bytes written. Errors: TP_EAGAIN, TP_EIO. */
static long write_buffer(struct lane *lane)
{
	struct tp_stream_rest *buffer = &lane->buffer;
	size_t left = buffer->len - buffer->at;
	long len = tp_splice_side_write(lane->to, buffer->bytes + buffer->at,
					left < BUFFER_SIZE ? left : BUFFER_SIZE);

	if (len > 0) {
		buffer->at += (size_t)len;
		if (buffer->at == buffer->len) {
			tp_stream_rest_fini(buffer);
		}
	}
	return len;
}

static long write_pipe(struct lane *lane)
{
	ssize_t len = splice(lane->pipe[0], NULL, lane->to->fd, NULL, lane->piped,
			     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (len > 0) {
		lane->piped -= (size_t)len;
		return len;
	}
	return len < 0 && (errno == EAGAIN || errno == EINTR) ? TP_EAGAIN : TP_EIO;
}

/* Returns true when nothing is left to leave. */
static bool drain(struct lane *lane)
{
	while (lane->buffer.bytes != NULL || lane->piped > 0) {
		long len = lane->buffer.bytes != NULL ? write_buffer(lane) : write_pipe(lane);

		if (len == TP_EAGAIN) {
			want(lane, false, true);
			return false;
		}
		if (len < 0) {
			lane->splice->failed = true;
			return false;
		}
		moved(lane, (size_t)len);
	}
	return true;
}

static void shut(struct lane *lane)
{
	struct tp_splice *splice = lane->splice;

	if (lane->shut) {
		return;
	}
	if (tp_splice_side_shut(lane->to) == TP_EAGAIN) {
		want(lane, false, true);
		return;
	}
	want(lane, false, false);
	lane->shut = true;
	splice->moved_ms = tp_loop_now_ms(splice->loop);
	if (splice->handler.linger_ms != 0) {
		tp_loop_arm(splice->loop, &splice->linger,
			    splice->moved_ms + splice->handler.linger_ms);
	}
}

/* --- in ------------------------------------------------------------------------ */

static size_t allowed(struct lane *lane)
{
	struct tp_splice *splice = lane->splice;
	size_t max = lane->in_kernel ? TP_SPLICE_PIECE_MAX : BUFFER_SIZE;
	uint32_t wait_ms = 0;
	size_t len;

	if (splice->handler.allow == NULL) {
		return max;
	}
	len = splice->handler.allow(splice->handler.owner, lane->way, max, &wait_ms);
	if (len == 0) {
		want(lane, false, false);
		tp_loop_arm(splice->loop, &lane->pause, tp_loop_now_ms(splice->loop) + wait_ms);
	}
	return len < max ? len : max;
}

/* Errors: TP_EAGAIN, TP_EIO; TP_EPROTO when it must go through the buffer. */
static long read_pipe(struct lane *lane, size_t max)
{
	ssize_t len;

	if (lane->pipe[0] == -1 && tp_pipes_take(lane->splice->pipes, lane->pipe) != 0) {
		return TP_EPROTO;
	}
	len = splice(lane->from->fd, NULL, lane->pipe[1], NULL, max,
		     SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (len >= 0) {
		lane->piped += (size_t)len;
		return len;
	}
	switch (errno) {
	case EAGAIN:
	case EINTR:
		return TP_EAGAIN;
	case EINVAL:
	case ENOSYS:
	case EPERM:
		lane->in_kernel = false;
		return TP_EPROTO;
	default:
		return TP_EIO;
	}
}

/* Errors: TP_EAGAIN, TP_EIO. */
static long read_buffer(struct lane *lane, size_t max)
{
	struct tp_stream_rest *buffer = &lane->buffer;
	long len;

	buffer->bytes = malloc(BUFFER_SIZE);
	if (buffer->bytes == NULL) {
		return TP_EIO;
	}
	len = tp_splice_side_read(lane->from, buffer->bytes, max < BUFFER_SIZE ? max : BUFFER_SIZE);
	if (len <= 0) {
		tp_stream_rest_fini(buffer);
	} else {
		buffer->len = (size_t)len;
	}
	return len;
}

static void give_pipe(struct lane *lane)
{
	tp_pipes_give(lane->splice->pipes, lane->pipe, lane->piped);
	lane->piped = 0;
}

/* Returns true when there is something to leave, or the end has come. */
static bool fill(struct lane *lane)
{
	size_t max = allowed(lane);
	long len = TP_EPROTO;

	if (max == 0) {
		return false;
	}
	if (lane->in_kernel) {
		len = read_pipe(lane, max);
	}
	if (len == TP_EPROTO) {
		len = read_buffer(lane, max);
	}
	if (len == TP_EAGAIN) {
		give_pipe(lane);
		want(lane, true, false);
		return false;
	}
	if (len < 0) {
		lane->splice->failed = true;
		return false;
	}
	lane->ended = len == 0;
	return true;
}

/* --- a turn ---------------------------------------------------------------------- */

static void pump(struct lane *lane)
{
	struct tp_splice *splice = lane->splice;

	for (int i = 0; i < PIECES_PER_TURN; i++) {
		if (splice->failed || !drain(lane)) {
			return;
		}
		if (lane->ended) {
			give_pipe(lane);
			shut(lane);
			return;
		}
		if (tp_timer_armed(&lane->pause) || !fill(lane)) {
			return;
		}
	}
	want(lane, false, false);
	tp_loop_request_turn(splice->loop, &splice->resume);
}

/* The last thing done with it in a callback. */
static void conclude(struct tp_splice *splice)
{
	if (splice->failed || splice->over || (splice->lanes[0].shut && splice->lanes[1].shut)) {
		want(&splice->lanes[0], false, false);
		want(&splice->lanes[1], false, false);
		tp_loop_cancel(splice->loop, &splice->linger);
		tp_loop_cancel(splice->loop, &splice->lanes[0].pause);
		tp_loop_cancel(splice->loop, &splice->lanes[1].pause);
		tp_loop_cancel_hook(&splice->resume);
		splice->handler.ended(splice->handler.owner);
	}
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	struct lane *lane = arg;
	struct tp_splice *splice = lane->splice;

	(void)fd;
	(void)what;
	pump(lane);
	conclude(splice);
}

static void on_resume(struct tp_turn_hook *hook)
{
	struct tp_splice *splice = tp_container_of(hook, struct tp_splice, resume);

	for (int i = 0; i < 2; i++) {
		struct lane *lane = &splice->lanes[i];

		if (!lane->wants_read && !lane->wants_write && !lane->shut) {
			pump(lane);
		}
	}
	conclude(splice);
}

static void on_pause_over(struct tp_timer *timer)
{
	struct lane *lane = tp_container_of(timer, struct lane, pause);
	struct tp_splice *splice = lane->splice;

	pump(lane);
	conclude(splice);
}

static void on_linger(struct tp_timer *timer)
{
	struct tp_splice *splice = tp_container_of(timer, struct tp_splice, linger);
	uint64_t due_ms = splice->moved_ms + splice->handler.linger_ms;

	if (tp_loop_now_ms(splice->loop) < due_ms) {
		tp_loop_arm(splice->loop, timer, due_ms);
		return;
	}
	splice->over = true;
	conclude(splice);
}

/* --- life ------------------------------------------------------------------------- */

static int lane_init(struct tp_splice *splice, enum tp_splice_way way)
{
	struct event_base *base = tp_loop_event_base(splice->loop);
	struct lane *lane = &splice->lanes[way];

	lane->splice = splice;
	lane->way = way;
	lane->from = &splice->sides[way];
	lane->to = &splice->sides[1 - way];
	lane->pipe[0] = -1;
	lane->pipe[1] = -1;
	lane->in_kernel = tp_splice_side_is_plain(lane->from) && tp_splice_side_is_plain(lane->to);
	tp_timer_init(&lane->pause, on_pause_over);
	return event_assign(&lane->readable, base, lane->from->fd, EV_READ | EV_PERSIST, on_ready,
			    lane) == 0 &&
			       event_assign(&lane->writable, base, lane->to->fd,
					    EV_WRITE | EV_PERSIST, on_ready, lane) == 0
		       ? 0
		       : TP_EIO;
}

/* Descriptors and session go back to the caller: nothing has been read yet. */
static void give_up(struct tp_splice *splice, struct tp_stream_remains *first, int *second_fd)
{
	first->fd = splice->sides[0].fd;
	first->tls = splice->sides[0].tls;
	first->sealed = splice->sides[0].sealed;
	*second_fd = splice->sides[1].fd;
	free(splice);
}

int tp_splice_create(struct tp_loop *loop, struct tp_stream_remains *first, int *second_fd,
		     const struct tp_splice_handler *handler, struct tp_splice **out)
{
	struct tp_stream_remains second = {.fd = *second_fd};
	struct tp_pipes *pipes = tp_loop_pipes(loop);
	struct tp_splice *splice;
	int err;

	if (pipes == NULL) {
		return TP_ENOMEM;
	}
	splice = calloc(1, sizeof(*splice));
	if (splice == NULL) {
		return TP_ENOMEM;
	}
	splice->loop = loop;
	splice->pipes = pipes;
	splice->handler = *handler;
	splice->moved_ms = tp_loop_now_ms(loop);
	tp_turn_hook_init(&splice->resume, on_resume);
	tp_timer_init(&splice->linger, on_linger);
	tp_splice_side_init(&splice->sides[0], first);
	tp_splice_side_init(&splice->sides[1], &second);
	err = lane_init(splice, TP_SPLICE_FORTH);
	if (err == 0) {
		err = lane_init(splice, TP_SPLICE_BACK);
	}
	if (err != 0) {
		give_up(splice, first, second_fd);
		return err;
	}
	*second_fd = -1;
	splice->lanes[TP_SPLICE_FORTH].buffer = first->rest;
	first->rest = (struct tp_stream_rest){0};
	tp_loop_request_turn(loop, &splice->resume);
	*out = splice;
	return 0;
}

/* The side that one way leads to: reset when something is missing there. */
static void side_close(struct tp_splice *splice, enum tp_splice_way way)
{
	const struct lane *lane = &splice->lanes[way];

	tp_splice_side_fini(lane->to, splice->failed && !lane->shut);
}

void tp_splice_free(struct tp_splice **where)
{
	struct tp_splice *splice = *where;

	*where = NULL;
	if (splice == NULL) {
		return;
	}
	tp_loop_cancel_hook(&splice->resume);
	tp_loop_cancel(splice->loop, &splice->linger);
	for (int i = 0; i < 2; i++) {
		struct lane *lane = &splice->lanes[i];

		tp_loop_cancel(splice->loop, &lane->pause);
		want(lane, false, false);
		give_pipe(lane);
		tp_stream_rest_fini(&lane->buffer);
	}
	side_close(splice, TP_SPLICE_FORTH);
	side_close(splice, TP_SPLICE_BACK);
	free(splice);
}

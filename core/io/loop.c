/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include <event2/event.h>

#include <turnpike/error.h>

#include "io/datagram.h"
#include "io/moderation.h"
#include "io/pipes.h"
#include "io/turn_buffer.h"

/* Rounds of end-of-turn hooks that hooks themselves may ask for. */
#define HOOK_ROUNDS_MAX 8

/* Pages that no message has reached cost nothing. */
#define TURN_BUFFER_SIZE (1024 * 1024)

/* Rests are short: the usual 50 us of slack would be felt. */
#define REST_SLACK_NS 5000UL

struct tp_loop {
	struct event_base *base;
	const struct tp_clock *clock;
	const struct tp_datagram_backend *backend;
	void *backend_state;
	struct tp_wheel wheel;
	struct event *wheel_event;
	uint64_t wheel_event_ms; /* when it is armed for; UINT64_MAX: not */
	struct tp_list hooks;    /* requested for the end of this turn */
	struct tp_list next;     /* requested for the next turn */
	struct tp_list due;      /* of them, those of this turn */
	struct tp_list flushed;  /* requested for when all of this turn have run */
	uint64_t flushes;
	struct tp_turn_buffer *turn_buffer; /* NULL: not asked for yet */
	struct tp_pipes *pipes;             /* the same */
	uint64_t now_ms;
	bool now_known; /* the clock has been read in this turn */
	bool in_turn;
	bool stopping;
	unsigned messages; /* in this turn */
	bool skip_rest;    /* after this turn */
	struct tp_moderation moderation;
};

uint64_t tp_loop_now_ms(struct tp_loop *loop)
{
	if (!loop->now_known) {
		loop->now_ms = loop->clock->now_ms(loop->clock);
		loop->now_known = loop->in_turn;
	}
	return loop->now_ms;
}

int64_t tp_loop_wall_s(struct tp_loop *loop)
{
	return loop->clock->wall_s(loop->clock);
}

/* --- timers --------------------------------------------------------------- */

/*
 * Only an earlier time needs a system call; a later one is found when it fires.
 */
static void arm_wheel_event(struct tp_loop *loop)
{
	uint64_t next_ms = tp_wheel_next_ms(&loop->wheel);
	uint64_t now_ms;
	uint64_t wait_ms;
	struct timeval wait;

	if (next_ms >= loop->wheel_event_ms) {
		return;
	}
	now_ms = tp_loop_now_ms(loop);
	wait_ms = next_ms > now_ms ? next_ms - now_ms : 0;
	wait.tv_sec = (time_t)(wait_ms / 1000);
	wait.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000);
	if (event_add(loop->wheel_event, &wait) == 0) {
		loop->wheel_event_ms = next_ms;
	}
}

static void on_wheel_event(evutil_socket_t fd, short what, void *arg)
{
	struct tp_loop *loop = arg;

	(void)fd;
	(void)what;
	loop->wheel_event_ms = UINT64_MAX;
	tp_wheel_advance(&loop->wheel, tp_loop_now_ms(loop));
}

void tp_loop_arm(struct tp_loop *loop, struct tp_timer *timer, uint64_t at_ms)
{
	tp_wheel_arm(&loop->wheel, timer, at_ms);
}

void tp_loop_cancel(struct tp_loop *loop, struct tp_timer *timer)
{
	tp_wheel_cancel(&loop->wheel, timer);
}

/* --- life ----------------------------------------------------------------- */

static int loop_open(struct tp_loop *loop)
{
	loop->base = event_base_new();
	if (loop->base == NULL) {
		return TP_ENOMEM;
	}
	loop->wheel_event = evtimer_new(loop->base, on_wheel_event, loop);
	if (loop->wheel_event == NULL) {
		return TP_ENOMEM;
	}
	loop->wheel_event_ms = UINT64_MAX;
	tp_wheel_init(&loop->wheel, tp_loop_now_ms(loop));
	if (loop->backend->loop_open != NULL) {
		return loop->backend->loop_open(loop, &loop->backend_state);
	}
	return 0;
}

int tp_loop_create(const struct tp_clock *clock, const struct tp_datagram_backend *backend,
		   struct tp_loop **out)
{
	struct tp_loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (loop == NULL) {
		return TP_ENOMEM;
	}
	loop->clock = clock != NULL ? clock : tp_clock_system();
	loop->backend = backend != NULL ? backend : tp_datagram_backend_best();
	tp_list_init(&loop->hooks);
	tp_list_init(&loop->flushed);
	tp_list_init(&loop->next);
	tp_list_init(&loop->due);
	err = loop_open(loop);
	if (err != 0) {
		tp_loop_free(&loop);
		return err;
	}
	*out = loop;
	return 0;
}

void tp_loop_free(struct tp_loop **loop)
{
	struct tp_loop *gone = *loop;

	if (gone == NULL) {
		return;
	}
	if (gone->backend_state != NULL && gone->backend->loop_close != NULL) {
		gone->backend->loop_close(gone, gone->backend_state);
	}
	if (gone->wheel_event != NULL) {
		event_free(gone->wheel_event);
	}
	tp_turn_buffer_free(&gone->turn_buffer);
	tp_pipes_free(&gone->pipes);
	if (gone->base != NULL) {
		event_base_free(gone->base);
	}
	free(gone);
	*loop = NULL;
}

/* --- turns ---------------------------------------------------------------- */

static void move_all(struct tp_list *from, struct tp_list *to)
{
	struct tp_list *link;

	while ((link = tp_list_shift(from)) != NULL) {
		tp_list_append(to, link);
	}
}

static void run_all(struct tp_list *hooks)
{
	struct tp_list *link;

	while ((link = tp_list_shift(hooks)) != NULL) {
		struct tp_turn_hook *hook = tp_container_of(link, struct tp_turn_hook, link);

		hook->run(hook);
	}
}

/* One round: not those that hooks ask for meanwhile. */
static void run_hooks(struct tp_loop *loop)
{
	struct tp_list round;

	tp_list_init(&round);
	move_all(&loop->hooks, &round);
	run_all(&round);
}

void tp_loop_flush(struct tp_loop *loop)
{
	for (int round = 0; round < HOOK_ROUNDS_MAX && !tp_list_empty(&loop->hooks); round++) {
		run_hooks(loop);
	}
	if (!tp_list_empty(&loop->hooks)) {
		return;
	}
	loop->flushes++;
	run_all(&loop->flushed);
	if (loop->backend->flushed != NULL) {
		loop->backend->flushed(loop, loop->backend_state);
	}
}

uint64_t tp_loop_flushes(const struct tp_loop *loop)
{
	return loop->flushes;
}

struct tp_turn_buffer *tp_loop_turn_buffer(struct tp_loop *loop)
{
	if (loop->turn_buffer == NULL &&
	    tp_turn_buffer_create(loop, TURN_BUFFER_SIZE, &loop->turn_buffer) != 0) {
		return NULL;
	}
	return loop->turn_buffer;
}

struct tp_pipes *tp_loop_pipes(struct tp_loop *loop)
{
	if (loop->pipes == NULL) {
		loop->pipes = tp_pipes_create();
	}
	return loop->pipes;
}

static void end_turn(struct tp_loop *loop)
{
	tp_loop_flush(loop);
	arm_wheel_event(loop);
	loop->now_known = false;
}

static bool has_work_left(const struct tp_loop *loop)
{
	return loop->stopping || !tp_list_empty(&loop->hooks) || !tp_list_empty(&loop->next);
}

static void rest(struct tp_loop *loop)
{
	bool more = loop->skip_rest || has_work_left(loop);
	uint32_t rest_us = tp_moderation_rest_us(&loop->moderation, loop->messages, more);

	loop->messages = 0;
	loop->skip_rest = false;
	if (rest_us > 0) {
		const struct timespec time = {.tv_nsec = (long)rest_us * 1000};

		(void)nanosleep(&time, NULL);
	}
}

void tp_loop_run(struct tp_loop *loop)
{
	loop->in_turn = true;
	if (loop->moderation.rest_us > 0) {
		(void)prctl(PR_SET_TIMERSLACK, REST_SLACK_NS, 0, 0, 0);
	}
	end_turn(loop); /* for what was asked for before there was a turn */
	while (!loop->stopping) {
		/*
		 * Even a loop with no event of its own waits for the next one.
		 */
		int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;

		if (has_work_left(loop)) {
			flags |= EVLOOP_NONBLOCK;
		}
		move_all(&loop->next, &loop->due);
		if (event_base_loop(loop->base, flags) < 0) {
			break;
		}
		run_all(&loop->due);
		end_turn(loop);
		rest(loop);
	}
	loop->in_turn = false;
	loop->stopping = false;
}

void tp_loop_stop(struct tp_loop *loop)
{
	loop->stopping = true;
}

void tp_loop_turn(struct tp_loop *loop)
{
	loop->in_turn = true;
	move_all(&loop->next, &loop->due);
	(void)event_base_loop(loop->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	tp_wheel_advance(&loop->wheel, tp_loop_now_ms(loop));
	run_all(&loop->due);
	end_turn(loop);
	loop->in_turn = false;
}

void tp_turn_hook_init(struct tp_turn_hook *hook, void (*run)(struct tp_turn_hook *hook))
{
	tp_list_init(&hook->link);
	hook->run = run;
}

void tp_loop_request_hook(struct tp_loop *loop, struct tp_turn_hook *hook)
{
	if (tp_list_empty(&hook->link)) {
		tp_list_append(&loop->hooks, &hook->link);
	}
}

void tp_loop_request_turn(struct tp_loop *loop, struct tp_turn_hook *hook)
{
	if (tp_list_empty(&hook->link)) {
		tp_list_append(&loop->next, &hook->link);
	}
}

void tp_loop_request_flushed_hook(struct tp_loop *loop, struct tp_turn_hook *hook)
{
	if (tp_list_empty(&hook->link)) {
		tp_list_append(&loop->flushed, &hook->link);
	}
}

void tp_loop_cancel_hook(struct tp_turn_hook *hook)
{
	tp_list_remove(&hook->link);
}

void tp_loop_count_messages(struct tp_loop *loop, unsigned count)
{
	loop->messages += count;
}

void tp_loop_skip_rest(struct tp_loop *loop)
{
	loop->skip_rest = true;
}

void tp_loop_set_rest(struct tp_loop *loop, uint32_t rest_us)
{
	loop->moderation.rest_us = rest_us;
}

struct event_base *tp_loop_event_base(struct tp_loop *loop)
{
	return loop->base;
}

const struct tp_datagram_backend *tp_loop_backend(const struct tp_loop *loop)
{
	return loop->backend;
}

void *tp_loop_backend_state(struct tp_loop *loop)
{
	return loop->backend_state;
}

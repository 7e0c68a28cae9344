/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/wheel.h"

struct event_base;
struct tp_datagram_backend;
struct tp_pipes;
struct tp_turn_buffer;

/*
 * One thread's event loop: libevent for readiness, a timer wheel for time, and
 * hooks at the end of each turn. The clock is read once a turn. All functions
 * are for the loop's own thread unless said otherwise.
 */
struct tp_loop;

/*
 * Called at the end of the turn in which it was requested, or in the next turn;
 * embedded by its owner.
 */
struct tp_turn_hook {
	struct tp_list link;
	void (*run)(struct tp_turn_hook *hook);
};

/**
 * @clock:   NULL for the system's; borrowed
 * @backend: how datagrams go in and out, NULL for the fastest the kernel has;
 *           borrowed
 *
 * Owner:  free with tp_loop_free()
 * Errors: TP_ENOMEM, TP_EIO
 */
int tp_loop_create(const struct tp_clock *clock, const struct tp_datagram_backend *backend,
		   struct tp_loop **out);

/**
 * Everything opened on the loop must be closed before. Sets the pointer to
 * NULL; NULL inside is fine.
 */
void tp_loop_free(struct tp_loop **loop);

/** Turn until tp_loop_stop(). */
void tp_loop_run(struct tp_loop *loop);

/**
 * End tp_loop_run() after this turn, or the next tp_loop_run() at once. Other
 * threads post a message that calls it.
 */
void tp_loop_stop(struct tp_loop *loop);

/**
 * One turn without waiting: fire due timers, run the end-of-turn hooks. With a
 * test's clock this is all the time there is.
 */
void tp_loop_turn(struct tp_loop *loop);

/**
 * Monotonic milliseconds, the same for the whole turn; outside a turn, the
 * clock's.
 */
uint64_t tp_loop_now_ms(struct tp_loop *loop);

/** Wall clock in seconds since 1970. */
int64_t tp_loop_wall_s(struct tp_loop *loop);

/** Arm a timer at an absolute time of tp_loop_now_ms(). */
void tp_loop_arm(struct tp_loop *loop, struct tp_timer *timer, uint64_t at_ms);
void tp_loop_cancel(struct tp_loop *loop, struct tp_timer *timer);

void tp_turn_hook_init(struct tp_turn_hook *hook, void (*run)(struct tp_turn_hook *hook));
/** Ask for the hook at the end of this turn; asking twice is once. */
void tp_loop_request_hook(struct tp_loop *loop, struct tp_turn_hook *hook);
/**
 * Ask for the hook in the next turn instead, which then waits for nothing: for
 * what would take more than its share of this one. A hook is asked for in one
 * way only.
 */
void tp_loop_request_turn(struct tp_loop *loop, struct tp_turn_hook *hook);
/**
 * Ask for the hook when all other hooks of the turn have run, when nobody looks
 * any more at what was delivered; it asks for no hook itself.
 */
void tp_loop_request_flushed_hook(struct tp_loop *loop, struct tp_turn_hook *hook);
/** Take the request back; harmless when there is none. */
void tp_loop_cancel_hook(struct tp_turn_hook *hook);

/**
 * Run the hooks now, as at the end of a turn. What datagrams delivered lies in
 * memory that may be used again after that, so this is for the callbacks of
 * descriptors only, between two deliveries.
 */
void tp_loop_flush(struct tp_loop *loop);

/** Grows when all that was delivered before has been flushed. */
uint64_t tp_loop_flushes(const struct tp_loop *loop);

/**
 * The memory in which connections and sessions of the loop deliver messages,
 * made when first asked for; NULL: out of memory.
 */
struct tp_turn_buffer *tp_loop_turn_buffer(struct tp_loop *loop);

/**
 * The pipes that the loop's splices share, made when first asked for; NULL: out of
 * memory. Give back what was taken before the loop is freed.
 */
struct tp_pipes *tp_loop_pipes(struct tp_loop *loop);

/** Messages of peers and clients that this turn has handled, for tp_loop_set_rest(). */
void tp_loop_count_messages(struct tp_loop *loop, unsigned count);

/** More is there already: no rest after this turn. */
void tp_loop_skip_rest(struct tp_loop *loop);

/**
 * How long tp_loop_run() may let messages gather when it would be woken for
 * each: see io/moderation.h. At most a second.
 *
 * @rest_us: 0, as at first: not at all
 */
void tp_loop_set_rest(struct tp_loop *loop, uint32_t rest_us);

struct event_base *tp_loop_event_base(struct tp_loop *loop);
const struct tp_datagram_backend *tp_loop_backend(const struct tp_loop *loop);

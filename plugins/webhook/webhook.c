/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <turnpike/plugin.h>

#include "common/event_line.h"
#include "event_queue.h"
#include "poster.h"

/*
 * Tells a web server of allocations: events are queued by all workers, and sent in
 * batches by a job that the first worker starts, one at a time and in order.
 */

#define SENDER 0 /* the worker */

/* Of struct webhook and all it points to; another number, and a reload begins anew. */
#define LAYOUT 1

struct webhook {
	unsigned layout; /* first */
	struct event_queue *queue;
	struct tp_instance *self;
	bool wanted[TP_EVENT_COUNT];
	size_t batch_max;
	uint64_t timeout_ms;
	uint64_t retries;
	uint64_t backoff_ms;
	uint64_t backoff_max_ms;
	struct tp_counter *sent;
	struct tp_counter *dropped;
	struct tp_counter *failures;

	/* The first worker's, and its job's while that runs. */
	struct poster *poster;
	struct tp_worker_timer *timer;
	struct batch *batch;
	int64_t wall_s;
	struct post_result result;
	bool failing; /* said so already */
};

/* --- sending -------------------------------------------------------------------------------- */

static void flush(struct webhook *hook);

/* Double the time for each failure, and not all daemons at once. */
static uint64_t backoff_ms(const struct webhook *hook)
{
	unsigned attempts = hook->batch->attempts < 30 ? hook->batch->attempts : 30;
	uint64_t wait_ms = hook->backoff_ms << attempts;
	uint32_t random = 0;

	wait_ms = wait_ms > hook->backoff_max_ms ? hook->backoff_max_ms : wait_ms;
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	wait_ms = wait_ms / 2 + random % (wait_ms / 2 + 1);
	if (hook->result.wait_ms > wait_ms) {
		wait_ms = hook->result.wait_ms < hook->backoff_max_ms ? hook->result.wait_ms
								      : hook->backoff_max_ms;
	}
	return wait_ms;
}

static void delivered(struct webhook *hook)
{
	tp_counter_add(hook->sent, hook->batch->events);
	if (hook->failing) {
		tp_log(hook->self, TP_LOG_INFO, "events are delivered again");
	}
	hook->failing = false;
	event_queue_delivered(hook->queue);
}

static void give_up(struct webhook *hook)
{
	tp_log(hook->self, TP_LOG_ERROR, "events are lost count=%zu batch=%s: %s",
	       hook->batch->events, hook->batch->id, hook->result.sentence);
	tp_counter_add(hook->dropped, hook->batch->events);
	event_queue_give_up(hook->queue);
}

static void failed(struct webhook *hook)
{
	tp_counter_add(hook->failures, 1);
	if (!hook->failing) {
		tp_log(hook->self, TP_LOG_WARN, "events cannot be delivered: %s",
		       hook->result.sentence);
	}
	hook->failing = true;
	if (hook->result.outcome == POST_REFUSED || hook->batch->attempts >= hook->retries) {
		give_up(hook);
		return;
	}
	event_queue_retry(hook->queue, tp_worker_now_ms(tp_worker_current()) + backoff_ms(hook));
}

/* On a job's thread. */
static void post(void *arg)
{
	struct webhook *hook = arg;

	poster_post(hook->poster, hook->batch, hook->wall_s, hook->timeout_ms, &hook->result);
}

static void posted(void *arg)
{
	struct webhook *hook = arg;
	bool done = hook->result.outcome == POST_DELIVERED;

	if (done) {
		delivered(hook);
	} else {
		failed(hook);
	}
	hook->batch = NULL;
	if (done && event_queue_waiting(hook->queue) >= hook->batch_max) {
		flush(hook);
	}
}

static void flush(struct webhook *hook)
{
	struct tp_worker *worker = tp_worker_current();

	if (hook->batch != NULL) {
		return;
	}
	hook->batch = event_queue_take(hook->queue, hook->batch_max, tp_worker_now_ms(worker));
	if (hook->batch == NULL) {
		return;
	}
	hook->wall_s = tp_worker_wall_s(worker);
	if (tp_job_submit(hook->self, post, posted, hook) != 0) {
		hook->batch = NULL;
		event_queue_return(hook->queue);
	}
}

static void flush_full(struct tp_instance *self, void *arg)
{
	flush(tp_instance_state(self));
}

static void wake_later(struct webhook *hook);

static void wake(struct tp_instance *self, void *arg)
{
	struct webhook *hook = arg;

	hook->timer = NULL;
	flush(hook);
	wake_later(hook);
}

static void wake_later(struct webhook *hook)
{
	uint64_t after_ms = (uint64_t)tp_option_integer(hook->self, "batch_time");

	hook->timer = tp_worker_timer_start(hook->self, tp_worker_current(), after_ms, wake, hook);
	if (hook->timer == NULL) {
		tp_log(hook->self, TP_LOG_ERROR,
		       "out of memory: events are sent in full batches only from now on");
	}
}

/* --- events ---------------------------------------------------------------------------------- */

static bool wants(struct tp_instance *self, enum tp_event event)
{
	const struct webhook *hook = tp_instance_state(self);

	return hook->wanted[event];
}

static void begin(struct event_line *line, enum tp_event event,
		  const struct tp_allocation_view *allocation)
{
	event_line_begin(line, tp_worker_wall_s(tp_worker_current()), tp_event_name(event));
	event_line_allocation(line, allocation);
}

static void end(struct tp_instance *self, struct event_line *line)
{
	const struct webhook *hook = tp_instance_state(self);
	size_t waiting = event_queue_put(hook->queue, event_line_end(line));

	if (waiting == 0) {
		tp_counter_add(hook->dropped, 1);
	} else if (waiting == hook->batch_max) {
		(void)tp_worker_post(self, SENDER, flush_full, NULL); /* or by the timer */
	}
}

static void create_allocation(struct tp_instance *self, const struct tp_create_allocation *event)
{
	struct event_line line;

	if (!wants(self, TP_EVENT_on_turn_create_allocation)) {
		return;
	}
	begin(&line, TP_EVENT_on_turn_create_allocation, event->allocation);
	event_line_relayed(&line, event->allocation);
	event_line_number(&line, "lifetime_s", event->lifetime_s);
	end(self, &line);
}

static void delete_allocation(struct tp_instance *self, const struct tp_delete_allocation *event)
{
	struct event_line line;

	if (!wants(self, TP_EVENT_on_turn_delete_allocation)) {
		return;
	}
	begin(&line, TP_EVENT_on_turn_delete_allocation, event->allocation);
	event_line_relayed(&line, event->allocation);
	event_line_text(&line, "cause", tp_delete_cause_name(event->cause));
	event_line_number(&line, "duration_ms", event->duration_ms);
	event_line_traffic(&line, &event->client_to_peer, &event->peer_to_client);
	end(self, &line);
}

static void usage(struct tp_instance *self, const struct tp_usage *event)
{
	struct event_line line;

	if (!wants(self, TP_EVENT_on_turn_usage)) {
		return;
	}
	begin(&line, TP_EVENT_on_turn_usage, event->allocation);
	event_line_number(&line, "interval_ms", event->interval_ms);
	event_line_traffic(&line, &event->client_to_peer, &event->peer_to_client);
	event_line_number(&line, "over_limit_packets", event->over_limit.packets);
	event_line_number(&line, "over_limit_bytes", event->over_limit.bytes);
	event_line_flag(&line, "final", event->final);
	end(self, &line);
}

/* --- life --------------------------------------------------------------------------------------
 */

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_create_allocation = create_allocation,
	.on_turn_delete_allocation = delete_allocation,
	.on_turn_usage = usage,
};

static bool want(struct webhook *hook, const char *name)
{
	static const enum tp_event sendable[] = {
		TP_EVENT_on_turn_create_allocation,
		TP_EVENT_on_turn_delete_allocation,
		TP_EVENT_on_turn_usage,
	};

	for (size_t i = 0; i < sizeof(sendable) / sizeof(sendable[0]); i++) {
		if (strcmp(tp_event_name(sendable[i]), name) == 0) {
			hook->wanted[sendable[i]] = true;
			return true;
		}
	}
	return false;
}

static int want_all(struct tp_instance *self, struct webhook *hook)
{
	size_t count = 0;
	const char *const *names = tp_option_list(self, "events_sent", &count);

	for (size_t i = 0; i < count; i++) {
		if (!want(hook, names[i])) {
			return tp_instance_fail(self, TP_EINVAL,
						"events_sent: %s is none that is sent", names[i]);
		}
	}
	return 0;
}

static void read_options(struct tp_instance *self, struct webhook *hook)
{
	hook->self = self;
	hook->batch_max = (size_t)tp_option_integer(self, "batch");
	hook->timeout_ms = (uint64_t)tp_option_integer(self, "timeout");
	hook->retries = (uint64_t)tp_option_integer(self, "retries");
	hook->backoff_ms = (uint64_t)tp_option_integer(self, "backoff");
	hook->backoff_max_ms = (uint64_t)tp_option_integer(self, "backoff_max");
	hook->sent = tp_counter_create(self, "sent", "events delivered");
	hook->dropped = tp_counter_create(self, "dropped", "events lost");
	hook->failures = tp_counter_create(self, "failures", "attempts to deliver that failed");
}

static int create(struct tp_instance *self)
{
	struct webhook *hook = calloc(1, sizeof(*hook));
	int err;

	if (hook == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	hook->layout = LAYOUT;
	tp_instance_set_state(self, hook);
	read_options(self, hook);
	hook->queue = event_queue_create((size_t)tp_option_integer(self, "queue"));
	if (hook->queue == NULL) {
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	err = want_all(self, hook);
	return err != 0 ? err : poster_create(self, &hook->poster);
}

static int adopt(struct tp_instance *self, struct tp_instance *previous)
{
	struct webhook *hook = tp_instance_state(self);
	const struct webhook *before = tp_instance_state(previous);

	if (before->layout == LAYOUT) {
		event_queue_unref(&hook->queue);
		hook->queue = event_queue_ref(before->queue);
		event_queue_set_max(hook->queue, (size_t)tp_option_integer(self, "queue"));
	}
	return 0;
}

static int worker_start(struct tp_instance *self, struct tp_worker *worker)
{
	if (tp_worker_index(worker) == SENDER) {
		wake_later(tp_instance_state(self));
	}
	return 0;
}

static void worker_stop(struct tp_instance *self, struct tp_worker *worker)
{
	struct webhook *hook = tp_instance_state(self);

	if (tp_worker_index(worker) == SENDER) {
		tp_worker_timer_cancel(&hook->timer);
	}
}

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The daemon ends: nobody else sends what waits, and nobody waits long for it. */
static void send_rest(struct webhook *hook)
{
	uint64_t end_ms = monotonic_ms() + (uint64_t)tp_option_integer(hook->self, "stop_wait");
	uint64_t now_ms;
	size_t lost;

	while ((now_ms = monotonic_ms()) < end_ms &&
	       (hook->batch = event_queue_take(hook->queue, hook->batch_max, UINT64_MAX)) != NULL) {
		poster_post(hook->poster, hook->batch, time(NULL), end_ms - now_ms, &hook->result);
		if (hook->result.outcome != POST_DELIVERED) {
			event_queue_return(hook->queue);
			break;
		}
		delivered(hook);
	}
	lost = event_queue_waiting(hook->queue);
	if (lost != 0) {
		tp_log(hook->self, TP_LOG_ERROR, "events are lost count=%zu", lost);
		tp_counter_add(hook->dropped, lost);
	}
}

static void destroy(struct tp_instance *self)
{
	struct webhook *hook = tp_instance_state(self);

	if (hook == NULL) {
		return;
	}
	if (hook->poster != NULL && event_queue_is_last(hook->queue)) {
		send_rest(hook);
	}
	poster_free(&hook->poster);
	event_queue_unref(&hook->queue);
	free(hook);
}

static const struct tp_option options[] = {
	{
		.name = "url",
		.type = TP_OPTION_STRING,
		.help = "where events are posted, https or http",
		.flags = TP_OPTION_REQUIRED | TP_OPTION_RELOADABLE,
	},
	{
		.name = "events_sent",
		.type = TP_OPTION_LIST,
		.default_value = "on_turn_create_allocation on_turn_delete_allocation",
		.help = "names of the events to send; there is on_turn_usage as well",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "batch",
		.type = TP_OPTION_INTEGER,
		.default_value = "100",
		.help = "events in one request at most",
		.min = 1,
		.max = 1000,
		.unit = "events",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "batch_time",
		.type = TP_OPTION_DURATION,
		.default_value = "1s",
		.help = "after which a batch is sent that is not full",
		.min = 10,
		.max = 3600000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "queue",
		.type = TP_OPTION_INTEGER,
		.default_value = "10000",
		.help = "events that may wait; more are dropped and counted",
		.min = 1,
		.max = 1000000,
		.unit = "events",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "timeout",
		.type = TP_OPTION_DURATION,
		.default_value = "5s",
		.help = "for one attempt",
		.min = 100,
		.max = 60000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "retries",
		.type = TP_OPTION_INTEGER,
		.default_value = "10",
		.help = "further attempts before a batch is dropped and counted",
		.min = 0,
		.max = 1000,
		.unit = "attempts",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "backoff",
		.type = TP_OPTION_DURATION,
		.default_value = "1s",
		.help = "before the first further attempt; doubled for each, with jitter",
		.min = 10,
		.max = 3600000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "backoff_max",
		.type = TP_OPTION_DURATION,
		.default_value = "1m",
		.help = "what it grows to",
		.min = 10,
		.max = 86400000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "stop_wait",
		.type = TP_OPTION_DURATION,
		.default_value = "2s",
		.help = "for what still waits when the daemon ends",
		.min = 0,
		.max = 60000,
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "token_file",
		.type = TP_OPTION_PATH,
		.help = "file with the bearer token to send",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "secret_file",
		.type = TP_OPTION_PATH,
		.help = "file with the secret that signs each request",
		.flags = TP_OPTION_RELOADABLE,
	},
	{
		.name = "ca_file",
		.type = TP_OPTION_PATH,
		.help = "PEM file of authorities to trust, in place of the system's",
		.flags = TP_OPTION_RELOADABLE,
	},
	{.name = NULL},
};

TP_PLUGIN("webhook", TP_VERSION, "post events of allocations to a web server", .options = options,
	  .events = &events, .create = create, .adopt = adopt, .worker_start = worker_start,
	  .worker_stop = worker_stop, .destroy = destroy);

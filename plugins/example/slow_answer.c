/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include <turnpike/plugin.h>

/*
 * The smallest parked answer: think about each Allocate for a while, then allow
 * it. The thinking blocks a job's thread and no worker.
 */

struct question {
	struct tp_ticket ticket;
	long delay_ms;
};

/* On a job's thread: here would stand the call of a library that blocks. */
static void think(void *arg)
{
	const struct question *question = arg;
	const struct timespec delay = {question->delay_ms / 1000,
				       question->delay_ms % 1000 * 1000000};

	nanosleep(&delay, NULL);
}

/* On the worker that asked; called in any case. A stale ticket does no harm. */
static void answer(void *arg)
{
	struct question *question = arg;

	tp_ticket_answer(question->ticket, TP_ALLOW, 0);
	free(question);
}

static enum tp_verdict before_allocate(struct tp_instance *self, struct tp_request *request,
				       const struct tp_before_allocate *event)
{
	struct question *question = calloc(1, sizeof(*question));

	if (question == NULL) {
		return tp_request_deny(request, 508, NULL);
	}
	question->delay_ms = (long)tp_option_integer(self, "delay");
	if (tp_job_submit(self, think, answer, question) != 0) {
		free(question);
		return tp_request_deny(request, 508, NULL);
	}
	/* "answer" comes in a later turn of this very loop: the ticket will be there. */
	return tp_request_park(request, &question->ticket);
}

static const struct tp_option options[] = {
	{
		.name = "delay",
		.type = TP_OPTION_DURATION,
		.default_value = "50ms",
		.help = "how long to think",
		.min = 1,
		.max = 60000,
	},
	{.name = NULL},
};

static const struct tp_events events = {
	.size = sizeof(events),
	.on_turn_before_allocate = before_allocate,
};

TP_PLUGIN("slow_answer", "1.0", "allow each Allocate after a while", .options = options,
	  .events = &events);

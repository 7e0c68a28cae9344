/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/roll.h"

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/list.h"
#include "base/wheel.h"
#include "daemon/crew.h"
#include "daemon/worker.h"
#include "io/loop.h"
#include "io/mailbox.h"

struct tp_roll_cell {
	struct tp_message message; /* to the worker and back */
	struct tp_roll *roll;
	struct tp_crew_worker *worker;
	bool answered; /* written by the worker, read when it is back */
	bool back;     /* main's */
};

struct tp_roll {
	const struct tp_roll_ops *ops;
	void *question;
	struct tp_main main;
	struct tp_timer deadline;
	bool done;
	unsigned out; /* cells that are with workers */
	unsigned count;
	struct tp_roll_cell cells[];
};

static void finish(struct tp_roll *roll)
{
	if (!roll->done) {
		roll->done = true;
		tp_loop_cancel(roll->main.loop, &roll->deadline);
		roll->ops->done(roll->question, roll);
	}
}

static void come_back(struct tp_message *message)
{
	struct tp_roll_cell *cell = tp_container_of(message, struct tp_roll_cell, message);
	struct tp_roll *roll = cell->roll;

	cell->back = true;
	roll->out--;
	if (roll->out == 0) {
		finish(roll);
		roll->ops->free(roll->question);
		free(roll);
	}
}

static void too_late(struct tp_timer *timer)
{
	finish(tp_container_of(timer, struct tp_roll, deadline));
}

/* The main thread's mailbox stays open for as long as there are workers. */
static void send_back(struct tp_roll_cell *cell)
{
	cell->message.deliver = come_back;
	(void)tp_mailbox_post(cell->roll->main.mailbox, &cell->message);
}

static void ask_here(struct tp_message *message)
{
	struct tp_roll_cell *cell = tp_container_of(message, struct tp_roll_cell, message);

	cell->roll->ops->ask(cell->roll->question, cell->worker, cell);
}

void tp_roll_answer(struct tp_roll_cell *cell)
{
	cell->answered = true;
	send_back(cell);
}

bool tp_roll_again(struct tp_roll_cell *cell)
{
	return tp_mailbox_post(cell->worker->worker.mailbox, &cell->message) == 0;
}

int tp_roll_create(struct tp_crew *crew, const struct tp_main *main, struct tp_roll **out)
{
	unsigned count = tp_crew_size(crew);
	struct tp_roll *roll = calloc(1, sizeof(*roll) + count * sizeof(roll->cells[0]));

	if (roll == NULL) {
		return TP_ENOMEM;
	}
	roll->main = *main;
	roll->count = count;
	tp_timer_init(&roll->deadline, too_late);
	for (unsigned i = 0; i < count; i++) {
		struct tp_roll_cell *cell = &roll->cells[i];

		cell->roll = roll;
		cell->worker = tp_crew_worker(crew, i);
		cell->message.deliver = ask_here;
	}
	*out = roll;
	return 0;
}

void tp_roll_free(struct tp_roll **roll)
{
	free(*roll);
	*roll = NULL;
}

void tp_roll_call(struct tp_roll *roll, const struct tp_roll_ops *ops, void *question,
		  uint64_t deadline_ms)
{
	struct tp_loop *loop = roll->main.loop;

	roll->ops = ops;
	roll->question = question;
	roll->out = roll->count;
	if (deadline_ms != 0) {
		tp_loop_arm(loop, &roll->deadline, tp_loop_now_ms(loop) + deadline_ms);
	}
	for (unsigned i = 0; i < roll->count; i++) {
		struct tp_roll_cell *cell = &roll->cells[i];

		if (tp_mailbox_post(cell->worker->worker.mailbox, &cell->message) != 0) {
			send_back(cell); /* it has ended */
		}
	}
}

bool tp_roll_answered(const struct tp_roll *roll, unsigned worker)
{
	return roll->cells[worker].back && roll->cells[worker].answered;
}

unsigned tp_roll_count(const struct tp_roll *roll)
{
	return roll->count;
}

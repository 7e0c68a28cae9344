/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/control_workers.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/crew.h"
#include "daemon/daemon.h"
#include "daemon/worker.h"

/* A worker that takes longer to answer is named instead. */
#define DEADLINE_MS 3000

struct tp_inquiry_state {
	struct tp_control_call *call;
	const struct tp_inquiry *kind;
	char *words[TP_INQUIRY_WORDS]; /* copies; NULL: not given */
	uint64_t number;
	unsigned workers;
	max_align_t parts[];
};

static size_t part_size(const struct tp_inquiry *kind)
{
	size_t unit = sizeof(max_align_t);

	return (kind->part_size + unit - 1) / unit * unit;
}

void *tp_inquiry_part(struct tp_inquiry_state *inquiry, unsigned worker)
{
	return (char *)inquiry->parts + worker * part_size(inquiry->kind);
}

const char *tp_inquiry_word(const struct tp_inquiry_state *inquiry, size_t index)
{
	return inquiry->words[index];
}

uint64_t tp_inquiry_number(const struct tp_inquiry_state *inquiry)
{
	return inquiry->number;
}

unsigned tp_inquiry_workers(const struct tp_inquiry_state *inquiry)
{
	return inquiry->workers;
}

struct tp_daemon *tp_inquiry_daemon(const struct tp_inquiry_state *inquiry)
{
	return tp_control_daemon(inquiry->call);
}

static void ask(void *question, struct tp_crew_worker *worker, struct tp_roll_cell *cell)
{
	struct tp_inquiry_state *inquiry = question;
	void *part = tp_inquiry_part(inquiry, worker->worker.index);

	while (inquiry->kind->ask(inquiry, worker, part)) {
		if (tp_roll_again(cell)) {
			return;
		}
	}
	tp_roll_answer(cell);
}

static json_t *silent_workers(const struct tp_roll *roll)
{
	json_t *silent = json_array();

	for (unsigned i = 0; i < tp_roll_count(roll); i++) {
		if (!tp_roll_answered(roll, i)) {
			(void)json_array_append_new(silent, json_integer(i));
		}
	}
	return silent;
}

static void done(void *question, const struct tp_roll *roll)
{
	struct tp_inquiry_state *inquiry = question;
	json_t *answer = inquiry->kind->answer(inquiry, roll);
	json_t *silent = silent_workers(roll);

	if (json_array_size(silent) != 0) {
		(void)json_object_set(answer, "silent_workers", silent);
	}
	json_decref(silent);
	tp_control_answer(inquiry->call, answer);
}

static void free_inquiry(void *question)
{
	struct tp_inquiry_state *inquiry = question;

	for (unsigned i = 0; inquiry->kind->part_fini != NULL && i < inquiry->workers; i++) {
		inquiry->kind->part_fini(tp_inquiry_part(inquiry, i));
	}
	for (size_t i = 0; i < TP_INQUIRY_WORDS; i++) {
		free(inquiry->words[i]);
	}
	free(inquiry);
}

static const struct tp_roll_ops ops = {ask, done, free_inquiry};

static bool keep_words(struct tp_inquiry_state *inquiry, const char *const *words)
{
	for (size_t i = 0; i < TP_INQUIRY_WORDS; i++) {
		if (words[i] != NULL && (inquiry->words[i] = strdup(words[i])) == NULL) {
			return false;
		}
	}
	return true;
}

void tp_inquire(struct tp_control_call *call, const struct tp_inquiry *kind, uint64_t number,
		const char *const words[TP_INQUIRY_WORDS])
{
	static const char *const none[TP_INQUIRY_WORDS];
	struct tp_daemon *daemon = tp_control_daemon(call);
	unsigned workers = tp_crew_size(daemon->crew);
	struct tp_inquiry_state *inquiry = calloc(1, sizeof(*inquiry) + workers * part_size(kind));
	struct tp_roll *roll = NULL;

	if (inquiry == NULL) {
		tp_control_answer(call, NULL);
		return;
	}
	inquiry->call = call;
	inquiry->kind = kind;
	inquiry->number = number;
	inquiry->workers = workers;
	if (!keep_words(inquiry, words == NULL ? none : words) ||
	    tp_roll_create(daemon->crew, &daemon->main, &roll) != 0) {
		free_inquiry(inquiry);
		tp_control_answer(call, NULL);
		return;
	}
	tp_roll_call(roll, &ops, inquiry, DEADLINE_MS);
}

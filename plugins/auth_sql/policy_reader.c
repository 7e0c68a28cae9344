/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/backoff.h"

#define RETRY_MIN_MS 200
#define RETRY_MAX_MS 1000
#define SENTENCE_SIZE (SQL_PROBLEM_SIZE + 64)

/* One reading; the back end may hold it longer than the reader lives. */
struct reading {
	struct sql_task task;
	struct policy_reader *reader;
	struct realm_policy *policy;
	bool secrets_left_out;
};

struct policy_reader {
	struct tp_instance *self;
	struct tp_worker *worker;
	const struct sql_backend_ops *ops;
	void *own;
	struct realm_guard *guard;
	struct reading *reading; /* NULL: none under way */
	struct tp_worker_timer *timer;
	struct backoff backoff;
	char last_problem[SENTENCE_SIZE]; /* is told once */
	struct tp_counter *done;
	struct tp_counter *failed;
};

/* --- rows ---------------------------------------------------------------------------- */

static const char *text_of(const struct sql_row *row, size_t column)
{
	return row->values[column] == NULL ? "" : row->values[column];
}

static int take_range(struct reading *reading, const struct sql_row *row, bool allow)
{
	const char *realm = text_of(row, 0);
	const char *range = text_of(row, 1);
	int err = realm_policy_add_range(reading->policy, realm, allow, range);

	if (err != 0) {
		sql_task_fail(&reading->task, err, "%s peers of realm \"%s\": \"%s\": %s",
			      allow ? "allowed" : "denied", realm, range, tp_error_string(err));
	}
	return err;
}

/* More secrets than one answer can carry must not cost all the rest. */
static int take_secret(struct reading *reading, const struct sql_row *row)
{
	int err = realm_policy_add_secret(reading->policy, text_of(row, 0), text_of(row, 1));

	if (err == TP_EFULL) {
		reading->secrets_left_out = true;
		return 0;
	}
	if (err != 0) {
		sql_task_fail(&reading->task, err, "a secret of realm \"%s\": %s", text_of(row, 0),
			      tp_error_string(err));
	}
	return err;
}

static int take_option(struct reading *reading, const struct sql_row *row)
{
	int err = realm_policy_set_option(reading->policy, text_of(row, 0), text_of(row, 1),
					  text_of(row, 2));

	if (err != 0) {
		sql_task_fail(&reading->task, err, "%s of realm \"%s\": \"%s\": %s",
			      text_of(row, 1), text_of(row, 0), text_of(row, 2),
			      tp_error_string(err));
	}
	return err;
}

static int take_row(struct sql_task *task, enum sql_statement statement, const struct sql_row *row)
{
	struct reading *reading = (struct reading *)task;

	if (row->count < (statement == SQL_OPTION ? 3 : 2)) {
		sql_task_fail(task, TP_EINVAL, "a query returns too few columns");
		return TP_EINVAL;
	}
	switch (statement) {
	case SQL_SECRET:
		return take_secret(reading, row);
	case SQL_ALLOWED:
		return take_range(reading, row, true);
	case SQL_DENIED:
		return take_range(reading, row, false);
	default:
		return take_option(reading, row);
	}
}

/* --- readings ------------------------------------------------------------------------ */

static void read_now(struct tp_instance *self, void *arg);

static void wait(struct policy_reader *reader, uint64_t ms)
{
	reader->timer = tp_worker_timer_start(reader->self, reader->worker, ms, read_now, reader);
}

/* What goes wrong goes wrong again and again: it is told when it changes. "": nothing is wrong. */
static void tell(struct policy_reader *reader, enum tp_log_level level, const char *sentence)
{
	if (strcmp(reader->last_problem, sentence) == 0) {
		return;
	}
	snprintf(reader->last_problem, sizeof(reader->last_problem), "%s", sentence);
	if (*sentence == '\0') {
		tp_log(reader->self, TP_LOG_INFO, "secrets, peers and limits are read again");
	} else {
		tp_log(reader->self, level, "%s", sentence);
	}
}

static void reading_free(struct sql_task *task)
{
	struct reading *reading = (struct reading *)task;

	realm_policy_unref(&reading->policy);
	free(reading);
}

static void reading_done(struct sql_task *task)
{
	struct reading *reading = (struct reading *)task;
	struct policy_reader *reader = reading->reader;
	char sentence[SENTENCE_SIZE];

	reader->reading = NULL;
	if (task->err != 0) {
		tp_counter_add(reader->failed, 1);
		snprintf(sentence, sizeof(sentence), "secrets, peers and limits cannot be read: %s",
			 task->problem);
		tell(reader, TP_LOG_ERROR, sentence);
		wait(reader, backoff_next_ms(&reader->backoff));
	} else {
		tp_counter_add(reader->done, 1);
		tell(reader, TP_LOG_WARN,
		     reading->secrets_left_out
			     ? "a realm has more than 9 secrets: some are left out"
			     : "");
		backoff_reset(&reader->backoff);
		realm_guard_publish(reader->guard, realm_policy_ref(reading->policy));
		wait(reader, (uint64_t)tp_option_integer(reader->self, "refresh"));
	}
	reading_free(task);
}

static void read_now(struct tp_instance *self, void *arg)
{
	struct policy_reader *reader = arg;
	struct reading *reading = calloc(1, sizeof(*reading));

	(void)self;
	reader->timer = NULL;
	if (reading == NULL || (reading->policy = realm_policy_create()) == NULL) {
		free(reading);
		wait(reader, RETRY_MAX_MS);
		return;
	}
	reading->reader = reader;
	reading->task.first = SQL_SECRET;
	reading->task.last = SQL_OPTION;
	reading->task.row = take_row;
	reading->task.done = reading_done;
	reading->task.drop = reading_free;
	reader->reading = reading;
	reader->ops->submit(reader->own, &reading->task);
}

void policy_reader_tick(struct policy_reader *reader)
{
	if (reader->reading == NULL && reader->timer == NULL) {
		read_now(reader->self, reader);
	}
}

/* --- life ---------------------------------------------------------------------------- */

struct policy_reader *policy_reader_create(struct tp_instance *self, struct tp_worker *worker,
					   const struct sql_backend_ops *ops, void *own,
					   struct realm_guard *guard)
{
	struct policy_reader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL) {
		return NULL;
	}
	reader->self = self;
	reader->worker = worker;
	reader->ops = ops;
	reader->own = own;
	reader->guard = guard;
	reader->done = tp_counter_create(self, "policy_reads", "times secrets and peers were read");
	reader->failed =
		tp_counter_create(self, "policy_failures", "times secrets and peers were not read");
	backoff_init(&reader->backoff, RETRY_MIN_MS, RETRY_MAX_MS);
	read_now(self, reader);
	return reader;
}

void policy_reader_free(struct policy_reader **reader)
{
	struct policy_reader *gone = *reader;

	*reader = NULL;
	if (gone == NULL) {
		return;
	}
	tp_worker_timer_cancel(&gone->timer);
	if (gone->reading != NULL) {
		gone->ops->give_up(gone->own, &gone->reading->task);
	}
	free(gone);
}

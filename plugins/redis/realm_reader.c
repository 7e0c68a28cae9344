/* SPDX-License-Identifier: Apache-2.0 */
#include "realm_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * coturn's keys, with R for a realm:
 *
 *	turn/realm/R/secret, allowed-peer-ip, denied-peer-ip    sets
 *	turn/realm/R/max-bps, total-quota, user-quota           numbers
 *
 * All questions of all realms leave at once; the last answer ends the reading.
 */

#define RETRY_MS 1000
#define KEY_SIZE 512
#define PROBLEM_SIZE 512

enum part { PART_SECRET = 0, PART_ALLOWED, PART_DENIED, PART_MAX_BPS, PART_TOTAL, PART_USER };
#define PART_COUNT 6

static const struct {
	const char *name;
	bool is_set;
} parts[PART_COUNT] = {
	[PART_SECRET] = {"secret", true},         [PART_ALLOWED] = {"allowed-peer-ip", true},
	[PART_DENIED] = {"denied-peer-ip", true}, [PART_MAX_BPS] = {"max-bps", false},
	[PART_TOTAL] = {"total-quota", false},    [PART_USER] = {"user-quota", false},
};

struct question {
	struct realm_reader *reader;
	const char *realm;
	enum part part;
	struct redis_call *call; /* NULL: none under way */
};

struct realm_reader {
	struct tp_instance *self;
	struct tp_worker *worker;
	struct redis_conn *conn;
	struct realm_guard *guard;
	struct tp_worker_timer *timer;
	struct realm_policy *policy; /* being read; NULL: none */
	size_t unanswered;
	char problem[PROBLEM_SIZE];      /* of this reading */
	char last_problem[PROBLEM_SIZE]; /* is told once */
	struct tp_counter *done;
	struct tp_counter *failed;
	size_t question_count;
	struct question questions[];
};

static void read_now(struct tp_instance *self, void *arg);

/* --- answers ----------------------------------------------------------------------- */

static void complain(struct realm_reader *reader, const struct question *question,
		     const char *value, const char *sentence)
{
	if (reader->problem[0] == '\0') {
		snprintf(reader->problem, sizeof(reader->problem),
			 "%s of realm %.128s%s%.64s: %.200s", parts[question->part].name,
			 question->realm, *value == '\0' ? "" : ": ", value, sentence);
	}
}

static int take_value(struct realm_policy *policy, const struct question *question,
		      const char *value)
{
	int err;

	switch (question->part) {
	case PART_SECRET:
		err = realm_policy_add_secret(policy, question->realm, value);
		return err == TP_EFULL ? 0 : err; /* more than one answer can carry */
	case PART_ALLOWED:
	case PART_DENIED:
		return realm_policy_add_range(policy, question->realm,
					      question->part == PART_ALLOWED, value);
	default:
		return realm_policy_set_option(policy, question->realm, parts[question->part].name,
					       value);
	}
}

/* A secret is no part of the sentence. */
static void take_string(struct realm_reader *reader, const struct question *question,
			const redisReply *reply)
{
	const char *shown = question->part == PART_SECRET ? "" : reply->str;
	int err = TP_EINVAL;

	if (strlen(reply->str) == (size_t)reply->len) {
		err = take_value(reader->policy, question, reply->str);
	}
	if (err != 0) {
		complain(reader, question, shown, tp_error_string(err));
	}
}

static void take_set(struct realm_reader *reader, const struct question *question,
		     const redisReply *reply)
{
	for (size_t i = 0; i < reply->elements; i++) {
		if (reply->element[i]->type == REDIS_REPLY_STRING) {
			take_string(reader, question, reply->element[i]);
		} else {
			complain(reader, question, "", "an answer of another kind");
		}
	}
}

static void take_reply(struct realm_reader *reader, const struct question *question,
		       const redisReply *reply)
{
	if (reply == NULL) {
		complain(reader, question, "", redis_conn_problem(reader->conn));
	} else if (reply->type == REDIS_REPLY_ERROR) {
		complain(reader, question, "", reply->str);
	} else if (reply->type == REDIS_REPLY_ARRAY && parts[question->part].is_set) {
		take_set(reader, question, reply);
	} else if (reply->type == REDIS_REPLY_STRING && !parts[question->part].is_set) {
		take_string(reader, question, reply);
	} else if (reply->type != REDIS_REPLY_NIL) {
		complain(reader, question, "", "an answer of another kind");
	}
}

/* --- readings ---------------------------------------------------------------------- */

static void wait(struct realm_reader *reader, uint64_t ms)
{
	reader->timer = tp_worker_timer_start(reader->self, reader->worker, ms, read_now, reader);
}

/* What goes wrong goes wrong again and again: it is told when it changes. */
static void tell(struct realm_reader *reader)
{
	if (strcmp(reader->problem, reader->last_problem) == 0) {
		return;
	}
	memcpy(reader->last_problem, reader->problem, sizeof(reader->last_problem));
	if (reader->problem[0] == '\0') {
		tp_log(reader->self, TP_LOG_INFO, "secrets, peers and limits are read again");
	} else {
		tp_log(reader->self, TP_LOG_ERROR, "secrets, peers and limits cannot be read: %s",
		       reader->problem);
	}
}

static void end_reading(struct realm_reader *reader)
{
	tell(reader);
	if (reader->problem[0] == '\0') {
		tp_counter_add(reader->done, 1);
		realm_guard_publish(reader->guard, reader->policy);
		reader->policy = NULL;
		wait(reader, (uint64_t)tp_option_integer(reader->self, "refresh"));
	} else {
		tp_counter_add(reader->failed, 1);
		realm_policy_unref(&reader->policy);
		wait(reader, RETRY_MS);
	}
}

static void answered(void *arg, const redisReply *reply)
{
	struct question *question = arg;
	struct realm_reader *reader = question->reader;

	question->call = NULL;
	take_reply(reader, question, reply);
	reader->unanswered--;
	if (reader->unanswered == 0) {
		end_reading(reader);
	}
}

static bool ask(struct question *question)
{
	const char *command = parts[question->part].is_set ? "SMEMBERS" : "GET";
	char key[KEY_SIZE];
	int len = snprintf(key, sizeof(key), "turn/realm/%s/%s", question->realm,
			   parts[question->part].name);
	const char *argv[] = {command, key};
	size_t lens[] = {strlen(command), (size_t)len};

	if (len >= (int)sizeof(key)) {
		return false;
	}
	question->call = redis_conn_call(question->reader->conn, 2, argv, lens, answered, question);
	return question->call != NULL;
}

static void read_now(struct tp_instance *self, void *arg)
{
	struct realm_reader *reader = arg;

	(void)self;
	reader->timer = NULL;
	reader->problem[0] = '\0';
	reader->policy = realm_policy_create();
	if (reader->policy == NULL || !redis_conn_is_up(reader->conn)) {
		realm_policy_unref(&reader->policy);
		wait(reader, RETRY_MS);
		return;
	}
	for (size_t i = 0; i < reader->question_count; i++) {
		if (ask(&reader->questions[i])) {
			reader->unanswered++;
		} else {
			complain(reader, &reader->questions[i], "", "it cannot be asked for");
		}
	}
	if (reader->unanswered == 0) {
		end_reading(reader);
	}
}

void realm_reader_up(struct realm_reader *reader)
{
	if (reader->policy == NULL) {
		tp_worker_timer_cancel(&reader->timer);
		read_now(reader->self, reader);
	}
}

void realm_reader_tick(struct realm_reader *reader)
{
	if (reader->policy == NULL && reader->timer == NULL) {
		read_now(reader->self, reader);
	}
}

/* --- life ---------------------------------------------------------------------------- */

struct realm_reader *realm_reader_create(struct tp_instance *self, struct tp_worker *worker,
					 struct redis_conn *conn, const char *const *realms,
					 size_t realm_count, struct realm_guard *guard)
{
	size_t count = realm_count * PART_COUNT;
	struct realm_reader *reader =
		calloc(1, sizeof(*reader) + count * sizeof(reader->questions[0]));

	if (reader == NULL) {
		return NULL;
	}
	reader->self = self;
	reader->worker = worker;
	reader->conn = conn;
	reader->guard = guard;
	reader->question_count = count;
	for (size_t i = 0; i < count; i++) {
		reader->questions[i].reader = reader;
		reader->questions[i].realm = realms[i / PART_COUNT];
		reader->questions[i].part = (enum part)(i % PART_COUNT);
	}
	reader->done = tp_counter_create(self, "policy_reads", "times secrets and peers were read");
	reader->failed =
		tp_counter_create(self, "policy_failures", "times secrets and peers were not read");
	return reader;
}

void realm_reader_free(struct realm_reader **reader)
{
	struct realm_reader *gone = *reader;

	*reader = NULL;
	if (gone == NULL) {
		return;
	}
	tp_worker_timer_cancel(&gone->timer);
	for (size_t i = 0; i < gone->question_count; i++) {
		redis_call_cancel(&gone->questions[i].call);
	}
	realm_policy_unref(&gone->policy);
	free(gone);
}

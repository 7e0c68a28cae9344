/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "breaker.h"
#include "lookup_answer.h"
#include "lookup_cache.h"
#include "lookup_counters.h"
#include "lookup_expiry.h"
#include "lookup_key.h"
#include "lookup_question.h"

#define ATTR_SOFTWARE 0x8022
#define METHOD_ALLOCATE 0x003
#define METHOD_REFRESH 0x004
#define KEEP_MAX_S 86400
#define STALE_VALID_S 10      /* so soon is asked again whether the back end is there */
#define LOG_INTERVAL_MS 10000 /* between two lines about failures */
#define NOTES_BESIDE_WAITING 4096

struct lookup {
	struct tp_instance *self;
	struct tp_worker *worker;
	struct lookup_settings settings;
	uint64_t cache_ttl_ms;
	uint64_t negative_ttl_ms;
	uint64_t grace_ms;
	uint64_t deadline_ms;
	size_t waiting_max;
	struct lookup_expiry *expiry; /* NULL: not strict */
	struct lookup_cache *cache;
	struct lookup_counters counters;
	struct breaker breaker;

	void *questions; /* tsearch(3), by key */
	void *waiters;   /* tsearch(3), by ticket */
	struct lookup_question_list active;
	struct lookup_question_list queued;
	size_t question_count;
	size_t active_count;
	size_t waiting;
	bool starting_queued;
	bool failing;       /* said so */
	uint64_t log_at_ms; /* not before */
};

/* A request, while its handler runs. */
struct asking {
	struct tp_request *request;
	const struct lookup_query *query;
};

static uint64_t now_of(const struct lookup *lookup)
{
	return tp_worker_now_ms(lookup->worker);
}

static void count(const struct lookup *lookup, enum lookup_counter which)
{
	lookup_count(&lookup->counters, which);
}

/* --- life ------------------------------------------------------------------------------------ */

static void read_options(struct lookup *lookup)
{
	struct tp_instance *self = lookup->self;

	lookup->cache_ttl_ms = (uint64_t)tp_option_integer(self, "cache_ttl");
	lookup->negative_ttl_ms = (uint64_t)tp_option_integer(self, "negative_ttl");
	lookup->grace_ms = (uint64_t)tp_option_integer(self, "grace");
	lookup->deadline_ms = (uint64_t)tp_option_integer(self, "deadline");
	lookup->waiting_max = (size_t)tp_option_integer(self, "max_waiting");
	breaker_init(&lookup->breaker, (unsigned)tp_option_integer(self, "breaker_failures"),
		     (uint64_t)tp_option_integer(self, "breaker_open"));
}

struct lookup *lookup_create(struct tp_instance *self, struct tp_worker *worker,
			     const struct lookup_settings *settings)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	bool strict = tp_option_bool(self, "strict_expiry");

	if (lookup == NULL) {
		return NULL;
	}
	lookup->self = self;
	lookup->worker = worker;
	lookup->settings = *settings;
	TAILQ_INIT(&lookup->active);
	TAILQ_INIT(&lookup->queued);
	read_options(lookup);
	lookup_counters_init(&lookup->counters, self);
	lookup->cache = lookup_cache_create((size_t)tp_option_integer(self, "cache_size"));
	if (strict) {
		lookup->expiry =
			lookup_expiry_create(self, lookup->waiting_max + NOTES_BESIDE_WAITING);
	}
	if (lookup->cache == NULL || (strict && lookup->expiry == NULL)) {
		lookup_free(&lookup);
	}
	return lookup;
}

void lookup_flush(struct lookup *lookup)
{
	lookup_cache_flush(lookup->cache);
}

void lookup_backend_up(struct lookup *lookup)
{
	breaker_success(&lookup->breaker);
}

/* --- giving answers ----------------------------------------------------------------------------
 */

static uint64_t seconds_until(uint64_t then_ms, uint64_t now_ms)
{
	return then_ms > now_ms ? (then_ms - now_ms) / 1000 : 0;
}

/* So long may the daemon go on with the key without asking us. */
static uint32_t valid_for_s(const struct lookup_answer *answer, uint64_t now_ms)
{
	uint64_t valid_s = 0;

	if (answer->once) {
		return 0;
	}
	if (answer->ends_ms != 0) {
		valid_s = seconds_until(answer->ends_ms, now_ms);
	} else if (now_ms <= answer->fresh_until_ms) {
		valid_s = seconds_until(answer->fresh_until_ms, now_ms);
	} else {
		valid_s = STALE_VALID_S;
	}
	return valid_s < UINT32_MAX ? (uint32_t)valid_s : UINT32_MAX;
}

static void limit_lifetime(struct tp_credentials *credentials, uint64_t ends_ms, uint64_t now_ms)
{
	uint64_t left_s = seconds_until(ends_ms, now_ms);
	uint32_t max_s = credentials->max_lifetime_s;

	left_s = left_s == 0 ? 1 : left_s; /* 0 is no limit */
	if (max_s == 0 || max_s > left_s) {
		credentials->max_lifetime_s = left_s < UINT32_MAX ? (uint32_t)left_s : UINT32_MAX;
	}
}

/* What an answer becomes for one request. */
static struct tp_credentials credentials_for(struct lookup *lookup,
					     const struct lookup_answer *answer,
					     const struct lookup_query *query)
{
	struct tp_credentials credentials = answer->credentials;
	const char *user = credentials.user != NULL ? credentials.user : query->username;
	uint64_t now_ms = now_of(lookup);

	credentials.valid_for_s = valid_for_s(answer, now_ms);
	if (lookup->expiry == NULL) {
		return credentials;
	}
	if (answer->ends_ms != 0) {
		limit_lifetime(&credentials, answer->ends_ms, now_ms);
	}
	if (query->method == METHOD_ALLOCATE || query->method == METHOD_REFRESH) {
		lookup_expiry_note(lookup->expiry, &query->five_tuple, user, answer->ends_ms,
				   now_ms);
	}
	return credentials;
}

/* No password will do: the user has no key of the kind the client has chosen. */
static bool lacks_key(const struct lookup *lookup, const struct lookup_answer *answer,
		      uint16_t algorithm)
{
	if (lookup_answer_fits(answer, algorithm)) {
		return false;
	}
	count(lookup, LOOKUP_COUNT_no_key);
	return true;
}

static const char *reason_of(const struct lookup_answer *answer)
{
	return answer->reason[0] == '\0' ? NULL : answer->reason;
}

/* @answer: NULL: there is none */
static enum tp_verdict answer_request(struct lookup *lookup, const struct asking *asking,
				      const struct lookup_answer *answer)
{
	struct tp_credentials credentials;

	if (answer == NULL) {
		return tp_request_deny(asking->request, 500, NULL);
	}
	if (answer->kind == LOOKUP_REFUSED) {
		return tp_request_deny(asking->request, answer->code, reason_of(answer));
	}
	if (answer->kind == LOOKUP_UNKNOWN || lacks_key(lookup, answer, asking->query->algorithm)) {
		return TP_PASS;
	}
	credentials = credentials_for(lookup, answer, asking->query);
	return tp_request_provide(asking->request, &credentials);
}

/* A ticket that cannot be answered, because too many answers wait, has a deadline. */
static void answer_waiter(struct lookup *lookup, const struct lookup_waiter *waiter,
			  const struct lookup_answer *answer)
{
	struct tp_ticket ticket = {waiter->ticket_id};
	struct lookup_query query = waiter->question->query;
	struct tp_credentials credentials;

	query.five_tuple = waiter->five_tuple;
	query.method = waiter->method;
	if (answer == NULL) {
		tp_ticket_deny(ticket, 500, NULL);
	} else if (answer->kind == LOOKUP_REFUSED) {
		tp_ticket_deny(ticket, answer->code, reason_of(answer));
	} else if (answer->kind == LOOKUP_UNKNOWN || lacks_key(lookup, answer, waiter->algorithm)) {
		tp_ticket_answer(ticket, TP_PASS, 0);
	} else {
		credentials = credentials_for(lookup, answer, &query);
		tp_ticket_provide(ticket, &credentials);
	}
}

/* What was once known of the user, for want of better. NULL: nothing */
static const struct lookup_answer *find_stale(struct lookup *lookup, const struct lookup_key *key)
{
	const struct lookup_answer *answer = lookup_cache_find(lookup->cache, key, now_of(lookup));

	return answer != NULL && answer->kind == LOOKUP_FOUND ? answer : NULL;
}

static enum tp_verdict answer_without_asking(struct lookup *lookup, const struct asking *asking,
					     const struct lookup_key *key)
{
	const struct lookup_answer *stale = find_stale(lookup, key);

	if (stale != NULL) {
		count(lookup, LOOKUP_COUNT_stale);
	}
	return answer_request(lookup, asking, stale);
}

/* --- waiting ------------------------------------------------------------------------------------
 */

static int compare_tickets(const void *left, const void *right)
{
	const uint64_t *a = left;
	const uint64_t *b = right;

	return *a < *b ? -1 : *a > *b;
}

static void waiter_free(struct lookup *lookup, struct lookup_waiter *waiter)
{
	tdelete(waiter, &lookup->waiters, compare_tickets);
	TAILQ_REMOVE(&waiter->question->waiters, waiter, by_time);
	lookup->waiting--;
	free(waiter);
}

static void waiter_add(struct lookup_question *question, struct lookup_waiter *waiter,
		       const struct asking *asking)
{
	struct lookup *lookup = question->lookup;
	struct tp_ticket ticket = {waiter->ticket_id};

	if (tsearch(waiter, &lookup->waiters, compare_tickets) == NULL) {
		free(waiter);
		count(lookup, LOOKUP_COUNT_out_of_memory);
		tp_ticket_deny(ticket, 500, NULL);
		return;
	}
	waiter->question = question;
	waiter->five_tuple = asking->query->five_tuple;
	waiter->method = asking->query->method;
	waiter->algorithm = asking->query->algorithm;
	TAILQ_INSERT_TAIL(&question->waiters, waiter, by_time);
	lookup->waiting++;
}

/* The request waits for the question's end. */
static enum tp_verdict wait_for(struct lookup_question *question, const struct asking *asking)
{
	struct lookup *lookup = question->lookup;
	struct lookup_waiter *waiter;
	struct tp_ticket ticket;

	if (lookup->waiting >= lookup->waiting_max) {
		count(lookup, LOOKUP_COUNT_queue_full);
		return answer_without_asking(lookup, asking, question->key);
	}
	waiter = calloc(1, sizeof(*waiter));
	if (waiter == NULL) {
		count(lookup, LOOKUP_COUNT_out_of_memory);
		return tp_request_deny(asking->request, 500, NULL);
	}
	if (tp_request_park(asking->request, &ticket) != TP_PARK) {
		free(waiter);
		return tp_request_deny(asking->request, 500, NULL);
	}
	waiter->ticket_id = ticket.id;
	waiter_add(question, waiter, asking);
	return TP_PARK;
}

static void answer_waiters(struct lookup_question *question, const struct lookup_answer *answer)
{
	struct lookup *lookup = question->lookup;
	bool failed = answer == NULL;
	struct lookup_waiter *waiter;

	if (failed) {
		answer = find_stale(lookup, question->key);
	}
	while ((waiter = TAILQ_FIRST(&question->waiters)) != NULL) {
		if (failed && answer != NULL) {
			count(lookup, LOOKUP_COUNT_stale);
		}
		answer_waiter(lookup, waiter, answer);
		waiter_free(lookup, waiter);
	}
}

/* --- questions ----------------------------------------------------------------------------------
 */

static struct lookup_question *find_question(struct lookup *lookup, const struct lookup_key *key)
{
	struct lookup_question **node = tfind(&key, &lookup->questions, lookup_key_compare);

	return node == NULL ? NULL : *node;
}

/* From here on nobody joins it. */
static void take_out(struct lookup_question *question)
{
	struct lookup *lookup = question->lookup;

	tdelete(question, &lookup->questions, lookup_key_compare);
	tp_worker_timer_cancel(&question->deadline);
	lookup->question_count--;
	if (question->stage == LOOKUP_QUEUED) {
		TAILQ_REMOVE(&lookup->queued, question, by_time);
	} else {
		TAILQ_REMOVE(&lookup->active, question, by_time);
		lookup->active_count--;
	}
}

/* Takes the answer over. */
static void keep(struct lookup_question *question, struct lookup_answer *answer)
{
	struct lookup *lookup = question->lookup;

	if (answer->stale_until_ms > now_of(lookup)) {
		lookup_cache_put(lookup->cache, question->key, answer, now_of(lookup));
		question->key = NULL;
	} else {
		lookup_cache_remove(lookup->cache, question->key); /* it is another one now */
		lookup_answer_free(&answer);
	}
}

static void start_queued(struct lookup *lookup);

/* It has ended. @answer: NULL: it failed; else taken over */
static void conclude(struct lookup_question *question, struct lookup_answer *answer)
{
	struct lookup *lookup = question->lookup;

	take_out(question);
	answer_waiters(question, answer);
	if (answer != NULL) {
		keep(question, answer);
	}
	lookup_question_free(&question);
	start_queued(lookup);
}

static void end(struct lookup_question *question, struct lookup_answer *answer)
{
	if (question->stage == LOOKUP_STARTING) { /* who has started it sees to it */
		question->ended = true;
		question->answer = answer;
	} else {
		conclude(question, answer);
	}
}

static void backend_works(struct lookup_question *question)
{
	struct lookup *lookup = question->lookup;

	lookup_count_latency(&lookup->counters, now_of(lookup) - question->started_ms);
	breaker_success(&lookup->breaker);
	if (lookup->failing) {
		lookup->failing = false;
		lookup->log_at_ms = 0;
		tp_log(lookup->self, TP_LOG_INFO, "the back end answers again");
	}
}

static void tell(struct lookup *lookup, const char *sentence)
{
	uint64_t now_ms = now_of(lookup);

	if (now_ms >= lookup->log_at_ms) {
		lookup->log_at_ms = now_ms + LOG_INTERVAL_MS;
		tp_log(lookup->self, TP_LOG_WARN, "%s", sentence);
	}
}

static void backend_failed(struct lookup_question *question, const char *sentence)
{
	struct lookup *lookup = question->lookup;

	tell(lookup, sentence);
	lookup->failing = true;
	if (breaker_failure(&lookup->breaker, now_of(lookup))) {
		count(lookup, LOOKUP_COUNT_breaker_opened);
		tp_log(lookup->self, TP_LOG_ERROR,
		       "the back end has failed %u times in a row, the last time: %s",
		       lookup->breaker.failures_max, sentence);
	}
}

static void expire(struct tp_instance *self, void *arg)
{
	struct lookup_question *question = arg;
	struct lookup *lookup = question->lookup;

	question->deadline = NULL;
	count(lookup, LOOKUP_COUNT_timed_out);
	if (question->stage == LOOKUP_ACTIVE) {
		lookup->settings.ops->cancel(lookup->settings.backend, &question->query);
		backend_failed(question, "no answer in time");
	} else if (question->probe) {
		breaker_probe_lost(&lookup->breaker, now_of(lookup));
	}
	conclude(question, NULL);
}

/* Afterwards it may have ended. */
static void start(struct lookup_question *question)
{
	struct lookup *lookup = question->lookup;

	count(lookup, LOOKUP_COUNT_asked);
	question->stage = LOOKUP_STARTING;
	question->started_ms = now_of(lookup);
	lookup->active_count++;
	TAILQ_INSERT_TAIL(&lookup->active, question, by_time);
	if (lookup->settings.ops->start(lookup->settings.backend, &question->query) != 0 &&
	    !question->ended) {
		lookup_failed(&question->query, "the back end cannot be asked");
	}
	question->stage = LOOKUP_ACTIVE;
}

static void conclude_started(struct lookup_question *question)
{
	struct lookup_answer *answer = question->answer;

	question->answer = NULL;
	conclude(question, answer);
}

static bool is_busy(const struct lookup *lookup)
{
	return lookup->settings.active_max != 0 &&
	       lookup->active_count >= lookup->settings.active_max;
}

static void start_queued(struct lookup *lookup)
{
	struct lookup_question *question;

	if (lookup->starting_queued) {
		return;
	}
	lookup->starting_queued = true;
	while (!is_busy(lookup) && (question = TAILQ_FIRST(&lookup->queued)) != NULL) {
		TAILQ_REMOVE(&lookup->queued, question, by_time);
		start(question);
		if (question->ended) {
			conclude_started(question);
		}
	}
	lookup->starting_queued = false;
}

static void drop_queued(struct lookup_question *question)
{
	struct lookup *lookup = question->lookup;

	if (question->probe) {
		breaker_probe_lost(&lookup->breaker, now_of(lookup));
	}
	take_out(question);
	lookup_question_free(&question);
}

/* --- asking -------------------------------------------------------------------------------------
 */

/* NULL when out of memory. Takes the key over, in any case. */
static struct lookup_question *add_question(struct lookup *lookup, const struct asking *asking,
					    struct lookup_key *key)
{
	struct lookup_question *question = lookup_question_create(lookup, asking->query, key);

	if (question == NULL) {
		free(key);
		return NULL;
	}
	question->deadline = tp_worker_timer_start(lookup->self, lookup->worker,
						   lookup->deadline_ms, expire, question);
	if (question->deadline == NULL ||
	    tsearch(question, &lookup->questions, lookup_key_compare) == NULL) {
		tp_worker_timer_cancel(&question->deadline);
		lookup_question_free(&question);
		return NULL;
	}
	lookup->question_count++;
	return question;
}

static enum tp_verdict begin(struct lookup_question *question, const struct asking *asking)
{
	struct lookup *lookup = question->lookup;
	enum tp_verdict verdict;

	if (is_busy(lookup)) {
		TAILQ_INSERT_TAIL(&lookup->queued, question, by_time);
		verdict = wait_for(question, asking);
		if (TAILQ_EMPTY(&question->waiters)) {
			drop_queued(question);
		}
		return verdict;
	}
	start(question);
	if (!question->ended) {
		return wait_for(question, asking);
	}
	if (question->answer != NULL) {
		verdict = answer_request(lookup, asking, question->answer);
	} else {
		verdict = answer_without_asking(lookup, asking, question->key);
	}
	conclude_started(question);
	return verdict;
}

/* Takes the key over. */
static enum tp_verdict ask_anew(struct lookup *lookup, const struct asking *asking,
				struct lookup_key *key)
{
	struct lookup_question *question;
	enum breaker_verdict verdict;

	if (lookup->waiting >= lookup->waiting_max ||
	    lookup->question_count >= lookup->waiting_max) {
		enum tp_verdict full = answer_without_asking(lookup, asking, key);

		count(lookup, LOOKUP_COUNT_queue_full);
		free(key);
		return full;
	}
	verdict = breaker_ask(&lookup->breaker, now_of(lookup));
	if (verdict == BREAKER_STOP) {
		enum tp_verdict stopped = answer_without_asking(lookup, asking, key);

		count(lookup, LOOKUP_COUNT_breaker_stopped);
		free(key);
		return stopped;
	}
	question = add_question(lookup, asking, key);
	if (question == NULL) {
		count(lookup, LOOKUP_COUNT_out_of_memory);
		if (verdict == BREAKER_PROBE) {
			breaker_probe_lost(&lookup->breaker, now_of(lookup));
		}
		return tp_request_deny(asking->request, 500, NULL);
	}
	question->probe = verdict == BREAKER_PROBE;
	return begin(question, asking);
}

/* Takes the key over. */
static enum tp_verdict ask(struct lookup *lookup, const struct asking *asking,
			   struct lookup_key *key)
{
	const struct lookup_answer *answer = lookup_cache_find(lookup->cache, key, now_of(lookup));
	struct lookup_question *question;

	if (answer != NULL && now_of(lookup) < answer->fresh_until_ms) {
		count(lookup,
		      answer->kind == LOOKUP_FOUND ? LOOKUP_COUNT_cached : LOOKUP_COUNT_negative);
		free(key);
		return answer_request(lookup, asking, answer);
	}
	question = find_question(lookup, key);
	if (question != NULL) {
		count(lookup, LOOKUP_COUNT_joined);
		free(key);
		return wait_for(question, asking);
	}
	return ask_anew(lookup, asking, key);
}

enum tp_verdict lookup_ask_with(struct lookup *lookup, struct tp_request *request,
				const struct tp_request_authorization *event,
				const struct lookup_details *details)
{
	struct lookup_query query = {
		.username = event->username,
		.userhash = event->userhash,
		.realm = event->realm,
		.algorithm = event->algorithm,
		.method = event->method,
		.five_tuple = *event->five_tuple,
		.keep_s = LOOKUP_UNSAID,
	};
	const struct asking asking = {request, &query};
	struct lookup_key *key;

	count(lookup, LOOKUP_COUNT_requests);
	if (details != NULL) {
		query.server_name = details->server_name;
		query.token = details->token;
	}
	if (!tp_request_attribute(request, ATTR_SOFTWARE, 0, &query.software)) {
		query.software = (struct tp_view){NULL, 0};
	}
	key = lookup_key_create(&query, lookup->settings.depends);
	if (key == NULL) {
		count(lookup, LOOKUP_COUNT_out_of_memory);
		return tp_request_deny(request, 500, NULL);
	}
	return ask(lookup, &asking, key);
}

enum tp_verdict lookup_ask(struct lookup *lookup, struct tp_request *request,
			   const struct tp_request_authorization *event)
{
	return lookup_ask_with(lookup, request, event, NULL);
}

void lookup_request_gone(struct lookup *lookup, struct tp_ticket ticket)
{
	struct lookup_waiter **node = tfind(&ticket.id, &lookup->waiters, compare_tickets);
	struct lookup_question *question;

	if (node == NULL) {
		return;
	}
	count(lookup, LOOKUP_COUNT_gone);
	question = (*node)->question;
	waiter_free(lookup, *node);
	if (question->stage == LOOKUP_QUEUED && TAILQ_EMPTY(&question->waiters)) {
		drop_queued(question);
	} /* one that is under way goes on, for the cache */
}

/* --- what comes of it ---------------------------------------------------------------------------
 */

static uint64_t keep_ms(const struct lookup_question *question, uint64_t usual_ms)
{
	int64_t keep_s = question->query.keep_s;

	if (keep_s < 0) {
		return usual_ms;
	}
	return (uint64_t)(keep_s < KEEP_MAX_S ? keep_s : KEEP_MAX_S) * 1000;
}

static void set_times(const struct lookup_question *question, struct lookup_answer *answer,
		      int64_t valid_s)
{
	const struct lookup *lookup = question->lookup;
	uint64_t now_ms = now_of(lookup);

	answer->fresh_until_ms = now_ms + keep_ms(question, lookup->cache_ttl_ms);
	answer->stale_until_ms = answer->fresh_until_ms + lookup->grace_ms;
	if (question->query.keep_s == 0) {
		answer->stale_until_ms = now_ms;
	}
	if (valid_s > 0) {
		answer->ends_ms = now_ms + (uint64_t)valid_s * 1000;
		if (answer->fresh_until_ms > answer->ends_ms) {
			answer->fresh_until_ms = answer->ends_ms;
		}
	} else if (valid_s == 0) {
		answer->once = true;
		answer->fresh_until_ms = now_ms;
		answer->stale_until_ms = now_ms;
	}
}

void lookup_found(struct lookup_query *query, const struct lookup_credentials *credentials)
{
	struct lookup_question *question = lookup_question_of(query);
	struct lookup_answer *answer;

	if (!lookup_credentials_usable(&credentials->credentials, query->username == NULL)) {
		lookup_unusable(query, "a user has no password or key that can be used");
		return;
	}
	backend_works(question);
	answer = lookup_answer_copy(&credentials->credentials);
	if (answer == NULL) {
		count(question->lookup, LOOKUP_COUNT_out_of_memory);
	} else {
		count(question->lookup, LOOKUP_COUNT_found);
		set_times(question, answer, credentials->valid_for_s);
	}
	end(question, answer);
}

static struct lookup_answer *negative_answer(struct lookup_question *question,
					     enum lookup_kind kind, enum lookup_counter counter)
{
	struct lookup *lookup = question->lookup;
	struct lookup_answer *answer = lookup_answer_create(kind);

	backend_works(question);
	if (answer == NULL) {
		count(lookup, LOOKUP_COUNT_out_of_memory);
		return NULL;
	}
	count(lookup, counter);
	answer->fresh_until_ms = now_of(lookup) + keep_ms(question, lookup->negative_ttl_ms);
	answer->stale_until_ms = answer->fresh_until_ms;
	return answer;
}

void lookup_unknown(struct lookup_query *query)
{
	struct lookup_question *question = lookup_question_of(query);

	end(question, negative_answer(question, LOOKUP_UNKNOWN, LOOKUP_COUNT_unknown));
}

void lookup_refused(struct lookup_query *query, uint16_t code, const char *reason)
{
	struct lookup_question *question = lookup_question_of(query);
	struct lookup_answer *answer =
		negative_answer(question, LOOKUP_REFUSED, LOOKUP_COUNT_refused);

	if (answer != NULL) {
		answer->code = code >= 300 && code <= 699 ? code : 401;
		if (reason != NULL) {
			strncpy(answer->reason, reason, sizeof(answer->reason) - 1);
		}
	}
	end(question, answer);
}

void lookup_failed(struct lookup_query *query, const char *sentence)
{
	struct lookup_question *question = lookup_question_of(query);

	count(question->lookup, LOOKUP_COUNT_failed);
	backend_failed(question, sentence);
	end(question, NULL);
}

void lookup_unusable(struct lookup_query *query, const char *sentence)
{
	struct lookup_question *question = lookup_question_of(query);

	count(question->lookup, LOOKUP_COUNT_unusable);
	backend_works(question);
	tell(question->lookup, sentence);
	end(question, NULL);
}

/* --- strict expiry ------------------------------------------------------------------------------
 */

void lookup_create_allocation(struct lookup *lookup, const struct tp_create_allocation *event)
{
	if (lookup->expiry != NULL) {
		lookup_expiry_attach(lookup->expiry, event->allocation, now_of(lookup));
	}
}

enum tp_verdict lookup_before_refresh(struct lookup *lookup, struct tp_request *request,
				      const struct tp_before_refresh *event)
{
	uint64_t ends_ms;
	uint64_t left_s;

	if (lookup->expiry == NULL || event->lifetime_s == 0) {
		return TP_PASS;
	}
	lookup_expiry_attach(lookup->expiry, event->allocation, now_of(lookup));
	ends_ms = lookup_expiry_of(lookup->expiry, event->allocation);
	if (ends_ms != 0) {
		left_s = seconds_until(ends_ms, now_of(lookup));
		tp_request_shorten_lifetime(request, left_s == 0           ? 1
						     : left_s < UINT32_MAX ? (uint32_t)left_s
									   : UINT32_MAX);
	}
	return TP_PASS;
}

/* --- the end ------------------------------------------------------------------------------------
 */

void lookup_free(struct lookup **where)
{
	struct lookup *lookup = *where;
	struct lookup_question *question;

	if (lookup == NULL) {
		return;
	}
	lookup->starting_queued = true; /* nothing new */
	while ((question = TAILQ_FIRST(&lookup->active)) != NULL) {
		lookup->settings.ops->cancel(lookup->settings.backend, &question->query);
		conclude(question, NULL);
	}
	while ((question = TAILQ_FIRST(&lookup->queued)) != NULL) {
		conclude(question, NULL);
	}
	lookup_cache_free(&lookup->cache);
	lookup_expiry_free(&lookup->expiry);
	free(lookup);
	*where = NULL;
}

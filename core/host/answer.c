/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/ticket.h>

#include <stdlib.h>

#include <turnpike/error.h>

#include "base/counter.h"
#include "base/list.h"
#include "host/credentials.h"
#include "host/dispatch.h"
#include "host/observation_row.h"
#include "host/request.h"
#include "host/ticket.h"
#include "io/mailbox.h"

/* An answer on its way to the worker that parked the request. */
struct answer {
	struct tp_message message;
	struct tp_ticket ticket;
	enum tp_verdict verdict;
	uint16_t code;
	char reason[TP_REASON_SIZE];        /* with TP_DENY; empty: the registered phrase */
	struct tp_credentials *credentials; /* a copy; NULL: none */
};

static void answer_free(struct answer *answer)
{
	tp_credentials_free(&answer->credentials);
	free(answer);
}

static void count_stale(struct tp_ticket ticket)
{
	struct tp_observation_row *row = tp_ticket_noted(ticket);

	if (row != NULL) {
		tp_observation_add(&row->stale, 1);
	}
	tp_counter_add(tp_counter_named("host.ticket.stale", "answers to requests that had ended"),
		       1);
}

static void deliver(struct tp_message *message)
{
	struct answer *answer = tp_container_of(message, struct answer, message);
	struct tp_request *request = tp_ticket_find(answer->ticket);

	tp_ticket_posted(answer->ticket);
	if (request != NULL) {
		tp_dispatch_answer(request, answer->verdict, answer->code, answer->reason,
				   answer->credentials);
	} else {
		count_stale(answer->ticket);
	}
	answer_free(answer);
}

static int post(const struct answer *template)
{
	struct answer *answer = malloc(sizeof(*answer));
	int err;

	if (answer == NULL) {
		return TP_ENOMEM;
	}
	*answer = *template;
	answer->message.deliver = deliver;
	err = tp_ticket_post(answer->ticket, &answer->message);
	if (err != 0) {
		free(answer);
	}
	return err;
}

int tp_ticket_answer(struct tp_ticket ticket, enum tp_verdict verdict, uint16_t code)
{
	struct answer answer = {.ticket = ticket, .verdict = verdict, .code = code};

	if ((verdict != TP_PASS && verdict != TP_ALLOW && verdict != TP_DENY) ||
	    (code != 0 && (verdict != TP_DENY || code < 300 || code > 699))) {
		return TP_EINVAL;
	}
	return post(&answer);
}

int tp_ticket_deny(struct tp_ticket ticket, uint16_t code, const char *reason)
{
	struct answer answer = {.ticket = ticket, .verdict = TP_DENY, .code = code};

	if (code != 0 && (code < 300 || code > 699)) {
		return TP_EINVAL;
	}
	if (reason != NULL) {
		tp_reason_copy(answer.reason, reason);
	}
	return post(&answer);
}

int tp_ticket_provide(struct tp_ticket ticket, const struct tp_credentials *credentials)
{
	struct answer answer = {.ticket = ticket, .verdict = TP_ALLOW};
	int err = tp_credentials_copy(credentials, &answer.credentials);

	if (err != 0) {
		return err;
	}
	err = post(&answer);
	if (err != 0) {
		tp_credentials_free(&answer.credentials);
	}
	return err;
}

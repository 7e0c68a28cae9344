/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/event.h>
#include <turnpike/ticket.h>

#include "base/wheel.h"
#include "host/generation.h"

struct tp_request;

/* Called when a parked chain has come to its end, from the worker's loop. */
typedef void (*tp_answered_fn)(struct tp_request *request, enum tp_verdict verdict);

/* Where a request stands in a chain; embedded in the request. */
struct tp_asking {
	enum tp_event event;
	const void *payload;
	size_t next;             /* link to ask next */
	bool asking;             /* inside a handler now: tp_request_park() is allowed */
	bool allowed;            /* some gate said TP_ALLOW */
	struct tp_ticket ticket; /* while parked; id 0 otherwise */
	struct tp_timer deadline;
	tp_answered_fn answered;
};

/**
 * Ask the chain of a provider or gate event.
 *
 * @payload:  the event's; must stay as it is until the chain has ended
 * @answered: called later, only when this returns TP_PARK
 *
 * Provider: TP_ALLOW (request->provided is set), TP_DENY, or TP_PASS when all
 * passed. Gate: TP_ALLOW or TP_PASS (go on), or TP_DENY with
 * request->deny_code (0: the event's own) and deny_reason. A handler that stays
 * silent past its deadline is TP_DENY with code 500; one that returns nonsense
 * or TP_PARK without a ticket is TP_DENY with code 0. Where the instance is
 * configured so (on_error) both are TP_PASS. They are logged by name and
 * counted. No subscriber: TP_PASS at the cost of a branch.
 *
 * Thread: the request's worker
 */
enum tp_verdict tp_dispatch_ask(struct tp_request *request, enum tp_event event,
				const void *payload, tp_answered_fn answered);

/** The request ends while it is parked: the plugin hears request_gone, answers become stale. */
void tp_dispatch_cancel(struct tp_request *request);

/**
 * Go on with a parked request. It is over, and may be freed, when this returns.
 *
 * @verdict:     TP_PASS, TP_ALLOW or TP_DENY
 * @code:        with TP_DENY; 0: the event's own
 * @reason:      with TP_DENY; empty: the registered phrase
 * @credentials: what a provider allows with; NULL: none
 */
void tp_dispatch_answer(struct tp_request *request, enum tp_verdict verdict, uint16_t code,
			const char *reason, const struct tp_credentials *credentials);

/** Take the one ticket of the request for the handler being asked. Errors: TP_EINVAL, TP_EFULL. */
int tp_dispatch_park(struct tp_request *request, struct tp_ticket *ticket);

/** Is it parked? */
bool tp_dispatch_parked(const struct tp_request *request);

/** Tell all observers of the event: of a realm, or of all where it belongs to none. */
void tp_dispatch_tell(const struct tp_chains *chains, enum tp_event event, const void *payload);

/** Ask the chain of an event of family PACKET or INLINE: TP_DENY or TP_PASS. */
enum tp_verdict tp_dispatch_packet(const struct tp_chains *chains, enum tp_event event,
				   const void *payload);

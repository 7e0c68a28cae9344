/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "host/request.h"
#include "stun/build.h"
#include "stun/integrity.h"
#include "stun/msg.h"
#include "turn/methods.h"
#include "turn/move.h"
#include "turn/replay.h"

struct tp_allocation;
struct tp_behavior_route;
struct tp_endpoint;
struct tp_realm;
struct tp_server;

#define TP_RESPONSE_MAX 1280
#define TP_TRANSACTION_STORAGE 1536

/* What comes after a chain of handlers has been asked. */
typedef void (*tp_step_fn)(struct tp_transaction *transaction, enum tp_verdict verdict);

/*
 * A request on its way to a response (RFC 8489 section 6.3.1):
 *
 *	begin -> authenticate -> method->handle -> success gate -> commit -> send
 *	                      \-> fail ----------> error gate -----------/
 *
 * A method reserves in handle and changes state in commit only, so a veto of
 * the response leaves nothing to undo. Each arrow may wait for a plugin; the
 * allocation is held on to meanwhile, and when it goes the transaction goes.
 */
struct tp_transaction {
	struct tp_request request; /* first: what plugins see */
	struct tp_server *server;
	struct tp_realm *realm;
	struct tp_endpoint *endpoint;
	const struct tp_method *method;
	struct tp_transaction_key key; /* in the server's table while it waits */
	struct tp_stun_msg msg;
	struct tp_list link;              /* in the allocation's list while it waits */
	struct tp_allocation *allocation; /* of the five-tuple, or the ticket; NULL: none */
	struct tp_move_claim claim;
	tp_step_fn step;                 /* where to go on */
	void *credentials;               /* the authentication's own, in the arena */
	void *state;                     /* the method's own, in the arena */
	struct tp_behavior_route *route; /* of a success response; NULL: as the request came */
	bool waiting;
	bool held; /* the way back to the client */

	bool authenticated;
	enum tp_password_algorithm algorithm; /* the request's */
	bool sha256;                          /* integrity of the response */
	struct tp_key integrity_key;

	struct tp_build build;
	size_t counter_at;   /* where the response has its transmit counter; 0: none */
	uint16_t error_code; /* being sent; 0 for success */
	union {
		struct tp_request_success success;
		struct tp_request_error error;
	} gate; /* payload of the response gates */
	uint8_t response[TP_RESPONSE_MAX];
	uint8_t storage[TP_TRANSACTION_STORAGE];
};

/** Comprehension-required attributes of the request that are not understood, as
 * tp_stun_msg_unknown(). */
size_t tp_transaction_unknown(const struct tp_transaction *transaction, uint16_t *out, size_t max);

/** Take up a request: absorb or answer retransmissions, start the rest. @msg is copied. */
void tp_transaction_begin(struct tp_server *server, struct tp_endpoint *endpoint,
			  const struct tp_five_tuple *five_tuple, const struct tp_stun_msg *msg);

/** Credentials are good: go on with the checks after them and the method. */
void tp_transaction_authenticated(struct tp_transaction *transaction);

/** Ask the handlers of a gate or provider event, then go on with @step, now or later. */
void tp_transaction_ask(struct tp_transaction *transaction, enum tp_event event,
			const void *payload, tp_step_fn step);

/**
 * Stay in the server's table until tp_transaction_resume(): an answer comes
 * from elsewhere. Errors: TP_EFULL, TP_ENOMEM; then it does not wait.
 */
int tp_transaction_wait(struct tp_transaction *transaction);
void tp_transaction_resume(struct tp_transaction *transaction);

/** End without a response: another worker answers. */
void tp_transaction_drop(struct tp_transaction *transaction);

/** The method has done its part: build the success response, ask, commit, send, end. */
void tp_transaction_succeed(struct tp_transaction *transaction);

/** Send an error response and end. @reason: NULL for the registered phrase. */
void tp_transaction_fail(struct tp_transaction *transaction, uint16_t code, const char *reason);

/** A gate said no: its code and reason, or the event's own code. */
void tp_transaction_refuse(struct tp_transaction *transaction, uint16_t own_code);

/** End those of a list that wait, without a response. */
void tp_transaction_cancel_all(struct tp_list *transactions);

/** End those of an endpoint that wait; NULL: all. */
void tp_transaction_cancel_endpoint(struct tp_server *server, const struct tp_endpoint *endpoint);

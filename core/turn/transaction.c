/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/transaction.h"

#include <string.h>

#include <turnpike/error.h>

#include "base/secret.h"
#include "host/dispatch.h"
#include "host/generation.h"
#include "io/endpoint.h"
#include "io/loop.h"
#include "turn/allocation.h"
#include "turn/auth.h"
#include "turn/behavior.h"
#include "turn/detour.h"
#include "turn/discard.h"
#include "turn/realm.h"
#include "turn/reply.h"
#include "turn/server.h"

/* The index of a message, over a copy of its bytes. */
static int copy_msg(struct tp_transaction *transaction, const struct tp_stun_msg *msg)
{
	uint8_t *bytes = tp_arena_copy(&transaction->request.arena, msg->bytes, msg->len);
	struct tp_stun_msg *copy = &transaction->msg;

	if (bytes == NULL) {
		return TP_ENOMEM;
	}
	copy->bytes = bytes;
	copy->len = msg->len;
	copy->method = msg->method;
	copy->message_class = msg->message_class;
	copy->transaction_id = bytes + (msg->transaction_id - msg->bytes);
	copy->attr_count = msg->attr_count;
	for (size_t i = 0; i < msg->attr_count; i++) {
		copy->attrs[i] = msg->attrs[i];
		copy->attrs[i].value = bytes + (msg->attrs[i].value - msg->bytes);
	}
	return 0;
}

static void key_init(struct tp_transaction_key *key, const struct tp_five_tuple *five_tuple,
		     const struct tp_stun_msg *msg)
{
	key->five_tuple = *five_tuple;
	memcpy(key->transaction_id, msg->transaction_id, TP_STUN_TRANSACTION_ID_SIZE);
}

static void transaction_free(struct tp_transaction *transaction)
{
	struct tp_server *server = transaction->server;

	if (transaction->method->release != NULL && transaction->state != NULL) {
		transaction->method->release(transaction);
	}
	if (transaction->method->alone) {
		tp_endpoint_pause(transaction->endpoint, false);
	}
	if (transaction->held) {
		tp_endpoint_release(transaction->endpoint, &transaction->key.five_tuple);
	}
	tp_secret_wipe(&transaction->integrity_key, sizeof(transaction->integrity_key));
	tp_request_fini(&transaction->request);
	tp_pool_give(&server->transaction_pool, transaction);
}

static struct tp_transaction *transaction_create(struct tp_server *server,
						 struct tp_endpoint *endpoint,
						 const struct tp_method *method,
						 const struct tp_transaction_key *key,
						 const struct tp_stun_msg *msg)
{
	struct tp_transaction *transaction = tp_pool_take(&server->transaction_pool);

	if (transaction == NULL) {
		return NULL;
	}
	tp_arena_init(&transaction->request.arena, transaction->storage,
		      sizeof(transaction->storage));
	transaction->server = server;
	transaction->realm = tp_realm_of(server, endpoint);
	transaction->endpoint = endpoint;
	transaction->method = method;
	transaction->key = *key;
	tp_list_init(&transaction->link);
	transaction->request.worker = server->worker;
	transaction->request.generation = tp_generation_ref(server->generation);
	transaction->request.chains = transaction->realm->chains;
	transaction->request.five_tuple = key->five_tuple;
	transaction->request.msg = &transaction->msg;
	transaction->request.realm = transaction->realm->name;
	if (copy_msg(transaction, msg) != 0) {
		transaction_free(transaction);
		return NULL;
	}
	transaction->allocation = tp_move_find(server, &key->five_tuple);
	if (method->locate != NULL) {
		method->locate(transaction);
	}
	return transaction;
}

/* Returns true when the request needs no more than this. */
static bool is_retransmission(struct tp_server *server, struct tp_endpoint *endpoint,
			      const struct tp_transaction_key *key, const struct tp_stun_msg *msg)
{
	const uint8_t *response;
	uint8_t requests;
	size_t len;

	if (tp_map_find(&server->transactions, key) != NULL) {
		tp_counter_add(server->counters.retransmissions_absorbed, 1);
		tp_discard_message(server, &key->five_tuple,
				   tp_allocation_find(server, &key->five_tuple), TP_CLIENT_TO_PEER,
				   msg->method, TP_DISCARD_PARKED, msg->len);
		return true;
	}
	if (tp_transmit_counter_read(msg, &requests)) {
		tp_replay_count(&server->replay, key, requests);
	}
	response = tp_replay_find(&server->replay, key, tp_loop_now_ms(server->worker->loop), &len);
	if (response == NULL) {
		return false;
	}
	tp_counter_add(server->counters.retransmissions_answered, 1);
	(void)tp_endpoint_send(endpoint, &key->five_tuple, response, len);
	return true;
}

static void start(struct tp_transaction *transaction)
{
	tp_counter_add(transaction->server->counters.requests, 1);
	if (transaction->method->alone) {
		tp_endpoint_pause(transaction->endpoint, true);
	}
	if (transaction->method->authenticated) {
		tp_auth_begin(transaction);
	} else {
		tp_transaction_authenticated(transaction);
	}
}

void tp_transaction_begin(struct tp_server *server, struct tp_endpoint *endpoint,
			  const struct tp_five_tuple *five_tuple, const struct tp_stun_msg *msg)
{
	const struct tp_method *method = tp_method_find(msg->method);
	struct tp_transaction *transaction;
	struct tp_transaction_key key;

	if (method == NULL) {
		tp_discard_message(server, five_tuple, tp_allocation_find(server, five_tuple),
				   TP_CLIENT_TO_PEER, msg->method, TP_DISCARD_METHOD, msg->len);
		return;
	}
	key_init(&key, five_tuple, msg);
	if (is_retransmission(server, endpoint, &key, msg)) {
		return;
	}
	transaction = transaction_create(server, endpoint, method, &key, msg);
	if (transaction == NULL) {
		tp_counter_add(server->counters.out_of_memory, 1);
		tp_exception_tell(server, tp_realm_of(server, endpoint), five_tuple,
				  TP_STAGE_HANDLE, "out of memory", msg->bytes, msg->len);
		return;
	}
	start(transaction);
}

size_t tp_transaction_unknown(const struct tp_transaction *transaction, uint16_t *out, size_t max)
{
	return tp_stun_msg_unknown(&transaction->msg,
				   tp_behavior_allowed(transaction) ? tp_behavior_knows_attribute
								    : tp_method_knows_attribute,
				   out, max);
}

static bool has_unknown_attribute(const struct tp_transaction *transaction)
{
	uint16_t unknown;

	return tp_transaction_unknown(transaction, &unknown, 1) != 0;
}

/* The same name in another realm is another user. */
static bool is_own(const struct tp_transaction *transaction, const struct tp_allocation *allocation)
{
	return allocation->realm == transaction->realm &&
	       strcmp(allocation->user, transaction->request.user) == 0;
}

void tp_transaction_authenticated(struct tp_transaction *transaction)
{
	const struct tp_method *method = transaction->method;
	const struct tp_allocation *allocation = transaction->allocation;

	if (has_unknown_attribute(transaction)) {
		tp_transaction_fail(transaction, 420, NULL);
	} else if (transaction->claim.code != 0) {
		tp_transaction_fail(transaction, transaction->claim.code, NULL);
	} else if (transaction->claim.elsewhere) {
		tp_detour_begin(transaction);
	} else if (method->on_allocation && allocation == NULL) {
		tp_transaction_fail(transaction, 437, NULL);
	} else if (method->on_allocation && !is_own(transaction, allocation)) {
		tp_transaction_fail(transaction, 441, NULL);
	} else {
		if (method->on_allocation && !transaction->claim.made) {
			(void)tp_move_arrive(transaction->server, &transaction->key.five_tuple);
		}
		method->handle(transaction);
	}
}

static void answered(struct tp_request *request, enum tp_verdict verdict)
{
	struct tp_transaction *transaction =
		tp_container_of(request, struct tp_transaction, request);

	tp_transaction_resume(transaction);
	transaction->step(transaction, verdict);
}

void tp_transaction_ask(struct tp_transaction *transaction, enum tp_event event,
			const void *payload, tp_step_fn step)
{
	enum tp_verdict verdict = TP_PASS;

	transaction->request.deny_code = 0;
	transaction->request.deny_reason[0] = '\0';
	if (tp_chains_want(transaction->request.chains, event)) {
		verdict = tp_dispatch_ask(&transaction->request, event, payload, answered);
	}
	if (verdict != TP_PARK) {
		step(transaction, verdict);
		return;
	}
	transaction->step = step;
	if (tp_transaction_wait(transaction) != 0) {
		tp_dispatch_cancel(&transaction->request);
		step(transaction, TP_DENY);
		return;
	}
	tp_counter_add(transaction->server->counters.requests_parked, 1);
}

/* Until it is freed: what it is answered leaves after the wait. */
static int hold_way_back(struct tp_transaction *transaction)
{
	int err = 0;

	if (!transaction->held) {
		err = tp_endpoint_hold(transaction->endpoint, &transaction->key.five_tuple);
		transaction->held = err == 0;
	}
	return err;
}

int tp_transaction_wait(struct tp_transaction *transaction)
{
	int err = hold_way_back(transaction);

	if (err != 0) {
		return err;
	}
	err = tp_map_insert(&transaction->server->transactions, &transaction->key, transaction);

	if (err != 0) {
		return err;
	}
	transaction->waiting = true;
	if (transaction->allocation != NULL) {
		tp_list_append(&transaction->allocation->transactions, &transaction->link);
	}
	return 0;
}

void tp_transaction_resume(struct tp_transaction *transaction)
{
	if (transaction->waiting) {
		transaction->waiting = false;
		tp_map_remove(&transaction->server->transactions, &transaction->key);
		tp_list_remove(&transaction->link);
	}
}

static struct tp_view response_view(const struct tp_transaction *transaction)
{
	return (struct tp_view){transaction->build.bytes, transaction->build.len};
}

static const struct tp_allocation_view *allocation_view(const struct tp_transaction *transaction)
{
	return transaction->allocation == NULL ? NULL : &transaction->allocation->view;
}

static void suppress(struct tp_transaction *transaction)
{
	tp_counter_add(transaction->server->counters.responses_vetoed, 1);
	transaction_free(transaction);
}

static void after_success_gate(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	const struct tp_method *method = transaction->method;
	uint16_t code = 0;

	transaction->request.build = NULL;
	if (verdict == TP_DENY) {
		suppress(transaction);
		return;
	}
	if (method->commit != NULL) {
		code = method->commit(transaction);
	}
	if (code != 0) {
		tp_transaction_fail(transaction, code, NULL);
		return;
	}
	if (tp_reply_send(transaction) && method->sent != NULL) {
		method->sent(transaction);
	}
	transaction_free(transaction);
}

static bool may_answer_unauthenticated(struct tp_transaction *transaction)
{
	struct tp_server *server = transaction->server;

	if (transaction->authenticated ||
	    tp_source_limit_pass(&server->sources, &transaction->request.five_tuple.client_addr,
				 tp_loop_now_ms(server->worker->loop))) {
		return true;
	}
	tp_discard_message(server, &transaction->request.five_tuple, transaction->allocation,
			   TP_CLIENT_TO_PEER, transaction->msg.method, TP_DISCARD_RATE,
			   transaction->msg.len);
	transaction_free(transaction);
	return false;
}

void tp_transaction_drop(struct tp_transaction *transaction)
{
	transaction_free(transaction);
}

void tp_transaction_succeed(struct tp_transaction *transaction)
{
	if (!may_answer_unauthenticated(transaction)) {
		return;
	}
	tp_reply_build_success(transaction);
	transaction->request.build = &transaction->build;
	transaction->gate.success = (struct tp_request_success){
		.five_tuple = &transaction->request.five_tuple,
		.method = transaction->msg.method,
		.response = response_view(transaction),
		.allocation = allocation_view(transaction),
	};
	tp_transaction_ask(transaction, TP_EVENT_on_stun_request_success,
			   &transaction->gate.success, after_success_gate);
}

static void after_error_gate(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	transaction->request.build = NULL;
	if (verdict == TP_DENY) {
		suppress(transaction);
		return;
	}
	(void)tp_reply_send(transaction);
	transaction_free(transaction);
}

void tp_transaction_fail(struct tp_transaction *transaction, uint16_t code, const char *reason)
{
	if (!may_answer_unauthenticated(transaction)) {
		return;
	}
	tp_reply_build_error(transaction, code, reason);
	transaction->request.build = &transaction->build;
	transaction->gate.error = (struct tp_request_error){
		.five_tuple = &transaction->request.five_tuple,
		.method = transaction->msg.method,
		.code = code,
		.reason = reason != NULL ? reason : tp_stun_reason(code),
		.response = response_view(transaction),
		.allocation = allocation_view(transaction),
	};
	tp_transaction_ask(transaction, TP_EVENT_on_stun_request_error, &transaction->gate.error,
			   after_error_gate);
}

void tp_transaction_refuse(struct tp_transaction *transaction, uint16_t own_code)
{
	struct tp_request *request = &transaction->request;
	uint16_t code = request->deny_code;
	char *reason = NULL;

	if (code == 0 || code == 300) { /* 300 names a server, so on_turn_redirect is for that */
		code = own_code;
	}

	if (request->deny_reason[0] != '\0') { /* the next gate starts with an empty one */
		reason = tp_arena_string(&request->arena, request->deny_reason,
					 strlen(request->deny_reason));
	}
	tp_transaction_fail(transaction, code, reason);
}

static void cancel(struct tp_transaction *transaction)
{
	tp_transaction_resume(transaction);
	if (tp_dispatch_parked(&transaction->request)) {
		tp_dispatch_cancel(&transaction->request);
	}
	transaction_free(transaction);
}

void tp_transaction_cancel_all(struct tp_list *transactions)
{
	struct tp_list *link;

	while ((link = tp_list_shift(transactions)) != NULL) {
		cancel(tp_container_of(link, struct tp_transaction, link));
	}
}

static struct tp_transaction *next_of_endpoint(struct tp_server *server,
					       const struct tp_endpoint *endpoint)
{
	struct tp_transaction *transaction;
	size_t cursor = 0;

	if (server->transactions.count == 0) {
		return NULL;
	}
	while ((transaction = tp_map_next(&server->transactions, &cursor)) != NULL) {
		if (endpoint == NULL || transaction->endpoint == endpoint) {
			return transaction;
		}
	}
	return NULL;
}

void tp_transaction_cancel_endpoint(struct tp_server *server, const struct tp_endpoint *endpoint)
{
	struct tp_transaction *transaction;

	while ((transaction = next_of_endpoint(server, endpoint)) != NULL) {
		cancel(transaction);
	}
}

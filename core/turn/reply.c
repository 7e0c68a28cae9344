/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/reply.h"

#include <string.h>

#include "base/secret.h"
#include "io/endpoint.h"
#include "io/loop.h"
#include "turn/auth.h"
#include "turn/behavior.h"
#include "turn/discard.h"
#include "turn/redirect.h"
#include "turn/server.h"
#include "turn/transaction.h"
#include "turn/transmit_counter.h"

#define ATTRIBUTE_HEADER_SIZE 4
#define FINGERPRINT_SIZE (ATTRIBUTE_HEADER_SIZE + 4)

static size_t integrity_size(const struct tp_transaction *transaction)
{
	if (!transaction->authenticated) {
		return 0;
	}
	return ATTRIBUTE_HEADER_SIZE +
	       (transaction->sha256 ? TP_INTEGRITY_SHA256_SIZE : TP_INTEGRITY_SIZE);
}

static void begin(struct tp_transaction *transaction, enum tp_stun_class message_class)
{
	tp_build_init(&transaction->build, transaction->response, sizeof(transaction->response),
		      transaction->msg.method, message_class, transaction->msg.transaction_id);
	transaction->request.build_reserve =
		integrity_size(transaction) + FINGERPRINT_SIZE + TP_TRANSMIT_COUNTER_SIZE;
}

static void add_software(struct tp_transaction *transaction)
{
	const char *software = transaction->server->options->software;

	if (software != NULL && software[0] != '\0') {
		tp_build_string(&transaction->build, TP_ATTR_SOFTWARE, software);
	}
}

void tp_reply_build_success(struct tp_transaction *transaction)
{
	begin(transaction, TP_STUN_SUCCESS);
	transaction->error_code = 0;
	if (transaction->method->write != NULL) {
		transaction->method->write(transaction, &transaction->build);
	}
	add_software(transaction);
}

static void add_unknown_attributes(struct tp_transaction *transaction)
{
	uint16_t unknown[TP_STUN_ATTRIBUTES_MAX];
	size_t count = tp_transaction_unknown(transaction, unknown, TP_STUN_ATTRIBUTES_MAX);

	tp_build_unknown_attributes(&transaction->build, unknown, count);
}

void tp_reply_build_error(struct tp_transaction *transaction, uint16_t code, const char *reason)
{
	begin(transaction, TP_STUN_ERROR);
	transaction->error_code = code;
	tp_build_error_code(&transaction->build, code, reason);
	switch (code) {
	case 300:
		tp_redirect_write(transaction, &transaction->build);
		break;
	case 401:
	case 438:
		tp_auth_write_challenge(transaction, &transaction->build);
		break;
	case 420:
		add_unknown_attributes(transaction);
		break;
	default:
		break;
	}
	add_software(transaction);
}

static void count_sent(struct tp_transaction *transaction)
{
	struct tp_turn_counters *counters = &transaction->server->counters;

	if (transaction->error_code == 0) {
		tp_counter_add(counters->responses_success, 1);
		return;
	}
	tp_counter_add(counters->responses_error, 1);
	tp_turn_counters_error(counters, transaction->error_code);
}

/*
 * Streams do not retransmit, but a ticket is good for once and what came of it must be
 * told again to those who do.
 */
static bool must_remember(const struct tp_transaction *transaction)
{
	return transaction->method->once && transaction->error_code == 0 &&
	       (!transaction->endpoint->stream || transaction->claim.made);
}

static bool has_fingerprint(const struct tp_transaction *transaction)
{
	return tp_stun_msg_find(&transaction->msg, TP_ATTR_FINGERPRINT) != NULL;
}

/* A stream brings a request once. What is not remembered is not counted. */
static void add_transmit_counter(struct tp_transaction *transaction)
{
	bool counted = transaction->endpoint->stream || must_remember(transaction);
	uint8_t requests;

	transaction->counter_at = 0;
	if (tp_transmit_counter_read(&transaction->msg, &requests)) {
		transaction->counter_at = transaction->build.len;
		tp_transmit_counter_write(&transaction->build, requests, counted ? 1 : 0);
	}
}

static size_t finish(struct tp_transaction *transaction)
{
	add_transmit_counter(transaction);
	if (transaction->authenticated) {
		tp_build_integrity(&transaction->build, &transaction->integrity_key,
				   transaction->sha256);
	}
	if (has_fingerprint(transaction)) {
		tp_build_fingerprint(&transaction->build);
	}
	return tp_build_finish(&transaction->build);
}

static void remember(struct tp_transaction *transaction, size_t len)
{
	struct tp_server *server = transaction->server;
	struct tp_transmit_counter counter = {
		.at = transaction->counter_at,
		.key = transaction->integrity_key,
		.sha256 = transaction->sha256,
		.fingerprint = has_fingerprint(transaction),
		.responses = 1,
	};

	tp_replay_keep(&server->replay, &transaction->key, transaction->response, len,
		       counter.at != 0 ? &counter : NULL, tp_loop_now_ms(server->worker->loop));
	tp_secret_wipe(&counter.key, sizeof(counter.key));
}

static int send_bytes(const struct tp_transaction *transaction, size_t len)
{
	const struct tp_behavior_route *route = transaction->route;
	const uint8_t *bytes = transaction->build.bytes;

	if (route != NULL && transaction->error_code == 0) {
		return tp_endpoint_send(route->endpoint, &route->five_tuple, bytes, len);
	}
	return tp_endpoint_send(transaction->endpoint, &transaction->request.five_tuple, bytes,
				len);
}

bool tp_reply_send(struct tp_transaction *transaction)
{
	struct tp_server *server = transaction->server;
	const struct tp_five_tuple *five_tuple = &transaction->request.five_tuple;
	size_t len = finish(transaction);

	if (len == 0) {
		tp_counter_add(server->counters.responses_failed, 1);
		tp_exception_tell(server, transaction->realm, five_tuple, TP_STAGE_WRITE,
				  "response does not fit", transaction->msg.bytes,
				  transaction->msg.len);
		return false;
	}
	if (must_remember(transaction)) {
		remember(transaction, len);
	}
	if (send_bytes(transaction, len) != 0) {
		tp_counter_add(server->counters.responses_failed, 1);
		tp_exception_tell(server, transaction->realm, five_tuple, TP_STAGE_WRITE,
				  "response could not be sent", transaction->build.bytes, len);
		return false;
	}
	count_sent(transaction);
	return true;
}

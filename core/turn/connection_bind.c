/* SPDX-License-Identifier: Apache-2.0 */
#include "io/endpoint.h"
#include "stun/attr.h"
#include "turn/client.h"
#include "turn/data_claim.h"
#include "turn/methods.h"
#include "turn/server.h"
#include "turn/transaction.h"

/* ConnectionBind: RFC 6062 section 5.4. Comes on a connection of its own. */

struct connection_bind {
	struct tp_data_claim *claim;
};

static void after_claim(struct tp_transaction *transaction, struct tp_data_claim *claim)
{
	struct connection_bind *bind = transaction->state;

	bind->claim = claim;
	if (claim == NULL) {
		tp_transaction_fail(transaction, 400, NULL);
		return;
	}
	tp_transaction_succeed(transaction);
}

static void handle(struct tp_transaction *transaction)
{
	const struct tp_stun_attr *attr =
		tp_stun_msg_find(&transaction->msg, TP_ATTR_CONNECTION_ID);
	struct connection_bind *bind =
		tp_arena_take_zero(&transaction->request.arena, sizeof(*bind));
	uint32_t id;

	if (bind == NULL) {
		tp_transaction_fail(transaction, 508, NULL);
		return;
	}
	transaction->state = bind;
	/* a stream that is here, and not at the other end of a detour */
	if (!transaction->endpoint->stream || transaction->endpoint->ops->hand_over == NULL ||
	    attr == NULL || tp_attr_read_u32(attr, &id) != 0) {
		tp_transaction_fail(transaction, 400, NULL);
		return;
	}
	if (transaction->allocation != NULL) { /* a control connection stays one */
		tp_transaction_fail(transaction, 437, NULL);
		return;
	}
	tp_data_claim_make(transaction, id, after_claim);
}

static void sent(struct tp_transaction *transaction)
{
	struct connection_bind *bind = transaction->state;

	tp_client_note(transaction->server, &transaction->request.five_tuple,
		       "bound to a connection with a peer");
	tp_data_claim_use(&bind->claim, transaction->endpoint);
}

static void release(struct tp_transaction *transaction)
{
	struct connection_bind *bind = transaction->state;

	tp_data_claim_return(&bind->claim);
}

const struct tp_method tp_method_connection_bind = {
	.number = TP_STUN_CONNECTION_BIND,
	.authenticated = true,
	.alone = true,
	.handle = handle,
	.sent = sent,
	.release = release,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch.h"
#include "stun/attr.h"
#include "stun/build.h"
#include "io/datagram.h"
#include "io/loop.h"
#include "turn/allocation.h"
#include "turn/auth.h"
#include "turn/methods.h"
#include "turn/realm.h"
#include "turn/move.h"
#include "turn/server.h"
#include "turn/transaction.h"
#include "turn/usage.h"

/* Refresh: RFC 8656 sections 8.1 to 8.2; with a ticket: RFC 8016 section 3.2. */

struct refresh {
	enum tp_family family; /* TP_FAMILY_NONE: all there are */
	bool moves;            /* the client goes on from the request's five-tuple */
	uint8_t ticket[TP_MOBILITY_TICKET_SIZE];
	struct tp_before_refresh event;
};

static uint16_t read_family(const struct tp_transaction *transaction, struct refresh *refresh)
{
	const struct tp_stun_attr *attr =
		tp_stun_msg_find(&transaction->msg, TP_ATTR_REQUESTED_ADDRESS_FAMILY);
	uint8_t family;

	if (attr == NULL) {
		return 0;
	}
	if (tp_attr_read_address_family(attr, &family) != 0) {
		return 400;
	}
	refresh->family = (enum tp_family)family;
	return tp_allocation_relay(transaction->allocation, family) != NULL ? 0 : 443;
}

static void after_before_refresh(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	if (verdict == TP_DENY) {
		tp_transaction_refuse(transaction, 403);
		return;
	}
	tp_transaction_succeed(transaction);
}

static void ask_before_refresh(struct tp_transaction *transaction, struct refresh *refresh)
{
	refresh->event = (struct tp_before_refresh){
		.allocation = &transaction->allocation->view,
		.lifetime_s = transaction->request.lifetime_s,
	};
	tp_transaction_ask(transaction, TP_EVENT_on_turn_before_refresh, &refresh->event,
			   after_before_refresh);
}

/* Who ends the allocation needs to be nowhere. */
static uint16_t read_move(const struct tp_transaction *transaction, struct refresh *refresh)
{
	refresh->moves = transaction->claim.made && transaction->request.lifetime_s != 0;
	return refresh->moves ? tp_move_next_ticket(transaction, refresh->ticket) : 0;
}

static void handle(struct tp_transaction *transaction)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&transaction->msg, TP_ATTR_LIFETIME);
	struct refresh *refresh = tp_arena_take_zero(&transaction->request.arena, sizeof(*refresh));
	uint32_t requested_s = 0;
	uint16_t code;

	if (refresh == NULL) {
		tp_transaction_fail(transaction, 500, NULL);
		return;
	}
	transaction->state = refresh;
	code = read_family(transaction, refresh);
	if (code == 0 && attr != NULL && tp_attr_read_u32(attr, &requested_s) != 0) {
		code = 400;
	}
	if (code != 0) {
		tp_transaction_fail(transaction, code, NULL);
		return;
	}
	transaction->request.lifetime_s = 0;
	if (attr == NULL || requested_s != 0) {
		transaction->request.lifetime_s = tp_allocation_lifetime_s(
			transaction->realm, attr != NULL ? &requested_s : NULL,
			tp_auth_max_lifetime_s(transaction));
	}
	code = read_move(transaction, refresh);
	if (code != 0) {
		tp_transaction_fail(transaction, code, NULL);
		return;
	}
	ask_before_refresh(transaction, refresh);
}

static void write(struct tp_transaction *transaction, struct tp_build *build)
{
	const struct refresh *refresh = transaction->state;

	tp_build_u32(build, TP_ATTR_LIFETIME, transaction->request.lifetime_s);
	if (refresh->moves) {
		tp_build_bytes(build, TP_ATTR_MOBILITY_TICKET, refresh->ticket,
			       sizeof(refresh->ticket));
	}
}

static void tell_refreshed(const struct tp_allocation *allocation, uint32_t lifetime_s)
{
	const struct tp_chains *chains = allocation->realm->chains;

	if (tp_chains_want(chains, TP_EVENT_on_turn_refresh_allocation)) {
		const struct tp_refresh_allocation event = {
			.allocation = &allocation->view,
			.lifetime_s = lifetime_s,
		};

		tp_dispatch_tell(chains, TP_EVENT_on_turn_refresh_allocation, &event);
	}
}

static void count_drops(const struct tp_allocation *allocation)
{
	if (allocation->tcp != NULL) {
		return;
	}
	tp_datagram_count_drops(allocation->relay.datagram);
	if (allocation->additional != NULL) {
		tp_datagram_count_drops(allocation->additional->socket.datagram);
	}
}

static uint32_t left_s(const struct tp_allocation *allocation)
{
	uint64_t now_ms = tp_loop_now_ms(allocation->server->worker->loop);

	return (uint32_t)((allocation->view.expires_ms - now_ms) / 1000);
}

static uint16_t commit(struct tp_transaction *transaction)
{
	const struct refresh *refresh = transaction->state;
	struct tp_allocation *allocation = transaction->allocation;
	uint32_t lifetime_s = transaction->request.lifetime_s;
	uint16_t code;

	if (refresh->family != TP_FAMILY_NONE &&
	    tp_allocation_relay(allocation, refresh->family) == NULL) {
		return 443; /* it has ended while a plugin thought */
	}
	code = refresh->moves ? tp_move_begin(transaction) : 0;
	if (code != 0) {
		return code;
	}
	if (lifetime_s != 0) {
		tp_allocation_refresh(allocation, refresh->family, lifetime_s);
		tp_usage_begin(allocation);
		count_drops(allocation);
		tell_refreshed(allocation, lifetime_s);
	} else if (refresh->family != TP_FAMILY_NONE && allocation->additional != NULL) {
		tp_allocation_end_family(allocation, refresh->family);
		tell_refreshed(allocation, left_s(allocation));
	} else {
		transaction->allocation = NULL;
		tp_allocation_delete(allocation, TP_DELETE_REFRESH);
	}
	return 0;
}

const struct tp_method tp_method_refresh = {
	.number = TP_STUN_REFRESH,
	.authenticated = true,
	.on_allocation = true,
	.once = true,
	.locate = tp_move_read_claim,
	.handle = handle,
	.write = write,
	.commit = commit,
};

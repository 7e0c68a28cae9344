/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch.h"
#include "stun/attr.h"
#include "stun/build.h"
#include "io/datagram.h"
#include "turn/allocation.h"
#include "turn/auth.h"
#include "turn/methods.h"
#include "turn/server.h"
#include "turn/transaction.h"
#include "turn/usage.h"

/* Refresh: RFC 8656 sections 8.1 to 8.2. */

static uint16_t check_family(const struct tp_transaction *transaction)
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
	return family == transaction->allocation->view.relayed_addr.family ? 0 : 443;
}

static void after_before_refresh(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	if (verdict == TP_DENY) {
		tp_transaction_refuse(transaction, 403);
		return;
	}
	tp_transaction_succeed(transaction);
}

static void ask_before_refresh(struct tp_transaction *transaction)
{
	struct tp_before_refresh *event =
		tp_arena_take_zero(&transaction->request.arena, sizeof(*event));

	if (event == NULL) {
		tp_transaction_fail(transaction, 500, NULL);
		return;
	}
	event->allocation = &transaction->allocation->view;
	event->lifetime_s = transaction->request.lifetime_s;
	tp_transaction_ask(transaction, TP_EVENT_on_turn_before_refresh, event,
			   after_before_refresh);
}

static void handle(struct tp_transaction *transaction)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&transaction->msg, TP_ATTR_LIFETIME);
	uint16_t code = check_family(transaction);
	uint32_t requested_s = 0;

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
			transaction->server, attr != NULL ? &requested_s : NULL,
			tp_auth_max_lifetime_s(transaction));
	}
	ask_before_refresh(transaction);
}

static void write(struct tp_transaction *transaction, struct tp_build *build)
{
	tp_build_u32(build, TP_ATTR_LIFETIME, transaction->request.lifetime_s);
}

static void tell_refreshed(const struct tp_allocation *allocation, uint32_t lifetime_s)
{
	struct tp_generation *generation = allocation->server->generation;

	if (tp_generation_wants(generation, TP_EVENT_on_turn_refresh_allocation)) {
		const struct tp_refresh_allocation event = {
			.allocation = &allocation->view,
			.lifetime_s = lifetime_s,
		};

		tp_dispatch_tell(generation, TP_EVENT_on_turn_refresh_allocation, &event);
	}
}

static uint16_t commit(struct tp_transaction *transaction)
{
	struct tp_allocation *allocation = transaction->allocation;

	if (transaction->request.lifetime_s == 0) {
		transaction->allocation = NULL;
		tp_allocation_delete(allocation, TP_DELETE_REFRESH);
	} else {
		tp_allocation_refresh(allocation, transaction->request.lifetime_s);
		tp_usage_begin(allocation);
		tp_datagram_count_drops(allocation->relay.datagram);
		tell_refreshed(allocation, transaction->request.lifetime_s);
	}
	return 0;
}

const struct tp_method tp_method_refresh = {
	.number = TP_STUN_REFRESH,
	.authenticated = true,
	.on_allocation = true,
	.once = true,
	.handle = handle,
	.write = write,
	.commit = commit,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/attr.h"
#include "stun/channel_data.h"
#include "turn/allocation.h"
#include "turn/channel.h"
#include "turn/methods.h"
#include "turn/peer_policy.h"
#include "turn/relay_socket.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/shared_relay.h"
#include "turn/transaction.h"

/* ChannelBind: RFC 8656 sections 12.1 to 12.3. Installs the permission, too. */

struct channel_bind {
	uint16_t number;
	bool relayed_only;
	struct tp_addr peer_addr;
	struct tp_before_permission permission_event;
	struct tp_before_channel channel_event;
};

static uint16_t check_binding(const struct tp_transaction *transaction,
			      const struct channel_bind *binding)
{
	if (tp_allocation_relay(transaction->allocation, binding->peer_addr.family) == NULL) {
		return 443;
	}
	return tp_channel_check(transaction->allocation, binding->number, &binding->peer_addr);
}

static uint16_t read_attributes(const struct tp_transaction *transaction,
				struct channel_bind *binding)
{
	const struct tp_stun_msg *msg = &transaction->msg;
	const struct tp_stun_attr *number = tp_stun_msg_find(msg, TP_ATTR_CHANNEL_NUMBER);
	const struct tp_stun_attr *peer = tp_stun_msg_find(msg, TP_ATTR_XOR_PEER_ADDRESS);

	if (number == NULL || peer == NULL ||
	    tp_attr_read_channel_number(number, &binding->number) != 0 ||
	    tp_attr_read_xor_addr(peer, msg, &binding->peer_addr) != 0 ||
	    binding->number < TP_CHANNEL_NUMBER_MIN || binding->number > TP_CHANNEL_NUMBER_MAX) {
		return 400;
	}
	return check_binding(transaction, binding);
}

static uint16_t check_peer(const struct tp_transaction *transaction, struct channel_bind *binding)
{
	const struct tp_shared *shared = transaction->server->shared;

	if (tp_addr_port(&binding->peer_addr) == 0) {
		return 403;
	}
	switch (tp_peer_policy_rule(transaction->realm->options->peer_policy,
				    &binding->peer_addr)) {
	case TP_PEER_ALLOWED:
		return 0;
	case TP_PEER_RELAYED_ONLY:
		binding->relayed_only = true;
		return tp_relay_socket_is_live(shared, &binding->peer_addr) ? 0 : 403;
	default:
		return 403;
	}
}

static void after_before_channel(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	if (verdict == TP_DENY) {
		tp_transaction_refuse(transaction, 403);
		return;
	}
	tp_transaction_succeed(transaction);
}

static void after_before_permission(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	struct channel_bind *binding = transaction->state;

	if (verdict == TP_DENY) {
		tp_transaction_refuse(transaction, 403);
		return;
	}
	binding->channel_event = (struct tp_before_channel){
		.allocation = &transaction->allocation->view,
		.channel = binding->number,
		.peer_addr = &binding->peer_addr,
	};
	tp_transaction_ask(transaction, TP_EVENT_on_turn_before_channel, &binding->channel_event,
			   after_before_channel);
}

static void handle(struct tp_transaction *transaction)
{
	struct channel_bind *binding =
		tp_arena_take_zero(&transaction->request.arena, sizeof(*binding));
	uint16_t code;

	if (binding == NULL) {
		tp_transaction_fail(transaction, 508, NULL);
		return;
	}
	transaction->state = binding;
	if (transaction->allocation->tcp != NULL) {
		tp_transaction_fail(transaction, 403, "no channels in a TCP allocation");
		return;
	}
	code = read_attributes(transaction, binding);
	if (code == 0) {
		code = check_peer(transaction, binding);
	}
	if (code != 0) {
		tp_transaction_fail(transaction, code, NULL);
		return;
	}
	if (tp_shared_relay_is_taken(transaction->allocation, &binding->peer_addr)) {
		tp_transaction_fail(transaction, 508, "Peer Taken On This Shared Port");
		return;
	}
	binding->permission_event = (struct tp_before_permission){
		.allocation = &transaction->allocation->view,
		.peer_addr = &binding->peer_addr,
		.method = TP_STUN_CHANNEL_BIND,
	};
	tp_transaction_ask(transaction, TP_EVENT_on_turn_before_permission,
			   &binding->permission_event, after_before_permission);
}

static uint16_t commit(struct tp_transaction *transaction)
{
	const struct channel_bind *binding = transaction->state;
	uint16_t code = check_binding(transaction, binding);

	if (code != 0) { /* another request was faster while a plugin thought */
		return code;
	}
	return tp_channel_bind(transaction->allocation, binding->number, &binding->peer_addr,
			       binding->relayed_only) == 0
		       ? 0
		       : 508;
}

const struct tp_method tp_method_channel_bind = {
	.number = TP_STUN_CHANNEL_BIND,
	.authenticated = true,
	.on_allocation = true,
	.handle = handle,
	.commit = commit,
};

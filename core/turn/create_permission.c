/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/error.h>

#include "base/addr.h"
#include "stun/attr.h"
#include "turn/allocation.h"
#include "turn/methods.h"
#include "turn/peer_policy.h"
#include "turn/permission.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/transaction.h"

/* CreatePermission: RFC 8656 sections 10.1 to 10.2. All peer addresses or none. */

struct peer {
	struct tp_addr addr; /* port 0 */
	bool relayed_only;
};

struct create_permission {
	size_t asked; /* peers that plugins have let through */
	struct tp_before_permission event;
	size_t count;
	struct peer peers[];
};

static void ask_next(struct tp_transaction *transaction, struct create_permission *permissions);

static size_t count_peers(const struct tp_stun_msg *msg)
{
	size_t count = 0;

	while (tp_stun_msg_find_nth(msg, TP_ATTR_XOR_PEER_ADDRESS, count) != NULL) {
		count++;
	}
	return count;
}

static uint16_t read_peer(const struct tp_transaction *transaction, size_t nth, struct peer *peer)
{
	const struct tp_stun_attr *attr =
		tp_stun_msg_find_nth(&transaction->msg, TP_ATTR_XOR_PEER_ADDRESS, nth);
	enum tp_peer_ruling ruling;

	if (tp_attr_read_xor_addr(attr, &transaction->msg, &peer->addr) != 0) {
		return 400;
	}
	if (tp_allocation_relay(transaction->allocation, peer->addr.family) == NULL) {
		return 443;
	}
	peer->addr = tp_addr_with_port(&peer->addr, 0);
	ruling = tp_peer_policy_rule(transaction->realm->options->peer_policy, &peer->addr);
	peer->relayed_only = ruling == TP_PEER_RELAYED_ONLY;
	return ruling == TP_PEER_REFUSED ? 403 : 0;
}

static void after_before_permission(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	struct create_permission *permissions = transaction->state;

	if (verdict == TP_DENY) {
		tp_transaction_refuse(transaction, 403);
		return;
	}
	permissions->asked++;
	ask_next(transaction, permissions);
}

static void ask_next(struct tp_transaction *transaction, struct create_permission *permissions)
{
	if (permissions->asked == permissions->count) {
		tp_transaction_succeed(transaction);
		return;
	}
	permissions->event = (struct tp_before_permission){
		.allocation = &transaction->allocation->view,
		.peer_addr = &permissions->peers[permissions->asked].addr,
		.method = TP_STUN_CREATE_PERMISSION,
	};
	tp_transaction_ask(transaction, TP_EVENT_on_turn_before_permission, &permissions->event,
			   after_before_permission);
}

static void handle(struct tp_transaction *transaction)
{
	size_t count = count_peers(&transaction->msg);
	struct create_permission *permissions;
	uint16_t code = 0;

	if (count == 0) {
		tp_transaction_fail(transaction, 400, NULL);
		return;
	}
	permissions = tp_arena_take_zero(&transaction->request.arena,
					 sizeof(*permissions) + count * sizeof(struct peer));
	if (permissions == NULL) {
		tp_transaction_fail(transaction, 508, NULL);
		return;
	}
	transaction->state = permissions;
	permissions->count = count;
	for (size_t i = 0; i < count && code == 0; i++) {
		code = read_peer(transaction, i, &permissions->peers[i]);
	}
	if (code != 0) {
		tp_transaction_fail(transaction, code, NULL);
		return;
	}
	ask_next(transaction, permissions);
}

/* An address named twice is counted twice: the ceiling is for safety, not for accounting. */
static bool have_room(const struct tp_allocation *allocation,
		      const struct create_permission *permissions)
{
	size_t wanted = allocation->permission_count;

	for (size_t i = 0; i < permissions->count; i++) {
		wanted += tp_permission_find(allocation, &permissions->peers[i].addr) == NULL;
	}
	return wanted <= allocation->server->options->max_permissions;
}

/* One of the two may have ended while a plugin thought. */
static bool have_relays(struct tp_allocation *allocation,
			const struct create_permission *permissions)
{
	for (size_t i = 0; i < permissions->count; i++) {
		if (tp_allocation_relay(allocation, permissions->peers[i].addr.family) == NULL) {
			return false;
		}
	}
	return true;
}

static uint16_t commit(struct tp_transaction *transaction)
{
	const struct create_permission *permissions = transaction->state;
	struct tp_allocation *allocation = transaction->allocation;
	struct tp_permission *permission;

	if (!have_relays(allocation, permissions)) {
		return 443;
	}
	if (!have_room(allocation, permissions)) {
		return 508;
	}
	for (size_t i = 0; i < permissions->count; i++) {
		const struct peer *peer = &permissions->peers[i];

		if (tp_permission_install(allocation, &peer->addr, peer->relayed_only,
					  &permission) != 0) {
			return 508;
		}
	}
	return 0;
}

const struct tp_method tp_method_create_permission = {
	.number = TP_STUN_CREATE_PERMISSION,
	.authenticated = true,
	.on_allocation = true,
	.handle = handle,
	.commit = commit,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <turnpike/error.h>

#include "base/addr.h"
#include "io/acceptor.h"
#include "stun/attr.h"
#include "stun/build.h"
#include "turn/allocation.h"
#include "turn/data_connection.h"
#include "turn/methods.h"
#include "turn/peer_policy.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/tcp_relay.h"
#include "turn/transaction.h"

/* Connect: RFC 6062 section 5.2. */

struct connect {
	struct tp_addr peer_addr;
	struct tp_data_connection *connection; /* NULL: the allocation's, once it is there */
	union {
		struct tp_before_permission permission;
		struct tp_before_connect connect;
	} event; /* the one being asked */
};

/* A connection to itself would be both ends of one. */
static bool is_own(const struct tp_transaction *transaction, const struct tp_addr *peer_addr)
{
	const struct tp_tcp_relay *relay = transaction->allocation->tcp;
	const struct tp_addr to = tp_tcp_relay_wire_addr(transaction->server->shared, peer_addr);

	return tp_addr_equal(&to, tp_acceptor_addr(relay->acceptor));
}

static uint16_t check_peer(const struct tp_transaction *transaction,
			   const struct tp_addr *peer_addr)
{
	const struct tp_server *server = transaction->server;

	if (tp_addr_port(peer_addr) == 0 || is_own(transaction, peer_addr)) {
		return 403;
	}
	switch (tp_peer_policy_rule(transaction->realm->options->peer_policy, peer_addr)) {
	case TP_PEER_ALLOWED:
		return 0;
	case TP_PEER_RELAYED_ONLY:
		return tp_tcp_relay_is_live(server->shared, peer_addr) ? 0 : 403;
	default:
		return 403;
	}
}

static uint16_t check(const struct tp_transaction *transaction, struct connect *connect)
{
	const struct tp_stun_attr *peer =
		tp_stun_msg_find(&transaction->msg, TP_ATTR_XOR_PEER_ADDRESS);
	struct tp_tcp_relay *relay = transaction->allocation->tcp;

	if (relay == NULL) { /* of UDP: none that a Connect is for */
		return 437;
	}
	if (peer == NULL ||
	    tp_attr_read_xor_addr(peer, &transaction->msg, &connect->peer_addr) != 0) {
		return 400;
	}
	if (relay->advertised_addr.family != connect->peer_addr.family) {
		return 443;
	}
	if (tp_data_connection_find_peer(relay, &connect->peer_addr) != NULL) {
		return 446;
	}
	return check_peer(transaction, &connect->peer_addr);
}

static void after_dialing(struct tp_data_connection *connection, bool success)
{
	struct tp_transaction *transaction = connection->transaction;

	tp_transaction_resume(transaction);
	if (success) {
		tp_transaction_succeed(transaction);
	} else {
		tp_transaction_fail(transaction, 447, NULL);
	}
}

static void dial(struct tp_transaction *transaction)
{
	struct connect *connect = transaction->state;
	int err = tp_data_connection_dial(connect->connection, after_dialing);

	if (err == TP_EFULL || err == TP_ENOMEM) {
		tp_transaction_fail(transaction, 508, NULL);
	} else if (err != 0) {
		tp_transaction_fail(transaction, 447, NULL);
	} else if (tp_transaction_wait(transaction) != 0) {
		tp_transaction_fail(transaction, 508, NULL);
	} else {
		connect->connection->transaction = transaction;
	}
}

static void after_before_connect(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	if (verdict == TP_DENY) {
		tp_transaction_refuse(transaction, 403);
		return;
	}
	dial(transaction);
}

/* A plugin that knows of permissions only judges this peer, too. */
static void after_before_permission(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	struct connect *connect = transaction->state;

	if (verdict == TP_DENY) {
		tp_transaction_refuse(transaction, 403);
		return;
	}
	connect->event.connect = (struct tp_before_connect){
		.allocation = &transaction->allocation->view,
		.peer_addr = &connect->peer_addr,
	};
	tp_transaction_ask(transaction, TP_EVENT_on_turn_before_connect, &connect->event.connect,
			   after_before_connect);
}

static void handle(struct tp_transaction *transaction)
{
	struct connect *connect = tp_arena_take_zero(&transaction->request.arena, sizeof(*connect));
	uint16_t code;

	if (connect == NULL) {
		tp_transaction_fail(transaction, 508, NULL);
		return;
	}
	transaction->state = connect;
	code = check(transaction, connect);
	if (code == 0 &&
	    tp_data_connection_create(transaction->allocation->tcp, &connect->peer_addr,
				      &connect->connection) != 0) {
		code = 508;
	}
	if (code != 0) {
		tp_transaction_fail(transaction, code, NULL);
		return;
	}
	connect->event.permission = (struct tp_before_permission){
		.allocation = &transaction->allocation->view,
		.peer_addr = &connect->peer_addr,
		.method = TP_STUN_CONNECT,
	};
	tp_transaction_ask(transaction, TP_EVENT_on_turn_before_permission,
			   &connect->event.permission, after_before_permission);
}

static void write(struct tp_transaction *transaction, struct tp_build *build)
{
	const struct connect *connect = transaction->state;

	tp_build_u32(build, TP_ATTR_CONNECTION_ID, connect->connection->id);
}

static uint16_t commit(struct tp_transaction *transaction)
{
	struct connect *connect = transaction->state;

	tp_data_connection_pend(connect->connection);
	connect->connection = NULL; /* the allocation's from here on */
	return 0;
}

static void release(struct tp_transaction *transaction)
{
	struct connect *connect = transaction->state;

	tp_data_connection_free(&connect->connection);
}

const struct tp_method tp_method_connect = {
	.number = TP_STUN_CONNECT,
	.authenticated = true,
	.on_allocation = true,
	.handle = handle,
	.write = write,
	.commit = commit,
	.release = release,
};

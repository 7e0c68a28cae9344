/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "host/dispatch.h"
#include "io/endpoint.h"
#include "stun/attr.h"
#include "stun/build.h"
#include "turn/allocation.h"
#include "turn/auth.h"
#include "turn/methods.h"
#include "turn/move.h"
#include "turn/quota.h"
#include "turn/realm.h"
#include "turn/redirect.h"
#include "turn/relay_socket.h"
#include "turn/reservation.h"
#include "turn/server.h"
#include "turn/tcp_relay.h"
#include "turn/transaction.h"

/* Allocate: RFC 8656 sections 7.1 to 7.2, RFC 6062 section 5.1. */

struct allocate {
	enum tp_family family; /* of the relayed address being looked for */
	uint8_t protocol;      /* of the relayed address */
	bool dual;             /* IPv4 first, then IPv6 */
	bool even_port;
	bool reserve_next;
	bool claims;
	uint8_t claimed_token[TP_RESERVATION_TOKEN_SIZE];
	uint64_t id; /* that the ticket is for; 0: not mobile */
	uint8_t ticket[TP_MOBILITY_TICKET_SIZE];

	struct tp_relay_socket relay;
	struct tp_relay_socket additional;
	struct tp_relay_socket next;
	struct tp_tcp_relay *tcp;      /* then relay has the address only */
	enum tp_family refused_family; /* of two; TP_FAMILY_NONE: none is */
	uint16_t refused_code;
	struct tp_quota_user *quota;
	bool reserved;
	uint8_t reserved_token[TP_RESERVATION_TOKEN_SIZE];
	union {
		struct tp_redirect redirect;
		struct tp_choose_relay choose_relay;
		struct tp_before_allocate before;
	} event; /* the one being asked */
};

static void ask_choose_relay(struct tp_transaction *transaction, struct allocate *allocate);

static const struct tp_stun_attr *find(const struct tp_transaction *transaction, uint16_t type)
{
	return tp_stun_msg_find(&transaction->msg, type);
}

/* In the order of RFC 6062 section 5.1. */
static uint16_t check_tcp(const struct tp_transaction *transaction)
{
	if (!transaction->server->options->relay_tcp) {
		return 442;
	}
	if (!transaction->endpoint->stream || find(transaction, TP_ATTR_DONT_FRAGMENT) != NULL ||
	    find(transaction, TP_ATTR_EVEN_PORT) != NULL ||
	    find(transaction, TP_ATTR_RESERVATION_TOKEN) != NULL) {
		return 400;
	}
	return 0;
}

static uint16_t check_transport(const struct tp_transaction *transaction, struct allocate *allocate)
{
	const struct tp_stun_attr *attr = find(transaction, TP_ATTR_REQUESTED_TRANSPORT);

	if (attr == NULL || tp_attr_read_requested_transport(attr, &allocate->protocol) != 0) {
		return 400;
	}
	switch (allocate->protocol) {
	case TP_PROTOCOL_UDP:
		return 0;
	case TP_PROTOCOL_TCP:
		return check_tcp(transaction);
	default:
		return 442;
	}
}

static uint16_t check_reservation(const struct tp_transaction *transaction,
				  struct allocate *allocate)
{
	const struct tp_stun_attr *attr = find(transaction, TP_ATTR_RESERVATION_TOKEN);

	if (attr == NULL) {
		return 0;
	}
	if (find(transaction, TP_ATTR_EVEN_PORT) != NULL ||
	    find(transaction, TP_ATTR_REQUESTED_ADDRESS_FAMILY) != NULL ||
	    find(transaction, TP_ATTR_ADDITIONAL_ADDRESS_FAMILY) != NULL ||
	    tp_attr_read_reservation_token(attr, allocate->claimed_token) != 0) {
		return 400;
	}
	allocate->claims = true;
	return 0;
}

static uint16_t check_family(const struct tp_transaction *transaction, struct allocate *allocate)
{
	const struct tp_stun_attr *attr = find(transaction, TP_ATTR_REQUESTED_ADDRESS_FAMILY);
	uint8_t family;

	allocate->family = TP_FAMILY_IPV4;
	if (attr == NULL) {
		return 0;
	}
	if (find(transaction, TP_ATTR_ADDITIONAL_ADDRESS_FAMILY) != NULL ||
	    tp_attr_read_address_family(attr, &family) != 0) {
		return 400;
	}
	if (family != TP_FAMILY_IPV4 && family != TP_FAMILY_IPV6) {
		return 440;
	}
	allocate->family = (enum tp_family)family;
	return 0;
}

static uint16_t check_additional_family(const struct tp_transaction *transaction,
					struct allocate *allocate)
{
	const struct tp_stun_attr *attr = find(transaction, TP_ATTR_ADDITIONAL_ADDRESS_FAMILY);
	uint8_t family;

	if (attr == NULL) {
		return 0;
	}
	if (allocate->reserve_next || tp_attr_read_address_family(attr, &family) != 0 ||
	    family != TP_FAMILY_IPV6) {
		return 400;
	}
	if (allocate->protocol == TP_PROTOCOL_TCP) { /* of one family only */
		allocate->refused_family = TP_FAMILY_IPV6;
		allocate->refused_code = 440;
		return 0;
	}
	allocate->dual = true;
	return 0;
}

static uint16_t check_even_port(const struct tp_transaction *transaction, struct allocate *allocate)
{
	const struct tp_stun_attr *attr = find(transaction, TP_ATTR_EVEN_PORT);

	if (attr == NULL) {
		return 0;
	}
	if (tp_attr_read_even_port(attr, &allocate->reserve_next) != 0) {
		return 400;
	}
	allocate->even_port = true;
	return 0;
}

/* RFC 8016 section 3.1.2. */
static uint16_t check_mobility(const struct tp_transaction *transaction, struct allocate *allocate)
{
	const struct tp_server *server = transaction->server;
	const struct tp_stun_attr *attr = find(transaction, TP_ATTR_MOBILITY_TICKET);
	struct tp_mobility_ticket ticket = {.number = TP_MOVE_FIRST_TICKET};

	if (attr == NULL || allocate->protocol == TP_PROTOCOL_TCP) { /* that stays where it is */
		return 0;
	}
	if (attr->len != 0) {
		return 400;
	}
	if (!server->options->mobility) {
		return 405;
	}
	allocate->id = tp_allocation_mint_id(server);
	ticket.allocation_id = allocate->id;
	return tp_mobility_seal(server->shared->mobility_key, &ticket, allocate->ticket) == 0 ? 0
											      : 500;
}

static uint16_t read_lifetime(struct tp_transaction *transaction)
{
	const struct tp_stun_attr *attr = find(transaction, TP_ATTR_LIFETIME);
	uint32_t requested_s;

	if (attr != NULL && tp_attr_read_u32(attr, &requested_s) != 0) {
		return 400;
	}
	transaction->request.lifetime_s =
		tp_allocation_lifetime_s(transaction->realm, attr != NULL ? &requested_s : NULL,
					 tp_auth_max_lifetime_s(transaction));
	return 0;
}

/* In the order of RFC 8656 section 7.2. */
static uint16_t check_attributes(struct tp_transaction *transaction, struct allocate *allocate)
{
	uint16_t code = check_transport(transaction, allocate);

	if (code == 0) {
		code = check_reservation(transaction, allocate);
	}
	if (code == 0) {
		code = check_family(transaction, allocate);
	}
	if (code == 0) {
		code = check_even_port(transaction, allocate);
	}
	if (code == 0) {
		code = check_additional_family(transaction, allocate);
	}
	if (code == 0) {
		code = check_mobility(transaction, allocate);
	}
	if (code == 0) {
		code = read_lifetime(transaction);
	}
	return code;
}

static uint16_t take_quota(struct tp_transaction *transaction, struct allocate *allocate)
{
	const struct tp_turn_options *options = transaction->realm->options;
	uint32_t of_user = transaction->request.provided.max_allocations;

	if (of_user == 0) {
		of_user = options->max_allocations_per_user;
	}
	return tp_quota_take(transaction->realm->quota, transaction->request.user,
			     transaction->request.realm, of_user, options->max_allocations,
			     &allocate->quota);
}

static void after_before_allocate(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	if (verdict == TP_DENY) {
		tp_transaction_refuse(transaction, 486);
		return;
	}
	tp_transaction_succeed(transaction);
}

static void ask_before_allocate(struct tp_transaction *transaction, struct allocate *allocate)
{
	struct tp_request *request = &transaction->request;

	allocate->event.before = (struct tp_before_allocate){
		.five_tuple = &request->five_tuple,
		.client_addr = &request->five_tuple.client_addr,
		.user = request->user,
		.realm = request->realm,
		.relayed_addr = &allocate->relay.advertised_addr,
		.lifetime_s = request->lifetime_s,
		.requested_transport = allocate->protocol,
	};
	tp_transaction_ask(transaction, TP_EVENT_on_turn_before_allocate, &allocate->event.before,
			   after_before_allocate);
}

static void claimed(struct tp_transaction *transaction, struct tp_relay_socket *socket)
{
	struct allocate *allocate = transaction->state;

	if (socket->datagram == NULL) {
		tp_transaction_fail(transaction, 508, NULL);
		return;
	}
	allocate->relay = *socket;
	ask_before_allocate(transaction, allocate);
}

/* One of the two families is enough (RFC 8656 section 7.2, check 9). */
static void reserve_dual(struct tp_transaction *transaction, struct allocate *allocate)
{
	bool first = allocate->family == TP_FAMILY_IPV4;
	bool only = allocate->relay.datagram == NULL;
	uint16_t code =
		tp_relay_socket_open(transaction->server, allocate->family, allocate->even_port,
				     &transaction->request.relay_choice,
				     only ? &allocate->relay : &allocate->additional, NULL);

	if (code != 0 && !first && only) {
		tp_transaction_fail(transaction, 508, NULL);
		return;
	}
	if (code != 0) {
		allocate->refused_family = allocate->family;
		allocate->refused_code = code;
	}
	if (first) {
		allocate->family = TP_FAMILY_IPV6;
		transaction->request.relay_choice = (struct tp_relay_choice){.port_min = 0};
		ask_choose_relay(transaction, allocate);
	} else {
		ask_before_allocate(transaction, allocate);
	}
}

static void reserve_tcp(struct tp_transaction *transaction, struct allocate *allocate)
{
	uint16_t code = tp_tcp_relay_open(transaction->server, allocate->family,
					  &transaction->request.relay_choice, &allocate->tcp);

	if (code != 0) {
		tp_transaction_fail(transaction, code, NULL);
		return;
	}
	allocate->relay.advertised_addr = allocate->tcp->advertised_addr;
	allocate->relay.address = allocate->tcp->address;
	ask_before_allocate(transaction, allocate);
}

static void reserve(struct tp_transaction *transaction, struct allocate *allocate)
{
	struct tp_server *server = transaction->server;
	uint16_t code = tp_relay_socket_open(server, allocate->family, allocate->even_port,
					     &transaction->request.relay_choice, &allocate->relay,
					     allocate->reserve_next ? &allocate->next : NULL);

	if (code != 0) {
		tp_transaction_fail(transaction, code, NULL);
		return;
	}
	if (allocate->reserve_next) {
		if (tp_reservation_create(transaction->realm, &allocate->next,
					  allocate->reserved_token) != 0) {
			tp_transaction_fail(transaction, 508, NULL);
			return;
		}
		allocate->reserved = true;
	}
	ask_before_allocate(transaction, allocate);
}

static void after_choose_relay(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	struct allocate *allocate = transaction->state;

	if (verdict == TP_DENY) {
		tp_transaction_refuse(transaction, 508);
		return;
	}
	if (verdict != TP_ALLOW) { /* chosen, and then not meant */
		transaction->request.relay_choice = (struct tp_relay_choice){.port_min = 0};
	}
	if (allocate->protocol == TP_PROTOCOL_TCP) {
		reserve_tcp(transaction, allocate);
	} else if (allocate->dual) {
		reserve_dual(transaction, allocate);
	} else {
		reserve(transaction, allocate);
	}
}

static void ask_choose_relay(struct tp_transaction *transaction, struct allocate *allocate)
{
	allocate->event.choose_relay = (struct tp_choose_relay){
		.five_tuple = &transaction->request.five_tuple,
		.user = transaction->request.user,
		.realm = transaction->request.realm,
		.family = allocate->family,
		.even_port = allocate->even_port,
	};
	tp_transaction_ask(transaction, TP_EVENT_on_turn_choose_relay,
			   &allocate->event.choose_relay, after_choose_relay);
}

static void after_redirect(struct tp_transaction *transaction, enum tp_verdict verdict)
{
	struct allocate *allocate = transaction->state;

	if (verdict != TP_ALLOW) { /* chosen, and then not meant */
		transaction->request.redirection = (struct tp_redirection){.domain = NULL};
	}
	if (verdict == TP_DENY) {
		tp_transaction_refuse(transaction, 508);
	} else if (tp_redirect_wanted(transaction)) {
		tp_transaction_fail(transaction, 300, NULL);
	} else if (transaction->server->draining) {
		tp_transaction_fail(transaction, 508, NULL);
	} else if (allocate->claims) {
		tp_reservation_claim(transaction, allocate->claimed_token, claimed);
	} else {
		ask_choose_relay(transaction, allocate);
	}
}

static void ask_redirect(struct tp_transaction *transaction, struct allocate *allocate)
{
	allocate->event.redirect = (struct tp_redirect){
		.five_tuple = &transaction->request.five_tuple,
		.user = transaction->request.user,
		.realm = transaction->request.realm,
		.family = allocate->family,
		.draining = transaction->server->draining,
	};
	if (!tp_redirect_allowed(transaction)) {
		after_redirect(transaction, TP_PASS);
		return;
	}
	tp_transaction_ask(transaction, TP_EVENT_on_turn_redirect, &allocate->event.redirect,
			   after_redirect);
}

static void handle(struct tp_transaction *transaction)
{
	struct allocate *allocate =
		tp_arena_take_zero(&transaction->request.arena, sizeof(*allocate));
	uint16_t code;

	if (transaction->allocation != NULL) {
		tp_transaction_fail(transaction, 437, NULL);
		return;
	}
	if (tp_addr_is_tunnelled(&transaction->request.five_tuple.client_addr)) {
		tp_transaction_fail(transaction, 403, NULL); /* RFC 8656 section 21.4 */
		return;
	}
	if (allocate == NULL) {
		tp_transaction_fail(transaction, 508, NULL);
		return;
	}
	transaction->state = allocate;
	code = check_attributes(transaction, allocate);
	if (code == 0 && transaction->server->shared_relays != NULL &&
	    (allocate->reserve_next || allocate->claims)) {
		tp_transaction_fail(transaction, 508, "Relayed Ports Are Shared Here");
		return;
	}
	if (code == 0) {
		code = take_quota(transaction, allocate);
	}
	if (code != 0) {
		tp_transaction_fail(transaction, code, NULL);
		return;
	}
	ask_redirect(transaction, allocate);
}

static void write(struct tp_transaction *transaction, struct tp_build *build)
{
	const struct allocate *allocate = transaction->state;

	tp_build_xor_addr(build, TP_ATTR_XOR_RELAYED_ADDRESS, &allocate->relay.advertised_addr);
	if (allocate->additional.datagram != NULL) {
		tp_build_xor_addr(build, TP_ATTR_XOR_RELAYED_ADDRESS,
				  &allocate->additional.advertised_addr);
	}
	if (allocate->refused_family != TP_FAMILY_NONE) {
		tp_build_address_error_code(build, (uint8_t)allocate->refused_family,
					    allocate->refused_code);
	}
	tp_build_u32(build, TP_ATTR_LIFETIME, transaction->request.lifetime_s);
	if (allocate->reserved) {
		tp_build_bytes(build, TP_ATTR_RESERVATION_TOKEN, allocate->reserved_token,
			       TP_RESERVATION_TOKEN_SIZE);
	}
	if (allocate->id != 0) {
		tp_build_bytes(build, TP_ATTR_MOBILITY_TICKET, allocate->ticket,
			       sizeof(allocate->ticket));
	}
	tp_build_xor_addr(build, TP_ATTR_XOR_MAPPED_ADDRESS,
			  &transaction->request.five_tuple.client_addr);
}

static void tell_created(const struct tp_allocation *allocation, uint32_t lifetime_s)
{
	if (tp_chains_want(allocation->realm->chains, TP_EVENT_on_turn_create_allocation)) {
		struct tp_create_allocation event = {
			.allocation = &allocation->view,
			.lifetime_s = lifetime_s,
		};

		tp_dispatch_tell(allocation->realm->chains, TP_EVENT_on_turn_create_allocation,
				 &event);
	}
}

static uint16_t commit(struct tp_transaction *transaction)
{
	struct allocate *allocate = transaction->state;
	struct tp_server *server = transaction->server;
	const struct tp_allocation_params params = {
		.realm = transaction->realm,
		.id = allocate->id,
		.mobile = allocate->id != 0,
		.five_tuple = &transaction->request.five_tuple,
		.endpoint = transaction->endpoint,
		.user = transaction->request.user,
		.relay = &allocate->relay,
		.additional = &allocate->additional,
		.tcp = &allocate->tcp,
		.quota = &allocate->quota,
		.key = &transaction->integrity_key,
		.algorithm = transaction->algorithm,
		.key_valid_s = transaction->request.provided.valid_for_s,
		.lifetime_s = transaction->request.lifetime_s,
		.max_lifetime_s = transaction->request.provided.max_lifetime_s,
		.max_limits = transaction->request.provided.limits,
		.limits = transaction->request.limits,
	};
	struct tp_allocation *allocation;
	int err = tp_allocation_create(server, &params, &allocation);

	if (err != 0) {
		return err == TP_EEXIST ? 437 : 508;
	}
	allocate->reserved = false; /* the client's from here on */
	tell_created(allocation, transaction->request.lifetime_s);
	return 0;
}

static void release(struct tp_transaction *transaction)
{
	struct allocate *allocate = transaction->state;
	struct tp_server *server = transaction->server;

	tp_relay_socket_close(server, &allocate->relay);
	tp_relay_socket_close(server, &allocate->additional);
	tp_relay_socket_close(server, &allocate->next);
	tp_tcp_relay_close(&allocate->tcp);
	tp_quota_give(transaction->realm->quota, &allocate->quota);
	if (allocate->reserved) {
		tp_reservation_cancel(server, allocate->reserved_token);
	}
}

const struct tp_method tp_method_allocate = {
	.number = TP_STUN_ALLOCATE,
	.authenticated = true,
	.once = true,
	.handle = handle,
	.write = write,
	.commit = commit,
	.release = release,
};

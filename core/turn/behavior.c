/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/behavior.h"

#include <string.h>

#include "base/addr.h"
#include "stun/attr.h"
#include "stun/build.h"
#include "turn/methods.h"
#include "turn/server.h"
#include "turn/transaction.h"

/* Of CHANGE-REQUEST: RFC 5780 section 7.2. */
#define CHANGE_IP 0x4u
#define CHANGE_PORT 0x2u

/* The MTU of an Ethernet, a multiple of four already. */
#define PADDING_MAX 1500u
#define PADDED_RESPONSE_MAX (TP_RESPONSE_MAX + PADDING_MAX)

void tp_behavior_join(struct tp_behavior *behavior)
{
	for (size_t i = 0; i < TP_BEHAVIOR_SOCKETS; i++) {
		behavior->endpoints[i]->attached = behavior;
	}
}

/* What is attached to a UDP endpoint is ours: it has no client of its own. */
static const struct tp_behavior *behavior_of(const struct tp_endpoint *endpoint)
{
	return endpoint->transport == TP_TRANSPORT_UDP ? endpoint->attached : NULL;
}

bool tp_behavior_allowed(const struct tp_transaction *transaction)
{
	return transaction->method->number == TP_STUN_BINDING &&
	       behavior_of(transaction->endpoint) != NULL;
}

bool tp_behavior_knows_attribute(uint16_t type)
{
	return type == TP_ATTR_CHANGE_REQUEST || type == TP_ATTR_PADDING ||
	       type == TP_ATTR_RESPONSE_PORT || tp_method_knows_attribute(type);
}

/* --- what is asked for ------------------------------------------------------------ */

static size_t place_of(const struct tp_behavior *behavior, const struct tp_endpoint *endpoint)
{
	size_t place = 0;

	while (behavior->endpoints[place] != endpoint) {
		place++;
	}
	return place;
}

/* Table 1 of RFC 5780: another place from which the response leaves. */
static uint16_t take_change(const struct tp_transaction *transaction,
			    struct tp_behavior_route *route)
{
	const struct tp_behavior *behavior = behavior_of(transaction->endpoint);
	const struct tp_stun_attr *attr =
		tp_stun_msg_find(&transaction->msg, TP_ATTR_CHANGE_REQUEST);
	size_t here = place_of(behavior, transaction->endpoint);
	size_t there = here;
	uint32_t flags = 0;

	if (attr != NULL && tp_attr_read_u32(attr, &flags) != 0) {
		return 400;
	}
	there ^= (flags & CHANGE_IP) != 0 ? TP_BEHAVIOR_OTHER_IP : 0;
	there ^= (flags & CHANGE_PORT) != 0 ? TP_BEHAVIOR_OTHER_PORT : 0;
	route->endpoint = behavior->endpoints[there];
	route->five_tuple.server_addr = behavior->addrs[there];
	route->other_addr = behavior->addrs[here ^ TP_BEHAVIOR_OTHER_IP ^ TP_BEHAVIOR_OTHER_PORT];
	return 0;
}

/*
 * Never more than the client has sent: whoever writes another's address on a
 * request must not get a longer packet sent there than he can send himself.
 */
static uint16_t take_padding(struct tp_transaction *transaction, struct tp_behavior_route *route)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&transaction->msg, TP_ATTR_PADDING);

	if (attr == NULL) {
		return 0;
	}
	if (tp_stun_msg_find(&transaction->msg, TP_ATTR_RESPONSE_PORT) != NULL) {
		return 400; /* RFC 5780 sections 6.1 and 7.5 */
	}
	route->padding = attr->len < PADDING_MAX ? attr->len : PADDING_MAX;
	route->bytes = tp_arena_take(&transaction->request.arena, PADDED_RESPONSE_MAX);
	return route->bytes == NULL ? 500 : 0;
}

/* Two bytes and two of padding, which some count in the length (section 7.5). */
static uint16_t take_port(const struct tp_transaction *transaction, struct tp_behavior_route *route)
{
	const struct tp_stun_attr *attr =
		tp_stun_msg_find(&transaction->msg, TP_ATTR_RESPONSE_PORT);
	uint16_t port;

	if (attr == NULL) {
		return 0;
	}
	if (attr->len != 2 && attr->len != 4) {
		return 400;
	}
	port = (uint16_t)(attr->value[0] << 8 | attr->value[1]);
	if (port == 0) {
		return 400; /* nothing can be sent there */
	}
	route->five_tuple.client_addr = tp_addr_with_port(&route->five_tuple.client_addr, port);
	return 0;
}

uint16_t tp_behavior_route(struct tp_transaction *transaction)
{
	struct tp_behavior_route *route;
	uint16_t code;

	if (!tp_behavior_allowed(transaction)) {
		return 0;
	}
	route = tp_arena_take_zero(&transaction->request.arena, sizeof(*route));
	if (route == NULL) {
		return 500;
	}
	route->five_tuple = transaction->request.five_tuple;
	code = take_change(transaction, route);
	if (code == 0) {
		code = take_padding(transaction, route);
	}
	if (code == 0) {
		code = take_port(transaction, route);
	}
	if (code == 0) {
		transaction->route = route;
	}
	return code;
}

/* --- the response ------------------------------------------------------------------ */

static void add_padding(const struct tp_behavior_route *route, struct tp_build *build)
{
	static const uint8_t zeros[PADDING_MAX];

	memcpy(route->bytes, build->bytes, build->len);
	build->bytes = route->bytes;
	build->size = PADDED_RESPONSE_MAX;
	tp_build_bytes(build, TP_ATTR_PADDING, zeros, route->padding);
}

static void write(const struct tp_transaction *transaction, struct tp_build *build,
		  const struct tp_addr *origin, const struct tp_addr *other)
{
	/* MAPPED-ADDRESS, too: a difference betrays a meddling gateway (section 3.6) */
	tp_build_addr(build, TP_ATTR_MAPPED_ADDRESS, &transaction->request.five_tuple.client_addr);
	tp_build_addr(build, TP_ATTR_RESPONSE_ORIGIN, origin);
	tp_build_addr(build, TP_ATTR_OTHER_ADDRESS, other);
}

/* The address that is other in both ways; NULL: there is none. */
static const struct tp_addr *stream_other(const struct tp_transaction *transaction)
{
	const struct tp_turn_options *options = &transaction->server->shared->options;
	const struct tp_five_tuple *five_tuple = &transaction->request.five_tuple;

	for (size_t i = 0; i < options->stream_behavior_count; i++) {
		const struct tp_stream_behavior *behavior = &options->stream_behaviors[i];

		for (size_t at = 0; at < TP_BEHAVIOR_SOCKETS; at++) {
			if (behavior->transport == five_tuple->transport &&
			    tp_addr_equal(&behavior->addrs[at], &five_tuple->server_addr)) {
				return &behavior->addrs[at ^ TP_BEHAVIOR_OTHER_IP ^
							TP_BEHAVIOR_OTHER_PORT];
			}
		}
	}
	return NULL;
}

void tp_behavior_write(struct tp_transaction *transaction, struct tp_build *build)
{
	const struct tp_behavior_route *route = transaction->route;
	const struct tp_addr *other = stream_other(transaction);

	if (other != NULL) {
		write(transaction, build, &transaction->request.five_tuple.server_addr, other);
	}
	if (route == NULL) {
		return;
	}
	write(transaction, build, &route->five_tuple.server_addr, &route->other_addr);
	if (route->bytes != NULL) {
		add_padding(route, build);
	}
}

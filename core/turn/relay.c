/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/relay.h"

#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "base/map.h"
#include "host/dispatch.h"
#include "io/datagram.h"
#include "io/endpoint.h"
#include "io/loop.h"
#include "stun/attr.h"
#include "stun/channel_data.h"
#include "stun/indication.h"
#include "turn/allocation.h"
#include "turn/channel.h"
#include "turn/detour.h"
#include "turn/discard.h"
#include "turn/hairpin.h"
#include "turn/methods.h"
#include "turn/peer_claim.h"
#include "turn/move.h"
#include "turn/peer_policy.h"
#include "turn/permission.h"
#include "turn/realm.h"
#include "turn/server.h"

#define DATA_MAX 65535 /* of an attribute and of ChannelData */

/* --- gates -------------------------------------------------------------------- */

static bool channel_data_vetoed(const struct tp_channel *channel, enum tp_direction direction,
				const uint8_t *payload, size_t len)
{
	const struct tp_chains *chains = channel->allocation->realm->chains;
	struct tp_before_relay_channel_data event;

	if (!tp_chains_want(chains, TP_EVENT_on_turn_before_relay_channel_data)) {
		return false;
	}
	event = (struct tp_before_relay_channel_data){
		.allocation = &channel->allocation->view,
		.direction = direction,
		.channel = (uint16_t)channel->by_number.number,
		.peer_addr = &channel->by_peer.peer_addr,
		.payload = {payload, len},
	};
	return tp_dispatch_packet(chains, TP_EVENT_on_turn_before_relay_channel_data, &event) ==
	       TP_DENY;
}

static bool indication_vetoed(const struct tp_allocation *allocation, enum tp_direction direction,
			      const struct tp_addr *peer_addr, const uint8_t *payload, size_t len)
{
	const struct tp_chains *chains = allocation->realm->chains;
	struct tp_before_relay_indication event;

	if (!tp_chains_want(chains, TP_EVENT_on_turn_before_relay_indication)) {
		return false;
	}
	event = (struct tp_before_relay_indication){
		.allocation = &allocation->view,
		.direction = direction,
		.peer_addr = peer_addr,
		.payload = {payload, len},
	};
	return tp_dispatch_packet(chains, TP_EVENT_on_turn_before_relay_indication, &event) ==
	       TP_DENY;
}

/* --- limits ------------------------------------------------------------------- */

static bool is_over_limit(const struct tp_allocation *allocation, enum tp_direction direction,
			  size_t len)
{
	return allocation->limit != NULL &&
	       !tp_limit_pass(allocation->limit, direction, len,
			      tp_loop_now_ms(allocation->server->worker->loop));
}

/* --- hops --------------------------------------------------------------------- */

/* Nothing is translated for each packet where the client is on a stream (RFC 8656 section 16). */
static __attribute__((cold)) bool has_hops_left(const struct tp_allocation *allocation,
						struct tp_packet *packet)
{
	return allocation->endpoint->stream || --packet->ttl > 0;
}

/*
 * Through here as through a router (RFC 8656 section 13.2): one hop less is left, false
 * when that was the last. Nothing for a packet of which it is not known.
 */
static bool pass_hop(const struct tp_allocation *allocation, struct tp_packet *packet)
{
	return packet->ttl < 0 || has_hops_left(allocation, packet);
}

/* --- client to peer ----------------------------------------------------------- */

static void count_to_peer(struct tp_allocation *allocation, size_t len)
{
	struct tp_server *server = allocation->server;

	allocation->client_to_peer.packets++;
	allocation->client_to_peer.bytes += len;
	tp_counter_add(server->counters.client_to_peer_packets, 1);
	tp_counter_add(server->counters.client_to_peer_bytes, len);
}

/*
 * From @relay to a client of ours: counted as sent first, then it is the other side's.
 * @whole: length of the client's message
 */
static bool hairpin(struct tp_allocation *allocation, const struct tp_relay_socket *relay,
		    const struct tp_relay_location *to, struct tp_packet *packet, size_t whole)
{
	struct tp_server *server = allocation->server;
	bool here = tp_hairpin_is_here(server->hairpin, to);

	packet->remote_addr = relay->advertised_addr;
	if (!here && tp_hairpin_send(server->hairpin, to, packet) != 0) {
		packet->len = whole;
		return false;
	}
	tp_counter_add(server->counters.hairpin_packets, 1);
	count_to_peer(allocation, packet->len);
	if (here) {
		tp_hairpin_deliver(server->hairpin, to, packet);
	}
	return true;
}

/*
 * Send a part of the client's packet, with its marks, to a peer that a permission covers, so
 * there is a relayed address of its family. The packet becomes the peer's, its length
 * only on success. @ours: its IP address is one that we relay on.
 */
static bool forward_to_peer(struct tp_allocation *allocation, struct tp_packet *packet,
			    const uint8_t *payload, size_t len, const struct tp_addr *peer_addr,
			    bool ours)
{
	const struct tp_shared *shared = allocation->server->shared;
	const struct tp_relay_socket *relay = tp_allocation_relay(allocation, peer_addr->family);
	struct tp_relay_location to;
	size_t whole = packet->len;

	packet->data += payload - packet->data;
	packet->len = len;
	packet->remote_addr = *peer_addr;
	packet->local_addr.family = TP_FAMILY_NONE; /* the socket's */
	if (ours) {
		if (len <= TP_HAIRPIN_PAYLOAD_MAX &&
		    tp_relay_socket_locate(shared, peer_addr, &to)) {
			return hairpin(allocation, relay, &to, packet, whole);
		}
		packet->remote_addr = tp_relay_socket_wire_addr(shared, peer_addr);
	}
	if (tp_datagram_forward(relay->datagram, packet) != 0) {
		packet->len = whole;
		return false;
	}
	count_to_peer(allocation, len);
	return true;
}

static void discard_from_client(struct tp_server *server, const struct tp_five_tuple *five_tuple,
				const struct tp_allocation *allocation, uint16_t channel,
				enum tp_discard_reason reason, size_t len)
{
	tp_discard_channel_data(server, five_tuple, allocation, TP_CLIENT_TO_PEER, channel, reason,
				len);
}

void tp_relay_channel_data(struct tp_server *server, const struct tp_five_tuple *five_tuple,
			   struct tp_packet *packet)
{
	struct tp_allocation *allocation = tp_allocation_find(server, five_tuple);
	struct tp_channel_data message;
	struct tp_channel *channel;
	enum tp_discard_reason reason;
	int err = tp_channel_data_parse(&message, packet->data, packet->len);

	if (err != 0) {
		reason = err == TP_ERANGE ? TP_DISCARD_CHANNEL_RANGE : TP_DISCARD_SHORT;
		discard_from_client(server, five_tuple, allocation, 0, reason, packet->len);
		return;
	}
	if (allocation == NULL) {
		if (tp_move_arrive(server, five_tuple) != NULL) {
			tp_relay_channel_data(server, five_tuple, packet);
			return;
		}
		if (tp_detour_take(server, five_tuple, packet)) {
			return;
		}
		discard_from_client(server, five_tuple, NULL, message.number,
				    TP_DISCARD_NO_ALLOCATION, packet->len);
		return;
	}
	channel = tp_channel_find(allocation, message.number);
	if (channel == NULL) {
		reason = TP_DISCARD_CHANNEL_UNBOUND;
	} else if (!channel->live) {
		reason = TP_DISCARD_CHANNEL_EXPIRED;
	} else if (!tp_passage_covers(&channel->passage, server->shared,
				      &channel->by_peer.peer_addr)) {
		reason = TP_DISCARD_NO_PERMISSION;
	} else if (!pass_hop(allocation, packet)) {
		reason = TP_DISCARD_HOP_LIMIT;
	} else if (is_over_limit(allocation, TP_CLIENT_TO_PEER, message.payload_len)) {
		reason = TP_DISCARD_LIMIT;
	} else if (channel_data_vetoed(channel, TP_CLIENT_TO_PEER, message.payload,
				       message.payload_len)) {
		reason = TP_DISCARD_VETO;
	} else if (!forward_to_peer(allocation, packet, message.payload, message.payload_len,
				    &channel->by_peer.peer_addr, channel->passage.ours)) {
		reason = TP_DISCARD_QUEUE_FULL;
	} else {
		return;
	}
	discard_from_client(server, five_tuple, allocation, message.number, reason, packet->len);
}

static bool read_send_indication(const struct tp_stun_msg *msg, struct tp_send_indication *send)
{
	const struct tp_stun_attr *peer = tp_stun_msg_find(msg, TP_ATTR_XOR_PEER_ADDRESS);
	const struct tp_stun_attr *payload = tp_stun_msg_find(msg, TP_ATTR_DATA);

	if (peer == NULL || payload == NULL ||
	    tp_attr_read_xor_addr(peer, msg, &send->peer_addr) != 0) {
		return false;
	}
	send->payload = tp_attr_view(payload);
	return true;
}

/*
 * Between datagrams of which one is IPv6 the attribute must be ignored (RFC 8656 sections 13.1
 * to 13.3); a client on a stream has no other way to say it (section 15).
 */
static bool keeps_whole(const struct tp_allocation *allocation, const struct tp_stun_msg *msg,
			const struct tp_addr *peer_addr)
{
	return tp_stun_msg_find(msg, TP_ATTR_DONT_FRAGMENT) != NULL &&
	       (allocation->endpoint->stream ||
		(peer_addr->family == TP_FAMILY_IPV4 &&
		 allocation->view.five_tuple.client_addr.family == TP_FAMILY_IPV4));
}

/* On a shared port, what is sent to a peer makes it the allocation's. */
static bool claim_peer(const struct tp_permission *permission, const struct tp_addr *peer_addr,
		       enum tp_discard_reason *reason)
{
	int err = tp_peer_claim_take(permission->claimant, peer_addr, TP_CLAIM_BY_SENDING);

	*reason = err == TP_EEXIST ? TP_DISCARD_PEER_TAKEN : TP_DISCARD_CLAIMS_FULL;
	return err == 0;
}

/* Returns true when the payload is on its way, else @reason is set. */
static bool send_to_peer(struct tp_allocation *allocation, const struct tp_send_indication *send,
			 struct tp_packet *packet, enum tp_discard_reason *reason)
{
	const struct tp_permission *permission = tp_permission_find(allocation, &send->peer_addr);

	if (allocation->tcp != NULL) { /* RFC 6062 section 3: no data on a control connection */
		*reason = TP_DISCARD_METHOD;
	} else if (tp_allocation_relay(allocation, send->peer_addr.family) == NULL) {
		*reason = TP_DISCARD_FAMILY;
	} else if (tp_addr_port(&send->peer_addr) == 0) {
		*reason = TP_DISCARD_PEER_REFUSED;
	} else if (!tp_permission_covers(permission, &send->peer_addr)) {
		*reason = TP_DISCARD_NO_PERMISSION;
	} else if (!pass_hop(allocation, packet)) {
		*reason = TP_DISCARD_HOP_LIMIT;
	} else if (is_over_limit(allocation, TP_CLIENT_TO_PEER, send->payload.len)) {
		*reason = TP_DISCARD_LIMIT;
	} else if (indication_vetoed(allocation, TP_CLIENT_TO_PEER, &send->peer_addr,
				     send->payload.data, send->payload.len)) {
		*reason = TP_DISCARD_VETO;
	} else if (permission->claimant == NULL ||
		   claim_peer(permission, &send->peer_addr, reason)) {
		*reason = TP_DISCARD_QUEUE_FULL;
		return forward_to_peer(allocation, packet, send->payload.data, send->payload.len,
				       &send->peer_addr, permission->passage.ours);
	}
	return false;
}

static void discard_send(struct tp_server *server, const struct tp_five_tuple *five_tuple,
			 const struct tp_allocation *allocation, enum tp_discard_reason reason,
			 size_t len)
{
	tp_discard_message(server, five_tuple, allocation, TP_CLIENT_TO_PEER, TP_STUN_SEND, reason,
			   len);
}

/* Of a client that has just come here, or of another worker's, or nobody's. */
static void send_elsewhere(struct tp_server *server, const struct tp_five_tuple *five_tuple,
			   const struct tp_send_indication *send, struct tp_packet *packet)
{
	if (tp_move_arrive(server, five_tuple) != NULL) {
		tp_relay_send(server, five_tuple, send, packet);
	} else if (!tp_detour_take(server, five_tuple, packet)) {
		discard_send(server, five_tuple, NULL, TP_DISCARD_NO_ALLOCATION, packet->len);
	}
}

void tp_relay_send(struct tp_server *server, const struct tp_five_tuple *five_tuple,
		   const struct tp_send_indication *send, struct tp_packet *packet)
{
	struct tp_allocation *allocation = tp_allocation_find(server, five_tuple);
	enum tp_discard_reason reason;

	if (allocation == NULL) {
		send_elsewhere(server, five_tuple, send, packet);
	} else if (!send_to_peer(allocation, send, packet, &reason)) {
		discard_send(server, five_tuple, allocation, reason, packet->len);
	}
}

void tp_relay_send_indication(struct tp_server *server, const struct tp_five_tuple *five_tuple,
			      const struct tp_stun_msg *msg, struct tp_packet *packet)
{
	struct tp_allocation *allocation = tp_allocation_find(server, five_tuple);
	enum tp_discard_reason reason;
	struct tp_send_indication send;
	uint16_t unknown;

	if (allocation == NULL && tp_move_arrive(server, five_tuple) != NULL) {
		tp_relay_send_indication(server, five_tuple, msg, packet);
		return;
	}
	if (allocation == NULL && tp_detour_take(server, five_tuple, packet)) {
		return;
	}
	if (allocation == NULL) {
		reason = TP_DISCARD_NO_ALLOCATION;
	} else if (tp_stun_msg_unknown(msg, tp_method_knows_attribute, &unknown, 1) != 0) {
		reason = TP_DISCARD_UNKNOWN_ATTRIBUTE;
	} else if (!read_send_indication(msg, &send)) {
		reason = TP_DISCARD_MALFORMED;
	} else {
		packet->dont_fragment = keeps_whole(allocation, msg, &send.peer_addr);
		if (send_to_peer(allocation, &send, packet, &reason)) {
			return;
		}
	}
	discard_send(server, five_tuple, allocation, reason, packet->len);
}

/* --- peer to client ----------------------------------------------------------- */

/* The packet, header written, goes to the client; padded on a stream. */
static bool forward_to_client(struct tp_allocation *allocation, struct tp_packet *packet,
			      size_t payload_len)
{
	struct tp_server *server = allocation->server;

	if (tp_endpoint_forward(allocation->endpoint, &allocation->view.five_tuple, packet) != 0) {
		return false;
	}
	allocation->peer_to_client.packets++;
	allocation->peer_to_client.bytes += payload_len;
	tp_counter_add(server->counters.peer_to_client_packets, 1);
	tp_counter_add(server->counters.peer_to_client_bytes, payload_len);
	return true;
}

/* At most three bytes: nothing worth a call. */
static void pad(struct tp_packet *packet, size_t padding)
{
	while (padding-- > 0) {
		packet->data[packet->len++] = 0;
	}
}

static void channel_data_to_client(struct tp_allocation *allocation,
				   const struct tp_channel *channel, struct tp_packet *packet)
{
	size_t payload_len = packet->len;
	enum tp_discard_reason reason = TP_DISCARD_QUEUE_FULL;

	if (!pass_hop(allocation, packet)) {
		reason = TP_DISCARD_HOP_LIMIT;
	} else if (is_over_limit(allocation, TP_PEER_TO_CLIENT, packet->len)) {
		reason = TP_DISCARD_LIMIT;
	} else if (channel_data_vetoed(channel, TP_PEER_TO_CLIENT, packet->data, packet->len)) {
		reason = TP_DISCARD_VETO;
	} else {
		packet->data -= TP_CHANNEL_DATA_HEADER_SIZE;
		packet->len += TP_CHANNEL_DATA_HEADER_SIZE;
		tp_channel_data_write_header(packet->data, (uint16_t)channel->by_number.number,
					     payload_len);
		if (allocation->endpoint->stream) {
			pad(packet, tp_channel_data_padding(payload_len));
		}
		if (forward_to_client(allocation, packet, payload_len)) {
			return;
		}
	}
	tp_discard_channel_data(allocation->server, &allocation->view.five_tuple, allocation,
				TP_PEER_TO_CLIENT, (uint16_t)channel->by_number.number, reason,
				payload_len);
}

/* Around the payload, in its place (RFC 8656 section 11.4). */
static void write_data_indication(struct tp_server *server, const struct tp_addr *peer_addr,
				  struct tp_packet *packet)
{
	size_t head_size = tp_data_indication_head_size(peer_addr);
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE];
	size_t payload_len = packet->len;

	tp_server_indication_id(server, transaction_id);
	packet->data -= head_size;
	packet->len += head_size;
	pad(packet, (4 - payload_len % 4) % 4);
	tp_data_indication_write_head(packet->data, peer_addr, payload_len, transaction_id);
}

static void indication_to_client(struct tp_allocation *allocation, const struct tp_addr *peer_addr,
				 struct tp_packet *packet)
{
	size_t payload_len = packet->len;
	enum tp_discard_reason reason = TP_DISCARD_QUEUE_FULL;

	if (!tp_permission_covers(tp_permission_find(allocation, peer_addr), peer_addr)) {
		reason = TP_DISCARD_NO_PERMISSION;
	} else if (payload_len > DATA_MAX - TP_PACKET_HEADROOM) {
		reason = TP_DISCARD_TOO_BIG;
	} else if (!pass_hop(allocation, packet)) {
		reason = TP_DISCARD_HOP_LIMIT;
	} else if (is_over_limit(allocation, TP_PEER_TO_CLIENT, payload_len)) {
		reason = TP_DISCARD_LIMIT;
	} else if (indication_vetoed(allocation, TP_PEER_TO_CLIENT, peer_addr, packet->data,
				     packet->len)) {
		reason = TP_DISCARD_VETO;
	} else {
		write_data_indication(allocation->server, peer_addr, packet);
		if (forward_to_client(allocation, packet, payload_len)) {
			return;
		}
	}
	tp_discard_message(allocation->server, &allocation->view.five_tuple, allocation,
			   TP_PEER_TO_CLIENT, TP_STUN_DATA, reason, payload_len);
}

void tp_relay_deliver(struct tp_allocation *allocation, struct tp_packet *packet)
{
	const struct tp_addr *peer_addr = &packet->remote_addr;
	struct tp_channel *channel = tp_channel_find_peer(allocation, peer_addr);

	if (channel != NULL && channel->live &&
	    tp_passage_covers(&channel->passage, allocation->server->shared, peer_addr)) {
		channel_data_to_client(allocation, channel, packet);
		return;
	}
	indication_to_client(allocation, peer_addr, packet);
}

void tp_relay_receive(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct tp_allocation *allocation = owner;

	(void)datagram;
	if (allocation == NULL) { /* reserved, or its allocation is about to be made */
		return;
	}
	if (allocation->server->shared->translates) {
		packet->remote_addr =
			tp_relay_socket_peer_addr(allocation->server->shared, &packet->remote_addr);
	}
	tp_relay_deliver(allocation, packet);
}

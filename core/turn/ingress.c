/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/ingress.h"

#include "io/endpoint.h"
#include "stun/frame.h"
#include "stun/indication.h"
#include "stun/msg.h"
#include "turn/allocation.h"
#include "turn/detour.h"
#include "turn/discard.h"
#include "turn/realm.h"
#include "turn/relay.h"
#include "turn/server.h"
#include "turn/transaction.h"

static void discard(struct tp_server *server, const struct tp_five_tuple *five_tuple,
		    uint16_t method, enum tp_discard_reason reason, size_t len)
{
	tp_discard_message(server, five_tuple, tp_allocation_find(server, five_tuple),
			   TP_CLIENT_TO_PEER, method, reason, len);
}

static __attribute__((noinline, cold)) void malformed(struct tp_server *server,
						      struct tp_endpoint *endpoint,
						      const struct tp_five_tuple *five_tuple,
						      const struct tp_packet *packet,
						      const char *problem)
{
	tp_exception_tell(server, tp_realm_of(server, endpoint), five_tuple, TP_STAGE_PARSE,
			  problem, packet->data, packet->len);
	discard(server, five_tuple, 0, TP_DISCARD_MALFORMED, packet->len);
}

static void indication(struct tp_server *server, const struct tp_five_tuple *five_tuple,
		       const struct tp_stun_msg *msg, struct tp_packet *packet)
{
	switch (msg->method) {
	case TP_STUN_SEND:
		tp_relay_send_indication(server, five_tuple, msg, packet);
		break;
	case TP_STUN_BINDING: /* a keep-alive: RFC 8489 section 6.3.2 */
		break;
	default:
		discard(server, five_tuple, msg->method, TP_DISCARD_METHOD, packet->len);
		break;
	}
}

static void stun(struct tp_server *server, struct tp_endpoint *endpoint,
		 const struct tp_five_tuple *five_tuple, struct tp_packet *packet)
{
	struct tp_send_indication send;
	struct tp_stun_msg msg;
	const char *problem;

	if (tp_send_indication_read(&send, packet->data, packet->len)) {
		tp_relay_send(server, five_tuple, &send, packet);
		return;
	}
	if (tp_stun_msg_parse(&msg, packet->data, packet->len, &problem) != 0) {
		malformed(server, endpoint, five_tuple, packet, problem);
		return;
	}
	switch (msg.message_class) {
	case TP_STUN_REQUEST:
		if (!tp_detour_take(server, five_tuple, packet)) {
			tp_transaction_begin(server, endpoint, five_tuple, &msg);
		}
		break;
	case TP_STUN_INDICATION:
		indication(server, five_tuple, &msg, packet);
		break;
	default: /* we have asked nothing */
		discard(server, five_tuple, msg.method, TP_DISCARD_METHOD, packet->len);
		break;
	}
}

void tp_ingress_message(void *owner, struct tp_endpoint *endpoint,
			const struct tp_five_tuple *five_tuple, struct tp_packet *packet)
{
	struct tp_server *server = owner;

	if (packet->len == 0) {
		discard(server, five_tuple, 0, TP_DISCARD_SHORT, 0);
		return;
	}
	switch (tp_frame_kind_of(packet->data[0])) {
	case TP_FRAME_CHANNEL_DATA:
		tp_relay_channel_data(server, five_tuple, packet);
		break;
	case TP_FRAME_STUN:
		stun(server, endpoint, five_tuple, packet);
		break;
	default:
		malformed(server, endpoint, five_tuple, packet,
			  "first byte of no protocol spoken here");
		break;
	}
}

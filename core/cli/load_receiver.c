/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_receiver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "stun/attr.h"
#include "stun/channel_data.h"
#include "stun/frame.h"
#include "stun/msg.h"

#define BATCH 64
#define EVENTS_MAX 256
#define FRAMING_MAX 128 /* around the payload of a Data indication, and more than is due */

struct tp_load_receiver {
	struct tp_load_receiver_options options;
	bool bare;
	bool hairpin;
	bool indications;
	uint64_t now_ns;
	struct tp_load_client *client; /* whose connection is read */
	struct mmsghdr messages[BATCH];
	struct iovec payloads[BATCH];
	struct sockaddr_storage names[BATCH];
	uint8_t *bytes;
};

/* --- at a client ----------------------------------------------------------- */

static bool read_channel_data(const struct tp_load_client *client, const uint8_t *bytes, size_t len,
			      struct tp_view *out)
{
	struct tp_channel_data message;

	if (tp_channel_data_parse(&message, bytes, len) != 0 || message.number != client->channel) {
		return false;
	}
	*out = (struct tp_view){message.payload, message.payload_len};
	return true;
}

static bool read_data(const struct tp_load_client *client, const struct tp_stun_msg *msg,
		      struct tp_view *out)
{
	const struct tp_stun_attr *peer = tp_stun_msg_find(msg, TP_ATTR_XOR_PEER_ADDRESS);
	const struct tp_stun_attr *data = tp_stun_msg_find(msg, TP_ATTR_DATA);
	struct tp_addr peer_addr;

	if (peer == NULL || data == NULL || tp_attr_read_xor_addr(peer, msg, &peer_addr) != 0 ||
	    !tp_addr_equal(&peer_addr, &client->peer_addr)) {
		return false;
	}
	*out = tp_attr_view(data);
	return true;
}

static void take_payload(struct tp_load_receiver *receiver, const struct tp_load_client *client,
			 struct tp_view payload)
{
	struct tp_load_packet packet;
	uint32_t sender = receiver->hairpin ? client->index ^ 1 : client->index;
	enum tp_load_kind kind = receiver->hairpin ? TP_LOAD_UP : TP_LOAD_DOWN;

	if (payload.len != receiver->options.fleet->options->size &&
	    payload.len != TP_LOAD_PAYLOAD_MIN) {
		receiver->options.damaged(receiver->options.owner);
	} else if (!tp_load_payload_read(payload.data, payload.len, &packet) ||
		   packet.index != sender ||
		   (packet.kind != kind && packet.kind != TP_LOAD_PRIME)) {
		receiver->options.damaged(receiver->options.owner);
	} else if (packet.kind == kind) {
		receiver->options.arrived(receiver->options.owner, &packet, receiver->now_ns);
	}
}

static void take_message(struct tp_load_receiver *receiver, const struct tp_load_client *client,
			 const uint8_t *bytes, size_t len)
{
	struct tp_stun_msg msg;
	const char *problem;
	struct tp_view payload = {bytes, len};

	if (receiver->bare) {
		take_payload(receiver, client, payload);
		return;
	}
	if (tp_frame_kind_of(bytes[0]) == TP_FRAME_CHANNEL_DATA && !receiver->indications) {
		if (read_channel_data(client, bytes, len, &payload)) {
			take_payload(receiver, client, payload);
			return;
		}
	} else if (tp_stun_msg_parse(&msg, bytes, len, &problem) == 0) {
		if (msg.message_class == TP_STUN_SUCCESS || msg.message_class == TP_STUN_ERROR) {
			return; /* once more, to a request that was sent again */
		}
		if (receiver->indications && msg.method == TP_STUN_DATA &&
		    read_data(client, &msg, &payload)) {
			take_payload(receiver, client, payload);
			return;
		}
	}
	receiver->options.damaged(receiver->options.owner);
}

static void take_stream_message(void *owner, const uint8_t *bytes, size_t len)
{
	struct tp_load_receiver *receiver = owner;

	take_message(receiver, receiver->client, bytes, len);
}

static void take_at_client(struct tp_load_receiver *receiver, struct tp_load_client *client)
{
	int count;

	if (client->stream != NULL) {
		receiver->client = client;
		receiver->now_ns = tp_load_now_ns();
		if (tp_load_stream_read(client->stream, client->fd, take_stream_message,
					receiver) != 0) {
			receiver->options.ended(receiver->options.owner, client);
		}
		return;
	}
	do {
		count = recvmmsg(client->fd, receiver->messages, BATCH, MSG_DONTWAIT, NULL);
		receiver->now_ns = tp_load_now_ns();
		for (int i = 0; i < count; i++) {
			if (receiver->messages[i].msg_len != 0) {
				take_message(receiver, client, receiver->payloads[i].iov_base,
					     receiver->messages[i].msg_len);
			}
		}
	} while (count == BATCH);
}

/* --- at a peer ------------------------------------------------------------- */

static void take_from_relay(struct tp_load_receiver *receiver, unsigned peer, unsigned message)
{
	struct tp_load_fleet *fleet = receiver->options.fleet;
	struct tp_load_packet packet;
	struct tp_addr source;

	tp_addr_from_sockaddr(&source, (struct sockaddr *)&receiver->names[message]);
	if (!tp_load_payload_read(receiver->payloads[message].iov_base,
				  receiver->messages[message].msg_len, &packet) ||
	    packet.index >= fleet->client_count || tp_load_peer_of(packet.index) != peer ||
	    !tp_addr_equal(&source, &fleet->clients[packet.index].relayed_addr)) {
		receiver->options.damaged(receiver->options.owner);
	} else if (packet.kind == TP_LOAD_UP) {
		receiver->options.arrived(receiver->options.owner, &packet, receiver->now_ns);
	} else if (packet.kind != TP_LOAD_PRIME) {
		receiver->options.damaged(receiver->options.owner);
	}
}

static void take_at_peer(struct tp_load_receiver *receiver, unsigned peer)
{
	int fd = receiver->options.fleet->peer_fds[peer];
	int count;

	do {
		for (unsigned i = 0; i < BATCH; i++) {
			receiver->messages[i].msg_hdr.msg_name = &receiver->names[i];
			receiver->messages[i].msg_hdr.msg_namelen = sizeof(receiver->names[i]);
		}
		count = recvmmsg(fd, receiver->messages, BATCH, MSG_DONTWAIT, NULL);
		receiver->now_ns = tp_load_now_ns();
		for (int i = 0; i < count; i++) {
			take_from_relay(receiver, peer, (unsigned)i);
		}
	} while (count == BATCH);
	for (unsigned i = 0; i < BATCH; i++) {
		receiver->messages[i].msg_hdr.msg_name = NULL;
		receiver->messages[i].msg_hdr.msg_namelen = 0;
	}
}

/* --- */

void tp_load_receiver_run(struct tp_load_receiver *receiver)
{
	struct tp_load_fleet *fleet = receiver->options.fleet;
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(fleet->epoll_fd, events, EVENTS_MAX, 0);

	for (int i = 0; i < count; i++) {
		uint32_t number = events[i].data.u32;

		if (number >= TP_LOAD_PEER_EVENT) {
			take_at_peer(receiver, number - TP_LOAD_PEER_EVENT);
		} else {
			take_at_client(receiver, &fleet->clients[number]);
		}
	}
}

int tp_load_receiver_create(const struct tp_load_receiver_options *options,
			    struct tp_load_receiver **out)
{
	const struct tp_load_options *load = options->fleet->options;
	size_t stride = (load->size + FRAMING_MAX + 63) / 64 * 64;
	struct tp_load_receiver *receiver = calloc(1, sizeof(*receiver));

	if (receiver == NULL) {
		return TP_ENOMEM;
	}
	receiver->bytes = calloc(BATCH, stride);
	if (receiver->bytes == NULL) {
		free(receiver);
		return TP_ENOMEM;
	}
	receiver->options = *options;
	receiver->bare = load->target != TP_LOAD_TARGET_TURN;
	receiver->hairpin = load->mode == TP_LOAD_HAIRPIN;
	receiver->indications = load->mode == TP_LOAD_SEND;
	for (unsigned i = 0; i < BATCH; i++) {
		receiver->payloads[i] = (struct iovec){receiver->bytes + i * stride, stride};
		receiver->messages[i].msg_hdr.msg_iov = &receiver->payloads[i];
		receiver->messages[i].msg_hdr.msg_iovlen = 1;
	}
	*out = receiver;
	return 0;
}

void tp_load_receiver_free(struct tp_load_receiver **receiver)
{
	if (*receiver == NULL) {
		return;
	}
	free((*receiver)->bytes);
	free(*receiver);
	*receiver = NULL;
}

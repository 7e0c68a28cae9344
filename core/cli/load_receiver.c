/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_receiver.h"

#include <netinet/in.h>
#include <netinet/udp.h>
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
#define BATCH_OF_TRAINS 16
#define TRAIN_SIZE 65536
#define EVENTS_MAX 256
#define FRAMING_MAX 128 /* around the payload of a Data indication, and more than is due */

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

/* Room for the length of the packets that arrived in one piece. */
union control {
	struct cmsghdr header;
	uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

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
	union control controls[BATCH];
	unsigned batch;
	bool coalesced; /* trains may arrive in one piece */
	uint8_t *bytes;
};

/* --- from a socket --------------------------------------------------------- */

static int receive(struct tp_load_receiver *receiver, int fd)
{
	int count;

	for (unsigned i = 0; i < receiver->batch; i++) {
		struct msghdr *header = &receiver->messages[i].msg_hdr;

		header->msg_namelen = sizeof(receiver->names[i]);
		header->msg_controllen = receiver->coalesced ? sizeof(receiver->controls[i]) : 0;
	}
	count = recvmmsg(fd, receiver->messages, receiver->batch, MSG_DONTWAIT, NULL);
	receiver->now_ns = tp_load_now_ns();
	return count;
}

static struct tp_view message_of(const struct tp_load_receiver *receiver, int i)
{
	return (struct tp_view){receiver->payloads[i].iov_base, receiver->messages[i].msg_len};
}

/* The length of each packet but the last in a message. */
static size_t segment_of(const struct tp_load_receiver *receiver, int i)
{
	const struct msghdr *header = &receiver->messages[i].msg_hdr;
	const struct cmsghdr *control = &receiver->controls[i].header;
	int segment;

	if (header->msg_controllen < sizeof(*control) || control->cmsg_level != IPPROTO_UDP ||
	    control->cmsg_type != UDP_GRO) {
		return receiver->messages[i].msg_len;
	}
	memcpy(&segment, CMSG_DATA(control), sizeof(segment));
	return (size_t)segment;
}

static struct tp_view cut(struct tp_view *rest, size_t segment)
{
	struct tp_view first = {rest->data, segment < rest->len ? segment : rest->len};

	rest->data += first.len;
	rest->len -= first.len;
	return first;
}

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
		count = receive(receiver, client->fd);
		for (int i = 0; i < count; i++) {
			struct tp_view rest = message_of(receiver, i);
			size_t segment = segment_of(receiver, i);

			while (rest.len != 0) {
				struct tp_view packet = cut(&rest, segment);

				take_message(receiver, client, packet.data, packet.len);
			}
		}
	} while (count == (int)receiver->batch);
}

/* --- at a peer ------------------------------------------------------------- */

static void take_from_relay(struct tp_load_receiver *receiver, unsigned peer,
			    const struct tp_addr *source, struct tp_view payload)
{
	struct tp_load_fleet *fleet = receiver->options.fleet;
	struct tp_load_packet packet;

	if (!tp_load_payload_read(payload.data, payload.len, &packet) ||
	    packet.index >= fleet->client_count || tp_load_peer_of(packet.index) != peer ||
	    !tp_addr_equal(source, &fleet->clients[packet.index].relayed_addr)) {
		receiver->options.damaged(receiver->options.owner);
	} else if (packet.kind == TP_LOAD_UP) {
		receiver->options.arrived(receiver->options.owner, &packet, receiver->now_ns);
	} else if (packet.kind != TP_LOAD_PRIME) {
		receiver->options.damaged(receiver->options.owner);
	}
}

static void take_at_peer(struct tp_load_receiver *receiver, unsigned peer)
{
	struct tp_addr source;
	int count;

	do {
		count = receive(receiver, receiver->options.fleet->peer_fds[peer]);
		for (int i = 0; i < count; i++) {
			struct tp_view rest = message_of(receiver, i);
			size_t segment = segment_of(receiver, i);

			tp_addr_from_sockaddr(&source, (struct sockaddr *)&receiver->names[i]);
			while (rest.len != 0) {
				take_from_relay(receiver, peer, &source, cut(&rest, segment));
			}
		}
	} while (count == (int)receiver->batch);
}

/* --- */

void tp_load_receiver_run(struct tp_load_receiver *receiver, int wait_ms)
{
	struct tp_load_fleet *fleet = receiver->options.fleet;
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(fleet->epoll_fd, events, EVENTS_MAX, wait_ms);

	for (int i = 0; i < count; i++) {
		uint32_t number = events[i].data.u32;

		if (number >= TP_LOAD_PEER_EVENT) {
			take_at_peer(receiver, number - TP_LOAD_PEER_EVENT);
		} else {
			take_at_client(receiver, &fleet->clients[number]);
		}
	}
}

/* As a network card with its driver hands on trains; refused, they come as packets. */
static void coalesce(struct tp_load_receiver *receiver)
{
	const struct tp_load_fleet *fleet = receiver->options.fleet;
	int one = 1;

	for (uint32_t i = 0; i < fleet->client_count; i++) {
		if (fleet->clients[i].stream == NULL) {
			(void)setsockopt(fleet->clients[i].fd, IPPROTO_UDP, UDP_GRO, &one,
					 sizeof(one));
		}
	}
	for (unsigned i = 0; i < TP_LOAD_PEERS; i++) {
		(void)setsockopt(fleet->peer_fds[i], IPPROTO_UDP, UDP_GRO, &one, sizeof(one));
	}
}

static int make_room(struct tp_load_receiver *receiver, size_t stride)
{
	receiver->bytes = calloc(receiver->batch, stride);
	if (receiver->bytes == NULL) {
		return TP_ENOMEM;
	}
	for (unsigned i = 0; i < receiver->batch; i++) {
		receiver->payloads[i] = (struct iovec){receiver->bytes + i * stride, stride};
		receiver->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &receiver->names[i],
			.msg_iov = &receiver->payloads[i],
			.msg_iovlen = 1,
			.msg_control = &receiver->controls[i],
		};
	}
	return 0;
}

int tp_load_receiver_create(const struct tp_load_receiver_options *options,
			    struct tp_load_receiver **out)
{
	const struct tp_load_options *load = options->fleet->options;
	struct tp_load_receiver *receiver = calloc(1, sizeof(*receiver));

	if (receiver == NULL) {
		return TP_ENOMEM;
	}
	receiver->options = *options;
	receiver->bare = load->target != TP_LOAD_TARGET_TURN;
	receiver->hairpin = load->mode == TP_LOAD_HAIRPIN;
	receiver->indications = load->mode == TP_LOAD_SEND;
	receiver->coalesced = load->train > 1;
	receiver->batch = receiver->coalesced ? BATCH_OF_TRAINS : BATCH;
	if (make_room(receiver, receiver->coalesced
					? TRAIN_SIZE
					: (load->size + FRAMING_MAX + 63) / 64 * 64) != 0) {
		free(receiver);
		return TP_ENOMEM;
	}
	if (receiver->coalesced) {
		coalesce(receiver);
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

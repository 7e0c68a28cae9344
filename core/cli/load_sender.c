/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_sender.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "stun/build.h"
#include "stun/channel_data.h"

#define TRAIN_BYTES_MAX 65507
#define SEND_HEADER_MAX 64 /* STUN header, XOR-PEER-ADDRESS, head of DATA */

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

struct tp_load_sender {
	const struct tp_load_fleet *fleet;
	bool indications; /* clients send by indication, else by channel or bare */
	bool bare;
	bool segments; /* the kernel has not refused yet */
	uint32_t transactions;
	uint8_t train[TRAIN_BYTES_MAX];
};

/* --- framing --------------------------------------------------------------- */

static size_t write_channel_data(uint8_t *at, const struct tp_load_client *client, size_t len)
{
	size_t padding = client->stream == NULL ? 0 : tp_channel_data_padding(len);

	tp_channel_data_write_header(at, client->channel, len);
	memset(at + TP_CHANNEL_DATA_HEADER_SIZE + len, 0, padding);
	return TP_CHANNEL_DATA_HEADER_SIZE + len + padding;
}

/* DATA comes last; its value is written where this leaves room for it. */
static size_t write_send(struct tp_load_sender *sender, uint8_t *at,
			 const struct tp_load_client *client, size_t len, size_t *header)
{
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = {0};
	struct tp_build build;
	size_t padded = len + (4 - len % 4) % 4;

	tp_put_u32(transaction_id, client->index);
	tp_put_u32(transaction_id + 4, ++sender->transactions);
	tp_build_init(&build, at, SEND_HEADER_MAX, TP_STUN_SEND, TP_STUN_INDICATION,
		      transaction_id);
	tp_build_xor_addr(&build, TP_ATTR_XOR_PEER_ADDRESS, &client->peer_addr);
	*header = tp_build_finish(&build) + 4;
	tp_put_u16(at + *header - 4, TP_ATTR_DATA);
	tp_put_u16(at + *header - 2, (uint16_t)len);
	tp_put_u16(at + 2, (uint16_t)(*header + padded - TP_STUN_HEADER_SIZE));
	memset(at + *header + len, 0, padded - len);
	return *header + padded;
}

/* Returns the length of what is to be sent. */
static size_t write_packet(struct tp_load_sender *sender, uint8_t *at,
			   const struct tp_load_client *client, const struct tp_load_packet *packet)
{
	size_t size = sender->fleet->options->size;
	size_t header = 0;
	size_t len = size;

	if (packet->kind == TP_LOAD_UP && sender->indications) {
		len = write_send(sender, at, client, size, &header);
	} else if (packet->kind == TP_LOAD_UP && !sender->bare) {
		header = TP_CHANNEL_DATA_HEADER_SIZE;
		len = write_channel_data(at, client, size);
	}
	tp_load_payload_write(at + header, size, packet);
	return len;
}

/* --- sending --------------------------------------------------------------- */

static bool send_segmented(struct tp_load_sender *sender, int fd, const struct msghdr *to,
			   size_t len, size_t segment)
{
	union {
		struct cmsghdr header;
		uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
	} control = {.header = {.cmsg_level = IPPROTO_UDP,
				.cmsg_type = UDP_SEGMENT,
				.cmsg_len = CMSG_LEN(sizeof(uint16_t))}};
	struct iovec payload = {sender->train, len};
	struct msghdr message = *to;
	uint16_t size = (uint16_t)segment;

	memcpy(CMSG_DATA(&control.header), &size, sizeof(size));
	message.msg_iov = &payload;
	message.msg_iovlen = 1;
	message.msg_control = &control;
	message.msg_controllen = sizeof(control.bytes);
	return sendmsg(fd, &message, 0) >= 0;
}

static void send_one_by_one(struct tp_load_sender *sender, int fd, const struct msghdr *to,
			    uint32_t count, size_t segment)
{
	struct mmsghdr messages[TP_LOAD_TRAIN_MAX];
	struct iovec payloads[TP_LOAD_TRAIN_MAX];

	for (uint32_t i = 0; i < count; i++) {
		payloads[i] = (struct iovec){sender->train + i * segment, segment};
		messages[i].msg_hdr = *to;
		messages[i].msg_hdr.msg_iov = &payloads[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	(void)sendmmsg(fd, messages, count, 0);
}

/* @to: for a peer's socket; a client's is connected */
static void send_train(struct tp_load_sender *sender, int fd, const struct msghdr *to,
		       uint32_t count, size_t segment)
{
	if (sender->segments) {
		sender->segments = send_segmented(sender, fd, to, count * segment, segment);
	}
	if (!sender->segments) {
		send_one_by_one(sender, fd, to, count, segment);
	}
}

static void send_from_peer(struct tp_load_sender *sender, const struct tp_load_client *client,
			   uint32_t count, size_t segment)
{
	int fd = sender->fleet->peer_fds[tp_load_peer_of(client->index)];
	struct sockaddr_storage sa;
	struct msghdr to = {.msg_name = &sa};

	to.msg_namelen = tp_addr_to_sockaddr(&client->relayed_addr, &sa);
	if (count > 1) {
		send_train(sender, fd, &to, count, segment);
	} else {
		(void)sendto(fd, sender->train, segment, 0, to.msg_name, to.msg_namelen);
	}
}

static int send_from_client(struct tp_load_sender *sender, struct tp_load_client *client,
			    uint32_t count, size_t segment)
{
	static const struct msghdr connected;

	if (client->stream != NULL) {
		return tp_load_stream_write(client->stream, client->fd, sender->train,
					    count * segment);
	}
	if (count > 1) {
		send_train(sender, client->fd, &connected, count, segment);
	} else {
		(void)send(client->fd, sender->train, segment, 0);
	}
	return 0;
}

int tp_load_sender_put(struct tp_load_sender *sender, struct tp_load_client *client,
		       const struct tp_load_packet *first, uint32_t count)
{
	struct tp_load_packet packet = *first;
	size_t segment = 0;

	for (uint32_t i = 0; i < count; i++) {
		segment = write_packet(sender, sender->train + i * segment, client, &packet);
		packet.sequence++;
	}
	if (packet.kind == TP_LOAD_DOWN) {
		send_from_peer(sender, client, count, segment);
		return 0;
	}
	return send_from_client(sender, client, count, segment);
}

/* --- */

int tp_load_sender_create(const struct tp_load_fleet *fleet, struct tp_load_sender **out)
{
	struct tp_load_sender *sender = calloc(1, sizeof(*sender));

	if (sender == NULL) {
		return TP_ENOMEM;
	}
	sender->fleet = fleet;
	sender->bare = fleet->options->target != TP_LOAD_TARGET_TURN;
	sender->indications = fleet->options->mode == TP_LOAD_SEND;
	sender->segments = true;
	*out = sender;
	return 0;
}

void tp_load_sender_free(struct tp_load_sender **sender)
{
	free(*sender);
	*sender = NULL;
}

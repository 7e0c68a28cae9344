/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_sender.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/bytes.h"
#include "cli/load_inject.h"
#include "stun/build.h"
#include "stun/channel_data.h"

#define BATCH TP_LOAD_INJECT_BATCH
#define TRAIN_BYTES_MAX 65507
#define SEND_HEADER_MAX 64 /* STUN header, XOR-PEER-ADDRESS, head of DATA */

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

/* A packet that waits for the flush. */
struct slot {
	const struct tp_load_client *client;
	bool down;
	size_t len;
	uint8_t *bytes; /* room for headers to inject, then what is sent */
};

struct tp_load_sender {
	const struct tp_load_fleet *fleet;
	bool indications; /* clients send by indication, else by channel or bare */
	bool bare;
	int inject_fd; /* -1: none */
	bool segments; /* the kernel has not refused yet */
	uint32_t transactions;
	unsigned count;
	struct slot slots[BATCH];
	uint8_t *slot_bytes;
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

static int peer_fd(const struct tp_load_sender *sender, const struct tp_load_client *client)
{
	return sender->fleet->peer_fds[tp_load_peer_of(client->index)];
}

/* --- single packets -------------------------------------------------------- */

static const struct tp_addr *source_of(const struct tp_load_sender *sender, const struct slot *slot)
{
	return slot->down ? &sender->fleet->peer_addrs[tp_load_peer_of(slot->client->index)]
			  : &slot->client->addr;
}

static const struct tp_addr *destination_of(const struct tp_load_sender *sender,
					    const struct slot *slot)
{
	return slot->down ? &slot->client->relayed_addr : &sender->fleet->server_addr;
}

static bool can_inject(const struct tp_load_sender *sender, const struct slot *slot)
{
	return sender->inject_fd >= 0 && tp_load_inject_covers(source_of(sender, slot)) &&
	       tp_load_inject_covers(destination_of(sender, slot));
}

static void flush_injected(struct tp_load_sender *sender)
{
	struct iovec datagrams[BATCH];
	unsigned count = 0;

	for (unsigned i = 0; i < sender->count; i++) {
		struct slot *slot = &sender->slots[i];

		if (can_inject(sender, slot)) {
			tp_load_inject_write(slot->bytes, source_of(sender, slot),
					     destination_of(sender, slot), slot->len);
			datagrams[count++] =
				(struct iovec){slot->bytes, TP_LOAD_INJECT_HEADER_SIZE + slot->len};
		}
	}
	tp_load_inject_send(sender->inject_fd, datagrams, count);
}

static void flush_peer(struct tp_load_sender *sender, unsigned peer)
{
	struct sockaddr_storage names[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec payloads[BATCH];
	unsigned count = 0;
	unsigned at = 0;

	for (unsigned i = 0; i < sender->count; i++) {
		const struct slot *slot = &sender->slots[i];

		if (!slot->down || tp_load_peer_of(slot->client->index) != peer ||
		    can_inject(sender, slot)) {
			continue;
		}
		payloads[count] =
			(struct iovec){slot->bytes + TP_LOAD_INJECT_HEADER_SIZE, slot->len};
		messages[count].msg_hdr =
			(struct msghdr){.msg_name = &names[count],
					.msg_namelen = tp_addr_to_sockaddr(
						&slot->client->relayed_addr, &names[count]),
					.msg_iov = &payloads[count],
					.msg_iovlen = 1};
		count++;
	}
	while (at < count) {
		int sent = sendmmsg(sender->fleet->peer_fds[peer], messages + at, count - at, 0);

		at += sent > 0 ? (unsigned)sent : 1; /* what is refused is lost */
	}
}

static void flush_by_sockets(struct tp_load_sender *sender)
{
	for (unsigned i = 0; i < sender->count; i++) {
		const struct slot *slot = &sender->slots[i];

		if (!slot->down && !can_inject(sender, slot)) {
			(void)send(slot->client->fd, slot->bytes + TP_LOAD_INJECT_HEADER_SIZE,
				   slot->len, 0);
		}
	}
	for (unsigned peer = 0; peer < TP_LOAD_PEERS; peer++) {
		flush_peer(sender, peer);
	}
}

void tp_load_sender_flush(struct tp_load_sender *sender)
{
	if (sender->count == 0) {
		return;
	}
	if (sender->inject_fd >= 0) {
		flush_injected(sender);
	}
	flush_by_sockets(sender);
	sender->count = 0;
}

static void put_single(struct tp_load_sender *sender, const struct tp_load_client *client,
		       const struct tp_load_packet *packet)
{
	struct slot *slot = &sender->slots[sender->count];

	slot->client = client;
	slot->down = packet->kind == TP_LOAD_DOWN;
	slot->len = write_packet(sender, slot->bytes + TP_LOAD_INJECT_HEADER_SIZE, client, packet);
	sender->count++;
	if (sender->count == BATCH) {
		tp_load_sender_flush(sender);
	}
}

/* --- trains ---------------------------------------------------------------- */

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

static void send_train(struct tp_load_sender *sender, const struct tp_load_client *client,
		       bool down, uint32_t count, size_t segment)
{
	struct sockaddr_storage sa;
	struct msghdr to = {0};
	int fd = client->fd;

	if (down) {
		fd = peer_fd(sender, client);
		to.msg_name = &sa;
		to.msg_namelen = tp_addr_to_sockaddr(&client->relayed_addr, &sa);
	}
	if (sender->segments) {
		sender->segments = send_segmented(sender, fd, &to, count * segment, segment);
	}
	if (!sender->segments) {
		send_one_by_one(sender, fd, &to, count, segment);
	}
}

static int put_train(struct tp_load_sender *sender, struct tp_load_client *client,
		     const struct tp_load_packet *first, uint32_t count)
{
	struct tp_load_packet packet = *first;
	bool down = packet.kind == TP_LOAD_DOWN;
	size_t segment = 0;
	size_t len = 0;

	for (uint32_t i = 0; i < count; i++) {
		segment = write_packet(sender, sender->train + len, client, &packet);
		len += segment;
		packet.sequence++;
	}
	if (!down && client->stream != NULL) {
		return tp_load_stream_write(client->stream, client->fd, sender->train, len);
	}
	send_train(sender, client, down, count, segment);
	return 0;
}

int tp_load_sender_put(struct tp_load_sender *sender, struct tp_load_client *client,
		       const struct tp_load_packet *first, uint32_t count)
{
	if (count == 1 && (client->stream == NULL || first->kind == TP_LOAD_DOWN)) {
		put_single(sender, client, first);
		return 0;
	}
	return put_train(sender, client, first, count);
}

/* --- */

int tp_load_sender_create(const struct tp_load_fleet *fleet, struct tp_load_sender **out)
{
	struct tp_load_sender *sender = calloc(1, sizeof(*sender));
	size_t stride = TP_LOAD_INJECT_HEADER_SIZE + SEND_HEADER_MAX + fleet->options->size + 4;

	if (sender == NULL) {
		return TP_ENOMEM;
	}
	sender->slot_bytes = calloc(BATCH, stride);
	if (sender->slot_bytes == NULL) {
		free(sender);
		return TP_ENOMEM;
	}
	for (unsigned i = 0; i < BATCH; i++) {
		sender->slots[i].bytes = sender->slot_bytes + i * stride;
	}
	sender->fleet = fleet;
	sender->bare = fleet->options->target != TP_LOAD_TARGET_TURN;
	sender->indications = fleet->options->mode == TP_LOAD_SEND;
	sender->segments = true;
	sender->inject_fd = tp_load_inject_open();
	*out = sender;
	return 0;
}

void tp_load_sender_free(struct tp_load_sender **sender)
{
	if (*sender == NULL) {
		return;
	}
	if ((*sender)->inject_fd >= 0) {
		close((*sender)->inject_fd);
	}
	free((*sender)->slot_bytes);
	free(*sender);
	*sender = NULL;
}

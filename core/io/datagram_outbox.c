/* SPDX-License-Identifier: Apache-2.0 */
#include "io/datagram_outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "io/datagram_errors.h"
#include "io/loop.h"

#define COPIES_SIZE (128 * 1024) /* bytes of responses waiting to leave */

/* What the kernel takes as one: 64 segments on every version that has GSO, one datagram's bytes. */
#define SEGMENTS_MAX 64
#define SEGMENTS_BYTES_MAX 65000

/* How long segments of a size that was refused are sent one by one. */
#define SEGMENTS_AGAIN_MS 1000

int tp_outbox_init(struct tp_outbox *outbox)
{
	outbox->message_count = 0;
	outbox->datagram_count = 0;
	outbox->copies_used = 0;
	tp_datagram_refusals_init(&outbox->refusals);
	outbox->copies = malloc(COPIES_SIZE);
	return outbox->copies == NULL ? TP_ENOMEM : 0;
}

void tp_outbox_fini(struct tp_outbox *outbox)
{
	free(outbox->copies);
	outbox->copies = NULL;
}

bool tp_outbox_is_full(const struct tp_outbox *outbox, size_t len)
{
	return outbox->message_count == TP_OUTBOX_MESSAGES_MAX ||
	       outbox->datagram_count == TP_OUTBOX_DATAGRAMS_MAX ||
	       len > COPIES_SIZE - outbox->copies_used;
}

/* --- queue ---------------------------------------------------------------- */

static bool segments_allowed(struct tp_datagram_fd *sender, size_t size)
{
	if (size <= sender->segment_limit) {
		return true;
	}
	if (tp_loop_now_ms(sender->datagram.loop) < sender->segments_again_ms) {
		return false;
	}
	sender->segment_limit = UINT16_MAX;
	return true;
}

static bool same_way(const struct tp_outbox_message *message, const struct tp_packet *packet)
{
	return tp_addr_equal(&message->remote_addr, &packet->remote_addr) &&
	       message->ttl == packet->ttl && message->tos == packet->tos &&
	       (!message->sender->wildcard ||
		tp_addr_equal(&message->local_addr, &packet->local_addr));
}

/* Can the datagram travel with those of the last message? */
static bool continues(const struct tp_outbox *outbox, struct tp_datagram_fd *sender,
		      const struct tp_packet *packet)
{
	const struct tp_outbox_message *last;

	if (outbox->message_count == 0) {
		return false;
	}
	last = &outbox->messages[outbox->message_count - 1];
	return last->sender == sender && !last->complete && packet->len <= last->segment_size &&
	       packet->len > 0 && last->count < SEGMENTS_MAX &&
	       last->len + packet->len <= SEGMENTS_BYTES_MAX && same_way(last, packet) &&
	       segments_allowed(sender, last->segment_size);
}

static socklen_t write_to(union tp_outbox_sockaddr *to, const struct tp_addr *addr)
{
	if (addr->family == TP_FAMILY_IPV4) {
		to->in = (struct sockaddr_in){
			.sin_family = AF_INET,
			.sin_port = htons(addr->port),
		};
		memcpy(&to->in.sin_addr, addr->bytes, sizeof(to->in.sin_addr));
		return sizeof(to->in);
	}
	to->in6 = (struct sockaddr_in6){
		.sin6_family = AF_INET6,
		.sin6_port = htons(addr->port),
		.sin6_scope_id = addr->scope_id,
	};
	memcpy(&to->in6.sin6_addr, addr->bytes, sizeof(to->in6.sin6_addr));
	return sizeof(to->in6);
}

static void begin_message(struct tp_outbox *outbox, struct tp_datagram_fd *sender,
			  const struct tp_packet *packet)
{
	struct tp_outbox_message *message = &outbox->messages[outbox->message_count];
	struct msghdr *header = &outbox->headers[outbox->message_count].msg_hdr;

	message->sender = sender;
	message->count = 0;
	message->segment_size = (uint16_t)packet->len;
	message->complete = false;
	message->len = 0;
	message->remote_addr = packet->remote_addr;
	message->local_addr = packet->local_addr;
	message->ttl = packet->ttl;
	message->tos = packet->tos;
	header->msg_name = &message->to;
	header->msg_namelen = write_to(&message->to, &packet->remote_addr);
	header->msg_iov = &outbox->datagrams[outbox->datagram_count];
	header->msg_iovlen = 0;
	header->msg_flags = 0;
	tp_control_write(header, message->control, packet, sender->wildcard);
	outbox->message_count++;
}

static uint8_t *copy(struct tp_outbox *outbox, const struct tp_packet *packet)
{
	uint8_t *at = outbox->copies + outbox->copies_used;

	if (packet->len > 0) {
		memcpy(at, packet->data, packet->len);
	}
	outbox->copies_used += packet->len;
	return at;
}

void tp_outbox_add(struct tp_outbox *outbox, struct tp_datagram_fd *sender,
		   const struct tp_packet *packet, bool stable)
{
	struct tp_outbox_message *message;

	if (!continues(outbox, sender, packet)) {
		begin_message(outbox, sender, packet);
	}
	message = &outbox->messages[outbox->message_count - 1];
	message->count++;
	message->len += packet->len;
	message->complete = packet->len < message->segment_size;
	outbox->headers[outbox->message_count - 1].msg_hdr.msg_iovlen++;
	outbox->datagrams[outbox->datagram_count++] = (struct iovec){
		.iov_base = stable ? packet->data : copy(outbox, packet),
		.iov_len = packet->len,
	};
}

void tp_outbox_seal(struct tp_outbox *outbox)
{
	for (size_t i = 0; i < outbox->message_count; i++) {
		struct tp_outbox_message *message = &outbox->messages[i];

		if (message->count > 1) {
			tp_control_write_segment_size(&outbox->headers[i].msg_hdr, message->control,
						      message->segment_size);
		}
	}
}

/* --- refused -------------------------------------------------------------- */

/* Not this socket's or that interface's way; the datagrams themselves may go. */
static bool is_about_segments(int error)
{
	return error == EINVAL || error == EMSGSIZE || error == EIO || error == EOPNOTSUPP;
}

static void send_one_by_one(struct tp_outbox *outbox, size_t index)
{
	const struct tp_outbox_message *message = &outbox->messages[index];
	struct msghdr header = outbox->headers[index].msg_hdr;

	tp_control_drop_segment_size(&header);
	header.msg_iovlen = 1;
	for (size_t i = 0; i < message->count; i++, header.msg_iov++) {
		if (sendmsg(message->sender->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			int error = errno;

			(void)tp_datagram_errors_soon(message->sender, error,
						      &message->remote_addr);
			tp_datagram_refusals_count(&outbox->refusals, message->sender, error, 1);
		}
	}
}

void tp_outbox_refused(struct tp_outbox *outbox, size_t index, int error)
{
	struct tp_outbox_message *message = &outbox->messages[index];
	struct tp_datagram_fd *sender = message->sender;

	if (tp_datagram_errors_soon(sender, error, &message->remote_addr)) {
		if (sendmsg(sender->fd, &outbox->headers[index].msg_hdr,
			    MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
			return;
		}
		error = errno;
	}
	if (message->count == 1 || !is_about_segments(error)) {
		tp_datagram_refusals_count(&outbox->refusals, sender, error, message->count);
		return;
	}
	sender->segment_limit = (uint16_t)(message->segment_size - 1);
	sender->segments_again_ms = tp_loop_now_ms(sender->datagram.loop) + SEGMENTS_AGAIN_MS;
	send_one_by_one(outbox, index);
}

void tp_outbox_clear(struct tp_outbox *outbox)
{
	outbox->message_count = 0;
	outbox->datagram_count = 0;
	outbox->copies_used = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "io/datagram_control.h"
#include "io/datagram_fd.h"

/*
 * Datagrams of one loop turn that wait to leave, over all sockets, in the order
 * they were sent. A run of equal-sized ones from one socket to one destination
 * becomes one message that the kernel cuts up again (UDP GSO).
 */
#define TP_OUTBOX_MESSAGES_MAX 256
#define TP_OUTBOX_DATAGRAMS_MAX 1024

union tp_outbox_sockaddr {
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct tp_outbox_message {
	struct tp_datagram_fd *sender;
	uint16_t count;        /* datagrams */
	uint16_t segment_size; /* length of the first */
	bool complete;         /* the last was a shorter one */
	size_t len;            /* of all */
	struct tp_addr remote_addr;
	struct tp_addr local_addr;
	int ttl;
	int tos;
	union tp_outbox_sockaddr to;
	alignas(struct cmsghdr) char control[TP_CONTROL_SIZE];
};

struct tp_outbox {
	size_t message_count;
	size_t datagram_count;
	size_t copies_used;
	uint8_t *copies;
	struct tp_datagram_refusals refusals;
	struct mmsghdr headers[TP_OUTBOX_MESSAGES_MAX];
	struct tp_outbox_message messages[TP_OUTBOX_MESSAGES_MAX];
	struct iovec datagrams[TP_OUTBOX_DATAGRAMS_MAX];
};

/** Errors: TP_ENOMEM. */
int tp_outbox_init(struct tp_outbox *outbox);
void tp_outbox_fini(struct tp_outbox *outbox);

/** No room for another datagram of that length: flush and clear first. */
bool tp_outbox_is_full(const struct tp_outbox *outbox, size_t len);

/**
 * Queue. There must be room.
 *
 * @stable: the bytes stay as they are until tp_outbox_clear(); else they are
 *          copied
 */
void tp_outbox_add(struct tp_outbox *outbox, struct tp_datagram_fd *sender,
		   const struct tp_packet *packet, bool stable);

/** Finish the headers; they may be given to the kernel then. */
void tp_outbox_seal(struct tp_outbox *outbox);

/**
 * The kernel did not take a message: send its datagrams one by one if it is the
 * segmentation that it did not like, else count them.
 *
 * @error: errno
 */
void tp_outbox_refused(struct tp_outbox *outbox, size_t index, int error);

void tp_outbox_clear(struct tp_outbox *outbox);

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "bench/forwarder.h"

/* The engines that wait for readiness: a call a datagram, and many a call. */

#define EVENTS 256
#define BATCH 32 /* datagrams of a socket before others have their turn */
#define HELD 256 /* datagrams held until the flush */

static int watch_all(const struct forwarder *forwarder)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	for (unsigned i = 0; epoll >= 0 && i <= forwarder->count; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};

		if (epoll_ctl(epoll, EPOLL_CTL_ADD, forwarder->fds[i], &event) != 0) {
			perror("forwarder: epoll_ctl");
			return -1;
		}
	}
	return epoll;
}

static void *take_memory(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL) {
		perror("forwarder");
		exit(1);
	}
	return memory;
}

/* --- recvfrom and sendto ------------------------------------------------------ */

/* One datagram; false: there was none. */
static bool forward_one(struct forwarder *forwarder, unsigned socket, struct iovec *buffer)
{
	alignas(struct cmsghdr) char control[FORWARDER_CONTROL_SIZE];
	struct sockaddr_in from;
	struct iovec iov = *buffer;
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = forwarder->gro ? control : NULL,
		.msg_controllen = forwarder->gro ? sizeof(control) : 0,
	};
	struct forwarder_way way;
	ssize_t len;
	uint16_t segment;

	if (!forwarder->gro) {
		len = recvfrom(forwarder->fds[socket], iov.iov_base, iov.iov_len, 0,
			       (struct sockaddr *)&from, &msg.msg_namelen);
		if (len >= 0 &&
		    forwarder_route(forwarder, socket, &from, iov.iov_base, (size_t)len, &way)) {
			sendto(forwarder->fds[way.socket], iov.iov_base, (size_t)len, 0,
			       (const struct sockaddr *)way.to, sizeof(*way.to));
		}
		return len >= 0;
	}
	len = recvmsg(forwarder->fds[socket], &msg, 0);
	if (len < 0 ||
	    !forwarder_route(forwarder, socket, &from, iov.iov_base, (size_t)len, &way)) {
		return len >= 0;
	}
	segment = forwarder_segment_size(&msg);
	iov.iov_len = (size_t)len;
	msg.msg_name = (void *)(uintptr_t)way.to; /* only read */
	msg.msg_controllen = 0;
	if (segment != 0) {
		forwarder_set_segment_size(&msg, control, segment);
	}
	sendmsg(forwarder->fds[way.socket], &msg, 0);
	return true;
}

void forwarder_run_recvfrom(struct forwarder *forwarder)
{
	struct iovec buffer = {.iov_len = forwarder_packet_max(forwarder)};
	int epoll = watch_all(forwarder);
	struct epoll_event events[EVENTS];

	buffer.iov_base = take_memory(1, buffer.iov_len);
	while (epoll >= 0) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			unsigned socket = events[i].data.u32;
			/* a relayed socket seldom has more than one */
			unsigned left = socket == 0 || forwarder->gro ? BATCH : 1;

			while (left-- > 0 && forward_one(forwarder, socket, &buffer)) {
			}
		}
	}
}

/* --- recvmmsg and sendmmsg ---------------------------------------------------- */

struct held {
	struct sockaddr_in from;
	struct iovec iov;
	alignas(struct cmsghdr) char control[FORWARDER_CONTROL_SIZE];
};

/* Datagrams that wait to leave through one socket after the other. */
struct queue {
	struct mmsghdr messages[HELD];
	unsigned sockets[HELD];
	unsigned count;
};

struct mmsg {
	struct forwarder *forwarder;
	struct held *held;
	uint8_t *buffers;
	unsigned used;
	struct queue to_peers;
	struct queue to_clients; /* all through the listener: long runs */
	struct mmsghdr in[BATCH];
};

static void flush_queue(const struct mmsg *mmsg, struct queue *queue)
{
	for (unsigned at = 0; at < queue->count;) {
		unsigned end = at + 1;
		int sent;

		while (end < queue->count && queue->sockets[end] == queue->sockets[at]) {
			end++;
		}
		sent = sendmmsg(mmsg->forwarder->fds[queue->sockets[at]], &queue->messages[at],
				end - at, 0);
		at += sent > 0 ? (unsigned)sent : 1;
	}
	queue->count = 0;
}

static void flush(struct mmsg *mmsg)
{
	flush_queue(mmsg, &mmsg->to_peers);
	flush_queue(mmsg, &mmsg->to_clients);
	mmsg->used = 0;
}

static void enqueue(struct mmsg *mmsg, struct held *held, const struct forwarder_way *way,
		    uint16_t segment)
{
	struct queue *queue = way->socket == 0 ? &mmsg->to_clients : &mmsg->to_peers;
	struct msghdr *msg = &queue->messages[queue->count].msg_hdr;

	queue->sockets[queue->count++] = way->socket;
	*msg = (struct msghdr){
		.msg_name = (void *)(uintptr_t)way->to, /* only read */
		.msg_namelen = sizeof(*way->to),
		.msg_iov = &held->iov,
		.msg_iovlen = 1,
	};
	if (segment != 0) {
		forwarder_set_segment_size(msg, held->control, segment);
	}
}

static void receive(struct mmsg *mmsg, unsigned socket)
{
	struct forwarder *forwarder = mmsg->forwarder;
	size_t size = forwarder_packet_max(forwarder);
	unsigned first;
	int count;

	if (mmsg->used + BATCH > HELD) {
		flush(mmsg);
	}
	first = mmsg->used;
	for (unsigned i = 0; i < BATCH; i++) {
		struct held *held = &mmsg->held[first + i];

		held->iov = (struct iovec){mmsg->buffers + (first + i) * size, size};
		mmsg->in[i].msg_hdr = (struct msghdr){
			.msg_name = &held->from,
			.msg_namelen = sizeof(held->from),
			.msg_iov = &held->iov,
			.msg_iovlen = 1,
			.msg_control = forwarder->gro ? held->control : NULL,
			.msg_controllen = forwarder->gro ? sizeof(held->control) : 0,
		};
	}
	count = recvmmsg(forwarder->fds[socket], mmsg->in, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < count; i++) {
		struct held *held = &mmsg->held[first + (unsigned)i];
		struct forwarder_way way;

		held->iov.iov_len = mmsg->in[i].msg_len;
		if (forwarder_route(forwarder, socket, &held->from, held->iov.iov_base,
				    held->iov.iov_len, &way)) {
			enqueue(mmsg, held, &way, forwarder_segment_size(&mmsg->in[i].msg_hdr));
		}
	}
	mmsg->used += count > 0 ? (unsigned)count : 0;
}

void forwarder_run_mmsg(struct forwarder *forwarder)
{
	struct mmsg *mmsg = take_memory(1, sizeof(*mmsg));
	int epoll = watch_all(forwarder);
	struct epoll_event events[EVENTS];

	mmsg->forwarder = forwarder;
	mmsg->held = take_memory(HELD, sizeof(*mmsg->held));
	mmsg->buffers = take_memory(HELD, forwarder_packet_max(forwarder));
	while (epoll >= 0) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			receive(mmsg, events[i].data.u32);
		}
		flush(mmsg);
	}
}

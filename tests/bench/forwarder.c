/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/forwarder.h"

#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bytes.h"

#define BUFFER_BYTES (4 * 1024 * 1024) /* of the listener, each way */

static const struct engine {
	const char *name;
	void (*run)(struct forwarder *forwarder);
} engines[] = {
	{"recvfrom", forwarder_run_recvfrom},
	{"mmsg", forwarder_run_mmsg},
	{"uring", forwarder_run_uring},
};

bool forwarder_route(struct forwarder *forwarder, unsigned socket, const struct sockaddr_in *from,
		     const uint8_t *bytes, size_t len, struct forwarder_way *way)
{
	if (socket == 0) {
		uint32_t index = len < 4 ? UINT32_MAX : tp_get_u32(bytes);

		if (index >= forwarder->count) {
			return false;
		}
		forwarder->clients[index] = *from;
		*way = (struct forwarder_way){index + 1, &forwarder->peers[index]};
	} else {
		forwarder->peers[socket - 1] = *from;
		*way = (struct forwarder_way){0, &forwarder->clients[socket - 1]};
	}
	return way->to->sin_port != 0;
}

uint16_t forwarder_segment_size(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
			int size;

			memcpy(&size, CMSG_DATA(c), sizeof(size));
			return (uint16_t)size;
		}
	}
	return 0;
}

void forwarder_set_segment_size(struct msghdr *msg, void *control, uint16_t size)
{
	struct cmsghdr *c;

	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(size));
	c = CMSG_FIRSTHDR(msg);
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(size));
	memcpy(CMSG_DATA(c), &size, sizeof(size));
}

/* --- sockets ------------------------------------------------------------------ */

static int open_socket(const struct forwarder *forwarder, uint16_t port, int buffer_bytes)
{
	const struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
		return -1;
	}
	if (buffer_bytes != 0) { /* past the limit when we may, else up to it */
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof(buffer_bytes));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(buffer_bytes));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof(buffer_bytes));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer_bytes, sizeof(buffer_bytes));
	}
	if (forwarder->gro && setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)) != 0) {
		return -1;
	}
	return fd;
}

static bool open_sockets(struct forwarder *forwarder, uint16_t port)
{
	const struct rlimit limit = {forwarder->count + 64, forwarder->count + 64};
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur < limit.rlim_cur) {
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (unsigned i = 0; i <= forwarder->count; i++) {
		forwarder->fds[i] =
			open_socket(forwarder, (uint16_t)(port + i), i == 0 ? BUFFER_BYTES : 0);
		if (forwarder->fds[i] < 0) {
			fprintf(stderr, "forwarder: port %u: %m\n", port + i);
			return false;
		}
	}
	return true;
}

/* --- main --------------------------------------------------------------------- */

static const struct engine *engine_named(const char *name)
{
	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++) {
		if (strcmp(engines[i].name, name) == 0) {
			return &engines[i];
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const struct engine *engine = argc < 4 ? NULL : engine_named(argv[1]);
	unsigned long port = argc < 4 ? 0 : strtoul(argv[2], NULL, 10);
	unsigned long count = argc < 4 ? 0 : strtoul(argv[3], NULL, 10);
	struct forwarder forwarder = {
		.count = (unsigned)count,
		.gro = argc == 5 && strcmp(argv[4], "--gro") == 0,
	};

	if (engine == NULL || count == 0 || port == 0 || port > 65535 || count > 65535 - port ||
	    argc != (forwarder.gro ? 5 : 4)) {
		fprintf(stderr, "usage: forwarder recvfrom|mmsg|uring PORT N [--gro]\n");
		return 2;
	}
	forwarder.fds = calloc(count + 1, sizeof(*forwarder.fds));
	forwarder.clients = calloc(count, sizeof(*forwarder.clients));
	forwarder.peers = calloc(count, sizeof(*forwarder.peers));
	if (forwarder.fds == NULL || forwarder.clients == NULL || forwarder.peers == NULL ||
	    !open_sockets(&forwarder, (uint16_t)port)) {
		return 1;
	}
	puts("ready");
	fflush(stdout);
	engine->run(&forwarder);
	return 1;
}

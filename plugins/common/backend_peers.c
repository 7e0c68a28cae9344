/* SPDX-License-Identifier: Apache-2.0 */
#include "backend_peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct backend_peers {
	pthread_rwlock_t lock;
	struct tp_addr addrs[BACKEND_PEERS_MAX];
	size_t count;
	size_t next; /* to be overwritten, once all are taken */
};

struct backend_peers *backend_peers_create(void)
{
	struct backend_peers *peers = calloc(1, sizeof(*peers));

	if (peers != NULL && pthread_rwlock_init(&peers->lock, NULL) != 0) {
		free(peers);
		return NULL;
	}
	return peers;
}

void backend_peers_free(struct backend_peers **peers)
{
	if (*peers != NULL) {
		pthread_rwlock_destroy(&(*peers)->lock);
		free(*peers);
		*peers = NULL;
	}
}

/* Where an IPv4 address stands in an IPv6 one. RFC 4291 section 2.5.5, RFC 6052, RFC 3056. */
static const struct {
	uint8_t prefix[12];
	size_t prefix_len;
	size_t at;
} embeddings[] = {
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12, 12}, /* mapped */
	{{0}, 12, 12},                                        /* compatible */
	{{0x00, 0x64, 0xff, 0x9b}, 12, 12},                   /* NAT64 */
	{{0x20, 0x02}, 2, 2},                                 /* 6to4 */
};

static bool inner_addr(const struct tp_addr *addr, struct tp_addr *inner)
{
	if (tp_addr_family(addr) != TP_FAMILY_IPV6) {
		return false;
	}
	for (size_t i = 0; i < sizeof(embeddings) / sizeof(embeddings[0]); i++) {
		if (memcmp(addr->bytes, embeddings[i].prefix, embeddings[i].prefix_len) == 0) {
			memset(inner, 0, sizeof(*inner));
			inner->family = TP_FAMILY_IPV4;
			memcpy(inner->bytes, addr->bytes + embeddings[i].at, 4);
			return true;
		}
	}
	return false;
}

static bool has(const struct backend_peers *peers, const struct tp_addr *addr)
{
	for (size_t i = 0; i < peers->count; i++) {
		if (tp_addr_equal_ip(&peers->addrs[i], addr)) {
			return true;
		}
	}
	return false;
}

static void add_locked(struct backend_peers *peers, const struct tp_addr *addr)
{
	if (has(peers, addr)) {
		return;
	}
	peers->addrs[peers->next] = *addr;
	peers->next = (peers->next + 1) % BACKEND_PEERS_MAX;
	if (peers->count < BACKEND_PEERS_MAX) {
		peers->count++;
	}
}

void backend_peers_add(struct backend_peers *peers, const struct tp_addr *addr)
{
	struct tp_addr inner;

	pthread_rwlock_wrlock(&peers->lock);
	add_locked(peers, addr);
	if (inner_addr(addr, &inner)) { /* a socket of both families is connected to a mapped one */
		add_locked(peers, &inner);
	}
	pthread_rwlock_unlock(&peers->lock);
}

void backend_peers_add_socket(struct backend_peers *peers, int fd)
{
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);
	struct tp_addr addr = {.family = TP_FAMILY_NONE};

	if (getpeername(fd, (struct sockaddr *)&storage, &len) != 0) {
		return;
	}
	if (storage.ss_family == AF_INET) {
		addr.family = TP_FAMILY_IPV4;
		memcpy(addr.bytes, &((struct sockaddr_in *)&storage)->sin_addr, 4);
	} else if (storage.ss_family == AF_INET6) {
		addr.family = TP_FAMILY_IPV6;
		memcpy(addr.bytes, &((struct sockaddr_in6 *)&storage)->sin6_addr, 16);
	} else {
		return;
	}
	backend_peers_add(peers, &addr);
}

bool backend_peers_has(struct backend_peers *peers, const struct tp_addr *addr)
{
	struct tp_addr inner;
	bool found;

	pthread_rwlock_rdlock(&peers->lock);
	found = has(peers, addr) || (inner_addr(addr, &inner) && has(peers, &inner));
	pthread_rwlock_unlock(&peers->lock);
	return found;
}

static enum tp_verdict check(struct backend_peers *peers, struct tp_request *request,
			     const struct tp_addr *peer_addr)
{
	return backend_peers_has(peers, peer_addr) ? tp_request_deny(request, 403, NULL) : TP_PASS;
}

enum tp_verdict backend_peers_before_permission(struct backend_peers *peers,
						struct tp_request *request,
						const struct tp_before_permission *event)
{
	return check(peers, request, event->peer_addr);
}

enum tp_verdict backend_peers_before_connect(struct backend_peers *peers,
					     struct tp_request *request,
					     const struct tp_before_connect *event)
{
	return check(peers, request, event->peer_addr);
}

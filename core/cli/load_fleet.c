/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/load_fleet.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/secret.h"

#define CLIENTS_PER_ADDRESS 8000
#define CLIENT_BUFFER_BYTES (1 << 20)
#define PEER_BUFFER_BYTES (16 << 20)
#define SPARE_DESCRIPTORS 64

uint64_t tp_load_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int explain(char problem[256], const char *what)
{
	snprintf(problem, 256, "%s: %s", what, strerror(errno));
	return TP_EIO;
}

static int raise_descriptor_limit(uint32_t clients, char problem[256])
{
	rlim_t want = (rlim_t)clients + TP_LOAD_PEERS + SPARE_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		return explain(problem, "descriptor limit");
	}
	if (limit.rlim_cur >= want) {
		return 0;
	}
	limit.rlim_cur = want;
	limit.rlim_max = limit.rlim_max < want ? want : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
		snprintf(problem, 256, "%u allocations need %lu descriptors, the limit is lower",
			 clients, (unsigned long)want);
		return TP_EIO;
	}
	return 0;
}

/* Beyond the system's limit where we may, else up to it. */
static void enlarge_buffer(int fd, int option, int forced, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)) != 0) {
		(void)setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes));
	}
}

static int open_socket(const struct tp_addr *local_addr, int type)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = tp_addr_to_sockaddr(local_addr, &sa);
	int fd = socket(sa.ss_family, type | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0) {
		return -1;
	}
	if (type == SOCK_STREAM) {
		/* The port is chosen when the connection's other end is known. */
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	if (!tp_addr_is_any(local_addr) && bind(fd, (struct sockaddr *)&sa, sa_len) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int name_of(int fd, struct tp_addr *out)
{
	struct sockaddr_storage sa;
	socklen_t sa_len = sizeof(sa);

	if (getsockname(fd, (struct sockaddr *)&sa, &sa_len) != 0) {
		return -1;
	}
	tp_addr_from_sockaddr(out, (struct sockaddr *)&sa);
	return 0;
}

static int watch(const struct tp_load_fleet *fleet, int fd, uint32_t number)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = number};

	return epoll_ctl(fleet->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static struct tp_addr client_source(const struct tp_load_fleet *fleet, uint32_t index)
{
	const struct tp_addr *server_addr = &fleet->server_addr;
	struct tp_addr source = {.family = server_addr->family};

	if (server_addr->family == TP_FAMILY_IPV4 && server_addr->bytes[0] == 127) {
		source.bytes[0] = 127;
		source.bytes[2] = 1;
		source.bytes[3] = (uint8_t)(1 + index / CLIENTS_PER_ADDRESS);
	}
	return source;
}

static int open_client(struct tp_load_fleet *fleet, struct tp_load_client *client)
{
	bool stream = fleet->options->transport == TP_TRANSPORT_TCP;
	struct tp_addr source = client_source(fleet, client->index);
	struct sockaddr_storage sa;
	socklen_t sa_len = tp_addr_to_sockaddr(&fleet->server_addr, &sa);

	client->fd = open_socket(&source, stream ? SOCK_STREAM : SOCK_DGRAM);
	if (client->fd < 0 || connect(client->fd, (struct sockaddr *)&sa, sa_len) != 0 ||
	    name_of(client->fd, &client->addr) != 0) {
		return -1;
	}
	if (!stream) {
		enlarge_buffer(client->fd, SO_RCVBUF, SO_RCVBUFFORCE, CLIENT_BUFFER_BYTES);
	} else if (tp_load_stream_create(&client->stream) != 0) {
		errno = ENOMEM;
		return -1;
	}
	return watch(fleet, client->fd, client->index);
}

static int open_clients(struct tp_load_fleet *fleet, char problem[256])
{
	char what[TP_ADDR_STRING + 32];
	char addr[TP_ADDR_STRING];

	for (uint32_t i = 0; i < fleet->client_count; i++) {
		fleet->clients[i].index = i;
		fleet->clients[i].fd = -1;
	}
	for (uint32_t i = 0; i < fleet->client_count; i++) {
		if (open_client(fleet, &fleet->clients[i]) != 0) {
			snprintf(what, sizeof(what), "client %u to %s", i,
				 tp_addr_format(&fleet->server_addr, addr));
			return explain(problem, what);
		}
	}
	return 0;
}

static int open_peers(struct tp_load_fleet *fleet, char problem[256])
{
	struct sockaddr_storage sa;
	socklen_t sa_len = tp_addr_to_sockaddr(&fleet->server_addr, &sa);
	int route_fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct tp_addr addr;

	if (route_fd < 0 || connect(route_fd, (struct sockaddr *)&sa, sa_len) != 0 ||
	    name_of(route_fd, &addr) != 0) {
		explain(problem, "no way to the server");
		close(route_fd);
		return TP_EIO;
	}
	close(route_fd);
	addr.port = 0;
	for (unsigned i = 0; i < TP_LOAD_PEERS; i++) {
		fleet->peer_fds[i] = open_socket(&addr, SOCK_DGRAM);
		if (fleet->peer_fds[i] < 0 ||
		    name_of(fleet->peer_fds[i], &fleet->peer_addrs[i]) != 0 ||
		    watch(fleet, fleet->peer_fds[i], TP_LOAD_PEER_EVENT + i) != 0) {
			return explain(problem, "peer");
		}
		enlarge_buffer(fleet->peer_fds[i], SO_RCVBUF, SO_RCVBUFFORCE, PEER_BUFFER_BYTES);
		enlarge_buffer(fleet->peer_fds[i], SO_SNDBUF, SO_SNDBUFFORCE, PEER_BUFFER_BYTES);
	}
	return 0;
}

int tp_load_fleet_open(struct tp_load_fleet *fleet, const struct tp_load_options *options,
		       const struct tp_addr *server_addr, char problem[256])
{
	int err;

	memset(fleet, 0, sizeof(*fleet));
	fleet->options = options;
	fleet->server_addr = *server_addr;
	for (unsigned i = 0; i < TP_LOAD_PEERS; i++) {
		fleet->peer_fds[i] = -1;
	}
	fleet->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (fleet->epoll_fd < 0) {
		return explain(problem, "epoll");
	}
	err = raise_descriptor_limit(options->allocations, problem);
	if (err != 0) {
		return err;
	}
	fleet->clients = calloc(options->allocations, sizeof(fleet->clients[0]));
	if (fleet->clients == NULL) {
		snprintf(problem, 256, "out of memory");
		return TP_ENOMEM;
	}
	fleet->client_count = options->allocations;
	err = open_clients(fleet, problem);
	return err != 0 ? err : open_peers(fleet, problem);
}

static void close_client(struct tp_load_client *client)
{
	if (client->login != NULL) {
		tp_turn_login_fini(client->login);
		free(client->login);
		client->login = NULL;
	}
	free(client->stream);
	client->stream = NULL;
	if (client->fd >= 0) {
		close(client->fd);
		client->fd = -1;
	}
}

int tp_load_client_reopen(struct tp_load_fleet *fleet, struct tp_load_client *client)
{
	int old_fd = client->fd; /* keeps its port until there is another */

	client->fd = -1;
	close_client(client);
	client->relayed_addr = (struct tp_addr){0};
	if (open_client(fleet, client) != 0) {
		close_client(client);
	}
	close(old_fd);
	return client->fd < 0 ? TP_EIO : 0;
}

void tp_load_fleet_close(struct tp_load_fleet *fleet)
{
	for (uint32_t i = 0; i < fleet->client_count; i++) {
		close_client(&fleet->clients[i]);
	}
	free(fleet->clients);
	for (unsigned i = 0; i < TP_LOAD_PEERS; i++) {
		if (fleet->peer_fds[i] >= 0) {
			close(fleet->peer_fds[i]);
		}
	}
	if (fleet->epoll_fd >= 0) {
		close(fleet->epoll_fd);
	}
	memset(fleet, 0, sizeof(*fleet));
	fleet->epoll_fd = -1;
}

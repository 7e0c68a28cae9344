/* SPDX-License-Identifier: Apache-2.0 */
#include "plugins/web_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUESTS_MAX 64
#define REQUEST_SIZE 262144
#define LOOK_MS 10

struct request {
	char *head;
	char *body;
};

struct web_server {
	int fd;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock; /* for all below */
	bool stop;
	int status;
	char header[128];
	struct request requests[REQUESTS_MAX];
	size_t count;
};

static void must(bool condition, const char *what)
{
	if (!condition) {
		perror(what);
		abort();
	}
}

static int status_of(struct web_server *server)
{
	int status;

	pthread_mutex_lock(&server->lock);
	status = server->stop ? WEB_DROP : server->status;
	pthread_mutex_unlock(&server->lock);
	return status;
}

static bool readable(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};

	return poll(&wanted, 1, LOOK_MS) == 1;
}

static bool stopped(struct web_server *server)
{
	bool stop;

	pthread_mutex_lock(&server->lock);
	stop = server->stop;
	pthread_mutex_unlock(&server->lock);
	return stop;
}

/* --- requests ----------------------------------------------------------------------------- */

/* Where the body begins; NULL while the request is not whole. */
static char *find_body(char *text, size_t len)
{
	char *end = strstr(text, "\r\n\r\n");
	char *length = strcasestr(text, "\r\nContent-Length:");

	if (end == NULL || length == NULL) {
		return NULL;
	}
	end += 4;
	return len - (size_t)(end - text) >= strtoul(length + 17, NULL, 10) ? end : NULL;
}

static void keep(struct web_server *server, const char *text, const char *body)
{
	struct request *request;

	pthread_mutex_lock(&server->lock);
	must(server->count < REQUESTS_MAX, "too many requests");
	request = &server->requests[server->count++];
	request->head = strndup(text, (size_t)(body - text));
	request->body = strdup(body);
	must(request->head != NULL && request->body != NULL, "strdup");
	pthread_mutex_unlock(&server->lock);
}

static void answer(struct web_server *server, int fd, int status)
{
	char text[256];
	int len;

	pthread_mutex_lock(&server->lock);
	len = snprintf(text, sizeof(text), "HTTP/1.1 %d Whatever\r\n%sContent-Length: 0\r\n\r\n",
		       status, server->header);
	pthread_mutex_unlock(&server->lock);
	(void)!send(fd, text, (size_t)len, MSG_NOSIGNAL);
}

/* Returns false when the connection is to be closed. */
static bool serve_one(struct web_server *server, int fd, char *text)
{
	char *body = NULL;
	size_t len = 0;
	int status;

	while (body == NULL) {
		ssize_t got;

		if (!readable(fd)) {
			if (stopped(server)) {
				return false;
			}
			continue;
		}
		got = recv(fd, text + len, REQUEST_SIZE - 1 - len, 0);
		if (got <= 0) {
			return false;
		}
		len += (size_t)got;
		text[len] = '\0';
		body = find_body(text, len);
	}
	keep(server, text, body);
	while ((status = status_of(server)) == WEB_HANG) {
		if (readable(fd)) {
			return false; /* the client has given up */
		}
	}
	if (status != WEB_DROP) {
		answer(server, fd, status);
	}
	return status != WEB_DROP;
}

static void *serve(void *arg)
{
	struct web_server *server = arg;
	char *text = malloc(REQUEST_SIZE);

	must(text != NULL, "malloc");
	while (!stopped(server)) {
		int fd = readable(server->fd) ? accept(server->fd, NULL, NULL) : -1;

		while (fd != -1 && serve_one(server, fd, text)) {
		}
		if (fd != -1) {
			close(fd);
		}
	}
	free(text);
	return NULL;
}

/* --- for the test ---------------------------------------------------------------------------- */

struct web_server *web_server_start(void)
{
	struct web_server *server = calloc(1, sizeof(*server));
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);

	must(server != NULL, "calloc");
	pthread_mutex_init(&server->lock, NULL);
	server->status = 200;
	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(bind(server->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0, "bind");
	must(listen(server->fd, 16) == 0, "listen");
	must(getsockname(server->fd, (struct sockaddr *)&addr, &len) == 0, "getsockname");
	server->port = ntohs(addr.sin_port);
	must(pthread_create(&server->thread, NULL, serve, server) == 0, "pthread_create");
	return server;
}

void web_server_stop(struct web_server **server)
{
	pthread_mutex_lock(&(*server)->lock);
	(*server)->stop = true;
	pthread_mutex_unlock(&(*server)->lock);
	pthread_join((*server)->thread, NULL);
	close((*server)->fd);
	for (size_t i = 0; i < (*server)->count; i++) {
		free((*server)->requests[i].head);
		free((*server)->requests[i].body);
	}
	pthread_mutex_destroy(&(*server)->lock);
	free(*server);
	*server = NULL;
}

unsigned web_server_port(const struct web_server *server)
{
	return server->port;
}

void web_server_answer(struct web_server *server, int status, const char *header)
{
	pthread_mutex_lock(&server->lock);
	server->status = status;
	snprintf(server->header, sizeof(server->header), "%s", header);
	pthread_mutex_unlock(&server->lock);
}

size_t web_server_count(struct web_server *server)
{
	size_t count;

	pthread_mutex_lock(&server->lock);
	count = server->count;
	pthread_mutex_unlock(&server->lock);
	return count;
}

/* A request stays as it is once it is there. */
static const struct request *request_of(struct web_server *server, size_t nth)
{
	static const struct request none = {.head = (char *)"", .body = (char *)""};

	return nth < web_server_count(server) ? &server->requests[nth] : &none;
}

const char *web_server_head(struct web_server *server, size_t nth)
{
	return request_of(server, nth)->head;
}

const char *web_server_body(struct web_server *server, size_t nth)
{
	return request_of(server, nth)->body;
}

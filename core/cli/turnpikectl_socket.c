/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/turnpikectl_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <turnpike/error.h>

/* A reload waits for what plugins do when they are created. */
#define ANSWER_WITHIN_S 120
#define ANSWER_MAX ((size_t)256 * 1024 * 1024)
#define ROOM_AT_FIRST 65536

/* --- the request ------------------------------------------------------------------ */

static bool needs_quotes(const char *word)
{
	return word[0] == '\0' || strpbrk(word, " \"\\") != NULL;
}

static char *put_word(char *at, const char *word)
{
	if (!needs_quotes(word)) {
		size_t len = strlen(word);

		memcpy(at, word, len);
		return at + len;
	}
	*at++ = '"';
	for (; *word != '\0'; word++) {
		if (*word == '"' || *word == '\\') {
			*at++ = '\\';
		}
		*at++ = *word;
	}
	*at++ = '"';
	return at;
}

char *tp_ctl_line(char *const *words, size_t count)
{
	size_t size = 2;
	char *line;
	char *at;

	for (size_t i = 0; i < count; i++) {
		if (strchr(words[i], '\n') != NULL) {
			return NULL;
		}
		size += 2 * strlen(words[i]) + 3;
	}
	line = malloc(size);
	if (line == NULL) {
		return NULL;
	}
	at = line;
	for (size_t i = 0; i < count; i++) {
		at = put_word(at, words[i]);
		*at++ = i + 1 == count ? '\n' : ' ';
	}
	*at = '\0';
	return line;
}

/* --- the exchange ------------------------------------------------------------------- */

static int say_why(const char *path, const char *what, char problem[TP_CTL_PROBLEM_SIZE])
{
	int err = errno == ENOENT                     ? TP_ENOENT
		  : errno == EACCES || errno == EPERM ? TP_EPERM
		  : errno == EAGAIN || errno == EINTR ? TP_ETIMEOUT
						      : TP_EIO;

	snprintf(problem, TP_CTL_PROBLEM_SIZE, "%.200s: %s: %s", path, what,
		 err == TP_ETIMEOUT ? "no answer in time" : strerror(errno));
	return err;
}

static int open_socket(const char *path, int *fd, char problem[TP_CTL_PROBLEM_SIZE])
{
	const struct timeval within = {.tv_sec = ANSWER_WITHIN_S};
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(sun.sun_path)) {
		snprintf(problem, TP_CTL_PROBLEM_SIZE, "%.200s: is too long for a socket", path);
		return TP_ERANGE;
	}
	memcpy(sun.sun_path, path, strlen(path) + 1);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd == -1 || setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &within, sizeof(within)) != 0 ||
	    connect(*fd, (const struct sockaddr *)&sun, sizeof(sun)) != 0) {
		return say_why(path, "cannot reach the daemon", problem);
	}
	return 0;
}

/* What is beyond the daemon's bound is not taken: its answer says so. */
static void send_all(int fd, const char *bytes)
{
	size_t len = strlen(bytes);

	while (len > 0) {
		ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

		if (sent <= 0) {
			return;
		}
		bytes += sent;
		len -= (size_t)sent;
	}
}

static int read_all(const char *path, int fd, char **answer, char problem[TP_CTL_PROBLEM_SIZE])
{
	size_t size = 0;
	size_t len = 0;
	ssize_t got;

	do {
		if (len + 1 >= size) {
			char *more;

			size = size == 0 ? ROOM_AT_FIRST : 2 * size;
			more = size > ANSWER_MAX ? NULL : realloc(*answer, size);
			if (more == NULL) {
				snprintf(problem, TP_CTL_PROBLEM_SIZE, "%.200s: too long an answer",
					 path);
				return TP_EFULL;
			}
			*answer = more;
		}
		got = recv(fd, *answer + len, size - len - 1, 0);
		len += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	if (got < 0 && (errno != ECONNRESET || len == 0)) {
		return say_why(path, "cannot read the answer", problem);
	}
	(*answer)[len] = '\0';
	return 0;
}

int tp_ctl_ask(const char *path, const char *line, char **answer, char problem[TP_CTL_PROBLEM_SIZE])
{
	int fd = -1;
	int err = open_socket(path, &fd, problem);

	*answer = NULL;
	if (err == 0) {
		send_all(fd, line);
		err = read_all(path, fd, answer, problem);
	}
	if (err != 0) {
		free(*answer);
		*answer = NULL;
	}
	if (fd != -1) {
		close(fd);
	}
	return err;
}

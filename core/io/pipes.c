/* SPDX-License-Identifier: Apache-2.0 */
#include "io/pipes.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "io/socket.h"

struct tp_pipes {
	size_t count;
	int kept[TP_PIPES_KEPT_MAX][2];
};

struct tp_pipes *tp_pipes_create(void)
{
	return calloc(1, sizeof(struct tp_pipes));
}

static void pipe_close(int pipe[2])
{
	tp_socket_close(&pipe[0]);
	tp_socket_close(&pipe[1]);
}

void tp_pipes_free(struct tp_pipes **where)
{
	struct tp_pipes *pipes = *where;

	*where = NULL;
	if (pipes == NULL) {
		return;
	}
	while (pipes->count > 0) {
		pipe_close(pipes->kept[--pipes->count]);
	}
	free(pipes);
}

int tp_pipes_take(struct tp_pipes *pipes, int out[2])
{
	if (pipes->count > 0) {
		pipes->count--;
		out[0] = pipes->kept[pipes->count][0];
		out[1] = pipes->kept[pipes->count][1];
		return 0;
	}
	if (pipe2(out, O_NONBLOCK | O_CLOEXEC) != 0) {
		out[0] = -1;
		out[1] = -1;
		return TP_EFULL;
	}
	return 0;
}

void tp_pipes_give(struct tp_pipes *pipes, int pipe[2], size_t left)
{
	if (pipe[0] == -1) {
		return;
	}
	if (left > 0 || pipes->count == TP_PIPES_KEPT_MAX) {
		pipe_close(pipe);
		return;
	}
	pipes->kept[pipes->count][0] = pipe[0];
	pipes->kept[pipes->count][1] = pipe[1];
	pipes->count++;
	pipe[0] = -1;
	pipe[1] = -1;
}

size_t tp_pipes_kept(const struct tp_pipes *pipes)
{
	return pipes->count;
}

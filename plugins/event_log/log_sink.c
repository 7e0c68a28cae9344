/* SPDX-License-Identifier: Apache-2.0 */
#include "log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <turnpike/plugin.h>

#define WRITE_WAIT_MS 1000 /* for a pipe that nobody reads */

struct log_sink {
	struct tp_instance *self;
	const char *path;
	struct tp_counter *written;
	struct tp_counter *dropped;

	pthread_mutex_t queue_lock;
	char **lines; /* a ring */
	size_t max_lines;
	size_t first;
	size_t count;
	bool writing; /* a job is under way */

	pthread_mutex_t file_lock; /* taken before the queue's, never after it */
	int fd;                    /* -1: not open */
	bool failing;              /* said so already */
	bool torn;                 /* the last line got out in part */
};

/* --- the queue ---------------------------------------------------------------------- */

static bool push(struct log_sink *sink, char *line)
{
	if (sink->count == sink->max_lines) {
		return false;
	}
	sink->lines[(sink->first + sink->count) % sink->max_lines] = line;
	sink->count++;
	return true;
}

/* NULL when nothing waits; then the job is over. */
static char *pop(struct log_sink *sink)
{
	char *line = NULL;

	pthread_mutex_lock(&sink->queue_lock);
	if (sink->count == 0) {
		sink->writing = false;
	} else {
		line = sink->lines[sink->first];
		sink->first = (sink->first + 1) % sink->max_lines;
		sink->count--;
	}
	pthread_mutex_unlock(&sink->queue_lock);
	return line;
}

/* --- the file ----------------------------------------------------------------------- */

static int open_path(const struct log_sink *sink)
{
	return open(sink->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		    0640);
}

/* Another file stands where ours was: whoever moved it wants a new one. */
static bool was_moved(const struct log_sink *sink)
{
	struct stat ours;
	struct stat there;

	return fstat(sink->fd, &ours) != 0 || stat(sink->path, &there) != 0 ||
	       ours.st_ino != there.st_ino || ours.st_dev != there.st_dev;
}

static void complain(struct log_sink *sink, const char *what)
{
	if (!sink->failing) {
		tp_log(sink->self, TP_LOG_ERROR, "%s %s: %s; what is dropped is counted", what,
		       sink->path == NULL ? "standard error" : sink->path, strerror(errno));
	}
	sink->failing = true;
}

static void reopen(struct log_sink *sink)
{
	int fd;

	if (sink->path == NULL || (sink->fd != -1 && !was_moved(sink))) {
		return;
	}
	fd = open_path(sink);
	if (fd == -1) {
		complain(sink, "cannot open");
		return;
	}
	if (sink->fd != -1) {
		close(sink->fd);
	}
	sink->fd = fd;
}

int log_sink_open(struct log_sink *sink)
{
	int err = 0;

	pthread_mutex_lock(&sink->file_lock);
	if (sink->fd == -1) {
		sink->fd = sink->path == NULL ? STDERR_FILENO : open_path(sink);
		err = sink->fd == -1 ? TP_EIO : 0;
	}
	pthread_mutex_unlock(&sink->file_lock);
	return err;
}

static bool is_writable(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLOUT};

	return poll(&wanted, 1, WRITE_WAIT_MS) == 1 && (wanted.revents & POLLOUT) != 0;
}

static bool write_text(struct log_sink *sink, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t written;

		if (!is_writable(sink->fd)) {
			errno = ETIMEDOUT;
			return false;
		}
		written = write(sink->fd, text, len);
		if (written < 0 && errno != EINTR && errno != EAGAIN) {
			return false;
		}
		if (written > 0) {
			text += written;
			len -= (size_t)written;
			sink->torn = len > 0;
		}
	}
	return true;
}

static bool write_line(struct log_sink *sink, const char *line)
{
	return (!sink->torn || write_text(sink, "\n")) && write_text(sink, line);
}

/* --- writing ------------------------------------------------------------------------ */

static void write_next(struct log_sink *sink, char *line)
{
	if (sink->fd != -1 && write_line(sink, line)) {
		tp_counter_add(sink->written, 1);
		sink->failing = false;
	} else {
		tp_counter_add(sink->dropped, 1);
		if (sink->fd != -1) {
			complain(sink, "cannot write to");
		}
	}
	free(line);
}

static void write_all(void *arg)
{
	struct log_sink *sink = arg;
	char *line;

	pthread_mutex_lock(&sink->file_lock);
	reopen(sink);
	while ((line = pop(sink)) != NULL) {
		write_next(sink, line);
	}
	pthread_mutex_unlock(&sink->file_lock);
}

/* Did not start: the next line tries again. */
static void stop_writing(struct log_sink *sink)
{
	pthread_mutex_lock(&sink->queue_lock);
	sink->writing = false;
	pthread_mutex_unlock(&sink->queue_lock);
}

void log_sink_put(struct log_sink *sink, char *line)
{
	bool pushed;
	bool start;

	pthread_mutex_lock(&sink->queue_lock);
	pushed = line != NULL && push(sink, line);
	start = pushed && !sink->writing;
	sink->writing = sink->writing || start;
	pthread_mutex_unlock(&sink->queue_lock);

	if (!pushed) {
		tp_counter_add(sink->dropped, 1);
		free(line);
	}
	if (start && tp_job_submit(sink->self, write_all, NULL, sink) != 0) {
		stop_writing(sink);
	}
}

/* --- life --------------------------------------------------------------------------- */

struct log_sink *log_sink_create(struct tp_instance *self, const char *path, size_t max_lines)
{
	struct log_sink *sink = calloc(1, sizeof(*sink));

	if (sink == NULL) {
		return NULL;
	}
	sink->self = self;
	sink->path = path;
	sink->max_lines = max_lines;
	sink->fd = -1;
	pthread_mutex_init(&sink->queue_lock, NULL);
	pthread_mutex_init(&sink->file_lock, NULL);
	sink->written = tp_counter_create(self, "written", "lines written");
	sink->dropped = tp_counter_create(self, "dropped", "lines lost to a full queue or file");
	sink->lines = calloc(max_lines, sizeof(*sink->lines));
	if (sink->lines == NULL) {
		log_sink_free(&sink);
	}
	return sink;
}

void log_sink_free(struct log_sink **sink)
{
	if (*sink == NULL) {
		return;
	}
	write_all(*sink);
	if ((*sink)->fd != -1 && (*sink)->path != NULL) {
		close((*sink)->fd);
	}
	pthread_mutex_destroy(&(*sink)->queue_lock);
	pthread_mutex_destroy(&(*sink)->file_lock);
	free((*sink)->lines);
	free(*sink);
	*sink = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <turnpike/api.h>
#include <turnpike/error.h>

static int complain(char *problem, int err, const char *format, ...) TP_PRINTF(3, 4);

static int complain(char *problem, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, SECRET_FILE_PROBLEM_SIZE, format, args);
	va_end(args);
	return err;
}

void secret_file_wipe(struct secret_file *file)
{
	explicit_bzero(file, sizeof(*file));
}

static int add_line(struct secret_file *file, char *line, size_t len, const char *path,
		    unsigned number, char *problem)
{
	if (len > 0 && line[len - 1] == '\r') {
		line[--len] = '\0';
	}
	if (memchr(line, '\0', len) != NULL) {
		return complain(problem, TP_EINVAL, "%s:%u: a NUL byte: this is no text", path,
				number);
	}
	if (len == 0 || line[0] == '#') {
		return 0;
	}
	if (file->count == SECRET_FILE_LINES_MAX) {
		return complain(problem, TP_EFULL, "%s:%u: more than %d secrets", path, number,
				SECRET_FILE_LINES_MAX);
	}
	file->lines[file->count++] = line;
	return 0;
}

static int split(struct secret_file *file, size_t size, const char *path, char *problem)
{
	unsigned number = 1;
	size_t at = 0;
	int err = 0;

	for (; at < size && err == 0; number++) {
		const char *newline = memchr(file->text + at, '\n', size - at);
		size_t len = newline == NULL ? size - at : (size_t)(newline - file->text) - at;

		file->text[at + len] = '\0'; /* there is a byte behind the last line */
		err = add_line(file, file->text + at, len, path, number, problem);
		at += len + 1;
	}
	return err;
}

static int read_text(int fd, struct secret_file *file, const char *path, char *problem)
{
	size_t size = 0;
	ssize_t got;

	while (size < sizeof(file->text) &&
	       (got = read(fd, file->text + size, sizeof(file->text) - size)) != 0) {
		if (got < 0) {
			return complain(problem, TP_EIO, "%s: %s", path, strerror(errno));
		}
		size += (size_t)got;
	}
	if (size > SECRET_FILE_SIZE_MAX) {
		return complain(problem, TP_EFULL, "%s is larger than %d bytes", path,
				SECRET_FILE_SIZE_MAX);
	}
	return split(file, size, path, problem);
}

static int read_open(int fd, struct secret_file *file, const char *path, char *problem)
{
	struct stat status;

	if (fstat(fd, &status) != 0) {
		return complain(problem, TP_EIO, "%s: %s", path, strerror(errno));
	}
	if (!S_ISREG(status.st_mode)) {
		return complain(problem, TP_EINVAL, "%s is no regular file", path);
	}
	if ((status.st_mode & S_IWOTH) != 0) {
		return complain(problem, TP_EPERM, "%s can be written by everybody", path);
	}
	file->readable_by_all = (status.st_mode & S_IROTH) != 0;
	return read_text(fd, file, path, problem);
}

int secret_file_read(const char *path, struct secret_file *file,
		     char problem[SECRET_FILE_PROBLEM_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
	int err;

	if (fd == -1) {
		return complain(problem, TP_ENOENT, "%s: %s", path, strerror(errno));
	}
	memset(file, 0, sizeof(*file));
	err = read_open(fd, file, path, problem);
	close(fd);
	if (err != 0) {
		secret_file_wipe(file);
	}
	return err;
}

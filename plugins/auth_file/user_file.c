/* SPDX-License-Identifier: Apache-2.0 */
#include "user_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include <turnpike/api.h>
#include <turnpike/error.h>

static int complain(char *problem, int err, const char *format, ...) TP_PRINTF(3, 4);

static int complain(char *problem, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, USER_FILE_PROBLEM_SIZE, format, args);
	va_end(args);
	return err;
}

/* --- lines -------------------------------------------------------------------------- */

static bool has_control_byte(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)line[i];

		if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
			return true;
		}
	}
	return false;
}

static int add_user(struct user_table *table, struct user *user, const char *path, char *problem)
{
	unsigned line = user->line;
	unsigned there = 0;

	switch (user_table_add(table, user, &there)) {
	case 0:
		return 0;
	case TP_EEXIST:
		return complain(problem, TP_EINVAL, "%s:%u: the user of line %u once more", path,
				line, there);
	case TP_EFULL:
		return complain(problem, TP_EFULL, "%s:%u: more than %d users", path, line,
				USERS_MAX);
	default:
		return complain(problem, TP_ENOMEM, "%s: out of memory", path);
	}
}

static int read_line(struct user_table *table, const char *path, unsigned number, char *line,
		     size_t len, char *problem)
{
	const char *wrong = NULL;
	struct user user;

	if (len > 0 && line[len - 1] == '\r') {
		line[--len] = '\0';
	}
	if (has_control_byte(line, len)) {
		return complain(problem, TP_EINVAL, "%s:%u: a control byte: this is no text", path,
				number);
	}
	if (line[0] == '#' || strspn(line, " \t") == len) {
		return 0;
	}
	wrong = user_parse(&user, line);
	if (wrong != NULL) {
		user_fini(&user);
		return complain(problem, TP_EINVAL, "%s:%u: %s", path, number, wrong);
	}
	user.line = number;
	return add_user(table, &user, path, problem);
}

static int read_lines(struct user_table *table, const char *path, char *bytes, size_t len,
		      char *problem)
{
	unsigned number = 1;
	size_t at = 0;
	int err = 0;

	for (; at < len && err == 0; number++) {
		const char *newline = memchr(bytes + at, '\n', len - at);
		size_t line_len = newline == NULL ? len - at : (size_t)(newline - bytes) - at;

		bytes[at + line_len] = '\0'; /* there is a byte behind the last line */
		err = read_line(table, path, number, bytes + at, line_len, problem);
		at += line_len + 1;
	}
	return err;
}

int user_file_parse(const char *path, char *bytes, size_t len, char problem[USER_FILE_PROBLEM_SIZE],
		    struct user_table **out)
{
	struct user_table *table = user_table_create();
	int err;

	if (table == NULL) {
		return complain(problem, TP_ENOMEM, "%s: out of memory", path);
	}
	err = read_lines(table, path, bytes, len, problem);
	if (err != 0) {
		user_table_unref(&table);
		return err;
	}
	*out = table;
	return 0;
}

/* --- files -------------------------------------------------------------------------- */

static int check_status(const char *path, const struct stat *status, char *problem)
{
	if (!S_ISREG(status->st_mode)) {
		return complain(problem, TP_EINVAL, "%s is no regular file", path);
	}
	if ((status->st_mode & S_IWOTH) != 0) {
		return complain(problem, TP_EPERM, "%s can be written by everybody", path);
	}
	if (status->st_size > (off_t)USER_FILE_MAX) {
		return complain(problem, TP_EFULL, "%s is larger than 256 MiB", path);
	}
	return 0;
}

static int read_bytes(const char *path, int fd, char *bytes, size_t size, size_t *len,
		      char *problem)
{
	*len = 0;
	while (*len < size) {
		ssize_t got = read(fd, bytes + *len, size - *len);

		if (got < 0) {
			return complain(problem, TP_EIO, "%s: %s", path, strerror(errno));
		}
		if (got == 0) {
			break;
		}
		*len += (size_t)got;
	}
	return 0;
}

static int read_open(const char *path, int fd, char *problem, struct user_table **out)
{
	struct stat status;
	char *bytes;
	size_t size;
	size_t len;
	int err;

	if (fstat(fd, &status) != 0) {
		return complain(problem, TP_EIO, "%s: %s", path, strerror(errno));
	}
	err = check_status(path, &status, problem);
	if (err != 0) {
		return err;
	}
	size = (size_t)status.st_size;
	bytes = malloc(size + 1);
	if (bytes == NULL) {
		return complain(problem, TP_ENOMEM, "%s: out of memory", path);
	}
	err = read_bytes(path, fd, bytes, size, &len, problem);
	if (err == 0) {
		err = user_file_parse(path, bytes, len, problem, out);
	}
	gnutls_memset(bytes, 0, size);
	free(bytes);
	return err;
}

int user_file_read(const char *path, char problem[USER_FILE_PROBLEM_SIZE], struct user_table **out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
	int err;

	if (fd == -1) {
		return complain(problem, TP_ENOENT, "%s: %s", path, strerror(errno));
	}
	err = read_open(path, fd, problem, out);
	close(fd);
	return err;
}

bool user_file_is_open(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && (status.st_mode & S_IROTH) != 0;
}

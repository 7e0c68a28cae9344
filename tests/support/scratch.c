/* SPDX-License-Identifier: Apache-2.0 */
#include "support/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_MAX 65536

_Noreturn static void die(const char *what, const char *path)
{
	fprintf(stderr, "scratch: cannot %s ", what);
	perror(path);
	abort();
}

void scratch_open(struct scratch *scratch)
{
	snprintf(scratch->folder, sizeof(scratch->folder), "/tmp/turnpike-test.XXXXXX");
	if (mkdtemp(scratch->folder) == NULL) {
		die("make", scratch->folder);
	}
	scratch->file[0] = '\0';
}

void scratch_close(struct scratch *scratch)
{
	DIR *folder = opendir(scratch->folder);
	struct dirent *entry;

	if (folder == NULL) {
		die("list", scratch->folder);
	}
	while ((entry = readdir(folder)) != NULL) {
		unlinkat(dirfd(folder), entry->d_name, 0); /* "." and ".." it will not */
	}
	closedir(folder);
	if (rmdir(scratch->folder) != 0) {
		die("remove", scratch->folder);
	}
}

const char *scratch_path(const struct scratch *scratch, const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", scratch->folder, name);
	return path;
}

const char *scratch_write_bytes(struct scratch *scratch, const char *name, mode_t mode,
				const void *bytes, size_t len)
{
	int fd;

	snprintf(scratch->file, sizeof(scratch->file), "%s/%s", scratch->folder, name);
	fd = open(scratch->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd == -1 || write(fd, bytes, len) != (ssize_t)len || fchmod(fd, mode) != 0) {
		die("write", scratch->file);
	}
	close(fd);
	return scratch->file;
}

const char *scratch_write(struct scratch *scratch, const char *name, mode_t mode, const char *text)
{
	return scratch_write_bytes(scratch, name, mode, text, strlen(text));
}

const char *scratch_read(const struct scratch *scratch, const char *name)
{
	static char text[READ_MAX];
	FILE *file = fopen(scratch_path(scratch, name), "re");
	size_t len = 0;

	if (file != NULL) {
		len = fread(text, 1, sizeof(text) - 1, file);
		fclose(file);
	}
	text[len] = '\0';
	return text;
}

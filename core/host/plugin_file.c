/* SPDX-License-Identifier: Apache-2.0 */
#include "host/plugin_file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/list.h"
#include "host/problem.h"

#define ALIASES_MAX 64 /* versions of one file that are loaded at a time */

struct tp_plugin_file {
	struct tp_list link; /* in the list of those open */
	char *path;
	char *load_name;
	dev_t device;
	ino_t inode;
	unsigned alias; /* dots in the load name */
};

/* Main thread only. */
static struct tp_list open_files = {&open_files, &open_files};

/* --- checks ----------------------------------------------------------------------- */

static int join_path(const char *file, const char *plugin_dir, char out[PATH_MAX],
		     char problem[TP_PROBLEM_SIZE])
{
	int len;

	if (file[0] == '/') {
		len = snprintf(out, PATH_MAX, "%s", file);
	} else if (file[0] == '\0' || strchr(file, '/') != NULL) {
		return tp_problem(problem, TP_EINVAL,
				  "\"%s\" is neither an absolute path nor the name of a plugin",
				  file);
	} else {
		len = snprintf(out, PATH_MAX, "%s/%s.so", plugin_dir, file);
	}
	if (len < 0 || len >= PATH_MAX) {
		return tp_problem(problem, TP_EINVAL, "\"%.80s\" is too long a path", file);
	}
	return 0;
}

static int system_problem(const char *path, char problem[TP_PROBLEM_SIZE])
{
	int err = errno == ENOENT || errno == ENOTDIR ? TP_ENOENT
		  : errno == EACCES                   ? TP_EPERM
		  : errno == ENOMEM                   ? TP_ENOMEM
						      : TP_EINVAL;

	return tp_problem(problem, err, "%s: %s", path, strerror(errno));
}

/* Nobody but root and this user may write it: what is in it runs as this user. */
static int check_writers(const char *path, mode_t type, char problem[TP_PROBLEM_SIZE])
{
	struct stat st;

	if (stat(path, &st) != 0) {
		return system_problem(path, problem);
	}
	if ((st.st_mode & S_IFMT) != type) {
		return tp_problem(problem, TP_EINVAL, "%s: is no %s", path,
				  type == S_IFREG ? "file" : "folder");
	}
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		return tp_problem(problem, TP_EPERM,
				  "%s: belongs to user %u, must be root's or %u's", path,
				  (unsigned)st.st_uid, (unsigned)geteuid());
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		return tp_problem(problem, TP_EPERM,
				  "%s: others can write it (mode %04o), must be its owner alone",
				  path, (unsigned)(st.st_mode & 07777));
	}
	return 0;
}

static int check_folder_of(const char *path, char problem[TP_PROBLEM_SIZE])
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash == NULL || slash == path) {
		return check_writers(slash == NULL ? "." : "/", S_IFDIR, problem);
	}
	snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
	return check_writers(folder, S_IFDIR, problem);
}

/* Both ends of a symbolic link. */
static int check_file(const char *path, const char *resolved, char problem[TP_PROBLEM_SIZE])
{
	int err = check_writers(resolved, S_IFREG, problem);

	if (err == 0) {
		err = check_folder_of(resolved, problem);
	}
	return err != 0 ? err : check_folder_of(path, problem);
}

/* --- names ------------------------------------------------------------------------ */

static bool alias_taken(const struct tp_plugin_file *wanted, unsigned alias)
{
	struct tp_list *link;

	tp_list_for_each (link, &open_files) {
		const struct tp_plugin_file *file =
			tp_container_of(link, struct tp_plugin_file, link);

		if (file->alias == alias && strcmp(file->path, wanted->path) == 0) {
			return file->device != wanted->device || file->inode != wanted->inode;
		}
	}
	return false;
}

/* "/lib/x.so", "/lib/./x.so", "/lib/././x.so" … */
static int make_load_name(struct tp_plugin_file *file)
{
	const char *base = strrchr(file->path, '/') + 1;
	size_t folder_len = (size_t)(base - file->path);
	size_t dots_len = 2 * (size_t)file->alias;
	char *name = malloc(strlen(file->path) + dots_len + 1);

	if (name == NULL) {
		return TP_ENOMEM;
	}
	memcpy(name, file->path, folder_len);
	for (size_t i = 0; i < dots_len; i += 2) {
		memcpy(name + folder_len + i, "./", 2);
	}
	strcpy(name + folder_len + dots_len, base);
	file->load_name = name;
	return 0;
}

static int name_file(struct tp_plugin_file *file, char problem[TP_PROBLEM_SIZE])
{
	struct stat st;

	if (stat(file->path, &st) != 0) {
		return system_problem(file->path, problem);
	}
	file->device = st.st_dev;
	file->inode = st.st_ino;
	while (alias_taken(file, file->alias)) {
		if (++file->alias == ALIASES_MAX) {
			return tp_problem(problem, TP_EFULL,
					  "%s: %d versions of it are still in use", file->path,
					  ALIASES_MAX);
		}
	}
	if (make_load_name(file) != 0) {
		return tp_problem(problem, TP_ENOMEM, "%s: out of memory", file->path);
	}
	return 0;
}

/* --- open and close ---------------------------------------------------------------- */

int tp_plugin_file_open(const char *name, const char *plugin_dir, char problem[TP_PROBLEM_SIZE],
			struct tp_plugin_file **out)
{
	struct tp_plugin_file *file = calloc(1, sizeof(*file));
	char path[PATH_MAX];
	int err;

	if (file == NULL) {
		return tp_problem(problem, TP_ENOMEM, "%s: out of memory", name);
	}
	tp_list_init(&file->link);
	err = join_path(name, plugin_dir, path, problem);
	if (err == 0) {
		file->path = realpath(path, NULL);
		err = file->path == NULL ? system_problem(path, problem)
					 : check_file(path, file->path, problem);
	}
	if (err == 0) {
		err = name_file(file, problem);
	}
	if (err != 0) {
		tp_plugin_file_close(&file);
		return err;
	}
	tp_list_append(&open_files, &file->link);
	*out = file;
	return 0;
}

void tp_plugin_file_close(struct tp_plugin_file **file)
{
	if (*file == NULL) {
		return;
	}
	tp_list_remove(&(*file)->link);
	free((*file)->path);
	free((*file)->load_name);
	free(*file);
	*file = NULL;
}

const char *tp_plugin_file_path(const struct tp_plugin_file *file)
{
	return file->path;
}

const char *tp_plugin_file_load_name(const struct tp_plugin_file *file)
{
	return file->load_name;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/loader.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ltdl.h>

#include <turnpike/error.h>

#include "host/problem.h"

#define ENTRY_SYMBOL "turnpike_plugin"

struct tp_loaded {
	lt_dlhandle handle;
	struct tp_plugin plugin;
	struct tp_events events;
	char *path;
};

/* Size of the tables by minor version, so that each is exactly what its header said. */
static const struct {
	size_t plugin;
	size_t events;
} table_sizes[TP_ABI_MINOR + 1] = {
	[0] = {sizeof(struct tp_plugin), sizeof(struct tp_events)},
};

/* --- the file --------------------------------------------------------------------- */

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

/* The file itself, and where a symbolic link to it stands. */
static int resolve(const char *file, const char *plugin_dir, char **out,
		   char problem[TP_PROBLEM_SIZE])
{
	char path[PATH_MAX];
	int err = join_path(file, plugin_dir, path, problem);

	if (err != 0) {
		return err;
	}
	*out = realpath(path, NULL);
	if (*out == NULL) {
		return system_problem(path, problem);
	}
	err = check_writers(*out, S_IFREG, problem);
	if (err == 0) {
		err = check_folder_of(*out, problem);
	}
	if (err == 0) {
		err = check_folder_of(path, problem);
	}
	return err;
}

/* --- the object ------------------------------------------------------------------- */

static const char *library_sentence(const char *path, const char *sentence)
{
	size_t len = strlen(path);

	if (sentence == NULL) {
		return "cannot be loaded";
	}
	/* The dynamic linker mostly starts with the path. */
	if (strncmp(sentence, path, len) == 0 && strncmp(sentence + len, ": ", 2) == 0) {
		return sentence + len + 2;
	}
	return sentence;
}

static int start_library(char problem[TP_PROBLEM_SIZE])
{
	static bool started;

	if (!started && lt_dlinit() != 0) {
		return tp_problem(problem, TP_EINVAL, "libltdl: %s", lt_dlerror());
	}
	started = true;
	return 0;
}

static int open_local(struct tp_loaded *loaded, char problem[TP_PROBLEM_SIZE])
{
	lt_dladvise advise;

	if (lt_dladvise_init(&advise) != 0) {
		return tp_problem(problem, TP_ENOMEM, "%s: out of memory", loaded->path);
	}
	if (lt_dladvise_local(&advise) == 0) {
		loaded->handle = lt_dlopenadvise(loaded->path, advise);
	}
	lt_dladvise_destroy(&advise);
	if (loaded->handle == NULL) {
		return tp_problem(problem, TP_EINVAL, "%s: %s", loaded->path,
				  library_sentence(loaded->path, lt_dlerror()));
	}
	return 0;
}

/*
 * libltdl binds lazily: a symbol that nobody has would end the daemon at its
 * first call. So bind everything before; the object stays open between the
 * two, and its constructors run once.
 */
static int open_object(struct tp_loaded *loaded, char problem[TP_PROBLEM_SIZE])
{
	void *preflight;
	int err = start_library(problem);

	if (err != 0) {
		return err;
	}
	preflight = dlopen(loaded->path, RTLD_NOW | RTLD_LOCAL);
	if (preflight == NULL) {
		return tp_problem(problem, TP_EINVAL, "%s: %s", loaded->path,
				  library_sentence(loaded->path, dlerror()));
	}
	err = open_local(loaded, problem);
	dlclose(preflight);
	return err;
}

/* --- the tables ------------------------------------------------------------------- */

static int check_version(const struct tp_plugin *entry, const char *path,
			 char problem[TP_PROBLEM_SIZE])
{
	if (entry->abi_major != TP_ABI_MAJOR) {
		return tp_problem(problem, TP_EINVAL,
				  "%s: is built for plugin interface %u.%u, wanted %u.x", path,
				  entry->abi_major, entry->abi_minor, TP_ABI_MAJOR);
	}
	if (entry->abi_minor > TP_ABI_MINOR) {
		return tp_problem(problem, TP_EINVAL,
				  "%s: is built for plugin interface %u.%u, wanted %u.%u or older",
				  path, entry->abi_major, entry->abi_minor, TP_ABI_MAJOR,
				  TP_ABI_MINOR);
	}
	if (entry->size != table_sizes[entry->abi_minor].plugin) {
		return tp_problem(problem, TP_EINVAL,
				  "%s: its table has %zu bytes, wanted %zu for interface %u.%u",
				  path, entry->size, table_sizes[entry->abi_minor].plugin,
				  entry->abi_major, entry->abi_minor);
	}
	return 0;
}

static bool has_text(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static int check_members(const struct tp_plugin *plugin, const char *path,
			 char problem[TP_PROBLEM_SIZE])
{
	const char *missing = !has_text(plugin->name)      ? "name"
			      : !has_text(plugin->version) ? "version"
			      : !has_text(plugin->summary) ? "summary"
			      : plugin->events == NULL     ? "events"
							   : NULL;

	if (missing != NULL) {
		return tp_problem(problem, TP_EINVAL, "%s: its table has no %s, wanted one", path,
				  missing);
	}
	if (plugin->events->size != table_sizes[plugin->abi_minor].events) {
		return tp_problem(problem, TP_EINVAL,
				  "%s: its table of events has %zu bytes, wanted %zu for "
				  "interface %u.%u",
				  path, plugin->events->size, table_sizes[plugin->abi_minor].events,
				  plugin->abi_major, plugin->abi_minor);
	}
	return 0;
}

/* Copies of this build's full size: what an older minor does not have stays zero. */
static int read_tables(struct tp_loaded *loaded, char problem[TP_PROBLEM_SIZE])
{
	const struct tp_plugin *entry = lt_dlsym(loaded->handle, ENTRY_SYMBOL);
	int err;

	if (entry == NULL) {
		return tp_problem(problem, TP_EINVAL, "%s: exports no symbol " ENTRY_SYMBOL,
				  loaded->path);
	}
	err = check_version(entry, loaded->path, problem);
	if (err != 0) {
		return err;
	}
	memcpy(&loaded->plugin, entry, entry->size);
	err = check_members(&loaded->plugin, loaded->path, problem);
	if (err != 0) {
		return err;
	}
	memcpy(&loaded->events, loaded->plugin.events, loaded->plugin.events->size);
	return 0;
}

int tp_loader_open(const char *file, const char *plugin_dir, char problem[TP_PROBLEM_SIZE],
		   struct tp_loaded **out)
{
	struct tp_loaded *loaded = calloc(1, sizeof(*loaded));
	int err;

	if (loaded == NULL) {
		return tp_problem(problem, TP_ENOMEM, "%s: out of memory", file);
	}
	err = resolve(file, plugin_dir, &loaded->path, problem);
	if (err == 0) {
		err = open_object(loaded, problem);
	}
	if (err == 0) {
		err = read_tables(loaded, problem);
	}
	if (err != 0) {
		tp_loader_close(&loaded);
		return err;
	}
	*out = loaded;
	return 0;
}

void tp_loader_close(struct tp_loaded **loaded)
{
	if (*loaded == NULL) {
		return;
	}
	if ((*loaded)->handle != NULL) {
		lt_dlclose((*loaded)->handle);
	}
	free((*loaded)->path);
	free(*loaded);
	*loaded = NULL;
}

const struct tp_plugin *tp_loaded_plugin(const struct tp_loaded *loaded)
{
	return &loaded->plugin;
}

const struct tp_events *tp_loaded_events(const struct tp_loaded *loaded)
{
	return &loaded->events;
}

const char *tp_loaded_path(const struct tp_loaded *loaded)
{
	return loaded->path;
}

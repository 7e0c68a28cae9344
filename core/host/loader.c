/* SPDX-License-Identifier: Apache-2.0 */
#include "host/loader.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ltdl.h>

#include <turnpike/error.h>

#include "host/plugin_file.h"
#include "host/problem.h"

#define ENTRY_SYMBOL "turnpike_plugin"

struct tp_loaded {
	lt_dlhandle handle;
	struct tp_plugin plugin;
	struct tp_events events;
	struct tp_plugin_file *file;
};

/* Size of the tables by minor version, so that each is exactly what its header said. */
static const struct {
	size_t plugin;
	size_t events;
} table_sizes[TP_ABI_MINOR + 1] = {
	[0] = {offsetof(struct tp_plugin, command), offsetof(struct tp_events, on_turn_redirect)},
	[1] = {sizeof(struct tp_plugin), sizeof(struct tp_events)},
};

/* --- the object ------------------------------------------------------------------- */

static const char *path_of(const struct tp_loaded *loaded)
{
	return tp_plugin_file_path(loaded->file);
}

/* What a library says, after the path where it starts with that. */
static const char *library_sentence(const struct tp_loaded *loaded, const char *sentence)
{
	const char *name = tp_plugin_file_load_name(loaded->file);
	size_t len = strlen(name);

	if (sentence == NULL) {
		return "cannot be loaded";
	}
	if (strncmp(sentence, name, len) == 0 && strncmp(sentence + len, ": ", 2) == 0) {
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
		return tp_problem(problem, TP_ENOMEM, "%s: out of memory", path_of(loaded));
	}
	if (lt_dladvise_local(&advise) == 0) {
		loaded->handle = lt_dlopenadvise(tp_plugin_file_load_name(loaded->file), advise);
	}
	lt_dladvise_destroy(&advise);
	if (loaded->handle == NULL) {
		return tp_problem(problem, TP_EINVAL, "%s: %s", path_of(loaded),
				  library_sentence(loaded, lt_dlerror()));
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
	preflight = dlopen(tp_plugin_file_load_name(loaded->file), RTLD_NOW | RTLD_LOCAL);
	if (preflight == NULL) {
		return tp_problem(problem, TP_EINVAL, "%s: %s", path_of(loaded),
				  library_sentence(loaded, dlerror()));
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
				  path_of(loaded));
	}
	err = check_version(entry, path_of(loaded), problem);
	if (err != 0) {
		return err;
	}
	memcpy(&loaded->plugin, entry, entry->size);
	err = check_members(&loaded->plugin, path_of(loaded), problem);
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
	err = tp_plugin_file_open(file, plugin_dir, problem, &loaded->file);
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
	tp_plugin_file_close(&(*loaded)->file);
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
	return path_of(loaded);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "host/generation.h"

/* A loaded shared object and its checked entry table. */
struct tp_loaded;

/**
 * Load a plugin: path (absolute, or a name in @plugin_dir), ownership and mode
 * (nobody but root and the daemon's user may be able to write file or folder),
 * preflight bind, then libltdl, then symbol, ABI and table checks.
 *
 * @problem: a sentence that names file, found and wanted
 *
 * Thread: main
 * Errors: TP_ENOENT, TP_EPERM, TP_EINVAL, TP_ENOMEM
 */
int tp_loader_open(const char *file, const char *plugin_dir, char problem[TP_PROBLEM_SIZE],
		   struct tp_loaded **out);
void tp_loader_close(struct tp_loaded **loaded);

/** The entry, with members behind its "size" read as absent. Owner: the loaded object. */
const struct tp_plugin *tp_loaded_plugin(const struct tp_loaded *loaded);
/** Its handlers in a table of this build's full size. */
const struct tp_events *tp_loaded_events(const struct tp_loaded *loaded);
const char *tp_loaded_path(const struct tp_loaded *loaded);

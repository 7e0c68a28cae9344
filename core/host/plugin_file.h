/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/generation.h"

/*
 * The file of a plugin, found, checked and named for the dynamic linker. Linker
 * and libltdl know a loaded object by its name: once a file was replaced on
 * disk, the same name would still yield the old code. So a replaced file gets
 * another name for the same place ("/lib/./x.so") while the old one is open.
 */
struct tp_plugin_file;

/**
 * @file:       absolute path, or a name that stands for "<plugin_dir>/<file>.so"
 * @problem:    a sentence with the path
 *
 * Refused: relative paths with a slash, anything but a regular file, and a file
 * or folder that anybody but root and this user owns or may write.
 *
 * Thread: main
 * Errors: TP_EINVAL, TP_ENOENT, TP_EPERM, TP_ENOMEM, TP_EFULL
 */
int tp_plugin_file_open(const char *file, const char *plugin_dir, char problem[TP_PROBLEM_SIZE],
			struct tp_plugin_file **out);

/** The object must be unloaded before. Sets the pointer to NULL; NULL inside is fine. */
void tp_plugin_file_close(struct tp_plugin_file **file);

/** With links resolved, for messages. */
const char *tp_plugin_file_path(const struct tp_plugin_file *file);

/** For the dynamic linker. */
const char *tp_plugin_file_load_name(const struct tp_plugin_file *file);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <turnpike/plugin.h>

#include "pool.h"

/**
 * Add a target as it stands in a list or a file.
 *
 * @where: the option or file, for the sentence left by tp_instance_fail()
 *
 * Errors: TP_EINVAL, TP_EEXIST, TP_EFULL, TP_ENOMEM
 */
int target_add(struct tp_instance *self, struct pool *pool, const char *where, const char *word);

/**
 * Add those of a file: one a line, blanks around it ignored; empty lines and what
 * follows a # do not count.
 *
 * Errors: as above, and TP_ENOENT, TP_EIO
 */
int target_file_read(struct tp_instance *self, struct pool *pool, const char *path);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "user_table.h"

#define USER_FILE_PROBLEM_SIZE 256
#define USER_FILE_MAX (256u * 1024 * 1024)

/**
 * Read a file: a user per line; lines that are empty or begin with # do not count.
 *
 * @problem: a sentence with path and line when it failed
 *
 * Errors: TP_ENOENT, TP_EPERM when others may write it, TP_EINVAL, TP_EFULL, TP_ENOMEM, TP_EIO
 */
int user_file_read(const char *path, char problem[USER_FILE_PROBLEM_SIZE], struct user_table **out);

/** The same from bytes; @path is for messages. @bytes are written to, and hold one byte more. */
int user_file_parse(const char *path, char *bytes, size_t len, char problem[USER_FILE_PROBLEM_SIZE],
		    struct user_table **out);

/** May everybody read it? */
bool user_file_is_open(const char *path);

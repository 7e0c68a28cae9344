/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "user_table.h"

/* Tells one state of a file from another. */
struct user_file_stamp {
	struct timespec changed;
	struct timespec modified;
	uint64_t size;
	uint64_t inode;
	uint64_t device;
};

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

/** Stamp of the file as it is now; all 0 when there is none. */
void user_file_stamp_take(const char *path, struct user_file_stamp *out);
bool user_file_stamp_equal(const struct user_file_stamp *a, const struct user_file_stamp *b);

/** May everybody read it? */
bool user_file_is_open(const char *path);

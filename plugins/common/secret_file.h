/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SECRET_FILE_LINES_MAX 16
#define SECRET_FILE_SIZE_MAX 16384
#define SECRET_FILE_PROBLEM_SIZE 256

/* A secret a line; lines that are empty or begin with # do not count. */
struct secret_file {
	char text[SECRET_FILE_SIZE_MAX + 1];
	const char *lines[SECRET_FILE_LINES_MAX]; /* into text */
	size_t count;
	bool readable_by_all;
};

/**
 * Read a file.
 *
 * @problem: a sentence with path and line when it failed
 *
 * Owner:  @file is to be wiped, when it succeeded
 * Errors: TP_ENOENT, TP_EPERM when others may write it, TP_EINVAL, TP_EFULL, TP_EIO
 */
int secret_file_read(const char *path, struct secret_file *file,
		     char problem[SECRET_FILE_PROBLEM_SIZE]);

void secret_file_wipe(struct secret_file *file);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * A folder of a test's own, gone at the end. What cannot be done ends the
 * program with a sentence.
 */
struct scratch {
	char folder[64];
	char file[PATH_MAX]; /* the one written last, by scratch_write() */
};

void scratch_open(struct scratch *scratch);
/** Remove the folder and the files in it. */
void scratch_close(struct scratch *scratch);

/** Path of a file in the folder. Owner: static storage, until the next call. */
const char *scratch_path(const struct scratch *scratch, const char *name);

/** Write a file anew, under a name of the folder. Returns scratch->file, its path. */
const char *scratch_write(struct scratch *scratch, const char *name, mode_t mode, const char *text);
const char *scratch_write_bytes(struct scratch *scratch, const char *name, mode_t mode,
				const void *bytes, size_t len);

/** All of a file, NUL-terminated; "" when there is none. Owner: static storage, 64 KiB. */
const char *scratch_read(const struct scratch *scratch, const char *name);

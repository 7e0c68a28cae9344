/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* Longest sentence about what went wrong, with NUL. */
#define TP_CTL_PROBLEM_SIZE 512

/**
 * One request line of words: those with blanks or quotes are quoted.
 *
 * Owner:  free() it; NULL: out of memory, or a word with a line feed
 */
char *tp_ctl_line(char *const *words, size_t count);

/**
 * Send a line to the daemon at @path and read the answer to its end.
 *
 * @answer: NUL-terminated; free() it
 *
 * Errors: TP_EIO, TP_ENOENT, TP_EPERM, TP_ETIMEOUT, TP_EFULL, TP_ENOMEM, with a
 *         sentence
 */
int tp_ctl_ask(const char *path, const char *line, char **answer,
	       char problem[TP_CTL_PROBLEM_SIZE]);

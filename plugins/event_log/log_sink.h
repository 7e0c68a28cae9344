/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

#include <turnpike/types.h>

/*
 * Takes lines from any worker and has jobs write them to a file or to standard
 * error. Whoever hands in a line never waits for the disk: what does not fit
 * the queue, or cannot be written, is dropped and counted.
 */
struct log_sink;

/**
 * @path:      stays the caller's; NULL for standard error
 * @max_lines: that may wait
 *
 * Thread: main
 * Errors: NULL when out of memory
 */
struct log_sink *log_sink_create(struct tp_instance *self, const char *path, size_t max_lines);

/** Write what waits, close, free. Sets the pointer to NULL; NULL inside is fine. Thread: main. */
void log_sink_free(struct log_sink **sink);

/**
 * Open the file, unless it is.
 *
 * Thread: any
 * Errors: TP_EIO; errno says why
 */
int log_sink_open(struct log_sink *sink);

/**
 * Queue a line.
 *
 * @line: with its newline; taken over. NULL: one that could not be made, is
 *        counted as dropped
 *
 * Thread: a worker's
 */
void log_sink_put(struct log_sink *sink, char *line);

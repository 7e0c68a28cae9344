/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/*
 * Pipes for splice(2), kept a while for the next user. One thread.
 */
struct tp_pipes;

#define TP_PIPES_KEPT_MAX 64

/** Errors: NULL when out of memory. */
struct tp_pipes *tp_pipes_create(void);
/** All must have been given back or closed. Sets the pointer to NULL; NULL inside is fine. */
void tp_pipes_free(struct tp_pipes **pipes);

/**
 * An empty pipe, non-blocking at both ends.
 *
 * @out: to read from, to write to
 *
 * Owner:  give it back with tp_pipes_give()
 * Errors: TP_EFULL when descriptors have run out
 */
int tp_pipes_take(struct tp_pipes *pipes, int out[2]);

/**
 * Give it back; -1 in both ends is fine. Sets them to -1.
 *
 * @left: bytes that are still in it: then it is closed
 */
void tp_pipes_give(struct tp_pipes *pipes, int pipe[2], size_t left);

/** Pipes that wait for the next user. */
size_t tp_pipes_kept(const struct tp_pipes *pipes);

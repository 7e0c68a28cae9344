/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "io/stream_remains.h"

struct tp_loop;

/*
 * Two TCP connections joined: what comes on one leaves on the other as it is.
 * Between two plain ones the bytes stay in the kernel (splice(2)); with TLS, or where
 * the kernel refuses, they go through a buffer. Nothing is read from one
 * side while the other has not taken what was read before, so that what is
 * under way is bounded and each end feels how fast the other one is.
 *
 * When a side has sent its last byte the other is told so after it, and may
 * still send. The end has come when both have, when one fails, which resets the
 * other unless that has been told its end, or when only one sends and has not
 * for a time that the caller sets.
 */
struct tp_splice;

#define TP_SPLICE_PIECE_MAX 65536 /* bytes under way in each direction */

enum tp_splice_way {
	TP_SPLICE_FORTH = 0, /* from the first to the second */
	TP_SPLICE_BACK = 1,
};

/* Callbacks on the loop's thread. */
struct tp_splice_handler {
	void *owner;
	uint32_t linger_ms; /* a half that is silent for so long is over; 0: never */
	/*
	 * How much may be read now, at most @max bytes; with 0 it asks again after
	 * *@wait_ms. NULL: everything.
	 */
	size_t (*allow)(void *owner, enum tp_splice_way way, size_t max, uint32_t *wait_ms);
	/* So much has left. */
	void (*moved)(void *owner, enum tp_splice_way way, size_t len);
	/* It is over; free it now or later. */
	void (*ended)(void *owner);
};

/**
 * Join them. Nothing is called before this has returned.
 *
 * @first:     taken over on success
 * @second_fd: non-blocking; taken over on success, then -1
 *
 * Errors: TP_ENOMEM, TP_EIO
 */
int tp_splice_create(struct tp_loop *loop, struct tp_stream_remains *first, int *second_fd,
		     const struct tp_splice_handler *handler, struct tp_splice **out);

/** Closes both sides. Sets the pointer to NULL; NULL inside is fine. */
void tp_splice_free(struct tp_splice **splice);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <turnpike/types.h>

#include "event_queue.h"

/* Sends batches to one URL. By one thread at a time; it blocks. */
struct poster;

enum post_outcome {
	POST_DELIVERED = 0,
	POST_FAILED,  /* worth another attempt */
	POST_REFUSED, /* the receiver will never take this one */
};

struct post_result {
	enum post_outcome outcome;
	uint64_t wait_ms;   /* that the receiver asked for; 0: nothing */
	char sentence[256]; /* what went wrong */
};

/**
 * From the options url, timeout, token_file, secret_file and ca_file.
 *
 * Thread: main, in create
 * Errors: TP_EINVAL, TP_ENOMEM and those of the files, after tp_instance_fail()
 */
int poster_create(struct tp_instance *self, struct poster **out);

/** Wipes the secrets. NULL inside is fine. Sets the pointer to NULL. */
void poster_free(struct poster **poster);

/** @wall_s: seconds since 1970, to be signed. @timeout_ms: for all of it */
void poster_post(struct poster *poster, const struct batch *batch, int64_t wall_s,
		 uint64_t timeout_ms, struct post_result *result);

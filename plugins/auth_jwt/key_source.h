/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/types.h>

#include "common/http_client.h"
#include "jwk_set.h"

/*
 * Keys from a URL, for one worker: fetched at the start, again after a while, and at
 * once when somebody needs one that is not there. Thread of all functions: the worker's.
 */
struct key_source;

struct key_source_settings {
	const char *url; /* outlives the source */
	struct http_settings http;
	uint64_t refresh_ms; /* at the latest; sooner when the answer says so */
	uint64_t keep_ms;    /* old keys are used while new ones cannot be had */
	/** A fetch that was wanted has ended. May call the functions below. */
	void (*fetched)(void *arg);
	void *arg;
};

/** Starts to fetch. Errors: NULL when out of memory. */
struct key_source *key_source_create(struct tp_instance *self, struct tp_worker *worker,
				     const struct key_source_settings *settings);
/** Sets the pointer to NULL; NULL inside is fine. */
void key_source_free(struct key_source **source);

/** NULL: none yet, or none any more. Owner: the source, until the next turn. */
const struct jwk_set *key_source_keys(const struct key_source *source);

/**
 * A key is missed: fetch, at once or as soon as that may be again. "fetched" is called then.
 *
 * Returns false when out of memory.
 */
bool key_source_want(struct key_source *source);

/** Did the last fetch fail, so that nobody knows what keys there are? */
bool key_source_failed(const struct key_source *source);

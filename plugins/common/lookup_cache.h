/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lookup_answer.h"
#include "lookup_key.h"

/*
 * Answers by key. Credentials and the rest have a ceiling each, so that a flood of
 * invented names drives out nobody who exists; beyond it the one not used for the
 * longest goes.
 */
struct lookup_cache;

/** @max: of credentials, and of other answers. NULL when out of memory. */
struct lookup_cache *lookup_cache_create(size_t max);
/** Wipes all. Sets the pointer to NULL; NULL inside is fine. */
void lookup_cache_free(struct lookup_cache **cache);

/** NULL when there is none or it can no longer be used, even as a stale one. Owner: the cache. */
const struct lookup_answer *lookup_cache_find(struct lookup_cache *cache,
					      const struct lookup_key *key, uint64_t now_ms);

/**
 * Keep an answer in place of what there was. Both are the cache's from here on, in any
 * case; out of memory means that nothing is kept under that key.
 */
void lookup_cache_put(struct lookup_cache *cache, struct lookup_key *key,
		      struct lookup_answer *answer, uint64_t now_ms);

void lookup_cache_remove(struct lookup_cache *cache, const struct lookup_key *key);
void lookup_cache_flush(struct lookup_cache *cache);

/** Answers there are. @kind: LOOKUP_FOUND, or another one for all others */
size_t lookup_cache_count(const struct lookup_cache *cache, enum lookup_kind kind);

/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup_cache.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct kept {
	struct lookup_key *key; /* first: lookup_key_compare() */
	struct lookup_answer *answer;
	TAILQ_ENTRY(kept) by_use;
};

TAILQ_HEAD(kept_list, kept);

struct side {
	struct kept_list entries; /* used last comes first */
	size_t count;
};

struct lookup_cache {
	size_t max;
	void *tree; /* tsearch(3): no names make it slow */
	struct side found;
	struct side others;
};

struct lookup_cache *lookup_cache_create(size_t max)
{
	struct lookup_cache *cache = calloc(1, sizeof(*cache));

	if (cache != NULL) {
		cache->max = max;
		TAILQ_INIT(&cache->found.entries);
		TAILQ_INIT(&cache->others.entries);
	}
	return cache;
}

static struct side *side_of(struct lookup_cache *cache, const struct kept *entry)
{
	return entry->answer->kind == LOOKUP_FOUND ? &cache->found : &cache->others;
}

static void forget(struct lookup_cache *cache, struct kept *entry)
{
	struct side *side = side_of(cache, entry);

	tdelete(entry, &cache->tree, lookup_key_compare);
	TAILQ_REMOVE(&side->entries, entry, by_use);
	side->count--;
	lookup_answer_free(&entry->answer);
	explicit_bzero(entry->key->bytes, entry->key->len); /* a token is in it */
	free(entry->key);
	free(entry);
}

static void forget_side(struct lookup_cache *cache, struct side *side)
{
	struct kept *entry;

	while ((entry = TAILQ_FIRST(&side->entries)) != NULL) {
		forget(cache, entry);
	}
}

void lookup_cache_flush(struct lookup_cache *cache)
{
	forget_side(cache, &cache->found);
	forget_side(cache, &cache->others);
}

void lookup_cache_free(struct lookup_cache **cache)
{
	if (*cache != NULL) {
		lookup_cache_flush(*cache);
		free(*cache);
		*cache = NULL;
	}
}

static struct kept *find(struct lookup_cache *cache, const struct lookup_key *key)
{
	struct kept **node = tfind(&key, &cache->tree, lookup_key_compare);

	return node == NULL ? NULL : *node;
}

static bool is_over(const struct lookup_answer *answer, uint64_t now_ms)
{
	return now_ms >= answer->stale_until_ms ||
	       (answer->ends_ms != 0 && now_ms >= answer->ends_ms);
}

const struct lookup_answer *lookup_cache_find(struct lookup_cache *cache,
					      const struct lookup_key *key, uint64_t now_ms)
{
	struct kept *entry = find(cache, key);
	struct side *side;

	if (entry == NULL) {
		return NULL;
	}
	if (is_over(entry->answer, now_ms)) {
		forget(cache, entry);
		return NULL;
	}
	side = side_of(cache, entry);
	TAILQ_REMOVE(&side->entries, entry, by_use);
	TAILQ_INSERT_HEAD(&side->entries, entry, by_use);
	return entry->answer;
}

/* What is over goes, as far as it is at the end; then what is one too many. */
static void make_room(struct lookup_cache *cache, struct side *side, uint64_t now_ms)
{
	struct kept *last;

	while ((last = TAILQ_LAST(&side->entries, kept_list)) != NULL &&
	       (side->count >= cache->max || is_over(last->answer, now_ms))) {
		forget(cache, last);
	}
}

void lookup_cache_put(struct lookup_cache *cache, struct lookup_key *key,
		      struct lookup_answer *answer, uint64_t now_ms)
{
	struct kept *entry = calloc(1, sizeof(*entry));
	struct side *side;

	lookup_cache_remove(cache, key);
	if (entry != NULL) {
		entry->key = key;
		entry->answer = answer;
		side = side_of(cache, entry);
		make_room(cache, side, now_ms);
		if (tsearch(entry, &cache->tree, lookup_key_compare) != NULL) {
			TAILQ_INSERT_HEAD(&side->entries, entry, by_use);
			side->count++;
			return;
		}
	}
	free(entry);
	free(key);
	lookup_answer_free(&answer);
}

void lookup_cache_remove(struct lookup_cache *cache, const struct lookup_key *key)
{
	struct kept *entry = find(cache, key);

	if (entry != NULL) {
		forget(cache, entry);
	}
}

size_t lookup_cache_count(const struct lookup_cache *cache, enum lookup_kind kind)
{
	return kind == LOOKUP_FOUND ? cache->found.count : cache->others.count;
}

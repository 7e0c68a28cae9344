/* SPDX-License-Identifier: Apache-2.0 */
#include "realm_tally.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* The daemon's configuration names the realms: they are few. */
struct count {
	struct count *next;
	uint32_t allocations;
	char realm[];
};

struct realm_tally {
	pthread_mutex_t lock; /* for all below */
	size_t refs;
	struct count *counts;
};

struct realm_tally *realm_tally_create(void)
{
	struct realm_tally *tally = calloc(1, sizeof(*tally));

	if (tally != NULL) {
		pthread_mutex_init(&tally->lock, NULL);
		tally->refs = 1;
	}
	return tally;
}

struct realm_tally *realm_tally_ref(struct realm_tally *tally)
{
	pthread_mutex_lock(&tally->lock);
	tally->refs++;
	pthread_mutex_unlock(&tally->lock);
	return tally;
}

static void tally_free(struct realm_tally *tally)
{
	while (tally->counts != NULL) {
		struct count *count = tally->counts;

		tally->counts = count->next;
		free(count);
	}
	pthread_mutex_destroy(&tally->lock);
	free(tally);
}

void realm_tally_unref(struct realm_tally **tally)
{
	size_t refs;

	if (*tally != NULL) {
		pthread_mutex_lock(&(*tally)->lock);
		refs = --(*tally)->refs;
		pthread_mutex_unlock(&(*tally)->lock);
		if (refs == 0) {
			tally_free(*tally);
		}
	}
	*tally = NULL;
}

static struct count **slot_of(struct realm_tally *tally, const char *realm)
{
	struct count **slot = &tally->counts;

	while (*slot != NULL && strcmp((*slot)->realm, realm) != 0) {
		slot = &(*slot)->next;
	}
	return slot;
}

static struct count *count_create(const char *realm)
{
	size_t size = strlen(realm) + 1;
	struct count *count = calloc(1, sizeof(*count) + size);

	if (count != NULL) {
		memcpy(count->realm, realm, size);
	}
	return count;
}

void realm_tally_add(struct realm_tally *tally, const char *realm)
{
	struct count **slot;

	pthread_mutex_lock(&tally->lock);
	slot = slot_of(tally, realm);
	if (*slot == NULL) {
		*slot = count_create(realm);
	}
	if (*slot != NULL) {
		(*slot)->allocations++;
	}
	pthread_mutex_unlock(&tally->lock);
}

/* An allocation from before the plugin was asked has never been added. */
void realm_tally_remove(struct realm_tally *tally, const char *realm)
{
	struct count *count;

	pthread_mutex_lock(&tally->lock);
	count = *slot_of(tally, realm);
	if (count != NULL && count->allocations > 0) {
		count->allocations--;
	}
	pthread_mutex_unlock(&tally->lock);
}

uint32_t realm_tally_count(struct realm_tally *tally, const char *realm)
{
	struct count *count;
	uint32_t allocations;

	pthread_mutex_lock(&tally->lock);
	count = *slot_of(tally, realm);
	allocations = count == NULL ? 0 : count->allocations;
	pthread_mutex_unlock(&tally->lock);
	return allocations;
}

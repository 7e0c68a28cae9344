/* SPDX-License-Identifier: Apache-2.0 */
#include "lookup_expiry.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define NOTE_LIFETIME_MS 30000

struct note {
	struct tp_five_tuple five_tuple; /* first */
	uint64_t ends_ms;
	uint64_t noted_ms;
	TAILQ_ENTRY(note) by_age;
	char user[];
};

TAILQ_HEAD(note_list, note);

struct lookup_expiry {
	struct tp_instance *self;
	size_t max;
	size_t count;
	void *tree;             /* tsearch(3) */
	struct note_list notes; /* oldest first */
};

static int compare(const void *left, const void *right)
{
	return memcmp(left, right, sizeof(struct tp_five_tuple));
}

struct lookup_expiry *lookup_expiry_create(struct tp_instance *self, size_t max)
{
	struct lookup_expiry *expiry = calloc(1, sizeof(*expiry));

	if (expiry != NULL) {
		expiry->self = self;
		expiry->max = max;
		TAILQ_INIT(&expiry->notes);
	}
	return expiry;
}

static void forget(struct lookup_expiry *expiry, struct note *note)
{
	tdelete(note, &expiry->tree, compare);
	TAILQ_REMOVE(&expiry->notes, note, by_age);
	expiry->count--;
	free(note);
}

void lookup_expiry_free(struct lookup_expiry **expiry)
{
	struct note *note;

	if (*expiry == NULL) {
		return;
	}
	while ((note = TAILQ_FIRST(&(*expiry)->notes)) != NULL) {
		forget(*expiry, note);
	}
	free(*expiry);
	*expiry = NULL;
}

static struct note *find(struct lookup_expiry *expiry, const struct tp_five_tuple *five_tuple)
{
	struct note **node = tfind(five_tuple, &expiry->tree, compare);

	return node == NULL ? NULL : *node;
}

static void make_room(struct lookup_expiry *expiry, uint64_t now_ms)
{
	struct note *oldest;

	while ((oldest = TAILQ_FIRST(&expiry->notes)) != NULL &&
	       (expiry->count >= expiry->max || now_ms - oldest->noted_ms > NOTE_LIFETIME_MS)) {
		forget(expiry, oldest);
	}
}

void lookup_expiry_note(struct lookup_expiry *expiry, const struct tp_five_tuple *five_tuple,
			const char *user, uint64_t ends_ms, uint64_t now_ms)
{
	struct note *note = find(expiry, five_tuple);

	if (note != NULL) {
		forget(expiry, note);
	}
	make_room(expiry, now_ms);
	note = calloc(1, sizeof(*note) + strlen(user) + 1);
	if (note == NULL) {
		return;
	}
	strcpy(note->user, user);
	note->five_tuple = *five_tuple;
	note->ends_ms = ends_ms;
	note->noted_ms = now_ms;
	if (tsearch(note, &expiry->tree, compare) == NULL) {
		free(note);
		return;
	}
	TAILQ_INSERT_TAIL(&expiry->notes, note, by_age);
	expiry->count++;
}

/* Without memory for it the allocation keeps its lifetime, and Refresh grants no more. */
static void attach(struct lookup_expiry *expiry, const struct tp_allocation_view *allocation,
		   uint64_t ends_ms)
{
	uint64_t *state = malloc(sizeof(*state));

	if (state == NULL) {
		return;
	}
	*state = ends_ms;
	if (tp_allocation_set_state(expiry->self, allocation, state, free) != 0) {
		free(state);
	}
}

void lookup_expiry_attach(struct lookup_expiry *expiry, const struct tp_allocation_view *allocation,
			  uint64_t now_ms)
{
	struct note *note = find(expiry, &allocation->five_tuple);
	uint64_t *state = tp_allocation_state(expiry->self, allocation);

	if (note == NULL) {
		return;
	}
	if (now_ms - note->noted_ms <= NOTE_LIFETIME_MS &&
	    strcmp(note->user, allocation->user) == 0) {
		if (state != NULL) {
			*state = note->ends_ms;
		} else {
			attach(expiry, allocation, note->ends_ms);
		}
	}
	forget(expiry, note);
}

uint64_t lookup_expiry_of(struct lookup_expiry *expiry, const struct tp_allocation_view *allocation)
{
	const uint64_t *state = tp_allocation_state(expiry->self, allocation);

	return state == NULL ? 0 : *state;
}

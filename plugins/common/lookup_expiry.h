/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/plugin.h>

/*
 * When the credentials end that an allocation was made with. Who supplies them knows
 * the five-tuple alone, the allocation comes later: in between there is a note, for
 * half a minute at the most.
 */
struct lookup_expiry;

/** @max: notes. NULL when out of memory. */
struct lookup_expiry *lookup_expiry_create(struct tp_instance *self, size_t max);
/** Sets the pointer to NULL; NULL inside is fine. */
void lookup_expiry_free(struct lookup_expiry **expiry);

/**
 * Credentials of a user were supplied on a five-tuple. Nothing is known yet of who
 * sent the request: the note is for an allocation of that user alone.
 *
 * @ends_ms: 0: they do not end
 */
void lookup_expiry_note(struct lookup_expiry *expiry, const struct tp_five_tuple *five_tuple,
			const char *user, uint64_t ends_ms, uint64_t now_ms);

/** An allocation is there, or refreshed: what was noted belongs to it from now on. */
void lookup_expiry_attach(struct lookup_expiry *expiry, const struct tp_allocation_view *allocation,
			  uint64_t now_ms);

/** When its credentials end; 0: not known that they do. */
uint64_t lookup_expiry_of(struct lookup_expiry *expiry,
			  const struct tp_allocation_view *allocation);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/counter.h>

#include "limits.h"

/*
 * What users and realms have and have had. One table for all workers and for the
 * generations of a reload, under a lock of its own; it holds no pointer to code.
 * When it is full, who has been without allocations for the longest is forgotten.
 * Thread of all functions: any.
 */
struct tally_table;
struct running; /* an allocation that is counted */

/* Whose. The user is @user_len bytes: part of a longer name, perhaps. */
struct tally_owner {
	const char *user;
	size_t user_len;
	const char *realm; /* NUL-terminated */
};

struct tally_time {
	uint64_t now_ms; /* monotonic */
	int64_t wall_s;
};

/* Limits of the user and of the realm; of the latter's, only what counts for many. */
struct tally_limits {
	const struct limits *user;
	const struct limits *realm;
};

enum tally_verdict {
	TALLY_FITS = 0,
	TALLY_ALLOCATIONS,
	TALLY_RATE,
	TALLY_DAY,
	TALLY_MONTH,
	TALLY_REALM_ALLOCATIONS,
	TALLY_REALM_RATE,
	TALLY_REALM_DAY,
	TALLY_REALM_MONTH,
	TALLY_FULL, /* no room to count one more, or no memory */
	TALLY_VERDICT_COUNT,
};

/* What the allocation may relay from now on; 0 is no limit. */
struct tally_share {
	uint64_t bits_per_s;
	uint64_t packets_per_s;
};

struct tally_used {
	uint64_t interval_ms;
	uint64_t bytes;        /* both directions together */
	uint64_t bytes_larger; /* of the direction with more */
};

/** @forgotten: counts owners whose traffic is forgotten. NULL when out of memory. Unref it. */
struct tally_table *tally_table_create(size_t max_owners, struct tp_counter *forgotten);
struct tally_table *tally_table_ref(struct tally_table *table);
/** NULL inside is fine. Sets the pointer to NULL. */
void tally_table_unref(struct tally_table **table);
/** A lower ceiling holds for who is new. */
void tally_table_set_max(struct tally_table *table, size_t max_owners);

/** May there be one more allocation? It is counted by running_begin(). */
enum tally_verdict tally_admit(struct tally_table *table, const struct tally_owner *owner,
			       const struct tally_limits *limits, const struct tally_time *time,
			       struct tally_share *share);

/**
 * Count an allocation that is there.
 *
 * @fits: false when it is one too many, because others were admitted at the same
 *        time; NULL for one that was never admitted, so that nothing limits it yet
 *
 * Returns NULL when there is no room or no memory. End it with running_end().
 */
struct running *running_begin(struct tally_table *table, const struct tally_owner *owner,
			      const struct tally_limits *limits, bool *fits);

/** NULL inside is fine. Sets the pointer to NULL. */
void running_end(struct running **running);

/**
 * Count what it has relayed.
 *
 * @share:   to be set from now on
 * @changed: it is another than before
 *
 * Returns TALLY_FITS or which amount of traffic is used up; this once for each allocation
 */
enum tally_verdict running_used(struct running *running, const struct tally_limits *limits,
				const struct tally_time *time, const struct tally_used *used,
				struct tally_share *share, bool *changed);

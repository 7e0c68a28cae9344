/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Counts the allocations of a realm per user and in all, over all workers. Behind a lock that
 * is taken when an allocation comes or goes and at no other time.
 */
struct tp_quota;
struct tp_quota_user; /* a user with at least one allocation */

/** Errors: NULL when out of memory. */
struct tp_quota *tp_quota_create(void);
/** Every allocation must have been given back. */
void tp_quota_free(struct tp_quota **quota);

/**
 * Take one allocation for a user.
 *
 * @max_of_user, @max_in_all: 0 for no limit
 *
 * Owner:  give @out back with tp_quota_give()
 * Thread: any
 *
 * Returns 0, or the error code for the client: 486 when the user has too many, 508 when there are
 * too many in all or memory is out (RFC 8656 section 7.2).
 */
uint16_t tp_quota_take(struct tp_quota *quota, const char *user, const char *realm,
		       uint32_t max_of_user, uint64_t max_in_all, struct tp_quota_user **out);

/** Thread: any. NULL inside is fine; sets the pointer to NULL. */
void tp_quota_give(struct tp_quota *quota, struct tp_quota_user **user);

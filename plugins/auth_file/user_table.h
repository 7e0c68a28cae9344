/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user.h"

/*
 * The users of one file. Filled by one thread, then read by any number of them
 * without a lock; shared by reference, so that a worker may still read one when
 * the next takes its place.
 */
struct user_table;

#define USERS_MAX 1000000
#define USERHASH_SIZE 32
#define USERHASH_REALMS_MAX 64 /* whose user hashes a table can find */

/** Errors: NULL when out of memory. */
struct user_table *user_table_create(void);

struct user_table *user_table_ref(struct user_table *table);
/** Wipes and frees with the last reference. Sets the pointer to NULL; NULL inside is fine. */
void user_table_unref(struct user_table **table);

/**
 * Add a user; takes over what is inside, also when it fails.
 *
 * @line: of the user of that name, when it is there already
 *
 * Errors: TP_EEXIST, TP_EFULL, TP_ENOMEM
 */
int user_table_add(struct user_table *table, struct user *user, unsigned *line);

size_t user_table_count(const struct user_table *table);

/** NULL: nobody. Owner: the table. */
const struct user *user_table_find(const struct user_table *table, const char *name);

/**
 * Compute the hash of every user, to be found by user_table_find_hash(). Takes
 * a second for a million users; does nothing when it was done before.
 *
 * Thread: any
 * Errors: TP_EFULL for too many realms, TP_ENOMEM, TP_EIO
 * RFC:    8489 section 14.4
 */
int user_table_hash(struct user_table *table, const char *realm);

/** Have the hashes for this realm been computed? */
bool user_table_is_hashed(const struct user_table *table, const char *realm);

/** NULL: nobody, or not yet hashed. Owner: the table. */
const struct user *user_table_find_hash(const struct user_table *table, const char *realm,
					const uint8_t userhash[USERHASH_SIZE]);

/** Compute for another table the hashes that this one has. Errors: as user_table_hash(). */
int user_table_hash_like(struct user_table *table, const struct user_table *other);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct user;

/*
 * Finds users by USERHASH: the SHA-256 of "name:realm" (RFC 8489 section 14.4).
 * Made for one realm and an array of users, and never changed.
 */
struct userhash_index;

/** Errors: TP_ENOMEM, TP_EIO when the library refuses. */
int userhash_index_create(const struct user *users, size_t count, const char *realm,
			  struct userhash_index **out);

/** Sets the pointer to NULL; NULL inside is fine. */
void userhash_index_free(struct userhash_index **index);

const char *userhash_index_realm(const struct userhash_index *index);

/**
 * @users:    the array that the index was made for
 * @userhash: 32 bytes
 *
 * Returns NULL for nobody.
 */
const struct user *userhash_index_find(const struct userhash_index *index, const struct user *users,
				       const uint8_t *userhash);

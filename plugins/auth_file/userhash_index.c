/* SPDX-License-Identifier: Apache-2.0 */
#include "userhash_index.h"

#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <turnpike/error.h>

#include "user.h"

#define HASH_SIZE 32

struct slot {
	uint8_t userhash[HASH_SIZE];
	uint32_t user; /* index + 1; 0 for free */
};

struct userhash_index {
	char *realm;
	struct slot *slots; /* open addressing */
	size_t slot_count;  /* a power of two, at least twice the users */
};

void userhash_index_free(struct userhash_index **index)
{
	if (*index != NULL) {
		free((*index)->realm);
		free((*index)->slots);
		free(*index);
	}
	*index = NULL;
}

const char *userhash_index_realm(const struct userhash_index *index)
{
	return index->realm;
}

static struct slot *probe(const struct userhash_index *index, const uint8_t *userhash)
{
	uint64_t at;

	memcpy(&at, userhash, sizeof(at));
	for (;; at++) {
		struct slot *slot = &index->slots[at & (index->slot_count - 1)];

		if (slot->user == 0 || memcmp(slot->userhash, userhash, HASH_SIZE) == 0) {
			return slot;
		}
	}
}

static int hash_user(const char *name, const char *realm, uint8_t out[HASH_SIZE])
{
	gnutls_hash_hd_t hash;

	if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) < 0) {
		return TP_EIO;
	}
	gnutls_hash(hash, name, strlen(name));
	gnutls_hash(hash, ":", 1);
	gnutls_hash(hash, realm, strlen(realm));
	gnutls_hash_deinit(hash, out);
	return 0;
}

static int fill(struct userhash_index *index, const struct user *users, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint8_t userhash[HASH_SIZE];
		int err = hash_user(users[i].name, index->realm, userhash);
		struct slot *slot;

		if (err != 0) {
			return err;
		}
		slot = probe(index, userhash);
		memcpy(slot->userhash, userhash, HASH_SIZE);
		slot->user = (uint32_t)i + 1;
	}
	return 0;
}

int userhash_index_create(const struct user *users, size_t count, const char *realm,
			  struct userhash_index **out)
{
	struct userhash_index *index = calloc(1, sizeof(*index));
	int err = TP_ENOMEM;

	if (index == NULL) {
		return TP_ENOMEM;
	}
	index->slot_count = 2;
	while (index->slot_count < count * 2) {
		index->slot_count *= 2;
	}
	index->realm = strdup(realm);
	index->slots = calloc(index->slot_count, sizeof(*index->slots));
	if (index->realm != NULL && index->slots != NULL) {
		err = fill(index, users, count);
	}
	if (err != 0) {
		userhash_index_free(&index);
		return err;
	}
	*out = index;
	return 0;
}

const struct user *userhash_index_find(const struct userhash_index *index, const struct user *users,
				       const uint8_t *userhash)
{
	const struct slot *slot = probe(index, userhash);

	return slot->user == 0 ? NULL : &users[slot->user - 1];
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "user_table.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <turnpike/error.h>

#include "userhash_index.h"

#define SLOTS_MIN 16

struct user_table {
	_Atomic unsigned references;
	struct user *users;
	size_t count;
	size_t room;
	uint32_t *slots;   /* open addressing: index + 1 into users, 0 for free */
	size_t slot_count; /* a power of two, at least twice the users */
	uint64_t seed;     /* so that nobody can choose names that collide */
	pthread_mutex_t hashing;
	_Atomic(struct userhash_index *) hashed[USERHASH_REALMS_MAX]; /* never changes once set */
};

/* --- life -------------------------------------------------------------------------- */

static void table_free(struct user_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		user_fini(&table->users[i]);
	}
	for (size_t i = 0; i < USERHASH_REALMS_MAX; i++) {
		struct userhash_index *index = atomic_load(&table->hashed[i]);

		userhash_index_free(&index);
	}
	pthread_mutex_destroy(&table->hashing);
	free(table->users);
	free(table->slots);
	free(table);
}

struct user_table *user_table_create(void)
{
	struct user_table *table = calloc(1, sizeof(*table));

	if (table == NULL) {
		return NULL;
	}
	table->references = 1;
	table->slot_count = SLOTS_MIN;
	table->slots = calloc(SLOTS_MIN, sizeof(*table->slots));
	pthread_mutex_init(&table->hashing, NULL);
	if (table->slots == NULL ||
	    gnutls_rnd(GNUTLS_RND_NONCE, &table->seed, sizeof(table->seed)) < 0) {
		user_table_unref(&table);
	}
	return table;
}

struct user_table *user_table_ref(struct user_table *table)
{
	atomic_fetch_add(&table->references, 1);
	return table;
}

void user_table_unref(struct user_table **table)
{
	if (*table != NULL && atomic_fetch_sub(&(*table)->references, 1) == 1) {
		table_free(*table);
	}
	*table = NULL;
}

/* --- by name ------------------------------------------------------------------------ */

static size_t slot_of_name(const struct user_table *table, const char *name)
{
	uint64_t hash = table->seed;

	for (; *name != '\0'; name++) {
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return (size_t)hash & (table->slot_count - 1);
}

/* The slot that holds the name, or the free one where it belongs. */
static uint32_t *probe(const struct user_table *table, const char *name)
{
	size_t slot = slot_of_name(table, name);

	while (table->slots[slot] != 0 &&
	       strcmp(table->users[table->slots[slot] - 1].name, name) != 0) {
		slot = (slot + 1) & (table->slot_count - 1);
	}
	return &table->slots[slot];
}

const struct user *user_table_find(const struct user_table *table, const char *name)
{
	uint32_t index = *probe(table, name);

	return index == 0 ? NULL : &table->users[index - 1];
}

size_t user_table_count(const struct user_table *table)
{
	return table->count;
}

/* --- filling ------------------------------------------------------------------------ */

static int grow_users(struct user_table *table)
{
	size_t room = table->room == 0 ? SLOTS_MIN : table->room * 2;
	struct user *users = calloc(room, sizeof(*users));

	if (users == NULL) {
		return TP_ENOMEM;
	}
	if (table->count > 0) {
		memcpy(users, table->users, table->count * sizeof(*users));
		gnutls_memset(table->users, 0, table->count * sizeof(*users));
	}
	free(table->users);
	table->users = users;
	table->room = room;
	return 0;
}

static int grow_slots(struct user_table *table)
{
	size_t slot_count = table->slot_count * 2;
	uint32_t *slots = calloc(slot_count, sizeof(*slots));

	if (slots == NULL) {
		return TP_ENOMEM;
	}
	free(table->slots);
	table->slots = slots;
	table->slot_count = slot_count;
	for (size_t i = 0; i < table->count; i++) {
		*probe(table, table->users[i].name) = (uint32_t)i + 1;
	}
	return 0;
}

static int make_room(struct user_table *table)
{
	int err = 0;

	if (table->count == USERS_MAX) {
		return TP_EFULL;
	}
	if (table->count == table->room) {
		err = grow_users(table);
	}
	if (err == 0 && (table->count + 1) * 2 > table->slot_count) {
		err = grow_slots(table);
	}
	return err;
}

int user_table_add(struct user_table *table, struct user *user, unsigned *line)
{
	const struct user *there = user_table_find(table, user->name);
	int err = there == NULL ? make_room(table) : TP_EEXIST;

	if (err != 0) {
		*line = there == NULL ? 0 : there->line;
		user_fini(user);
		return err;
	}
	table->users[table->count] = *user;
	*probe(table, user->name) = (uint32_t)++table->count;
	gnutls_memset(user, 0, sizeof(*user));
	return 0;
}

/* --- by hash ------------------------------------------------------------------------ */

static const struct userhash_index *find_index(const struct user_table *table, const char *realm)
{
	for (size_t i = 0; i < USERHASH_REALMS_MAX; i++) {
		const struct userhash_index *index = atomic_load(&table->hashed[i]);

		if (index == NULL || strcmp(userhash_index_realm(index), realm) == 0) {
			return index; /* they fill up from the first */
		}
	}
	return NULL;
}

static int add_index(struct user_table *table, const char *realm)
{
	struct userhash_index *index;
	size_t i = 0;
	int err;

	while (i < USERHASH_REALMS_MAX && atomic_load(&table->hashed[i]) != NULL) {
		i++;
	}
	if (i == USERHASH_REALMS_MAX) {
		return TP_EFULL;
	}
	err = userhash_index_create(table->users, table->count, realm, &index);
	if (err == 0) {
		atomic_store(&table->hashed[i], index);
	}
	return err;
}

int user_table_hash(struct user_table *table, const char *realm)
{
	int err;

	pthread_mutex_lock(&table->hashing);
	err = find_index(table, realm) == NULL ? add_index(table, realm) : 0;
	pthread_mutex_unlock(&table->hashing);
	return err;
}

bool user_table_is_hashed(const struct user_table *table, const char *realm)
{
	return find_index(table, realm) != NULL;
}

const struct user *user_table_find_hash(const struct user_table *table, const char *realm,
					const uint8_t userhash[USERHASH_SIZE])
{
	const struct userhash_index *index = find_index(table, realm);

	return index == NULL ? NULL : userhash_index_find(index, table->users, userhash);
}

int user_table_hash_like(struct user_table *table, const struct user_table *other)
{
	int err = 0;

	for (size_t i = 0; i < USERHASH_REALMS_MAX && err == 0; i++) {
		const struct userhash_index *index = atomic_load(&other->hashed[i]);

		if (index != NULL) {
			err = user_table_hash(table, userhash_index_realm(index));
		}
	}
	return err;
}

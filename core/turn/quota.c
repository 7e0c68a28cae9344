/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/quota.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/map.h"
#include "stun/integrity.h"

struct tp_quota_user {
	uint8_t hash[TP_USERHASH_SIZE]; /* of user and realm: a key of fixed size */
	uint64_t allocations;
};

struct tp_quota {
	pthread_mutex_t lock;
	struct tp_map users; /* by hash */
	uint64_t allocations;
};

struct tp_quota *tp_quota_create(void)
{
	struct tp_quota *quota = calloc(1, sizeof(*quota));

	if (quota == NULL) {
		return NULL;
	}
	pthread_mutex_init(&quota->lock, NULL);
	tp_map_init(&quota->users, TP_USERHASH_SIZE, 0);
	return quota;
}

void tp_quota_free(struct tp_quota **quota)
{
	if (*quota == NULL) {
		return;
	}
	tp_assert((*quota)->allocations == 0);
	tp_map_fini(&(*quota)->users);
	pthread_mutex_destroy(&(*quota)->lock);
	free(*quota);
	*quota = NULL;
}

static struct tp_quota_user *user_find_or_add(struct tp_quota *quota, const uint8_t *hash)
{
	struct tp_quota_user *user = tp_map_find(&quota->users, hash);

	if (user != NULL) {
		return user;
	}
	user = calloc(1, sizeof(*user));
	if (user == NULL) {
		return NULL;
	}
	memcpy(user->hash, hash, sizeof(user->hash));
	if (tp_map_insert(&quota->users, user->hash, user) != 0) {
		free(user);
		return NULL;
	}
	return user;
}

static void user_drop_if_idle(struct tp_quota *quota, struct tp_quota_user *user)
{
	if (user->allocations == 0) {
		tp_map_remove(&quota->users, user->hash);
		free(user);
	}
}

static uint16_t take_locked(struct tp_quota *quota, const uint8_t *hash, uint32_t max_of_user,
			    uint64_t max_in_all, struct tp_quota_user **out)
{
	struct tp_quota_user *user;

	if (max_in_all != 0 && quota->allocations >= max_in_all) {
		return 508;
	}
	user = user_find_or_add(quota, hash);
	if (user == NULL) {
		return 508;
	}
	if (max_of_user != 0 && user->allocations >= max_of_user) {
		user_drop_if_idle(quota, user);
		return 486;
	}
	user->allocations++;
	quota->allocations++;
	*out = user;
	return 0;
}

uint16_t tp_quota_take(struct tp_quota *quota, const char *user, const char *realm,
		       uint32_t max_of_user, uint64_t max_in_all, struct tp_quota_user **out)
{
	uint8_t hash[TP_USERHASH_SIZE];
	uint16_t code;

	if (tp_userhash(hash, user, realm) != 0) {
		return 508;
	}
	pthread_mutex_lock(&quota->lock);
	code = take_locked(quota, hash, max_of_user, max_in_all, out);
	pthread_mutex_unlock(&quota->lock);
	return code;
}

void tp_quota_give(struct tp_quota *quota, struct tp_quota_user **user)
{
	if (*user == NULL) {
		return;
	}
	pthread_mutex_lock(&quota->lock);
	(*user)->allocations--;
	quota->allocations--;
	user_drop_if_idle(quota, *user);
	pthread_mutex_unlock(&quota->lock);
	*user = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/service.h"

#include <pthread.h>

#include <turnpike/error.h>

/* Held for reading during a call, so that what is called cannot end meanwhile. */
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static const struct tp_allocation_service *service;

void tp_allocation_service_set(const struct tp_allocation_service *given)
{
	pthread_rwlock_wrlock(&lock);
	service = given;
	pthread_rwlock_unlock(&lock);
}

/* --- turnpike/allocation.h ---------------------------------------------------------- */

int tp_allocation_limit(uint64_t id, const struct tp_limits *limits)
{
	struct tp_limits copy;
	int err = TP_ESHUTDOWN;

	if (limits == NULL || limits->size < sizeof(copy)) {
		return TP_EINVAL;
	}
	copy = *limits;
	copy.size = sizeof(copy);
	pthread_rwlock_rdlock(&lock);
	if (service != NULL) {
		err = service->limit(service->owner, id, &copy);
	}
	pthread_rwlock_unlock(&lock);
	return err;
}

int tp_allocation_kill(uint64_t id)
{
	int err = TP_ESHUTDOWN;

	pthread_rwlock_rdlock(&lock);
	if (service != NULL) {
		err = service->kill(service->owner, id);
	}
	pthread_rwlock_unlock(&lock);
	return err;
}

int tp_user_kill(const char *user, const char *realm)
{
	int err = TP_ESHUTDOWN;

	if (user == NULL) {
		return TP_EINVAL;
	}
	pthread_rwlock_rdlock(&lock);
	if (service != NULL) {
		err = service->kill_user(service->owner, user, realm);
	}
	pthread_rwlock_unlock(&lock);
	return err;
}

const struct tp_client_view *tp_client_of(const struct tp_five_tuple *five_tuple)
{
	const struct tp_client_view *client = NULL;

	pthread_rwlock_rdlock(&lock);
	if (service != NULL) {
		client = service->client_of(service->owner, five_tuple);
	}
	pthread_rwlock_unlock(&lock);
	return client;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include <turnpike/plugin.h>

#include "realm_policy.h"

/*
 * Applies to requests what realm_policy.h says: time-limited names, peers, quotas.
 * One for an instance; the policy is replaced whenever it has been read anew. Until
 * the first one is there, what depends on it is answered with 500.
 *
 * The instance has the options of realm_options.h, and strict_expiry of
 * lookup_options.h. Thread, where nothing else is said: any worker's, inside the
 * handler.
 */
struct realm_guard;

/* What of the policy is there to be read at all. */
struct realm_guard_parts {
	bool secrets;
	bool peers;
	bool limits;
};

/** Thread: main, in create. Errors: TP_EINVAL, TP_ENOMEM, after tp_instance_fail() */
int realm_guard_create(struct tp_instance *self, struct realm_guard_parts parts,
		       struct realm_guard **out);
/** NULL inside is fine. Sets the pointer to NULL. Thread: main. */
void realm_guard_free(struct realm_guard **guard);
/** Count on where @previous did, with its policy for the beginning. Thread: main, in adopt. */
void realm_guard_adopt(struct realm_guard *guard, struct realm_guard *previous);

/** @policy: the guard takes over the caller's reference. Thread: any. */
void realm_guard_publish(struct realm_guard *guard, struct realm_policy *policy);

/**
 * Answer for a time-limited name. Returns false for another one, which is to be
 * looked up.
 */
bool realm_guard_authorize(struct realm_guard *guard, struct tp_request *request,
			   const struct tp_request_authorization *event, enum tp_verdict *verdict);

/** Put the realm's limits where the user has none. Thread: any. */
void realm_guard_limit(struct realm_guard *guard, const char *realm,
		       struct tp_credentials *credentials);

enum tp_verdict realm_guard_before_allocate(struct realm_guard *guard, struct tp_request *request,
					    const struct tp_before_allocate *event);
enum tp_verdict realm_guard_before_permission(struct realm_guard *guard, struct tp_request *request,
					      const struct tp_before_permission *event);
enum tp_verdict realm_guard_before_refresh(struct realm_guard *guard, struct tp_request *request,
					   const struct tp_before_refresh *event);
void realm_guard_create_allocation(struct realm_guard *guard,
				   const struct tp_create_allocation *event);
void realm_guard_delete_allocation(struct realm_guard *guard,
				   const struct tp_delete_allocation *event);

/* SPDX-License-Identifier: Apache-2.0 */
#include "realm_guard.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "realm_tally.h"
#include "rest_name.h"

#define METHOD_ALLOCATE 0x003
#define VALID_FOR_S 600 /* so long an allocation outlives a secret that was taken back */

_Static_assert(REALM_POLICY_SECRETS_MAX == 1 + TP_MORE_PASSWORDS_MAX, "one answer carries all");

struct realm_guard {
	struct realm_guard_parts parts;
	char separator;
	bool strict;
	struct realm_tally *tally;
	struct tp_counter *peers_refused;
	struct tp_counter *quota_refused;
	struct tp_counter *unread;
	pthread_mutex_t lock;
	struct realm_policy *policy; /* under the lock; NULL: not read yet */
};

/* --- policy -------------------------------------------------------------------------- */

/* To be unreffed; NULL: none yet. */
static struct realm_policy *current(struct realm_guard *guard)
{
	struct realm_policy *policy;

	pthread_mutex_lock(&guard->lock);
	policy = guard->policy == NULL ? NULL : realm_policy_ref(guard->policy);
	pthread_mutex_unlock(&guard->lock);
	return policy;
}

void realm_guard_publish(struct realm_guard *guard, struct realm_policy *policy)
{
	struct realm_policy *old;

	pthread_mutex_lock(&guard->lock);
	old = guard->policy;
	guard->policy = policy;
	pthread_mutex_unlock(&guard->lock);
	realm_policy_unref(&old);
}

static enum tp_verdict not_read_yet(struct realm_guard *guard, struct tp_request *request)
{
	tp_counter_add(guard->unread, 1);
	return tp_request_deny(request, 500, NULL);
}

/* --- time-limited names -------------------------------------------------------------- */

static enum tp_verdict provide(struct realm_guard *guard, struct tp_request *request,
			       const struct tp_request_authorization *event,
			       const char *const *secrets, size_t count, int64_t left_s)
{
	char passwords[REALM_POLICY_SECRETS_MAX][REST_PASSWORD_SIZE];
	const char *more[TP_MORE_PASSWORDS_MAX];
	uint32_t left = left_s > UINT32_MAX ? UINT32_MAX : (uint32_t)left_s;
	struct tp_credentials credentials = {
		.size = sizeof(credentials),
		.password = passwords[0],
		.valid_for_s = guard->strict && left < VALID_FOR_S ? left : VALID_FOR_S,
		.max_lifetime_s = guard->strict ? left : 0,
		.more_passwords = more,
		.more_password_count = count - 1,
	};
	enum tp_verdict verdict = TP_DENY;
	bool made = true;

	for (size_t i = 0; i < count && made; i++) {
		made = rest_name_password(event->username, secrets[i], passwords[i]);
		if (i > 0) {
			more[i - 1] = passwords[i];
		}
	}
	realm_guard_limit(guard, event->realm, &credentials);
	verdict = made ? tp_request_provide(request, &credentials)
		       : tp_request_deny(request, 500, NULL);
	explicit_bzero(passwords, sizeof(passwords));
	return verdict;
}

/* Section 4.2 of the draft: unless it is strict, the time counts for Allocate alone. */
static bool is_current(const struct realm_guard *guard,
		       const struct tp_request_authorization *event, int64_t left_s)
{
	return left_s > 0 || (!guard->strict && event->method != METHOD_ALLOCATE);
}

bool realm_guard_authorize(struct realm_guard *guard, struct tp_request *request,
			   const struct tp_request_authorization *event, enum tp_verdict *verdict)
{
	const char *secrets[REALM_POLICY_SECRETS_MAX];
	struct realm_policy *policy;
	int64_t expiry;
	int64_t left_s;
	size_t count;

	if (!guard->parts.secrets || event->username == NULL) {
		return false;
	}
	expiry = rest_name_expiry(event->username, guard->separator);
	left_s = expiry - tp_worker_wall_s(tp_worker_current());
	if (expiry < 0 || !is_current(guard, event, left_s)) {
		return false;
	}
	policy = current(guard);
	if (policy == NULL) {
		*verdict = not_read_yet(guard, request);
		return true;
	}
	count = realm_policy_secrets(policy, event->realm, secrets);
	if (count > 0) {
		*verdict = provide(guard, request, event, secrets, count, left_s);
	}
	realm_policy_unref(&policy);
	return count > 0;
}

/*
 * Was the name time-limited, and how long is it good? A name that had expired
 * before its allocation was made is that of a user whose name is a number.
 */
static bool left_of(struct realm_guard *guard, const struct tp_allocation_view *allocation,
		    int64_t *left_s)
{
	struct tp_worker *worker = tp_worker_current();
	int64_t age_s = (int64_t)((tp_worker_now_ms(worker) - allocation->created_ms) / 1000);
	const char *secrets[REALM_POLICY_SECRETS_MAX];
	struct realm_policy *policy = current(guard);
	int64_t expiry = rest_name_expiry(allocation->user, guard->separator);
	bool limited = policy != NULL && expiry >= 0 &&
		       realm_policy_secrets(policy, allocation->realm, secrets) > 0;

	*left_s = expiry - tp_worker_wall_s(worker);
	realm_policy_unref(&policy);
	return limited && *left_s + age_s > 0;
}

enum tp_verdict realm_guard_before_refresh(struct realm_guard *guard, struct tp_request *request,
					   const struct tp_before_refresh *event)
{
	int64_t left_s;

	if (!guard->strict || !guard->parts.secrets || event->lifetime_s == 0 ||
	    !left_of(guard, event->allocation, &left_s)) {
		return TP_PASS;
	}
	if (left_s <= 0) {
		return tp_request_deny(request, 401, NULL);
	}
	if (left_s < event->lifetime_s) {
		tp_request_shorten_lifetime(request, (uint32_t)left_s);
	}
	return TP_PASS;
}

/* --- limits and peers ---------------------------------------------------------------- */

void realm_guard_limit(struct realm_guard *guard, const char *realm,
		       struct tp_credentials *credentials)
{
	struct realm_policy *policy = current(guard);
	struct realm_limits limits;

	if (policy == NULL) {
		return;
	}
	limits = realm_policy_limits(policy, realm);
	if (credentials->max_allocations == 0) {
		credentials->max_allocations = limits.user_quota;
	}
	if (credentials->max_bits_per_s == 0) {
		credentials->max_bits_per_s = limits.max_bits_per_s;
	}
	realm_policy_unref(&policy);
}

enum tp_verdict realm_guard_before_allocate(struct realm_guard *guard, struct tp_request *request,
					    const struct tp_before_allocate *event)
{
	struct realm_policy *policy;
	uint32_t quota;

	if (!guard->parts.limits) {
		return TP_PASS;
	}
	policy = current(guard);
	if (policy == NULL) {
		return not_read_yet(guard, request);
	}
	quota = realm_policy_limits(policy, event->realm).total_quota;
	realm_policy_unref(&policy);
	if (quota == 0 || realm_tally_count(guard->tally, event->realm) < quota) {
		return TP_PASS;
	}
	tp_counter_add(guard->quota_refused, 1);
	return tp_request_deny(request, 486, NULL);
}

enum tp_verdict realm_guard_before_permission(struct realm_guard *guard, struct tp_request *request,
					      const struct tp_before_permission *event)
{
	struct realm_policy *policy;
	bool permitted;

	if (!guard->parts.peers) {
		return TP_PASS;
	}
	policy = current(guard);
	if (policy == NULL) {
		return not_read_yet(guard, request);
	}
	permitted = realm_policy_permits(policy, event->allocation->realm, event->peer_addr);
	realm_policy_unref(&policy);
	if (permitted) {
		return TP_PASS;
	}
	tp_counter_add(guard->peers_refused, 1);
	return tp_request_deny(request, 403, NULL);
}

void realm_guard_create_allocation(struct realm_guard *guard,
				   const struct tp_create_allocation *event)
{
	realm_tally_add(guard->tally, event->allocation->realm);
}

void realm_guard_delete_allocation(struct realm_guard *guard,
				   const struct tp_delete_allocation *event)
{
	realm_tally_remove(guard->tally, event->allocation->realm);
}

/* --- life ---------------------------------------------------------------------------- */

int realm_guard_create(struct tp_instance *self, struct realm_guard_parts parts,
		       struct realm_guard **out)
{
	const char *separator = tp_option_string(self, "separator");
	struct realm_guard *guard;

	*out = NULL;
	if (strlen(separator) != 1 || isalnum((unsigned char)separator[0])) {
		return tp_instance_fail(self, TP_EINVAL,
					"separator: must be one character, no letter or digit");
	}
	guard = calloc(1, sizeof(*guard));
	if (guard == NULL || (guard->tally = realm_tally_create()) == NULL) {
		free(guard);
		return tp_instance_fail(self, TP_ENOMEM, "out of memory");
	}
	guard->parts = parts;
	guard->separator = separator[0];
	guard->strict = tp_option_bool(self, "strict_expiry");
	guard->peers_refused = tp_counter_create(self, "peers_refused", "peers that are denied");
	guard->quota_refused =
		tp_counter_create(self, "quota_refused", "allocations beyond a realm's quota");
	guard->unread = tp_counter_create(self, "policy_unread",
					  "requests before secrets, peers and limits were read");
	pthread_mutex_init(&guard->lock, NULL);
	*out = guard;
	return 0;
}

void realm_guard_free(struct realm_guard **guard)
{
	if (*guard != NULL) {
		realm_policy_unref(&(*guard)->policy);
		realm_tally_unref(&(*guard)->tally);
		pthread_mutex_destroy(&(*guard)->lock);
		free(*guard);
	}
	*guard = NULL;
}

void realm_guard_adopt(struct realm_guard *guard, struct realm_guard *previous)
{
	struct realm_policy *policy = current(previous);

	realm_tally_unref(&guard->tally);
	guard->tally = realm_tally_ref(previous->tally);
	if (guard->policy == NULL) {
		realm_guard_publish(guard, policy);
	} else {
		realm_policy_unref(&policy);
	}
}

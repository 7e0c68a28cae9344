/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>

/*
 * What a data base says of realms, in coturn's terms: secrets for time-limited
 * names, peers that are allowed and denied, limits. Filled by one thread, then
 * shared and read by any number of them.
 */
struct realm_policy;

#define REALM_POLICY_REALMS_MAX 256
#define REALM_POLICY_RANGES_MAX 20000 /* of all realms */
#define REALM_POLICY_SECRETS_MAX 9    /* of one realm: what one answer can carry */
#define REALM_POLICY_SECRET_LEN_MAX 1024

struct realm_limits {
	uint64_t max_bits_per_s; /* of each allocation and direction; 0: no limit */
	uint32_t total_quota;    /* allocations in the realm; 0: no limit */
	uint32_t user_quota;     /* allocations of a user; 0: no limit */
};

/** NULL when out of memory. Unref it. */
struct realm_policy *realm_policy_create(void);
/** Thread: any. */
struct realm_policy *realm_policy_ref(struct realm_policy *policy);
/** The last one wipes the secrets. NULL inside is fine. Sets the pointer to NULL. Thread: any. */
void realm_policy_unref(struct realm_policy **policy);

/*
 * Filling. The realm "" is every realm. Errors: TP_EINVAL for text that is not
 * what it should be, TP_EFULL at a ceiling, TP_ENOMEM.
 */

int realm_policy_add_secret(struct realm_policy *policy, const char *realm, const char *secret);

/** @range: "192.0.2.1", "192.0.2.1-192.0.2.9" or "192.0.2.0/24"; the same for IPv6 */
int realm_policy_add_range(struct realm_policy *policy, const char *realm, bool allow,
			   const char *range);

/**
 * @name:  "max-bps" (bytes a second, as coturn has it), "total-quota" or
 *         "user-quota"; another one is passed over
 * @value: decimal
 */
int realm_policy_set_option(struct realm_policy *policy, const char *realm, const char *name,
			    const char *value);

/**
 * May a peer be reached? One that is allowed may, whatever denies it; without
 * either it may. An IPv4 address inside an IPv6 one (mapped, compatible, NAT64,
 * 6to4) must pass as well.
 */
bool realm_policy_permits(const struct realm_policy *policy, const char *realm,
			  const struct tp_addr *peer_addr);

/** Those of the realm, then those of every realm. Owner: the policy. Returns how many. */
size_t realm_policy_secrets(const struct realm_policy *policy, const char *realm,
			    const char *out[REALM_POLICY_SECRETS_MAX]);

/** What the realm does not say is that of every realm. */
struct realm_limits realm_policy_limits(const struct realm_policy *policy, const char *realm);

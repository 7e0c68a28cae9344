/* SPDX-License-Identifier: Apache-2.0 */
#include "realm_policy.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

/* Both ends belong to it. */
struct range {
	uint8_t family;
	uint8_t first[16];
	uint8_t last[16];
};

struct range_list {
	struct range *ranges;
	size_t count;
	size_t room;
};

struct realm {
	struct realm *next;
	char *name;
	char *secrets[REALM_POLICY_SECRETS_MAX];
	size_t secret_count;
	struct range_list allowed;
	struct range_list denied;
	struct realm_limits limits;
};

struct realm_policy {
	atomic_size_t refs;
	struct realm *realms;
	size_t realm_count;
	size_t range_count;
};

/* --- life ---------------------------------------------------------------------------- */

struct realm_policy *realm_policy_create(void)
{
	struct realm_policy *policy = calloc(1, sizeof(*policy));

	if (policy != NULL) {
		atomic_init(&policy->refs, 1);
	}
	return policy;
}

struct realm_policy *realm_policy_ref(struct realm_policy *policy)
{
	atomic_fetch_add(&policy->refs, 1);
	return policy;
}

static void realm_free(struct realm *realm)
{
	for (size_t i = 0; i < realm->secret_count; i++) {
		explicit_bzero(realm->secrets[i], strlen(realm->secrets[i]));
		free(realm->secrets[i]);
	}
	free(realm->allowed.ranges);
	free(realm->denied.ranges);
	free(realm->name);
	free(realm);
}

void realm_policy_unref(struct realm_policy **policy)
{
	struct realm_policy *gone = *policy;

	*policy = NULL;
	if (gone == NULL || atomic_fetch_sub(&gone->refs, 1) != 1) {
		return;
	}
	while (gone->realms != NULL) {
		struct realm *realm = gone->realms;

		gone->realms = realm->next;
		realm_free(realm);
	}
	free(gone);
}

/* --- filling ------------------------------------------------------------------------- */

static struct realm *find(const struct realm_policy *policy, const char *name)
{
	struct realm *realm = policy->realms;

	while (realm != NULL && strcmp(realm->name, name) != 0) {
		realm = realm->next;
	}
	return realm;
}

static int find_or_add(struct realm_policy *policy, const char *name, struct realm **out)
{
	struct realm *realm = find(policy, name);

	*out = realm;
	if (realm != NULL) {
		return 0;
	}
	if (policy->realm_count == REALM_POLICY_REALMS_MAX) {
		return TP_EFULL;
	}
	realm = calloc(1, sizeof(*realm));
	if (realm == NULL) {
		return TP_ENOMEM;
	}
	realm->name = strdup(name);
	if (realm->name == NULL) {
		free(realm);
		return TP_ENOMEM;
	}
	realm->next = policy->realms;
	policy->realms = realm;
	policy->realm_count++;
	*out = realm;
	return 0;
}

int realm_policy_add_secret(struct realm_policy *policy, const char *realm, const char *secret)
{
	size_t len = strlen(secret);
	struct realm *owner;
	int err = find_or_add(policy, realm, &owner);

	if (err != 0) {
		return err;
	}
	if (len == 0 || len > REALM_POLICY_SECRET_LEN_MAX) {
		return TP_EINVAL;
	}
	if (owner->secret_count == REALM_POLICY_SECRETS_MAX) {
		return TP_EFULL;
	}
	owner->secrets[owner->secret_count] = strdup(secret);
	if (owner->secrets[owner->secret_count] == NULL) {
		return TP_ENOMEM;
	}
	owner->secret_count++;
	return 0;
}

/* One address, a port behind it is none of it. */
static bool parse_addr(const char *text, size_t len, struct tp_addr *out)
{
	char copy[TP_ADDR_STRING];

	if (len >= sizeof(copy)) {
		return false;
	}
	memcpy(copy, text, len);
	copy[len] = '\0';
	return tp_addr_parse(copy, out) == 0 && out->port == 0 && out->scope_id == 0;
}

static bool parse_prefix(const char *text, const struct tp_addr *addr, struct range *range)
{
	unsigned bits = addr->family == TP_FAMILY_IPV4 ? 32 : 128;
	unsigned long len;
	char *end;

	errno = 0;
	len = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || len > bits) {
		return false;
	}
	for (unsigned bit = (unsigned)len; bit < bits; bit++) {
		uint8_t mask = (uint8_t)(0x80u >> (bit % 8));

		range->first[bit / 8] &= (uint8_t)~mask;
		range->last[bit / 8] |= mask;
	}
	return true;
}

static bool parse_range(const char *text, struct range *range)
{
	size_t len = strcspn(text, "-/");
	struct tp_addr first;
	struct tp_addr last;

	if (!parse_addr(text, len, &first)) {
		return false;
	}
	range->family = first.family;
	memcpy(range->first, first.bytes, sizeof(range->first));
	memcpy(range->last, first.bytes, sizeof(range->last));
	if (text[len] == '/') {
		return parse_prefix(text + len + 1, &first, range);
	}
	if (text[len] == '-') {
		if (!parse_addr(text + len + 1, strlen(text + len + 1), &last) ||
		    last.family != first.family) {
			return false;
		}
		memcpy(range->last, last.bytes, sizeof(range->last));
	}
	return memcmp(range->first, range->last, sizeof(range->first)) <= 0;
}

static int append(struct range_list *list, const struct range *range)
{
	if (list->count == list->room) {
		size_t room = list->room == 0 ? 16 : list->room * 2;
		struct range *ranges = realloc(list->ranges, room * sizeof(*ranges));

		if (ranges == NULL) {
			return TP_ENOMEM;
		}
		list->ranges = ranges;
		list->room = room;
	}
	list->ranges[list->count++] = *range;
	return 0;
}

int realm_policy_add_range(struct realm_policy *policy, const char *realm, bool allow,
			   const char *text)
{
	struct realm *owner;
	struct range range;
	int err;

	if (!parse_range(text, &range)) {
		return TP_EINVAL;
	}
	if (policy->range_count == REALM_POLICY_RANGES_MAX) {
		return TP_EFULL;
	}
	err = find_or_add(policy, realm, &owner);
	if (err == 0) {
		err = append(allow ? &owner->allowed : &owner->denied, &range);
	}
	policy->range_count += err == 0 ? 1 : 0;
	return err;
}

static bool parse_number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *out <= max;
}

int realm_policy_set_option(struct realm_policy *policy, const char *realm, const char *name,
			    const char *value)
{
	bool is_bps = strcmp(name, "max-bps") == 0;
	bool is_total = strcmp(name, "total-quota") == 0;
	struct realm *owner;
	uint64_t number;
	int err;

	if (!is_bps && !is_total && strcmp(name, "user-quota") != 0) {
		return 0;
	}
	if (!parse_number(value, is_bps ? UINT64_MAX / 8 : UINT32_MAX, &number)) {
		return TP_EINVAL;
	}
	err = find_or_add(policy, realm, &owner);
	if (err != 0) {
		return err;
	}
	if (is_bps) {
		owner->limits.max_bits_per_s = number * 8;
	} else if (is_total) {
		owner->limits.total_quota = (uint32_t)number;
	} else {
		owner->limits.user_quota = (uint32_t)number;
	}
	return 0;
}

/* --- asking -------------------------------------------------------------------------- */

static bool list_has(const struct range_list *list, const struct tp_addr *addr)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct range *range = &list->ranges[i];

		if (range->family == addr->family &&
		    memcmp(range->first, addr->bytes, sizeof(range->first)) <= 0 &&
		    memcmp(addr->bytes, range->last, sizeof(range->last)) <= 0) {
			return true;
		}
	}
	return false;
}

static bool permits_one(const struct realm *own, const struct realm *every,
			const struct tp_addr *addr)
{
	if ((own != NULL && list_has(&own->allowed, addr)) ||
	    (every != NULL && list_has(&every->allowed, addr))) {
		return true;
	}
	return (own == NULL || !list_has(&own->denied, addr)) &&
	       (every == NULL || !list_has(&every->denied, addr));
}

/* Where the IPv4 address stands in an IPv6 one; -1: nowhere. */
static int embedded_at(const struct tp_addr *addr)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	static const uint8_t compatible[12] = {0};
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t six_to_four[2] = {0x20, 0x02};

	if (addr->family != TP_FAMILY_IPV6) {
		return -1;
	}
	if (memcmp(addr->bytes, mapped, sizeof(mapped)) == 0 ||
	    memcmp(addr->bytes, compatible, sizeof(compatible)) == 0 ||
	    memcmp(addr->bytes, nat64, sizeof(nat64)) == 0) {
		return 12;
	}
	return memcmp(addr->bytes, six_to_four, sizeof(six_to_four)) == 0 ? 2 : -1;
}

bool realm_policy_permits(const struct realm_policy *policy, const char *realm,
			  const struct tp_addr *peer_addr)
{
	const struct realm *own = find(policy, realm);
	const struct realm *every = find(policy, "");
	struct tp_addr inner = {.family = TP_FAMILY_IPV4};
	int at = embedded_at(peer_addr);

	if (at >= 0) {
		memcpy(inner.bytes, peer_addr->bytes + at, 4);
		if (!permits_one(own, every, &inner)) {
			return false;
		}
	}
	return permits_one(own, every, peer_addr);
}

static size_t take_secrets(const struct realm *realm, const char **out, size_t count)
{
	for (size_t i = 0; realm != NULL && i < realm->secret_count; i++) {
		if (count < REALM_POLICY_SECRETS_MAX) {
			out[count++] = realm->secrets[i];
		}
	}
	return count;
}

size_t realm_policy_secrets(const struct realm_policy *policy, const char *realm,
			    const char *out[REALM_POLICY_SECRETS_MAX])
{
	size_t count = take_secrets(find(policy, realm), out, 0);

	return *realm == '\0' ? count : take_secrets(find(policy, ""), out, count);
}

struct realm_limits realm_policy_limits(const struct realm_policy *policy, const char *realm)
{
	const struct realm *own = find(policy, realm);
	const struct realm *every = find(policy, "");
	struct realm_limits limits = own == NULL ? (struct realm_limits){0} : own->limits;

	if (every == NULL) {
		return limits;
	}
	if (limits.max_bits_per_s == 0) {
		limits.max_bits_per_s = every->limits.max_bits_per_s;
	}
	if (limits.total_quota == 0) {
		limits.total_quota = every->limits.total_quota;
	}
	if (limits.user_quota == 0) {
		limits.user_quota = every->limits.user_quota;
	}
	return limits;
}

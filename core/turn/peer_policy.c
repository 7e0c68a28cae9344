/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/peer_policy.h"

#include <ifaddrs.h>
#include <stdlib.h>

#include <turnpike/error.h>
#include <turnpike/prefix.h>

#include "base/addr.h"

/*
 * Marks in the set of rules. The longest network wins; when the same network
 * is named twice the greater mark stays, so a line lifts a built-in denial of
 * equal or shorter prefix, and deny wins over allow.
 */
enum {
	MARK_BUILT_IN = 1, /* special-purpose networks, addresses of this host */
	MARK_ALLOW = 2,
	MARK_DENY = 3,
};

struct tp_peer_policy {
	struct tp_prefix_set *never;   /* networks of the classes only a lift allows */
	struct tp_prefix_set *rules;   /* built-in denials, allow and deny lines */
	struct tp_prefix_set *relayed; /* addresses with relayed ports */
	unsigned lifted;
};

/* RFC 6890 and its updates. Marks in "never" are classes. */
static const struct {
	const char *network;
	enum tp_peer_class class_of;
} never_networks[] = {
	{"127.0.0.0/8", TP_PEER_LOOPBACK},      {"::1/128", TP_PEER_LOOPBACK},
	{"169.254.0.0/16", TP_PEER_LINK_LOCAL}, {"fe80::/10", TP_PEER_LINK_LOCAL},
	{"224.0.0.0/4", TP_PEER_MULTICAST},     {"ff00::/8", TP_PEER_MULTICAST},
	{"0.0.0.0/8", TP_PEER_RESERVED},        {"192.0.0.0/24", TP_PEER_RESERVED},
	{"240.0.0.0/4", TP_PEER_RESERVED}, /* limited broadcast included */
	{"::/128", TP_PEER_RESERVED},           {"100::/64", TP_PEER_RESERVED},
	{"fec0::/10", TP_PEER_RESERVED},
};

static const char *const denied_networks[] = {
	"10.0.0.0/8",     "172.16.0.0/12",   "192.168.0.0/16", "100.64.0.0/10",
	"192.0.2.0/24",   "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15",
	"192.88.99.0/24", "fc00::/7",        "2001:db8::/32",  "3fff::/20",
	"2001::/23",      "5f00::/16",       "64:ff9b:1::/48", "2002::/16",
};

static int add_built_in(struct tp_peer_policy *policy)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(never_networks) / sizeof(never_networks[0]) && err == 0;
	     i++) {
		err = tp_prefix_set_add(policy->never, never_networks[i].network,
					never_networks[i].class_of);
	}
	for (size_t i = 0; i < sizeof(denied_networks) / sizeof(denied_networks[0]) && err == 0;
	     i++) {
		err = tp_prefix_set_add(policy->rules, denied_networks[i], MARK_BUILT_IN);
	}
	return err;
}

int tp_peer_policy_create(struct tp_peer_policy **out)
{
	struct tp_peer_policy *policy = calloc(1, sizeof(*policy));

	if (policy == NULL) {
		return TP_ENOMEM;
	}
	policy->never = tp_prefix_set_create();
	policy->rules = tp_prefix_set_create();
	policy->relayed = tp_prefix_set_create();
	if (policy->never == NULL || policy->rules == NULL || policy->relayed == NULL ||
	    add_built_in(policy) != 0) {
		tp_peer_policy_free(&policy);
		return TP_ENOMEM;
	}
	*out = policy;
	return 0;
}

void tp_peer_policy_free(struct tp_peer_policy **policy)
{
	if (*policy == NULL) {
		return;
	}
	tp_prefix_set_free(&(*policy)->never);
	tp_prefix_set_free(&(*policy)->rules);
	tp_prefix_set_free(&(*policy)->relayed);
	free(*policy);
	*policy = NULL;
}

int tp_peer_policy_allow(struct tp_peer_policy *policy, const char *network)
{
	return tp_prefix_set_add(policy->rules, network, MARK_ALLOW);
}

int tp_peer_policy_deny(struct tp_peer_policy *policy, const char *network)
{
	return tp_prefix_set_add(policy->rules, network, MARK_DENY);
}

void tp_peer_policy_lift(struct tp_peer_policy *policy, unsigned classes)
{
	policy->lifted |= classes;
}

static int add_address(struct tp_prefix_set *set, const struct tp_addr *addr)
{
	struct tp_addr plain = tp_addr_with_port(addr, 0);
	char text[TP_ADDR_STRING];

	plain.scope_id = 0;
	return tp_prefix_set_add(set, tp_addr_format(&plain, text), MARK_BUILT_IN);
}

/* Loopback and link-local addresses are refused as such, and a lift means them. */
int tp_peer_policy_own(struct tp_peer_policy *policy, const struct tp_addr *addr)
{
	if (tp_prefix_set_find(policy->never, addr) != 0) {
		return 0;
	}
	return add_address(policy->rules, addr);
}

int tp_peer_policy_relayed(struct tp_peer_policy *policy, const struct tp_addr *addr)
{
	return add_address(policy->relayed, addr);
}

int tp_peer_policy_own_interfaces(struct tp_peer_policy *policy)
{
	struct ifaddrs *interfaces;
	int err = 0;

	if (getifaddrs(&interfaces) != 0) {
		return TP_EIO;
	}
	for (const struct ifaddrs *at = interfaces; at != NULL && err == 0; at = at->ifa_next) {
		struct tp_addr addr;

		if (at->ifa_addr == NULL) {
			continue;
		}
		tp_addr_from_sockaddr(&addr, at->ifa_addr);
		if (addr.family != TP_FAMILY_NONE) {
			err = tp_peer_policy_own(policy, &addr);
		}
	}
	freeifaddrs(interfaces);
	return err;
}

static bool rule_one(const struct tp_peer_policy *policy, const struct tp_addr *addr)
{
	unsigned class_of = tp_prefix_set_find(policy->never, addr);

	if (class_of != 0 && (class_of & policy->lifted) == 0) {
		return false;
	}
	switch (tp_prefix_set_find(policy->rules, addr)) {
	case MARK_BUILT_IN:
	case MARK_DENY:
		return false;
	default:
		return true;
	}
}

enum tp_peer_ruling tp_peer_policy_rule(const struct tp_peer_policy *policy,
					const struct tp_addr *peer_addr)
{
	struct tp_addr outer = *peer_addr;
	struct tp_addr inner;

	outer.scope_id = 0;
	if (rule_one(policy, &outer) &&
	    (!tp_addr_embedded_ipv4(&outer, &inner) || rule_one(policy, &inner))) {
		return TP_PEER_ALLOWED;
	}
	return tp_prefix_set_find(policy->relayed, &outer) != 0 ? TP_PEER_RELAYED_ONLY
								: TP_PEER_REFUSED;
}

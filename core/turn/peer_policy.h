/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <turnpike/addr.h>

/*
 * Which peers clients may name (DESIGN: security rules). One function decides,
 * on the canonical address; everything that names a peer calls it.
 *
 * Never, short of a lift: unspecified, loopback, link-local, multicast,
 * reserved, broadcast. Denied until an allow line covers it: private, shared
 * (CGNAT), unique local, documentation and other special-purpose ranges, and
 * the host's own addresses. Longest prefix wins; at equal length deny wins. So
 * "allow 10.0.0.0/8" opens that network, "allow 0.0.0.0/0" opens no private one.
 */
struct tp_peer_policy;

/* Classes that only a lift allows. */
enum tp_peer_class {
	TP_PEER_LOOPBACK = 1,   /* 127.0.0.0/8, ::1 */
	TP_PEER_LINK_LOCAL = 2, /* 169.254.0.0/16, fe80::/10 */
	TP_PEER_MULTICAST = 4,  /* 224.0.0.0/4, ff00::/8 */
	TP_PEER_RESERVED = 8,   /* 240.0.0.0/4, 192.0.0.0/24, … */
};

enum tp_peer_ruling {
	TP_PEER_REFUSED = 0,
	TP_PEER_ALLOWED = 1,
	/* Refused, but it is an address of ours: live relayed ports on it are
	 * peers all the same (two clients of one server). */
	TP_PEER_RELAYED_ONLY = 2,
};

/** Built-in rules only. Errors: TP_ENOMEM. */
int tp_peer_policy_create(struct tp_peer_policy **out);
void tp_peer_policy_free(struct tp_peer_policy **policy);

/** Allow or deny a network. Errors: TP_EINVAL for text that is none, TP_ENOMEM. */
int tp_peer_policy_allow(struct tp_peer_policy *policy, const char *network);
int tp_peer_policy_deny(struct tp_peer_policy *policy, const char *network);

/** Lift the built-in refusal of classes (enum tp_peer_class, or-ed). */
void tp_peer_policy_lift(struct tp_peer_policy *policy, unsigned classes);

/** An address of this host: refused unless an allow line names exactly it. */
int tp_peer_policy_own(struct tp_peer_policy *policy, const struct tp_addr *addr);

/** A relayed address, bound or advertised: its live ports are peers for everyone. */
int tp_peer_policy_relayed(struct tp_peer_policy *policy, const struct tp_addr *addr);

/** Add the addresses of all interfaces with tp_peer_policy_own(). Errors: TP_EIO, TP_ENOMEM. */
int tp_peer_policy_own_interfaces(struct tp_peer_policy *policy);

/**
 * The ruling for an IP address; the port is not looked at here (port 0 is
 * refused where a port counts).
 *
 * Thread: any
 */
enum tp_peer_ruling tp_peer_policy_rule(const struct tp_peer_policy *policy,
					const struct tp_addr *peer_addr);

/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/peer_policy.h"

#include <turnpike/error.h>

#include "support/suite.h"

static struct tp_peer_policy *policy;

static void open_policy(void)
{
	CU_ASSERT_EQUAL_FATAL(tp_peer_policy_create(&policy), 0);
}

static enum tp_peer_ruling rule(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return tp_peer_policy_rule(policy, &addr);
}

static void expect(enum tp_peer_ruling ruling, const char *const *addresses)
{
	for (; *addresses != NULL; addresses++) {
		if (rule(*addresses) != ruling) {
			CU_FAIL(*addresses);
		}
	}
}

static const char *const public_addresses[] = {
	"8.8.8.8", "1.1.1.1", "192.0.1.1", "223.255.255.255", "2600::1", "2a00::1", NULL,
};

static const char *const never[] = {
	"0.0.0.0",
	"0.1.2.3",
	"127.0.0.1",
	"127.255.255.254",
	"169.254.169.254",
	"224.0.0.1",
	"239.1.2.3",
	"240.0.0.1",
	"255.255.255.255",
	"192.0.0.8",
	"::",
	"::1",
	"fe80::1",
	"ff02::1",
	"::ffff:127.0.0.1",
	"::127.0.0.1",
	"64:ff9b::7f00:1",
	"2002:7f00:1::1",
	"::ffff:169.254.169.254",
	"64:ff9b::a9fe:a9fe",
	"2002:e000:1::1",
	"::ffff:0.0.0.0",
	NULL,
};

static const char *const special[] = {
	"10.0.0.1",
	"172.16.0.1",
	"172.31.255.255",
	"192.168.1.1",
	"100.64.0.1",
	"192.0.2.1",
	"198.51.100.1",
	"203.0.113.1",
	"198.18.0.1",
	"fc00::1",
	"fd12:3456::1",
	"2001:db8::1",
	"::ffff:10.0.0.1",
	"64:ff9b::a00:1",
	"2002:c0a8:101::1",
	"2002:808:808::1", /* 6to4 and Teredo, whatever is inside: RFC 8656 section 21.4 */
	"2001:0:808:808:0:0:f7f7:f7f7",
	"::ffff:192.168.0.1",
	NULL,
};

static void public_addresses_are_allowed(void)
{
	open_policy();
	expect(TP_PEER_ALLOWED, public_addresses);
	tp_peer_policy_free(&policy);
}

static void special_purpose_addresses_are_refused_by_default(void)
{
	open_policy();
	expect(TP_PEER_REFUSED, never);
	expect(TP_PEER_REFUSED, special);
	tp_peer_policy_free(&policy);
}

static void one_line_lifts_a_private_network(void)
{
	open_policy();
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "10.0.0.0/8"), 0);
	CU_ASSERT_EQUAL(rule("10.1.2.3"), TP_PEER_ALLOWED);
	CU_ASSERT_EQUAL(rule("192.168.1.1"), TP_PEER_REFUSED);
	tp_peer_policy_free(&policy);
}

static void a_wide_allow_line_lifts_nothing_narrower(void)
{
	open_policy();
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "0.0.0.0/0"), 0);
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "::/0"), 0);
	expect(TP_PEER_REFUSED, special);
	expect(TP_PEER_REFUSED, never);
	tp_peer_policy_free(&policy);
}

static void no_allow_line_opens_what_only_a_lift_may(void)
{
	open_policy();
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "127.0.0.0/8"), 0);
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "127.0.0.1"), 0);
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "::1"), 0);
	CU_ASSERT_EQUAL(rule("127.0.0.1"), TP_PEER_REFUSED);
	CU_ASSERT_EQUAL(rule("::1"), TP_PEER_REFUSED);
	tp_peer_policy_free(&policy);
}

static void a_lift_opens_its_class_only(void)
{
	open_policy();
	tp_peer_policy_lift(policy, TP_PEER_LOOPBACK);
	CU_ASSERT_EQUAL(rule("127.0.0.1"), TP_PEER_ALLOWED);
	CU_ASSERT_EQUAL(rule("::1"), TP_PEER_ALLOWED);
	CU_ASSERT_EQUAL(rule("::ffff:127.0.0.1"), TP_PEER_ALLOWED);
	CU_ASSERT_EQUAL(rule("169.254.1.1"), TP_PEER_REFUSED);
	CU_ASSERT_EQUAL(rule("224.0.0.1"), TP_PEER_REFUSED);
	tp_peer_policy_free(&policy);
}

static void longest_prefix_wins_and_deny_at_equal_length(void)
{
	open_policy();
	CU_ASSERT_EQUAL(tp_peer_policy_deny(policy, "8.8.0.0/16"), 0);
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "8.8.8.0/24"), 0);
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "8.8.4.0/24"), 0);
	CU_ASSERT_EQUAL(tp_peer_policy_deny(policy, "8.8.4.0/24"), 0);
	CU_ASSERT_EQUAL(rule("8.8.8.8"), TP_PEER_ALLOWED);
	CU_ASSERT_EQUAL(rule("8.8.4.4"), TP_PEER_REFUSED);
	CU_ASSERT_EQUAL(rule("8.8.1.1"), TP_PEER_REFUSED);
	CU_ASSERT_EQUAL(rule("8.9.1.1"), TP_PEER_ALLOWED);
	tp_peer_policy_free(&policy);
}

static void outer_and_inner_address_must_both_pass(void)
{
	open_policy();
	CU_ASSERT_EQUAL(tp_peer_policy_deny(policy, "8.8.8.8"), 0);
	CU_ASSERT_EQUAL(rule("64:ff9b::808:808"), TP_PEER_REFUSED); /* NAT64 of 8.8.8.8 */
	CU_ASSERT_EQUAL(rule("64:ff9b::808:404"), TP_PEER_ALLOWED);
	CU_ASSERT_EQUAL(tp_peer_policy_deny(policy, "64:ff9b::/96"), 0);
	CU_ASSERT_EQUAL(rule("64:ff9b::808:404"), TP_PEER_REFUSED);
	tp_peer_policy_free(&policy);
}

static void own_addresses_are_refused_until_named(void)
{
	struct tp_addr own;

	open_policy();
	CU_ASSERT_EQUAL(tp_addr_parse("8.1.1.1:9", &own), 0);
	CU_ASSERT_EQUAL(tp_peer_policy_own(policy, &own), 0);
	CU_ASSERT_EQUAL(rule("8.1.1.1"), TP_PEER_REFUSED);
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "8.1.1.0/24"), 0);
	CU_ASSERT_EQUAL(rule("8.1.1.1"), TP_PEER_REFUSED);
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "8.1.1.1"), 0);
	CU_ASSERT_EQUAL(rule("8.1.1.1"), TP_PEER_ALLOWED);
	tp_peer_policy_free(&policy);
}

static void relayed_addresses_are_peers_on_live_ports_only(void)
{
	struct tp_addr relayed;

	open_policy();
	CU_ASSERT_EQUAL(tp_addr_parse("203.0.113.7", &relayed), 0);
	CU_ASSERT_EQUAL(tp_peer_policy_relayed(policy, &relayed), 0);
	CU_ASSERT_EQUAL(rule("203.0.113.7"), TP_PEER_RELAYED_ONLY);
	CU_ASSERT_EQUAL(rule("203.0.113.8"), TP_PEER_REFUSED);
	tp_peer_policy_free(&policy);
}

static void addresses_of_interfaces_are_found(void)
{
	open_policy();
	CU_ASSERT_EQUAL(tp_peer_policy_own_interfaces(policy), 0);
	tp_peer_policy_lift(policy, TP_PEER_LOOPBACK);
	CU_ASSERT_EQUAL(rule("127.0.0.1"), TP_PEER_ALLOWED); /* a lift means loopback */
	tp_peer_policy_free(&policy);
}

static void text_that_is_no_network_is_refused(void)
{
	open_policy();
	CU_ASSERT_EQUAL(tp_peer_policy_allow(policy, "10.0.0.0/33"), TP_EINVAL);
	CU_ASSERT_EQUAL(tp_peer_policy_deny(policy, "example.org"), TP_EINVAL);
	tp_peer_policy_free(&policy);
}

TEST_SUITE("peer_policy", TEST(public_addresses_are_allowed),
	   TEST(special_purpose_addresses_are_refused_by_default),
	   TEST(one_line_lifts_a_private_network), TEST(a_wide_allow_line_lifts_nothing_narrower),
	   TEST(no_allow_line_opens_what_only_a_lift_may), TEST(a_lift_opens_its_class_only),
	   TEST(longest_prefix_wins_and_deny_at_equal_length),
	   TEST(outer_and_inner_address_must_both_pass),
	   TEST(own_addresses_are_refused_until_named),
	   TEST(relayed_addresses_are_peers_on_live_ports_only),
	   TEST(addresses_of_interfaces_are_found), TEST(text_that_is_no_network_is_refused));

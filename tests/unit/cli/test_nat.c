/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "cli/nat_report.h"
#include "support/suite.h"

/*
 * A NAT and a server behind it, as a table: mappings are ports made up of what
 * they depend on, filters remember where a socket has sent.
 */
static struct {
	enum tp_nat_behavior mapping;
	enum tp_nat_behavior filtering;
	bool absent;    /* no NAT: addresses stay */
	bool silent;    /* the server never answers */
	bool one_sided; /* the server has one address only */
	bool stubborn;  /* the server ignores CHANGE-REQUEST */
	bool rewrites;
	bool hairpins;
	uint16_t code; /* of every answer but the first */
	struct tp_addr other_addr;
	struct tp_addr sent_to[TP_NAT_SOCKETS][8];
	size_t sent_count[TP_NAT_SOCKETS];
	unsigned asked;
} net;

static struct tp_addr server_addr;
static struct tp_nat_network network;
static struct tp_nat_findings findings;

static struct tp_addr addr_of(const char *text)
{
	struct tp_addr addr;

	CU_ASSERT_EQUAL_FATAL(tp_addr_parse(text, &addr), 0);
	return addr;
}

static struct tp_addr mapped(enum tp_nat_socket from, const struct tp_addr *to)
{
	struct tp_addr addr = addr_of("203.0.113.1:10000");

	if (net.absent) {
		return network.local_addrs[from];
	}
	addr.port = (uint16_t)(addr.port + from * 1000);
	if (net.mapping != TP_NAT_ENDPOINT_INDEPENDENT && !tp_addr_equal_ip(to, &server_addr)) {
		addr.port = (uint16_t)(addr.port + 1);
	}
	if (net.mapping == TP_NAT_ADDRESS_AND_PORT_DEPENDENT && to->port != server_addr.port) {
		addr.port = (uint16_t)(addr.port + 2);
	}
	return addr;
}

static bool lets_in(enum tp_nat_socket at, const struct tp_addr *from)
{
	for (size_t i = 0; i < net.sent_count[at]; i++) {
		const struct tp_addr *to = &net.sent_to[at][i];

		if (net.filtering == TP_NAT_ENDPOINT_INDEPENDENT || tp_addr_equal(to, from) ||
		    (net.filtering == TP_NAT_ADDRESS_DEPENDENT && tp_addr_equal_ip(to, from))) {
			return true;
		}
	}
	return false;
}

static void ask(void *owner, enum tp_nat_socket from, const struct tp_addr *to, uint32_t change,
		struct tp_nat_answer *out)
{
	struct tp_addr other_addr = net.other_addr;

	CU_ASSERT_PTR_EQUAL(owner, &net);
	CU_ASSERT_TRUE_FATAL(net.sent_count[from] < 8);
	net.sent_to[from][net.sent_count[from]++] = *to;
	net.asked++;
	out->from = *to;
	if ((change & TP_NAT_CHANGE_IP) != 0 && !net.stubborn) {
		out->from = tp_addr_with_port(&other_addr, out->from.port);
	}
	if ((change & TP_NAT_CHANGE_PORT) != 0 && !net.stubborn) {
		out->from.port = other_addr.port;
	}
	if (net.silent || !lets_in(from, &out->from)) {
		return;
	}
	out->arrived = true;
	if (net.code != 0 && net.asked > 1) {
		out->code = net.code;
		return;
	}
	out->mapped_addr = mapped(from, to);
	out->plain_addr = net.rewrites ? network.local_addrs[from] : out->mapped_addr;
	if (!net.one_sided) {
		out->other_addr = other_addr;
	}
}

static bool returns(void *owner, const struct tp_addr *to, enum tp_nat_socket at)
{
	struct tp_addr want = mapped(at, &server_addr);

	CU_ASSERT_PTR_EQUAL(owner, &net);
	CU_ASSERT_TRUE(tp_addr_equal(to, &want));
	return net.hairpins;
}

static void net_make(enum tp_nat_behavior mapping, enum tp_nat_behavior filtering)
{
	memset(&net, 0, sizeof(net));
	net.mapping = mapping;
	net.filtering = filtering;
	net.other_addr = addr_of("198.51.100.2:3479");
	server_addr = addr_of("198.51.100.1:3478");
	network = (struct tp_nat_network){
		.owner = &net,
		.local_addrs = {addr_of("192.0.2.5:5000"), addr_of("192.0.2.5:5001"),
				addr_of("192.0.2.5:5002")},
		.ask = ask,
		.returns = returns,
	};
}

static void discover(void)
{
	tp_nat_discover(&network, &server_addr, &findings);
}

/* --- cases --------------------------------------------------------------------------- */

static void every_kind_of_nat_is_told(void)
{
	for (int m = TP_NAT_ENDPOINT_INDEPENDENT; m <= TP_NAT_ADDRESS_AND_PORT_DEPENDENT; m++) {
		for (int f = TP_NAT_ENDPOINT_INDEPENDENT; f <= TP_NAT_ADDRESS_AND_PORT_DEPENDENT;
		     f++) {
			net_make((enum tp_nat_behavior)m, (enum tp_nat_behavior)f);
			net.hairpins = (m + f) % 2 == 0;
			discover(); /* RFC 5780 sections 4.3 and 4.4 */
			CU_ASSERT_EQUAL((int)findings.mapping, m);
			CU_ASSERT_EQUAL((int)findings.filtering, f);
			CU_ASSERT_EQUAL(findings.hairpin, net.hairpins);
			CU_ASSERT_TRUE(findings.translated);
			CU_ASSERT_FALSE(findings.rewritten);
			CU_ASSERT_TRUE(tp_nat_complete(&findings));
		}
	}
}

static void filtering_is_tested_on_a_port_that_met_one_address_only(void)
{
	net_make(TP_NAT_ADDRESS_AND_PORT_DEPENDENT, TP_NAT_ADDRESS_AND_PORT_DEPENDENT);
	discover(); /* section 4.4: sensitive to prior state */
	for (size_t i = 0; i < net.sent_count[TP_NAT_FILTERING]; i++) {
		CU_ASSERT_TRUE(tp_addr_equal(&net.sent_to[TP_NAT_FILTERING][i], &server_addr));
	}
	CU_ASSERT_EQUAL(net.sent_count[TP_NAT_FILTERING], 3);
	CU_ASSERT_EQUAL(net.sent_count[TP_NAT_MAPPING], 3); /* at most */
}

static void without_nat_the_mapped_address_is_the_local_one(void)
{
	net_make(TP_NAT_ENDPOINT_INDEPENDENT, TP_NAT_ADDRESS_DEPENDENT);
	net.absent = true;
	discover();
	CU_ASSERT_FALSE(findings.translated);
	CU_ASSERT_EQUAL(findings.mapping, TP_NAT_ENDPOINT_INDEPENDENT);
	CU_ASSERT_EQUAL(findings.filtering, TP_NAT_ADDRESS_DEPENDENT);
}

static void a_gateway_that_rewrites_addresses_is_noticed(void)
{
	net_make(TP_NAT_ENDPOINT_INDEPENDENT, TP_NAT_ENDPOINT_INDEPENDENT);
	net.rewrites = true; /* section 3.6 */
	discover();
	CU_ASSERT_TRUE(findings.rewritten);
}

static void silence_is_no_finding(void)
{
	net_make(TP_NAT_ENDPOINT_INDEPENDENT, TP_NAT_ENDPOINT_INDEPENDENT);
	net.silent = true;
	discover();
	CU_ASSERT_FALSE(findings.reached);
	CU_ASSERT_FALSE(tp_nat_complete(&findings));
	CU_ASSERT_EQUAL(net.asked, 1);
}

static void a_server_with_one_address_tells_the_mapped_one(void)
{
	net_make(TP_NAT_ENDPOINT_INDEPENDENT, TP_NAT_ENDPOINT_INDEPENDENT);
	net.one_sided = true; /* section 4.3: the test cannot be run */
	discover();
	CU_ASSERT_TRUE(findings.reached);
	CU_ASSERT_NOT_EQUAL(findings.mapped_addr.family, TP_FAMILY_NONE);
	CU_ASSERT_EQUAL(findings.other_addr.family, TP_FAMILY_NONE);
	CU_ASSERT_FALSE(tp_nat_complete(&findings));
	CU_ASSERT_EQUAL(net.asked, 1);
}

static void an_other_address_that_is_none_is_not_asked(void)
{
	static const char *const addrs[] = {"198.51.100.1:3479", "198.51.100.2:3478",
					    "198.51.100.2:0", "0.0.0.0:3479", "[2001:db8::2]:3479"};

	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		net_make(TP_NAT_ENDPOINT_INDEPENDENT, TP_NAT_ENDPOINT_INDEPENDENT);
		net.other_addr = addr_of(addrs[i]);
		discover();
		CU_ASSERT_EQUAL(findings.other_addr.family, TP_FAMILY_NONE);
		CU_ASSERT_EQUAL(net.asked, 1);
	}
}

static void a_server_that_answers_from_where_it_was_asked_proves_nothing(void)
{
	net_make(TP_NAT_ENDPOINT_INDEPENDENT, TP_NAT_ADDRESS_AND_PORT_DEPENDENT);
	net.stubborn = true;
	discover();
	CU_ASSERT_EQUAL(findings.filtering, TP_NAT_UNKNOWN);
	CU_ASSERT_EQUAL(findings.mapping, TP_NAT_ENDPOINT_INDEPENDENT);
}

static void errors_are_no_findings(void)
{
	net_make(TP_NAT_ENDPOINT_INDEPENDENT, TP_NAT_ENDPOINT_INDEPENDENT);
	net.code = 420; /* section 5: MUST be prepared */
	discover();
	CU_ASSERT_EQUAL(findings.filtering, TP_NAT_UNKNOWN);
	CU_ASSERT_EQUAL(findings.mapping, TP_NAT_UNKNOWN);
	CU_ASSERT_EQUAL(findings.code, 0);
}

/* Sections 3.1 and 3.2: the mapping of connections, and nothing of filters. */
static void over_a_stream_nobody_asks_for_change(void)
{
	for (int m = TP_NAT_ENDPOINT_INDEPENDENT; m <= TP_NAT_ADDRESS_AND_PORT_DEPENDENT; m++) {
		net_make((enum tp_nat_behavior)m, TP_NAT_ADDRESS_AND_PORT_DEPENDENT);
		network.stream = true;
		discover();
		CU_ASSERT_EQUAL((int)findings.mapping, m);
		CU_ASSERT_EQUAL(findings.filtering, TP_NAT_UNKNOWN);
		CU_ASSERT_EQUAL(net.sent_count[TP_NAT_FILTERING], 1);
		CU_ASSERT_TRUE(tp_nat_complete(&findings));
	}
	net_make(TP_NAT_ENDPOINT_INDEPENDENT, TP_NAT_ENDPOINT_INDEPENDENT);
	network.stream = true;
	net.one_sided = true;
	discover();
	CU_ASSERT_FALSE(tp_nat_complete(&findings));
}

/* --- in words ---------------------------------------------------------------------------- */

static bool report_says(bool json, const char *words)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	bool found;

	CU_ASSERT_PTR_NOT_NULL_FATAL(out);
	if (json) {
		tp_nat_report_json(out, &server_addr, &findings);
	} else {
		tp_nat_report_text(out, &server_addr, &findings);
	}
	fclose(out);
	found = strstr(text, words) != NULL;
	if (!found) {
		printf("no \"%s\" in:\n%s\n", words, text);
	}
	free(text);
	return found;
}

static void findings_are_told_in_words_and_json(void)
{
	net_make(TP_NAT_ADDRESS_DEPENDENT, TP_NAT_ADDRESS_AND_PORT_DEPENDENT);
	discover();
	CU_ASSERT_TRUE(report_says(false, "mapping         address-dependent: "));
	CU_ASSERT_TRUE(report_says(false, "filtering       address and port-dependent: "));
	CU_ASSERT_TRUE(report_says(false, "through a relay only.\n"));
	CU_ASSERT_TRUE(report_says(true, "\"mapping\":\"address-dependent\""));
	CU_ASSERT_TRUE(report_says(true, "\"mapped_address\":\"203.0.113.1:10000\""));
	net_make(TP_NAT_ENDPOINT_INDEPENDENT, TP_NAT_ADDRESS_DEPENDENT);
	discover();
	CU_ASSERT_TRUE(report_says(false, "directly when both sides send"));
	net.one_sided = true;
	discover();
	CU_ASSERT_TRUE(report_says(false, "no second address"));
	CU_ASSERT_TRUE(report_says(true, "\"other_address\":null"));
	net.silent = true;
	discover();
	CU_ASSERT_TRUE(report_says(false, "does not answer"));
	CU_ASSERT_TRUE(report_says(true, "\"reached\":false"));
	network.stream = true;
	discover();
	CU_ASSERT_TRUE(report_says(false, "no TCP on this way"));
	net.silent = false;
	net.one_sided = false;
	discover();
	CU_ASSERT_TRUE(report_says(false, "an address to connect to"));
}

TEST_SUITE("nat", TEST(every_kind_of_nat_is_told),
	   TEST(filtering_is_tested_on_a_port_that_met_one_address_only),
	   TEST(without_nat_the_mapped_address_is_the_local_one),
	   TEST(a_gateway_that_rewrites_addresses_is_noticed), TEST(silence_is_no_finding),
	   TEST(a_server_with_one_address_tells_the_mapped_one),
	   TEST(an_other_address_that_is_none_is_not_asked),
	   TEST(a_server_that_answers_from_where_it_was_asked_proves_nothing),
	   TEST(errors_are_no_findings), TEST(over_a_stream_nobody_asks_for_change),
	   TEST(findings_are_told_in_words_and_json))

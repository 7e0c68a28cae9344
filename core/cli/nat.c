/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nat.h"

#include "base/addr.h"

struct discovery {
	const struct tp_nat_network *network;
	struct tp_addr server_addr;
	struct tp_nat_findings *findings;
};

static void ask(const struct discovery *discovery, enum tp_nat_socket from,
		const struct tp_addr *to, uint32_t change, struct tp_nat_answer *out)
{
	*out = (struct tp_nat_answer){.arrived = false};
	discovery->network->ask(discovery->network->owner, from, to, change, out);
}

static bool succeeded(const struct tp_nat_answer *answer)
{
	return answer->arrived && answer->code == 0 && answer->mapped_addr.family != TP_FAMILY_NONE;
}

/* An address that the tests can use: whatever the server says, ask no other. */
static bool is_other(const struct tp_addr *server_addr, const struct tp_addr *other_addr)
{
	return other_addr->family == server_addr->family && other_addr->port != 0 &&
	       other_addr->port != server_addr->port && !tp_addr_same_ip(other_addr, server_addr) &&
	       !tp_addr_is_any(other_addr);
}

/* --- filtering: RFC 5780 section 4.4 ---------------------------------------------- */

enum outcome {
	SILENT,
	HEARD,
	USELESS, /* an error, or a server that does not change its address */
};

static enum outcome hear(const struct discovery *discovery, uint32_t change)
{
	struct tp_addr want = discovery->server_addr;
	struct tp_nat_answer answer;

	if ((change & TP_NAT_CHANGE_IP) != 0) {
		want = discovery->findings->other_addr;
	} else {
		want.port = discovery->findings->other_addr.port;
	}
	ask(discovery, TP_NAT_FILTERING, &discovery->server_addr, change, &answer);
	if (!answer.arrived) {
		return SILENT;
	}
	return answer.code == 0 && tp_addr_same(&answer.from, &want) ? HEARD : USELESS;
}

static enum tp_nat_behavior find_filtering(const struct discovery *discovery)
{
	switch (hear(discovery, TP_NAT_CHANGE_IP | TP_NAT_CHANGE_PORT)) {
	case HEARD:
		return TP_NAT_ENDPOINT_INDEPENDENT;
	case USELESS:
		return TP_NAT_UNKNOWN;
	case SILENT:
		break;
	}
	switch (hear(discovery, TP_NAT_CHANGE_PORT)) {
	case HEARD:
		return TP_NAT_ADDRESS_DEPENDENT;
	case SILENT:
		return TP_NAT_ADDRESS_AND_PORT_DEPENDENT;
	case USELESS:
		break;
	}
	return TP_NAT_UNKNOWN;
}

/* --- mapping: RFC 5780 section 4.3 ------------------------------------------------- */

static enum tp_nat_behavior find_mapping(const struct discovery *discovery)
{
	const struct tp_addr *other_addr = &discovery->findings->other_addr;
	struct tp_addr other_ip = tp_addr_with_port(other_addr, discovery->server_addr.port);
	struct tp_nat_answer first;
	struct tp_nat_answer second;
	struct tp_nat_answer third;

	ask(discovery, TP_NAT_MAPPING, &discovery->server_addr, 0, &first);
	ask(discovery, TP_NAT_MAPPING, &other_ip, 0, &second);
	if (!succeeded(&first) || !succeeded(&second)) {
		return TP_NAT_UNKNOWN;
	}
	if (tp_addr_same(&first.mapped_addr, &second.mapped_addr)) {
		return TP_NAT_ENDPOINT_INDEPENDENT;
	}
	ask(discovery, TP_NAT_MAPPING, other_addr, 0, &third);
	if (!succeeded(&third)) {
		return TP_NAT_UNKNOWN;
	}
	return tp_addr_same(&second.mapped_addr, &third.mapped_addr)
		       ? TP_NAT_ADDRESS_DEPENDENT
		       : TP_NAT_ADDRESS_AND_PORT_DEPENDENT;
}

/* --- all of it ----------------------------------------------------------------------- */

/* Sections 3.6 and 4.2. */
static bool reach(const struct discovery *discovery)
{
	struct tp_nat_findings *findings = discovery->findings;
	const struct tp_addr *local_addr = &discovery->network->local_addrs[TP_NAT_FILTERING];
	struct tp_nat_answer answer;

	ask(discovery, TP_NAT_FILTERING, &discovery->server_addr, 0, &answer);
	findings->reached = answer.arrived;
	findings->code = answer.code;
	if (!succeeded(&answer)) {
		return false;
	}
	findings->local_addr = *local_addr;
	findings->mapped_addr = answer.mapped_addr;
	findings->translated = !tp_addr_same(local_addr, &answer.mapped_addr);
	findings->rewritten = answer.plain_addr.family != TP_FAMILY_NONE &&
			      !tp_addr_same(&answer.plain_addr, &answer.mapped_addr);
	if (is_other(&discovery->server_addr, &answer.other_addr)) {
		findings->other_addr = answer.other_addr;
	}
	return true;
}

void tp_nat_discover(const struct tp_nat_network *network, const struct tp_addr *server_addr,
		     struct tp_nat_findings *out)
{
	const struct discovery discovery = {network, *server_addr, out};

	*out = (struct tp_nat_findings){.stream = network->stream};
	if (!reach(&discovery)) {
		return;
	}
	if (out->other_addr.family != TP_FAMILY_NONE) {
		/* before anything is sent to the other address: section 4.4 */
		if (!network->stream) {
			out->filtering = find_filtering(&discovery);
		}
		out->mapping = find_mapping(&discovery);
	}
	out->hairpin = network->returns(network->owner, &out->mapped_addr, TP_NAT_FILTERING);
}

bool tp_nat_complete(const struct tp_nat_findings *findings)
{
	return findings->mapping != TP_NAT_UNKNOWN &&
	       (findings->stream || findings->filtering != TP_NAT_UNKNOWN);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nat_report.h"

#include "base/addr.h"

static const char *const names[] = {
	[TP_NAT_UNKNOWN] = "unknown",
	[TP_NAT_ENDPOINT_INDEPENDENT] = "endpoint-independent",
	[TP_NAT_ADDRESS_DEPENDENT] = "address-dependent",
	[TP_NAT_ADDRESS_AND_PORT_DEPENDENT] = "address and port-dependent",
};

static const char *const mapping_words[] = {
	[TP_NAT_UNKNOWN] = "could not be found out",
	[TP_NAT_ENDPOINT_INDEPENDENT] = "all peers see the same address of a port here",
	[TP_NAT_ADDRESS_DEPENDENT] = "each peer's IP address sees another address of a port here",
	[TP_NAT_ADDRESS_AND_PORT_DEPENDENT] = "each peer sees another address of a port here",
};

static const char *const filtering_words[] = {
	[TP_NAT_UNKNOWN] = "could not be found out",
	[TP_NAT_ENDPOINT_INDEPENDENT] = "anybody may answer once a port has sent something",
	[TP_NAT_ADDRESS_DEPENDENT] = "only IP addresses that were sent to may answer",
	[TP_NAT_ADDRESS_AND_PORT_DEPENDENT] =
		"only the very addresses and ports that were sent to may answer",
};

static void line(FILE *out, const char *name, const struct tp_addr *addr)
{
	char text[TP_ADDR_STRING];

	if (addr->family != TP_FAMILY_NONE) {
		fprintf(out, "%-15s %s\n", name, tp_addr_format(addr, text));
	}
}

static void summary(FILE *out, const struct tp_nat_findings *findings)
{
	const char *text;

	if (!tp_nat_complete(findings)) {
		text = findings->other_addr.family == TP_FAMILY_NONE
			       ? "The server has no second address (RFC 5780): ask another one."
			       : "Not all could be found out.";
	} else if (findings->mapping != TP_NAT_ENDPOINT_INDEPENDENT) {
		text = "Most peers will be reached through a relay only.";
	} else if (findings->stream) {
		text = "Peers can be told an address to connect to, if filters let them in.";
	} else if (findings->filtering != TP_NAT_ENDPOINT_INDEPENDENT) {
		text = "Peers can be reached directly when both sides send (ICE).";
	} else {
		text = "Peers can be reached directly.";
	}
	fprintf(out, "%s\n", text);
}

void tp_nat_report_text(FILE *out, const struct tp_addr *server_addr,
			const struct tp_nat_findings *findings)
{
	line(out, "server", server_addr);
	if (!findings->reached) {
		fprintf(out, "The server does not answer: no %s on this way.\n",
			findings->stream ? "TCP" : "UDP");
		return;
	}
	if (findings->mapped_addr.family == TP_FAMILY_NONE) {
		fprintf(out, "The server refuses a Binding request with error %u.\n",
			findings->code);
		return;
	}
	line(out, "other address", &findings->other_addr);
	line(out, "local address", &findings->local_addr);
	line(out, "mapped address", &findings->mapped_addr);
	fprintf(out, "%-15s %s\n", "NAT",
		findings->translated ? "yes: the server sees another address"
				     : "no: the server sees the local address");
	fprintf(out, "%-15s %s: %s\n", "mapping", names[findings->mapping],
		mapping_words[findings->mapping]);
	if (!findings->stream) {
		fprintf(out, "%-15s %s: %s\n", "filtering", names[findings->filtering],
			filtering_words[findings->filtering]);
	}
	fprintf(out, "%-15s %s\n", "hairpinning",
		findings->hairpin ? "yes: what is sent to the mapped address comes back"
				  : "no: what is sent to the mapped address does not come back");
	if (findings->rewritten) {
		fprintf(out, "%-15s %s\n", "gateway",
			"something on the way rewrites addresses inside packets");
	}
	summary(out, findings);
}

static void member(FILE *out, const char *name, const struct tp_addr *addr)
{
	char text[TP_ADDR_STRING];

	if (addr->family == TP_FAMILY_NONE) {
		fprintf(out, "\"%s\":null,", name);
	} else {
		fprintf(out, "\"%s\":\"%s\",", name, tp_addr_format(addr, text));
	}
}

static const char *truth(bool value)
{
	return value ? "true" : "false";
}

void tp_nat_report_json(FILE *out, const struct tp_addr *server_addr,
			const struct tp_nat_findings *findings)
{
	fputc('{', out);
	member(out, "server", server_addr);
	member(out, "other_address", &findings->other_addr);
	member(out, "local_address", &findings->local_addr);
	member(out, "mapped_address", &findings->mapped_addr);
	fprintf(out,
		"\"reached\":%s,\"code\":%u,\"nat\":%s,\"mapping\":\"%s\",\"filtering\":\"%s\","
		"\"hairpinning\":%s,\"rewritten\":%s,\"complete\":%s}\n",
		truth(findings->reached), findings->code, truth(findings->translated),
		names[findings->mapping], names[findings->filtering], truth(findings->hairpin),
		truth(findings->rewritten), truth(tp_nat_complete(findings)));
}

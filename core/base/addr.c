/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/map.h"

void tp_addr_from_sockaddr(struct tp_addr *addr, const struct sockaddr *sa)
{
	*addr = (struct tp_addr){.family = TP_FAMILY_NONE};
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

		addr->family = TP_FAMILY_IPV4;
		addr->port = ntohs(in->sin_port);
		memcpy(addr->bytes, &in->sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

		addr->family = TP_FAMILY_IPV6;
		addr->port = ntohs(in6->sin6_port);
		memcpy(addr->bytes, &in6->sin6_addr, 16);
		addr->scope_id = in6->sin6_scope_id;
	}
}

socklen_t tp_addr_to_sockaddr(const struct tp_addr *addr, struct sockaddr_storage *out)
{
	if (addr->family == TP_FAMILY_IPV4) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(addr->port)};
		memcpy(&in->sin_addr, addr->bytes, 4);
		return sizeof(*in);
	}
	if (addr->family == TP_FAMILY_IPV6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

		*in6 = (struct sockaddr_in6){
			.sin6_family = AF_INET6,
			.sin6_port = htons(addr->port),
			.sin6_scope_id = addr->scope_id,
		};
		memcpy(&in6->sin6_addr, addr->bytes, 16);
		return sizeof(*in6);
	}
	return 0;
}

/* --- text --------------------------------------------------------------------- */

static int parse_port(const char *text, uint16_t *out)
{
	unsigned long port = 0;
	size_t len = strlen(text);

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len) {
		return TP_EINVAL;
	}
	port = strtoul(text, NULL, 10);
	if (port > 65535) {
		return TP_EINVAL;
	}
	*out = (uint16_t)port;
	return 0;
}

static int parse_ipv6(char *text, struct tp_addr *out)
{
	char *scope = strchr(text, '%');

	if (scope != NULL) {
		*scope++ = '\0';
		out->scope_id = if_nametoindex(scope);
		if (out->scope_id == 0 && strspn(scope, "0123456789") == strlen(scope)) {
			out->scope_id = (uint32_t)strtoul(scope, NULL, 10);
		}
		if (out->scope_id == 0) {
			return TP_EINVAL;
		}
	}
	out->family = TP_FAMILY_IPV6;
	return inet_pton(AF_INET6, text, out->bytes) == 1 ? 0 : TP_EINVAL;
}

/* "[address]:port" or "[address]" */
static int parse_bracketed(char *text, struct tp_addr *out)
{
	char *end = strchr(text, ']');
	int err = 0;

	if (end == NULL) {
		return TP_EINVAL;
	}
	*end++ = '\0';
	if (*end == ':') {
		err = parse_port(end + 1, &out->port);
	} else if (*end != '\0') {
		err = TP_EINVAL;
	}
	return err != 0 ? err : parse_ipv6(text + 1, out);
}

static int parse_ipv4(char *text, struct tp_addr *out)
{
	char *port = strchr(text, ':');

	if (port != NULL) {
		*port++ = '\0';
		if (parse_port(port, &out->port) != 0) {
			return TP_EINVAL;
		}
	}
	out->family = TP_FAMILY_IPV4;
	return inet_pton(AF_INET, text, out->bytes) == 1 ? 0 : TP_EINVAL;
}

int tp_addr_parse(const char *text, struct tp_addr *out)
{
	struct tp_addr addr = {.family = TP_FAMILY_NONE};
	char copy[TP_ADDR_STRING + IF_NAMESIZE];
	const char *colon = strchr(text, ':');
	int err;

	if (strlen(text) >= sizeof(copy)) {
		return TP_EINVAL;
	}
	strcpy(copy, text);
	if (copy[0] == '[') {
		err = parse_bracketed(copy, &addr);
	} else if (colon != NULL && strchr(colon + 1, ':') != NULL) {
		err = parse_ipv6(copy, &addr);
	} else {
		err = parse_ipv4(copy, &addr);
	}
	if (err == 0) {
		*out = addr;
	}
	return err;
}

const char *tp_addr_format(const struct tp_addr *addr, char out[TP_ADDR_STRING])
{
	char ip[INET6_ADDRSTRLEN] = "";
	char scope[16] = "";

	if (addr->family == TP_FAMILY_IPV4) {
		inet_ntop(AF_INET, addr->bytes, ip, sizeof(ip));
		snprintf(out, TP_ADDR_STRING, addr->port != 0 ? "%s:%u" : "%s", ip, addr->port);
	} else if (addr->family == TP_FAMILY_IPV6) {
		inet_ntop(AF_INET6, addr->bytes, ip, sizeof(ip));
		if (addr->scope_id != 0) {
			snprintf(scope, sizeof(scope), "%%%u", addr->scope_id);
		}
		snprintf(out, TP_ADDR_STRING, addr->port != 0 ? "[%s%s]:%u" : "%s%s", ip, scope,
			 addr->port);
	} else {
		snprintf(out, TP_ADDR_STRING, "none");
	}
	return out;
}

const char *tp_transport_name(enum tp_transport transport)
{
	switch (transport) {
	case TP_TRANSPORT_UDP:
		return "udp";
	case TP_TRANSPORT_TCP:
		return "tcp";
	case TP_TRANSPORT_TLS:
		return "tls";
	case TP_TRANSPORT_DTLS:
		return "dtls";
	default:
		return "unknown";
	}
}

const char *tp_five_tuple_format(const struct tp_five_tuple *five_tuple,
				 char out[TP_FIVE_TUPLE_STRING])
{
	char client[TP_ADDR_STRING];
	char server[TP_ADDR_STRING];

	snprintf(out, TP_FIVE_TUPLE_STRING, "%s %s > %s",
		 tp_transport_name((enum tp_transport)five_tuple->transport),
		 tp_addr_format(&five_tuple->client_addr, client),
		 tp_addr_format(&five_tuple->server_addr, server));
	return out;
}

/* IPv4 address, port and what else fits into a word. */
static inline uint64_t ipv4_word(const struct tp_addr *addr, uint32_t beside)
{
	uint32_t ip;

	memcpy(&ip, addr->bytes, sizeof(ip));
	return (uint64_t)ip << 32 | (uint32_t)addr->port << 16 | (beside & 0xffff);
}

uint64_t tp_five_tuple_hash(const void *five_tuple)
{
	const struct tp_five_tuple *key = five_tuple;

	if (key->client_addr.family != TP_FAMILY_IPV4) {
		return tp_hash(key, sizeof(*key));
	}
	return tp_hash_pair(ipv4_word(&key->client_addr, key->transport),
			    ipv4_word(&key->server_addr, 0));
}

/* --- comparison and canonical form -------------------------------------------- */

bool tp_addr_equal(const struct tp_addr *a, const struct tp_addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool tp_addr_equal_ip(const struct tp_addr *a, const struct tp_addr *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0 &&
	       a->scope_id == b->scope_id;
}

bool tp_addr_is_any(const struct tp_addr *addr)
{
	static const uint8_t zeros[16];

	return memcmp(addr->bytes, zeros, sizeof(zeros)) == 0;
}

struct tp_addr tp_addr_with_port(const struct tp_addr *addr, uint16_t port)
{
	struct tp_addr copy = *addr;

	copy.port = port;
	return copy;
}

/* Where an IPv4 address stands in an IPv6 address of that prefix. */
static const struct {
	uint8_t prefix[12];
	uint8_t prefix_len; /* bytes */
	uint8_t at;
	bool inverted;
} embeddings[] = {
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12, 12, false}, /* IPv4-mapped */
	{{0}, 12, 12, false},                                        /* IPv4-compatible */
	{{0, 0x64, 0xff, 0x9b}, 12, 12, false},                      /* NAT64, RFC 6052 */
	{{0, 0x64, 0xff, 0x9b, 0, 1}, 6, 12, false},                 /* NAT64, RFC 8215 */
	{{0x20, 0x02}, 2, 2, false},                                 /* 6to4, RFC 3056 */
	{{0x20, 0x01, 0, 0}, 4, 12, true},                           /* Teredo, RFC 4380 */
};

static bool is_low(const struct tp_addr *addr) /* :: and ::1 embed nothing */
{
	static const uint8_t zeros[15];

	return memcmp(addr->bytes, zeros, sizeof(zeros)) == 0 && addr->bytes[15] <= 1;
}

bool tp_addr_embedded_ipv4(const struct tp_addr *addr, struct tp_addr *inner)
{
	if (addr->family != TP_FAMILY_IPV6 || is_low(addr)) {
		return false;
	}
	for (size_t i = 0; i < sizeof(embeddings) / sizeof(embeddings[0]); i++) {
		if (memcmp(addr->bytes, embeddings[i].prefix, embeddings[i].prefix_len) != 0) {
			continue;
		}
		*inner = (struct tp_addr){.family = TP_FAMILY_IPV4, .port = addr->port};
		for (size_t byte = 0; byte < 4; byte++) {
			uint8_t value = addr->bytes[embeddings[i].at + byte];

			inner->bytes[byte] = embeddings[i].inverted ? (uint8_t)~value : value;
		}
		return true;
	}
	return false;
}

bool tp_addr_is_tunnelled(const struct tp_addr *addr)
{
	static const uint8_t six_to_four[] = {0x20, 0x02};
	static const uint8_t teredo[] = {0x20, 0x01, 0, 0};

	return addr->family == TP_FAMILY_IPV6 &&
	       (memcmp(addr->bytes, six_to_four, sizeof(six_to_four)) == 0 ||
		memcmp(addr->bytes, teredo, sizeof(teredo)) == 0);
}

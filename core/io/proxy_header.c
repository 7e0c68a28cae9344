/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/bytes.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

/* --- what both versions share --------------------------------------------- */

static void set_ipv4(struct tp_addr *out, const uint8_t *bytes, uint16_t port)
{
	*out = (struct tp_addr){.family = TP_FAMILY_IPV4, .port = port};
	memcpy(out->bytes, bytes, 4);
}

/* A proxy with one socket for both families names IPv4 clients as mapped. */
static void set_ipv6(struct tp_addr *out, const uint8_t *bytes, uint16_t port)
{
	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		set_ipv4(out, bytes + sizeof(mapped), port);
		return;
	}
	*out = (struct tp_addr){.family = TP_FAMILY_IPV6, .port = port};
	memcpy(out->bytes, bytes, 16);
}

/* --- version 1 ------------------------------------------------------------ */

#define V1_START "PROXY "
#define V1_START_LEN (sizeof(V1_START) - 1)
#define V1_MAX 107 /* CR and LF included */
#define V1_WORDS 5 /* protocol, two addresses, two ports */

/* Between single spaces. Returns their number; beyond V1_WORDS any is too many. */
static size_t split(char *line, char *words[V1_WORDS])
{
	size_t count = 0;

	for (char *next = line; next != NULL; count++) {
		char *word = next;

		next = strchr(word, ' ');
		if (next != NULL) {
			*next++ = '\0';
		}
		if (count < V1_WORDS) {
			words[count] = word;
		}
	}
	return count;
}

/* Decimal, without leading zeros; 0 is no client's port. */
static bool parse_port(const char *word, uint16_t *out)
{
	size_t len = strlen(word);
	unsigned port = 0;

	if (len == 0 || len > 5 || word[0] == '0') {
		return false;
	}
	for (size_t i = 0; i < len; i++) {
		if (word[i] < '0' || word[i] > '9') {
			return false;
		}
		port = port * 10 + (unsigned)(word[i] - '0');
	}
	*out = (uint16_t)port;
	return port <= UINT16_MAX;
}

static bool parse_words(char *words[V1_WORDS], struct tp_addr *client_addr)
{
	bool ipv4 = strcmp(words[0], "TCP4") == 0;
	int family = ipv4 ? AF_INET : AF_INET6;
	uint8_t client[16];
	uint8_t server[16];
	uint16_t client_port;
	uint16_t server_port;

	if ((!ipv4 && strcmp(words[0], "TCP6") != 0) || inet_pton(family, words[1], client) != 1 ||
	    inet_pton(family, words[2], server) != 1 || !parse_port(words[3], &client_port) ||
	    !parse_port(words[4], &server_port)) {
		return false;
	}
	if (ipv4) {
		set_ipv4(client_addr, client, client_port);
	} else {
		set_ipv6(client_addr, client, client_port);
	}
	return true;
}

/* What stands after "UNKNOWN" must be ignored. */
static bool parse_line(char *line, struct tp_addr *client_addr)
{
	char *words[V1_WORDS];
	size_t count = split(line, words);

	if (strcmp(words[0], "UNKNOWN") == 0) {
		return true;
	}
	return count == V1_WORDS && parse_words(words, client_addr);
}

static long parse_v1(const uint8_t *bytes, size_t len, struct tp_addr *client_addr)
{
	size_t line_max = len < V1_MAX ? len : V1_MAX;
	const uint8_t *end = memchr(bytes, '\n', line_max);
	char line[V1_MAX];
	size_t line_len;

	if (end == NULL) {
		return len < V1_MAX ? 0 : TP_EPROTO;
	}
	line_len = (size_t)(end - bytes) - V1_START_LEN;
	if (end[-1] != '\r' || memchr(bytes, '\0', (size_t)(end - bytes)) != NULL) {
		return TP_EPROTO;
	}
	line_len--;
	memcpy(line, bytes + V1_START_LEN, line_len);
	line[line_len] = '\0';
	return parse_line(line, client_addr) ? end + 1 - bytes : TP_EPROTO;
}

/* --- version 2 ------------------------------------------------------------ */

#define V2_START "\r\n\r\n\0\r\nQUIT\n"
#define V2_START_LEN (sizeof(V2_START) - 1)
#define V2_FIXED_LEN 16
#define V2_LOCAL 0x20 /* version and command */
#define V2_PROXY 0x21
#define V2_IPV4_LEN 12
#define V2_IPV6_LEN 36
#define V2_UNIX_LEN 216

/* Family and protocol, in one byte. */
enum protocol { STREAM = 0x01, DATAGRAM = 0x02 };
#define V2_UNSPECIFIED 0x00
#define V2_IPV4 0x10
#define V2_IPV6 0x20
#define V2_UNIX 0x30

static bool parse_addresses(uint8_t kind, enum protocol protocol, const uint8_t *bytes, size_t len,
			    struct tp_addr *client_addr)
{
	if (kind == V2_UNSPECIFIED) {
		return true;
	}
	switch (kind ^ protocol) {
	case V2_UNIX:
		return len >= V2_UNIX_LEN;
	case V2_IPV4:
		if (len < V2_IPV4_LEN) {
			return false;
		}
		set_ipv4(client_addr, bytes, tp_get_u16(bytes + 8));
		return client_addr->port != 0;
	case V2_IPV6:
		if (len < V2_IPV6_LEN) {
			return false;
		}
		set_ipv6(client_addr, bytes, tp_get_u16(bytes + 32));
		return client_addr->port != 0;
	default: /* of the other protocol among them */
		return false;
	}
}

static long parse_v2(const uint8_t *bytes, size_t len, enum protocol protocol,
		     struct tp_addr *client_addr)
{
	size_t rest_len;

	if (len > V2_START_LEN && bytes[V2_START_LEN] != V2_LOCAL &&
	    bytes[V2_START_LEN] != V2_PROXY) {
		return TP_EPROTO;
	}
	if (len < V2_FIXED_LEN) {
		return 0;
	}
	rest_len = tp_get_u16(bytes + V2_FIXED_LEN - 2);
	if (rest_len > TP_PROXY_HEADER_MAX - V2_FIXED_LEN) {
		return TP_EPROTO;
	}
	if (len - V2_FIXED_LEN < rest_len) {
		return 0;
	}
	if (bytes[V2_START_LEN] == V2_PROXY &&
	    !parse_addresses(bytes[V2_START_LEN + 1], protocol, bytes + V2_FIXED_LEN, rest_len,
			     client_addr)) {
		return TP_EPROTO;
	}
	return (long)(V2_FIXED_LEN + rest_len);
}

/* --- either --------------------------------------------------------------- */

static bool begins(const uint8_t *bytes, size_t len, const char *start, size_t start_len)
{
	return memcmp(bytes, start, len < start_len ? len : start_len) == 0;
}

long tp_proxy_header_parse(const uint8_t *bytes, size_t len, struct tp_addr *client_addr)
{
	struct tp_addr found = {.family = TP_FAMILY_NONE};
	long header_len = TP_EPROTO;

	if (len == 0) {
		return 0;
	}
	if (begins(bytes, len, V1_START, V1_START_LEN)) {
		header_len = len < V1_START_LEN ? 0 : parse_v1(bytes, len, &found);
	} else if (begins(bytes, len, V2_START, V2_START_LEN)) {
		header_len = parse_v2(bytes, len, STREAM, &found);
	}
	if (header_len > 0) {
		*client_addr = found;
	}
	return header_len;
}

long tp_proxy_header_parse_datagram(const uint8_t *bytes, size_t len, struct tp_addr *client_addr)
{
	struct tp_addr found = {.family = TP_FAMILY_NONE};
	long header_len = 0;

	if (begins(bytes, len, V2_START, V2_START_LEN)) {
		header_len = parse_v2(bytes, len, DATAGRAM, &found);
	}
	if (header_len <= 0) {
		return TP_EPROTO;
	}
	*client_addr = found;
	return header_len;
}

/* --- writing -------------------------------------------------------------- */

static void write_ipv6(struct tp_writer *writer, const struct tp_addr *addr)
{
	if (addr->family == TP_FAMILY_IPV6) {
		tp_write_bytes(writer, addr->bytes, 16);
	} else {
		tp_write_bytes(writer, mapped, sizeof(mapped));
		tp_write_bytes(writer, addr->bytes, 4);
	}
}

size_t tp_proxy_header_write(uint8_t out[TP_PROXY_HEADER_WRITTEN_MAX],
			     const struct tp_addr *client_addr, const struct tp_addr *server_addr)
{
	bool ipv4 = client_addr->family == TP_FAMILY_IPV4 && server_addr->family == TP_FAMILY_IPV4;
	struct tp_writer writer;

	tp_writer_init(&writer, out, TP_PROXY_HEADER_WRITTEN_MAX);
	tp_write_bytes(&writer, V2_START, V2_START_LEN);
	tp_write_u8(&writer, V2_PROXY);
	tp_write_u8(&writer, (ipv4 ? V2_IPV4 : V2_IPV6) | STREAM);
	tp_write_u16(&writer, ipv4 ? V2_IPV4_LEN : V2_IPV6_LEN);
	if (ipv4) {
		tp_write_bytes(&writer, client_addr->bytes, 4);
		tp_write_bytes(&writer, server_addr->bytes, 4);
	} else {
		write_ipv6(&writer, client_addr);
		write_ipv6(&writer, server_addr);
	}
	tp_write_u16(&writer, client_addr->port);
	tp_write_u16(&writer, server_addr->port);
	return tp_writer_len(&writer);
}

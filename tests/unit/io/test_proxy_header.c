/* SPDX-License-Identifier: Apache-2.0 */
#include "io/proxy_header.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "support/io_fixture.h"
#include "support/suite.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define LITERAL(text) (text), sizeof(text) - 1

/* Exactly so many bytes, so that a sanitizer sees reading beyond them. */
static long parse(const void *bytes, size_t len, struct tp_addr *client_addr)
{
	uint8_t *exact = malloc(len == 0 ? 1 : len);
	long header_len;

	if (exact == NULL) {
		abort();
	}
	memcpy(exact, bytes, len);
	header_len = tp_proxy_header_parse(exact, len, client_addr);
	free(exact);
	return header_len;
}

struct header_case {
	const char *bytes;
	size_t len;
	long header_len; /* what is to come out; 0: more */
	const char *client_addr;
};

static void check_cases(const struct header_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct tp_addr client_addr = {.family = TP_FAMILY_NONE};
		struct tp_addr wanted = {.family = TP_FAMILY_NONE};

		if (cases[i].client_addr != NULL) {
			wanted = io_addr(cases[i].client_addr);
		}
		CU_ASSERT_EQUAL(parse(cases[i].bytes, cases[i].len, &client_addr),
				cases[i].header_len);
		CU_ASSERT_TRUE(tp_addr_equal(&client_addr, &wanted));
	}
}

static void lines_name_the_client(void)
{
	static const struct header_case cases[] = {
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 4000 3478\r\n"), 45, "192.0.2.1:4000"},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 65535 1\r\nmore"), 43,
		 "192.0.2.1:65535"},
		{LITERAL("PROXY TCP6 2001:db8::1 2001:db8::2 4000 3478\r\n"), 46,
		 "[2001:db8::1]:4000"},
		{LITERAL("PROXY TCP6 ::ffff:192.0.2.1 ::1 4000 3478\r\n"), 43, "192.0.2.1:4000"},
		{LITERAL("PROXY UNKNOWN\r\n"), 15, NULL},
		{LITERAL("PROXY UNKNOWN any thing at all, even more words\r\n"), 49, NULL},
	};

	check_cases(cases, sizeof(cases) / sizeof(cases[0]));
}

static void lines_that_are_no_header_are_refused(void)
{
	static const struct header_case cases[] = {
		{LITERAL("GET / HTTP/1.1\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXZ"), TP_EPROTO, NULL},
		{LITERAL("proxy TCP4 192.0.2.1 198.51.100.2 4000 3478\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY \r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY \n"), TP_EPROTO, NULL},
		{LITERAL("PROXY UNKNOWNS\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY UDP4 192.0.2.1 198.51.100.2 4000 3478\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 4000\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 4000 3478 1\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 4000 3478\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4  192.0.2.1 198.51.100.2 4000 3478\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 4000 3478 \r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 4000 3478\0\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2 198.51.100.2 4000 3478\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 2001:db8::1 2001:db8::2 4000 3478\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP6 192.0.2.1 198.51.100.2 4000 3478\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 0 3478\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 65536 3478\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 04000 3478\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 +400 3478\r\n"), TP_EPROTO, NULL},
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 4000 123456789\r\n"), TP_EPROTO, NULL},
	};

	check_cases(cases, sizeof(cases) / sizeof(cases[0]));
}

static void longest_line_has_107_bytes(void)
{
	char line[120];
	struct tp_addr client_addr;

	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	CU_ASSERT_EQUAL(parse(line, 106, &client_addr), 0);
	CU_ASSERT_EQUAL(parse(line, 107, &client_addr), TP_EPROTO);
	memcpy(line + 106, "\r\n", 2);
	CU_ASSERT_EQUAL(parse(line, 108, &client_addr), TP_EPROTO);
	memcpy(line + 105, "\r\n", 2);
	CU_ASSERT_EQUAL(parse(line, 107, &client_addr), 107);
	CU_ASSERT_EQUAL(parse(line, sizeof(line), &client_addr), 107);
}

#define TCP4_ADDRESSES "\xc0\x00\x02\x01\xc6\x33\x64\x02\x0f\xa0\x0d\x96"
#define TCP6_ADDRESSES                                                                             \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"                                               \
	"\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x0f\xa0\x0d\x96"
#define TCP6_MAPPED                                                                                \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x01"                                             \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\x02\x0f\xa0\x0d\x96"
#define NO_PORT "\xc0\x00\x02\x01\xc6\x33\x64\x02\x00\x00\x0d\x96"

static void binary_headers_name_the_client(void)
{
	static const struct header_case cases[] = {
		{LITERAL(SIGNATURE "\x21\x11\x00\x0c" TCP4_ADDRESSES), 28, "192.0.2.1:4000"},
		{LITERAL(SIGNATURE "\x21\x11\x00\x0c" TCP4_ADDRESSES "more"), 28, "192.0.2.1:4000"},
		{LITERAL(SIGNATURE "\x21\x11\x00\x10" TCP4_ADDRESSES "\x04\x00\x01\x00"), 32,
		 "192.0.2.1:4000"},
		{LITERAL(SIGNATURE "\x21\x21\x00\x24" TCP6_ADDRESSES), 52, "[2001:db8::1]:4000"},
		{LITERAL(SIGNATURE "\x21\x21\x00\x24" TCP6_MAPPED), 52, "192.0.2.1:4000"},
		{LITERAL(SIGNATURE "\x21\x00\x00\x00"), 16, NULL},
		{LITERAL(SIGNATURE "\x20\x00\x00\x00"), 16, NULL},
		{LITERAL(SIGNATURE "\x20\x11\x00\x0c" TCP4_ADDRESSES), 28, NULL}, /* LOCAL */
	};

	check_cases(cases, sizeof(cases) / sizeof(cases[0]));
}

static void broken_binary_headers_are_refused(void)
{
	static const struct header_case cases[] = {
		{LITERAL("\r\n\r\n\0\r\nQUIX"), TP_EPROTO, NULL},
		{LITERAL(SIGNATURE "\x11"), TP_EPROTO, NULL},
		{LITERAL(SIGNATURE "\x31\x11\x00\x0c" TCP4_ADDRESSES), TP_EPROTO, NULL},
		{LITERAL(SIGNATURE "\x22\x11\x00\x0c" TCP4_ADDRESSES), TP_EPROTO, NULL},
		{LITERAL(SIGNATURE "\x21\x12\x00\x0c" TCP4_ADDRESSES), TP_EPROTO, NULL}, /* UDP */
		{LITERAL(SIGNATURE "\x21\x41\x00\x0c" TCP4_ADDRESSES), TP_EPROTO, NULL},
		{LITERAL(SIGNATURE "\x21\x11\x00\x08" TCP4_ADDRESSES), TP_EPROTO, NULL},
		{LITERAL(SIGNATURE "\x21\x21\x00\x0c" TCP4_ADDRESSES), TP_EPROTO, NULL},
		{LITERAL(SIGNATURE "\x21\x31\x00\x0c" TCP4_ADDRESSES), TP_EPROTO, NULL},
		{LITERAL(SIGNATURE "\x21\x11\x00\x0c" NO_PORT), TP_EPROTO, NULL},
		{LITERAL(SIGNATURE "\x21\x11\x03\xf1"), TP_EPROTO, NULL}, /* 1009 + 16 */
		{LITERAL(SIGNATURE "\x21\x11\xff\xff"), TP_EPROTO, NULL},
		{LITERAL(SIGNATURE "\x21\x11\x03\xf0"), 0, NULL},
	};

	check_cases(cases, sizeof(cases) / sizeof(cases[0]));
}

static void part_of_a_header_asks_for_more(void)
{
	static const struct header_case wholes[] = {
		{LITERAL("PROXY TCP4 192.0.2.1 198.51.100.2 4000 3478\r\n"), 0, NULL},
		{LITERAL(SIGNATURE "\x21\x11\x00\x0c" TCP4_ADDRESSES), 0, NULL},
		{LITERAL(SIGNATURE "\x21\x21\x00\x24" TCP6_ADDRESSES), 0, NULL},
	};

	for (size_t i = 0; i < sizeof(wholes) / sizeof(wholes[0]); i++) {
		for (size_t len = 0; len < wholes[i].len; len++) {
			struct tp_addr client_addr;

			CU_ASSERT_EQUAL(parse(wholes[i].bytes, len, &client_addr), 0);
		}
	}
}

/* The bytes after the fixed part: both addresses, both ports. */
static void what_is_written_names_both_ends(void)
{
	static const struct {
		const char *client_addr;
		const char *server_addr;
		const char *rest;
		size_t len;
	} cases[] = {
		{"192.0.2.1:4000", "198.51.100.2:443",
		 LITERAL("\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x0f\xa0\x01\xbb")},
		{"[2001:db8::1]:4000", "[2001:db8::2]:443",
		 LITERAL("\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
			 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x0f\xa0\x01\xbb")},
		{"192.0.2.1:4000", "[2001:db8::2]:443",
		 LITERAL("\x21\x21\0\x24\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\x02\x01"
			 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x0f\xa0\x01\xbb")},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t header[TP_PROXY_HEADER_WRITTEN_MAX];
		struct tp_addr client_addr = io_addr(cases[i].client_addr);
		struct tp_addr server_addr = io_addr(cases[i].server_addr);
		size_t len = tp_proxy_header_write(header, &client_addr, &server_addr);
		struct tp_addr found;

		CU_ASSERT_EQUAL_FATAL(len, 12 + cases[i].len);
		CU_ASSERT_EQUAL(memcmp(header, SIGNATURE, 12), 0);
		CU_ASSERT_EQUAL(memcmp(header + 12, cases[i].rest, cases[i].len), 0);
		CU_ASSERT_EQUAL(parse(header, len, &found), (long)len);
		CU_ASSERT_TRUE(tp_addr_equal(&found, &client_addr));
	}
}

struct datagram_case {
	const char *rest; /* after the signature */
	size_t len;
	long header_len;
	const char *client_addr;
};

static void datagrams_have_headers_of_their_own(void)
{
	static const struct datagram_case cases[] = {
		{LITERAL("\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x0f\xa0\x0d\x96more"), 28,
		 "192.0.2.1:4000"},
		{LITERAL("\x21\x12\0\x0f\xc0\0\x02\x01\xc6\x33\x64\x02\x0f\xa0\x0d\x96\x04\0\0"),
		 31, "192.0.2.1:4000"},
		{LITERAL("\x21\x22\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
			 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02\x0f\xa0\x0d\x96"),
		 52, "[2001:db8::1]:4000"},
		{LITERAL("\x20\0\0\0check"), 16, NULL},
		{LITERAL("\x20\x12\0\x01zcheck"), 17, NULL},
		{LITERAL("\x21\0\0\0check"), 16, NULL},
		{LITERAL("\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x0f\xa0\x0d\x96"), TP_EPROTO,
		 NULL}, /* of a stream */
		{LITERAL("\x21\x12\0\x0b\xc0\0\x02\x01\xc6\x33\x64\x02\x0f\xa0\x0d\x96"), TP_EPROTO,
		 NULL},
		{LITERAL("\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\0\0\x0d\x96"), TP_EPROTO,
		 NULL}, /* no port */
		{LITERAL("\x21\x12\0\x0d\xc0\0\x02\x01\xc6\x33\x64\x02\x0f\xa0\x0d\x96"), TP_EPROTO,
		 NULL}, /* not whole */
		{LITERAL("\x21\x12\0"), TP_EPROTO, NULL},
		{LITERAL("\x22\x12\0\0"), TP_EPROTO, NULL},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t len = 12 + cases[i].len;
		uint8_t *bytes = malloc(len);
		struct tp_addr found = {.family = TP_FAMILY_NONE};
		struct tp_addr wanted = {.family = TP_FAMILY_NONE};

		CU_ASSERT_PTR_NOT_NULL_FATAL(bytes);
		memcpy(bytes, SIGNATURE, 12);
		memcpy(bytes + 12, cases[i].rest, cases[i].len);
		if (cases[i].client_addr != NULL) {
			wanted = io_addr(cases[i].client_addr);
		}
		CU_ASSERT_EQUAL(tp_proxy_header_parse_datagram(bytes, len, &found),
				cases[i].header_len);
		CU_ASSERT_TRUE(tp_addr_equal(&found, &wanted));
		free(bytes);
	}
}

TEST_SUITE("proxy_header", TEST(lines_name_the_client), TEST(lines_that_are_no_header_are_refused),
	   TEST(longest_line_has_107_bytes), TEST(binary_headers_name_the_client),
	   TEST(broken_binary_headers_are_refused), TEST(part_of_a_header_asks_for_more),
	   TEST(what_is_written_names_both_ends), TEST(datagrams_have_headers_of_their_own))

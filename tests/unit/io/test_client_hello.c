/* SPDX-License-Identifier: Apache-2.0 */
#include "io/client_hello.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/bytes.h"
#include "support/hello.h"
#include "support/suite.h"

/* Exactly so many bytes, so that a sanitizer sees reading beyond them. */
static int parse(const uint8_t *bytes, size_t len, struct tp_client_hello *out, size_t *wanted)
{
	uint8_t *exact = malloc(len == 0 ? 1 : len);
	int err;

	if (exact == NULL) {
		abort();
	}
	memcpy(exact, bytes, len);
	err = tp_client_hello_parse(exact, len, out, wanted);
	free(exact);
	return err;
}

static int parse_whole(const struct hello *hello, struct tp_client_hello *out)
{
	size_t wanted;

	return parse(hello->bytes, hello->len, out, &wanted);
}

static void name_and_protocols_are_read(void)
{
	static const struct {
		const char *protocols;
		bool speaks_stun;
	} cases[] = {
		{"\x09stun.turn", true},
		{"\x12stun.nat-discovery", true},
		{"\x02h2\x09stun.turn", true},
		{"\x02h2\x08http/1.1", false},
		{"\x0a"
		 "acme-tls/1",
		 false},
		{"\x08stun.tur", false},
		{"\x0astun.turn2", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_client_hello found;
		struct hello hello;

		hello_begin(&hello);
		hello_add_other(&hello, 7);
		hello_add_name(&hello, "TURN.example.org");
		hello_add_alpn(&hello, cases[i].protocols);
		CU_ASSERT_EQUAL(parse_whole(&hello, &found), 0);
		CU_ASSERT_STRING_EQUAL(found.server_name, "turn.example.org");
		CU_ASSERT_TRUE(found.has_alpn);
		CU_ASSERT_EQUAL(found.speaks_stun, cases[i].speaks_stun);
	}
}

static void neither_need_be_there(void)
{
	struct tp_client_hello found;
	struct hello hello;

	hello_begin(&hello);
	hello_set_lengths(&hello);
	CU_ASSERT_EQUAL(parse_whole(&hello, &found), 0);
	CU_ASSERT_STRING_EQUAL(found.server_name, "");
	CU_ASSERT_FALSE(found.has_alpn);
	hello.len -= 2; /* RFC 5246 section 7.4.1.2: no extensions at all */
	tp_put_u16(hello.bytes + 3, (uint16_t)(hello.len - 5));
	tp_put_u16(hello.bytes + 7, (uint16_t)(hello.len - 9));
	CU_ASSERT_EQUAL(parse_whole(&hello, &found), 0);
}

/* What is asked for is always more than there is, and never more than there comes. */
static void each_part_asks_for_what_is_missing(void)
{
	struct tp_client_hello found;
	struct hello hello;
	size_t wanted;

	hello_begin(&hello);
	hello_add_name(&hello, "turn.example.org");
	for (size_t len = 0; len < hello.len; len++) {
		CU_ASSERT_EQUAL(parse(hello.bytes, len, &found, &wanted), TP_EAGAIN);
		CU_ASSERT_TRUE(wanted > len && wanted <= hello.len);
		CU_ASSERT_EQUAL(wanted, len < 5 ? 5 : hello.len);
	}
	hello_put(&hello, "more", 4); /* what follows is not looked at */
	CU_ASSERT_EQUAL(parse_whole(&hello, &found), 0);
}

/* RFC 8446 section 5.1: handshake messages may be cut across records. */
static void records_may_cut_it_anywhere(void)
{
	struct tp_client_hello found;
	struct hello whole;
	struct hello cut;

	hello_begin(&whole);
	hello_add_name(&whole, "turn.example.org");
	hello_add_alpn(&whole, "\x09stun.turn");
	memset(&cut, 0, sizeof(cut));
	for (size_t i = 5; i < whole.len; i++) {
		hello_put(&cut, "\x16\x03\x03\0\x01", 5);
		hello_put(&cut, &whole.bytes[i], 1);
	}
	CU_ASSERT_EQUAL(parse_whole(&cut, &found), 0);
	CU_ASSERT_STRING_EQUAL(found.server_name, "turn.example.org");
	CU_ASSERT_TRUE(found.speaks_stun);
}

static void other_bytes_are_refused(void)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
		{"GET / HTTP/1.1\r\n", 16},
		{"\x16\x02\x01\0\x05\x01\0\0\x01\0", 10}, /* version */
		{"\x15\x03\x01\0\x02\x01\0", 7},          /* an alert */
		{"\x16\x03\x01\0\0", 5},                  /* empty */
		{"\x16\x03\x01\x40\x01", 5},              /* overlong */
		{"\x16\x03\x01\0\x05\x02\0\0\x01\0", 10}, /* a ServerHello */
		{"\x16\x03\x01\0\x04\x01\x01\0\0", 9},    /* 64 KiB of ClientHello */
		{"\x16\x03\x01\0\x05\x01\0\0\x01\x03", 10},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_client_hello found;
		size_t wanted;

		CU_ASSERT_EQUAL(
			parse((const uint8_t *)cases[i].bytes, cases[i].len, &found, &wanted),
			TP_EPROTO);
	}
}

/* Each length that does not fit what it counts. */
static void lengths_that_lie_are_refused(void)
{
	struct hello good;

	hello_begin(&good);
	hello_add_name(&good, "turn.example.org");
	hello_add_alpn(&good, "\x09stun.turn");
	for (size_t i = 43; i < good.len; i++) {
		struct tp_client_hello found;
		struct hello bad = good;
		bool text = (i >= 61 && i < 77) || i >= 84; /* of the name, of the protocol */
		bool kind = i == 52 || i == 53 || i == 58 || i == 77 || i == 78;
		bool other = i == 46 || i == 47 || i == 49; /* ciphers, compression */

		if (!text && !kind && !other) {
			bad.bytes[i] ^= 0x40;
			CU_ASSERT_EQUAL(parse_whole(&bad, &found), TP_EPROTO);
		}
	}
}

static void things_said_twice_are_refused(void)
{
	struct tp_client_hello found;
	struct hello hello;

	hello_begin(&hello);
	hello_add_name(&hello, "turn.example.org");
	hello_add_name(&hello, "www.example.org");
	CU_ASSERT_EQUAL(parse_whole(&hello, &found), TP_EPROTO);
	hello_begin(&hello);
	hello_add_alpn(&hello, "\x09stun.turn");
	hello_add_alpn(&hello, "\x02h2");
	CU_ASSERT_EQUAL(parse_whole(&hello, &found), TP_EPROTO);
}

static void names_that_are_none_are_refused(void)
{
	static const char *const names[] = {"", " ", "a b", "a\tb", "\x7f", "\xc3\xa4"};
	char longest[TP_SERVER_NAME_SIZE + 1];
	struct tp_client_hello found;
	struct hello hello;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		hello_begin(&hello);
		hello_add_name(&hello, names[i]);
		CU_ASSERT_EQUAL(parse_whole(&hello, &found), TP_EPROTO);
	}
	memset(longest, 'a', sizeof(longest));
	longest[TP_SERVER_NAME_SIZE] = '\0';
	hello_begin(&hello);
	hello_add_name(&hello, longest);
	CU_ASSERT_EQUAL(parse_whole(&hello, &found), TP_EPROTO);
	longest[TP_SERVER_NAME_SIZE - 1] = '\0';
	hello_begin(&hello);
	hello_add_name(&hello, longest);
	CU_ASSERT_EQUAL(parse_whole(&hello, &found), 0);
	CU_ASSERT_STRING_EQUAL(found.server_name, longest);
}

static void longest_is_taken_and_no_longer(void)
{
	struct tp_client_hello found;
	struct hello hello;
	size_t wanted;

	hello_begin(&hello);
	hello_add_other(&hello, TP_CLIENT_HELLO_MAX - hello.len - 4);
	CU_ASSERT_EQUAL(hello.len, TP_CLIENT_HELLO_MAX);
	CU_ASSERT_EQUAL(parse(hello.bytes, 5, &found, &wanted), TP_EAGAIN);
	CU_ASSERT_EQUAL(wanted, TP_CLIENT_HELLO_MAX);
	CU_ASSERT_EQUAL(parse_whole(&hello, &found), 0);
	hello_begin(&hello);
	hello_add_other(&hello, TP_CLIENT_HELLO_MAX - hello.len - 3);
	CU_ASSERT_EQUAL(parse(hello.bytes, 5, &found, &wanted), TP_EPROTO);
}

TEST_SUITE("client_hello", TEST(name_and_protocols_are_read), TEST(neither_need_be_there),
	   TEST(each_part_asks_for_what_is_missing), TEST(records_may_cut_it_anywhere),
	   TEST(other_bytes_are_refused), TEST(lengths_that_lie_are_refused),
	   TEST(things_said_twice_are_refused), TEST(names_that_are_none_are_refused),
	   TEST(longest_is_taken_and_no_longer))

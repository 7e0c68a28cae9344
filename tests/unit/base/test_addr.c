/* SPDX-License-Identifier: Apache-2.0 */
#include "base/addr.h"

#include <string.h>

#include <turnpike/error.h>

#include "support/suite.h"

static const char *const round_trips[] = {
	"192.0.2.1:3478",
	"192.0.2.1",
	"0.0.0.0:1",
	"255.255.255.255:65535",
	"2001:db8::1",
	"[2001:db8::1]:3478",
	"::",
	"[::]:3478",
	"::1",
	"[::ffff:192.0.2.1]:80",
};

static void reads_what_it_writes(void)
{
	for (size_t i = 0; i < sizeof(round_trips) / sizeof(round_trips[0]); i++) {
		char text[TP_ADDR_STRING];
		struct tp_addr addr;

		CU_ASSERT_EQUAL(tp_addr_parse(round_trips[i], &addr), 0);
		CU_ASSERT_STRING_EQUAL(tp_addr_format(&addr, text), round_trips[i]);
	}
}

static const char *const malformed[] = {
	"",
	":",
	"192.0.2.1:",
	"192.0.2.1:65536",
	"192.0.2.1:-1",
	"192.0.2.1:1 ",
	" 192.0.2.1",
	"192.0.2.256",
	"192.0.2",
	"192.0.2.1:0x10",
	"[2001:db8::1",
	"[2001:db8::1]x",
	"[2001:db8::1]:",
	"2001:db8::1::",
	"example.org",
	"[192.0.2.1]:1",
	"192.0.2.1:000001",
	"fe80::1%",
	"[fe80::1%nosuchinterface]:1",
	"2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8:2001:db8",
};

static void refuses_everything_else_and_leaves_out_alone(void)
{
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct tp_addr addr = {.port = 77};

		if (tp_addr_parse(malformed[i], &addr) != TP_EINVAL || addr.port != 77) {
			CU_FAIL(malformed[i]);
		}
	}
}

static void converts_to_the_systems_form_and_back(void)
{
	for (size_t i = 0; i < sizeof(round_trips) / sizeof(round_trips[0]); i++) {
		struct sockaddr_storage sa;
		struct tp_addr addr;
		struct tp_addr back;

		CU_ASSERT_EQUAL(tp_addr_parse(round_trips[i], &addr), 0);
		CU_ASSERT_NOT_EQUAL(tp_addr_to_sockaddr(&addr, &sa), 0);
		tp_addr_from_sockaddr(&back, (const struct sockaddr *)&sa);
		CU_ASSERT_TRUE(tp_addr_equal(&addr, &back));
	}
}

static void no_family_has_no_form(void)
{
	struct tp_addr none = {.family = TP_FAMILY_NONE};
	struct sockaddr_storage sa = {.ss_family = AF_UNIX};
	struct tp_addr addr;

	CU_ASSERT_EQUAL(tp_addr_to_sockaddr(&none, &sa), 0);
	tp_addr_from_sockaddr(&addr, (const struct sockaddr *)&sa);
	CU_ASSERT_EQUAL(addr.family, TP_FAMILY_NONE);
}

static const struct {
	const char *outer;
	const char *inner; /* NULL: none */
} embedded[] = {
	{"::ffff:192.0.2.1", "192.0.2.1"},
	{"::192.0.2.1", "192.0.2.1"},
	{"64:ff9b::c000:201", "192.0.2.1"},
	{"64:ff9b:1::c000:201", "192.0.2.1"},
	{"2002:c000:201::1", "192.0.2.1"},
	{"2001:0:1:2:3:4:3fff:fdfe", "192.0.2.1"},
	{"2001:db8::1", NULL},
	{"::1", NULL},
	{"::", NULL},
	{"fe80::1", NULL},
};

static void finds_the_ipv4_address_inside(void)
{
	for (size_t i = 0; i < sizeof(embedded) / sizeof(embedded[0]); i++) {
		struct tp_addr outer;
		struct tp_addr inner;
		struct tp_addr expected;
		bool found;

		CU_ASSERT_EQUAL(tp_addr_parse(embedded[i].outer, &outer), 0);
		outer.port = 5;
		found = tp_addr_embedded_ipv4(&outer, &inner);
		CU_ASSERT_EQUAL(found, embedded[i].inner != NULL);
		if (found && embedded[i].inner != NULL) {
			CU_ASSERT_EQUAL(tp_addr_parse(embedded[i].inner, &expected), 0);
			expected.port = 5;
			CU_ASSERT_TRUE(tp_addr_equal(&inner, &expected));
		}
	}
}

static void five_tuples_are_written_for_people(void)
{
	struct tp_five_tuple five_tuple = {.transport = TP_TRANSPORT_TLS};
	char text[TP_FIVE_TUPLE_STRING];

	tp_addr_parse("192.0.2.1:4000", &five_tuple.client_addr);
	tp_addr_parse("[2001:db8::1]:5349", &five_tuple.server_addr);
	CU_ASSERT_STRING_EQUAL(tp_five_tuple_format(&five_tuple, text),
			       "tls 192.0.2.1:4000 > [2001:db8::1]:5349");
}

static void addresses_are_keys_without_padding(void)
{
	CU_ASSERT_EQUAL(sizeof(struct tp_addr), 24);
	CU_ASSERT_EQUAL(sizeof(struct tp_five_tuple), 52);
}

/* Each byte of both addresses, IPv4 and IPv6, and the transport. */
static void five_tuples_that_differ_are_hashed_differently(void)
{
	static const struct {
		const char *client;
		const char *server;
		uint32_t transport;
	} cases[] = {
		{"192.0.2.1:4000", "198.51.100.1:3478", TP_TRANSPORT_UDP},
		{"192.0.2.2:4000", "198.51.100.1:3478", TP_TRANSPORT_UDP},
		{"193.0.2.1:4000", "198.51.100.1:3478", TP_TRANSPORT_UDP},
		{"192.0.2.1:4001", "198.51.100.1:3478", TP_TRANSPORT_UDP},
		{"192.0.2.1:4256", "198.51.100.1:3478", TP_TRANSPORT_UDP},
		{"192.0.2.1:4000", "198.51.100.2:3478", TP_TRANSPORT_UDP},
		{"192.0.2.1:4000", "198.51.100.1:3479", TP_TRANSPORT_UDP},
		{"192.0.2.1:4000", "198.51.100.1:3478", TP_TRANSPORT_TCP},
		{"192.0.2.1:4000", "198.51.100.1:3478", TP_TRANSPORT_DTLS},
		{"198.51.100.1:3478", "192.0.2.1:4000", TP_TRANSPORT_UDP},
		{"[2001:db8::1]:4000", "[2001:db8::2]:3478", TP_TRANSPORT_UDP},
		{"[2001:db8::1:1]:4000", "[2001:db8::2]:3478", TP_TRANSPORT_UDP},
		{"[2001:db8::1]:4000", "[2001:db8::3]:3478", TP_TRANSPORT_UDP},
		{"[2001:db8::1]:4000", "[2001:db8::2]:3478", TP_TRANSPORT_TCP},
	};
	uint64_t seen[sizeof(cases) / sizeof(cases[0])];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct tp_five_tuple five_tuple = {.transport = cases[i].transport};

		CU_ASSERT_EQUAL(tp_addr_parse(cases[i].client, &five_tuple.client_addr), 0);
		CU_ASSERT_EQUAL(tp_addr_parse(cases[i].server, &five_tuple.server_addr), 0);
		seen[i] = tp_five_tuple_hash(&five_tuple);
		CU_ASSERT_EQUAL(tp_five_tuple_hash(&five_tuple), seen[i]);
		for (size_t other = 0; other < i; other++) {
			CU_ASSERT_NOT_EQUAL(seen[i], seen[other]);
		}
	}
}

TEST_SUITE("addr", TEST(reads_what_it_writes), TEST(refuses_everything_else_and_leaves_out_alone),
	   TEST(converts_to_the_systems_form_and_back), TEST(no_family_has_no_form),
	   TEST(finds_the_ipv4_address_inside), TEST(five_tuples_are_written_for_people),
	   TEST(addresses_are_keys_without_padding),
	   TEST(five_tuples_that_differ_are_hashed_differently));

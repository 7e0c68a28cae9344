/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>

#include "stun/codes.h"
#include "support/suite.h"

static void names_every_method(void)
{
	static const struct {
		uint16_t method;
		const char *name;
	} cases[] = {
		{0x001, "Binding"},        {0x003, "Allocate"},
		{0x004, "Refresh"},        {0x006, "Send"},
		{0x007, "Data"},           {0x008, "CreatePermission"},
		{0x009, "ChannelBind"},    {0x00a, "Connect"},
		{0x00b, "ConnectionBind"}, {0x00c, "ConnectionAttempt"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *name = tp_stun_method_name(cases[i].method);

		CU_ASSERT_PTR_NOT_NULL_FATAL(name);
		CU_ASSERT_STRING_EQUAL(name, cases[i].name);
	}
	CU_ASSERT_PTR_NULL(tp_stun_method_name(0x000));
	CU_ASSERT_PTR_NULL(tp_stun_method_name(0x002)); /* SharedSecret, gone since RFC 5389 */
	CU_ASSERT_PTR_NULL(tp_stun_method_name(0xfff));
}

static void names_registered_attributes(void)
{
	static const struct {
		uint16_t type;
		const char *name;
	} cases[] = {
		{0x0001, "MAPPED-ADDRESS"},
		{0x0003, "CHANGE-REQUEST"},
		{0x0006, "USERNAME"},
		{0x0008, "MESSAGE-INTEGRITY"},
		{0x0009, "ERROR-CODE"},
		{0x000a, "UNKNOWN-ATTRIBUTES"},
		{0x000c, "CHANNEL-NUMBER"},
		{0x000d, "LIFETIME"},
		{0x0012, "XOR-PEER-ADDRESS"},
		{0x0013, "DATA"},
		{0x0014, "REALM"},
		{0x0015, "NONCE"},
		{0x0016, "XOR-RELAYED-ADDRESS"},
		{0x0017, "REQUESTED-ADDRESS-FAMILY"},
		{0x0018, "EVEN-PORT"},
		{0x0019, "REQUESTED-TRANSPORT"},
		{0x001a, "DONT-FRAGMENT"},
		{0x001b, "ACCESS-TOKEN"},
		{0x001c, "MESSAGE-INTEGRITY-SHA256"},
		{0x001d, "PASSWORD-ALGORITHM"},
		{0x001e, "USERHASH"},
		{0x0020, "XOR-MAPPED-ADDRESS"},
		{0x0022, "RESERVATION-TOKEN"},
		{0x0024, "PRIORITY"},
		{0x0025, "USE-CANDIDATE"},
		{0x0026, "PADDING"},
		{0x0027, "RESPONSE-PORT"},
		{0x002a, "CONNECTION-ID"},
		{0x8000, "ADDITIONAL-ADDRESS-FAMILY"},
		{0x8001, "ADDRESS-ERROR-CODE"},
		{0x8002, "PASSWORD-ALGORITHMS"},
		{0x8003, "ALTERNATE-DOMAIN"},
		{0x8004, "ICMP"},
		{0x8022, "SOFTWARE"},
		{0x8023, "ALTERNATE-SERVER"},
		{0x8025, "TRANSACTION_TRANSMIT_COUNTER"},
		{0x8028, "FINGERPRINT"},
		{0x8029, "ICE-CONTROLLED"},
		{0x802a, "ICE-CONTROLLING"},
		{0x802b, "RESPONSE-ORIGIN"},
		{0x802c, "OTHER-ADDRESS"},
		{0x802e, "THIRD-PARTY-AUTHORIZATION"},
		{0x8030, "MOBILITY-TICKET"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *name = tp_stun_attribute_name(cases[i].type);

		CU_ASSERT_PTR_NOT_NULL_FATAL(name);
		CU_ASSERT_STRING_EQUAL(name, cases[i].name);
	}
	CU_ASSERT_PTR_NULL(tp_stun_attribute_name(0x0000));
	CU_ASSERT_PTR_NULL(tp_stun_attribute_name(0x7fff));
	CU_ASSERT_PTR_NULL(tp_stun_attribute_name(0xffff));
}

/* RFC 8489 section 14: 0x0000 to 0x7fff are comprehension-required. */
static void lower_half_of_attributes_is_required(void)
{
	CU_ASSERT_TRUE(tp_stun_attribute_required(0x0000));
	CU_ASSERT_TRUE(tp_stun_attribute_required(0x7fff));
	CU_ASSERT_FALSE(tp_stun_attribute_required(0x8000));
	CU_ASSERT_FALSE(tp_stun_attribute_required(0xffff));
}

static void gives_registered_reasons(void)
{
	static const struct {
		uint16_t code;
		const char *reason;
	} cases[] = {
		{300, "Try Alternate"},
		{400, "Bad Request"},
		{401, "Unauthenticated"},
		{403, "Forbidden"},
		{405, "Mobility Forbidden"},
		{420, "Unknown Attribute"},
		{437, "Allocation Mismatch"},
		{438, "Stale Nonce"},
		{440, "Address Family not Supported"},
		{441, "Wrong Credentials"},
		{442, "Unsupported Transport Protocol"},
		{443, "Peer Address Family Mismatch"},
		{446, "Connection Already Exists"},
		{447, "Connection Timeout or Failure"},
		{486, "Allocation Quota Reached"},
		{487, "Role Conflict"},
		{500, "Server Error"},
		{508, "Insufficient Capacity"},
		{0, "Error"},
		{499, "Error"},
		{65535, "Error"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_STRING_EQUAL(tp_stun_reason(cases[i].code), cases[i].reason);
	}
}

TEST_SUITE("codes", TEST(names_every_method), TEST(names_registered_attributes),
	   TEST(lower_half_of_attributes_is_required), TEST(gives_registered_reasons));

/* SPDX-License-Identifier: Apache-2.0 */
#include "stun/indication.h"

#include <stdlib.h>
#include <string.h>

#include "stun/attr.h"
#include "stun/build.h"
#include "stun/msg.h"
#include "support/exact.h"
#include "support/suite.h"

static const uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = "transaction";

/* Attributes of a message in order, as letters. */
static size_t build(uint8_t *bytes, size_t size, uint16_t method, enum tp_stun_class message_class,
		    const char *attributes, const char *peer, size_t payload_len)
{
	static const uint8_t payload[64] = "what the client sends to the peer";
	struct tp_addr addr;
	struct tp_build out;

	CU_ASSERT_EQUAL(tp_addr_parse(peer, &addr), 0);
	tp_build_init(&out, bytes, size, method, message_class, transaction_id);
	for (; *attributes != '\0'; attributes++) {
		switch (*attributes) {
		case 'p':
			tp_build_xor_addr(&out, TP_ATTR_XOR_PEER_ADDRESS, &addr);
			break;
		case 'd':
			tp_build_bytes(&out, TP_ATTR_DATA, payload, payload_len);
			break;
		case 'f':
			tp_build_bytes(&out, TP_ATTR_DONT_FRAGMENT, NULL, 0);
			break;
		default:
			tp_build_string(&out, TP_ATTR_SOFTWARE, "example");
			break;
		}
	}
	return tp_build_finish(&out);
}

/* What is read at once is what the parser finds. */
static bool agrees(const uint8_t *bytes, size_t len)
{
	struct tp_send_indication send;
	struct tp_stun_msg msg;
	struct tp_addr peer_addr;
	const struct tp_stun_attr *payload;
	const char *reason;

	if (!tp_send_indication_read(&send, bytes, len)) {
		return false;
	}
	CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&msg, bytes, len, &reason), 0);
	CU_ASSERT_EQUAL(msg.method, TP_STUN_SEND);
	CU_ASSERT_EQUAL(msg.message_class, TP_STUN_INDICATION);
	CU_ASSERT_EQUAL(msg.attr_count, 2);
	payload = tp_stun_msg_find(&msg, TP_ATTR_DATA);
	CU_ASSERT_PTR_EQUAL(send.payload.data, payload->value);
	CU_ASSERT_EQUAL(send.payload.len, payload->len);
	CU_ASSERT_EQUAL(tp_attr_read_xor_addr(tp_stun_msg_find(&msg, TP_ATTR_XOR_PEER_ADDRESS),
					      &msg, &peer_addr),
			0);
	CU_ASSERT_TRUE(tp_addr_equal(&send.peer_addr, &peer_addr));
	return true;
}

static void a_plain_send_is_read_at_once_others_are_left(void)
{
	static const struct {
		uint16_t method;
		enum tp_stun_class message_class;
		const char *attributes;
		const char *peer;
		size_t payload_len;
		bool plain;
	} cases[] = {
		{TP_STUN_SEND, TP_STUN_INDICATION, "pd", "192.0.2.1:9", 4, true},
		{TP_STUN_SEND, TP_STUN_INDICATION, "dp", "192.0.2.1:9", 5, true},
		{TP_STUN_SEND, TP_STUN_INDICATION, "pd", "[2001:db8::1]:9", 7, true},
		{TP_STUN_SEND, TP_STUN_INDICATION, "pd", "192.0.2.1:0", 0, true},
		{TP_STUN_SEND, TP_STUN_INDICATION, "p", "192.0.2.1:9", 0, false},
		{TP_STUN_SEND, TP_STUN_INDICATION, "d", "192.0.2.1:9", 4, false},
		{TP_STUN_SEND, TP_STUN_INDICATION, "", "192.0.2.1:9", 4, false},
		{TP_STUN_SEND, TP_STUN_INDICATION, "pfd", "192.0.2.1:9", 4, false},
		{TP_STUN_SEND, TP_STUN_INDICATION, "ppd", "192.0.2.1:9", 4, false},
		{TP_STUN_SEND, TP_STUN_INDICATION, "pdd", "192.0.2.1:9", 4, false},
		{TP_STUN_SEND, TP_STUN_INDICATION, "pds", "192.0.2.1:9", 4, false},
		{TP_STUN_SEND, TP_STUN_REQUEST, "pd", "192.0.2.1:9", 4, false},
		{TP_STUN_DATA, TP_STUN_INDICATION, "pd", "192.0.2.1:9", 4, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[256];
		size_t len = build(bytes, sizeof(bytes), cases[i].method, cases[i].message_class,
				   cases[i].attributes, cases[i].peer, cases[i].payload_len);

		CU_ASSERT_NOT_EQUAL(len, 0);
		CU_ASSERT_EQUAL(agrees(bytes, len), cases[i].plain);
	}
}

/* One byte differs, or some are missing: read as the parser does, or not at all. */
static void damaged_ones_are_never_read_otherwise(void)
{
	uint8_t bytes[256];
	size_t len = build(bytes, sizeof(bytes), TP_STUN_SEND, TP_STUN_INDICATION, "pd",
			   "192.0.2.1:9", 13);

	for (size_t at = 0; at < len; at++) {
		for (unsigned value = 0; value < 256; value++) {
			uint8_t kept = bytes[at];

			bytes[at] = (uint8_t)value;
			(void)agrees(bytes, len);
			bytes[at] = kept;
		}
	}
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = exact_copy(bytes, cut);

		CU_ASSERT_FALSE(agrees(exact, cut));
		free(exact);
	}
}

static void the_head_is_what_the_builder_writes(void)
{
	static const char *const peers[] = {"192.0.2.1:9", "203.0.113.255:65535",
					    "[2001:db8::ffff:1]:40000"};
	static const uint8_t payload[16] = "0123456789abcde";

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		for (size_t len = 0; len <= sizeof(payload); len++) {
			uint8_t built[128];
			uint8_t written[128];
			struct tp_addr peer_addr;
			struct tp_build out;
			size_t head_size;

			CU_ASSERT_EQUAL(tp_addr_parse(peers[i], &peer_addr), 0);
			tp_build_init(&out, built, sizeof(built), TP_STUN_DATA, TP_STUN_INDICATION,
				      transaction_id);
			tp_build_xor_addr(&out, TP_ATTR_XOR_PEER_ADDRESS, &peer_addr);
			tp_build_bytes(&out, TP_ATTR_DATA, payload, len);
			CU_ASSERT_NOT_EQUAL(tp_build_finish(&out), 0);
			head_size = tp_data_indication_head_size(&peer_addr);
			CU_ASSERT_EQUAL(head_size + (len + 3) / 4 * 4, tp_build_finish(&out));
			tp_data_indication_write_head(written, &peer_addr, len, transaction_id);
			CU_ASSERT_EQUAL(memcmp(built, written, head_size), 0);
		}
	}
}

TEST_SUITE("indication", TEST(a_plain_send_is_read_at_once_others_are_left),
	   TEST(damaged_ones_are_never_read_otherwise), TEST(the_head_is_what_the_builder_writes));

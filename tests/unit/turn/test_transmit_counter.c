/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/transmit_counter.h"

#include "support/suite.h"
#include "support/turn_fixture.h"

static struct turn_fixture f;

/* What a client sends: Resp is 0. */
static void add(uint8_t requests)
{
	tp_build_u32(&f.client.build, TP_ATTR_TRANSACTION_TRANSMIT_COUNTER,
		     (uint32_t)requests << 8);
}

/* Of the latest response; 0xffff: none. */
static uint16_t counts(void)
{
	const struct tp_stun_attr *attr =
		tp_stun_msg_find(&f.response, TP_ATTR_TRANSACTION_TRANSMIT_COUNTER);
	uint32_t value = 0;

	if (attr == NULL) {
		return 0xffff;
	}
	CU_ASSERT_EQUAL(tp_attr_read_u32(attr, &value), 0);
	CU_ASSERT_EQUAL(value >> 16, 0);
	return (uint16_t)value;
}

/* With a client that chose a password algorithm it is SHA-256. */
static bool is_genuine(void)
{
	struct tp_key key = turn_client_key(&f.client);

	return tp_integrity_check(&f.response, &key, f.client.algorithm != 0) == 0;
}

/* The same transaction once more: its id and nothing else is as before. */
static void begin_again(void)
{
	f.client.transaction--;
	turn_fixture_begin_allocate(&f);
}

/* RFC 7982 section 3.3 */
static void retransmissions_are_counted(void)
{
	for (int modern = 0; modern < 2; modern++) {
		turn_fixture_open(&f);
		turn_fixture_challenge(&f);
		f.client.sha256 = modern != 0;
		f.client.algorithm = modern ? TP_PASSWORD_SHA256 : 0;
		f.client.fingerprint = true;
		turn_fixture_begin_allocate(&f);
		add(1);
		CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
		CU_ASSERT_EQUAL(counts(), 0x0101);
		begin_again();
		add(3); /* the second was lost */
		CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
		CU_ASSERT_EQUAL(counts(), 0x0302);
		CU_ASSERT_TRUE(is_genuine());
		begin_again();
		add(4);
		CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
		CU_ASSERT_EQUAL(counts(), 0x0403);
		CU_ASSERT_TRUE(is_genuine());
		CU_ASSERT_PTR_NOT_NULL(tp_stun_msg_find(&f.response, TP_ATTR_FINGERPRINT));
		CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
		turn_fixture_close(&f);
	}
}

static void count_ends_at_255(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	turn_fixture_begin_allocate(&f);
	add(1);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	for (int i = 2; i < 300; i++) {
		begin_again();
		add(i < 256 ? (uint8_t)i : 255);
		CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	}
	CU_ASSERT_EQUAL(counts(), 0xffff);
	CU_ASSERT_TRUE(is_genuine());
	turn_fixture_close(&f);
}

/* RFC 7982 section 3.3: who remembers no transaction says 0. */
static void what_is_not_remembered_is_not_counted(void)
{
	turn_fixture_open(&f);
	turn_client_begin(&f.client, TP_STUN_BINDING);
	add(2);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_EQUAL(counts(), 0x0200);
	turn_fixture_begin_allocate(&f);
	add(7);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 401);
	CU_ASSERT_EQUAL(counts(), 0x0700);
	turn_fixture_close(&f);
}

static void streams_send_one_response(void)
{
	turn_fixture_open(&f);
	fake_endpoint_init(&f.endpoint, TP_TRANSPORT_TCP);
	f.five_tuple.transport = TP_TRANSPORT_TCP;
	turn_client_begin(&f.client, TP_STUN_BINDING);
	add(1);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_EQUAL(counts(), 0x0101);
	turn_fixture_close(&f);
}

static void who_does_not_ask_hears_nothing(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(counts(), 0xffff);
	begin_again();
	add(2); /* the first had none, so neither has the response */
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_EQUAL(counts(), 0xffff);
	CU_ASSERT_TRUE(is_genuine());
	tp_build_bytes(turn_client_begin(&f.client, TP_STUN_BINDING),
		       TP_ATTR_TRANSACTION_TRANSMIT_COUNTER, "\0\0\x01", 3);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_EQUAL(counts(), 0xffff);
	turn_fixture_close(&f);
}

TEST_SUITE("transmit_counter", TEST(retransmissions_are_counted), TEST(count_ends_at_255),
	   TEST(what_is_not_remembered_is_not_counted), TEST(streams_send_one_response),
	   TEST(who_does_not_ask_hears_nothing))

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "io/datagram.h"
#include "support/suite.h"
#include "support/turn_fixture.h"
#include "turn/allocation.h"
#include "turn/channel.h"

/*
 * What RFC 8489 and RFC 8656 say of messages of every method, which is nobody's of
 * the sources alone. turnpike-protocol(7) points here.
 */

static struct turn_fixture f;

static bool has(uint16_t type)
{
	return tp_stun_msg_find(&f.response, type) != NULL;
}

/* --- of every response --------------------------------------------------------- */

/* What a response in f.response must be; @code: of its error, 0 for success */
typedef void (*check_fn)(int code);

static check_fn check;

static void expect(int expected, int code)
{
	CU_ASSERT_EQUAL(code, expected);
	CU_ASSERT_EQUAL(f.response.method, f.client.bytes[1] & 0x0f);
	check(code);
}

static int ask(uint16_t method)
{
	turn_client_begin(&f.client, method);
	return turn_fixture_request(&f);
}

static int ask_family(uint8_t family)
{
	tp_build_address_family(turn_fixture_begin_allocate(&f), TP_ATTR_REQUESTED_ADDRESS_FAMILY,
				family);
	return turn_fixture_request(&f);
}

static int ask_transport(uint8_t protocol)
{
	tp_build_requested_transport(turn_client_begin(&f.client, TP_STUN_ALLOCATE), protocol);
	return turn_fixture_request(&f);
}

static int ask_unknown(void)
{
	tp_build_u32(turn_client_begin(&f.client, TP_STUN_BINDING), 0x7f00, 0);
	return turn_fixture_request(&f);
}

static int allocate(void)
{
	turn_fixture_begin_allocate(&f);
	return turn_fixture_request(&f);
}

static void before_there_is_an_allocation(void)
{
	expect(0, ask(TP_STUN_BINDING));
	expect(420, ask_unknown());
	expect(401, allocate());
	turn_client_learn(&f.client, &f.response);
	turn_fixture_advance_s(&f, 3601);
	expect(438, allocate());
	turn_client_learn(&f.client, &f.response);
	expect(400, ask(TP_STUN_ALLOCATE));
	expect(442, ask_transport(132));
	expect(440, ask_family(3));
	expect(437, ask(TP_STUN_REFRESH));
}

static void with_an_allocation(void)
{
	struct tp_addr refused = turn_fixture_addr("127.0.0.1:9");
	struct tp_addr ipv6 = turn_fixture_addr("[2001:db8:1::1]:9");

	expect(0, allocate());
	expect(437, allocate());
	expect(0, turn_fixture_permit(&f, &f.peer_addr));
	expect(400, ask(TP_STUN_CREATE_PERMISSION));
	expect(403, turn_fixture_permit(&f, &refused));
	expect(443, turn_fixture_permit(&f, &ipv6));
	expect(0, turn_fixture_bind(&f, 0x4000, &f.peer_addr));
	expect(0, turn_fixture_refresh(&f, 600));
	f.client.user = "bob";
	expect(441, turn_fixture_refresh(&f, 600));
	f.client.user = "alice";
	expect(0, turn_fixture_refresh(&f, 0));
}

static void name_software(struct tp_turn_options *options)
{
	options->software = "a server";
}

/* @of_each: called with every kind of response */
static void converse(check_fn of_each, void (*adjust)(struct tp_turn_options *options))
{
	check = of_each;
	turn_fixture_open_with(&f, adjust);
	before_there_is_an_allocation();
	with_an_allocation();
	turn_fixture_close(&f);
}

static void has_head_of_request(int code)
{
	CU_ASSERT_EQUAL(f.response.message_class, code == 0 ? TP_STUN_SUCCESS : TP_STUN_ERROR);
	CU_ASSERT_EQUAL(
		memcmp(f.response.transaction_id, f.client.bytes + 8, TP_STUN_TRANSACTION_ID_SIZE),
		0);
}

/* RFC 8489 section 5 */
static void every_response_repeats_method_and_transaction_id(void)
{
	converse(has_head_of_request, NULL);
}

static void has_code_and_phrase(int code)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, TP_ATTR_ERROR_CODE);
	struct tp_view phrase;
	uint16_t read;

	CU_ASSERT_EQUAL(attr != NULL, code != 0);
	if (attr != NULL) {
		CU_ASSERT_EQUAL(tp_attr_read_error_code(attr, &read, &phrase), 0);
		CU_ASSERT_EQUAL(read, code);
		CU_ASSERT_TRUE(phrase.len > 0);
	}
	CU_ASSERT_EQUAL(has(TP_ATTR_UNKNOWN_ATTRIBUTES), code == 420);
}

/* RFC 8489 section 6.3.1.1 */
static void every_error_has_its_code_and_a_phrase(void)
{
	converse(has_code_and_phrase, NULL);
}

static void has_software(int code)
{
	(void)code;
	CU_ASSERT_TRUE(has(TP_ATTR_SOFTWARE));
}

static void has_no_software(int code)
{
	(void)code;
	CU_ASSERT_FALSE(has(TP_ATTR_SOFTWARE));
}

/* RFC 8489 sections 6.3.1.1 and 16.1.2, RFC 8656 section 5 */
static void every_response_names_the_software_where_one_is_set(void)
{
	converse(has_software, name_software);
	converse(has_no_software, NULL);
}

static void has_credentials_as_due(int code)
{
	bool challenge = code == 401 || code == 438;

	CU_ASSERT_FALSE(has(TP_ATTR_USERNAME));
	CU_ASSERT_FALSE(has(TP_ATTR_USERHASH));
	CU_ASSERT_EQUAL(has(TP_ATTR_REALM), challenge);
	CU_ASSERT_EQUAL(has(TP_ATTR_NONCE), challenge);
	CU_ASSERT_EQUAL(has(TP_ATTR_PASSWORD_ALGORITHMS), challenge);
}

/* RFC 8489 section 9.2.4 */
static void challenges_alone_have_realm_nonce_and_algorithms(void)
{
	converse(has_credentials_as_due, NULL);
}

static void has_integrity_of_the_request(int code)
{
	struct tp_key key = turn_client_key(&f.client);
	bool signed_request = f.response.method != TP_STUN_BINDING && code != 401;

	CU_ASSERT_FALSE(has(TP_ATTR_MESSAGE_INTEGRITY_SHA256));
	CU_ASSERT_EQUAL(has(TP_ATTR_MESSAGE_INTEGRITY), signed_request);
	if (signed_request) {
		CU_ASSERT_EQUAL(tp_integrity_check(&f.response, &key, false), 0);
	}
}

/* RFC 8489 section 9.2.4: errors, too */
static void every_response_to_who_logged_in_has_integrity(void)
{
	converse(has_integrity_of_the_request, NULL);
}

static void fits_576_byte_packet(int code)
{
	(void)code;
	CU_ASSERT_TRUE(f.response.len < 548);
}

/* RFC 8489 section 6.1: with an IPv4 header of 20 bytes and one of UDP of 8 */
static void every_response_fits_the_smallest_mtu(void)
{
	converse(fits_576_byte_packet, name_software);
}

/* --- of every request ---------------------------------------------------------- */

/* RFC 8489 section 12 */
static void a_binding_needs_neither_credentials_nor_fingerprint(void)
{
	turn_fixture_open(&f);
	CU_ASSERT_EQUAL(ask(TP_STUN_BINDING), 0);
	CU_ASSERT_TRUE(has(TP_ATTR_XOR_MAPPED_ADDRESS));
	CU_ASSERT_FALSE(has(TP_ATTR_FINGERPRINT));
	turn_fixture_close(&f);
}

static void redirect(struct tp_turn_options *options)
{
	options->alternate_servers[0] = turn_fixture_addr("192.0.2.99:3478");
	options->alternate_server_count = 1;
}

/* RFC 8489 section 12, RFC 5780 section 6.1 */
static void a_binding_is_never_redirected(void)
{
	turn_fixture_open_with(&f, redirect);
	CU_ASSERT_EQUAL(ask(TP_STUN_BINDING), 0);
	CU_ASSERT_FALSE(has(TP_ATTR_ALTERNATE_SERVER));
	turn_fixture_close(&f);
}

/* RFC 8489 section 6.3: known ones that do not belong there */
static void attributes_of_other_methods_are_ignored(void)
{
	struct tp_build *build;

	turn_fixture_open(&f);
	build = turn_client_begin(&f.client, TP_STUN_BINDING);
	tp_build_u32(build, TP_ATTR_LIFETIME, 0);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &f.peer_addr);
	tp_build_channel_number(build, 0x4000);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);

	turn_fixture_challenge(&f);
	build = turn_fixture_begin_allocate(&f);
	tp_build_xor_addr(build, TP_ATTR_XOR_PEER_ADDRESS, &f.peer_addr);
	tp_build_bytes(build, TP_ATTR_DATA, "x", 1);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 0);
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 0);
	turn_fixture_close(&f);
}

static void send_class(uint16_t method, enum tp_stun_class message_class)
{
	uint8_t transaction_id[TP_STUN_TRANSACTION_ID_SIZE] = {1};
	uint8_t bytes[TP_STUN_HEADER_SIZE];
	struct tp_build build;

	tp_build_init(&build, bytes, sizeof(bytes), method, message_class, transaction_id);
	CU_ASSERT_FALSE(turn_fixture_send_bytes(&f, bytes, tp_build_finish(&build)));
}

/* RFC 8489 section 6.3 */
static void a_class_its_method_does_not_have_is_dropped(void)
{
	static const uint16_t requests[] = {TP_STUN_BINDING, TP_STUN_ALLOCATE, TP_STUN_REFRESH,
					    TP_STUN_CREATE_PERMISSION, TP_STUN_CHANNEL_BIND};

	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		send_class(requests[i], TP_STUN_INDICATION);
		send_class(requests[i], TP_STUN_SUCCESS);
		send_class(requests[i], TP_STUN_ERROR);
	}
	send_class(TP_STUN_SEND, TP_STUN_REQUEST);
	send_class(TP_STUN_DATA, TP_STUN_REQUEST);
	send_class(TP_STUN_DATA, TP_STUN_INDICATION);
	CU_ASSERT_EQUAL(tp_server_allocation_count(f.server), 1);
	turn_fixture_close(&f);
}

/* RFC 8489 section 6.3.2 */
static void an_indication_with_an_unknown_required_attribute_is_dropped(void)
{
	turn_fixture_open(&f);
	tp_build_u32(turn_client_begin_indication(&f.client, TP_STUN_BINDING), 0x7f00, 0);
	turn_client_finish(&f.client);
	CU_ASSERT_FALSE(turn_fixture_send_bytes(&f, f.client.bytes, f.client.len));
	turn_fixture_close(&f);
}

/* RFC 8656 section 5 */
static void without_allocation_each_request_but_allocate_is_437(void)
{
	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 600), 437);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 437);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 437);
	turn_fixture_close(&f);
}

/* RFC 8656 section 5 */
static void a_later_challenge_has_another_nonce(void)
{
	char first[128];

	turn_fixture_open(&f);
	turn_fixture_challenge(&f);
	strcpy(first, f.client.nonce);
	turn_fixture_advance_s(&f, 1);
	turn_fixture_challenge(&f);
	CU_ASSERT_STRING_NOT_EQUAL(first, f.client.nonce);
	turn_fixture_close(&f);
}

/* --- of what there is ---------------------------------------------------------- */

/* RFC 8656 section 6 */
static void an_allocation_keeps_the_key_and_no_password(void)
{
	const struct tp_allocation *allocation;
	struct tp_key key;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	key = turn_client_key(&f.client);
	CU_ASSERT_EQUAL(allocation->key.len, key.len);
	CU_ASSERT_EQUAL(memcmp(allocation->key.bytes, key.bytes, key.len), 0);
	CU_ASSERT_PTR_NULL(memmem(allocation, sizeof(*allocation), "secret", 6));
	turn_fixture_close(&f);
}

/* RFC 8656 section 7.2 */
static void relayed_ports_are_dynamic_ones(void)
{
	turn_fixture_open(&f);
	for (int i = 0; i < 20; i++) {
		turn_fixture_allocate(&f);
		CU_ASSERT_TRUE(f.relayed_addr.port >= 49152);
		CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 0), 0);
	}
	turn_fixture_close(&f);
}

/* RFC 8656 section 11.2 */
static void a_send_indication_refreshes_no_permission(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 299);
	turn_fixture_send_indication(&f, &f.peer_addr, "a");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 1);
	turn_fixture_advance_s(&f, 1);
	turn_fixture_send_indication(&f, &f.peer_addr, "b");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 1);
	turn_fixture_close(&f);
}

/* RFC 8656 sections 11.3 and 9 */
static void what_a_peer_sends_refreshes_no_permission(void)
{
	turn_fixture_open(&f);
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 299);
	turn_fixture_peer_sends(&f, &f.peer_addr, "a");
	CU_ASSERT_TRUE(turn_fixture_client_got_data(&f, &f.peer_addr, "a"));
	turn_fixture_advance_s(&f, 1);
	turn_fixture_peer_sends(&f, &f.peer_addr, "b");
	CU_ASSERT_FALSE(turn_fixture_client_got_data(&f, &f.peer_addr, "b"));
	turn_fixture_close(&f);
}

/* RFC 8656 section 12.6 */
static void channel_data_refreshes_neither_channel_nor_permission(void)
{
	const struct tp_allocation *allocation;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 3600), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 299);
	turn_fixture_send_channel_data(&f, 0x4000, "a");
	turn_fixture_advance_s(&f, 1);
	turn_fixture_send_channel_data(&f, 0x4000, "b");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 1);
	CU_ASSERT_EQUAL(turn_fixture_permit(&f, &f.peer_addr), 0);
	turn_fixture_advance_s(&f, 299);
	turn_fixture_send_channel_data(&f, 0x4000, "c");
	CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), 2);
	turn_fixture_advance_s(&f, 1);
	CU_ASSERT_FALSE(tp_channel_find(allocation, 0x4000)->live);
	turn_fixture_close(&f);
}

/* RFC 8656 section 12.2 */
static void binding_again_refreshes_channel_and_permission(void)
{
	const struct tp_allocation *allocation;

	turn_fixture_open(&f);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_refresh(&f, 3600), 0);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	for (unsigned i = 1; i <= 3; i++) {
		turn_fixture_advance_s(&f, 290);
		CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
		turn_fixture_send_channel_data(&f, 0x4000, "a");
		CU_ASSERT_EQUAL(turn_fixture_peer_count(&f), i);
	}
	CU_ASSERT_TRUE(tp_channel_find(allocation, 0x4000)->live);
	turn_fixture_close(&f);
}

static void told_to_clients(struct tp_turn_options *options)
{
	options->relay_icmp = true;
}

/* RFC 8656 section 12.5 */
static void with_a_channel_icmp_comes_in_an_indication_all_the_same(void)
{
	struct tp_datagram_error error = {.type = 3, .code = 3};
	const struct tp_allocation *allocation;

	turn_fixture_open_with(&f, told_to_clients);
	allocation = turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(turn_fixture_bind(&f, 0x4000, &f.peer_addr), 0);
	error.remote_addr = f.peer_addr;
	CU_ASSERT_TRUE(fake_net_tell_error(&allocation->relay.datagram->local_addr, &error));
	turn_fixture_turn(&f);
	CU_ASSERT_TRUE_FATAL(turn_fixture_take_response(&f));
	CU_ASSERT_EQUAL(f.response.method, TP_STUN_DATA);
	CU_ASSERT_TRUE(has(TP_ATTR_ICMP));
	turn_fixture_close(&f);
}

TEST_SUITE("protocol", TEST(every_response_repeats_method_and_transaction_id),
	   TEST(every_error_has_its_code_and_a_phrase),
	   TEST(every_response_names_the_software_where_one_is_set),
	   TEST(challenges_alone_have_realm_nonce_and_algorithms),
	   TEST(every_response_to_who_logged_in_has_integrity),
	   TEST(every_response_fits_the_smallest_mtu),
	   TEST(a_binding_needs_neither_credentials_nor_fingerprint),
	   TEST(a_binding_is_never_redirected), TEST(attributes_of_other_methods_are_ignored),
	   TEST(a_class_its_method_does_not_have_is_dropped),
	   TEST(an_indication_with_an_unknown_required_attribute_is_dropped),
	   TEST(without_allocation_each_request_but_allocate_is_437),
	   TEST(a_later_challenge_has_another_nonce),
	   TEST(an_allocation_keeps_the_key_and_no_password), TEST(relayed_ports_are_dynamic_ones),
	   TEST(a_send_indication_refreshes_no_permission),
	   TEST(what_a_peer_sends_refreshes_no_permission),
	   TEST(channel_data_refreshes_neither_channel_nor_permission),
	   TEST(binding_again_refreshes_channel_and_permission),
	   TEST(with_a_channel_icmp_comes_in_an_indication_all_the_same));

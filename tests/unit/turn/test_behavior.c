/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/behavior.h"

#include <string.h>

#include "base/addr.h"
#include "stun/attr.h"
#include "support/suite.h"
#include "support/turn_fixture.h"

/* Places: 0 as the fixture's own address, 1 other port, 2 other IP, 3 both. */
static const char *const server_addrs[TP_BEHAVIOR_SOCKETS] = {
	"198.51.100.1:3478", "198.51.100.1:3479", "198.51.100.2:3478", "198.51.100.2:3479"};

#define CHANGE_IP 0x4
#define CHANGE_PORT 0x2

static struct turn_fixture f;
static struct tp_behavior behavior;
static struct fake_endpoint others[TP_BEHAVIOR_SOCKETS]; /* 0 is the fixture's */

static struct fake_endpoint *endpoint_at(size_t place)
{
	return place == 0 ? &f.endpoint : &others[place];
}

static void join(void)
{
	for (size_t i = 0; i < TP_BEHAVIOR_SOCKETS; i++) {
		if (i > 0) {
			fake_endpoint_init(&others[i], TP_TRANSPORT_UDP);
		}
		behavior.endpoints[i] = &endpoint_at(i)->endpoint;
		behavior.addrs[i] = turn_fixture_addr(server_addrs[i]);
	}
	tp_behavior_join(&behavior);
}

static void open_fixture(void)
{
	turn_fixture_open(&f);
	join();
}

static struct tp_build *begin(void)
{
	return turn_client_begin(&f.client, TP_STUN_BINDING);
}

static void begin_change(uint32_t flags)
{
	tp_build_u32(begin(), TP_ATTR_CHANGE_REQUEST, flags);
}

/* Send what was begun to a place. Returns how many messages left anywhere. */
static size_t send_to(size_t place)
{
	uint8_t room[TP_PACKET_HEADROOM + 4096 + TP_PACKET_TAILROOM];
	struct tp_packet packet = {.data = room + TP_PACKET_HEADROOM, .ttl = -1, .tos = -1};
	struct tp_five_tuple five_tuple = f.five_tuple;
	const struct tp_endpoint_handler *handler = tp_server_handler(f.server);
	size_t sent = 0;

	turn_client_finish(&f.client);
	five_tuple.server_addr = behavior.addrs[place];
	packet.len = f.client.len;
	packet.remote_addr = five_tuple.client_addr;
	packet.local_addr = five_tuple.server_addr;
	memcpy(packet.data, f.client.bytes, f.client.len);
	for (size_t i = 0; i < TP_BEHAVIOR_SOCKETS; i++) {
		endpoint_at(i)->message_count = 0;
	}
	handler->message(handler->owner, &endpoint_at(place)->endpoint, &five_tuple, &packet);
	turn_fixture_turn(&f);
	for (size_t i = 0; i < TP_BEHAVIOR_SOCKETS; i++) {
		sent += endpoint_at(i)->message_count;
	}
	return sent;
}

/* The response that a place has sent, in f.response; its code, -1 for none. */
static int response_at(size_t place)
{
	const struct fake_message *last = fake_endpoint_last(endpoint_at(place));
	const char *reason;

	if (last == NULL) {
		return -1;
	}
	memcpy(f.response_bytes, last->bytes, last->len);
	CU_ASSERT_EQUAL_FATAL(tp_stun_msg_parse(&f.response, f.response_bytes, last->len, &reason),
			      0);
	return turn_client_code(&f.response);
}

/* Send to place 0 and expect the answer there. */
static int exchange(void)
{
	CU_ASSERT_EQUAL(send_to(0), 1);
	return response_at(0);
}

static bool says(uint16_t type, const struct tp_addr *want)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, type);
	struct tp_addr addr;

	return attr != NULL && tp_attr_read_addr(attr, &addr) == 0 && tp_addr_equal(&addr, want);
}

static bool has(uint16_t type)
{
	return tp_stun_msg_find(&f.response, type) != NULL;
}

static size_t padding_len(void)
{
	const struct tp_stun_attr *attr = tp_stun_msg_find(&f.response, TP_ATTR_PADDING);

	return attr == NULL ? 0 : attr->len;
}

static void add_padding(size_t len)
{
	static const uint8_t zeros[4096];

	tp_build_bytes(&f.client.build, TP_ATTR_PADDING, zeros, len);
}

static void add_response_port(uint16_t port, size_t len)
{
	const uint8_t value[8] = {(uint8_t)(port >> 8), (uint8_t)port};

	tp_build_bytes(&f.client.build, TP_ATTR_RESPONSE_PORT, value, len);
}

/* --- off ------------------------------------------------------------------------- */

static void is_unknown_without_four_sockets(void)
{
	turn_fixture_open(&f); /* section 6.1: MUST generate 420 */
	begin_change(CHANGE_IP);
	turn_client_finish(&f.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), 420);
	begin();
	add_response_port(4000, 4);
	turn_client_finish(&f.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), 420);
	begin();
	add_padding(16);
	turn_client_finish(&f.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), 420);
	begin(); /* section 7.4: no OTHER-ADDRESS without a second IP address */
	turn_client_finish(&f.client);
	CU_ASSERT_EQUAL(turn_fixture_exchange(&f), 0);
	CU_ASSERT_FALSE(has(TP_ATTR_OTHER_ADDRESS));
	CU_ASSERT_FALSE(has(TP_ATTR_RESPONSE_ORIGIN));
	turn_fixture_close(&f);
}

static void is_unknown_in_other_methods(void)
{
	const struct tp_stun_attr *unknown;
	uint16_t type = 0;

	open_fixture();
	turn_fixture_challenge(&f);
	tp_build_u32(turn_fixture_begin_allocate(&f), TP_ATTR_CHANGE_REQUEST, CHANGE_IP);
	CU_ASSERT_EQUAL(turn_fixture_request(&f), 420); /* section 7 */
	unknown = tp_stun_msg_find(&f.response, TP_ATTR_UNKNOWN_ATTRIBUTES);
	CU_ASSERT_PTR_NOT_NULL_FATAL(unknown);
	CU_ASSERT_EQUAL(tp_attr_read_unknown_attributes(unknown, &type, 1), 1);
	CU_ASSERT_EQUAL(type, TP_ATTR_CHANGE_REQUEST);
	turn_fixture_close(&f);
}

static void a_connection_is_never_taken_for_one_of_the_four(void)
{
	open_fixture();
	f.endpoint.endpoint.transport = TP_TRANSPORT_DTLS;
	begin_change(CHANGE_IP);
	CU_ASSERT_EQUAL(exchange(), 420);
	turn_fixture_close(&f);
}

static void other_unknown_attributes_stay_unknown(void)
{
	open_fixture();
	begin_change(CHANGE_IP);
	tp_build_u32(&f.client.build, 0x7ffe, 1);
	CU_ASSERT_EQUAL(exchange(), 420);
	turn_fixture_close(&f);
}

/* --- connections ------------------------------------------------------------------- */

static void with_streams(struct tp_turn_options *options)
{
	struct tp_stream_behavior *stream = &options->stream_behaviors[1];

	options->stream_behavior_count = 2;
	options->stream_behaviors[0].transport = TP_TRANSPORT_TLS;
	stream->transport = TP_TRANSPORT_TCP;
	for (size_t i = 0; i < TP_BEHAVIOR_SOCKETS; i++) {
		stream->addrs[i] = turn_fixture_addr(server_addrs[i]);
	}
}

static int binding_over(enum tp_transport transport, const char *server_addr)
{
	f.endpoint.endpoint.transport = transport;
	f.five_tuple.transport = transport;
	f.five_tuple.server_addr = turn_fixture_addr(server_addr);
	turn_client_finish(&f.client);
	return turn_fixture_exchange(&f);
}

/* Sections 3.1 and 6.1 */
static void a_connection_is_told_both_addresses(void)
{
	turn_fixture_open_with(&f, with_streams);
	for (size_t i = 0; i < TP_BEHAVIOR_SOCKETS; i++) {
		struct tp_addr here = turn_fixture_addr(server_addrs[i]);
		struct tp_addr other = turn_fixture_addr(server_addrs[i ^ 3]);

		begin();
		CU_ASSERT_EQUAL(binding_over(TP_TRANSPORT_TCP, server_addrs[i]), 0);
		CU_ASSERT_TRUE(says(TP_ATTR_MAPPED_ADDRESS, &f.five_tuple.client_addr));
		CU_ASSERT_TRUE(says(TP_ATTR_RESPONSE_ORIGIN, &here));
		CU_ASSERT_TRUE(says(TP_ATTR_OTHER_ADDRESS, &other));
		CU_ASSERT_TRUE(has(TP_ATTR_XOR_MAPPED_ADDRESS));
	}
	turn_fixture_close(&f);
}

static void connections_elsewhere_are_not(void)
{
	static const struct {
		enum tp_transport transport;
		const char *server_addr;
	} cases[] = {
		{TP_TRANSPORT_UDP, "198.51.100.1:3478"},
		{TP_TRANSPORT_TLS, "198.51.100.1:3478"},
		{TP_TRANSPORT_TCP, "198.51.100.1:3480"},
		{TP_TRANSPORT_TCP, "198.51.100.3:3478"},
	};

	turn_fixture_open_with(&f, with_streams);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		CU_ASSERT_EQUAL(binding_over(cases[i].transport, cases[i].server_addr), 0);
		CU_ASSERT_FALSE(has(TP_ATTR_OTHER_ADDRESS));
		CU_ASSERT_FALSE(has(TP_ATTR_RESPONSE_ORIGIN));
		CU_ASSERT_FALSE(has(TP_ATTR_MAPPED_ADDRESS));
	}
	turn_fixture_close(&f);
}

/* Sections 3.2, 3.3 and 3.5: these are for datagrams. */
static void a_connection_cannot_ask_for_another_way(void)
{
	turn_fixture_open_with(&f, with_streams);
	begin_change(CHANGE_IP);
	CU_ASSERT_EQUAL(binding_over(TP_TRANSPORT_TCP, server_addrs[0]), 420);
	begin();
	add_response_port(4000, 4);
	CU_ASSERT_EQUAL(binding_over(TP_TRANSPORT_TCP, server_addrs[0]), 420);
	begin();
	add_padding(16);
	CU_ASSERT_EQUAL(binding_over(TP_TRANSPORT_TCP, server_addrs[0]), 420);
	turn_fixture_close(&f);
}

/* --- where from --------------------------------------------------------------------- */

static void a_plain_request_is_told_both_addresses(void)
{
	open_fixture(); /* section 6.1 */
	begin();
	CU_ASSERT_EQUAL(exchange(), 0);
	CU_ASSERT_TRUE(says(TP_ATTR_MAPPED_ADDRESS, &f.five_tuple.client_addr));
	CU_ASSERT_TRUE(says(TP_ATTR_RESPONSE_ORIGIN, &behavior.addrs[0]));
	CU_ASSERT_TRUE(says(TP_ATTR_OTHER_ADDRESS, &behavior.addrs[3]));
	CU_ASSERT_TRUE(has(TP_ATTR_XOR_MAPPED_ADDRESS));
	CU_ASSERT_FALSE(has(TP_ATTR_PADDING));
	turn_fixture_close(&f);
}

static void table_1_decides_the_source(void)
{
	static const struct {
		uint32_t flags;
		size_t there;
	} rows[] = {{0, 0}, {CHANGE_PORT, 1}, {CHANGE_IP, 2}, {CHANGE_IP | CHANGE_PORT, 3}};

	open_fixture();
	for (size_t here = 0; here < TP_BEHAVIOR_SOCKETS; here++) {
		for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
			size_t there = here ^ rows[r].there;
			const struct fake_message *last;

			begin_change(rows[r].flags);
			CU_ASSERT_EQUAL(send_to(here), 1);
			CU_ASSERT_EQUAL_FATAL(response_at(there), 0);
			last = fake_endpoint_last(endpoint_at(there));
			CU_ASSERT_TRUE(tp_addr_equal(&last->five_tuple.server_addr,
						     &behavior.addrs[there]));
			CU_ASSERT_TRUE(tp_addr_equal(&last->five_tuple.client_addr,
						     &f.five_tuple.client_addr));
			CU_ASSERT_TRUE(says(TP_ATTR_RESPONSE_ORIGIN, &behavior.addrs[there]));
			CU_ASSERT_TRUE(says(TP_ATTR_OTHER_ADDRESS, &behavior.addrs[here ^ 3]));
		}
	}
	turn_fixture_close(&f);
}

static void other_bits_of_change_request_are_ignored(void)
{
	open_fixture(); /* section 7.2: only two are used */
	begin_change(~(uint32_t)(CHANGE_IP | CHANGE_PORT));
	CU_ASSERT_EQUAL(exchange(), 0);
	turn_fixture_close(&f);
}

static void an_error_comes_from_where_the_request_went(void)
{
	open_fixture();
	begin_change(CHANGE_IP | CHANGE_PORT);
	add_response_port(0, 4);
	CU_ASSERT_EQUAL(exchange(), 400);
	turn_fixture_close(&f);
}

/* --- where to, how long --------------------------------------------------------------- */

static void response_port_is_where_the_response_goes(void)
{
	struct tp_addr want = turn_fixture_addr("192.0.2.10:5555");

	open_fixture(); /* section 7.5: MUST, to the source IP address */
	for (size_t len = 2; len <= 4; len += 2) {
		begin();
		add_response_port(5555, len);
		CU_ASSERT_EQUAL(exchange(), 0);
		CU_ASSERT_TRUE(tp_addr_equal(
			&fake_endpoint_last(&f.endpoint)->five_tuple.client_addr, &want));
		CU_ASSERT_TRUE(says(TP_ATTR_MAPPED_ADDRESS, &f.five_tuple.client_addr));
	}
	turn_fixture_close(&f);
}

static void response_port_goes_with_change_request(void)
{
	open_fixture();
	begin_change(CHANGE_IP);
	add_response_port(5555, 4);
	CU_ASSERT_EQUAL(send_to(0), 1);
	CU_ASSERT_EQUAL(response_at(2), 0);
	CU_ASSERT_EQUAL(fake_endpoint_last(&others[2])->five_tuple.client_addr.port, 5555);
	turn_fixture_close(&f);
}

static void padding_is_answered_by_no_more_padding(void)
{
	static const struct {
		size_t asked;
		size_t got;
	} rows[] = {{0, 0}, {1, 1}, {900, 900}, {1500, 1500}, {3000, 1500}};

	open_fixture(); /* sections 6.1 and 10 */
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		begin();
		add_padding(rows[r].asked);
		CU_ASSERT_EQUAL(exchange(), 0);
		CU_ASSERT_TRUE(has(TP_ATTR_PADDING));
		CU_ASSERT_EQUAL(padding_len(), rows[r].got);
		CU_ASSERT_TRUE(says(TP_ATTR_OTHER_ADDRESS, &behavior.addrs[3]));
	}
	turn_fixture_close(&f);
}

static void padding_goes_with_change_request_and_fingerprint(void)
{
	open_fixture();
	f.client.fingerprint = true;
	begin_change(CHANGE_PORT);
	add_padding(1500);
	CU_ASSERT_EQUAL(send_to(0), 1);
	CU_ASSERT_EQUAL(response_at(1), 0);
	CU_ASSERT_EQUAL(padding_len(), 1500);
	CU_ASSERT_TRUE(has(TP_ATTR_FINGERPRINT));
	turn_fixture_close(&f);
}

static void padding_and_response_port_exclude_each_other(void)
{
	open_fixture(); /* section 6.1: 400 */
	begin();
	add_padding(1500);
	add_response_port(5555, 4);
	CU_ASSERT_EQUAL(exchange(), 400);
	CU_ASSERT_FALSE(has(TP_ATTR_PADDING));
	turn_fixture_close(&f);
}

static void malformed_attributes_are_400(void)
{
	static const uint8_t value[8] = {1, 2};

	open_fixture();
	tp_build_bytes(begin(), TP_ATTR_CHANGE_REQUEST, value, 3);
	CU_ASSERT_EQUAL(exchange(), 400);
	begin();
	add_response_port(5555, 0);
	CU_ASSERT_EQUAL(exchange(), 400);
	begin();
	add_response_port(5555, 8);
	CU_ASSERT_EQUAL(exchange(), 400);
	begin();
	add_response_port(0, 4);
	CU_ASSERT_EQUAL(exchange(), 400);
	turn_fixture_close(&f);
}

/* --- with the rest ---------------------------------------------------------------------- */

static uint32_t allowed;

static void limit(struct tp_turn_options *options)
{
	options->unauthenticated_rate = allowed;
}

static void responses_count_against_the_source(void)
{
	allowed = 3;
	turn_fixture_open_with(&f, limit);
	join();
	for (size_t i = 0; i < 3; i++) {
		begin_change(CHANGE_IP);
		CU_ASSERT_EQUAL(send_to(i), 1);
	}
	begin_change(CHANGE_IP);
	CU_ASSERT_EQUAL(send_to(3), 0);
	turn_fixture_close(&f);
}

static enum tp_verdict look(enum tp_event event, struct tp_request *request, const void *payload)
{
	const struct tp_request_success *success = payload;

	(void)request;
	if (event != TP_EVENT_on_stun_request_success) {
		return TP_PASS;
	}
	CU_ASSERT_TRUE(success->response.len > 1500);
	CU_ASSERT_TRUE(tp_addr_equal(&success->five_tuple->server_addr, &behavior.addrs[0]));
	return TP_DENY;
}

static void plugins_see_the_response_and_may_veto_it(void)
{
	open_fixture();
	test_hooks.ask = look;
	begin_change(CHANGE_IP);
	add_padding(1500);
	CU_ASSERT_EQUAL(send_to(0), 0);
	CU_ASSERT_EQUAL(test_hooks.counts[TP_EVENT_on_stun_request_success], 1);
	turn_fixture_close(&f);
}

TEST_SUITE("behavior", TEST(is_unknown_without_four_sockets), TEST(is_unknown_in_other_methods),
	   TEST(a_connection_is_never_taken_for_one_of_the_four),
	   TEST(other_unknown_attributes_stay_unknown), TEST(a_connection_is_told_both_addresses),
	   TEST(connections_elsewhere_are_not), TEST(a_connection_cannot_ask_for_another_way),
	   TEST(a_plain_request_is_told_both_addresses), TEST(table_1_decides_the_source),
	   TEST(other_bits_of_change_request_are_ignored),
	   TEST(an_error_comes_from_where_the_request_went),
	   TEST(response_port_is_where_the_response_goes),
	   TEST(response_port_goes_with_change_request),
	   TEST(padding_is_answered_by_no_more_padding),
	   TEST(padding_goes_with_change_request_and_fingerprint),
	   TEST(padding_and_response_port_exclude_each_other), TEST(malformed_attributes_are_400),
	   TEST(responses_count_against_the_source), TEST(plugins_see_the_response_and_may_veto_it))

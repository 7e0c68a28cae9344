/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/client.h"

#include <string.h>

#include "support/suite.h"
#include "support/turn_fixture.h"

static struct turn_fixture f;

/* --- handlers ---------------------------------------------------------------------- */

static bool refuses;
static unsigned connected;
static unsigned closed;
static uint64_t id;
static char reason[64];
static uint64_t duration_ms;
static unsigned released;
static struct tp_client_connected heard; /* pointers stay the test's */

static void release(void *state)
{
	CU_ASSERT_PTR_EQUAL(state, &released);
	CU_ASSERT_EQUAL(closed, 1); /* the observer could still look at it */
	released++;
}

static enum tp_verdict on_packet(enum tp_event event, const void *payload)
{
	if (event != TP_EVENT_on_client_connected) {
		return TP_PASS;
	}
	heard = *(const struct tp_client_connected *)payload;
	id = heard.client->id;
	CU_ASSERT_EQUAL(memcmp(&heard.client->five_tuple, &f.five_tuple, sizeof(f.five_tuple)), 0);
	CU_ASSERT_PTR_EQUAL(tp_client_of(&f.five_tuple), heard.client);
	connected++;
	return refuses ? TP_DENY : TP_PASS;
}

static void tell(enum tp_event event, const void *payload)
{
	const struct tp_client_closed *told = payload;

	if (event == TP_EVENT_on_client_closed) {
		CU_ASSERT_EQUAL(told->client->id, id);
		strncpy(reason, told->reason, sizeof(reason) - 1);
		duration_ms = told->duration_ms;
		closed++;
	}
}

/* --- a connection ------------------------------------------------------------------- */

static void on_endpoint_closed(struct fake_endpoint *endpoint)
{
	const struct tp_endpoint_handler *handler = tp_server_handler(f.server);

	handler->closed(handler->owner, &endpoint->endpoint, &f.five_tuple);
}

static void open_connection(enum tp_transport transport,
			    const struct tp_endpoint_security *security)
{
	const struct tp_endpoint_handler *handler = tp_server_handler(f.server);

	fake_endpoint_init(&f.endpoint, transport);
	f.endpoint.closed = on_endpoint_closed;
	f.five_tuple.transport = transport;
	handler->opened(handler->owner, &f.endpoint.endpoint, &f.five_tuple, security);
}

static void open_fixture(void)
{
	turn_fixture_open(&f);
	test_hooks.packet = on_packet;
	test_hooks.tell = tell;
	refuses = false;
	connected = 0;
	closed = 0;
	released = 0;
	id = 0;
	memset(reason, 0, sizeof(reason));
}

/* --- cases --------------------------------------------------------------------------- */

static void a_connection_is_told_from_beginning_to_end(void)
{
	open_fixture();
	open_connection(TP_TRANSPORT_TCP, NULL);
	CU_ASSERT_EQUAL(connected, 1);
	CU_ASSERT_PTR_NULL(heard.server_name);
	CU_ASSERT_PTR_NULL(heard.alpn);
	CU_ASSERT_PTR_NULL(heard.security);
	CU_ASSERT_EQUAL(heard.certificate.len, 0);
	CU_ASSERT_NOT_EQUAL(id, 0);
	turn_fixture_advance_s(&f, 7);
	tp_endpoint_close(&f.endpoint.endpoint);
	CU_ASSERT_EQUAL(closed, 1);
	CU_ASSERT_STRING_EQUAL(reason, "closed by the client");
	CU_ASSERT_EQUAL(duration_ms, 7000);
	CU_ASSERT_PTR_NULL(tp_client_of(&f.five_tuple));
	CU_ASSERT_EQUAL(f.server->clients.count, 0);
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(closed, 1);
}

static void what_tls_knows_is_told(void)
{
	static const uint8_t certificate[] = {0x30, 0x03, 0x02, 0x01, 0x00};
	const struct tp_endpoint_security security = {
		.description = "TLS1.3 TLS_AES_128_GCM_SHA256",
		.server_name = "turn.example.org",
		.alpn = "stun.turn",
		.certificate = certificate,
		.certificate_len = sizeof(certificate),
	};

	open_fixture();
	open_connection(TP_TRANSPORT_TLS, &security);
	CU_ASSERT_STRING_EQUAL(heard.security, security.description);
	CU_ASSERT_STRING_EQUAL(heard.server_name, "turn.example.org");
	CU_ASSERT_STRING_EQUAL(heard.alpn, "stun.turn");
	CU_ASSERT_PTR_EQUAL(heard.certificate.data, certificate);
	CU_ASSERT_EQUAL(heard.certificate.len, sizeof(certificate));
	turn_fixture_close(&f);
}

static void a_refused_connection_closes_at_once(void)
{
	open_fixture();
	refuses = true;
	open_connection(TP_TRANSPORT_DTLS, NULL);
	CU_ASSERT_EQUAL(f.endpoint.close_count, 1);
	CU_ASSERT_EQUAL(closed, 1);
	CU_ASSERT_STRING_EQUAL(reason, "refused by a plugin");
	CU_ASSERT_EQUAL(f.server->clients.count, 0);
	turn_fixture_close(&f);
}

static void an_exception_is_the_reason_of_the_end(void)
{
	const struct tp_endpoint_handler *handler;

	open_fixture();
	handler = tp_server_handler(f.server);
	open_connection(TP_TRANSPORT_TCP, NULL);
	handler->exception(handler->owner, &f.five_tuple, "idle for too long", NULL, 0);
	tp_endpoint_close(&f.endpoint.endpoint);
	CU_ASSERT_STRING_EQUAL(reason, "idle for too long");
	turn_fixture_close(&f);
}

static void what_is_left_ends_with_the_server(void)
{
	open_fixture();
	open_connection(TP_TRANSPORT_TCP, NULL);
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(closed, 1);
	CU_ASSERT_STRING_EQUAL(reason, "the daemon stops");
}

static void udp_clients_are_none(void)
{
	open_fixture();
	turn_fixture_allocate(&f);
	CU_ASSERT_EQUAL(connected, 0);
	CU_ASSERT_PTR_NULL(tp_client_of(&f.five_tuple));
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(closed, 0);
}

static void ids_are_never_the_same(void)
{
	uint64_t first;

	open_fixture();
	open_connection(TP_TRANSPORT_TCP, NULL);
	first = id;
	tp_endpoint_close(&f.endpoint.endpoint);
	open_connection(TP_TRANSPORT_TCP, NULL);
	CU_ASSERT_NOT_EQUAL(id, first);
	tp_endpoint_close(&f.endpoint.endpoint);
	turn_fixture_close(&f);
}

static void attached_state_goes_after_the_last_event(void)
{
	struct tp_client *client;

	open_fixture();
	open_connection(TP_TRANSPORT_TCP, NULL);
	client = tp_client_find(f.server, &f.five_tuple);
	CU_ASSERT_EQUAL(
		tp_client_set_state(f.generation->instances[0], &client->view, &released, release),
		0);
	CU_ASSERT_PTR_EQUAL(tp_client_state(f.generation->instances[0], &client->view), &released);
	tp_endpoint_close(&f.endpoint.endpoint);
	CU_ASSERT_EQUAL(released, 1);
	turn_fixture_close(&f);
	CU_ASSERT_EQUAL(released, 1);
}

TEST_SUITE("client", TEST(a_connection_is_told_from_beginning_to_end), TEST(what_tls_knows_is_told),
	   TEST(a_refused_connection_closes_at_once), TEST(an_exception_is_the_reason_of_the_end),
	   TEST(what_is_left_ends_with_the_server), TEST(udp_clients_are_none),
	   TEST(ids_are_never_the_same), TEST(attached_state_goes_after_the_last_event));

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/dtls.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>
#include <turnpike/prefix.h>

#include "base/addr.h"
#include "base/counter.h"
#include "io/datagram.h"
#include "io/stream.h"
#include "support/io_fixture.h"
#include "support/suite.h"

#define HANDSHAKE_MS 5000
#define IDLE_MS 60000

struct fixture {
	struct io_fixture io;
	struct tp_certs *server_certs;
	struct tp_certs *client_certs;
	struct tp_dtls_listener *listener;
	struct tp_addr addr;
	struct io_peer server;
	struct io_peer client;
	struct io_peer other;
	/* A network between client and server that a test has in its hands. */
	struct tp_datagram *outside; /* what the client takes for the server */
	struct tp_datagram *inside;  /* what the server takes for the client */
	struct tp_addr client_addr;
	bool lose_to_server;
	bool lose_to_client;
	uint8_t hello[2048]; /* the latest ClientHello */
	size_t hello_len;
	uint8_t answer[2048]; /* the latest from the server */
	size_t answer_len;
	size_t answer_count;
};

static struct tp_dtls_options options_of(struct tp_certs *certs, const char *address)
{
	return (struct tp_dtls_options){
		.socket = {.bind_addr = io_addr(address), .want_tos_ttl = true},
		.certs = certs,
		.max_sessions = 2,
		.handshake_timeout_ms = HANDSHAKE_MS,
		.idle_timeout_ms = IDLE_MS,
	};
}

static bool ask_certificate;
static bool plain_too;
static struct tp_prefix_set *proxies; /* NULL: none */

static struct fixture *open_dtls(const char *backend, const char *address)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tp_endpoint_handler handler;
	struct tp_dtls_options options;

	if (f == NULL) {
		abort();
	}
	io_fixture_open(&f->io, backend);
	f->server_certs = io_server_certs();
	f->client_certs = io_client_certs();
	f->server.echo = true;
	f->server.ask_certificate = ask_certificate;
	handler = io_peer_handler(&f->server);
	handler.realm = 7;
	options = options_of(f->server_certs, address);
	options.plain_too = plain_too;
	options.proxies = proxies;
	CU_ASSERT_EQUAL_FATAL(tp_dtls_listener_open(f->io.loop, &options, &handler, &f->listener),
			      0);
	f->addr = *tp_dtls_listener_addr(f->listener);
	return f;
}

static void close_dtls(struct fixture *f)
{
	tp_dtls_listener_close(&f->listener);
	CU_ASSERT_PTR_NULL(f->listener);
	io_fixture_settle(&f->io);
	if (f->client.endpoint != NULL) {
		tp_endpoint_close(f->client.endpoint);
	}
	if (f->other.endpoint != NULL) {
		tp_endpoint_close(f->other.endpoint);
	}
	CU_ASSERT_EQUAL(f->server.opened_count, f->server.closed_count);
	CU_ASSERT_EQUAL(f->client.opened_count, f->client.closed_count);
	tp_datagram_close(&f->outside);
	tp_datagram_close(&f->inside);
	tp_certs_unref(&f->server_certs);
	tp_certs_unref(&f->client_certs);
	io_fixture_close(&f->io);
	free(f);
}

static struct tp_endpoint *start(struct fixture *f, struct io_peer *peer,
				 const struct tp_addr *remote_addr, uint16_t port)
{
	struct tp_endpoint_handler handler = io_peer_handler(peer);
	struct tp_dtls_options options = options_of(
		f->client_certs, remote_addr->family == TP_FAMILY_IPV6 ? "::" : "0.0.0.0");
	struct tp_endpoint *endpoint = NULL;

	options.socket.bind_addr.port = port;
	CU_ASSERT_EQUAL_FATAL(tp_dtls_connect(f->io.loop, remote_addr, &options, "localhost",
					      &handler, &endpoint),
			      0);
	return endpoint;
}

static void exchange(struct fixture *f, struct io_peer *client, size_t len)
{
	size_t before = client->message_count;
	uint8_t *message = malloc(len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	io_message(message, len, (uint32_t)len);
	CU_ASSERT_EQUAL(tp_endpoint_send(client->endpoint, &client->five_tuple, message, len), 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &client->message_count, before + 1));
	CU_ASSERT_EQUAL(client->len, len);
	CU_ASSERT_EQUAL(memcmp(client->bytes, message, len), 0);
	free(message);
}

/* The server asks; a client that has no certificate is as welcome. */
static void opened_tells_what_the_handshake_found(void)
{
	struct fixture *f;

	ask_certificate = true;
	for (int has_one = 0; has_one < 2; has_one++) {
		f = open_dtls("plain", "127.0.0.1");
		if (has_one) {
			tp_certs_unref(&f->client_certs);
			f->client_certs = io_server_certs();
		}
		start(f, &f->client, &f->addr, 0);
		CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
		CU_ASSERT_EQUAL(strncmp(f->server.security.description, "DTLS1.2 ", 8), 0);
		CU_ASSERT_STRING_EQUAL(f->server.security.server_name, "localhost");
		CU_ASSERT_EQUAL(f->server.endpoint->realm, 7);
		CU_ASSERT_STRING_EQUAL(f->server.security.alpn, "stun.turn");
		CU_ASSERT_EQUAL(f->server.security.certificate_len != 0, has_one != 0);
		close_dtls(f);
	}
	ask_certificate = false;
}

static void message_and_answer_pass(void)
{
	static const char *const backends[] = {"plain", "mmsg"};
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	for (size_t i = 0; i < 4; i++) {
		struct fixture *f = open_dtls(backends[i % 2], addresses[i / 2]);

		start(f, &f->client, &f->addr, 0);
		CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
		exchange(f, &f->client, 100);
		exchange(f, &f->client, 1500); /* longer than the handshake's MTU */
		exchange(f, &f->client, 9000);
		CU_ASSERT_EQUAL(f->server.five_tuple.transport, TP_TRANSPORT_DTLS);
		CU_ASSERT_EQUAL(f->server.endpoint->transport, TP_TRANSPORT_DTLS);
		CU_ASSERT_FALSE(f->server.endpoint->stream);
		close_dtls(f);
	}
}

static void peer_is_described(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");
	struct tp_tls_peer peer;

	start(f, &f->client, &f->addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
	CU_ASSERT_EQUAL(tp_endpoint_tls_peer(f->server.endpoint, &peer), 0);
	CU_ASSERT_STRING_EQUAL(peer.version, "DTLS1.2");
	CU_ASSERT_STRING_EQUAL(peer.alpn, "stun.turn");
	CU_ASSERT_STRING_EQUAL(peer.server_name, "localhost");
	close_dtls(f);
}

static void end_is_told_to_the_other_side(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");

	start(f, &f->client, &f->addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	exchange(f, &f->client, 20);
	tp_endpoint_close(f->client.endpoint);
	CU_ASSERT_EQUAL(f->client.closed_count, 1);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.closed_count, 1));
	CU_ASSERT_EQUAL(f->server.exception_count, 0);
	close_dtls(f);
}

static void session_may_close_inside_its_message(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");
	uint8_t message[20];

	start(f, &f->client, &f->addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	f->server.close_inside = true;
	io_message(message, sizeof(message), 1);
	tp_endpoint_send(f->client.endpoint, &f->client.five_tuple, message, sizeof(message));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.closed_count, 1));
	CU_ASSERT_EQUAL(f->client.message_count, 1);
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	close_dtls(f);
}

static void close_listener(struct io_peer *peer, struct tp_packet *packet)
{
	struct fixture *f = peer->arg;

	(void)packet;
	tp_dtls_listener_close(&f->listener);
}

static void listener_may_close_inside_a_message(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");
	uint8_t message[20];

	start(f, &f->client, &f->addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	f->server.echo = false;
	f->server.on_message = close_listener;
	f->server.arg = f;
	io_message(message, sizeof(message), 1);
	tp_endpoint_send(f->client.endpoint, &f->client.five_tuple, message, sizeof(message));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.closed_count, 1));
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	close_dtls(f);
}

static void idle_session_closes(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");

	start(f, &f->client, &f->addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	io_fixture_advance_ms(&f->io, IDLE_MS - 1);
	CU_ASSERT_EQUAL(f->server.closed_count, 0);
	exchange(f, &f->client, 20);
	io_fixture_advance_ms(&f->io, IDLE_MS - 1);
	CU_ASSERT_EQUAL(f->server.closed_count, 0);
	io_fixture_advance_ms(&f->io, 1);
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	close_dtls(f);
}

static void sessions_have_a_ceiling(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");
	struct tp_counter *refused = tp_counter_named("io.dtls_refused", "");
	uint64_t before = tp_counter_read(refused);
	struct io_peer *third = calloc(1, sizeof(*third));

	start(f, &f->client, &f->addr, 0);
	start(f, &f->other, &f->addr, 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.opened_count, 2));
	start(f, third, &f->addr, 0);
	io_fixture_settle(&f->io);
	CU_ASSERT_EQUAL(tp_counter_read(refused), before + 1);
	io_fixture_advance_ms(&f->io, HANDSHAKE_MS);
	CU_ASSERT_EQUAL(third->opened_count, 0);
	CU_ASSERT_EQUAL(third->exception_count, 1);
	CU_ASSERT_STRING_EQUAL(third->reason, "no handshake in time");
	free(third);
	close_dtls(f);
}

static void paused_listener_keeps_its_sessions(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");

	start(f, &f->client, &f->addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	tp_dtls_listener_pause(f->listener);
	start(f, &f->other, &f->addr, 0);
	exchange(f, &f->client, 20);
	io_fixture_advance_ms(&f->io, HANDSHAKE_MS);
	CU_ASSERT_EQUAL(f->other.opened_count, 0);
	close_dtls(f);
}

static void server_of_another_name_is_refused(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");
	struct tp_endpoint_handler handler = io_peer_handler(&f->client);
	struct tp_dtls_options options = options_of(f->client_certs, "0.0.0.0");
	struct tp_endpoint *endpoint;

	CU_ASSERT_EQUAL(tp_dtls_connect(f->io.loop, &f->addr, &options, "turn.example.org",
					&handler, &endpoint),
			0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.exception_count, 1));
	CU_ASSERT_EQUAL(f->client.opened_count, 0);
	close_dtls(f);
}

/* --- a network in the test's hands ---------------------------------------- */

/* The network in the middle puts this before what it passes to the server. */
static void add_header(struct tp_packet *packet)
{
	static const char header[] = "\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xcb\0\x71\x05\x7f\0\0\x01"
				     "\x0f\xa0\x0d\x96";

	packet->data -= sizeof(header) - 1;
	packet->len += sizeof(header) - 1;
	memcpy(packet->data, header, sizeof(header) - 1);
}

static void pass_to_server(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct fixture *f = owner;
	struct tp_packet out = *packet;

	(void)datagram;
	f->client_addr = packet->remote_addr;
	if (packet->len > 13 && packet->data[0] == 22 && packet->data[13] == 1 &&
	    packet->len <= sizeof(f->hello)) {
		memcpy(f->hello, packet->data, packet->len);
		f->hello_len = packet->len;
	}
	out.local_addr = (struct tp_addr){0};
	out.remote_addr = f->addr;
	if (!f->lose_to_server) {
		if (proxies != NULL) {
			add_header(&out);
		}
		tp_datagram_send(f->inside, &out);
	}
}

static void pass_to_client(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct fixture *f = owner;
	struct tp_packet out = *packet;

	(void)datagram;
	f->answer_count++;
	f->answer_len = packet->len < sizeof(f->answer) ? packet->len : sizeof(f->answer);
	memcpy(f->answer, packet->data, f->answer_len);
	out.local_addr = (struct tp_addr){0};
	out.remote_addr = f->client_addr;
	if (!f->lose_to_client) {
		tp_datagram_send(f->outside, &out);
	}
}

static struct fixture *open_between(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");
	struct tp_datagram_options options = {
		.socket.bind_addr = io_addr("127.0.0.1"),
		.owner = f,
		.receive = pass_to_server,
	};

	CU_ASSERT_EQUAL_FATAL(tp_datagram_open(f->io.loop, &options, &f->outside), 0);
	options.receive = pass_to_client;
	CU_ASSERT_EQUAL_FATAL(tp_datagram_open(f->io.loop, &options, &f->inside), 0);
	return f;
}

static void inject(struct fixture *f, const uint8_t *bytes, size_t len)
{
	const struct tp_packet packet = {
		.data = (uint8_t *)(uintptr_t)bytes,
		.len = len,
		.remote_addr = f->addr,
		.ttl = -1,
		.tos = -1,
	};

	tp_datagram_send(f->inside, &packet);
	io_fixture_settle(&f->io);
}

/*
 * RFC 6347 section 4.2.1: without the cookie nothing is kept and little is
 * said.
 */
static void first_hello_is_answered_with_a_cookie_and_forgotten(void)
{
	struct fixture *f = open_between();
	struct tp_counter *refused = tp_counter_named("io.dtls_refused", "");
	uint64_t before;

	f->lose_to_client = true;
	start(f, &f->client, &f->outside->local_addr, 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->answer_count, 1));
	CU_ASSERT_TRUE(f->answer_len < f->hello_len);
	CU_ASSERT_EQUAL(f->answer[0], 22);
	CU_ASSERT_EQUAL(f->answer[13], 3); /* HelloVerifyRequest */
	before = tp_counter_read(refused);
	for (int i = 0; i < 100; i++) {
		inject(f, f->hello, f->hello_len);
	}
	CU_ASSERT_EQUAL(f->answer_count, 101);
	CU_ASSERT_EQUAL(tp_counter_read(refused), before); /* no session was tried */
	io_fixture_advance_ms(&f->io, HANDSHAKE_MS);
	CU_ASSERT_EQUAL(f->server.exception_count, 0);
	close_dtls(f);
}

static void what_is_no_hello_gets_no_answer(void)
{
	static const uint8_t other_records[] = {20, 21, 23, 22};
	struct fixture *f = open_between();
	uint8_t bytes[200] = {22, 254, 253};

	inject(f, bytes, 0);
	for (size_t len = 1; len < 59; len++) { /* a hello that is cut */
		bytes[13] = 1;
		inject(f, bytes, len);
	}
	for (size_t i = 0; i < sizeof(other_records); i++) {
		bytes[0] = other_records[i];
		bytes[13] = 2;
		inject(f, bytes, sizeof(bytes));
	}
	io_message(bytes, 20, 1); /* STUN without DTLS */
	inject(f, bytes, 20);
	CU_ASSERT_EQUAL(f->answer_count, 0);
	close_dtls(f);
}

/*
 * GnuTLS measures its second (RFC 6347 section 4.2.4.1) with the system's
 * clock: follow it.
 */
static void lost_flight_is_sent_again(void)
{
	struct fixture *f = open_between();
	uint64_t last_ms = tp_clock_system()->now_ms(tp_clock_system());

	f->lose_to_server = true;
	start(f, &f->client, &f->outside->local_addr, 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->hello_len, 1));
	f->lose_to_server = false;
	while (f->client.opened_count == 0 && f->client.exception_count == 0) {
		uint64_t now_ms = tp_clock_system()->now_ms(tp_clock_system());

		fake_clock_advance_ms(&f->io.clock, now_ms - last_ms);
		last_ms = now_ms;
		tp_loop_turn(f->io.loop);
	}
	CU_ASSERT_EQUAL(f->client.opened_count, 1);
	close_dtls(f);
}

static void foreign_bytes_do_not_end_a_session(void)
{
	struct fixture *f = open_between();
	uint8_t alert[15] = {21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40};
	uint8_t record[40] = {23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 99, 0, 27};

	start(f, &f->client, &f->outside->local_addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	inject(f, alert, sizeof(alert));
	inject(f, record, sizeof(record));
	for (size_t len = 0; len < sizeof(record); len++) {
		inject(f, record, len);
	}
	CU_ASSERT_EQUAL(f->server.closed_count, 0);
	exchange(f, &f->client, 20);
	close_dtls(f);
}

static void first_hello_delivered_late_does_not_end_the_session(void)
{
	struct fixture *f = open_between();

	start(f, &f->client, &f->outside->local_addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	inject(f, f->hello, f->hello_len); /* the one with the cookie */
	exchange(f, &f->client, 20);
	CU_ASSERT_EQUAL(f->server.closed_count, 0);
	close_dtls(f);
}

/* RFC 6347 section 4.2.8. */
static void hello_without_cookie_does_not_end_a_session(void)
{
	struct fixture *f = open_between();
	size_t answers;

	start(f, &f->client, &f->outside->local_addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	exchange(f, &f->client, 20);
	answers = f->answer_count;
	f->hello[27] ^= 0xff; /* another random, so the cookie is another's */
	f->lose_to_client = true;
	inject(f, f->hello, f->hello_len);
	f->lose_to_client = false;
	CU_ASSERT_EQUAL(f->answer_count, answers + 1);
	CU_ASSERT_EQUAL(f->answer[13], 3);
	CU_ASSERT_EQUAL(f->server.closed_count, 0);
	exchange(f, &f->client, 20);
	close_dtls(f);
}

static void client_that_begins_anew_replaces_its_session(void)
{
	struct fixture *f = open_between();

	start(f, &f->client, &f->outside->local_addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	exchange(f, &f->client, 20);
	f->lose_to_server = true; /* it goes without a word */
	tp_endpoint_close(f->client.endpoint);
	io_fixture_settle(&f->io);
	f->lose_to_server = false;
	CU_ASSERT_EQUAL(f->server.closed_count, 0);
	start(f, &f->other, &f->outside->local_addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->other.opened_count, 1));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.opened_count, 2));
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	exchange(f, &f->other, 20);
	close_dtls(f);
}

static void unusable_lengths_are_refused(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");

	start(f, &f->client, &f->addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	CU_ASSERT_EQUAL(
		tp_endpoint_send(f->client.endpoint, &f->client.five_tuple, f->client.bytes, 0),
		TP_EINVAL);
	CU_ASSERT_EQUAL(
		tp_endpoint_send(f->client.endpoint, &f->client.five_tuple, f->client.bytes, 16385),
		TP_EINVAL);
	exchange(f, &f->client, 20);
	close_dtls(f);
}

/* --- UDP and DTLS on one port --------------------------------------------- */

static struct fixture *open_shared(const char *backend)
{
	struct fixture *f;

	plain_too = true;
	f = open_dtls(backend, "127.0.0.1");
	plain_too = false;
	return f;
}

static void take_answer(void *owner, struct tp_datagram *datagram, struct tp_packet *packet)
{
	struct fixture *f = owner;

	(void)datagram;
	CU_ASSERT_FATAL(packet->len <= sizeof(f->answer));
	memcpy(f->answer, packet->data, packet->len);
	f->answer_len = packet->len;
	f->answer_count++;
}

static void open_plain(struct fixture *f)
{
	const struct tp_datagram_options options = {
		.socket.bind_addr = io_addr("127.0.0.1"),
		.owner = f,
		.receive = take_answer,
	};

	CU_ASSERT_EQUAL_FATAL(tp_datagram_open(f->io.loop, &options, &f->inside), 0);
}

static void send_plain(struct fixture *f, uint8_t *bytes, size_t len)
{
	const struct tp_packet packet = {
		.data = bytes,
		.len = len,
		.remote_addr = f->addr,
		.ttl = -1,
		.tos = -1,
	};

	CU_ASSERT_EQUAL(tp_datagram_send(f->inside, &packet), 0);
}

static void udp_and_dtls_share_a_port(void)
{
	static const char *const backends[] = {"plain", "mmsg"};

	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = open_shared(backends[i]);
		uint8_t message[20];

		start(f, &f->client, &f->addr, 0);
		CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
		exchange(f, &f->client, 100);
		CU_ASSERT_EQUAL(f->server.five_tuple.transport, TP_TRANSPORT_DTLS);
		open_plain(f);
		io_message(message, sizeof(message), 5);
		send_plain(f, message, sizeof(message));
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->answer_count, 1));
		CU_ASSERT_EQUAL(f->answer_len, sizeof(message));
		CU_ASSERT_EQUAL(io_message_number(f->answer), 5);
		CU_ASSERT_EQUAL(f->server.opened_count, 1); /* UDP has nothing to open */
		exchange(f, &f->client, 200);
		close_dtls(f);
	}
}

/* RFC 7983 section 7. */
static void first_byte_tells_dtls(void)
{
	struct fixture *f = open_shared(NULL);
	uint8_t bytes[20] = {0};
	size_t messages = 0;

	open_plain(f);
	for (unsigned first = 0; first < 256; first++) {
		bytes[0] = (uint8_t)first;
		send_plain(f, bytes, sizeof(bytes));
		io_fixture_settle(&f->io);
		messages += first < 20 || first > 63;
		CU_ASSERT_EQUAL(f->server.message_count, messages);
	}
	CU_ASSERT_EQUAL(tp_dtls_listener_count(f->listener), 0);
	close_dtls(f);
}

static void shared_port_may_close_inside_a_plain_message(void)
{
	struct fixture *f = open_shared(NULL);
	uint8_t message[20];

	start(f, &f->client, &f->addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	open_plain(f);
	f->server.echo = false;
	f->server.on_message = close_listener;
	f->server.arg = f;
	io_message(message, sizeof(message), 6);
	send_plain(f, message, sizeof(message));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 1));
	CU_ASSERT_PTR_NULL(f->listener);
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	close_dtls(f);
}

static void note_marks(struct io_peer *peer, struct tp_packet *packet)
{
	*(struct tp_packet *)peer->arg = *packet;
}

/* RFC 8656 section 14: of media, both ways, for each record; never of what is said else. */
static void marks_are_those_of_each_record(void)
{
	struct fixture *f = open_dtls(NULL, "127.0.0.1");
	struct tp_packet heard = {.ttl = -1};
	struct tp_packet answer = {.ttl = -1};
	uint8_t message[20];
	struct tp_packet packet = {.data = message, .len = sizeof(message), .ttl = 7, .tos = 0xb9};

	f->server.on_message = note_marks;
	f->server.arg = &heard;
	f->client.on_message = note_marks;
	f->client.arg = &answer;
	start(f, &f->client, &f->addr, 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	io_message(message, sizeof(message), 1);
	CU_ASSERT_EQUAL(tp_endpoint_forward(f->client.endpoint, &f->client.five_tuple, &packet), 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.message_count, 1));
	CU_ASSERT_EQUAL(heard.ttl, 7);
	CU_ASSERT_EQUAL(heard.tos, 0xb9);
	CU_ASSERT_EQUAL(answer.ttl, 64); /* a response of the server's */
	CU_ASSERT_EQUAL(answer.tos, 0);
	exchange(f, &f->client, sizeof(message));
	CU_ASSERT_EQUAL(heard.ttl, 64);
	CU_ASSERT_EQUAL(heard.tos, 0);
	close_dtls(f);
}

/* --- behind a proxy ------------------------------------------------------- */

static void session_is_with_whom_the_proxy_names(void)
{
	struct tp_addr client_addr = io_addr("203.0.113.5:4000");

	proxies = tp_prefix_set_create();
	CU_ASSERT_EQUAL_FATAL(tp_prefix_set_add(proxies, "127.0.0.1/32", 1), 0);
	for (int i = 0; i < 2; i++) {
		struct fixture *f;
		uint8_t message[20];

		plain_too = i == 1;
		f = open_between();
		start(f, &f->client, &f->outside->local_addr, 0);
		CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
		exchange(f, &f->client, 100);
		CU_ASSERT_TRUE(tp_addr_equal(&f->server.five_tuple.client_addr, &client_addr));
		inject(f, message, 0); /* no header: not heard, and no way back */
		io_message(message, sizeof(message), 9);
		CU_ASSERT_EQUAL(tp_endpoint_send(f->server.endpoint, &f->server.five_tuple, message,
						 sizeof(message)),
				0);
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.message_count, 2));
		tp_endpoint_close(f->server.endpoint);
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.closed_count, 1));
		close_dtls(f);
	}
	plain_too = false;
	tp_prefix_set_free(&proxies);
}

TEST_SUITE("dtls", TEST(opened_tells_what_the_handshake_found), TEST(message_and_answer_pass),
	   TEST(peer_is_described), TEST(end_is_told_to_the_other_side),
	   TEST(session_may_close_inside_its_message), TEST(listener_may_close_inside_a_message),
	   TEST(idle_session_closes), TEST(sessions_have_a_ceiling),
	   TEST(paused_listener_keeps_its_sessions), TEST(server_of_another_name_is_refused),
	   TEST(first_hello_is_answered_with_a_cookie_and_forgotten),
	   TEST(what_is_no_hello_gets_no_answer), TEST(lost_flight_is_sent_again),
	   TEST(foreign_bytes_do_not_end_a_session),
	   TEST(first_hello_delivered_late_does_not_end_the_session),
	   TEST(hello_without_cookie_does_not_end_a_session),
	   TEST(client_that_begins_anew_replaces_its_session), TEST(unusable_lengths_are_refused),
	   TEST(udp_and_dtls_share_a_port), TEST(first_byte_tells_dtls),
	   TEST(marks_are_those_of_each_record), TEST(shared_port_may_close_inside_a_plain_message),
	   TEST(session_is_with_whom_the_proxy_names));

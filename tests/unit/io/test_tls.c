/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <turnpike/error.h>

#include "base/addr.h"
#include "base/counter.h"
#include "support/io_fixture.h"
#include "support/suite.h"

#define HANDSHAKE_MS 5000

struct fixture {
	struct io_fixture io;
	struct tp_certs *server_certs;
	struct tp_certs *client_certs;
	struct tp_stream_listener *listener;
	struct tp_addr addr;
	struct io_peer server;
	struct io_peer client;
};

static struct tp_stream_options options_of(struct tp_certs *certs)
{
	return (struct tp_stream_options){
		.certs = certs,
		.queue_bytes = 100000,
		.max_connections = 3,
		.handshake_timeout_ms = HANDSHAKE_MS,
		.idle_timeout_ms = 60000,
	};
}

static bool ask_certificate;

static struct fixture *open_tls_with(struct tp_certs *certs, const char *address)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tp_endpoint_handler handler;
	struct tp_stream_options options;

	if (f == NULL) {
		abort();
	}
	io_fixture_open(&f->io, NULL);
	f->server_certs = certs;
	f->client_certs = io_client_certs();
	options = options_of(f->server_certs);
	options.socket.bind_addr = io_addr(address);
	f->server.ask_certificate = ask_certificate;
	handler = io_peer_handler(&f->server);
	handler.realm = 7;
	f->server.echo = true;
	CU_ASSERT_EQUAL_FATAL(tp_stream_listener_open(f->io.loop, &options, &handler, &f->listener),
			      0);
	f->addr = *tp_stream_listener_addr(f->listener);
	return f;
}

static struct fixture *open_tls(const char *address)
{
	return open_tls_with(io_server_certs(), address);
}

static void close_tls(struct fixture *f)
{
	tp_stream_listener_close(&f->listener);
	io_fixture_settle(&f->io);
	if (f->client.endpoint != NULL) {
		tp_endpoint_close(f->client.endpoint);
	}
	CU_ASSERT_EQUAL(f->server.opened_count, f->server.closed_count);
	CU_ASSERT_EQUAL(f->client.opened_count, f->client.closed_count);
	tp_certs_unref(&f->server_certs);
	tp_certs_unref(&f->client_certs);
	io_fixture_close(&f->io);
	free(f);
}

static void start_client(struct fixture *f, const char *server_name)
{
	struct tp_endpoint_handler handler = io_peer_handler(&f->client);
	struct tp_stream_options options = options_of(f->client_certs);
	struct tp_endpoint *endpoint;

	CU_ASSERT_EQUAL_FATAL(
		tp_stream_connect(f->io.loop, &f->addr, &options, server_name, &handler, &endpoint),
		0);
}

static void exchange(struct fixture *f, size_t len)
{
	uint8_t *message = malloc(len);

	CU_ASSERT_PTR_NOT_NULL_FATAL(message);
	io_message(message, len, 99);
	message[len - 1] = 0x5a;
	CU_ASSERT_EQUAL(tp_endpoint_send(f->client.endpoint, &f->client.five_tuple, message, len),
			0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.bytes_received, len));
	CU_ASSERT_EQUAL(f->client.len, len);
	CU_ASSERT_EQUAL(memcmp(f->client.bytes, message, len), 0);
	free(message);
}

static void message_and_answer_pass(void)
{
	struct fixture *f = open_tls("127.0.0.1");

	start_client(f, "localhost");
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	exchange(f, 100);
	CU_ASSERT_EQUAL(f->server.five_tuple.transport, TP_TRANSPORT_TLS);
	CU_ASSERT_EQUAL(f->server.endpoint->transport, TP_TRANSPORT_TLS);
	close_tls(f);
}

static void message_of_several_records_passes(void)
{
	struct fixture *f = open_tls("127.0.0.1");

	start_client(f, "localhost");
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	exchange(f, 20 + 65532);
	close_tls(f);
}

static void peer_is_described(void)
{
	struct fixture *f = open_tls("127.0.0.1");
	struct tp_tls_peer peer;

	start_client(f, "localhost");
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
	CU_ASSERT_EQUAL(tp_endpoint_tls_peer(f->server.endpoint, &peer), 0);
	CU_ASSERT_STRING_EQUAL(peer.version, "TLS1.3");
	CU_ASSERT_STRING_EQUAL(peer.alpn, "stun.turn"); /* RFC 7443 section 3 */
	CU_ASSERT_STRING_EQUAL(peer.server_name, "localhost");
	CU_ASSERT_NOT_EQUAL(peer.cipher[0], '\0');
	close_tls(f);
}

static void opened_tells_what_the_handshake_found(void)
{
	struct fixture *f = open_tls("127.0.0.1");
	const struct io_security *security = &f->server.security;

	start_client(f, "localhost");
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
	CU_ASSERT_TRUE(security->told);
	CU_ASSERT_EQUAL(strncmp(security->description, "TLS1.3 ", 7), 0);
	CU_ASSERT_STRING_EQUAL(security->server_name, "localhost");
	CU_ASSERT_EQUAL(f->server.endpoint->realm, 7);
	CU_ASSERT_STRING_EQUAL(security->alpn, "stun.turn");
	CU_ASSERT_EQUAL(security->certificate_len, 0);
	CU_ASSERT_NOT_EQUAL(f->client.security.certificate_len, 0);
	close_tls(f);
}

/* The server asks; a client that has none is as welcome. */
static void a_client_shows_its_certificate_when_it_is_asked(void)
{
	struct fixture *f;

	for (int has_one = 0; has_one < 2; has_one++) {
		ask_certificate = true;
		f = open_tls("127.0.0.1");
		ask_certificate = false;
		if (has_one) {
			tp_certs_unref(&f->client_certs);
			f->client_certs = io_server_certs();
		}
		start_client(f, "localhost");
		CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
		CU_ASSERT_EQUAL(f->server.security.certificate_len != 0, has_one != 0);
		close_tls(f);
	}
}

static void server_is_verified_by_address_without_a_name(void)
{
	static const char *const addresses[] = {"127.0.0.1", "::1"};

	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = open_tls(addresses[i]);

		start_client(f, NULL);
		CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
		close_tls(f);
	}
}

static void server_of_another_name_is_refused(void)
{
	struct fixture *f = open_tls("127.0.0.1");

	start_client(f, "turn.example.org");
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.exception_count, 1));
	CU_ASSERT_EQUAL(f->client.opened_count, 0);
	close_tls(f);
}

static void client_may_choose_not_to_verify(void)
{
	struct fixture *f = open_tls("127.0.0.1");

	tp_certs_unref(&f->client_certs);
	f->client_certs = io_careless_certs();
	start_client(f, "turn.example.org");
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	close_tls(f);
}

static void end_is_told_to_the_other_side(void)
{
	struct fixture *f = open_tls("127.0.0.1");

	start_client(f, "localhost");
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	exchange(f, 20);
	tp_endpoint_close(f->server.endpoint);
	CU_ASSERT_EQUAL(f->server.closed_count, 1);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.closed_count, 1));
	CU_ASSERT_EQUAL(f->client.exception_count, 0);
	close_tls(f);
}

static void connection_keeps_the_certificate_it_began_with(void)
{
	struct fixture *f = open_tls("127.0.0.1");

	tp_certs_unref(&f->server_certs); /* as a reload does */
	start_client(f, "localhost");
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->client.opened_count, 1));
	close_tls(f);
}

#define RELAY "tests/fixtures/certs/relay"

/* RFC 6066 section 3. */
static void name_asked_for_chooses_the_certificate(void)
{
	static const struct {
		const char *server_name;
		const char *trusted;
		bool verifies;
	} cases[] = {
		{"relay.example.org", RELAY ".pem", true},
		{"localhost", RELAY ".pem", false},
		{"localhost", "tests/fixtures/certs/localhost.pem", true},
		{"relay.example.org", "tests/fixtures/certs/localhost.pem", false},
		{NULL, "tests/fixtures/certs/localhost.pem", true}, /* the first one's address */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = open_tls("127.0.0.1");
		char problem[256];

		CU_ASSERT_EQUAL_FATAL(
			tp_certs_add(f->server_certs, RELAY ".pem", RELAY ".key", problem), 0);
		tp_certs_unref(&f->client_certs);
		CU_ASSERT_EQUAL_FATAL(
			tp_certs_client(cases[i].trusted, true, problem, &f->client_certs), 0);
		start_client(f, cases[i].server_name);
		CU_ASSERT_TRUE(io_fixture_until_count(
			&f->io,
			cases[i].verifies ? &f->client.opened_count : &f->client.exception_count,
			1));
		CU_ASSERT_EQUAL(f->client.opened_count, cases[i].verifies);
		close_tls(f);
	}
}

/* --- clients that are not ours -------------------------------------------- */

struct raw {
	gnutls_session_t session;
	gnutls_certificate_credentials_t credentials;
	int fd;
};

static void raw_open(struct fixture *f, struct raw *raw, const char *priority, const char *alpn)
{
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&f->addr, &sa);

	raw->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(connect(raw->fd, (struct sockaddr *)&sa, len), 0);
	CU_ASSERT_EQUAL(fcntl(raw->fd, F_SETFL, O_NONBLOCK), 0);
	setsockopt(raw->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	gnutls_certificate_allocate_credentials(&raw->credentials);
	gnutls_init(&raw->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
	CU_ASSERT_EQUAL(gnutls_priority_set_direct(raw->session, priority, NULL), 0);
	gnutls_credentials_set(raw->session, GNUTLS_CRD_CERTIFICATE, raw->credentials);
	gnutls_transport_set_int(raw->session, raw->fd);
	if (alpn != NULL) {
		const gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)alpn,
						 (unsigned)strlen(alpn)};

		gnutls_alpn_set_protocols(raw->session, &protocol, 1, 0);
	}
}

static void raw_close(struct raw *raw)
{
	gnutls_deinit(raw->session);
	gnutls_certificate_free_credentials(raw->credentials);
	close(raw->fd);
}

static int raw_handshake(struct fixture *f, struct raw *raw)
{
	int code = GNUTLS_E_AGAIN;

	for (int i = 0; i < 100000 && code == GNUTLS_E_AGAIN; i++) {
		code = gnutls_handshake(raw->session);
		tp_loop_turn(f->io.loop);
	}
	return code;
}

/*
 * The client may believe that it is through before it has read the server's
 * alert.
 */
static int raw_alert(struct fixture *f, struct raw *raw)
{
	int code = raw_handshake(f, raw);
	char byte;

	for (int i = 0; i < 100000 && (code == 0 || code == GNUTLS_E_AGAIN); i++) {
		code = (int)gnutls_record_recv(raw->session, &byte, 1);
		tp_loop_turn(f->io.loop);
	}
	CU_ASSERT_EQUAL(code, GNUTLS_E_FATAL_ALERT_RECEIVED);
	return code == GNUTLS_E_FATAL_ALERT_RECEIVED ? (int)gnutls_alert_get(raw->session) : -1;
}

static void alpn_is_checked_when_offered(void)
{
	static const struct {
		const char *alpn;
		bool welcome;
	} cases[] = {
		{NULL, true},
		{"stun.turn", true},
		{"stun.nat-discovery", true},
		{"http/1.1", false},
	};
	static const char *const priorities[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.2",
		"NORMAL:-VERS-ALL:+VERS-TLS1.3",
	};

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = open_tls("127.0.0.1");
		struct raw raw;

		raw_open(f, &raw, priorities[i % 2], cases[i / 2].alpn);
		if (cases[i / 2].welcome) {
			CU_ASSERT_EQUAL(raw_handshake(f, &raw), 0);
			CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
		} else { /* RFC 7301 section 3.2 */
			CU_ASSERT_EQUAL(raw_alert(f, &raw), GNUTLS_A_NO_APPLICATION_PROTOCOL);
			CU_ASSERT_EQUAL(f->server.opened_count, 0);
			CU_ASSERT_EQUAL(f->server.exception_count, 1);
		}
		raw_close(&raw);
		close_tls(f);
	}
}

/* RFC 8996. */
static void versions_before_1_2_are_refused(void)
{
	static const char *const priorities[] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.0:%VERIFY_ALLOW_SIGN_WITH_SHA1",
		"NORMAL:-VERS-ALL:+VERS-TLS1.1:%VERIFY_ALLOW_SIGN_WITH_SHA1",
	};

	for (size_t i = 0; i < 2; i++) {
		struct fixture *f = open_tls("127.0.0.1");
		struct raw raw;

		raw_open(f, &raw, priorities[i], NULL);
		CU_ASSERT_EQUAL(raw_alert(f, &raw), GNUTLS_A_PROTOCOL_VERSION);
		CU_ASSERT_EQUAL(f->server.opened_count, 0);
		raw_close(&raw);
		close_tls(f);
	}
}

static struct tp_certs *rsa_certs(void)
{
	struct tp_certs *certs = NULL;
	char problem[256];

	CU_ASSERT_EQUAL_FATAL(tp_certs_load("tests/fixtures/certs/rsa.pem",
					    "tests/fixtures/certs/rsa.key", problem, &certs),
			      0);
	return certs;
}

/* RFC 8489 section 6.2.3: the two that must be there; none of known weakness, none
 * without forward secrecy. */
static void cipher_suites_have_forward_secrecy(void)
{
	static const struct {
		const char *priority;
		bool welcome;
	} cases[] = {
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA:-CIPHER-ALL:+AES-128-GCM", true},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+DHE-RSA:-CIPHER-ALL:+AES-128-GCM", true},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:+RSA", false},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+3DES-CBC", false},
		{"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+ARCFOUR-128", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f = open_tls_with(rsa_certs(), "127.0.0.1");
		struct raw raw;

		raw_open(f, &raw, cases[i].priority, NULL);
		if (cases[i].welcome) {
			CU_ASSERT_EQUAL(raw_handshake(f, &raw), 0);
		} else {
			CU_ASSERT_EQUAL(raw_alert(f, &raw), GNUTLS_A_HANDSHAKE_FAILURE);
			CU_ASSERT_EQUAL(f->server.opened_count, 0);
		}
		raw_close(&raw);
		close_tls(f);
	}
}

static void client_that_renegotiates_is_closed(void)
{
	struct fixture *f = open_tls("127.0.0.1");
	struct raw raw;
	int code = GNUTLS_E_AGAIN;

	raw_open(f, &raw, "NORMAL:-VERS-ALL:+VERS-TLS1.2", NULL);
	CU_ASSERT_EQUAL(raw_handshake(f, &raw), 0);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
	code = gnutls_handshake(raw.session);
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.closed_count, 1));
	CU_ASSERT_NOT_EQUAL(code, 0);
	raw_close(&raw);
	close_tls(f);
}

#define TRAIN 10
#define MESSAGE 1000

/* Answer with a train, as a peer's would come. */
static void answer_with_train(struct io_peer *peer, struct tp_packet *packet)
{
	static uint8_t messages[TRAIN][MESSAGE]; /* they stay until the turn's end */

	(void)packet;
	for (uint32_t i = 0; i < TRAIN; i++) {
		struct tp_packet out = {messages[i], .len = MESSAGE};

		io_message(messages[i], MESSAGE, i);
		CU_ASSERT_EQUAL(tp_endpoint_forward(peer->endpoint, &peer->five_tuple, &out), 0);
	}
}

static ssize_t raw_receive(struct fixture *f, struct raw *raw, uint8_t *out, size_t size)
{
	ssize_t len = GNUTLS_E_AGAIN;

	for (int i = 0; i < 100000 && len == GNUTLS_E_AGAIN; i++) {
		len = gnutls_record_recv(raw->session, out, size);
		tp_loop_turn(f->io.loop);
	}
	return len;
}

/* There are clients that take what a record holds for a message. */
static void each_message_is_a_record(void)
{
	struct fixture *f = open_tls("127.0.0.1");
	uint8_t message[2 * MESSAGE];
	struct raw raw;

	f->server.echo = false;
	f->server.on_message = answer_with_train;
	raw_open(f, &raw, "NORMAL", NULL);
	CU_ASSERT_EQUAL(raw_handshake(f, &raw), 0);
	io_message(message, 20, 1);
	CU_ASSERT_EQUAL(gnutls_record_send(raw.session, message, 20), 20);
	for (uint32_t i = 0; i < TRAIN; i++) {
		CU_ASSERT_EQUAL(raw_receive(f, &raw, message, sizeof(message)), MESSAGE);
		CU_ASSERT_EQUAL(io_message_number(message), i);
	}
	raw_close(&raw);
	close_tls(f);
}

/* Several records may come in one read, one record in several. */
static void records_are_read_wherever_they_are_cut(void)
{
	struct fixture *f = open_tls("127.0.0.1");
	struct raw raw;

	f->server.echo = false;
	raw_open(f, &raw, "NORMAL", NULL);
	CU_ASSERT_EQUAL(raw_handshake(f, &raw), 0);
	for (size_t i = 1; i <= 200; i++) {
		uint8_t message[500];

		io_message(message, 20 + i % 100 * 4, (uint32_t)i);
		CU_ASSERT_EQUAL(gnutls_record_send(raw.session, message, 20 + i % 100 * 4),
				(ssize_t)(20 + i % 100 * 4));
	}
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.message_count, 200));
	CU_ASSERT_EQUAL(io_message_number(f->server.bytes), 200);
	CU_ASSERT_EQUAL(f->server.exception_count, 0);
	raw_close(&raw);
	close_tls(f);
}

static void one_turn_reads_no_more_than_a_share(void)
{
	struct fixture *f = open_tls("127.0.0.1");
	struct raw raw;
	uint8_t message[20];

	f->server.echo = false;
	raw_open(f, &raw, "NORMAL", NULL);
	CU_ASSERT_EQUAL(raw_handshake(f, &raw), 0);
	io_fixture_settle(&f->io);
	setsockopt(raw.fd, IPPROTO_TCP, TCP_CORK, &(int){1}, sizeof(int));
	for (uint32_t i = 0; i < 100; i++) {
		io_message(message, sizeof(message), i);
		CU_ASSERT_EQUAL(gnutls_record_send(raw.session, message, sizeof(message)), 20);
	}
	setsockopt(raw.fd, IPPROTO_TCP, TCP_CORK, &(int){0}, sizeof(int));
	for (size_t turn = 1; turn <= 3; turn++) {
		tp_loop_turn(f->io.loop);
		CU_ASSERT_EQUAL(f->server.message_count, turn * 32);
	}
	tp_loop_turn(f->io.loop);
	CU_ASSERT_EQUAL(f->server.message_count, 100);
	raw_close(&raw);
	close_tls(f);
}

static void slow_client_loses_whole_messages(void)
{
	struct fixture *f = open_tls("127.0.0.1");
	struct tp_counter *dropped = tp_counter_named("io.stream_media_dropped", "");
	uint64_t before = tp_counter_read(dropped);
	uint8_t messages[TRAIN][MESSAGE];
	uint8_t message[2 * MESSAGE];
	uint32_t sent = 0;
	uint32_t count = 0;
	uint32_t last = 0;
	struct raw raw;

	raw_open(f, &raw, "NORMAL", NULL);
	CU_ASSERT_EQUAL(raw_handshake(f, &raw), 0);
	CU_ASSERT_TRUE_FATAL(io_fixture_until_count(&f->io, &f->server.opened_count, 1));
	while (tp_counter_read(dropped) < before + 10) {
		for (size_t i = 0; i < TRAIN; i++) {
			struct tp_packet packet = {messages[i], .len = MESSAGE};

			io_message(messages[i], MESSAGE, sent++);
			tp_endpoint_forward(f->server.endpoint, &f->server.five_tuple, &packet);
		}
		tp_loop_flush(f->io.loop);
	}
	while (last + 1 < sent) {
		CU_ASSERT_EQUAL_FATAL(raw_receive(f, &raw, message, sizeof(message)), MESSAGE);
		CU_ASSERT_TRUE(count == 0 || io_message_number(message) > last);
		last = io_message_number(message);
		count++;
	}
	CU_ASSERT_EQUAL(count + tp_counter_read(dropped) - before, sent);
	raw_close(&raw);
	close_tls(f);
}

static void silent_handshake_ends_in_time(void)
{
	struct fixture *f = open_tls("127.0.0.1");
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&f->addr, &sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&sa, len), 0);
	io_fixture_settle(&f->io);
	io_fixture_advance_ms(&f->io, HANDSHAKE_MS - 1);
	CU_ASSERT_EQUAL(f->server.exception_count, 0);
	io_fixture_advance_ms(&f->io, 1);
	CU_ASSERT_EQUAL(f->server.exception_count, 1);
	CU_ASSERT_EQUAL(f->server.closed_count, 0); /* it was never opened */
	CU_ASSERT_EQUAL(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	close(fd);
	close_tls(f);
}

static void bytes_that_are_no_tls_close(void)
{
	struct fixture *f = open_tls("127.0.0.1");
	struct sockaddr_storage sa;
	socklen_t len = tp_addr_to_sockaddr(&f->addr, &sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint8_t message[20];

	io_message(message, sizeof(message), 1);
	CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&sa, len), 0);
	CU_ASSERT_EQUAL(send(fd, message, sizeof(message), MSG_NOSIGNAL), sizeof(message));
	CU_ASSERT_TRUE(io_fixture_until_count(&f->io, &f->server.exception_count, 1));
	CU_ASSERT_EQUAL(f->server.message_count, 0);
	close(fd);
	close_tls(f);
}

static void endpoint_without_tls_has_no_tls_peer(void)
{
	struct fixture *f = open_tls("127.0.0.1");
	struct tp_endpoint_handler handler = io_peer_handler(&f->client);
	struct tp_stream_options options = options_of(NULL);
	struct tp_endpoint *endpoint;
	struct tp_tls_peer peer;

	CU_ASSERT_EQUAL(
		tp_stream_connect(f->io.loop, &f->addr, &options, NULL, &handler, &endpoint), 0);
	CU_ASSERT_EQUAL(tp_endpoint_tls_peer(endpoint, &peer), TP_EINVAL);
	tp_endpoint_close(endpoint);
	close_tls(f);
}

TEST_SUITE("tls", TEST(message_and_answer_pass), TEST(message_of_several_records_passes),
	   TEST(peer_is_described), TEST(opened_tells_what_the_handshake_found),
	   TEST(a_client_shows_its_certificate_when_it_is_asked),
	   TEST(server_is_verified_by_address_without_a_name),
	   TEST(server_of_another_name_is_refused), TEST(client_may_choose_not_to_verify),
	   TEST(end_is_told_to_the_other_side),
	   TEST(connection_keeps_the_certificate_it_began_with),
	   TEST(name_asked_for_chooses_the_certificate), TEST(alpn_is_checked_when_offered),
	   TEST(versions_before_1_2_are_refused), TEST(cipher_suites_have_forward_secrecy),
	   TEST(client_that_renegotiates_is_closed), TEST(each_message_is_a_record),
	   TEST(records_are_read_wherever_they_are_cut), TEST(one_turn_reads_no_more_than_a_share),
	   TEST(slow_client_loses_whole_messages), TEST(silent_handshake_ends_in_time),
	   TEST(bytes_that_are_no_tls_close), TEST(endpoint_without_tls_has_no_tls_peer));

/* SPDX-License-Identifier: Apache-2.0 */
#include "support/io_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "io/datagram.h"

#define TURNS_MAX 200000
#define TURNS_TO_SETTLE 50

static void must(bool condition, const char *what)
{
	if (!condition) {
		fprintf(stderr, "io_fixture: %s\n", what);
		abort();
	}
}

void io_fixture_open(struct io_fixture *f, const char *backend)
{
	const struct tp_datagram_backend *table =
		backend != NULL ? tp_datagram_backend_named(backend) : NULL;

	fake_clock_init(&f->clock);
	must(tp_loop_create(&f->clock.clock, table, &f->loop) == 0, "no loop");
}

void io_fixture_close(struct io_fixture *f)
{
	tp_loop_turn(f->loop);
	tp_loop_free(&f->loop);
}

bool io_fixture_until(struct io_fixture *f, const bool *flag)
{
	for (int i = 0; i < TURNS_MAX && !*flag; i++) {
		tp_loop_turn(f->loop);
	}
	return *flag;
}

bool io_fixture_until_count(struct io_fixture *f, const size_t *count, size_t wanted)
{
	for (int i = 0; i < TURNS_MAX && *count < wanted; i++) {
		tp_loop_turn(f->loop);
	}
	return *count >= wanted;
}

void io_fixture_settle(struct io_fixture *f)
{
	for (int i = 0; i < TURNS_TO_SETTLE; i++) {
		tp_loop_turn(f->loop);
	}
}

void io_fixture_advance_ms(struct io_fixture *f, uint64_t ms)
{
	fake_clock_advance_ms(&f->clock, ms);
	io_fixture_settle(f);
}

struct tp_addr io_addr(const char *text)
{
	struct tp_addr addr;

	must(tp_addr_parse(text, &addr) == 0, text);
	return addr;
}

/* --- peers ---------------------------------------------------------------- */

static void on_message(void *owner, struct tp_endpoint *endpoint,
		       const struct tp_five_tuple *five_tuple, struct tp_packet *packet)
{
	struct io_peer *peer = owner;

	must(packet->len <= sizeof(peer->bytes), "message too long");
	peer->message_count++;
	peer->bytes_received += packet->len;
	peer->len = packet->len;
	peer->five_tuple = *five_tuple;
	if (packet->len > 0) {
		memcpy(peer->bytes, packet->data, packet->len);
	}
	if (peer->on_message != NULL) {
		peer->on_message(peer, packet);
	}
	if (peer->echo) {
		tp_endpoint_send(endpoint, five_tuple, packet->data, packet->len);
	}
	if (peer->forward) {
		tp_endpoint_forward(endpoint, five_tuple, packet);
	}
	if (peer->scribble) {
		memset(packet->data - TP_PACKET_HEADROOM, 0xee, TP_PACKET_HEADROOM);
		memset(packet->data + packet->len, 0xee, TP_PACKET_TAILROOM);
	}
	if (peer->close_inside) {
		tp_endpoint_close(endpoint);
	}
}

static void note_security(struct io_security *out, const struct tp_endpoint_security *security)
{
	*out = (struct io_security){.told = security != NULL};
	if (security != NULL) {
		snprintf(out->description, sizeof(out->description), "%s", security->description);
		snprintf(out->server_name, sizeof(out->server_name), "%s",
			 security->server_name != NULL ? security->server_name : "-");
		snprintf(out->alpn, sizeof(out->alpn), "%s",
			 security->alpn != NULL ? security->alpn : "-");
		out->certificate_len = security->certificate_len;
	}
}

static void on_opened(void *owner, struct tp_endpoint *endpoint,
		      const struct tp_five_tuple *five_tuple,
		      const struct tp_endpoint_security *security)
{
	struct io_peer *peer = owner;

	peer->opened_count++;
	peer->endpoint = endpoint;
	peer->five_tuple = *five_tuple;
	note_security(&peer->security, security);
	if (peer->close_opening) {
		tp_endpoint_close(endpoint);
	}
}

static void on_closed(void *owner, struct tp_endpoint *endpoint,
		      const struct tp_five_tuple *five_tuple)
{
	struct io_peer *peer = owner;

	(void)five_tuple;
	peer->closed_count++;
	if (peer->endpoint == endpoint) {
		peer->endpoint = NULL;
	}
}

static void on_exception(void *owner, const struct tp_five_tuple *five_tuple, const char *reason,
			 const uint8_t *bytes, size_t len)
{
	struct io_peer *peer = owner;

	(void)five_tuple;
	(void)bytes;
	(void)len;
	peer->exception_count++;
	snprintf(peer->reason, sizeof(peer->reason), "%s", reason);
}

struct tp_endpoint_handler io_peer_handler(struct io_peer *peer)
{
	return (struct tp_endpoint_handler){
		.owner = peer,
		.message = on_message,
		.opened = on_opened,
		.closed = on_closed,
		.exception = on_exception,
		.ask_certificate = peer->ask_certificate,
	};
}

void io_message(uint8_t *out, size_t len, uint32_t number)
{
	memset(out, 0, len);
	tp_put_u16(out, 0x0001);
	tp_put_u16(out + 2, (uint16_t)(len - 20));
	tp_put_u32(out + 4, 0x2112a442);
	tp_put_u32(out + 8, number);
}

uint32_t io_message_number(const uint8_t *bytes)
{
	return tp_get_u32(bytes + 8);
}

/* --- certificates --------------------------------------------------------- */

#define CERTIFICATE "tests/fixtures/certs/localhost.pem"
#define KEY "tests/fixtures/certs/localhost.key"

struct tp_certs *io_server_certs(void)
{
	struct tp_certs *certs = NULL;
	char problem[256] = "";

	must(tp_certs_load(CERTIFICATE, KEY, problem, &certs) == 0, problem);
	return certs;
}

struct tp_certs *io_client_certs(void)
{
	struct tp_certs *certs = NULL;
	char problem[256] = "";

	must(tp_certs_client(CERTIFICATE, true, problem, &certs) == 0, problem);
	return certs;
}

struct tp_certs *io_careless_certs(void)
{
	struct tp_certs *certs = NULL;
	char problem[256] = "";

	must(tp_certs_client(NULL, false, problem, &certs) == 0, problem);
	return certs;
}

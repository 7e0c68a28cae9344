/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/certs.h"
#include "io/endpoint.h"
#include "io/loop.h"
#include "support/fake_clock.h"

/*
 * A loop on a fake clock with real sockets on loopback: what was sent is there
 * in a turn or two, nobody waits.
 */
struct io_fixture {
	struct fake_clock clock;
	struct tp_loop *loop;
};

/** @backend: name of a datagram backend; NULL: the default. */
void io_fixture_open(struct io_fixture *f, const char *backend);
void io_fixture_close(struct io_fixture *f);

/** Turn until *@flag or *@count >= @wanted; false when that does not come. */
bool io_fixture_until(struct io_fixture *f, const bool *flag);
bool io_fixture_until_count(struct io_fixture *f, const size_t *count, size_t wanted);
/** Some turns in which nothing is expected to happen. */
void io_fixture_settle(struct io_fixture *f);

/** Let time pass and turn. */
void io_fixture_advance_ms(struct io_fixture *f, uint64_t ms);

struct tp_addr io_addr(const char *text);

#define IO_PEER_BYTES_MAX 70000

/* What "opened" was told; "-" for nothing. */
struct io_security {
	bool told;
	char description[96];
	char server_name[64];
	char alpn[32];
	size_t certificate_len;
};

/* A handler that records; the same for servers and clients. */
struct io_peer {
	struct tp_endpoint *endpoint; /* the latest opened; NULL when closed */
	struct tp_five_tuple five_tuple;
	size_t opened_count;
	struct io_security security;
	size_t closed_count;
	size_t message_count;
	size_t exception_count;
	char reason[128];
	uint8_t bytes[IO_PEER_BYTES_MAX]; /* of the latest message */
	size_t len;
	size_t bytes_received;
	bool echo;          /* send each message back */
	bool forward;       /* forward it back, as media */
	bool scribble;      /* overwrite the room around each message */
	bool close_inside;  /* close the endpoint inside "message" */
	bool close_opening; /* close it inside "opened" */
	bool ask_certificate;
	/* Called for each message; NULL: nothing. */
	void (*on_message)(struct io_peer *peer, struct tp_packet *packet);
	void *arg; /* the test's */
};

struct tp_endpoint_handler io_peer_handler(struct io_peer *peer);

/**
 * A STUN Binding request of @len bytes in all (20 or more, a multiple of four),
 * numbered.
 */
void io_message(uint8_t *out, size_t len, uint32_t number);
/** The number of such a message. */
uint32_t io_message_number(const uint8_t *bytes);

/**
 * The certificate of tests/fixtures/certs; one that trusts it; one that
 * verifies nothing.
 */
struct tp_certs *io_server_certs(void);
struct tp_certs *io_client_certs(void);
struct tp_certs *io_careless_certs(void);

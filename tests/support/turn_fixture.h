/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/worker.h"
#include "support/fake_clock.h"
#include "support/fake_net.h"
#include "support/hooks.h"
#include "support/turn_client.h"
#include "turn/allocation.h"
#include "turn/server.h"

/*
 * A whole server, on the first of two workers, on a fake clock and a fake
 * network, with one client at 192.0.2.10:4000 and the fixture plugin "hooks".
 * The server listens on 198.51.100.1:3478, relays from 203.0.113.7 and
 * 2001:db8::7, knows users "alice" and "bob" with password "secret" in realm
 * "example.org", and allows peers in 192.0.2.0/24 and 2001:db8:1::/48.
 */
struct turn_fixture {
	struct fake_clock clock;
	struct tp_loop *loop;
	struct tp_mailbox *mailbox;
	struct tp_worker worker;
	struct tp_generation *generation;
	struct tp_shared *shared;
	struct tp_server *server;
	struct fake_endpoint endpoint;
	struct tp_five_tuple five_tuple;
	struct turn_client client;
	struct tp_stun_msg response; /* the last one */
	uint8_t response_bytes[4096];
	size_t response_count; /* to the client, media included */
	struct tp_addr relayed_addr;
	struct tp_addr peer_addr; /* 192.0.2.200:9000 */
	int ttl;                  /* of what client and peer send from now on; -1 at first */
	int tos;
};

void turn_fixture_open(struct turn_fixture *f);
/** @adjust: changes the options before the server is made; NULL: none. */
void turn_fixture_open_with(struct turn_fixture *f,
			    void (*adjust)(struct tp_turn_options *options));

/**
 * With a second realm, "example.net", that has the options of the first. The client
 * is in it when f->endpoint.endpoint.realm is 1.
 *
 * @adjust:  changes its options; NULL: none
 * @plugins: does it have the plugin, too?
 */
void turn_fixture_open_realms(struct turn_fixture *f,
			      void (*adjust)(struct tp_turn_options *options), bool plugins);

/** Ends the server; fails the test on a leak or an open socket. */
void turn_fixture_close(struct turn_fixture *f);

/** Let time pass in steps of a second, and the timers fire. */
void turn_fixture_advance_s(struct turn_fixture *f, uint32_t seconds);

/** One loop turn: mailbox, timers, hooks. */
void turn_fixture_turn(struct turn_fixture *f);

/** Hand any bytes to the server as from the client; true when an answer came, now in f->response.
 */
bool turn_fixture_send_bytes(struct turn_fixture *f, const uint8_t *bytes, size_t len);

/** Parse what was sent to the client since the last look into f->response; false for nothing. */
bool turn_fixture_take_response(struct turn_fixture *f);

/** What the default provider does; for tests that set test_hooks.ask. Knows "alice" and "bob". */
enum tp_verdict turn_fixture_authorize(struct tp_request *request,
				       const struct tp_request_authorization *event);

/** Send what client.bytes holds. Returns the error code, 0 for success, -1 for silence. */
int turn_fixture_exchange(struct turn_fixture *f);

/** Sign and send the request begun in client.build. Returns as turn_fixture_exchange(). */
int turn_fixture_request(struct turn_fixture *f);

/** Learn realm and nonce from a 401. */
void turn_fixture_challenge(struct turn_fixture *f);

/** Log in and allocate an IPv4 relayed address; asserts success and sets relayed_addr. */
struct tp_allocation *turn_fixture_allocate(struct turn_fixture *f);

/** An Allocate request in client.build with REQUESTED-TRANSPORT UDP; add to it, then request. */
struct tp_build *turn_fixture_begin_allocate(struct turn_fixture *f);

/** Returns the error code as above. */
int turn_fixture_permit(struct turn_fixture *f, const struct tp_addr *peer_addr);
int turn_fixture_bind(struct turn_fixture *f, uint16_t number, const struct tp_addr *peer_addr);
int turn_fixture_refresh(struct turn_fixture *f, uint32_t lifetime_s);

/** Send indication; ChannelData. */
void turn_fixture_send_indication(struct turn_fixture *f, const struct tp_addr *peer_addr,
				  const char *payload);
void turn_fixture_send_channel_data(struct turn_fixture *f, uint16_t number, const char *payload);

/** A datagram from a peer to the relayed address. */
void turn_fixture_peer_sends(struct turn_fixture *f, const struct tp_addr *peer_addr,
			     const char *payload);

/** Datagrams sent from relayed sockets to peers so far. */
size_t turn_fixture_peer_count(struct turn_fixture *f);
/** Was the last of them this payload to this address? */
bool turn_fixture_peer_got(struct turn_fixture *f, const struct tp_addr *peer_addr,
			   const char *payload);

/** Was the last thing sent to the client ChannelData, or a Data indication, with this payload? */
bool turn_fixture_client_got_channel_data(struct turn_fixture *f, uint16_t number,
					  const char *payload);
bool turn_fixture_client_got_data(struct turn_fixture *f, const struct tp_addr *peer_addr,
				  const char *payload);

struct tp_addr turn_fixture_addr(const char *text);

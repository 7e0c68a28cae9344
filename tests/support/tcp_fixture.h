/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/stream_remains.h"
#include "support/turn_fixture.h"

/*
 * A server that relays TCP from 127.0.0.1 and ::1 over real sockets, on a fake
 * clock, with one client on a stream that is a fake endpoint. A second worker with a
 * server is there for the client's other connections.
 */
struct tcp_fixture {
	struct turn_fixture turn;
	struct tp_worker other;
	struct tp_server *other_server;
	struct tp_allocation *allocation;
	uint32_t connection_id; /* of the last response or indication */

	/* A second connection of the client's. */
	struct fake_endpoint data_endpoint;
	struct tp_five_tuple data_five_tuple;
	struct turn_client data_client;
	struct tp_server *data_server; /* where it has come to */
	int data_fd;                   /* what the client has of it, once handed over */
};

/** @adjust: further options; NULL: none. */
void tcp_fixture_open(struct tcp_fixture *f, void (*adjust)(struct tp_turn_options *options));
void tcp_fixture_close(struct tcp_fixture *f);

/** A few turns of both workers. */
void tcp_fixture_settle(struct tcp_fixture *f);
/** Seconds go by, with turns. */
void tcp_fixture_advance_s(struct tcp_fixture *f, uint32_t seconds);

/** A TCP allocation of a family; asserts that it is granted. */
void tcp_fixture_allocate(struct tcp_fixture *f, enum tp_family family);

/** Connect; the error code, 0, or -1 when there is no answer yet. */
int tcp_fixture_connect(struct tcp_fixture *f, const struct tp_addr *peer_addr);
/** An answer that was not there yet, the same. */
int tcp_fixture_answer(struct tcp_fixture *f);

/** Was a ConnectionAttempt of this peer the last that the client was sent? Sets connection_id. */
bool tcp_fixture_was_told(struct tcp_fixture *f, const struct tp_addr *peer_addr);

/** ConnectionBind on the second connection, at data_server; the code, -1 without answer. */
int tcp_fixture_bind(struct tcp_fixture *f, uint32_t connection_id);
/** An answer there, not looked at yet; the same. */
int tcp_fixture_bind_answer(struct tcp_fixture *f);

/** The second connection is handed over: a real one. @early: had been read already; NULL: nothing.
 */
void tcp_fixture_hand_over(struct tcp_fixture *f, const char *early);

/** What has arrived at a descriptor is this; empty text: nothing, and it is open. */
bool tcp_fixture_got(struct tcp_fixture *f, int fd, const char *text);
/** It has ended, or was reset. */
bool tcp_fixture_ended(struct tcp_fixture *f, int fd);
void tcp_fixture_say(struct tcp_fixture *f, int fd, const char *text);

/* A peer that listens, and has the latest connection to it. */
struct tcp_peer {
	int listener;
	struct tp_addr addr;
	int fd; /* -1: none */
	struct tp_addr from;
};

void tcp_peer_open(struct tcp_peer *peer, const char *address);
void tcp_peer_close(struct tcp_peer *peer);
/** Take a connection that has come; false: none has. */
bool tcp_peer_accept(struct tcp_peer *peer);
/** Connect from the listener's address to a relayed address. */
void tcp_peer_connect(struct tcp_peer *peer, const struct tp_addr *relayed_addr);

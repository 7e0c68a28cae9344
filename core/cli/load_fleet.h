/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "cli/load_options.h"
#include "cli/load_stream.h"
#include "cli/turn_login.h"

struct tp_load_session;

/*
 * The sockets of a load: one client for each allocation, connected to the
 * server, and a few peers that all allocations share. One epoll instance has
 * them all, edge-triggered; its events carry the client's index, or
 * TP_LOAD_PEER_EVENT plus the peer's.
 */
#define TP_LOAD_PEERS 8
#define TP_LOAD_PEER_EVENT UINT32_C(0x80000000)

struct tp_load_client {
	uint32_t index;
	int fd;
	bool failed;      /* no allocation; takes no part */
	uint16_t channel; /* bound to peer_addr */
	struct tp_addr addr;
	struct tp_addr relayed_addr;     /* family NONE: no allocation */
	struct tp_addr peer_addr;        /* where it sends to and hears from */
	struct tp_turn_login *login;     /* from the first request on */
	struct tp_load_session *session; /* requests under way; NULL: none */
	struct tp_load_stream *stream;   /* NULL over UDP */
};

struct tp_load_fleet {
	const struct tp_load_options *options;
	struct tp_addr server_addr;
	int epoll_fd;
	uint32_t client_count;
	struct tp_load_client *clients;
	int peer_fds[TP_LOAD_PEERS];
	struct tp_addr peer_addrs[TP_LOAD_PEERS];
};

/**
 * Open all sockets. Clients of a server on 127.0.0.0/8 spread over addresses of
 * 127.0.1.0/24, so that many ports are at hand.
 *
 * @options: borrowed
 * @problem: set to a sentence when it fails, 256 bytes
 *
 * Owner:  close with tp_load_fleet_close(), also after an error
 * Errors: TP_EIO, TP_ENOMEM
 */
int tp_load_fleet_open(struct tp_load_fleet *fleet, const struct tp_load_options *options,
		       const struct tp_addr *server_addr, char problem[256]);

void tp_load_fleet_close(struct tp_load_fleet *fleet);

/**
 * Give a client a new socket, with another port. Its allocation is forgotten.
 *
 * Errors: TP_EIO; it then has none
 */
int tp_load_client_reopen(struct tp_load_fleet *fleet, struct tp_load_client *client);

/** The peer whose packets an allocation relays. */
static inline unsigned tp_load_peer_of(uint32_t client)
{
	return client % TP_LOAD_PEERS;
}

/** CLOCK_MONOTONIC in ns. */
uint64_t tp_load_now_ns(void);

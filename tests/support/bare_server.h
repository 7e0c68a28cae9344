/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "host/worker.h"
#include "support/fake_clock.h"
#include "support/fake_net.h"
#include "turn/allocation.h"
#include "turn/server.h"

/*
 * A server on a fake clock and a fake network, without a test framework: for
 * fuzz targets and benches. Relays from 203.0.113.7, realm "example.org",
 * peers in 192.0.2.0/24.
 */
struct bare_server {
	struct fake_clock clock;
	struct tp_worker worker;
	struct tp_generation *generation;
	struct tp_shared *shared;
	struct tp_server *server;
	struct fake_endpoint endpoint;
	struct tp_five_tuple five_tuple; /* of the next allocation */
	struct tp_addr peer_addr;        /* 192.0.2.200:9000 */
};

/**
 * @backend:    &fake_net_backend, or another that opens any address
 * @plugin_dir: where the fixture plugin "hooks" is; NULL: no plugin at all
 */
void bare_server_open(struct bare_server *bare, const struct tp_datagram_backend *backend,
		      const char *plugin_dir);

/** Allocations made from now on share so many ports; before the first one. */
void bare_server_share_ports(struct bare_server *bare, uint32_t count);

/**
 * Relay TCP, too, and let clients move. From now on all is relayed from 127.0.0.1,
 * advertised as 203.0.113.7, and real connections reach this server's clients only.
 */
void bare_server_offer_all(struct bare_server *bare);

/** Asserts that nothing is left. */
void bare_server_close(struct bare_server *bare);

/**
 * An allocation of "alice" (password "secret") on the five-tuple, with channel
 * 0x4000 to the peer. The client's port moves on.
 */
struct tp_allocation *bare_server_allocate(struct bare_server *bare);

/** The same of TCP, over a stream and without channel; NULL when there is no socket. */
struct tp_allocation *bare_server_allocate_tcp(struct bare_server *bare);

/** Bytes of a client, at most 2048. */
void bare_server_client_sends(struct bare_server *bare, const struct tp_five_tuple *five_tuple,
			      const uint8_t *bytes, size_t len);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <turnpike/addr.h>

#include "base/list.h"
#include "base/wheel.h"
#include "turn/replay.h"

struct tp_dialer;
struct tp_server;
struct tp_splice;
struct tp_stream_remains;
struct tp_tcp_relay;
struct tp_transaction;

#define TP_DATA_CONNECTIONS_MAX 65536 /* per worker; an id is hard to guess beside them */

/* RFC 6062 sections 5.2 and 5.3: for Connect, and then for ConnectionBind. */
#define TP_CONNECT_TIMEOUT_MS 30000
#define TP_CONNECTION_BIND_TIMEOUT_MS 30000

enum tp_data_connection_state {
	TP_DATA_CONNECTING, /* the Connect request is in progress */
	TP_DATA_PENDING,    /* with the peer; the client is to send ConnectionBind */
	TP_DATA_CLAIMED,    /* that request is in progress */
	TP_DATA_BOUND,
};

/*
 * A connection with a peer of a TCP allocation, and the client's that is bound to
 * it. What a peer sends before that waits in the kernel. Owns descriptors,
 * timer, splice; lives on the worker that has the allocation.
 */
struct tp_data_connection {
	uint32_t id; /* CONNECTION-ID; key in the server's table */
	enum tp_data_connection_state state;
	struct tp_tcp_relay *relay;
	struct tp_list link;
	struct tp_addr peer_addr; /* as clients know it */
	int fd;                   /* the peer's; -1: not yet, or the splice has it */
	struct tp_timer timer;
	struct tp_dialer *dialer;
	void (*dialed)(struct tp_data_connection *connection, bool success);
	struct tp_transaction *transaction;   /* for the above to find */
	struct tp_transaction_key claimed_by; /* in state CLAIMED */
	struct tp_splice *splice;
};

/** The worker that has it, by its id; one that is not there for an id that never was. */
static inline unsigned tp_data_connection_worker(uint32_t id)
{
	return id & 0xff;
}

/**
 * In state CONNECTING.
 *
 * Errors: TP_EFULL at the allocation's ceiling or the worker's, TP_ENOMEM
 */
int tp_data_connection_create(struct tp_tcp_relay *relay, const struct tp_addr *peer_addr,
			      struct tp_data_connection **out);

/** Sets the pointer to NULL; NULL inside is fine. */
void tp_data_connection_free(struct tp_data_connection **connection);

/** NULL when there is none. */
struct tp_data_connection *tp_data_connection_find(struct tp_server *server, uint32_t id);
struct tp_data_connection *tp_data_connection_find_peer(struct tp_tcp_relay *relay,
							const struct tp_addr *peer_addr);

/**
 * Connect to the peer from the relayed address, within TP_CONNECT_TIMEOUT_MS.
 *
 * @dialed: called later, once; may free it
 *
 * Errors: as tp_dialer_start()
 */
int tp_data_connection_dial(struct tp_data_connection *connection,
			    void (*dialed)(struct tp_data_connection *connection, bool success));

/** It is there and waits for ConnectionBind, for TP_CONNECTION_BIND_TIMEOUT_MS. */
void tp_data_connection_pend(struct tp_data_connection *connection);

/** A ConnectionBind request has come for it. false: it is not pending. */
bool tp_data_connection_claim(struct tp_data_connection *connection,
			      const struct tp_transaction_key *key);

/** That request has come to nothing. */
void tp_data_connection_unclaim(struct tp_data_connection *connection);

/** Join it with what was the client's connection; takes that over, or closes both. */
void tp_data_connection_bind(struct tp_data_connection *connection,
			     struct tp_stream_remains *remains);

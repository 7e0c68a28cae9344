/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "turn/relay_socket.h"

struct tp_realm;
struct tp_server;
struct tp_transaction;

/*
 * Relayed ports kept for a later Allocate (EVEN-PORT with the R bit, RFC 8656
 * section 7.2). The token carries the worker that keeps the port; an Allocate that
 * arrives at another worker has the bound socket handed over by message.
 */
#define TP_RESERVATION_TOKEN_SIZE 8
#define TP_RESERVATION_KEEP_MS 30000
#define TP_RESERVATIONS_MAX 4096 /* per worker */

/** Keep a socket for the realm and mint its token. Taken over on success. Errors: TP_ENOMEM,
 * TP_EFULL. */
int tp_reservation_create(const struct tp_realm *realm, struct tp_relay_socket *socket,
			  uint8_t token[TP_RESERVATION_TOKEN_SIZE]);

/** Give up a reservation just made; nothing when it has been claimed. */
void tp_reservation_cancel(struct tp_server *server,
			   const uint8_t token[TP_RESERVATION_TOKEN_SIZE]);

/* @socket->datagram is NULL when there is no such reservation in the realm. The socket is the
 * callee's. */
typedef void (*tp_claimed_fn)(struct tp_transaction *transaction, struct tp_relay_socket *socket);

/** Claim a reserved port: calls @claimed, now or when the other worker has answered. */
void tp_reservation_claim(struct tp_transaction *transaction,
			  const uint8_t token[TP_RESERVATION_TOKEN_SIZE], tp_claimed_fn claimed);

/** With the server. */
void tp_reservation_free_all(struct tp_server *server);

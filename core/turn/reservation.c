/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/reservation.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "base/rand.h"
#include "base/wheel.h"
#include "io/socket.h"
#include "io/loop.h"
#include "io/mailbox.h"
#include "turn/live_ports.h"
#include "turn/realm.h"
#include "turn/server.h"
#include "turn/transaction.h"

struct reservation {
	uint8_t token[TP_RESERVATION_TOKEN_SIZE]; /* first byte: the worker */
	struct tp_server *server;
	uint32_t realm;
	struct tp_relay_socket socket;
	struct tp_timer expiry;
};

/* A claim on its way to the worker that keeps the port, and back with the socket. */
struct claim {
	struct tp_message message;
	struct tp_shared *shared;
	uint8_t token[TP_RESERVATION_TOKEN_SIZE];
	uint32_t realm;
	unsigned keeper;
	unsigned asker;
	struct tp_transaction_key asked_by;
	tp_claimed_fn claimed;
	int fd;                        /* -1: none */
	struct tp_relay_socket socket; /* without datagram */
};

static void reservation_free(struct reservation *reservation)
{
	struct tp_server *server = reservation->server;

	tp_loop_cancel(server->worker->loop, &reservation->expiry);
	tp_map_remove(&server->reservations, reservation->token);
	tp_relay_socket_close(server, &reservation->socket);
	free(reservation);
}

static void expire(struct tp_timer *timer)
{
	reservation_free(tp_container_of(timer, struct reservation, expiry));
}

int tp_reservation_create(const struct tp_realm *realm, struct tp_relay_socket *socket,
			  uint8_t token[TP_RESERVATION_TOKEN_SIZE])
{
	struct tp_server *server = realm->server;
	struct tp_loop *loop = server->worker->loop;
	struct reservation *reservation = calloc(1, sizeof(*reservation));
	int err;

	if (reservation == NULL) {
		return TP_ENOMEM;
	}
	tp_rand_bytes(reservation->token, sizeof(reservation->token));
	reservation->token[0] = (uint8_t)server->worker->index;
	err = tp_map_insert(&server->reservations, reservation->token, reservation);
	if (err != 0) {
		free(reservation);
		return err;
	}
	reservation->server = server;
	reservation->realm = realm->index;
	reservation->socket = *socket;
	socket->datagram = NULL;
	tp_timer_init(&reservation->expiry, expire);
	tp_loop_arm(loop, &reservation->expiry, tp_loop_now_ms(loop) + TP_RESERVATION_KEEP_MS);
	memcpy(token, reservation->token, TP_RESERVATION_TOKEN_SIZE);
	return 0;
}

void tp_reservation_cancel(struct tp_server *server, const uint8_t token[TP_RESERVATION_TOKEN_SIZE])
{
	struct reservation *reservation = tp_map_find(&server->reservations, token);

	if (reservation != NULL) {
		reservation_free(reservation);
	}
}

/* Take the socket out of this worker's reservations; no datagram when there is none. */
static struct tp_relay_socket take(struct tp_server *server, const uint8_t *token, uint32_t realm)
{
	struct reservation *reservation = tp_map_find(&server->reservations, token);
	struct tp_relay_socket socket = {.datagram = NULL};

	if (reservation != NULL && reservation->realm == realm) {
		socket = reservation->socket;
		reservation->socket.datagram = NULL;
		reservation_free(reservation);
	}
	return socket;
}

static void claim_drop(struct claim *claim)
{
	if (claim->fd != -1) {
		tp_live_ports_clear(claim->shared->live_ports, claim->socket.address,
				    tp_addr_port(&claim->socket.advertised_addr));
		tp_socket_close(&claim->fd);
	}
	free(claim);
}

/* The claim is the receiver's when this returns 0. */
static int claim_post(struct claim *claim, unsigned worker)
{
	struct tp_shared *shared = claim->shared;
	int err = TP_ESHUTDOWN;

	if (worker >= shared->worker_count) {
		return TP_EINVAL;
	}
	pthread_rwlock_rdlock(&shared->servers_lock);
	if (shared->servers[worker] != NULL) {
		err = tp_mailbox_post(shared->servers[worker]->worker->mailbox, &claim->message);
	}
	pthread_rwlock_unlock(&shared->servers_lock);
	return err;
}

/* The server of this thread; NULL when it has stopped. */
static struct tp_server *server_of(struct tp_shared *shared, unsigned worker)
{
	struct tp_server *server;

	pthread_rwlock_rdlock(&shared->servers_lock);
	server = shared->servers[worker];
	pthread_rwlock_unlock(&shared->servers_lock);
	return server;
}

/* Back at the worker that asked. */
static void deliver_answer(struct tp_message *message)
{
	struct claim *claim = tp_container_of(message, struct claim, message);
	struct tp_server *server = server_of(claim->shared, claim->asker);
	struct tp_transaction *transaction = NULL;

	if (server != NULL) {
		transaction = tp_map_find(&server->transactions, &claim->asked_by);
	}
	if (transaction != NULL) {
		tp_claimed_fn claimed = claim->claimed;
		struct tp_relay_socket socket;

		if (claim->fd != -1) {
			tp_relay_socket_adopt(server, &claim->socket, claim->fd);
			claim->fd = -1;
		}
		socket = claim->socket;
		claim_drop(claim);
		tp_transaction_resume(transaction);
		claimed(transaction, &socket);
		return;
	}
	claim_drop(claim);
}

/* At the worker that keeps the port. */
static void deliver_claim(struct tp_message *message)
{
	struct claim *claim = tp_container_of(message, struct claim, message);
	struct tp_server *server = server_of(claim->shared, claim->keeper);

	if (server != NULL) {
		claim->socket = take(server, claim->token, claim->realm);
		if (claim->socket.datagram != NULL) {
			claim->fd = tp_relay_socket_release(server, &claim->socket);
		}
	}
	claim->message.deliver = deliver_answer;
	if (claim_post(claim, claim->asker) != 0) {
		claim_drop(claim);
	}
}

/* Ask the other worker; the transaction waits. */
static int claim_from(struct tp_transaction *transaction, const uint8_t *token,
		      tp_claimed_fn claimed)
{
	struct tp_server *server = transaction->server;
	struct claim *claim = calloc(1, sizeof(*claim));
	int err;

	if (claim == NULL) {
		return TP_ENOMEM;
	}
	claim->message.deliver = deliver_claim;
	claim->shared = server->shared;
	memcpy(claim->token, token, sizeof(claim->token));
	claim->realm = transaction->realm->index;
	claim->keeper = token[0];
	claim->asker = server->worker->index;
	claim->asked_by = transaction->key;
	claim->claimed = claimed;
	claim->fd = -1;
	err = tp_transaction_wait(transaction);
	if (err == 0) {
		err = claim_post(claim, claim->keeper);
	}
	if (err != 0) {
		tp_transaction_resume(transaction);
		claim_drop(claim);
	}
	return err;
}

void tp_reservation_claim(struct tp_transaction *transaction,
			  const uint8_t token[TP_RESERVATION_TOKEN_SIZE], tp_claimed_fn claimed)
{
	struct tp_server *server = transaction->server;
	struct tp_relay_socket socket = {.datagram = NULL};

	if (token[0] == server->worker->index) {
		socket = take(server, token, transaction->realm->index);
	} else if (claim_from(transaction, token, claimed) == 0) {
		return;
	}
	claimed(transaction, &socket);
}

void tp_reservation_free_all(struct tp_server *server)
{
	struct reservation *reservation;

	while ((reservation = tp_map_drain(&server->reservations)) != NULL) {
		reservation_free(reservation);
	}
}

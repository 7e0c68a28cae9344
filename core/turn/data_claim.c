/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/data_claim.h"

#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "io/endpoint.h"
#include "io/mailbox.h"
#include "io/stream_remains.h"
#include "turn/allocation.h"
#include "turn/data_connection.h"
#include "turn/server.h"
#include "turn/tcp_relay.h"
#include "turn/transaction.h"

struct tp_data_claim {
	struct tp_message message;
	struct tp_shared *shared;
	uint32_t id;
	unsigned asker;
	struct tp_transaction_key asked_by;
	tp_data_claimed_fn claimed;
	bool granted;
	bool used;                        /* else returned */
	struct tp_stream_remains remains; /* of the client's connection */
	const char *realm;                /* behind the user in text */
	char text[];                      /* who asks */
};

static unsigned keeper_of(const struct tp_data_claim *claim)
{
	return tp_data_connection_worker(claim->id);
}

static struct tp_data_claim *claim_create(const struct tp_transaction *transaction, uint32_t id)
{
	const struct tp_request *request = &transaction->request;
	size_t user_size = strlen(request->user) + 1;
	size_t realm_size = strlen(request->realm) + 1;
	struct tp_data_claim *claim = calloc(1, sizeof(*claim) + user_size + realm_size);

	if (claim == NULL) {
		return NULL;
	}
	claim->shared = transaction->server->shared;
	claim->id = id;
	claim->asker = transaction->server->worker->index;
	claim->asked_by = transaction->key;
	claim->remains.fd = -1;
	memcpy(claim->text, request->user, user_size);
	memcpy(claim->text + user_size, request->realm, realm_size);
	claim->realm = claim->text + user_size;
	return claim;
}

static void claim_free(struct tp_data_claim *claim)
{
	tp_stream_remains_fini(&claim->remains);
	free(claim);
}

/* The claim is the receiver's when this returns 0. */
static int claim_post(struct tp_data_claim *claim, unsigned worker,
		      void (*deliver)(struct tp_message *message))
{
	struct tp_shared *shared = claim->shared;
	int err = TP_ESHUTDOWN;

	if (worker >= shared->worker_count) {
		return TP_EINVAL;
	}
	claim->message.deliver = deliver;
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

/* --- at the worker that has the allocation -------------------------------------------- */

/* The credentials must be those of the allocation (RFC 6062 section 4.3). */
static bool grant(struct tp_server *server, const struct tp_data_claim *claim)
{
	struct tp_data_connection *connection = tp_data_connection_find(server, claim->id);
	const struct tp_allocation *allocation;

	if (connection == NULL || connection->relay->allocation == NULL) {
		return false;
	}
	allocation = connection->relay->allocation;
	return strcmp(allocation->user, claim->text) == 0 &&
	       strcmp(allocation->view.realm, claim->realm) == 0 &&
	       tp_data_connection_claim(connection, &claim->asked_by);
}

/* What the claim was granted for; NULL when its time has run out. */
static struct tp_data_connection *find_claimed(struct tp_server *server,
					       const struct tp_data_claim *claim)
{
	struct tp_data_connection *connection = tp_data_connection_find(server, claim->id);

	if (connection == NULL || connection->state != TP_DATA_CLAIMED ||
	    memcmp(&connection->claimed_by, &claim->asked_by, sizeof(claim->asked_by)) != 0) {
		return NULL;
	}
	return connection;
}

/* Frees the claim. */
static void settle(struct tp_server *server, struct tp_data_claim *claim)
{
	struct tp_data_connection *connection = find_claimed(server, claim);

	if (connection == NULL) {
		claim_free(claim);
		return;
	}
	if (!claim->used) {
		tp_data_connection_unclaim(connection);
	} else if (claim->remains.fd == -1) { /* RFC 6062 section 5.5 */
		tp_data_connection_free(&connection);
	} else {
		tp_data_connection_bind(connection, &claim->remains);
	}
	claim_free(claim);
}

static void deliver_end(struct tp_message *message)
{
	struct tp_data_claim *claim = tp_container_of(message, struct tp_data_claim, message);
	struct tp_server *server = server_of(claim->shared, keeper_of(claim));

	if (server != NULL) {
		settle(server, claim);
	} else {
		claim_free(claim);
	}
}

static void deliver_answer(struct tp_message *message);

static void deliver_question(struct tp_message *message)
{
	struct tp_data_claim *claim = tp_container_of(message, struct tp_data_claim, message);
	struct tp_server *server = server_of(claim->shared, keeper_of(claim));

	claim->granted = server != NULL && grant(server, claim);
	if (claim_post(claim, claim->asker, deliver_answer) == 0) {
		return;
	}
	if (claim->granted) {
		settle(server, claim);
	} else {
		claim_free(claim);
	}
}

/* --- at the worker that has the client's connection ------------------------------------ */

/* It is used or returned; the keeper need not be another worker. */
static void claim_end(struct tp_data_claim *claim)
{
	struct tp_server *server;

	if (keeper_of(claim) != claim->asker) {
		if (claim_post(claim, keeper_of(claim), deliver_end) != 0) {
			claim_free(claim);
		}
		return;
	}
	server = server_of(claim->shared, claim->asker);
	if (server != NULL) {
		settle(server, claim);
	} else {
		claim_free(claim);
	}
}

static void deliver_answer(struct tp_message *message)
{
	struct tp_data_claim *claim = tp_container_of(message, struct tp_data_claim, message);
	struct tp_server *server = server_of(claim->shared, claim->asker);
	struct tp_transaction *transaction = NULL;
	bool granted = claim->granted;

	if (server != NULL) {
		transaction = tp_map_find(&server->transactions, &claim->asked_by);
	}
	if (transaction != NULL) {
		tp_data_claimed_fn claimed = claim->claimed;

		if (!granted) {
			claim_free(claim);
		}
		tp_transaction_resume(transaction);
		claimed(transaction, granted ? claim : NULL);
	} else if (granted) {
		claim_end(claim);
	} else {
		claim_free(claim);
	}
}

/* Ask the other worker; the transaction waits. */
static int claim_from(struct tp_transaction *transaction, struct tp_data_claim *claim)
{
	int err = tp_transaction_wait(transaction);

	if (err == 0) {
		err = claim_post(claim, keeper_of(claim), deliver_question);
		if (err != 0) {
			tp_transaction_resume(transaction);
		}
	}
	return err;
}

void tp_data_claim_make(struct tp_transaction *transaction, uint32_t id, tp_data_claimed_fn claimed)
{
	struct tp_data_claim *claim = claim_create(transaction, id);

	if (claim == NULL) {
		claimed(transaction, NULL);
		return;
	}
	claim->claimed = claimed;
	if (keeper_of(claim) == claim->asker) {
		claim->granted = grant(transaction->server, claim);
	} else if (claim_from(transaction, claim) == 0) {
		return;
	}
	if (!claim->granted) {
		claim_free(claim);
		claim = NULL;
	}
	claimed(transaction, claim);
}

void tp_data_claim_return(struct tp_data_claim **where)
{
	struct tp_data_claim *claim = *where;

	*where = NULL;
	if (claim != NULL) {
		claim_end(claim);
	}
}

static void taken(void *taker, struct tp_stream_remains *remains)
{
	struct tp_data_claim *claim = taker;

	claim->remains = *remains;
	*remains = (struct tp_stream_remains){.fd = -1};
	claim_end(claim);
}

void tp_data_claim_use(struct tp_data_claim **where, struct tp_endpoint *endpoint)
{
	struct tp_data_claim *claim = *where;

	*where = NULL;
	claim->used = true;
	tp_endpoint_hand_over(endpoint, taken, claim);
}

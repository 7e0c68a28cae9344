/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/detour.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <turnpike/error.h>

#include "io/endpoint.h"
#include "stun/msg.h"
#include "turn/allocation.h"
#include "turn/crossing.h"
#include "turn/discard.h"
#include "turn/ingress.h"
#include "turn/server.h"
#include "turn/transaction.h"

/* What a client is known by at home. No padding. */
struct visitor_key {
	uint32_t door;
	uint32_t number;
};

/*
 * Made at the door; one reference is the door's, one is home's, and either goes
 * on with the last message to the other side. A member is for one side alone, but those
 * that never change.
 */
struct tp_detour {
	struct tp_shared *shared;
	struct tp_five_tuple five_tuple;
	struct visitor_key key;
	unsigned home;
	atomic_uint references;

	/* the door's */
	struct tp_endpoint *endpoint; /* where the client is; NULL: it is shut */
	struct tp_crossing_note begin;
	struct tp_crossing_note closed;

	/* home's */
	struct tp_endpoint far; /* stands for the client */
	struct tp_server *server;
	unsigned holds;
	bool here;    /* in the server's table */
	bool cut_off; /* the door is shut */
	struct tp_crossing_note ended;

	size_t len; /* of the first request */
	uint8_t request[];
};

static void unref(struct tp_detour *detour)
{
	if (atomic_fetch_sub_explicit(&detour->references, 1, memory_order_acq_rel) == 1) {
		free(detour);
	}
}

/* --- at the door: begin --------------------------------------------------------- */

static void on_begin(struct tp_message *message);
static void begin_refused(struct tp_crossing_note *note);
static void on_closed(struct tp_message *message);
static void closed_refused(struct tp_crossing_note *note);
static void on_ended(struct tp_message *message);
static void ended_refused(struct tp_crossing_note *note);
static const struct tp_endpoint_ops far_ops;

static struct tp_detour *detour_create(const struct tp_transaction *transaction)
{
	const struct tp_stun_msg *msg = &transaction->msg;
	struct tp_server *server = transaction->server;
	struct tp_detour *detour = calloc(1, sizeof(*detour) + msg->len);

	if (detour == NULL) {
		return NULL;
	}
	detour->shared = server->shared;
	detour->five_tuple = transaction->request.five_tuple;
	detour->key.door = server->worker->index;
	detour->key.number = ++server->detour_number & TP_CROSSING_TAG_MASK;
	detour->home = tp_allocation_id_worker(transaction->claim.ticket.allocation_id);
	atomic_init(&detour->references, 2);
	detour->endpoint = transaction->endpoint;
	tp_crossing_note_init(&detour->begin, on_begin, begin_refused);
	tp_crossing_note_init(&detour->closed, on_closed, closed_refused);
	tp_crossing_note_init(&detour->ended, on_ended, ended_refused);
	detour->far = (struct tp_endpoint){
		.ops = &far_ops,
		.transport = transaction->endpoint->transport,
		.stream = transaction->endpoint->stream,
		.realm = transaction->endpoint->realm,
	};
	detour->len = msg->len;
	memcpy(detour->request, msg->bytes, msg->len);
	return detour;
}

static int tables_insert(struct tp_server *server, struct tp_detour *detour)
{
	int err = tp_map_insert(&server->detours, &detour->five_tuple, detour);

	if (err != 0) {
		return err;
	}
	err = tp_map_insert(&server->detours_by_number, &detour->key.number, detour);
	if (err == 0) {
		err = tp_endpoint_hold(detour->endpoint, &detour->five_tuple);
		if (err == 0) {
			return 0;
		}
		tp_map_remove(&server->detours_by_number, &detour->key.number);
	}
	tp_map_remove(&server->detours, &detour->five_tuple);
	return err;
}

/* At its client's door no more; the door's reference is the caller's. */
static void shut(struct tp_server *server, struct tp_detour *detour)
{
	tp_map_remove(&server->detours, &detour->five_tuple);
	tp_map_remove(&server->detours_by_number, &detour->key.number);
	tp_endpoint_release(detour->endpoint, &detour->five_tuple);
	detour->endpoint = NULL;
}

static void pass_on(struct tp_server *server, const struct tp_detour *detour,
		    const struct tp_packet *packet)
{
	if (tp_crossing_send(server->crossing, detour->home, TP_CROSSING_TO_HOME,
			     detour->key.number, packet) != 0) {
		tp_discard_message(server, &detour->five_tuple, NULL, TP_CLIENT_TO_PEER, 0,
				   TP_DISCARD_QUEUE_FULL, packet->len);
	}
}

/* Another request of the client has begun one while a plugin thought about this. */
static void pass_on_request(const struct tp_transaction *transaction,
			    const struct tp_detour *detour)
{
	const struct tp_packet packet = {
		.data = (uint8_t *)(uintptr_t)transaction->msg.bytes,
		.len = transaction->msg.len,
		.remote_addr = transaction->request.five_tuple.client_addr,
		.ttl = -1,
		.tos = -1,
	};

	pass_on(transaction->server, detour, &packet);
}

void tp_detour_begin(struct tp_transaction *transaction)
{
	struct tp_server *server = transaction->server;
	struct tp_detour *detour = tp_map_find(&server->detours, &transaction->request.five_tuple);

	if (detour != NULL) {
		pass_on_request(transaction, detour);
		tp_transaction_drop(transaction);
		return;
	}
	detour = detour_create(transaction);
	if (detour == NULL || tables_insert(server, detour) != 0) {
		free(detour);
		tp_transaction_fail(transaction, 508, NULL);
		return;
	}
	tp_counter_add(server->counters.detours_begun, 1);
	/* not at the end of the turn: the next request is not to be there first */
	tp_crossing_post_now(server->shared, detour->home, &detour->begin);
	tp_transaction_drop(transaction);
}

/* Home has stopped. */
static void begin_refused(struct tp_crossing_note *note)
{
	unref(tp_container_of(note, struct tp_detour, begin));
}

/* --- at the door: while it lasts ------------------------------------------------ */

bool tp_detour_exists(const struct tp_server *server, const struct tp_five_tuple *five_tuple)
{
	return tp_map_find(&server->detours, five_tuple) != NULL;
}

bool tp_detour_take(struct tp_server *server, const struct tp_five_tuple *five_tuple,
		    const struct tp_packet *packet)
{
	const struct tp_detour *detour = tp_map_find(&server->detours, five_tuple);

	if (detour == NULL) {
		return false;
	}
	pass_on(server, detour, packet);
	return true;
}

/* Success or error response: the upper bit of the class is in the first byte. */
static bool is_response(const struct tp_packet *packet)
{
	return packet->len > 0 && (packet->data[0] & 0xc1) == 0x01;
}

void tp_detour_from_home(struct tp_server *server, unsigned from, uint32_t tag,
			 struct tp_packet *packet)
{
	const struct tp_detour *detour = tp_map_find(&server->detours_by_number, &tag);
	int err;

	if (detour == NULL || detour->home != from) { /* shut meanwhile */
		return;
	}
	if (is_response(packet)) {
		err = tp_endpoint_send(detour->endpoint, &detour->five_tuple, packet->data,
				       packet->len);
	} else {
		err = tp_endpoint_forward(detour->endpoint, &detour->five_tuple, packet);
	}
	if (err != 0) {
		tp_discard_message(server, &detour->five_tuple, NULL, TP_PEER_TO_CLIENT, 0,
				   TP_DISCARD_QUEUE_FULL, packet->len);
	}
}

/* --- at the door: the end ------------------------------------------------------- */

static void close_door(struct tp_server *server, struct tp_detour *detour)
{
	shut(server, detour);
	tp_crossing_post(server->crossing, detour->home, &detour->closed);
}

static void closed_refused(struct tp_crossing_note *note)
{
	unref(tp_container_of(note, struct tp_detour, closed));
}

void tp_detour_close(struct tp_server *server, const struct tp_endpoint *endpoint,
		     const struct tp_five_tuple *five_tuple)
{
	struct tp_detour *detour = tp_map_find(&server->detours, five_tuple);

	if (detour != NULL && detour->endpoint == endpoint) {
		close_door(server, detour);
	}
}

void tp_detour_close_all(struct tp_server *server)
{
	struct tp_detour *detour;

	while ((detour = tp_map_drain(&server->detours)) != NULL) {
		close_door(server, detour);
	}
}

/* Home needs it no more. */
static void on_ended(struct tp_message *message)
{
	struct tp_detour *detour = tp_container_of(message, struct tp_detour, ended.message);

	if (detour->endpoint != NULL) {
		/* no lock: nobody but this thread changes it */
		shut(detour->shared->servers[detour->key.door], detour);
		unref(detour);
	}
	unref(detour);
}

/* The door has stopped, and shut. */
static void ended_refused(struct tp_crossing_note *note)
{
	unref(tp_container_of(note, struct tp_detour, ended));
}

/* --- at home: an endpoint ------------------------------------------------------- */

static int far_forward(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
		       struct tp_packet *packet)
{
	const struct tp_detour *detour = tp_container_of(endpoint, struct tp_detour, far);

	(void)five_tuple; /* the detour's */
	return tp_crossing_send(detour->server->crossing, detour->key.door, TP_CROSSING_TO_DOOR,
				detour->key.number, packet);
}

static int far_send(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
		    const uint8_t *bytes, size_t len)
{
	struct tp_packet packet = {
		.data = (uint8_t *)(uintptr_t)bytes,
		.len = len,
		.ttl = -1,
		.tos = -1,
	};

	return far_forward(endpoint, five_tuple, &packet);
}

/* The connection is the door's; nothing at home asks for its end. */
static void far_close(struct tp_endpoint *endpoint)
{
	(void)endpoint;
}

/* --- at home: life -------------------------------------------------------------- */

/* Home's reference goes back to the door with the message. */
static void leave(struct tp_detour *detour)
{
	detour->here = false;
	tp_map_remove(&detour->server->visitors, &detour->key);
	if (detour->cut_off) {
		unref(detour);
	} else {
		tp_crossing_post(detour->server->crossing, detour->key.door, &detour->ended);
	}
}

static int far_hold(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple)
{
	(void)five_tuple;
	tp_container_of(endpoint, struct tp_detour, far)->holds++;
	return 0;
}

/* It is there in that turn still. */
static void far_release(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple)
{
	struct tp_detour *detour = tp_container_of(endpoint, struct tp_detour, far);

	(void)five_tuple;
	if (--detour->holds == 0) {
		leave(detour);
	}
}

static const struct tp_endpoint_ops far_ops = {
	.send = far_send,
	.forward = far_forward,
	.close = far_close,
	.hold = far_hold,
	.release = far_release,
};

static void take_request(struct tp_detour *detour)
{
	struct tp_stun_msg msg;
	const char *problem;

	if (tp_stun_msg_parse(&msg, detour->request, detour->len, &problem) == 0) {
		tp_transaction_begin(detour->server, &detour->far, &detour->five_tuple, &msg);
	}
}

static void on_begin(struct tp_message *message)
{
	struct tp_detour *detour = tp_container_of(message, struct tp_detour, begin.message);
	struct tp_server *server = detour->shared->servers[detour->home];

	if (server == NULL || tp_map_insert(&server->visitors, &detour->key, detour) != 0) {
		tp_crossing_post_now(detour->shared, detour->key.door, &detour->ended);
		return;
	}
	detour->server = server;
	detour->here = true;
	(void)far_hold(&detour->far, &detour->five_tuple);
	take_request(detour);
	far_release(&detour->far, &detour->five_tuple);
}

static void on_closed(struct tp_message *message)
{
	struct tp_detour *detour = tp_container_of(message, struct tp_detour, closed.message);

	if (detour->here) {
		detour->cut_off = true;
		(void)far_hold(&detour->far, &detour->five_tuple);
		tp_server_endpoint_closed(detour->server, &detour->far, &detour->five_tuple);
		far_release(&detour->far, &detour->five_tuple);
	}
	unref(detour);
}

void tp_detour_from_door(struct tp_server *server, unsigned from, uint32_t tag,
			 struct tp_packet *packet)
{
	const struct visitor_key key = {from, tag};
	struct tp_detour *detour = tp_map_find(&server->visitors, &key);

	if (detour != NULL) { /* else it has just ended */
		(void)far_hold(&detour->far, &detour->five_tuple);
		tp_ingress_message(server, &detour->far, &detour->five_tuple, packet);
		far_release(&detour->far, &detour->five_tuple);
	}
}

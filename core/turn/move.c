/* SPDX-License-Identifier: Apache-2.0 */
#include "turn/move.h"

#include <turnpike/error.h>

#include "base/err.h"
#include "io/endpoint.h"
#include "io/loop.h"
#include "stun/attr.h"
#include "turn/allocation.h"
#include "turn/server.h"
#include "turn/transaction.h"

/* --- nowhere ------------------------------------------------------------------ */

static int send_nowhere(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			const uint8_t *bytes, size_t len)
{
	(void)endpoint;
	(void)five_tuple;
	(void)bytes;
	(void)len;
	return TP_ESHUTDOWN;
}

static int forward_nowhere(struct tp_endpoint *endpoint, const struct tp_five_tuple *five_tuple,
			   struct tp_packet *packet)
{
	(void)endpoint;
	(void)five_tuple;
	(void)packet;
	return TP_ESHUTDOWN;
}

static void close_nowhere(struct tp_endpoint *endpoint)
{
	(void)endpoint;
}

static const struct tp_endpoint_ops nowhere_ops = {
	.send = send_nowhere,
	.forward = forward_nowhere,
	.close = close_nowhere,
};

/* Where lost clients are; the same for all workers, for nothing in it changes. */
static struct tp_endpoint nowhere = {.ops = &nowhere_ops};

/* --- on the way --------------------------------------------------------------- */

static struct tp_loop *loop_of(const struct tp_move *move)
{
	return move->allocation->server->worker->loop;
}

static void arm(struct tp_move *move, uint64_t seconds)
{
	tp_loop_arm(loop_of(move), &move->timer,
		    tp_loop_now_ms(loop_of(move)) + seconds * UINT64_C(1000));
}

/* The new five-tuple is nobody's any more; its endpoint is still held. */
static struct tp_endpoint *forget_way(struct tp_move *move)
{
	struct tp_endpoint *endpoint = move->endpoint;

	tp_loop_cancel(loop_of(move), &move->timer);
	if (endpoint != NULL) {
		tp_map_remove(&move->allocation->server->moves, &move->five_tuple);
		move->endpoint = NULL;
	}
	return endpoint;
}

static void turn_back(struct tp_move *move)
{
	struct tp_endpoint *endpoint = forget_way(move);

	if (endpoint != NULL) {
		tp_endpoint_release(endpoint, &move->five_tuple);
	}
}

/* The old five-tuple is nobody's any more. */
static void leave(struct tp_allocation *allocation)
{
	if (!allocation->move->lost) {
		tp_map_remove(&allocation->server->allocations, &allocation->view.five_tuple);
	}
	tp_endpoint_release(allocation->endpoint, &allocation->view.five_tuple);
}

/* In the place of the old five-tuple: no table grows. */
static void arrive(struct tp_move *move)
{
	struct tp_allocation *allocation = move->allocation;
	struct tp_endpoint *endpoint = forget_way(move);

	leave(allocation);
	allocation->view.five_tuple = move->five_tuple;
	allocation->endpoint = endpoint;
	tp_assert(tp_map_insert(&allocation->server->allocations, &allocation->view.five_tuple,
				allocation) == 0);
}

/* No old five-tuple that could carry on: there at once. Errors: TP_ENOMEM. */
static int find_again(struct tp_move *move, const struct tp_five_tuple *five_tuple,
		      struct tp_endpoint *endpoint)
{
	struct tp_allocation *allocation = move->allocation;
	const struct tp_five_tuple last = allocation->view.five_tuple;
	int err;

	allocation->view.five_tuple = *five_tuple;
	err = tp_map_insert(&allocation->server->allocations, &allocation->view.five_tuple,
			    allocation);
	if (err != 0) {
		allocation->view.five_tuple = last;
		return err;
	}
	tp_loop_cancel(loop_of(move), &move->timer);
	move->lost = false;
	allocation->endpoint = endpoint;
	return 0;
}

/* When this replaces a way to elsewhere, the table does not grow. Errors: TP_ENOMEM. */
static int set_out(struct tp_move *move, const struct tp_five_tuple *five_tuple,
		   struct tp_endpoint *endpoint)
{
	int err;

	turn_back(move);
	move->five_tuple = *five_tuple;
	err = tp_map_insert(&move->allocation->server->moves, &move->five_tuple, move);
	if (err == 0) {
		move->endpoint = endpoint;
		arm(move, TP_MOVE_S);
	}
	return err;
}

static void on_time(struct tp_timer *timer)
{
	struct tp_move *move = tp_container_of(timer, struct tp_move, timer);

	if (move->lost) {
		tp_allocation_delete(move->allocation, TP_DELETE_CLOSED);
	} else {
		arrive(move);
	}
}

struct tp_allocation *tp_move_find(struct tp_server *server, const struct tp_five_tuple *five_tuple)
{
	struct tp_allocation *allocation = tp_allocation_find(server, five_tuple);
	const struct tp_move *move;

	if (allocation != NULL) {
		return allocation;
	}
	move = tp_map_find(&server->moves, five_tuple);
	return move == NULL ? NULL : move->allocation;
}

struct tp_allocation *tp_move_arrive(struct tp_server *server,
				     const struct tp_five_tuple *five_tuple)
{
	struct tp_move *move = tp_map_find(&server->moves, five_tuple);

	if (move == NULL) {
		return NULL;
	}
	arrive(move);
	return move->allocation;
}

/* --- closed connections ------------------------------------------------------- */

static void lose(struct tp_move *move)
{
	leave(move->allocation);
	move->lost = true;
	move->allocation->endpoint = &nowhere;
	arm(move, TP_MOVE_LOST_S);
}

void tp_move_closed(struct tp_allocation *allocation, const struct tp_endpoint *endpoint)
{
	struct tp_move *move = allocation->move;

	if (allocation->endpoint != endpoint) {
		if (move != NULL && move->endpoint == endpoint) {
			turn_back(move);
		}
	} else if (move == NULL || !allocation->server->options->mobility) {
		tp_allocation_delete(allocation, TP_DELETE_CLOSED);
	} else if (move->endpoint != NULL) {
		arrive(move);
	} else {
		lose(move);
	}
}

bool tp_move_is_lost(const struct tp_allocation *allocation)
{
	return allocation->move != NULL && allocation->move->lost;
}

/* --- claims ------------------------------------------------------------------- */

static struct tp_allocation *claimed(const struct tp_transaction *transaction, uint16_t *code)
{
	const struct tp_mobility_ticket *ticket = &transaction->claim.ticket;
	struct tp_allocation *allocation =
		tp_allocation_find_id(transaction->server, ticket->allocation_id);

	if (allocation == NULL) {
		*code = 437;
	} else if (allocation->realm != transaction->realm || allocation->move == NULL ||
		   allocation->move->ticket != ticket->number) {
		*code = 400;
	}
	return *code == 0 ? allocation : NULL;
}

void tp_move_read_claim(struct tp_transaction *transaction)
{
	const struct tp_server *server = transaction->server;
	const struct tp_stun_attr *attr =
		tp_stun_msg_find(&transaction->msg, TP_ATTR_MOBILITY_TICKET);
	struct tp_move_claim *claim = &transaction->claim;

	if (attr == NULL) {
		return;
	}
	claim->made = true;
	if (!server->options->mobility) {
		claim->code = 405;
	} else if (tp_mobility_open(server->shared->mobility_key, tp_attr_view(attr),
				    &claim->ticket) != 0) {
		claim->code = 400;
	} else if (transaction->allocation != NULL) {
		claim->code =
			transaction->allocation->view.id == claim->ticket.allocation_id ? 400 : 437;
	} else if (tp_allocation_id_worker(claim->ticket.allocation_id) != server->worker->index) {
		claim->elsewhere = true;
	} else {
		transaction->allocation = claimed(transaction, &claim->code);
	}
}

uint16_t tp_move_next_ticket(const struct tp_transaction *transaction,
			     uint8_t out[TP_MOBILITY_TICKET_SIZE])
{
	struct tp_mobility_ticket next = transaction->claim.ticket;

	if (next.number == UINT16_MAX) {
		return 405;
	}
	next.number++;
	return tp_mobility_seal(transaction->server->shared->mobility_key, &next, out) == 0 ? 0
											    : 500;
}

uint16_t tp_move_begin(struct tp_transaction *transaction)
{
	const struct tp_five_tuple *five_tuple = &transaction->request.five_tuple;
	struct tp_endpoint *endpoint = transaction->endpoint;
	struct tp_move *move = transaction->allocation->move;
	int err;

	if (move->ticket != transaction->claim.ticket.number) {
		return 400;
	}
	if (tp_move_find(transaction->server, five_tuple) != NULL) {
		return 437;
	}
	err = tp_endpoint_hold(endpoint, five_tuple);
	if (err != 0) {
		return 508;
	}
	err = move->lost ? find_again(move, five_tuple, endpoint)
			 : set_out(move, five_tuple, endpoint);
	if (err != 0) {
		tp_endpoint_release(endpoint, five_tuple);
		return 508;
	}
	move->ticket++;
	tp_counter_add(transaction->server->counters.allocations_moved, 1);
	return 0;
}

/* --- life --------------------------------------------------------------------- */

int tp_move_create(struct tp_allocation *allocation)
{
	struct tp_move *move = tp_pool_take(&allocation->server->move_pool);

	if (move == NULL) {
		return TP_ENOMEM;
	}
	move->allocation = allocation;
	move->ticket = TP_MOVE_FIRST_TICKET;
	tp_timer_init(&move->timer, on_time);
	allocation->move = move;
	return 0;
}

void tp_move_end(struct tp_allocation *allocation)
{
	if (allocation->move != NULL) {
		turn_back(allocation->move);
	}
}

void tp_move_free(struct tp_allocation *allocation)
{
	tp_pool_give(&allocation->server->move_pool, allocation->move);
	allocation->move = NULL;
}

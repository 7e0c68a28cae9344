/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/ticket.h>

struct tp_instance;
struct tp_message;
struct tp_observation_row;
struct tp_request;
struct tp_worker;

/*
 * A worker's parked requests: ticket = worker + slot + generation of the slot.
 * Other threads answer by a message to the worker, which looks the slot up;
 * they never touch the table.
 */
struct tp_ticket_table;

#define TP_TICKET_CEILING ((size_t)1 << 22)

/**
 * @ceiling: most requests parked at a time on this worker
 *
 * Makes the worker known to tp_ticket_answer() on all threads, under its index.
 *
 * Errors: TP_ENOMEM, TP_EEXIST when the index is taken, TP_EINVAL for an index
 *         over 255 or more than TP_TICKET_CEILING tickets
 */
int tp_ticket_table_create(struct tp_worker *worker, size_t ceiling, struct tp_ticket_table **out);

/** From now on tickets of the worker are stale. No request may be parked. Sets the pointer to NULL.
 */
void tp_ticket_table_free(struct tp_ticket_table **table);

/** Requests parked now. */
size_t tp_ticket_table_parked(const struct tp_ticket_table *table);

/* --- for dispatch and answers ---------------------------------------------------- */

/** A ticket for the request. Thread: the worker's. Errors: TP_EFULL at the ceiling. */
int tp_ticket_take(struct tp_ticket_table *table, struct tp_request *request,
		   struct tp_ticket *out);

/** Whose handler took the ticket, for what is counted after its end. */
void tp_ticket_note(struct tp_ticket_table *table, struct tp_ticket ticket,
		    struct tp_observation_row *row);

/**
 * What was noted of a ticket that has ended, unless its place was taken again
 * meanwhile: then NULL. Thread: that of the ticket's worker.
 */
struct tp_observation_row *tp_ticket_noted(struct tp_ticket ticket);

/** Forget what was noted of an instance's tickets: it ends. Thread: the worker's. */
void tp_ticket_table_forget(struct tp_ticket_table *table, const struct tp_instance *instance);

/** The ticket is stale from now on. It must be one that is taken. Thread: the worker's. */
void tp_ticket_release(struct tp_ticket_table *table, struct tp_ticket ticket);

/**
 * The request of a ticket; NULL when the ticket is stale or its worker has no table.
 *
 * Thread: that of the ticket's worker
 */
struct tp_request *tp_ticket_find(struct tp_ticket ticket);

/**
 * Post a message to the worker of a ticket.
 *
 * Thread: any
 * Errors: TP_EINVAL for an id that is none, TP_ESHUTDOWN when the worker has no
 *         table (any more), TP_EFULL when twice the ceiling is on its way; the
 *         message stays the caller's then
 */
int tp_ticket_post(struct tp_ticket ticket, struct tp_message *message);

/** A posted message has arrived. Thread: that of the ticket's worker. */
void tp_ticket_posted(struct tp_ticket ticket);

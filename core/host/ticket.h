/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/ticket.h>

struct tp_request;
struct tp_worker;

/*
 * A worker's parked requests: ticket = worker + slot + generation of the slot.
 * Other threads answer by a message to the worker, which looks the slot up;
 * they never touch the table.
 */
struct tp_ticket_table;

/**
 * @ceiling: most requests parked at a time on this worker
 *
 * Makes the worker known to tp_ticket_answer() on all threads, under its index.
 *
 * Errors: TP_ENOMEM, TP_EEXIST when the index is taken
 */
int tp_ticket_table_create(struct tp_worker *worker, size_t ceiling, struct tp_ticket_table **out);

/** From now on tickets of the worker are stale. No request may be parked. Sets the pointer to NULL. */
void tp_ticket_table_free(struct tp_ticket_table **table);

/** Requests parked now. */
size_t tp_ticket_table_parked(const struct tp_ticket_table *table);

/* SPDX-License-Identifier: Apache-2.0 */
#include "host/ticket.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <turnpike/error.h>

#include "base/err.h"
#include "host/observation_row.h"
#include "host/worker.h"
#include "io/mailbox.h"

#define WORKERS_MAX 256
#define SLOT_SHIFT 32
#define WORKER_SHIFT 54
#define SLOT_MASK ((UINT64_C(1) << (WORKER_SHIFT - SLOT_SHIFT)) - 1)
#define NO_SLOT UINT32_MAX

struct slot {
	struct tp_request *request;     /* NULL: free */
	struct tp_observation_row *row; /* of who took it last; NULL: not known */
	uint32_t generation;            /* of the ticket that is, or will next be, out; never 0 */
	uint32_t next_free;
};

struct tp_ticket_table {
	struct tp_worker *worker;
	struct slot *slots;
	uint32_t used; /* slots that were ever taken; beyond them memory is untouched */
	uint32_t first_free;
	size_t parked;
	size_t ceiling;
};

/*
 * Where tickets go. The lock guards the table pointers: an answer is posted
 * under it, so that a worker's mailbox cannot end meanwhile. What is in a table
 * is its worker's alone.
 */
static pthread_rwlock_t registry_lock = PTHREAD_RWLOCK_INITIALIZER;
static struct {
	struct tp_ticket_table *table;
	_Atomic size_t on_the_way; /* answers posted and not yet taken up */
} registry[WORKERS_MAX];

static unsigned worker_of(struct tp_ticket ticket)
{
	return (unsigned)(ticket.id >> WORKER_SHIFT);
}

static size_t slot_of(struct tp_ticket ticket)
{
	return (size_t)(ticket.id >> SLOT_SHIFT & SLOT_MASK);
}

static uint32_t generation_of(struct tp_ticket ticket)
{
	return (uint32_t)ticket.id;
}

static uint32_t generation_after(uint32_t generation)
{
	return generation == UINT32_MAX ? 1 : generation + 1;
}

static int register_table(struct tp_ticket_table *table)
{
	unsigned index = table->worker->index;
	int err = 0;

	pthread_rwlock_wrlock(&registry_lock);
	if (registry[index].table != NULL) {
		err = TP_EEXIST;
	} else {
		registry[index].table = table;
	}
	pthread_rwlock_unlock(&registry_lock);
	return err;
}

int tp_ticket_table_create(struct tp_worker *worker, size_t ceiling, struct tp_ticket_table **out)
{
	struct tp_ticket_table *table;
	int err;

	if (worker->index >= WORKERS_MAX || ceiling > TP_TICKET_CEILING) {
		return TP_EINVAL;
	}
	table = calloc(1, sizeof(*table));
	if (table == NULL) {
		return TP_ENOMEM;
	}
	table->worker = worker;
	table->ceiling = ceiling;
	table->first_free = NO_SLOT;
	table->slots = calloc(ceiling != 0 ? ceiling : 1, sizeof(*table->slots));
	err = table->slots == NULL ? TP_ENOMEM : register_table(table);
	if (err != 0) {
		free(table->slots);
		free(table);
		return err;
	}
	*out = table;
	return 0;
}

void tp_ticket_table_free(struct tp_ticket_table **where)
{
	struct tp_ticket_table *table = *where;

	if (table == NULL) {
		return;
	}
	tp_assert(table->parked == 0);
	pthread_rwlock_wrlock(&registry_lock);
	registry[table->worker->index].table = NULL;
	pthread_rwlock_unlock(&registry_lock);
	free(table->slots);
	free(table);
	*where = NULL;
}

size_t tp_ticket_table_parked(const struct tp_ticket_table *table)
{
	return table->parked;
}

int tp_ticket_take(struct tp_ticket_table *table, struct tp_request *request, struct tp_ticket *out)
{
	uint32_t at = table->first_free;
	struct slot *slot;

	if (at != NO_SLOT) {
		table->first_free = table->slots[at].next_free;
	} else if (table->used < table->ceiling) {
		at = table->used++;
		table->slots[at].generation = 1;
	} else {
		return TP_EFULL;
	}
	slot = &table->slots[at];
	slot->request = request;
	slot->row = NULL;
	table->parked++;
	out->id = (uint64_t)table->worker->index << WORKER_SHIFT | (uint64_t)at << SLOT_SHIFT |
		  slot->generation;
	return 0;
}

void tp_ticket_release(struct tp_ticket_table *table, struct tp_ticket ticket)
{
	size_t at = slot_of(ticket);
	struct slot *slot = &table->slots[at];

	tp_assert(at < table->used && slot->request != NULL &&
		  slot->generation == generation_of(ticket));
	slot->request = NULL;
	slot->generation = generation_after(slot->generation);
	slot->next_free = table->first_free;
	table->first_free = (uint32_t)at;
	table->parked--;
}

static const struct slot *find_slot(struct tp_ticket ticket)
{
	struct tp_ticket_table *table;

	/* Only this thread replaces its own pointer, so the table stays after the lock. */
	pthread_rwlock_rdlock(&registry_lock);
	table = registry[worker_of(ticket)].table;
	pthread_rwlock_unlock(&registry_lock);
	return table == NULL || slot_of(ticket) >= table->used ? NULL
							       : &table->slots[slot_of(ticket)];
}

struct tp_request *tp_ticket_find(struct tp_ticket ticket)
{
	const struct slot *slot = find_slot(ticket);

	return slot != NULL && slot->generation == generation_of(ticket) ? slot->request : NULL;
}

void tp_ticket_note(struct tp_ticket_table *table, struct tp_ticket ticket,
		    struct tp_observation_row *row)
{
	table->slots[slot_of(ticket)].row = row;
}

struct tp_observation_row *tp_ticket_noted(struct tp_ticket ticket)
{
	const struct slot *slot = find_slot(ticket);

	return slot != NULL && slot->request == NULL &&
			       slot->generation == generation_after(generation_of(ticket))
		       ? slot->row
		       : NULL;
}

void tp_ticket_table_forget(struct tp_ticket_table *table, const struct tp_instance *instance)
{
	for (uint32_t i = 0; i < table->used; i++) {
		struct slot *slot = &table->slots[i];

		if (slot->row != NULL && slot->row->instance == instance) {
			slot->row = NULL;
		}
	}
}

static int post_locked(unsigned index, struct tp_message *message)
{
	struct tp_ticket_table *table = registry[index].table;
	int err;

	if (table == NULL) {
		return TP_ESHUTDOWN;
	}
	if (atomic_fetch_add(&registry[index].on_the_way, 1) >= 2 * table->ceiling) {
		atomic_fetch_sub(&registry[index].on_the_way, 1);
		return TP_EFULL;
	}
	err = tp_mailbox_post(table->worker->mailbox, message);
	if (err != 0) {
		atomic_fetch_sub(&registry[index].on_the_way, 1);
	}
	return err;
}

int tp_ticket_post(struct tp_ticket ticket, struct tp_message *message)
{
	int err;

	if (generation_of(ticket) == 0 || worker_of(ticket) >= WORKERS_MAX) {
		return TP_EINVAL;
	}
	pthread_rwlock_rdlock(&registry_lock);
	err = post_locked(worker_of(ticket), message);
	pthread_rwlock_unlock(&registry_lock);
	return err;
}

void tp_ticket_posted(struct tp_ticket ticket)
{
	atomic_fetch_sub(&registry[worker_of(ticket)].on_the_way, 1);
}

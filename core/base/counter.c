/* SPDX-License-Identifier: Apache-2.0 */
#include "base/counter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* A counter is its column; each row has a cell in it. */
struct tp_counter {
	unsigned column;
	char *name;
	char *help;
};

struct row {
	_Atomic uint64_t cells[TP_COUNTER_MAX];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tp_counter *counters[TP_COUNTER_MAX];
static unsigned counter_count;
static struct row shared_row;
static _Atomic(struct row *) rows[TP_COUNTER_ROWS]; /* [0] unused: it is shared_row */
static _Thread_local struct row *own_row;           /* NULL: the shared one */

static bool name_valid(const char *name)
{
	return name[0] != '\0' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.") == strlen(name);
}

static struct tp_counter *find_locked(const char *name)
{
	for (unsigned i = 0; i < counter_count; i++) {
		if (strcmp(counters[i]->name, name) == 0) {
			return counters[i];
		}
	}
	return NULL;
}

static void counter_free(struct tp_counter *counter)
{
	if (counter != NULL) {
		free(counter->name);
		free(counter->help);
		free(counter);
	}
}

static struct tp_counter *add_locked(const char *name, const char *help)
{
	struct tp_counter *counter;

	if (counter_count == TP_COUNTER_MAX) {
		return NULL;
	}
	counter = calloc(1, sizeof(*counter));
	if (counter == NULL) {
		return NULL;
	}
	counter->column = counter_count;
	counter->name = strdup(name);
	counter->help = strdup(help);
	if (counter->name == NULL || counter->help == NULL) {
		counter_free(counter);
		return NULL;
	}
	counters[counter_count++] = counter;
	return counter;
}

struct tp_counter *tp_counter_named(const char *name, const char *help)
{
	struct tp_counter *counter;

	if (!name_valid(name)) {
		return NULL;
	}
	pthread_mutex_lock(&lock);
	counter = find_locked(name);
	if (counter == NULL) {
		counter = add_locked(name, help);
	}
	pthread_mutex_unlock(&lock);
	return counter;
}

void tp_counter_use_row(unsigned row)
{
	struct row *found = NULL;

	tp_assert(row < TP_COUNTER_ROWS);
	if (row != 0) {
		pthread_mutex_lock(&lock);
		found = atomic_load(&rows[row]);
		if (found == NULL) { /* out of memory: the shared row will do */
			found = calloc(1, sizeof(*found));
			atomic_store(&rows[row], found);
		}
		pthread_mutex_unlock(&lock);
	}
	own_row = found;
}

/* Only its owner writes a row of its own, so a plain load and store will do. */
void tp_counter_add(struct tp_counter *counter, uint64_t amount)
{
	_Atomic uint64_t *cell;

	if (counter == NULL) {
		return;
	}
	if (own_row == NULL) {
		atomic_fetch_add_explicit(&shared_row.cells[counter->column], amount,
					  memory_order_relaxed);
		return;
	}
	cell = &own_row->cells[counter->column];
	atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + amount,
			      memory_order_relaxed);
}

uint64_t tp_counter_read(const struct tp_counter *counter)
{
	uint64_t sum;

	if (counter == NULL) {
		return 0;
	}
	sum = atomic_load_explicit(&shared_row.cells[counter->column], memory_order_relaxed);
	for (unsigned i = 1; i < TP_COUNTER_ROWS; i++) {
		struct row *row = atomic_load_explicit(&rows[i], memory_order_acquire);

		if (row != NULL) {
			sum += atomic_load_explicit(&row->cells[counter->column],
						    memory_order_relaxed);
		}
	}
	return sum;
}

void tp_counter_each(void (*visit)(const char *name, const char *help, uint64_t value, void *arg),
		     void *arg)
{
	unsigned count;

	pthread_mutex_lock(&lock);
	count = counter_count;
	pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < count; i++) { /* those there are never change */
		visit(counters[i]->name, counters[i]->help, tp_counter_read(counters[i]), arg);
	}
}

void tp_counter_reset_all(void)
{
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; i < counter_count; i++) {
		counter_free(counters[i]);
		counters[i] = NULL;
	}
	counter_count = 0;
	memset(&shared_row, 0, sizeof(shared_row));
	for (unsigned i = 1; i < TP_COUNTER_ROWS; i++) {
		free(atomic_exchange(&rows[i], NULL));
	}
	own_row = NULL;
	pthread_mutex_unlock(&lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <turnpike/counter.h>

/*
 * Named counters of the process. Each thread that counts often owns a row of
 * cells (a worker); all others share row 0. Reading sums the rows.
 */
#define TP_COUNTER_MAX 1024 /* names */
#define TP_COUNTER_ROWS 257 /* row 0 and 256 workers */

/**
 * Find or make the counter of that name.
 *
 * @name: [a-z0-9_.], copied; @help: one line, copied
 *
 * Owner:  the process; never freed before tp_counter_reset_all()
 * Thread: any
 * Errors: NULL for a bad name, at the ceiling or out of memory. The other
 *         functions accept NULL and do nothing: telemetry fails open.
 */
struct tp_counter *tp_counter_named(const char *name, const char *help);

/** Let this thread count in a row of its own, 1 to TP_COUNTER_ROWS - 1; 0 gives it back. */
void tp_counter_use_row(unsigned row);

/** Call @visit for each counter with its sum, in order of making. */
void tp_counter_each(void (*visit)(const char *name, const char *help, uint64_t value, void *arg),
		     void *arg);

/** Forget everything; for tests. */
void tp_counter_reset_all(void);

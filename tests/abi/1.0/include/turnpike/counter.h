/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include <turnpike/api.h>
#include <turnpike/types.h>

TP_BEGIN_DECLS

/**
 * A counter of the plugin's own, shown as "plugin.<instance>.<name>".
 *
 * @name: [a-z0-9_]; @help: one line. Both are copied
 *
 * Owner:  the daemon; valid until it ends, the same pointer for the same name
 * Thread: any; meant for create
 * Errors: NULL when there are too many counters; counting on NULL does nothing
 */
TP_API struct tp_counter *tp_counter_create(struct tp_instance *self, const char *name,
					    const char *help);

/** Add to a counter. Thread: any; costs no lock. */
TP_API void tp_counter_add(struct tp_counter *counter, uint64_t amount);

/** The sum over all threads. Thread: any. */
TP_API uint64_t tp_counter_read(const struct tp_counter *counter);

TP_END_DECLS

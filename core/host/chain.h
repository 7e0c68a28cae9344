/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

struct tp_instance;

/* The handlers of one event in one generation, in the configured order. */
struct tp_chain {
	size_t count;
	struct tp_instance **instances; /* each has the handler in its table */
};

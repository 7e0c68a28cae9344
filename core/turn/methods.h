/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tp_build;
struct tp_transaction;

/* A request method: one row, one file. */
struct tp_method {
	uint16_t number;
	bool authenticated; /* needs long-term credentials */
	bool on_allocation; /* 437 without an allocation, 441 on another user's */
	bool once;          /* a retransmission gets the same bytes, it is not carried out again */
	bool alone;         /* nothing more is read from its connection until it is answered */
	/* Find out, before authentication, which allocation is meant if not the five-tuple's. */
	void (*locate)(struct tp_transaction *transaction); /* NULL: always the five-tuple's */
	/* Check and reserve; ends in tp_transaction_succeed() or _fail(), maybe later. */
	void (*handle)(struct tp_transaction *transaction);
	/* Write the attributes of the success response; NULL: none. */
	void (*write)(struct tp_transaction *transaction, struct tp_build *build);
	/* Make it so; 0 or an error code, and then nothing has changed. NULL: nothing to do. */
	uint16_t (*commit)(struct tp_transaction *transaction);
	/* The success response is on its way. NULL: nothing to do. */
	void (*sent)(struct tp_transaction *transaction);
	/* Give back what handle reserved and commit did not take. NULL: nothing. */
	void (*release)(struct tp_transaction *transaction);
};

/** NULL for a method that is not served. */
const struct tp_method *tp_method_find(uint16_t number);

/** Comprehension-required attributes understood in any request or indication. */
bool tp_method_knows_attribute(uint16_t type);

extern const struct tp_method tp_method_binding;
extern const struct tp_method tp_method_allocate;
extern const struct tp_method tp_method_refresh;
extern const struct tp_method tp_method_create_permission;
extern const struct tp_method tp_method_channel_bind;
extern const struct tp_method tp_method_connect;
extern const struct tp_method tp_method_connection_bind;

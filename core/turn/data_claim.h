/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

struct tp_endpoint;
struct tp_transaction;

/*
 * A ConnectionBind request on its way (RFC 6062 section 5.4). The client's connection
 * may have come to another worker than the allocation's, which the id tells: that
 * one is asked, and when the response has left it gets the client's
 * connection, so that limits and counts stay where the allocation is. Between
 * the two the connection with the peer is claimed and nobody else's.
 */
struct tp_data_claim;

/* @claim: NULL when it was not granted; the callee's */
typedef void (*tp_data_claimed_fn)(struct tp_transaction *transaction, struct tp_data_claim *claim);

/**
 * Claim a pending connection of the request's own user: calls @claimed, now or when the
 * other worker has answered.
 *
 * @id: CONNECTION-ID as the client sent it
 */
void tp_data_claim_make(struct tp_transaction *transaction, uint32_t id,
			tp_data_claimed_fn claimed);

/** Nothing has come of it: the connection is pending again. NULL inside is fine; sets it to NULL.
 */
void tp_data_claim_return(struct tp_data_claim **claim);

/** The response is on its way: what is behind it on @endpoint is the peer's. Sets it to NULL. */
void tp_data_claim_use(struct tp_data_claim **claim, struct tp_endpoint *endpoint);

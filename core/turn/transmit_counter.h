/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/build.h"
#include "stun/integrity.h"
#include "stun/msg.h"

/*
 * TRANSACTION_TRANSMIT_COUNTER (RFC 7982): a client that numbers what it sends of
 * a request (Req) hears of which the response is one, and the how manieth
 * response it is (Resp); 0 says that the server does not count, as it does not
 * for requests that it forgets once they are answered.
 */
#define TP_TRANSMIT_COUNTER_SIZE 8 /* header included */

/** Does the request have it? @requests: Req. */
bool tp_transmit_counter_read(const struct tp_stun_msg *msg, uint8_t *requests);

/** Append it; MESSAGE-INTEGRITY comes next. */
void tp_transmit_counter_write(struct tp_build *build, uint8_t requests, uint8_t responses);

/* What it takes to bring the counter of a response up to date. */
struct tp_transmit_counter {
	size_t at; /* where it stands in the response; 0: it has none */
	struct tp_key key;
	bool sha256;
	bool fingerprint;
	uint8_t responses; /* sent, at most 255 */
};

/**
 * The response is about to be sent once more, to the request's @requests-th
 * transmission: it gets new counts, integrity and fingerprint in place.
 *
 * Returns false when that has failed: nothing may be sent then
 */
bool tp_transmit_counter_renew(struct tp_transmit_counter *counter, uint8_t *response, size_t len,
			       uint8_t requests);

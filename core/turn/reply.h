/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct tp_transaction;

/*
 * The only builder of responses. A response is built up to integrity, shown to
 * the plugins, then finished and sent.
 */

/** Build the success response of the transaction's method. */
void tp_reply_build_success(struct tp_transaction *transaction);

/**
 * Build an error response, with what its code calls for: REALM, NONCE and
 * PASSWORD-ALGORITHMS with 401 and 438, UNKNOWN-ATTRIBUTES with 420,
 * ALTERNATE-SERVER with 300 (RFC 8489 sections 9.2.4, 6.3.1, 10).
 */
void tp_reply_build_error(struct tp_transaction *transaction, uint16_t code, const char *reason);

/**
 * Append transmit counter, integrity and fingerprint as the request asks for, send, count,
 * remember.
 *
 * Returns whether it is on its way.
 */
bool tp_reply_send(struct tp_transaction *transaction);

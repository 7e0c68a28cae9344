/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

struct tp_build;
struct tp_transaction;

/*
 * Long-term credentials (RFC 8489 section 9.2.4): the checks in the order of the
 * RFC, with passwords or keys from the providers; or a token's key (RFC 7635).
 */

/**
 * Check the request's credentials: goes on with tp_transaction_authenticated()
 * or tp_transaction_fail(), now or when a provider has answered.
 */
void tp_auth_begin(struct tp_transaction *transaction);

/**
 * What the credentials leave of a lifetime, in seconds; 0: no limit. What a token has
 * allocated does not outlive it (RFC 7635 section 9).
 */
uint32_t tp_auth_max_lifetime_s(const struct tp_transaction *transaction);

/** REALM, NONCE and, when offered, PASSWORD-ALGORITHMS. */
void tp_auth_write_challenge(struct tp_transaction *transaction, struct tp_build *build);

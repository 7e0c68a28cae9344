/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/addr.h>
#include <turnpike/types.h>

/*
 * Stateless nonces: the RFC 8489 section 9.2 cookie with the security-feature
 * bits, the time of minting and a MAC over both, the client's transport address and a
 * scope: whatever else the client was told with it that must hold when it comes back.
 */
#define TP_NONCE_SIZE 64 /* with NUL */
#define TP_NONCE_KEY_SIZE 32

/* Security features announced in the cookie (RFC 8489 section 18.1). */
#define TP_NONCE_PASSWORD_ALGORITHMS 1u
#define TP_NONCE_USERNAME_ANONYMITY 2u

enum tp_nonce_state {
	TP_NONCE_VALID,
	TP_NONCE_STALE,   /* ours, for this client, but too old */
	TP_NONCE_FOREIGN, /* not ours, altered, another client's or of another scope */
};

/**
 * @scope:    any number
 * @features: TP_NONCE_… bits
 * @now_s:    the clock's, the same for all workers
 *
 * Errors: TP_EIO when the library refuses
 */
int tp_nonce_mint(const uint8_t key[TP_NONCE_KEY_SIZE], const struct tp_addr *client_addr,
		  uint32_t scope, unsigned features, uint32_t now_s, char out[TP_NONCE_SIZE]);

/** Constant time in the comparison. */
enum tp_nonce_state tp_nonce_check(const uint8_t key[TP_NONCE_KEY_SIZE],
				   const struct tp_addr *client_addr, uint32_t scope,
				   struct tp_view nonce, uint32_t now_s, uint32_t lifetime_s);

/** The security-feature bits of a nonce with cookie; 0 without. */
unsigned tp_nonce_features(struct tp_view nonce);

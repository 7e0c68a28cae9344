/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include <turnpike/types.h>

/*
 * Tickets of mobile clients (RFC 8016): which allocation a client at another
 * address goes on with. A ticket is sealed with a key of the process, so that a client
 * can neither make nor read one. It alone is worth nothing: a request that
 * has it must be authenticated as the allocation's user, and the allocation takes
 * no other than its latest.
 *
 * Sealed are 40 bits of the allocation's number, its worker and the number of
 * the ticket, with AES-SIV (RFC 5297): its synthetic initialization vector authenticates,
 * and no two tickets of a process are sealed from the same words. The result in base64 is
 * text of 32 bytes, for clients keep a ticket as a short string.
 */
#define TP_MOBILITY_KEY_SIZE 64
#define TP_MOBILITY_TICKET_SIZE 32 /* without NUL */

struct tp_mobility_ticket {
	uint64_t allocation_id;
	uint16_t number; /* among those of the allocation */
};

/** Errors: TP_ERANGE for an id that is too large, TP_EIO when the library refuses. */
int tp_mobility_seal(const uint8_t key[TP_MOBILITY_KEY_SIZE],
		     const struct tp_mobility_ticket *ticket, uint8_t out[TP_MOBILITY_TICKET_SIZE]);

/**
 * Constant time in the comparison.
 *
 * Errors: TP_EINVAL for what is no ticket of this process
 */
int tp_mobility_open(const uint8_t key[TP_MOBILITY_KEY_SIZE], struct tp_view sealed,
		     struct tp_mobility_ticket *out);

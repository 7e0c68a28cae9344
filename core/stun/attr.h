/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/msg.h"

/*
 * Typed readers of attribute values. Each returns 0 or TP_EPROTO for a value
 * of another length or form; what they set is valid only with 0. Reserved bits
 * are ignored on receipt, as the RFCs ask.
 */

/** XOR-MAPPED-ADDRESS, XOR-PEER-ADDRESS, XOR-RELAYED-ADDRESS (RFC 8489 section 14.2). */
int tp_attr_read_xor_addr(const struct tp_stun_attr *attr, const struct tp_stun_msg *msg,
			  struct tp_addr *out);

/** MAPPED-ADDRESS, ALTERNATE-SERVER, OTHER-ADDRESS, RESPONSE-ORIGIN (section 14.1). */
int tp_attr_read_addr(const struct tp_stun_attr *attr, struct tp_addr *out);

/** LIFETIME in seconds, CONNECTION-ID, … : exactly four bytes. */
int tp_attr_read_u32(const struct tp_stun_attr *attr, uint32_t *out);

/** CHANNEL-NUMBER (RFC 8656 section 18.1); any number is read, its range is the caller's. */
int tp_attr_read_channel_number(const struct tp_stun_attr *attr, uint16_t *out);

/** REQUESTED-TRANSPORT (RFC 8656 section 18.8): protocol number. */
int tp_attr_read_requested_transport(const struct tp_stun_attr *attr, uint8_t *out);

/** REQUESTED-ADDRESS-FAMILY, ADDITIONAL-ADDRESS-FAMILY: the number as sent (1 IPv4, 2 IPv6). */
int tp_attr_read_address_family(const struct tp_stun_attr *attr, uint8_t *out);

/** EVEN-PORT (RFC 8656 section 18.7): the R bit. */
int tp_attr_read_even_port(const struct tp_stun_attr *attr, bool *reserve_next);

/** RESERVATION-TOKEN (RFC 8656 section 18.10): eight bytes, copied. */
int tp_attr_read_reservation_token(const struct tp_stun_attr *attr, uint8_t out[8]);

/** ERROR-CODE (RFC 8489 section 14.8): 300 to 699, and the reason phrase as a view. */
int tp_attr_read_error_code(const struct tp_stun_attr *attr, uint16_t *code,
			    struct tp_view *reason);

/** PASSWORD-ALGORITHM (RFC 8489 section 14.12): number and parameters. */
int tp_attr_read_password_algorithm(const struct tp_stun_attr *attr, uint16_t *algorithm,
				    struct tp_view *parameters);

/**
 * Step through PASSWORD-ALGORITHMS (RFC 8489 section 14.11).
 *
 * @offset: 0 at first, moved on by each call
 *
 * Returns 1 with an entry, 0 at the end, TP_EPROTO for a malformed list.
 */
int tp_attr_next_password_algorithm(const struct tp_stun_attr *attr, size_t *offset,
				    uint16_t *algorithm, struct tp_view *parameters);

/** UNKNOWN-ATTRIBUTES: number of types, 0 for an odd length; @out gets up to @max of them. */
size_t tp_attr_read_unknown_attributes(const struct tp_stun_attr *attr, uint16_t *out, size_t max);

/** The value as bytes: DATA, USERNAME, REALM, NONCE, SOFTWARE, … */
static inline struct tp_view tp_attr_view(const struct tp_stun_attr *attr)
{
	return (struct tp_view){attr->value, attr->len};
}

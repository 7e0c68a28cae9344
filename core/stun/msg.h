/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/types.h>

#include "stun/codes.h"

/*
 * A received message: its header and an index of its attributes. Everything is
 * borrowed from the bytes that were parsed; nothing is allocated.
 *
 * The index yields what counts and nothing else. Of duplicates the first (RFC
 * 8489 section 14). Behind MESSAGE-INTEGRITY only MESSAGE-INTEGRITY-SHA256 and
 * FINGERPRINT, behind MESSAGE-INTEGRITY-SHA256 only FINGERPRINT (sections 14.5
 * and 14.6), behind FINGERPRINT nothing. XOR-PEER-ADDRESS, XOR-RELAYED-ADDRESS
 * (RFC 8656 sections 10.1 and 7.2) and ALTERNATE-SERVER (RFC 8489 section 10) may
 * stand several times: each is in the index.
 */
#define TP_STUN_ATTRIBUTES_MAX 64

struct tp_stun_attr {
	uint16_t type;
	uint16_t len;         /* of the value, without padding */
	const uint8_t *value; /* in the message */
};

struct tp_stun_msg {
	const uint8_t *bytes;
	size_t len; /* header included */
	uint16_t method;
	enum tp_stun_class message_class;
	const uint8_t *transaction_id; /* TP_STUN_TRANSACTION_ID_SIZE bytes */
	size_t attr_count;
	struct tp_stun_attr attrs[TP_STUN_ATTRIBUTES_MAX];
};

/**
 * Check the header and index the attributes.
 *
 * Refused: a first byte over 3, another magic cookie, a length that is not
 * that of the bytes or no multiple of four, an attribute that does not fit, and
 * a FINGERPRINT with a wrong value or not last (RFC 8489 sections 5, 6.3, 14,
 * 14.7). Padding may hold any value. More than TP_STUN_ATTRIBUTES_MAX
 * attributes are refused, too.
 *
 * @reason: set to a few words for the log when refused; static storage
 *
 * Owner:  @msg borrows @bytes
 * Thread: any
 * Errors: TP_EPROTO
 */
int tp_stun_msg_parse(struct tp_stun_msg *msg, const uint8_t *bytes, size_t len,
		      const char **reason);

/** The attribute of that type, NULL when there is none. */
const struct tp_stun_attr *tp_stun_msg_find(const struct tp_stun_msg *msg, uint16_t type);

/** The @nth (from 0) attribute of that type; more than one only for the three above. */
const struct tp_stun_attr *tp_stun_msg_find_nth(const struct tp_stun_msg *msg, uint16_t type,
						size_t nth);

/**
 * Comprehension-required attributes that @known does not know.
 *
 * @out: up to @max types, each once, in the order of the message
 *
 * Returns how many were written.
 */
size_t tp_stun_msg_unknown(const struct tp_stun_msg *msg, bool (*known)(uint16_t type),
			   uint16_t *out, size_t max);

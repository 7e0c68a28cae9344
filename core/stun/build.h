/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <turnpike/types.h>

#include "stun/codes.h"

/*
 * Builds a message into the caller's buffer. After the first attribute that
 * does not fit, nothing more is written and tp_build_finish() says 0. The
 * header's length is kept right after each attribute. Text longer than the
 * RFC's limit for its attribute is refused the same way.
 */
struct tp_build {
	uint8_t *bytes;
	size_t size;
	size_t len;
	bool failed;
};

/** Start with a header. @transaction_id: TP_STUN_TRANSACTION_ID_SIZE bytes. */
void tp_build_init(struct tp_build *build, uint8_t *bytes, size_t size, uint16_t method,
		   enum tp_stun_class message_class, const uint8_t *transaction_id);

/** Any attribute as bytes, padded with zeros. */
void tp_build_bytes(struct tp_build *build, uint16_t type, const void *value, size_t len);
void tp_build_u32(struct tp_build *build, uint16_t type, uint32_t value);
void tp_build_u64(struct tp_build *build, uint16_t type, uint64_t value);
void tp_build_string(struct tp_build *build, uint16_t type, const char *text);
/** With a NULL or unset address nothing is written and the build has failed. */
void tp_build_xor_addr(struct tp_build *build, uint16_t type, const struct tp_addr *addr);
void tp_build_addr(struct tp_build *build, uint16_t type, const struct tp_addr *addr);
/** @reason: NULL for the registered phrase; cut at 509 bytes on a UTF-8 boundary. */
void tp_build_error_code(struct tp_build *build, uint16_t code, const char *reason);
void tp_build_unknown_attributes(struct tp_build *build, const uint16_t *types, size_t count);
void tp_build_channel_number(struct tp_build *build, uint16_t number);
void tp_build_requested_transport(struct tp_build *build, uint8_t protocol);
void tp_build_address_family(struct tp_build *build, uint16_t type, uint8_t family);
void tp_build_even_port(struct tp_build *build, bool reserve_next);
/** PASSWORD-ALGORITHMS from numbers without parameters. */
void tp_build_password_algorithms(struct tp_build *build, const uint16_t *algorithms, size_t count);
void tp_build_password_algorithm(struct tp_build *build, uint16_t algorithm);
/** ADDRESS-ERROR-CODE (RFC 8656 section 18.12). */
void tp_build_address_error_code(struct tp_build *build, uint8_t family, uint16_t code);
/** ICMP (RFC 8656 section 18.13). */
void tp_build_icmp(struct tp_build *build, uint8_t type, uint8_t code, uint32_t error_data);

/** The message's length, or 0 when something did not fit. */
size_t tp_build_finish(const struct tp_build *build);

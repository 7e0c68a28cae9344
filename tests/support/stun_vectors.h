/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stun/codes.h"
#include "stun/integrity.h"

/* Six katakana, "Matrix". */
#define STUN_VECTOR_USER "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9"

/* The messages of RFC 5769 section 2 and of RFC 8489 appendix B. */
struct stun_vector {
	const char *name;
	const uint8_t *bytes;
	size_t len;
	enum tp_stun_class message_class;
	size_t attr_count;
	bool fingerprint;  /* closed by FINGERPRINT */
	bool sha256;       /* protected by MESSAGE-INTEGRITY-SHA256, else MESSAGE-INTEGRITY */
	const char *user;  /* NULL with a short-term credential */
	const char *realm; /* NULL with a short-term credential */
	const char *password;
};

extern const struct stun_vector stun_vectors[];
extern const size_t stun_vector_count;

/* RFC 8489 appendix B.1 as printed: its message length is 20 too much. */
#define STUN_VECTOR_SHA256_AS_PRINTED_SIZE 156
extern const uint8_t stun_vector_sha256_as_printed[STUN_VECTOR_SHA256_AS_PRINTED_SIZE];

/* Indexes of stun_vectors. */
enum {
	STUN_VECTOR_REQUEST,       /* RFC 5769 section 2.1 */
	STUN_VECTOR_IPV4_RESPONSE, /* 2.2 */
	STUN_VECTOR_IPV6_RESPONSE, /* 2.3 */
	STUN_VECTOR_LONG_TERM,     /* 2.4 */
	STUN_VECTOR_SHA256,        /* RFC 8489 appendix B.1, its length corrected */
};

/** The key that protects a vector: of a long-term credential or the password. */
struct tp_key stun_vector_key(const struct stun_vector *vector);

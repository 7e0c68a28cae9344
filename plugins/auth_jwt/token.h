/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "jwk_set.h"

/* USERNAME has fewer than 509 bytes (RFC 8489 section 14.3). */
#define TOKEN_MAX 508
#define TOKEN_SUBJECT_MAX 255

/* A token in compact form (RFC 7515 section 7.1), taken apart, not yet believed. */
struct token {
	enum jwt_algorithm algorithm; /* JWT_ALGORITHM_COUNT: one that is not served */
	char kid[TOKEN_MAX + 1];      /* "" for none */
	const char *signed_text;      /* what the signature is of; in the text that was parsed */
	size_t signed_len;
	uint8_t signature[TOKEN_MAX];
	size_t signature_len;
	char claims[TOKEN_MAX]; /* JSON */
	size_t claims_len;
};

/** Three parts of base64url, the first a JSON object with "alg": is it meant for us? */
bool token_parse(const char *text, struct token *out);

/* What is wanted of a token. */
struct token_rules {
	const char *issuer;           /* NULL: any */
	const char *const *audiences; /* one of them */
	size_t audience_count;        /* 0: any, or none */
	int64_t leeway_s;
	bool ignore_expiry;
};

/* What a token says, once its signature was found good. */
struct token_claims {
	char subject[TOKEN_SUBJECT_MAX + 1];
	int64_t expiry_s; /* since 1970, without leeway */
	uint32_t max_allocations;
	uint32_t max_lifetime_s;
	uint64_t max_bits_per_s;
	uint64_t max_packets_per_s;
};

/**
 * Read and check the claims.
 *
 * @problem: some words when they do not hold; static storage
 */
bool token_check(const struct token *token, const struct token_rules *rules, int64_t wall_s,
		 struct token_claims *out, const char **problem);

/** "exp" alone; false when there is none. */
bool token_expiry(const struct token *token, int64_t *expiry_s);

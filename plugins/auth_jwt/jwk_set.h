/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Keys that tokens are checked with (RFC 7517). Each key serves one algorithm, that of
 * its type, so that none can be used in another's place. Immutable once made; any thread.
 */
struct jwk_set;

#define JWK_SET_MAX 64          /* keys */
#define JWK_SET_JSON_MAX 131072 /* bytes of a set */
#define JWK_SET_PROBLEM_SIZE 160

enum jwt_algorithm {
	JWT_RS256 = 0,
	JWT_ES256 = 1,
	JWT_EDDSA = 2, /* Ed25519 */
	JWT_HS256 = 3,
	JWT_ALGORITHM_COUNT = 4, /* none of them */
};

/** By the name in "alg", any text. Returns JWT_ALGORITHM_COUNT for others, "none" too. */
enum jwt_algorithm jwt_algorithm_find(const char *name);

/**
 * Read a set. Keys of other types and for other uses are left out.
 *
 * @secrets: take keys of HS256 as well, which no public place may hold
 * @problem: a sentence when it failed
 *
 * Owner:  the caller, jwk_set_free()
 * Errors: NULL
 */
struct jwk_set *jwk_set_parse(const char *json, size_t len, bool secrets,
			      char problem[JWK_SET_PROBLEM_SIZE]);

/** Sets the pointer to NULL; NULL inside is fine. */
void jwk_set_free(struct jwk_set **set);

size_t jwk_set_count(const struct jwk_set *set);

enum jwk_verdict {
	JWK_GOOD,
	JWK_BAD,    /* none of the keys has made the signature */
	JWK_NO_KEY, /* there is none of the name and algorithm */
};

/**
 * Check a signature.
 *
 * @kid: name of the key; NULL: any key of the algorithm
 */
enum jwk_verdict jwk_set_verify(const struct jwk_set *set, enum jwt_algorithm algorithm,
				const char *kid, const uint8_t *bytes, size_t len,
				const uint8_t *signature, size_t signature_len);

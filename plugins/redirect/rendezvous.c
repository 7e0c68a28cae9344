/* SPDX-License-Identifier: Apache-2.0 */
#include "rendezvous.h"

#define FRACTION_BITS 24
#define SCALE_BITS 24

/* FNV-1a, whose upper bits need the mixing below. */
static uint64_t add(uint64_t hash, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	}
	return hash;
}

/* Every bit of the argument moves every bit of the result. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

uint64_t rendezvous_hash(const void *client, size_t client_len, const void *server,
			 size_t server_len)
{
	uint64_t hash = mix(add(UINT64_C(0xcbf29ce484222325), client, client_len));

	return mix(add(hash, server, server_len));
}

/* -log2(hash / 2^64) in units of 2^-FRACTION_BITS, bit after bit by squaring. */
static uint64_t negative_log2(uint64_t hash)
{
	int zeros = __builtin_clzll(hash | 1);
	uint64_t mantissa = (hash | 1) << zeros >> 32; /* 2^31 to 2^32 - 1, for 1 to 2 */
	uint64_t log2 = (uint64_t)(63 - zeros);

	for (int i = 0; i < FRACTION_BITS; i++) {
		uint64_t square = mantissa * mantissa;
		unsigned bit = square >> 63;

		log2 = log2 << 1 | bit;
		mantissa = square >> (31 + bit);
	}
	return (UINT64_C(64) << FRACTION_BITS) - log2;
}

/*
 * A hash is evenly spread, so its negative logarithm is spread exponentially, and
 * divided by a weight it has that rate; the least of several such is each one's as
 * often as its rate.
 */
uint64_t rendezvous_cost(uint64_t hash, unsigned weight)
{
	return (negative_log2(hash) << SCALE_BITS) / weight;
}

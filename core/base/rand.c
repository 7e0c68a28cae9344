/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "base/err.h"

void tp_rand_bytes(void *out, size_t len)
{
	tp_assert(gnutls_rnd(GNUTLS_RND_NONCE, out, len) == 0);
}

uint32_t tp_rand_below(uint32_t below)
{
	uint32_t unbiased;
	uint32_t value;

	tp_assert(below > 0);
	unbiased = UINT32_MAX - UINT32_MAX % below; /* a multiple of below */
	do {
		tp_rand_bytes(&value, sizeof(value));
	} while (value >= unbiased);
	return value % below;
}

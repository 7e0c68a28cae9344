/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/**
 * Copy bytes to memory of exactly that size, so that AddressSanitizer sees a
 * read past the end.
 *
 * Owner: the caller's, for free()
 */
static inline uint8_t *exact_copy(const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len);

	if (copy == NULL) {
		abort();
	}
	if (len != 0) {
		memcpy(copy, bytes, len);
	}
	return copy;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Decode base64url without padding (RFC 7515 section 2); nothing else is taken.
 *
 * @size: of @out; @len: what was written
 */
bool base64url_decode(const char *text, size_t text_len, uint8_t *out, size_t size, size_t *len);

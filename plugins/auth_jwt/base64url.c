/* SPDX-License-Identifier: Apache-2.0 */
#include "base64url.h"

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

bool base64url_decode(const char *text, size_t text_len, uint8_t *out, size_t size, size_t *len)
{
	uint32_t bits = 0;
	unsigned count = 0; /* of bits not yet written */

	*len = 0;
	for (size_t i = 0; i < text_len; i++) {
		int value = value_of(text[i]);

		if (value == -1) {
			return false;
		}
		bits = bits << 6 | (uint32_t)value;
		count += 6;
		if (count >= 8) {
			if (*len == size) {
				return false;
			}
			count -= 8;
			out[(*len)++] = (uint8_t)(bits >> count);
			bits &= (1u << count) - 1;
		}
	}
	/* One way to write each value: no lone character, no bits that are cut off. */
	return count < 6 && bits == 0;
}
